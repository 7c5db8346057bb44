# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How far a pose of a moment ago can be trusted now: carried on by odometry, or bounded by what the robot can do."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from neumap_ros.geometry import FloatArray, Pose

NS_PER_S = 1_000_000_000
# Wheels slip when turning in place: share of the angle turned that odometry may get wrong.
DRIFT_PER_TURN = 0.05
# Odometry that moves faster, and farther than IMPOSSIBLE_STEP_M at once, has been restarted or is broken.
IMPOSSIBLE_SPEED_MPS = 50.0
IMPOSSIBLE_STEP_M = 1.0


@dataclass(frozen=True)
class Motion:
    """What odometry and the robot are capable of.

    Attributes:
        drift_m_per_m: error of odometry in metres per metre driven.
        drift_rad_per_m: error of its heading in radians per metre driven.
        max_speed_mps: of the robot; counts where there is no odometry.
        max_turn_rps: of the robot, radians per second; counts where there is no odometry.
    """

    drift_m_per_m: float
    drift_rad_per_m: float
    max_speed_mps: float
    max_turn_rps: float


@dataclass(frozen=True)
class Moment:
    """An instant, and what odometry said then.

    Attributes:
        stamp_ns: time.
        T_odom_base: odometry; None where there was none.
        path_m: driven until then.
        turn_rad: turned until then, both ways added up.
    """

    stamp_ns: int
    T_odom_base: Pose | None
    path_m: float
    turn_rad: float


@dataclass(frozen=True)
class Prediction:
    """Where a belief of earlier puts the robot now.

    Attributes:
        T_map_base: the pose; with odometry carried on by it, without it the old one.
        error_m: how far off it may be, beyond the belief's own uncertainty.
        error_rad: the same for its orientation.
        path_m: driven since.
        blind_s: time since the belief if odometry does not tell what happened in it, otherwise None.
    """

    T_map_base: Pose
    error_m: float
    error_rad: float
    path_m: float
    blind_s: float | None


@dataclass(frozen=True)
class Belief:
    """A pose of the robot at a moment.

    Attributes:
        T_map_base: the pose.
        moment: when.
        sigma_m: largest standard deviation of the position.
        sigma_rad: largest standard deviation of the orientation.
    """

    T_map_base: Pose
    moment: Moment
    sigma_m: float = 0.0
    sigma_rad: float = 0.0

    @staticmethod
    def from_covariance(T_map_base: Pose, moment: Moment, covariance_66: FloatArray | None) -> Belief:
        """A belief with the uncertainty of a fix; one whose covariance is missing or broken gets no bonus for it."""
        if covariance_66 is None:
            return Belief(T_map_base, moment)
        covariance = np.asarray(covariance_66, dtype=np.float64)
        return Belief(T_map_base, moment, _sigma(covariance[:3, :3]), _sigma(covariance[3:, 3:]))

    @property
    def T_map_odom(self) -> Pose | None:
        """The correction to odometry that this pose means; None without odometry."""
        T_odom_base = self.moment.T_odom_base
        return None if T_odom_base is None else self.T_map_base @ T_odom_base.inverse()

    def at(self, now: Moment, motion: Motion) -> Prediction:
        """Where this belief puts the robot at another moment."""
        T_map_odom = self.T_map_odom
        if T_map_odom is None or now.T_odom_base is None:
            elapsed_s = abs(now.stamp_ns - self.moment.stamp_ns) / NS_PER_S
            turn_rad = min(motion.max_turn_rps * elapsed_s, math.pi)
            return Prediction(self.T_map_base, motion.max_speed_mps * elapsed_s, turn_rad, 0.0, elapsed_s)
        path_m = abs(now.path_m - self.moment.path_m)
        turned_rad = abs(now.turn_rad - self.moment.turn_rad)
        error_rad = motion.drift_rad_per_m * path_m + DRIFT_PER_TURN * turned_rad
        # A heading that strays evenly is wrong by half of its final error on average.
        error_m = (motion.drift_m_per_m + min(error_rad, math.pi) / 2) * path_m
        return Prediction(T_map_odom @ now.T_odom_base, error_m, min(error_rad, math.pi), path_m, None)


def _sigma(covariance_33: FloatArray) -> float:
    """Largest standard deviation of a covariance block; 0 where it is no covariance."""
    if not np.isfinite(covariance_33).all():
        return 0.0
    return float(np.sqrt(max(np.linalg.eigvalsh(covariance_33)[-1], 0.0)))


class OdometryTrack:
    """Adds up what odometry reports, so that drift can be judged by the way driven."""

    def __init__(self) -> None:
        self._stamp_ns = 0
        self._T_odom_base: Pose | None = None
        self._path_m = 0.0
        self._turn_rad = 0.0

    def peek(self, stamp_ns: int, T_odom_base: Pose | None) -> tuple[Moment, str]:
        """What :meth:`observe` would answer, without taking the reading in."""
        problem = ''
        path_m, turn_rad = self._path_m, self._turn_rad
        if T_odom_base is not None and self._T_odom_base is not None:
            step_m, step_deg = T_odom_base.error_to(self._T_odom_base)
            elapsed_s = abs(stamp_ns - self._stamp_ns) / NS_PER_S
            if step_m > IMPOSSIBLE_STEP_M + IMPOSSIBLE_SPEED_MPS * elapsed_s:
                problem = f'odometry jumped by {step_m:.2f} m in {elapsed_s:.2f} s'
            path_m += step_m
            turn_rad += math.radians(step_deg)
        return Moment(stamp_ns, T_odom_base, path_m, turn_rad), problem

    def observe(self, stamp_ns: int, T_odom_base: Pose | None) -> tuple[Moment, str]:
        """Take in one reading.

        Args:
            stamp_ns: of the reading.
            T_odom_base: None where odometry is missing.

        Returns:
            (the moment, what is wrong with odometry: empty, or words such as "odometry jumped by 12.00 m in 0.07 s").
        """
        moment, problem = self.peek(stamp_ns, T_odom_base)
        if T_odom_base is not None:
            self._stamp_ns, self._T_odom_base = stamp_ns, T_odom_base
            self._path_m, self._turn_rad = moment.path_m, moment.turn_rad
        return moment, problem
