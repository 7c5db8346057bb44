# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Triangulation of a synthetic scene whose points have random, hence unmistakable, descriptors."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from neumap_ros.errors import MappingError
from neumap_ros.features.base import Features
from neumap_ros.geometry import Camera, Pose
from neumap_ros.mapping.tracks import View, epipolar_errors, match_descriptors, triangulate

POINTS = 150
CAMERA = Camera.from_opencv(640, 480, 500, 505, 318, 242, (-0.2, 0.05, 0.001, -0.002))


def unit(array: np.ndarray) -> np.ndarray:
    return (array / np.linalg.norm(array, axis=-1, keepdims=True)).astype(np.float32)


def world(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(points (P, 3), their descriptors (P, 32))."""
    rng = np.random.default_rng(seed)
    return rng.uniform((-3, -2, 5), (3, 2, 9), (POINTS, 3)), unit(rng.normal(size=(POINTS, 32)))


def make_view(name, pose, points, descriptors, camera=CAMERA, noise_px=0.0, seed=0) -> tuple[View, np.ndarray]:
    """A view in shuffled order, and which point each of its keypoints shows."""
    rng = np.random.default_rng(seed)
    pixels, inside = camera.project(pose.inverse().transform(points))
    shown = rng.permutation(np.flatnonzero(inside))
    features = Features(
        (pixels[shown] + noise_px * rng.normal(size=(len(shown), 2))).astype(np.float32),
        np.ones(len(shown), np.float32),
        unit(descriptors[shown] + 0.02 * rng.normal(size=(len(shown), 32))),
        np.ones(len(shown), np.float32),
        unit(np.ones(8)),
        (camera.width, camera.height),
    )
    return View(name, camera, pose, features), shown


def sideways(count: int) -> list[Pose]:
    turns = Rotation.from_euler('xyz', [[0.02 * i, -0.04 * i, 0.1 * i] for i in range(count)]).as_matrix()
    return [Pose(turns[i], (0.4 * i - 0.8, 0.1 * (i % 2), 0.05 * i)) for i in range(count)]


def make_scene(count: int = 5, **options) -> tuple[list[View], list[np.ndarray], np.ndarray]:
    points, descriptors = world()
    pairs = [make_view(f'{i}.png', p, points, descriptors, seed=i, **options) for i, p in enumerate(sideways(count))]
    return [v for v, _ in pairs], [s for _, s in pairs], points


def true_points(tracks, shown) -> np.ndarray:
    """Which true point each observation shows."""
    return np.array([shown[v][k] for v, k in zip(tracks.view_O, tracks.keypoint_O, strict=True)])


def test_points_are_found_where_they_are():
    views, shown, points = make_scene()
    calls = []
    tracks, poses = triangulate(views, progress=lambda *call: calls.append(call))
    truth = true_points(tracks, shown)
    first = np.unique(tracks.point_O, return_index=True)[1]
    assert (truth == truth[first][tracks.point_O]).all(), 'a track mixes two points'
    seen_twice = np.flatnonzero(np.bincount(np.concatenate(shown), minlength=POINTS) >= 2)
    assert len(tracks.points_P3) >= 0.97 * len(seen_twice)
    assert len(np.unique(truth[first])) >= 0.97 * len(seen_twice)
    assert np.linalg.norm(tracks.points_P3 - points[truth[first]], axis=1).max() < 2e-3
    assert tracks.error_px_P.max() < 0.01
    assert (tracks.lengths_P >= 2).all()
    assert (np.diff(tracks.point_O) >= 0).all()
    for pose, view in zip(poses, views, strict=True):
        assert pose.error_to(view.T_map_cam) == pytest.approx((0, 0), abs=1e-6)
    assert [c for c in calls if c[0] == 'matching'][-1] == ('matching', 10, 10)
    assert calls[-1] == ('triangulating', 1, 1)


def test_the_reprojection_error_is_in_pixels():
    views, _, _ = make_scene(noise_px=0.5)
    tracks, _ = triangulate(views)
    expected = np.zeros(len(tracks.points_P3))
    for p in range(len(expected)):
        mine = np.flatnonzero(tracks.point_O == p)
        distances = []
        for v, k in zip(tracks.view_O[mine], tracks.keypoint_O[mine], strict=True):
            pixels, _ = CAMERA.project(views[v].T_map_cam.inverse().transform(tracks.points_P3[p : p + 1]))
            distances.append(np.linalg.norm(pixels[0] - views[v].features.keypoints_N2[k]))
        expected[p] = np.mean(distances)
    assert tracks.error_px_P == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert 0.2 < np.median(expected) < 0.8


def test_the_same_views_give_the_same_tracks():
    views, _, _ = make_scene(noise_px=0.5)
    first, _ = triangulate(views)
    second, _ = triangulate(views)
    for name in ('points_P3', 'error_px_P', 'point_O', 'view_O', 'keypoint_O'):
        assert (getattr(first, name) == getattr(second, name)).all(), name


def test_wrong_matches_are_rejected_by_geometry():
    points, descriptors = world()
    poses = sideways(2)
    first, shown_first = make_view('a', poses[0], points, descriptors)
    # Points 0 to 29 exchange their looks between the images: the descriptors match perfectly, the places do not.
    swapped = descriptors.copy()
    swapped[:30] = descriptors[:30][::-1]
    second, shown_second = make_view('b', poses[1], points, swapped)
    tracks, _ = triangulate([first, second])
    truth = true_points(tracks, [shown_first, shown_second])
    wrong = [p for p in range(len(tracks.points_P3)) if len(set(truth[tracks.point_O == p])) > 1]
    common = np.intersect1d(shown_first, shown_second)
    assert (common < 30).sum() >= 20
    assert len(wrong) <= 4, 'by accident a partner lies near the epipolar line'
    assert len(tracks.points_P3) - len(wrong) >= 0.97 * (common >= 30).sum()


def test_two_view_tracks_are_kept():
    views, shown, _ = make_scene(2)
    tracks, _ = triangulate(views)
    assert len(tracks.points_P3) >= 0.97 * len(np.intersect1d(*shown))


def test_cameras_with_a_large_k3_keep_their_points():
    camera = Camera.from_opencv(640, 480, 500, 505, 318, 242, (0.2624, -0.9531, -0.0054, 0.0026, 1.1633))
    views, shown, points = make_scene(3, camera=camera)
    tracks, _ = triangulate(views)
    first = np.unique(tracks.point_O, return_index=True)[1]
    truth = true_points(tracks, shown)[first]
    assert len(truth) > 0.8 * POINTS
    assert np.median(np.linalg.norm(tracks.points_P3 - points[truth], axis=1)) < 5e-3


def test_different_cameras_are_kept_apart():
    points, descriptors = world()
    wide = Camera.from_opencv(320, 240, 200, 200, 160, 120)
    cameras = [CAMERA, wide, CAMERA]
    made = [
        make_view(str(i), p, points, descriptors, camera=c, seed=i)
        for i, (p, c) in enumerate(zip(sideways(3), cameras, strict=True))
    ]
    tracks, _ = triangulate([v for v, _ in made])
    truth = true_points(tracks, [s for _, s in made])
    first = np.unique(tracks.point_O, return_index=True)[1]
    assert (tracks.view_O == 1).sum() > 0.8 * POINTS
    assert np.linalg.norm(tracks.points_P3 - points[truth[first]], axis=1).max() < 5e-3


def test_bundle_adjustment_repairs_poses_of_odometry():
    views, _, _ = make_scene()
    rng = np.random.default_rng(1)
    moved = [
        replace(
            v,
            T_map_cam=v.T_map_cam
            @ Pose(Rotation.from_rotvec(0.003 * rng.normal(size=3)).as_matrix(), 0.01 * rng.normal(size=3)),
        )
        for v in views
    ]
    given, _ = triangulate(moved)
    adjusted, poses = triangulate(moved, bundle_adjust=True)
    assert np.median(adjusted.error_px_P) < 0.1 * np.median(given.error_px_P)
    # What counts is the shape; where the whole lies and how large it is, only the given poses say.
    truth = np.array([v.T_map_cam.translation_3 for v in views])
    found = np.array([p.translation_3 for p in poses])
    size = np.linalg.norm(truth - truth.mean(0))
    assert np.linalg.norm(found - truth) < 0.1 * size
    ratios = np.linalg.norm(np.diff(found, axis=0), axis=1) / np.linalg.norm(np.diff(truth, axis=0), axis=1)
    assert ratios.std() / ratios.mean() < 0.01


def test_bundle_adjustment_keeps_the_scale_of_all_poses_together():
    points, descriptors = world()
    angles = [[0.02 * np.sin(i), -0.1 * np.sin(i / 3), 0.1 * np.cos(i)] for i in range(20)]
    turns = Rotation.from_euler('xyz', angles).as_matrix()
    places = [(0.15 * i - 1.5, 0.2 * np.sin(i), 0.1 * np.cos(2 * i)) for i in range(20)]
    errors = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        views = []
        for i, (turn, place) in enumerate(zip(turns, places, strict=True)):
            view, _ = make_view(str(i), Pose(turn, place), points, descriptors, noise_px=0.3, seed=i)
            views.append(replace(view, T_map_cam=Pose(turn, place + 0.02 * rng.normal(size=3))))
        _, poses = triangulate(views, bundle_adjust=True)
        errors += [np.linalg.norm(p.translation_3 - place) for p, place in zip(poses, places, strict=True)]
    # The given ones are 3.5 cm off, each on its own; together they know place and scale much better.
    assert np.sqrt(np.mean(np.square(errors))) < 0.035


@pytest.mark.parametrize('sideways_noise', [0.0, 1e-6, 0.02])
def test_bundle_adjustment_of_a_straight_drive_keeps_its_scale_and_does_not_roll(sideways_noise):
    """Positions on a line say nothing about the roll, and COLMAP drops priors that lie on an exact line."""
    points, descriptors = world()
    errors, given = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        truth = [Pose(np.eye(3), (0.3 * i - 1.2, 0, 0)) for i in range(8)]
        views = []
        for i, pose in enumerate(truth):
            view, _ = make_view(str(i), pose, points, descriptors, noise_px=0.3, seed=i)
            shift = rng.normal(size=3) * (0.02, sideways_noise, sideways_noise)
            turn = Rotation.from_rotvec(0.002 * rng.normal(size=3)).as_matrix()
            views.append(replace(view, T_map_cam=Pose(turn, pose.translation_3 + shift)))
        _, poses = triangulate(views, bundle_adjust=True)
        errors += [p.error_to(t) for p, t in zip(poses, truth, strict=True)]
        given += [v.T_map_cam.error_to(t) for v, t in zip(views, truth, strict=True)]
    position, degrees = np.sqrt(np.mean(np.square(errors), axis=0))
    before = np.sqrt(np.mean(np.square(given), axis=0))
    assert position < 0.75 * before[0]
    assert degrees < max(1.5 * before[1], 0.5)


def test_errors_after_a_bundle_adjustment_are_those_of_the_new_poses():
    views, _, _ = make_scene(noise_px=0.5)
    rng = np.random.default_rng(1)
    moved = [replace(v, T_map_cam=v.T_map_cam @ Pose(np.eye(3), 0.01 * rng.normal(size=3))) for v in views]
    tracks, poses = triangulate(moved, bundle_adjust=True)
    worst = 0.0
    for p in range(len(tracks.points_P3)):
        mine = np.flatnonzero(tracks.point_O == p)
        distances = []
        for v, k in zip(tracks.view_O[mine], tracks.keypoint_O[mine], strict=True):
            pixels, _ = CAMERA.project(poses[v].inverse().transform(tracks.points_P3[p : p + 1]))
            distances.append(np.linalg.norm(pixels[0] - views[v].features.keypoints_N2[k]))
        assert tracks.error_px_P[p] == pytest.approx(np.mean(distances), rel=1e-3, abs=1e-4)
        worst = max(worst, *distances)
    assert worst < 10 * 640 / 1600, 'dropped as in the triangulation'


def test_a_bundle_adjustment_is_silent(capfd):
    views, _, _ = make_scene()
    straight = [replace(v, T_map_cam=Pose(v.T_map_cam.rotation_33, (0.4 * i, 0, 0))) for i, v in enumerate(views)]
    triangulate(views, bundle_adjust=True)
    with contextlib.suppress(MappingError):
        triangulate(straight, bundle_adjust=True)
    assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize('count', [0, 1])
def test_fewer_than_two_views_are_refused(count):
    views, _, _ = make_scene(2)
    with pytest.raises(MappingError, match=f'there are {count} mapping images, expected at least 2'):
        triangulate(views[:count])


def test_views_without_overlap_are_refused():
    points, descriptors = world()
    first, _ = make_view('a', sideways(1)[0], points, descriptors)
    second, _ = make_view('b', sideways(2)[1], points, world(1)[1])
    with pytest.raises(MappingError, match=r'none of 1 image pairs agrees.*camera to world'):
        triangulate([first, second])


def test_views_without_keypoints_are_refused():
    views, _, _ = make_scene(3)
    empty = Features(
        np.zeros((0, 2), np.float32),
        np.zeros(0, np.float32),
        np.zeros((0, 32), np.float32),
        np.zeros(0, np.float32),
        np.zeros(8, np.float32),
        (640, 480),
    )
    with pytest.raises(MappingError, match='none of 3 image pairs agrees'):
        triangulate([replace(v, features=empty) for v in views])
    tracks, _ = triangulate([replace(views[0], features=empty), *views[1:]])
    assert 0 not in tracks.view_O


def test_a_camera_that_only_turns_is_refused():
    points, descriptors = world()
    turns = Rotation.from_euler('xyz', [[0, 0, 0], [0.02, 0.05, 0.1], [0, -0.05, 0.2]]).as_matrix()
    views = [make_view(str(i), Pose(r, (0, 0, 0)), points, descriptors, seed=i)[0] for i, r in enumerate(turns)]
    with pytest.raises(MappingError, match='points could be triangulated from 3 images'):
        triangulate(views)


def test_poses_with_the_wrong_convention_are_refused():
    views, _, _ = make_scene(4)
    # OpenGL's camera axes: x right, y up, z backward.
    opengl = Pose(np.diag([1.0, -1, -1]), (0, 0, 0))
    with pytest.raises(MappingError, match='poses'):
        triangulate([replace(v, T_map_cam=v.T_map_cam @ opengl) for v in views])


def test_selected_tracks_are_renumbered_in_the_order_given():
    views, _, _ = make_scene(3)
    tracks, _ = triangulate(views)
    chosen = np.array([7, 2, 40])
    some = tracks.select(chosen)
    assert (some.points_P3 == tracks.points_P3[chosen]).all()
    assert (some.error_px_P == tracks.error_px_P[chosen]).all()
    for new, old in enumerate(chosen):
        before = tracks.point_O == old
        now = some.point_O == new
        assert set(zip(some.view_O[now], some.keypoint_O[now], strict=True)) == set(
            zip(tracks.view_O[before], tracks.keypoint_O[before], strict=True)
        )
    assert len(some.point_O) == tracks.lengths_P[chosen].sum()
    assert len(tracks.select(np.zeros(0, np.int64)).points_P3) == 0


def test_sampson_errors_measure_the_way_to_the_epipolar_line():
    rng = np.random.default_rng(3)
    points = rng.uniform((-1, -1, 4), (1, 1, 8), (50, 3))
    T_second_first = Pose(Rotation.from_rotvec([0.05, -0.1, 0.2]).as_matrix(), (0.7, -0.2, 0.1))
    other = T_second_first.transform(points)
    a, b = points[:, :2] / points[:, 2:], other[:, :2] / other[:, 2:]
    assert epipolar_errors(a, b, T_second_first) == pytest.approx(np.zeros(50), abs=1e-12)
    # Move the second image's points off their epipolar lines; the first order error is the share of one image.
    epipole_direction = np.cross(T_second_first.translation_3, np.c_[a, np.ones(50)] @ T_second_first.rotation_33.T)
    normal = epipole_direction[:, :2] / np.linalg.norm(epipole_direction[:, :2], axis=1, keepdims=True)
    errors = epipolar_errors(a, b + 1e-3 * normal, T_second_first)
    assert (errors < 1e-3).all()
    assert (errors > 0.5e-3).all(), 'at least about 1/sqrt(2) where both images share the error'
    along = np.stack([-normal[:, 1], normal[:, 0]], axis=1)
    assert epipolar_errors(a, b + 1e-3 * along, T_second_first) == pytest.approx(np.zeros(50), abs=1e-9)
    scaled = Pose(T_second_first.rotation_33, 1000 * T_second_first.translation_3)
    assert epipolar_errors(a, b + 1e-3 * normal, scaled) == pytest.approx(errors), 'the unit of length must not matter'


def test_for_a_pure_rotation_directions_are_compared():
    turn = Pose(Rotation.from_rotvec([0.1, 0, 0]).as_matrix(), (0, 0, 0))
    a = np.array([[0.1, 0.2], [-0.3, 0.1]])
    rays = np.c_[a, np.ones(2)] @ turn.rotation_33.T
    b = rays[:, :2] / rays[:, 2:]
    assert epipolar_errors(a, b + np.array([[0.0, 0.0], [3e-3, 4e-3]]), turn) == pytest.approx([0, 5e-3], abs=1e-12)


def test_matches_are_mutual_and_unambiguous():
    first = torch.eye(6)[:5]
    second = torch.eye(6)[[3, 1, 4, 5]]
    assert match_descriptors(first, second).tolist() == [[1, 1], [3, 0], [4, 2]]
    # Rows 0 and 1 of the second set look alike to row 0 of the first.
    twins = torch.tensor([[1.0, 0, 0], [0.999, 0.0447, 0], [0, 0, 1]])
    probe = torch.nn.functional.normalize(torch.tensor([[1.0, 0.022, 0], [0, 0, 1]]), dim=1)
    assert match_descriptors(probe, twins).tolist() == [[1, 2]]
    # Two of the first set want the same one: only the nearer gets it.
    crowd = torch.nn.functional.normalize(torch.tensor([[1.0, 0.3, 0], [1, 0.1, 0], [0, 1, 0]]), dim=1)
    assert [1, 0] in match_descriptors(crowd, torch.eye(3)).tolist()
    assert [0, 0] not in match_descriptors(crowd, torch.eye(3)).tolist()
    assert match_descriptors(torch.eye(3)[:1], torch.eye(3)).shape == (0, 2)
    assert match_descriptors(torch.zeros(0, 3), torch.eye(3)).shape == (0, 2)
