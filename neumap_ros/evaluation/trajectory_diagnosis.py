# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Trajectories that disagree because a file was written in another convention or frame: what would explain it.

Nothing is repaired. Errors are given for the files as they stand, and beside them a sentence with the figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from neumap_ros.errors import SourceError
from neumap_ros.evaluation.alignment import Alignment, Similarity, fit_alignment
from neumap_ros.evaluation.trajectories import inverse
from neumap_ros.geometry import FloatArray

# An explanation counts if errors fall to this share. Each of its parts has to earn that much more: of two that fit
# alike the simpler one is likelier, and frames with free parameters, two parts, always fit a little better.
EXPLAINED_SHARE, PER_PART = 1 / 3, 1.5
# Errors (share of the extent plus radians) that need no explanation, and poses that one can rest on.
SMALL_ERRORS, FEWEST_POSES = 0.005, 10
# Both files have their largest number where x stands if both were written scalar first.
SUSPICIOUS_X = 0.9
# Offsets of a clock that are tried; of longer ones the poses say too little.
CLOCK_RANGE_S, CLOCK_STEP_S = 1.0, 0.02


@dataclass(frozen=True)
class _Fit:
    """Errors that remain, and the sum of both by which fits are ranked."""

    position: float
    angle_deg: float
    cost: float


@dataclass(frozen=True)
class _Explanation:
    words: str
    parts: int
    fit: _Fit


Change = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]


def diagnose(truth_K44: FloatArray, estimate_K44: FloatArray, times_s_K: FloatArray | None = None) -> str | None:
    """Look for a convention or frame in which an estimate would agree much better with the truth.

    Tried are: the quaternion of either file written scalar first (read as such, it is another rotation), either file
    holding inverse poses (map to body), the estimate in another map frame or with another scale, poses of another body,
    such as the camera instead of the base, and stamps of another clock; also two of these at a time.

    Args:
        truth_K44: true poses, K of them.
        estimate_K44: poses as they were read, one for each true one.
        times_s_K: their stamps in seconds, ascending; None: the clock is not looked at.

    Returns:
        A sentence with the figures, or None if nothing explains the errors, or there are hardly any.
    """
    if len(truth_K44) < FEWEST_POSES:
        return None
    extent = max(float(np.linalg.norm(np.ptp(truth_K44[:, :3, 3], axis=0))), 1e-6)
    as_read = _fit(truth_K44, estimate_K44, extent)
    if as_read.cost < SMALL_ERRORS:
        return None
    conventions: list[tuple[str, Change | None]] = [
        ('', None),
        (
            'the quaternions of the estimate were read as qw qx qy qz (the format is qx qy qz qw)',
            lambda truth, estimate: (truth, _scalar_first(estimate)),
        ),
        (
            'the quaternions of the ground truth were read as qw qx qy qz (the format is qx qy qz qw)',
            lambda truth, estimate: (_scalar_first(truth), estimate),
        ),
        (
            'the poses of the estimate were inverted (they look like map to body, expected body to map)',
            lambda truth, estimate: (truth, inverse(estimate)),
        ),
        (
            'the poses of the ground truth were inverted (they look like map to body, expected body to map)',
            lambda truth, estimate: (inverse(truth), estimate),
        ),
    ]
    found: list[_Explanation] = []
    for words, change in conventions:
        truth, estimate = (truth_K44, estimate_K44) if change is None else change(truth_K44, estimate_K44)
        scale = max(float(np.linalg.norm(np.ptp(truth[:, :3, 3], axis=0))), 1e-6)
        if change is not None:
            found.append(_Explanation(words, 1, _fit(truth, estimate, scale)))
        for more, parts, moved in _moved(truth, estimate):
            both = f'{words}, and {more}' if words else more
            found.append(_Explanation(both, parts + (change is not None), _fit(truth, moved, scale)))
        if times_s_K is not None:
            more, used_J, later_J44 = _on_another_clock(truth, estimate, times_s_K)
            both = f'{words}, and {more}' if words else more
            found.append(_Explanation(both, 2 + (change is not None), _fit(later_J44, estimate[used_J], scale)))
    best = min(found, key=lambda explanation: explanation.fit.cost * PER_PART**explanation.parts)
    if best.fit.cost * PER_PART ** (best.parts - 1) > as_read.cost * EXPLAINED_SHARE:
        return None
    return (
        f'the median error would fall from {as_read.position:.3g} (map units) and {as_read.angle_deg:.3g} deg to '
        f'{best.fit.position:.3g} and {best.fit.angle_deg:.3g} deg if {best.words}; nothing was changed, check the '
        'files'
    )


