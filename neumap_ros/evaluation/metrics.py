# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How good poses are: errors, recall, medians, wrong fixes, coverage of the covariance.

A query without a fix counts as an infinite error, so it stands in the denominator of every recall and median.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neumap_ros.geometry import FloatArray, Pose

SIGMAS = (1, 2, 3)
# Share of a three-dimensional Gaussian within 1, 2 and 3 standard deviations (chi-square with 3 degrees of freedom).
EXPECTED_COVERAGE = (0.199, 0.739, 0.971)


@dataclass(frozen=True)
class Threshold:
    """A bound on the error of a pose.

    Attributes:
        distance: largest distance between the camera centres; metres, or a fraction of the scene's extent.
        angle_deg: largest angle between the orientations.
        relative: whether ``distance`` is a fraction of the extent.
    """

    distance: float
    angle_deg: float
    relative: bool = False

    @property
    def label(self) -> str:
        """For tables, for example ``0.25 m, 2 deg`` or ``1 %, 5 deg``."""
        if self.relative:
            distance = f'{100 * self.distance:g} %'
        else:
            distance = f'{100 * self.distance:g} cm' if self.distance < 0.1 else f'{self.distance:g} m'
        return f'{distance}, {self.angle_deg:g} deg'

    def met(self, distance_Q: ArrayLike, angle_deg_Q: ArrayLike, extent: float) -> NDArray[np.bool_]:
        """Which errors lie within the bound.

        Args:
            distance_Q: map units, infinite without a pose.
            angle_deg_Q: degrees, infinite without a pose.
            extent: of the scene in map units, see :func:`scene_extent`.
        """
        limit = self.distance * extent if self.relative else self.distance
        return np.asarray((np.asarray(distance_Q) <= limit) & (np.asarray(angle_deg_Q) <= self.angle_deg))


METRIC_THRESHOLDS = (Threshold(0.05, 5.0), Threshold(0.25, 2.0), Threshold(0.5, 5.0), Threshold(5.0, 10.0))
RELATIVE_THRESHOLDS = (Threshold(0.01, 5.0, True), Threshold(0.03, 2.0, True), Threshold(0.05, 5.0, True))


def default_thresholds(metric: bool) -> tuple[Threshold, ...]:
    """The thresholds of the recall table.

    Args:
        metric: whether a map unit is a metre.
    """
    return METRIC_THRESHOLDS if metric else RELATIVE_THRESHOLDS


def fine_threshold(metric: bool) -> Threshold:
    """5 cm, or 1 % of the extent where there are no metres; 5 degrees."""
    return Threshold(0.05, 5.0) if metric else Threshold(0.01, 5.0, True)


def coarse_threshold(metric: bool) -> Threshold:
    """0.5 m, or 5 % of the extent where there are no metres; 5 degrees. An accepted pose beyond it is wrong."""
    return Threshold(0.5, 5.0) if metric else Threshold(0.05, 5.0, True)


def false_fix_threshold(metric: bool) -> Threshold:
    """1 m, or 10 % of the extent where there are no metres; 10 degrees. An accepted pose beyond it is a false fix."""
    return Threshold(1.0, 10.0) if metric else Threshold(0.1, 10.0, True)


def scene_extent(poses: Sequence[Pose | None]) -> float:
    """Size of a scene: the diagonal of the axis-aligned box around the camera centres, in map units.

    Args:
        poses: ``T_map_cam``; the mapping cameras where they are known, else the true poses of the queries.

    Returns:
        0 with fewer than two poses.
    """
    centres = np.array([pose.translation_3 for pose in poses if pose is not None]).reshape(-1, 3)
    return float(np.linalg.norm(np.ptp(centres, axis=0))) if len(centres) else 0.0


def pose_errors(estimates: Sequence[Pose | None], truths: Sequence[Pose]) -> tuple[FloatArray, FloatArray]:
    """Errors of poses.

    Args:
        estimates: ``T_map_cam``, None where there is none.
        truths: ``T_map_cam``.

    Returns:
        (distances (Q,) in map units, angles (Q,) in degrees), infinite where there is no estimate.
    """
    pairs = [
        (np.inf, np.inf) if estimate is None else estimate.error_to(truth)
        for estimate, truth in zip(estimates, truths, strict=True)
    ]
    distance_Q, angle_deg_Q = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    return distance_Q, angle_deg_Q


def recall(distance_Q: ArrayLike, angle_deg_Q: ArrayLike, threshold: Threshold, extent: float) -> float:
    """Share of all queries within a threshold, failures included in the denominator; NaN without queries."""
    met = threshold.met(distance_Q, angle_deg_Q, extent)
    return float(met.mean()) if met.size else float('nan')


def median(values_Q: ArrayLike) -> float:
    """The median, infinite when that many queries failed; NaN without queries."""
    values = np.asarray(values_Q, dtype=np.float64)
    if not values.size:
        return float('nan')
    ordered = np.sort(values)
    middle = (ordered[(values.size - 1) // 2], ordered[values.size // 2])
    return float(middle[0] if middle[0] == middle[1] else sum(middle) / 2)


def mahalanobis(estimate: Pose, truth: Pose, covariance_66: NDArray[np.float64]) -> float:
    """Position error in standard deviations of its covariance, infinite where that is singular or not finite.

    Args:
        estimate: ``T_map_cam``.
        truth: ``T_map_cam``.
        covariance_66: as in :class:`neumap_ros.localization.fix.Fix`; the first three rows are the position.
    """
    return _sigmas(estimate.translation_3 - truth.translation_3, np.asarray(covariance_66, dtype=np.float64)[:3, :3])


def rotation_error(estimate: Pose, truth: Pose) -> FloatArray:
    """Rotation vector (3,) from the true to the estimated orientation about the axes of the map frame, radians."""
    # Many times quicker than scipy's Rotation, which is made for many rotations at once.
    w, *xyz = Pose(estimate.rotation_33 @ truth.rotation_33.T, np.zeros(3)).quaternion_wxyz
    axis_3 = np.array(xyz)
    sine = float(np.linalg.norm(axis_3))
    return axis_3 * (2 * math.atan2(sine, w) / sine if sine > 0 else 2.0)


def rotation_mahalanobis(estimate: Pose, truth: Pose, covariance_66: NDArray[np.float64]) -> float:
    """As :func:`mahalanobis`, of the orientation: the rotation from the truth to the estimate about the map's axes."""
    return _sigmas(rotation_error(estimate, truth), np.asarray(covariance_66, dtype=np.float64)[3:, 3:])


def _sigmas(error_3: FloatArray, block_33: NDArray[np.float64]) -> float:
    if not np.isfinite(block_33).all():
        return float('inf')
    try:
        squared = float(error_3 @ np.linalg.solve(block_33, error_3))
    except np.linalg.LinAlgError:
        return float('inf')
    return float(np.sqrt(squared)) if squared >= 0 else float('inf')


def coverage(mahalanobis_Q: ArrayLike) -> tuple[float, ...]:
    """Share of fixes whose position error lies within 1, 2 and 3 standard deviations; NaN without fixes.

    Honest covariances give :data:`EXPECTED_COVERAGE`.
    """
    values = np.asarray(mahalanobis_Q, dtype=np.float64)
    return tuple(float((values <= sigma).mean()) if values.size else float('nan') for sigma in SIGMAS)
