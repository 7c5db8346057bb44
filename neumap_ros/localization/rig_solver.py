# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One pose from the correspondences of several cameras that are fixed to each other (a generalised camera)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import poselib

from neumap_ros.geometry import Camera, FloatArray, Pose
from neumap_ros.localization.fix import Correspondences
from neumap_ros.localization.sight import Sight
from neumap_ros.localization.solver import (
    MINIMAL_MATCHES,
    REFERENCE_WIDTH_PX,
    Solution,
    SolverSettings,
    poselib_camera,
    refine_pose,
    reprojection_errors,
    solve_pose,
    threshold_px,
)

# PoseLib draws the best matches first for one camera only. For several it gets the best ones of each and no others.
BEST_MATCHES = 150


@dataclass(frozen=True)
class RigSolution:
    """A pose of the rig and what supports it.

    Attributes:
        T_map_rig: pose of the rig's frame.
        cameras: the same pose said of each camera, with the correspondences of that camera that agree.
    """

    T_map_rig: Pose
    cameras: tuple[Solution, ...]


def solve_rig(
    sights: Sequence[Sight], matches_S: Sequence[Correspondences], settings: SolverSettings
) -> tuple[RigSolution | None, tuple[Solution | None, ...]]:
    """Pose of a rig by LO-RANSAC and non-linear refinement.

    Each camera proposes the pose that its own correspondences give, and all together propose one by the generalised
    three-point solver, which also finds a pose when no camera sees enough by itself. The proposal that most
    correspondences of all cameras agree with wins. One camera alone gives exactly what :func:`solve_pose` gives.

    Args:
        sights: the cameras.
        matches_S: correspondences of each, outliers among them.
        settings: thresholds.

    Returns:
        (the solution or None, the solution of each camera by itself or None).
    """
    own = tuple(solve_pose(m, s.camera, settings) for m, s in zip(matches_S, sights, strict=True))
    if len(sights) == 1:
        alone = own[0]
        if alone is None:
            return None, own
        return RigSolution(alone.T_map_cam @ sights[0].T_rig_cam.inverse(), (alone,)), own
    proposals = [o.T_map_cam @ s.T_rig_cam.inverse() for o, s in zip(own, sights, strict=True) if o is not None]
    best = _best(proposals, sights, matches_S, settings)
    joint = _generalized(sights, matches_S, settings, best)
    best = _best([p for p in (best, joint) if p is not None], sights, matches_S, settings)
    return (None if best is None else evaluate(best, sights, matches_S, settings.max_error_px)), own


def evaluate(
    T_map_rig: Pose, sights: Sequence[Sight], matches_S: Sequence[Correspondences], max_error_px: float
) -> RigSolution:
    """Which correspondences agree with a pose of the rig, at a threshold for 1,600 px image width."""
    cameras = []
    for sight, matches in zip(sights, matches_S, strict=True):
        T_map_cam = T_map_rig @ sight.T_rig_cam
        residuals = reprojection_errors(T_map_cam, sight.camera, matches)
        cameras.append(Solution(T_map_cam, residuals < threshold_px(sight.camera, max_error_px), residuals))
    return RigSolution(T_map_rig, tuple(cameras))


