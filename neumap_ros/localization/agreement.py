# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What it means that two poses agree, and how many of the last fixes do."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import Pose
from neumap_ros.localization.motion import Belief, Moment, Motion, Prediction

# Without odometry a robot may be anywhere after a while. Poses agree only if they lie as near as the robot can get in
# this time, however long ago the older one was.
BLIND_HORIZON_S = 2.0


@dataclass(frozen=True)
class TrackerSettings:
    """When a fix is believed. Metres are the map's units if the map has no scale.

    Attributes:
        confirmations: fixes that must agree on a first pose or a large correction; 1 accepts every fix at once.
            Fixes of a robot that stands still show the same picture and confirm each other less than it seems.
        confirmation_window: among so many successive fixes.
        max_correction_m: a larger correction to odometry always needs confirmation.
        max_correction_deg: the same for the orientation.
        agreement_m: fixes agree, and a fix agrees with odometry, within so much, plus their uncertainty, plus what
            odometry may have drifted in between; never more than ``max_correction_m``.
        agreement_deg: the same for the orientation.
        agreement_sigmas: so many standard deviations of both poses are added.
        contradiction_s: a correction beyond ``max_correction_m`` or ``_deg`` also waits until no fix has agreed with
            the present pose for so long: what looks like another place for a moment must not move a robot that is
            known to be elsewhere. The same holds for a first pose far from the one that somebody gave.
        contradiction_m: with odometry such a correction also waits until the robot has driven so far since the first of
            the fixes that want it (a radian turned counts as half a metre): two places that look alike do so from where
            the robot stands, rarely from half a metre on.
        contradiction_fixes: a pose that many fixes led to is given up for no fewer, up to so many; half of them
            suffice for corrections within ``max_correction_m`` and ``_deg``. Whatever is wanted for ten times
            ``contradiction_s`` is believed without this and without the way driven.
        odometry_drift_m_per_m: error of odometry per metre driven.
        odometry_drift_deg_per_m: error of its heading.
        max_speed_mps: fastest that the robot moves; counts where there is no odometry.
        max_turn_dps: fastest that it turns, degrees per second; counts where there is no odometry.
        lost_after_s: a robot whose fixes were all refused for so long is lost.
    """

    confirmations: int = 3
    confirmation_window: int = 5
    max_correction_m: float = 1.0
    max_correction_deg: float = 15.0
    agreement_m: float = 0.3
    agreement_deg: float = 5.0
    agreement_sigmas: float = 2.0
    contradiction_s: float = 1.0
    contradiction_m: float = 0.5
    contradiction_fixes: int = 10
    odometry_drift_m_per_m: float = 0.05
    odometry_drift_deg_per_m: float = 0.5
    max_speed_mps: float = 1.5
    max_turn_dps: float = 90.0
    lost_after_s: float = 10.0

    def __post_init__(self) -> None:
        if not 1 <= self.confirmations <= self.confirmation_window:
            raise ConfigError(
                f'confirmations is {self.confirmations} and confirmation_window {self.confirmation_window}, expected '
                '1 <= confirmations <= confirmation_window; raise the window or ask for fewer confirmations'
            )
        for name in ('max_correction_m', 'max_correction_deg', 'agreement_m', 'agreement_deg', 'lost_after_s'):
            if not getattr(self, name) > 0:
                raise ConfigError(f'{name} is {getattr(self, name)}, expected a number above 0; raise it')
        for name in (
            'agreement_sigmas',
            'contradiction_s',
            'contradiction_m',
            'contradiction_fixes',
            'odometry_drift_m_per_m',
            'odometry_drift_deg_per_m',
            'max_speed_mps',
            'max_turn_dps',
        ):
            if not getattr(self, name) >= 0:
                raise ConfigError(f'{name} is {getattr(self, name)}, expected 0 or more; raise it')

    @property
    def motion(self) -> Motion:
        """What odometry and the robot are capable of."""
        return Motion(
            self.odometry_drift_m_per_m,
            math.radians(self.odometry_drift_deg_per_m),
            self.max_speed_mps,
            math.radians(self.max_turn_dps),
        )


def difference(a: Pose, b: Pose) -> tuple[float, float]:
    """Distance and angle between two poses: (metres, radians)."""
    metres, degrees = a.error_to(b)
    return metres, math.radians(degrees)


def limits(settings: TrackerSettings, predicted: Prediction, *beliefs: Belief) -> tuple[float, float]:
    """How far a prediction and a pose may differ and still agree: (metres, radians).

    Args:
        settings: see there.
        predicted: where one pose puts the robot at the time of the other.
        beliefs: the poses, for their uncertainty.
    """
    error_m, error_rad = _error(settings, predicted)
    sigmas = settings.agreement_sigmas
    metres = settings.agreement_m + sigmas * math.hypot(*(b.sigma_m for b in beliefs)) + error_m
    radians = math.radians(settings.agreement_deg) + sigmas * math.hypot(*(b.sigma_rad for b in beliefs)) + error_rad
    largest_m, largest_rad = largest(settings, predicted)
    return min(metres, largest_m), min(radians, largest_rad)


