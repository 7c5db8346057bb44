# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the last accepted fixes together say of the robot's pose, and how far a new fix is from that.

Odometry carries every fix of the last few metres onto the present moment, where each is a measurement of one pose.
Their robust mean does not follow a single wrong fix, and the distance of a new one from it, in standard deviations (its
innovation), tells how much the standard deviations can be trusted: adaptive estimation from innovations (Mehra 1970).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial.transform import Rotation

from neumap_ros.geometry import FloatArray, Pose
from neumap_ros.localization.motion import DRIFT_PER_TURN, Moment, Motion

# Fixes that count, and over what way: odometry over more than that tells little of what one more fix is worth.
MOST_FIXES = 20
LONGEST_PATH_M = 5.0
# Cauchy weight of a fix that lies off: half at so many standard deviations.
ROBUST_SIGMAS = 3.0
ITERATIONS = 4
# Errors of successive fixes are alike, because they see the same part of the map: so many of them are as good as one.
ALIKE = 3.0
# No fix is better than this, whatever its covariance says.
LEAST_SIGMA_M = 0.003
MEDIAN_OF_CHI_SQUARE_3 = 2.366
# Innovations whose median says how much all standard deviations are too small, and so many that say they are right.
MOST_INNOVATIONS, PRIOR_INNOVATIONS = 20, 5
# A fix's own variance, in units of the usual one, is (OWN_OFFSET + d^2) / OWN_DIVISOR for an innovation of d standard
# deviations: the form of the posterior mean of an inverse gamma variance (errors with Student's t). Fitted on drives by
# day and night through two buildings that are in no benchmark: 27, 73 and 88 % of the errors then lie within 1, 2 and 3
# (40, 75 and 86 % without).
OWN_OFFSET, OWN_DIVISOR = 0.4, 1.6
# However near a fix lies to the consensus, its errors that successive fixes share do not show.
LEAST_OWN = 0.2


@dataclass(frozen=True)
class Measured:
    """A fix.

    Attributes:
        T_map_base: what it said.
        moment: when; with odometry.
        covariance_66: of the fix.
    """

    T_map_base: Pose
    moment: Moment
    covariance_66: FloatArray

    @cached_property
    def T_map_odom(self) -> FloatArray:
        """The correction to odometry that it means (4, 4)."""
        assert self.moment.T_odom_base is not None
        return (self.T_map_base @ self.moment.T_odom_base.inverse()).matrix_44

    @cached_property
    def heading_variance(self) -> float:
        """The largest of the orientation, square radians."""
        return float(np.linalg.eigvalsh(self.covariance_66[3:, 3:])[-1])


@dataclass(frozen=True)
class Expected:
    """Where the fixes before put the robot.

    Attributes:
        T_map_base: the pose.
        covariance_33: of its position.
        fixes: that it rests on.
    """

    T_map_base: Pose
    covariance_33: FloatArray
    fixes: int

    @property
    def sigma_m(self) -> float:
        """Largest standard deviation of the position."""
        return float(np.sqrt(np.linalg.eigvalsh(self.covariance_33)[-1]))


