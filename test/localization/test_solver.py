# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neumap_ros.geometry import Camera, Pose
from neumap_ros.localization.fix import Correspondences
from neumap_ros.localization.solver import (
    SolverSettings,
    pose_covariance,
    refine_pose,
    reprojection_errors,
    solve_pose,
    threshold_px,
)

CAMERA = Camera.from_opencv(640, 480, 500, 520, 310, 245, (-0.15, 0.04, 0.001, -0.001))
# Turned about all axes and far from the origin, so that frames that are mixed up show.
TRUTH = Pose(Rotation.from_euler('xyz', [40, -70, 110], degrees=True).as_matrix(), (12.0, -7.0, 3.0))


@pytest.fixture(params=['poselib', 'pycolmap'])
def settings(request) -> SolverSettings:
    return SolverSettings(method=request.param)


def as_matches(pixels: np.ndarray, points: np.ndarray) -> Correspondences:
    count = len(pixels)
    ones = np.ones(count)
    return Correspondences(np.arange(count), pixels, points, ones, ones, np.zeros(count, int))


def make_matches(count=60, noise_px=0.0, outliers=0.0, seed=0, depth=(3, 12), camera=CAMERA):
    """Correspondences and which of them are right."""
    rng = np.random.default_rng(seed)
    pixels = rng.uniform((20, 20), (620, 460), (count, 2))
    z = rng.uniform(*depth, count)
    points = TRUTH.transform(np.c_[camera.normalize(pixels), np.ones(count)] * z[:, None])
    right = np.arange(count) >= round(outliers * count)
    points[~right] = points[rng.permutation(np.flatnonzero(~right))][::-1] + rng.normal(size=((~right).sum(), 3))
    return as_matches(pixels + noise_px * rng.normal(size=(count, 2)), points), right


@pytest.mark.parametrize('outliers', [0.0, 0.3, 0.6])
@pytest.mark.parametrize('seed', range(3))
def test_exact_correspondences_give_the_exact_pose(outliers, seed, settings):
    matches, right = make_matches(100, outliers=outliers, seed=seed)
    solution = solve_pose(matches, CAMERA, settings)
    assert solution.T_map_cam.error_to(TRUTH) == pytest.approx((0, 0), abs=1e-3)
    assert solution.inliers_C[right].all()
    assert solution.inliers_C[~right].mean() < 0.1 if (~right).any() else True
    assert solution.residuals_C[right].max() < 0.01


@pytest.mark.parametrize('count', [0, 1, 3])
def test_fewer_than_four_give_nothing(count, settings):
    matches, _ = make_matches(count)
    assert solve_pose(matches, CAMERA, settings) is None
    assert refine_pose(TRUTH, matches, CAMERA, 12.0) is None


def test_nothing_to_agree_on_gives_no_support(settings):
    rng = np.random.default_rng(0)
    matches = as_matches(rng.uniform((0, 0), (640, 480), (40, 2)), rng.normal(size=(40, 3)) * 10)
    solution = solve_pose(matches, CAMERA, settings)
    assert solution is None or solution.inliers_C.sum() < 12


def test_points_at_one_place_give_no_wrong_confidence(settings):
    matches = as_matches(np.tile([[320.0, 240.0]], (10, 1)), np.ones((10, 3)))
    solution = solve_pose(matches, CAMERA, settings)
    if solution is not None:
        assert np.isinf(pose_covariance(solution.T_map_cam, CAMERA, matches.points_C3, 1.0)).all()


def test_the_same_correspondences_give_the_same_pose(settings):
    matches, _ = make_matches(80, noise_px=1.0, outliers=0.5)
    first, second = (solve_pose(matches, CAMERA, settings) for _ in range(2))
    assert (first.T_map_cam.matrix_44 == second.T_map_cam.matrix_44).all()
    assert (first.residuals_C == second.residuals_C).all()


def test_distinct_matches_are_drawn_first():
    """With nine of ten matches wrong, 100 blind draws of three succeed in one case of ten, guided ones at once."""
    found = {1: 0, -1: 0}
    for seed in range(10):
        matches, right = make_matches(300, outliers=0.9, seed=seed)
        for sign in found:
            ranked = replace(matches, quality_C=sign * np.where(right, 1.0, 0.5))
            solution = solve_pose(ranked, CAMERA, SolverSettings(max_trials=100))
            found[sign] += solution is not None and solution.inliers_C[right].all()
    assert found[1] == 10
    assert found[-1] < 8


def test_refinement_ignores_what_disagrees():
    matches, right = make_matches(80, outliers=0.4)
    start = TRUTH @ Pose(Rotation.from_rotvec([0.002, -0.003, 0.001]).as_matrix(), (0.01, 0.01, -0.02))
    solution = refine_pose(start, matches, CAMERA, 12.0)
    assert solution.T_map_cam.error_to(TRUTH) == pytest.approx((0, 0), abs=1e-3)
    assert (solution.inliers_C[right]).all()
    far = TRUTH @ Pose(Rotation.from_rotvec([0.0, 1.0, 0]).as_matrix(), (0, 0, 0))
    assert refine_pose(far, matches, CAMERA, 12.0) is None


