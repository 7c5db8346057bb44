# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Errors of a trajectory against a true one: association, APE, RPE and their statistics.

The definitions are those of evo (github.com/MichaelGrupp/evo), so that the numbers equal those of evo_ape and evo_rpe
on the same files. Poses are stacks (N, 4, 4) of ``T_map_body``; estimate and truth belong together one by one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from neumap_ros.errors import ConfigError, SourceError
from neumap_ros.geometry import FloatArray, Pose

IntArray = NDArray[np.int64]

# What evo takes too: stamps that differ by more do not belong together.
MAX_TIME_DIFFERENCE_S = 0.01

# With all pairs, a pair may miss the delta by this share of it.
DELTA_TOLERANCE = 0.1


class Relation(Enum):
    """Which number of an error pose counts; the values are the names on evo's command lines."""

    TRANSLATION = 'trans_part'
    ROTATION = 'rot_part'
    ANGLE_DEG = 'angle_deg'
    ANGLE_RAD = 'angle_rad'
    FULL = 'full'
    POINT_DISTANCE = 'point_distance'
    POINT_DISTANCE_RATIO = 'point_distance_error_ratio'


class DeltaUnit(Enum):
    """What the delta of relative errors counts."""

    FRAMES = 'f'
    METRES = 'm'
    DEGREES = 'd'
    RADIANS = 'r'


@dataclass(frozen=True)
class Delta:
    """How far apart the two poses of a relative error are.

    Attributes:
        value: in ``unit``; a whole number of frames.
        unit: frames, metres along the path, or an angle.
        all_pairs: whether pairs start at each pose and may overlap; otherwise the next one starts where the last ended.
        tolerance: with ``all_pairs``, share of ``value`` by which metres and angles may be missed.
        from_truth: whether the true trajectory is measured for the pairs, instead of the estimate.
    """

    value: float = 1.0
    unit: DeltaUnit = DeltaUnit.FRAMES
    all_pairs: bool = False
    tolerance: float = DELTA_TOLERANCE
    from_truth: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.value > 0):
            raise ConfigError(f'the delta of relative errors is {self.value:g}, expected a positive number')
        if self.unit is DeltaUnit.FRAMES and self.value != int(self.value):
            raise ConfigError(f'the delta of relative errors is {self.value:g} frames, expected a whole number')
        largest = {DeltaUnit.DEGREES: 180.0, DeltaUnit.RADIANS: math.pi}.get(self.unit, math.inf)
        if self.value > largest:
            raise ConfigError(
                f'the delta of relative errors is {self.value:g} {_UNIT_WORDS[self.unit]}, expected at most {largest:g}'
            )
        if not self.tolerance >= 0:
            raise ConfigError(f'the tolerance of the delta is {self.tolerance:g}, expected 0 or more')

    @property
    def label(self) -> str:
        """For tables, for example ``1 m``."""
        return f'{self.value:g} {_UNIT_WORDS[self.unit]}'


_UNIT_WORDS = {
    DeltaUnit.FRAMES: 'frames',
    DeltaUnit.METRES: 'm',
    DeltaUnit.DEGREES: 'deg',
    DeltaUnit.RADIANS: 'rad',
}


@dataclass(frozen=True)
class Statistics:
    """Figures of a series of errors, in its unit (``sse`` in its square); ``std`` divides by the number of errors."""

    rmse: float
    mean: float
    median: float
    std: float
    min: float
    max: float
    sse: float
    count: int


def statistics(errors_N: ArrayLike) -> Statistics:
    """Sum up errors.

    Raises:
        SourceError: there are none.
    """
    errors = np.asarray(errors_N, dtype=np.float64)
    if not errors.size:
        raise SourceError('there are no errors to sum up, expected at least one; compare trajectories that overlap')
    squared = errors**2
    return Statistics(
        rmse=math.sqrt(float(np.mean(squared))),
        mean=float(np.mean(errors)),
        median=float(np.median(errors)),
        std=float(np.std(errors)),
        min=float(errors.min()),
        max=float(errors.max()),
        sse=float(np.sum(squared)),
        count=errors.size,
    )


def stack(poses: Sequence[Pose]) -> FloatArray:
    """Give poses as matrices (N, 4, 4)."""
    return np.array([pose.matrix_44 for pose in poses], dtype=np.float64).reshape(-1, 4, 4)