class Consensus:
    """The last accepted fixes of one robot in one map.

    Args:
        motion: what odometry is capable of.
    """

    def __init__(self, motion: Motion) -> None:
        self._motion = motion
        self._fixes: list[Measured] = []
        self._squared: list[float] = []
        self._expected: tuple[Moment, Expected | None] | None = None

    def use_motion(self, motion: Motion) -> None:
        """Trust odometry otherwise from now on."""
        self._motion, self._expected = motion, None

    def clear(self) -> None:
        """Forget the fixes; how good covariances are in this map is still known."""
        self._fixes, self._expected = [], None

    def reset(self) -> None:
        """Forget all."""
        self._fixes, self._squared, self._expected = [], [], None

    def add(self, fix: Measured) -> None:
        """Take in a fix with odometry that was accepted; one that tells not how good it is counts for nothing."""
        if np.isfinite(fix.covariance_66).all():
            self._fixes, self._expected = [*self._fixes, fix][-MOST_FIXES:], None

    @property
    def scale(self) -> float:
        """By how much the variances of fixes are too small here, from their innovations so far; at least 1.

        Errors that successive fixes share do not show, so that a factor below 1 would promise too much.
        """
        squared = [*self._squared, *[MEDIAN_OF_CHI_SQUARE_3] * PRIOR_INNOVATIONS]
        return max(1.0, float(np.median(squared)) / MEDIAN_OF_CHI_SQUARE_3)

    def expect(self, now: Moment) -> Expected | None:
        """Where the robot is by the fixes before; None without any that odometry connects with this moment."""
        if self._expected is None or self._expected[0] is not now:  # asked once to judge a fix and once to weigh it
            self._expected = (now, self._expect(now))
        return self._expected[1]

    def _expect(self, now: Moment) -> Expected | None:
        if now.T_odom_base is None:
            return None
        fixes = [fix for fix in self._fixes if abs(now.path_m - fix.moment.path_m) <= LONGEST_PATH_M]
        if not fixes:
            return None
        pose_F44 = np.array([fix.T_map_odom for fix in fixes]) @ now.T_odom_base.matrix_44
        position_F3 = pose_F44[:, :3, 3]
        lever_F = np.linalg.norm(position_F3 - [fix.T_map_base.translation_3 for fix in fixes], axis=1)
        path_F = np.abs([now.path_m - fix.moment.path_m for fix in fixes])
        turned_F = np.abs([now.turn_rad - fix.moment.turn_rad for fix in fixes])
        turn_F = self._motion.drift_rad_per_m * path_F + DRIFT_PER_TURN * turned_F
        scale = self.scale
        heading_F = scale * np.array([fix.heading_variance for fix in fixes]) + turn_F**2
        drift_F = (self._motion.drift_m_per_m * path_F) ** 2 + heading_F * lever_F**2 + LEAST_SIGMA_M**2
        covariance_F33 = scale * np.array([fix.covariance_66[:3, :3] for fix in fixes])
        covariance_F33 += drift_F[:, None, None] * np.eye(3)
        information_F33 = np.linalg.inv(covariance_F33)
        mean_3 = np.median(position_F3, axis=0)
        for _ in range(ITERATIONS):
            offset_F3 = position_F3 - mean_3
            squared_F = np.einsum('fi,fij,fj->f', offset_F3, information_F33, offset_F3)
            weight_F = 1 / (1 + squared_F / ROBUST_SIGMAS**2)
            normal_33 = np.einsum('f,fij->ij', weight_F, information_F33)
            mean_3 = np.linalg.solve(normal_33, np.einsum('f,fij,fj->i', weight_F, information_F33, position_F3))
        covariance_33 = np.linalg.inv(normal_33) * min(ALIKE, len(fixes))
        rotation = Rotation.from_matrix(pose_F44[:, :3, :3]).mean(weights=weight_F)
        return Expected(Pose(rotation.as_matrix(), mean_3), covariance_33, len(fixes))

    def weigh(self, fix: Measured) -> FloatArray:
        """The covariance of a new fix in the light of those before; remembers how far it was from them.

        All standard deviations grow with what innovations showed so far. Those of the fix itself grow if it lies
        farther off than they explain, and shrink if it lies where it was expected.

        Returns:
            (6, 6); the fix's own where nothing was before.
        """
        expected = self.expect(fix.moment)
        if expected is None or not np.isfinite(fix.covariance_66).all():
            return fix.covariance_66
        scale = self.scale
        offset_3 = fix.T_map_base.translation_3 - expected.T_map_base.translation_3
        innovation_33 = fix.covariance_66[:3, :3] * scale + expected.covariance_33
        squared = float(offset_3 @ np.linalg.solve(innovation_33, offset_3))
        if not math.isfinite(squared):
            return fix.covariance_66
        self._squared = [*self._squared, squared * scale][-MOST_INNOVATIONS:]
        own = max(LEAST_OWN, (OWN_OFFSET + squared) / OWN_DIVISOR)
        return np.asarray(fix.covariance_66 * scale * own)
