# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Poses over time, and the pose between two of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from neumap_ros.geometry import FloatArray, Pose

# Stamps of one instant written with different digits differ by this much; no extrapolation beyond it.
END_SLACK_S = 1e-3

# Below this angle the chord equals the arc to double precision, and slerp would divide by zero.
_SMALL_ANGLE_RAD = 1e-6


def interpolate(first: Pose, second: Pose, fraction: float) -> Pose:
    """Give the pose between two: linear in position, slerp in orientation.

    Args:
        first: the pose at fraction 0.
        second: the pose at fraction 1.
        fraction: from 0 to 1.
    """
    q0, q1 = first.quaternion_wxyz, second.quaternion_wxyz
    cosine = float(q0 @ q1)
    if cosine < 0:  # the same rotation, the short way round
        q1, cosine = -q1, -cosine
    angle = math.acos(min(1.0, cosine))
    if angle < _SMALL_ANGLE_RAD:
        q = (1 - fraction) * q0 + fraction * q1
    else:
        q = (math.sin((1 - fraction) * angle) * q0 + math.sin(fraction * angle) * q1) / math.sin(angle)
    translation = (1 - fraction) * first.translation_3 + fraction * second.translation_3
    return Pose.from_quaternion(q / np.linalg.norm(q), translation)


@dataclass(frozen=True)
class Trajectory:
    """Poses of one frame over time, times ascending and unique."""

    times_s: tuple[float, ...]
    poses: tuple[Pose, ...]

    @staticmethod
    def from_samples(samples: Iterable[tuple[float, Pose]]) -> Trajectory:
        """Build a trajectory from (time in seconds, pose) in any order; of two poses at one time the last counts."""
        by_time = dict(samples)
        times = sorted(by_time)
        return Trajectory(tuple(times), tuple(by_time[time] for time in times))

    @cached_property
    def _times_N(self) -> FloatArray:
        return np.asarray(self.times_s, dtype=np.float64)

    def __len__(self) -> int:
        return len(self.times_s)

    def at(self, time_s: float, max_time_difference_s: float) -> Pose | None:
        """Give the pose at a time, interpolated between its neighbours.

        Args:
            time_s: in seconds, on the trajectory's clock.
            max_time_difference_s: how far the nearer neighbour may be, in seconds.

        Returns:
            None before the first pose, after the last, and inside a gap.
        """
        times = self.times_s
        if not times or not times[0] - END_SLACK_S <= time_s <= times[-1] + END_SLACK_S:
            return None
        after = int(np.searchsorted(self._times_N, time_s))
        if after == 0 or after == len(times):
            return self.poses[0 if after == 0 else -1]
        before = after - 1
        if min(time_s - times[before], times[after] - time_s) > max_time_difference_s:
            return None
        fraction = (time_s - times[before]) / (times[after] - times[before])
        return interpolate(self.poses[before], self.poses[after], fraction)
