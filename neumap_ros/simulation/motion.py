# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A robot's motion as smooth curves: its pose, speed and acceleration at any time.

The base follows REP-103: x ahead, y left, z up; its origin is on the floor between the wheels.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from neumap_ros.geometry import FloatArray, Pose

GRAVITY_M_S2 = 9.80665  # ISO 80000-3, standard gravity


@dataclass(frozen=True)
class Leg:
    """A stretch without a jump.

    Attributes:
        start_s: first time, seconds since the start of the drive.
        end_s: last time.
        curves: x, y, z (metres) and yaw, pitch, roll (radians, R = Rz(yaw) Ry(pitch) Rx(roll)) over time.
    """

    start_s: float
    end_s: float
    curves: CubicSpline


class Motion:
    """Stretches one after the other; between two of them somebody carried the robot elsewhere."""

    def __init__(self, legs: Sequence[Leg]) -> None:
        """Keep the stretches, in order; a stretch begins where the one before ends, in time."""
        self.legs = tuple(legs)
        self._starts_s = [leg.start_s for leg in self.legs]

    @property
    def end_s(self) -> float:
        """How long the drive lasts."""
        return self.legs[-1].end_s

    def leg_number(self, time_s: float) -> int:
        """Number of the stretch at a time."""
        return max(0, bisect.bisect_right(self._starts_s, time_s) - 1)

    def pose(self, time_s: float, leg: int | None = None) -> Pose:
        """``T_world_base`` at a time.

        Args:
            time_s: since the start of the drive; before and after it the robot stands.
            leg: the stretch whose motion counts, for times around its ends; None takes the time's own.
        """
        stretch = self.legs[self.leg_number(time_s) if leg is None else leg]
        values = stretch.curves(min(max(time_s, stretch.start_s), stretch.end_s))
        # Intrinsic: R = Rz(yaw) Ry(pitch) Rx(roll); a positive pitch looks down.
        return Pose(Rotation.from_euler('ZYX', values[3:]).as_matrix(), values[:3])

    def rates(self, times_s_N: FloatArray) -> tuple[FloatArray, FloatArray]:
        """What an ideal inertial measurement unit at the base's origin feels.

        Args:
            times_s_N: since the start of the drive.

        Returns:
            (angular velocity (N, 3) in rad/s, specific force (N, 3) in m/s²: standing level it is (0, 0, +g)), both in
            base axes.
        """
        times = np.asarray(times_s_N, dtype=np.float64)
        owner = np.maximum(np.searchsorted(self._starts_s, times, side='right') - 1, 0)
        angular, force = np.zeros((len(times), 3)), np.zeros((len(times), 3))
        for number, leg in enumerate(self.legs):
            mine = owner == number
            inside = np.clip(times[mine], leg.start_s, leg.end_s)
            angles_N3, rates_N3 = leg.curves(inside)[:, 3:], leg.curves(inside, 1)[:, 3:]
            yaw_rate, pitch_rate, roll_rate = rates_N3.T
            _, pitch, roll = angles_N3.T
            angular[mine] = np.column_stack(
                [
                    roll_rate - np.sin(pitch) * yaw_rate,
                    np.cos(roll) * pitch_rate + np.sin(roll) * np.cos(pitch) * yaw_rate,
                    np.cos(roll) * np.cos(pitch) * yaw_rate - np.sin(roll) * pitch_rate,
                ]
            )
            acceleration_N3 = leg.curves(inside, 2)[:, :3] + (0, 0, GRAVITY_M_S2)
            turns = Rotation.from_euler('ZYX', angles_N3)
            force[mine] = turns.inv().apply(acceleration_N3)
        return angular, force