def both_scalar_first(truth_K44: FloatArray, estimate_K44: FloatArray) -> str | None:
    """Say so if both trajectories look as if their quaternions were written scalar first; errors cannot show that."""
    share = [float(np.median(np.abs(_quaternions(poses)[:, 0]))) for poses in (truth_K44, estimate_K44)]
    if min(share) < SUSPICIOUS_X:
        return None
    return (
        f'in both files the first number of the quaternion is the largest (median {min(share):.2f}), as if they were '
        'written qw qx qy qz; the format is qx qy qz qw, and relative errors and drawings depend on it'
    )


def _moved(truth: FloatArray, estimate: FloatArray) -> list[tuple[str, int, FloatArray]]:
    """The estimate in other frames that fit best: (words, parts, poses) each."""
    body_44 = _mean_offset(truth, estimate)
    angle = math.degrees(Rotation.from_matrix(body_44[:3, :3]).magnitude())
    length = float(np.linalg.norm(body_44[:3, 3]))
    result = [
        (
            f'it gave the pose of another body, {length:.3g} map units and {angle:.3g} deg away on the robot (such as '
            'the camera instead of the base)',
            2,
            estimate @ body_44,
        )
    ]
    for alignment in (Alignment.SE3, Alignment.SIM3):
        try:
            transform = fit_alignment(estimate, truth, alignment)
        except SourceError:  # positions on a line leave the rotation open
            break
        words = f'it was moved by {_in_words(transform)} (it looks like another map frame)'
        result.append((words, 2 if alignment is Alignment.SE3 else 3, transform.apply(estimate)))
    return result


def _on_another_clock(
    truth: FloatArray, estimate: FloatArray, times_s_K: FloatArray
) -> tuple[str, NDArray[np.int64], FloatArray]:
    """The offset of the stamps that fits best: (words, estimates that have a true pose then, these true poses)."""

    def at(offset_s: float) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
        later_s_K = times_s_K + offset_s
        used_J = np.flatnonzero((later_s_K >= times_s_K[0]) & (later_s_K <= times_s_K[-1]))
        columns = [np.interp(later_s_K[used_J], times_s_K, truth[:, axis, 3]) for axis in range(3)]
        return used_J, later_s_K[used_J], np.stack(columns, axis=1)

    def missed(offset_s: float) -> float:
        used_J, _, positions_J3 = at(offset_s)
        enough = 2 * len(used_J) >= len(times_s_K)
        return float(np.median(np.linalg.norm(positions_J3 - estimate[used_J, :3, 3], axis=1))) if enough else math.inf

    best_s = min(np.arange(-CLOCK_RANGE_S, CLOCK_RANGE_S, CLOCK_STEP_S).tolist(), key=missed)
    best_s = min(np.linspace(best_s - CLOCK_STEP_S, best_s + CLOCK_STEP_S, 21).tolist(), key=missed)
    used_J, later_s_J, positions_J3 = at(best_s)
    later_J44 = np.tile(np.eye(4), (len(used_J), 1, 1))
    later_J44[:, :3, :3] = Slerp(times_s_K, Rotation.from_matrix(truth[:, :3, :3]))(later_s_J).as_matrix()
    later_J44[:, :3, 3] = positions_J3
    words = f'{best_s:.3f} s were added to the stamps of the estimate (it looks like another clock)'
    return words, used_J, later_J44


def _in_words(transform: Similarity) -> str:
    words = f'{float(np.linalg.norm(transform.translation_3)):.3g} map units and {transform.angle_deg:.3g} deg'
    return words if transform.scale == 1 else f'{words} and scaled by {transform.scale:.4g}'


def _mean_offset(truth: FloatArray, estimate: FloatArray) -> FloatArray:
    """The offset on the right of the estimates that explains the true poses best."""
    offsets_K44 = inverse(estimate) @ truth
    offset_44 = np.eye(4)
    offset_44[:3, :3] = Rotation.from_matrix(offsets_K44[:, :3, :3]).mean().as_matrix()
    offset_44[:3, 3] = np.median(offsets_K44[:, :3, 3], axis=0)
    return offset_44


def _fit(truth: FloatArray, estimate: FloatArray, extent: float) -> _Fit:
    position = float(np.median(np.linalg.norm(truth[:, :3, 3] - estimate[:, :3, 3], axis=1)))
    turns_K33 = np.swapaxes(truth[:, :3, :3], 1, 2) @ estimate[:, :3, :3]
    angle = float(np.median(Rotation.from_matrix(turns_K33).magnitude()))
    return _Fit(position, math.degrees(angle), position / extent + angle)


def _scalar_first(poses: FloatArray) -> FloatArray:
    """The poses that were meant if the four columns of the quaternion were qw qx qy qz."""
    meant = poses.copy()
    meant[:, :3, :3] = Rotation.from_quat(np.roll(_quaternions(poses), -1, axis=1)).as_matrix()
    return meant


def _quaternions(poses: FloatArray) -> FloatArray:
    """Quaternions (K, 4), x y z w."""
    return np.asarray(Rotation.from_matrix(poses[:, :3, :3]).as_quat())