def associate(
    truth_s_N: ArrayLike,
    estimate_s_M: ArrayLike,
    max_difference_s: float = MAX_TIME_DIFFERENCE_S,
    offset_s: float = 0.0,
) -> tuple[IntArray, IntArray]:
    """Find poses that belong together: each of the shorter trajectory gets the nearest one of the longer in time.

    Args:
        truth_s_N: stamps in seconds, ascending.
        estimate_s_M: likewise.
        max_difference_s: stamps farther apart do not belong together.
        offset_s: added to the stamps of the estimate.

    Returns:
        (indices into the truth (K,), indices into the estimate (K,)).
    """
    truth, estimate = np.asarray(truth_s_N, dtype=np.float64), np.asarray(estimate_s_M, dtype=np.float64)
    if not truth.size or not estimate.size:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    if len(estimate) > len(truth):
        of_truth, of_estimate = _nearest(truth, estimate + offset_s, max_difference_s)
    else:
        of_estimate, of_truth = _nearest(estimate, truth - offset_s, max_difference_s)
    return of_truth, of_estimate


def _nearest(short_S: FloatArray, long_L: FloatArray, max_difference_s: float) -> tuple[IntArray, IntArray]:
    after_S = np.minimum(np.searchsorted(long_L, short_S, side='right'), len(long_L) - 1)
    to_after_S = long_L[after_S] - short_S  # negative behind the last stamp
    to_before_S = np.where(after_S > 0, short_S - long_L[after_S - 1], np.inf)
    inside_S = (short_S >= long_L[0] - max_difference_s) & (short_S <= long_L[-1] + max_difference_s)
    later_S = to_after_S < to_before_S  # of two that are equally near, the earlier one
    close_S = inside_S & (np.where(later_S, to_after_S, to_before_S) <= max_difference_s)
    nearest_S = np.where(later_S, after_S, after_S - 1)
    return np.flatnonzero(close_S).astype(np.int64), nearest_S[close_S].astype(np.int64)


def absolute_errors(truth_N44: FloatArray, estimate_N44: FloatArray, relation: Relation) -> FloatArray:
    """Absolute pose errors (APE) (N,).

    Args:
        truth_N44: true poses.
        estimate_N44: poses, aligned if that is wanted.
        relation: which number of the error pose counts. Positions are compared in the map frame.

    Raises:
        ConfigError: the relation exists for relative errors only.
    """
    if relation is Relation.POINT_DISTANCE_RATIO:
        raise ConfigError(
            f'{relation.value} is asked for absolute errors, expected one of the other relations; '
            'it compares distances between two poses'
        )
    if relation in (Relation.TRANSLATION, Relation.POINT_DISTANCE):
        return np.asarray(np.linalg.norm(estimate_N44[:, :3, 3] - truth_N44[:, :3, 3], axis=1))
    return _magnitudes(inverse(estimate_N44) @ truth_N44, relation)


def relative_errors(
    truth_N44: FloatArray, estimate_N44: FloatArray, pairs_P2: IntArray, relation: Relation
) -> FloatArray:
    """Relative pose errors (RPE): how wrong the motion between the two poses of each pair is.

    Args:
        truth_N44: true poses.
        estimate_N44: poses.
        pairs_P2: indices of first and second pose, see :func:`delta_pairs`.
        relation: which number of the error pose counts.

    Returns:
        (P,); fewer for ``point_distance_error_ratio`` (percent), which skips pairs whose true distance is zero.
    """
    first_P, second_P = pairs_P2.T
    if relation in (Relation.POINT_DISTANCE, Relation.POINT_DISTANCE_RATIO):
        true_P, found_P = (
            np.linalg.norm(poses[first_P, :3, 3] - poses[second_P, :3, 3], axis=1)
            for poses in (truth_N44, estimate_N44)
        )
        errors_P = np.abs(true_P - found_P)
        if relation is Relation.POINT_DISTANCE:
            return np.asarray(errors_P)
        moved_P = true_P > 0
        return np.asarray(100 * (errors_P[moved_P] / true_P[moved_P]))
    true_P44 = inverse(truth_N44[first_P]) @ truth_N44[second_P]
    found_P44 = inverse(estimate_N44[first_P]) @ estimate_N44[second_P]
    return _magnitudes(inverse(true_P44) @ found_P44, relation)