def largest(settings: TrackerSettings, predicted: Prediction) -> tuple[float, float]:
    """The largest difference that is no contradiction: (metres, radians)."""
    metres, radians = settings.max_correction_m, math.radians(settings.max_correction_deg)
    if predicted.blind_s is None:
        return metres, radians
    # What the robot may have moved unseen is no correction: it comes on top.
    error_m, error_rad = _error(settings, predicted)
    return metres + error_m, radians + error_rad


def _error(settings: TrackerSettings, predicted: Prediction) -> tuple[float, float]:
    if predicted.blind_s is None:
        return predicted.error_m, predicted.error_rad
    reach_m = settings.max_speed_mps * BLIND_HORIZON_S
    reach_rad = math.radians(settings.max_turn_dps) * BLIND_HORIZON_S
    return min(predicted.error_m, reach_m), min(predicted.error_rad, reach_rad)


class Candidates:
    """The last few fixes, and how many of them agree with a pose.

    Args:
        settings: see there.
    """

    def __init__(self, settings: TrackerSettings) -> None:
        self._fixes: list[Belief] = []
        self.use_settings(settings)

    def __len__(self) -> int:
        return len(self._fixes)

    def use_settings(self, settings: TrackerSettings) -> None:
        """Count by other settings."""
        self._settings = settings
        self._motion = settings.motion
        self._fixes = self._fixes[-settings.confirmation_window :]

    def add(self, fix: Belief) -> None:
        """Take in a fix; a second one of the same images replaces the first, because it confirms nothing."""
        if self._fixes and self._fixes[-1].moment.stamp_ns == fix.moment.stamp_ns:
            self._fixes.pop()
        self._fixes = [*self._fixes, fix][-self._settings.confirmation_window :]

    def clear(self) -> None:
        """Forget all."""
        self._fixes = []

    def forget_old(self, now: Moment) -> None:
        """Forget fixes whose odometry is unknown and that are too old to say where the robot is now."""
        horizon_ns = self._settings.lost_after_s * 1e9
        self._fixes = [
            fix
            for fix in self._fixes
            if fix.moment.T_odom_base is not None or now.stamp_ns - fix.moment.stamp_ns <= horizon_ns
        ]

    def agreeing(self, pose: Belief, but_not_with: Belief | None = None) -> int:
        """How many fixes agree with a pose through odometry; a pose that is one of them counts itself.

        Args:
            pose: the pose.
            but_not_with: fixes that also agree with this other pose do not count.
        """
        return sum(
            self.agree(fix, pose) and (but_not_with is None or not self.agree(fix, but_not_with)) for fix in self._fixes
        )

    def first_agreeing(self, pose: Belief) -> Belief:
        """The oldest fix that agrees with a pose; the pose itself where none does."""
        return next((fix for fix in self._fixes if self.agree(fix, pose)), pose)

    def keep_agreeing(self, pose: Belief) -> None:
        """Forget the fixes that do not agree with a pose."""
        self._fixes = [fix for fix in self._fixes if self.agree(fix, pose)]

    def agree(self, fix: Belief, pose: Belief) -> bool:
        """Whether a fix and a later pose are one, as far as odometry between them tells."""
        predicted = fix.at(pose.moment, self._motion)
        if predicted.blind_s is not None and predicted.blind_s > self._settings.lost_after_s:
            return False
        metres, radians = difference(predicted.T_map_base, pose.T_map_base)
        limit_m, limit_rad = limits(self._settings, predicted, fix, pose)
        return metres <= limit_m and radians <= limit_rad


class GivenPose:
    """Where somebody says that the robot is, carried on by odometry until fixes settle it.

    Args:
        T_map_base: the pose.
        radius_m: how far off it may be.
        moment: when the robot was there; None: when it is first asked for.
    """

    # A pose given by hand points roughly in the right direction.
    ANGLE_RAD = math.radians(60)

    def __init__(self, T_map_base: Pose, radius_m: float, moment: Moment | None) -> None:
        self._T_map_base, self._radius_m, self._moment = T_map_base, radius_m, moment
        self.supported_ns: int | None = None

    def at(self, now: Moment, motion: Motion) -> tuple[Prediction, float]:
        """Where the robot is now if it was right: (prediction, how far off it may be in metres)."""
        moment = self._moment or now
        predicted = Belief(self._T_map_base, moment).at(now, motion)
        radius_m = self._radius_m + predicted.error_m
        if moment.T_odom_base is None and now.T_odom_base is not None:
            # From here on odometry tells how it moves.
            self._T_map_base, self._radius_m, moment = predicted.T_map_base, radius_m, now
            predicted = Belief(self._T_map_base, moment).at(now, motion)
        self._moment = moment
        return predicted, radius_m

    def supports(self, fix: Belief, settings: TrackerSettings) -> bool:
        """Whether a fix is one that was to be expected."""
        predicted, radius_m = self.at(fix.moment, settings.motion)
        metres, radians = difference(predicted.T_map_base, fix.T_map_base)
        limit_rad = self.ANGLE_RAD + (predicted.error_rad if predicted.blind_s is not None else 0.0)
        return metres <= radius_m + settings.agreement_m and radians <= limit_rad
