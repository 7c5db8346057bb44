# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One pose from the correspondences of several cameras that are fixed to each other (a generalised camera)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import poselib
import pycolmap

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

# The generalised solver draws blindly, so that it gets only the best matches of each camera.
BEST_MATCHES = 150
# A hopeless set of images costs 0.1 s with so many trials; a tenth of right matches among the best needs about as many.
MOST_TRIALS = 3000
# A proposal that so many matches agree with is right; chance gives about ten.
ENOUGH_INLIERS = 40
# A camera that agrees with less than this share of what its own pose agrees with sees another pose.
AGREEING_SHARE = 0.5
# Fewer inliers than this make no pose of a camera that could be held against the rig's.
FEWEST_INLIERS = 12


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

    Each camera proposes the pose that its own correspondences give. If few correspondences agree with the best of
    these, or a camera does not, all together propose one by the generalised three-point solver, which also finds a
    pose when no camera sees enough by itself. The best is refined. One camera alone gives what :func:`solve_pose`
    gives.

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
    if best is None or not _is_enough(evaluate(best, sights, matches_S, settings.max_error_px), own):
        joint = _generalized(sights, matches_S, settings)
        best = _best([p for p in (best, joint) if p is not None], sights, matches_S, settings)
    if best is None:
        return None, own
    start = evaluate(best, sights, matches_S, settings.max_error_px)
    refined = refine_rig(start, sights, matches_S, settings.max_error_px)
    if refined is None or _best([best, refined.T_map_rig], sights, matches_S, settings) is best:
        return start, own
    return refined, own


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
        # PoseLib's extrinsics map the rig's coordinates to the camera's.
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


def explains(solution: Solution, alone: Solution) -> bool:
    """Whether a pose explains most of what a camera's own pose explains."""
    return bool(solution.inliers_C.sum() >= AGREEING_SHARE * alone.inliers_C.sum())


def _is_enough(solution: RigSolution, own: Sequence[Solution | None]) -> bool:
    """Whether a pose has much support, and none of the cameras that have a pose of their own objects."""
    poses = [
        (camera, alone)
        for camera, alone in zip(solution.cameras, own, strict=True)
        if alone is not None and alone.inliers_C.sum() >= FEWEST_INLIERS
    ]
    support = sum(int(camera.inliers_C.sum()) for camera in solution.cameras)
    return support >= ENOUGH_INLIERS and all(explains(camera, alone) for camera, alone in poses)


def _generalized(
    sights: Sequence[Sight], matches_S: Sequence[Correspondences], settings: SolverSettings
) -> Pose | None:
    """LO-RANSAC on the best matches of all cameras together.

    By pycolmap: PoseLib is twice as fast here, but its three-point solver for rigs (2.0.5) turns coordinates by the C
    library's random numbers, which no seed of its own governs, so that the same images gave other last digits.
    """
    best_S = [m.take(np.argsort(-m.quality_C, kind='stable')[:BEST_MATCHES]) for m in matches_S]
    used = [i for i, best in enumerate(best_S) if len(best)]
    if sum(len(best_S[i]) for i in used) < MINIMAL_MATCHES:
        return None
    options = pycolmap.RANSACOptions()
    options.max_error = settings.max_error_px
    options.max_num_trials = min(settings.max_trials, MOST_TRIALS)
    options.min_num_trials = min(options.min_num_trials, options.max_num_trials)
    options.confidence = settings.confidence
    options.random_seed = settings.seed
    answer = pycolmap.estimate_generalized_absolute_pose(
        np.concatenate([_reference_pixels(best_S[i], sights[i].camera) for i in used]),
        np.concatenate([best_S[i].points_C3 for i in used]),
        [slot for slot, i in enumerate(used) for _ in range(len(best_S[i]))],
        [_colmap_pose(sights[i].T_rig_cam.inverse()) for i in used],
        [_reference_camera(sights[i].camera).to_pycolmap(slot + 1) for slot, i in enumerate(used)],
        options,
    )
    if answer is None:
        return None
    rig_from_world = answer['rig_from_world']
    pose = Pose(rig_from_world.rotation.matrix(), rig_from_world.translation).inverse()
    return pose if np.isfinite(pose.matrix_44).all() else None


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


def _colmap_pose(pose: Pose) -> pycolmap.Rigid3d:
    return pycolmap.Rigid3d(pycolmap.Rotation3d(pose.rotation_33), pose.translation_3)