def delta_pairs(poses_N44: FloatArray, delta: Delta) -> IntArray:
    """Find the pairs of poses that are one delta apart.

    Consecutive metres and angles are summed up along the path until they reach the delta. With all pairs, metres are
    measured along the path too (the one nearest to the delta, if within the tolerance), angles directly between the two
    poses (every one within the tolerance).

    Args:
        poses_N44: of the trajectory that is measured.
        delta: how far apart.

    Returns:
        Indices (P, 2), maybe none.
    """
    if delta.unit is DeltaUnit.FRAMES:
        step = int(delta.value)
        first = np.arange(0, len(poses_N44) - step, 1 if delta.all_pairs else step)
        return np.stack((first, first + step), axis=1).astype(np.int64).reshape(-1, 2)
    if delta.unit is DeltaUnit.METRES:
        positions_N3 = poses_N44[:, :3, 3]
        if delta.all_pairs:
            return _all_pairs_by_path(positions_N3, delta.value, delta.value * delta.tolerance)
        # One by one, because the sum over an axis rounds otherwise, and regular steps reach the delta exactly.
        steps = [float(np.linalg.norm(b - a)) for a, b in pairwise(positions_N3)]
        return _consecutive(steps, delta.value)
    angle = math.radians(delta.value) if delta.unit is DeltaUnit.DEGREES else delta.value
    if delta.all_pairs:
        return _all_pairs_by_angle(poses_N44[:, :3, :3], angle, angle * delta.tolerance)
    turns_N33 = np.swapaxes(poses_N44[:-1, :3, :3], 1, 2) @ poses_N44[1:, :3, :3]
    return _consecutive(_angles(turns_N33).tolist(), angle)


def _consecutive(steps: Sequence[float], delta: float) -> IntArray:
    pairs, start, travelled = [], 0, 0.0
    for end, step in enumerate(steps, start=1):
        travelled += step
        if travelled >= delta:
            pairs.append((start, end))
            start, travelled = end, 0.0
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _all_pairs_by_path(positions_N3: FloatArray, delta: float, tolerance: float) -> IntArray:
    path_N = np.concatenate(([0.0], np.cumsum(np.linalg.norm(positions_N3[:-1] - positions_N3[1:], axis=1))))
    pairs = []
    for first in range(len(path_N) - 1):
        missed = np.abs(path_N[first + 1 :] - path_N[first] - delta)
        nearest = int(np.argmin(missed))
        if missed[nearest] <= tolerance:
            pairs.append((first, first + 1 + nearest))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _all_pairs_by_angle(rotations_N33: FloatArray, delta: float, tolerance: float) -> IntArray:
    quaternions_N4 = Rotation.from_matrix(rotations_N33).as_quat()
    pairs = []
    for first in range(len(quaternions_N4) - 1):
        # The chord between unit quaternions keeps its digits for small angles; q and -q are one rotation.
        others, here = quaternions_N4[first + 1 :], quaternions_N4[first]
        chord = np.minimum(np.linalg.norm(others - here, axis=1), np.linalg.norm(others + here, axis=1))
        angle = 4 * np.arcsin(np.minimum(chord / 2, 1.0))
        found = np.flatnonzero((angle >= delta - tolerance) & (angle <= delta + tolerance)) + first + 1
        pairs.append(np.stack((np.full(len(found), first), found), axis=1))
    return np.concatenate(pairs).astype(np.int64) if pairs else np.zeros((0, 2), dtype=np.int64)


def inverse(poses_N44: FloatArray) -> FloatArray:
    """Invert rigid poses (N, 4, 4)."""
    inverse_N44 = np.zeros_like(poses_N44)
    transposed_N33 = np.swapaxes(poses_N44[:, :3, :3], 1, 2)
    inverse_N44[:, :3, :3] = transposed_N33
    inverse_N44[:, :3, 3] = -(transposed_N33 @ poses_N44[:, :3, 3:])[:, :, 0]
    inverse_N44[:, 3, 3] = 1
    return inverse_N44


def _angles(rotations_N33: FloatArray) -> FloatArray:
    """Angles of rotations (N,), radians."""
    if not len(rotations_N33):
        return np.zeros(0)
    return np.asarray(np.linalg.norm(Rotation.from_matrix(rotations_N33).as_rotvec(), axis=1))


def _magnitudes(errors_N44: FloatArray, relation: Relation) -> FloatArray:
    if relation is Relation.TRANSLATION:
        return np.asarray(np.linalg.norm(errors_N44[:, :3, 3], axis=1))
    if relation is Relation.ROTATION:  # Frobenius norm
        return np.asarray(np.linalg.norm(errors_N44[:, :3, :3] - np.eye(3), axis=(1, 2)))
    if relation is Relation.FULL:
        return np.asarray(np.linalg.norm(errors_N44 - np.eye(4), axis=(1, 2)))
    angles_N = _angles(errors_N44[:, :3, :3])
    return np.asarray(np.rad2deg(angles_N)) if relation is Relation.ANGLE_DEG else angles_N
