# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Posed images -> 3D points with tracks: pair selection, matching, triangulation with known poses."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap
import torch
from numpy.typing import NDArray

from neumap_ros.errors import MappingError
from neumap_ros.features.base import Features
from neumap_ros.geometry import Camera, Pose
from neumap_ros.mapping import bundle

Progress = Callable[[str, int, int], None]

# Ratio of Lowe (IJCV 2004, section 7.1), loosened because the known epipolar geometry rejects most wrong matches.
MATCH_RATIO = 0.9
# Sampson error of a match at 1,600 px image width, as COLMAP's default of 4 px for two-view geometry.
EPIPOLAR_ERROR_PX_AT_1600 = 10.0
# COLMAP drops every observation of a camera with |distortion parameter| > 1, which real k3 exceed.
MAX_EXTRA_PARAM = 1e6


@dataclass(frozen=True)
class View:
    """One mapping image: its camera, pose and features."""

    name: str
    camera: Camera
    T_map_cam: Pose
    features: Features


@dataclass(frozen=True)
class Tracks:
    """Triangulated points and where they were seen.

    Attributes:
        points_P3: map frame, map units, float64.
        error_px_P: mean reprojection error of each point.
        point_O: index into ``points_P3`` of each observation, sorted.
        view_O: index into the views.
        keypoint_O: index of the keypoint in its view.
    """

    points_P3: NDArray[np.float64]
    error_px_P: NDArray[np.float64]
    point_O: NDArray[np.int64]
    view_O: NDArray[np.int64]
    keypoint_O: NDArray[np.int64]

    @property
    def lengths_P(self) -> NDArray[np.int64]:
        """Number of observations of each point."""
        return np.bincount(self.point_O, minlength=len(self.points_P3))

    def select(self, points_S: NDArray[np.int64]) -> Tracks:
        """The tracks of some points, renumbered in the order given."""
        renumber = np.full(len(self.points_P3), -1, dtype=np.int64)
        renumber[points_S] = np.arange(len(points_S))
        point_O = renumber[self.point_O]
        keep = np.flatnonzero(point_O >= 0)
        keep = keep[np.argsort(point_O[keep], kind='stable')]
        return Tracks(
            self.points_P3[points_S], self.error_px_P[points_S], point_O[keep], self.view_O[keep], self.keypoint_O[keep]
        )


