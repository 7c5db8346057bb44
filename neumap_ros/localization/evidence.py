# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What speaks for a pose: counts, residuals, spread, and its covariance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neumap_ros.localization.fix import Correspondences, Evidence
from neumap_ros.localization.rig_solver import RigSolution
from neumap_ros.localization.sight import Sight
from neumap_ros.localization.solver import covariance_of, normal_matrix

# Errors of map points and calibration are common to many inliers, so that residuals alone promise too much: on 132
# fixes of five data sets, plain and night, position errors were 2.3 times the expected standard deviations in the
# median and 5 times at the 97th percentile. With this factor 74 % lie within 2.2 and 97 % within 5 standard deviations
# (a Gaussian has 2 and 3).
# A map that was calibrated (:mod:`neumap_ros.localization.calibration`) knows better; gate and tracker go by this one.
SIGMA_INFLATION = 3.0
# SIFT's floor.
SMALLEST_SIGMA_PX = 0.5


def weigh(
    sights: Sequence[Sight],
    matches_S: Sequence[Correspondences],
    inliers: int,
    guided_S: Sequence[Correspondences],
    chance: float,
    final: RigSolution,
) -> tuple[Evidence, NDArray[np.float64]]:
    """Collect the evidence for a pose, and its covariance.

    Counts of several cameras are summed, also those that speak against the pose: the matches of a camera that agrees
    with nothing lower the inlier ratio. The confidence was fitted to single images. A wrong pose is fitted to three
    matches and gains, with a second camera, only what chance adds there, in proportion to the matches added: what the
    inliers then win, the ratio loses.

    Args:
        sights: the cameras.
        matches_S: of each, mutual nearest neighbours, made before any pose was known.
        inliers: how many distinct keypoints of them agree with the pose.
        guided_S: of each, matches found around the projected points.
        chance: how many of these a wrong pose would have.
        final: the pose, and which of the guided matches support it.

    Returns:
        (evidence, covariance (6, 6) of the rig as geometry_msgs/PoseWithCovariance has it).
    """
    support_S = [guided.take(camera.inliers_C) for guided, camera in zip(guided_S, final.cameras, strict=True)]
    residuals_S = [camera.residuals_C[camera.inliers_C] for camera in final.cameras]
    residuals = np.concatenate(residuals_S)
    depths = [
        camera.T_map_cam.inverse().transform(support.points_C3)[:, 2]
        for camera, support in zip(final.cameras, support_S, strict=True)
    ]
    distinct_S = [count_positions(support.pixels_C2) for support in support_S]
    covariance = _covariance(sights, support_S, residuals_S, final)
    position, rotation = largest_sigma(covariance[:3, :3]), largest_sigma(covariance[3:, 3:])
    matches = sum(map(len, matches_S))
    evidence = Evidence(
        keypoints=sum(len(sight.features) for sight in sights),
        matches=matches,
        inliers=inliers,
        guided_inliers=sum(distinct_S),
        chance_inliers=chance,
        inlier_ratio=inliers / max(matches, 1),
        residual_px=float(np.median(residuals)) if len(residuals) else float('inf'),
        coverage=_coverage(sights, support_S, distinct_S),
        position_sigma=position,
        relative_sigma=position / float(np.median(np.concatenate(depths))) if len(residuals) else float('inf'),
        rotation_sigma_deg=float(np.degrees(rotation)),
    )
    return evidence, covariance


def count_positions(pixels_C2: NDArray[np.float64]) -> int:
    """Number of distinct keypoints: one with two orientations is one position and must not count twice."""
    return len(np.unique(np.rint(pixels_C2 * 4), axis=0))


def sigma_of(residual_px: float) -> float:
    """Standard deviation to assume for keypoints, in pixels, from their median distance from the projected points."""
    return SIGMA_INFLATION * keypoint_sigma(residual_px, SMALLEST_SIGMA_PX)


def keypoint_sigma(residual_px: float, least_px: float) -> float:
    """What the median residual alone shows, but not below a least value, in pixels."""
    # Rayleigh: the median of the length of a 2D error is 1.18 sigma.
    return max(residual_px / 1.18, least_px)


def _coverage(sights: Sequence[Sight], support_S: Sequence[Correspondences], distinct_S: Sequence[int]) -> float:
    """Share of an image's 4 x 4 cells that hold an inlier: the mean over the cameras, weighted by their inliers.

    It never exceeds that of the best camera. The cells of all images in one count would: five matches that agree by
    chance would fill five cells of two images where few of one image do, and the confidence would rise with every
    camera. Unweighted, a camera before a blank wall would halve the coverage of the one that sees.
    """
    shares = []
    for sight, support in zip(sights, support_S, strict=True):
        cells = (support.pixels_C2 / [sight.camera.width, sight.camera.height] * 4).astype(int).clip(0, 3)
        shares.append(len(np.unique(cells[:, 0] * 4 + cells[:, 1])) / 16)
    if len(shares) == 1:
        return shares[0]
    return sum(n * share for n, share in zip(distinct_S, shares, strict=True)) / max(sum(distinct_S), 1)


def _covariance(
    sights: Sequence[Sight],
    support_S: Sequence[Correspondences],
    residuals_S: Sequence[NDArray[np.float64]],
    final: RigSolution,
) -> NDArray[np.float64]:
    """Covariance of the rig from the inliers of all cameras, each with the noise that its residuals show."""
    if sum(map(len, support_S)) < 3:
        return np.full((6, 6), np.inf)
    widths = [max(sight.camera.width, sight.camera.height) for sight in sights]
    typical = float(np.median(np.concatenate([r / w for r, w in zip(residuals_S, widths, strict=True)])))
    # The rig's own origin; for one camera alone exactly the camera's.
    origin_3 = final.T_map_rig.translation_3
    normal_66 = np.zeros((6, 6))
    for sight, camera, support, residuals, width in zip(
        sights, final.cameras, support_S, residuals_S, widths, strict=True
    ):
        if not len(support):
            continue
        residual = float(np.median(residuals))
        if len(sights) > 1:
            # The median of a handful may be small by luck: no camera promises more than the whole rig's residuals do.
            residual = max(residual, typical * width)
        normal_66 += normal_matrix(camera.T_map_cam, sight.camera, support.points_C3, sigma_of(residual), origin_3)
    return covariance_of(normal_66)


def largest_sigma(covariance_33: NDArray[np.float64]) -> float:
    """Largest standard deviation of a covariance block."""
    if not np.isfinite(covariance_33).all():
        return float('inf')
    return float(np.sqrt(max(np.linalg.eigvalsh(covariance_33)[-1], 0.0)))