def refine_rig(
    start: RigSolution, sights: Sequence[Sight], matches_S: Sequence[Correspondences], max_error_px: float
) -> RigSolution | None:
    """Refine a pose of a rig on the correspondences of all cameras that agree with it.

    Args:
        start: solution to start from.
        sights: the cameras.
        matches_S: correspondences of each; not necessarily those of ``start``.
        max_error_px: largest reprojection error at 1,600 px image width.

    Returns:
        The solution, or None when fewer than four agree.
    """
    if len(sights) == 1:
        alone = refine_pose(start.cameras[0].T_map_cam, matches_S[0], sights[0].camera, max_error_px)
        if alone is None:
            return None
        return RigSolution(alone.T_map_cam @ sights[0].T_rig_cam.inverse(), (alone,))
    agreeing = evaluate(start.T_map_rig, sights, matches_S, max_error_px)
    chosen_S = [m.take(c.inliers_C) for m, c in zip(matches_S, agreeing.cameras, strict=True)]
    used = [i for i, chosen in enumerate(chosen_S) if len(chosen)]
    if sum(len(chosen_S[i]) for i in used) < MINIMAL_MATCHES:
        return None
    pose, _ = poselib.refine_generalized_absolute_pose(
        [_reference_pixels(chosen_S[i], sights[i].camera) for i in used],
        [chosen_S[i].points_C3 for i in used],
        _poselib_pose(start.T_map_rig.inverse()),
        [_poselib_pose(sights[i].T_rig_cam.inverse()) for i in used],
        [poselib_camera(_reference_camera(sights[i].camera)) for i in used],
        {'loss_type': 'CAUCHY', 'loss_scale': max_error_px / 2},
    )
    if not np.isfinite(pose.t).all():
        return None
    return evaluate(Pose(pose.R, pose.t).inverse(), sights, matches_S, max_error_px)


def _best(
    proposals: Sequence[Pose], sights: Sequence[Sight], matches_S: Sequence[Correspondences], settings: SolverSettings
) -> Pose | None:
    """The pose with the smallest truncated squared error over all cameras (MSAC), the first of equals."""
    best, least = None, float('inf')
    for T_map_rig in proposals:
        cost = 0.0
        for sight, camera in zip(sights, evaluate(T_map_rig, sights, matches_S, 1.0).cameras, strict=True):
            limit = threshold_px(sight.camera, settings.max_error_px)
            cost += float(np.minimum(np.square(camera.residuals_C / limit), 1.0).sum())
        if cost < least:
            best, least = T_map_rig, cost
    return best


def _generalized(
    sights: Sequence[Sight], matches_S: Sequence[Correspondences], settings: SolverSettings, initial: Pose | None
) -> Pose | None:
    """LO-RANSAC on the best matches of all cameras together (gp3p, Kukelova et al., CVPR 2016, in PoseLib)."""
    best_S = [m.take(np.argsort(-m.quality_C, kind='stable')[:BEST_MATCHES]) for m in matches_S]
    used = [i for i, best in enumerate(best_S) if len(best)]
    # PoseLib looks for three different matches until it finds them.
    if sum(len(best_S[i]) for i in used) < MINIMAL_MATCHES:
        return None
    pose, info = poselib.estimate_generalized_absolute_pose(
        [_reference_pixels(best_S[i], sights[i].camera) for i in used],
        [best_S[i].points_C3 for i in used],
        # PoseLib's extrinsics map the rig's coordinates to the camera's.
        [_poselib_pose(sights[i].T_rig_cam.inverse()) for i in used],
        [poselib_camera(_reference_camera(sights[i].camera)) for i in used],
        {
            'max_reproj_error': settings.max_error_px,
            'max_iterations': settings.max_trials,
            'min_iterations': min(200, settings.max_trials),
            'success_prob': settings.confidence,
            'seed': settings.seed,
        },
        {'loss_type': 'CAUCHY', 'loss_scale': settings.max_error_px / 2},
        None if initial is None else _poselib_pose(initial.inverse()),
    )
    if info['num_inliers'] < MINIMAL_MATCHES or not np.isfinite(pose.t).all():
        return None
    return Pose(pose.R, pose.t).inverse()


@lru_cache(maxsize=32)
def _reference_camera(camera: Camera) -> Camera:
    """The camera with an image 1,600 px wide, so that one threshold and one loss suit cameras of all resolutions."""
    return camera.scaled(REFERENCE_WIDTH_PX / max(camera.width, camera.height))


def _reference_pixels(matches: Correspondences, camera: Camera) -> FloatArray:
    reference = _reference_camera(camera)
    return np.asarray(matches.pixels_C2 * [reference.width / camera.width, reference.height / camera.height])


def _poselib_pose(pose: Pose) -> poselib.CameraPose:
    result = poselib.CameraPose()
    result.R, result.t = pose.rotation_33, pose.translation_3
    return result