def select_pairs(views: Sequence[View], neighbours: int = 20) -> list[tuple[int, int]]:
    """Which pairs of views to match.

    Half of a view's partners are the nearest by position and viewing direction, half the most similar by global
    descriptor: the first half finds overlap in walks, the second closes loops and joins far views of one object.

    Args:
        views: the mapping images.
        neighbours: partners a view asks for; every pair is taken when there are at most that many views.

    Returns:
        Pairs (i, j) with i < j, sorted.
    """
    count = len(views)
    if count <= neighbours + 1:
        return [(i, j) for i in range(count) for j in range(i + 1, count)]
    centres = np.stack([v.T_map_cam.translation_3 for v in views])
    axes = np.stack([v.T_map_cam.rotation_33[:, 2] for v in views])
    cosine = np.clip(axes @ axes.T, -1, 1)
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    # Distances are measured in steps of the drive, so that the rule does not depend on the unit.
    step = np.median(np.sort(distance, axis=1)[:, 1 : 1 + max(1, neighbours // 2)]) + 1e-12
    by_pose = distance / step + np.degrees(np.arccos(cosine)) / 15.0
    by_pose[cosine < 0] = np.inf  # looking in opposite directions
    descriptors = np.stack([v.features.global_descriptor_G for v in views])
    by_look = -(descriptors @ descriptors.T)
    by_look[cosine < 0] = np.inf
    pairs = set()
    for cost in (by_pose, by_look):
        np.fill_diagonal(cost, np.inf)
        order = np.argsort(cost, axis=1, kind='stable')[:, : max(1, neighbours // 2)]
        for i in range(count):
            for j in order[i]:
                if np.isfinite(cost[i, j]):
                    pairs.add((min(i, int(j)), max(i, int(j))))
    return sorted(pairs)


def match_descriptors(first_ND: torch.Tensor, second_MD: torch.Tensor, ratio: float = MATCH_RATIO) -> NDArray[np.int64]:
    """Mutual nearest neighbours that pass the ratio test in one direction.

    Args:
        first_ND: unit descriptors.
        second_MD: unit descriptors.
        ratio: largest quotient of the distances to the nearest and to the second neighbour.

    Returns:
        Index pairs (K, 2).
    """
    if len(first_ND) < 2 or len(second_MD) < 2:
        return np.zeros((0, 2), np.int64)
    similarity = first_ND @ second_MD.T
    best, index = similarity.topk(2, dim=1)
    back = similarity.argmax(dim=0)
    mutual = back[index[:, 0]] == torch.arange(len(first_ND))
    distance = (2 - 2 * best).clamp_min(0)
    keep = mutual & (distance[:, 0] < ratio * ratio * distance[:, 1])
    rows = torch.nonzero(keep)[:, 0]
    return torch.stack([rows, index[rows, 0]], dim=1).numpy()


def epipolar_errors(
    normalized_first_N2: NDArray[np.float64], normalized_second_N2: NDArray[np.float64], T_second_first: Pose
) -> NDArray[np.float64]:
    """Sampson distances of matches in normalized image coordinates (Hartley and Zisserman, 11.4.3)."""
    t = T_second_first.translation_3
    norm = np.linalg.norm(t)
    if norm < 1e-9:  # a pure rotation has no epipolar geometry: compare directions instead
        rays = np.c_[normalized_first_N2, np.ones(len(normalized_first_N2))] @ T_second_first.rotation_33.T
        return np.asarray(np.linalg.norm(rays[:, :2] / rays[:, 2:] - normalized_second_N2, axis=1))
    t = t / norm
    cross = np.array([[0, -t[2], t[1]], [t[2], 0, -t[0]], [-t[1], t[0], 0]])
    essential = cross @ T_second_first.rotation_33
    a = np.c_[normalized_first_N2, np.ones(len(normalized_first_N2))]
    b = np.c_[normalized_second_N2, np.ones(len(normalized_second_N2))]
    line_b, line_a = a @ essential.T, b @ essential
    algebraic = np.abs(np.sum(b * line_b, axis=1))
    gradient = np.sqrt(np.sum(line_a[:, :2] ** 2, axis=1) + np.sum(line_b[:, :2] ** 2, axis=1))
    return np.asarray(algebraic / np.maximum(gradient, 1e-12))


def triangulate(
    views: Sequence[View],
    *,
    neighbours: int = 20,
    max_error_px_at_1600: float = EPIPOLAR_ERROR_PX_AT_1600,
    bundle_adjust: bool = False,
    progress: Progress | None = None,
) -> tuple[Tracks, list[Pose]]:
    """Triangulate the scene from views with known poses.

    Args:
        views: mapping images with features.
        neighbours: partners per view for matching.
        max_error_px_at_1600: largest epipolar and reprojection error, in pixels of an image 1,600 px wide.
        bundle_adjust: refine poses and points together afterwards (for poses from odometry).
        progress: called with (stage, done, total).

    Returns:
        The tracks, and the poses ``T_map_cam`` they refer to (refined ones after a bundle adjustment).

    Raises:
        MappingError: hardly anything can be triangulated.
    """
    if len(views) < 2:
        raise MappingError(f'there are {len(views)} mapping images, expected at least 2; give more images')
    report = progress or (lambda stage, done, total: None)
    normalized = [v.camera.normalize(v.features.keypoints_N2) for v in views]
    descriptors = [torch.from_numpy(v.features.descriptors_ND) for v in views]
    pairs = select_pairs(views, neighbours)
    matches: dict[tuple[int, int], NDArray[np.int64]] = {}
    for done, (i, j) in enumerate(pairs):
        found = match_descriptors(descriptors[i], descriptors[j])
        if len(found):
            T_j_i = views[j].T_map_cam.inverse() @ views[i].T_map_cam
            errors = epipolar_errors(normalized[i][found[:, 0]], normalized[j][found[:, 1]], T_j_i)
            focal = np.mean([np.mean(views[k].camera.focal_lengths) for k in (i, j)])
            width = np.mean([max(views[k].camera.width, views[k].camera.height) for k in (i, j)])
            found = found[errors * focal < max_error_px_at_1600 * width / 1600]
        if len(found) >= 4:
            matches[i, j] = found
        report('matching', done + 1, len(pairs))
    if not matches:
        raise MappingError(
            f'none of {len(pairs)} image pairs agrees with the given poses, expected overlapping images with correct '
            'poses; check the convention of the poses (camera to world, OpenCV axes) and the calibration'
        )
    report('triangulating', 0, 1)
    reconstruction = _triangulate_with_colmap(views, matches, max_error_px_at_1600)
    centres = [view.T_map_cam.translation_3 for view in views]
    if bundle_adjust and reconstruction.num_points3D() >= 50:
        step = np.median([np.linalg.norm(b - a) for a, b in itertools.pairwise(centres)])
        bundle.bundle_adjust(reconstruction, bundle.POSITION_PRIOR_SHARE * float(step) + 1e-9)
        bundle.align(reconstruction, [view.T_map_cam for view in views])
        bundle.filter_points(reconstruction, _scaled_error_px(views, max_error_px_at_1600))
    tracks, poses = _read_tracks(reconstruction, views, max_error_px_at_1600)
    report('triangulating', 1, 1)
    if len(tracks.points_P3) < 20:
        raise MappingError(
            f'only {len(tracks.points_P3)} points could be triangulated from {len(views)} images, expected at least '
            '20; give images that overlap and move sideways, and check poses and calibration'
        )
    return tracks, poses


def _triangulate_with_colmap(
    views: Sequence[View], matches: dict[tuple[int, int], NDArray[np.int64]], max_error_px_at_1600: float
) -> pycolmap.Reconstruction:
    reconstruction = pycolmap.Reconstruction()
    cameras: dict[Camera, int] = {}
    with tempfile.TemporaryDirectory(prefix='neumap_') as folder:
        path = Path(folder) / 'database.db'
        with pycolmap.Database.open(path) as database:
            for view in views:
                if view.camera not in cameras:
                    camera_id = len(cameras) + 1
                    cameras[view.camera] = camera_id
                    camera = view.camera.to_pycolmap(camera_id)
                    reconstruction.add_camera_with_trivial_rig(camera)
                    database.write_camera(camera, use_camera_id=True)
                    database.write_rig(reconstruction.rig(camera_id), use_rig_id=True)
            for number, view in enumerate(views, start=1):
                pose = view.T_map_cam.inverse()
                image = pycolmap.Image(
                    name=view.name,
                    keypoints=np.zeros((0, 2)),
                    camera_id=cameras[view.camera],
                    image_id=number,
                )
                reconstruction.add_image_with_trivial_frame(
                    image, pycolmap.Rigid3d(pycolmap.Rotation3d(pose.rotation_33), pose.translation_3)
                )
                database.write_image(image, use_image_id=True)
                frame = reconstruction.image(number).frame
                assert frame is not None  # made by add_image_with_trivial_frame
                database.write_frame(frame, use_frame_id=True)
                database.write_keypoints(number, view.features.keypoints_N2.astype(np.float32))
            for (i, j), pair in matches.items():
                geometry = pycolmap.TwoViewGeometry()
                geometry.config = pycolmap.TwoViewGeometryConfiguration.CALIBRATED
                geometry.inlier_matches = pair.astype(np.uint32)
                database.write_matches(i + 1, j + 1, pair.astype(np.uint32))
                database.write_two_view_geometry(i + 1, j + 1, geometry)
        options = pycolmap.IncrementalPipelineOptions()
        options.random_seed = 0
        options.num_threads = 1  # determinism: the triangulator's result depends on the order of its threads
        options.max_extra_param = MAX_EXTRA_PARAM
        options.ba_refine_focal_length = options.ba_refine_extra_params = False
        options.mapper.num_threads = 1
        max_error_px = _scaled_error_px(views, max_error_px_at_1600)
        options.mapper.filter_max_reproj_error = max_error_px
        options.triangulation.max_extra_param = MAX_EXTRA_PARAM
        options.triangulation.ignore_two_view_tracks = False  # half of a sparse map would be lost
        options.triangulation.complete_max_reproj_error = max_error_px
        options.triangulation.merge_max_reproj_error = max_error_px
        pycolmap.logging.minloglevel = 2
        return pycolmap.triangulate_points(
            reconstruction, path, Path(folder), Path(folder), clear_points=True, options=options
        )


def _scaled_error_px(views: Sequence[View], max_error_px_at_1600: float) -> float:
    return max_error_px_at_1600 * max(max(v.camera.width, v.camera.height) for v in views) / 1600


def _read_tracks(
    reconstruction: pycolmap.Reconstruction, views: Sequence[View], max_error_px_at_1600: float
) -> tuple[Tracks, list[Pose]]:
    points: list[NDArray[np.float64]] = []
    errors: list[float] = []
    observations: list[tuple[int, int, int]] = []
    for point_id in sorted(reconstruction.point3D_ids()):
        point = reconstruction.point3D(point_id)
        seen: dict[int, int] = {}
        for element in point.track.elements:
            seen.setdefault(element.image_id - 1, element.point2D_idx)
        if len(seen) < 2:
            continue
        for view, keypoint in sorted(seen.items()):
            observations.append((len(points), view, keypoint))
        points.append(point.xyz)
        errors.append(point.error)
    table = np.array(observations, dtype=np.int64).reshape(-1, 3)
    poses = [bundle.pose_of(reconstruction, number) for number in range(1, len(views) + 1)]
    tracks = Tracks(
        np.array(points, dtype=np.float64).reshape(-1, 3), np.array(errors), table[:, 0], table[:, 1], table[:, 2]
    )
    return tracks, poses