def test_residuals_are_distances_in_pixels_and_infinite_behind_the_camera():
    matches, _ = make_matches(5)
    points = matches.points_C3.copy()
    points[0] = TRUTH.transform([[0, 0, -2.0]])
    shifted = as_matches(matches.pixels_C2 + np.array([3.0, -4.0]), points)
    errors = reprojection_errors(TRUTH, CAMERA, shifted)
    assert np.isinf(errors[0])
    assert errors[1:] == pytest.approx(np.full(4, 5.0), abs=1e-6)


def test_thresholds_grow_with_the_resolution():
    assert threshold_px(CAMERA, 10) == pytest.approx(4)
    assert threshold_px(CAMERA.scaled(2), 10) == pytest.approx(8)
    upright = Camera.from_opencv(480, 640, 500, 500, 240, 320)
    assert threshold_px(upright, 10) == threshold_px(CAMERA, 10), 'a camera on its side is no other camera'
    matches, _ = make_matches(40)
    matches = as_matches(matches.pixels_C2 + np.array([5.0, 0]), matches.points_C3)
    tight = refine_pose(TRUTH, matches, CAMERA, 12.0)
    assert tight is None, '5 px is more than 12 px at 1,600'
    assert refine_pose(TRUTH, matches, CAMERA, 13.0) is not None


def deviation(pose: Pose) -> np.ndarray:
    """Position error and left rotation vector, as the covariance has them."""
    turn = Rotation.from_matrix(pose.rotation_33 @ TRUTH.rotation_33.T).as_rotvec()
    return np.r_[pose.translation_3 - TRUTH.translation_3, turn]


PINHOLE = Camera.from_opencv(640, 480, 500, 520, 310, 245)
# As wide lenses have it: at the border a pixel covers far more of the world than in the middle.
BARREL = Camera.from_opencv(640, 480, 400, 400, 310, 245, (-0.28, 0.07, 0, 0))


@pytest.mark.parametrize('depth', [(3, 12), (20, 25)])
@pytest.mark.parametrize(
    'camera',
    [
        PINHOLE,
        BARREL,
    ],
    ids=['pinhole', 'barrel'],
)
def test_the_covariance_is_that_of_many_noisy_solutions(camera, depth, settings):
    noise_px, count = 0.5, 200
    samples = []
    clean, _ = make_matches(40, depth=depth, camera=camera)
    for seed in range(count):
        noise = np.random.default_rng(seed).normal(size=(40, 2)) * noise_px
        matches = as_matches(clean.pixels_C2 + noise, clean.points_C3)
        samples.append(deviation(solve_pose(matches, camera, settings).T_map_cam))
    samples = np.array(samples)
    covariance = pose_covariance(TRUTH, camera, clean.points_C3, noise_px)
    assert covariance == pytest.approx(covariance.T)
    assert samples.std(axis=0) / np.sqrt(np.diag(covariance)) == pytest.approx(np.ones(6), abs=0.3)
    # The whole matrix, correlations and all: squared Mahalanobis distances are chi-square with 6 degrees of freedom.
    distances = np.einsum('ni,ij,nj->n', samples, np.linalg.inv(covariance), samples)
    assert distances.mean() == pytest.approx(6, abs=1.2)


def test_the_covariance_grows_with_noise_and_shrinks_with_points():
    points = make_matches(60)[0].points_C3
    one = pose_covariance(TRUTH, CAMERA, points, 1.0)
    assert pose_covariance(TRUTH, CAMERA, points, 3.0) == pytest.approx(9 * one)
    assert pose_covariance(TRUTH, CAMERA, np.tile(points, (4, 1)), 1.0) == pytest.approx(one / 4)
    assert pose_covariance(TRUTH, CAMERA, points, np.full(60, 2.0)) == pytest.approx(4 * one)
    sigma = np.ones(60)
    sigma[40:] = 1e6
    assert pose_covariance(TRUTH, CAMERA, points, sigma) == pytest.approx(
        pose_covariance(TRUTH, CAMERA, points[:40], 1.0), rel=1e-4
    )


def test_the_covariance_moves_with_the_map_frame():
    points = make_matches(60)[0].points_C3
    covariance = pose_covariance(TRUTH, CAMERA, points, 1.0)
    move = Pose(Rotation.from_euler('xyz', [10, 20, 30], degrees=True).as_matrix(), (5, 6, 7))
    turn = np.kron(np.eye(2), move.rotation_33)
    moved = pose_covariance(move @ TRUTH, CAMERA, move.transform(points), 1.0)
    assert moved == pytest.approx(turn @ covariance @ turn.T, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    'local',
    [
        np.zeros((0, 3)),
        [[0, 0, 5], [1, 0, 5]],
        [[0, 0, 5]] * 20,
        [[x, 0.3 * x, 5 + 0.5 * x] for x in np.linspace(-2, 2, 20)],
        [[0, 0, 5], [1, 0, 5], [0, 1, 5], [1, 1, -5]],
    ],
    ids=['none', 'two', 'one place', 'a line', 'behind'],
)
def test_points_that_do_not_determine_a_pose_give_an_infinite_covariance(local):
    points = TRUTH.transform(np.asarray(local, dtype=float).reshape(-1, 3))
    covariance = pose_covariance(TRUTH, CAMERA, points, 1.0)
    assert covariance.shape == (6, 6)
    assert np.isinf(covariance).all()


def test_a_plane_determines_a_pose():
    points = TRUTH.transform([[x, y, 5.0] for x in (-1, 0, 1) for y in (-1, 0, 1)])
    assert np.isfinite(pose_covariance(TRUTH, CAMERA, points, 1.0)).all()
