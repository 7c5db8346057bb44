# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Generalised poses from made-up correspondences, in cameras of different resolutions and lenses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neumap_ros.features.base import Features
from neumap_ros.geometry import Camera, Pose
from neumap_ros.localization.evidence import weigh
from neumap_ros.localization.fix import Correspondences
from neumap_ros.localization.rig_solver import evaluate, refine_rig, solve_rig
from neumap_ros.localization.sight import Sight, together
from neumap_ros.localization.solver import (
    SolverSettings,
    covariance_of,
    move_covariance,
    normal_matrix,
    pose_covariance,
)

TRUTH = Pose(Rotation.from_euler('xyz', [40, -70, 110], degrees=True).as_matrix(), (12.0, -7.0, 3.0))
CAMERAS = (
    Camera.from_opencv(640, 480, 500, 520, 310, 245, (-0.15, 0.04, 0.001, -0.001)),
    Camera.from_opencv(1280, 800, 420, 420, 640, 400, (0.02, -0.01, 0.002, 0), fisheye=True),
    Camera.from_opencv(320, 240, 256, 256, 160, 120),
)
MOUNTS = tuple(
    Pose(Rotation.from_euler('yxz', angles, degrees=True).as_matrix(), place)
    for angles, place in (((0, 5, 0), (0.1, 0.2, 0.3)), ((90, 0, 20), (-0.3, 0.1, 0)), ((200, -10, 0), (0, -0.4, 0.5)))
)
SETTINGS = SolverSettings()


def no_features(count: int, camera: Camera) -> Features:
    rng = np.random.default_rng(count)
    ones = np.ones(count, np.float32)
    descriptors = rng.normal(size=(count, 4)).astype(np.float32)
    return Features(np.zeros((count, 2), np.float32), ones, descriptors, ones, ones, (camera.width, camera.height))


def make_sights(*numbers: int) -> list[Sight]:
    return [Sight(no_features(10 * (i + 1), CAMERAS[i]), CAMERAS[i], MOUNTS[i], f'camera {i}') for i in numbers]


def make_matches(sight: Sight, count: int, rng: np.random.Generator, noise_px=0.0, outliers=0.0) -> Correspondences:
    camera = sight.camera
    size = np.array([camera.width, camera.height])
    pixels = rng.uniform(0.1 * size, 0.9 * size, (count, 2))
    depth = rng.uniform(3, 12, count)
    points = (TRUTH @ sight.T_rig_cam).transform(np.c_[camera.normalize(pixels), np.ones(count)] * depth[:, None])
    wrong = np.arange(count) < round(outliers * count)
    points[wrong] = TRUTH.transform(rng.normal(size=(wrong.sum(), 3)) * 8)
    ones = np.ones(count)
    pixels = pixels + noise_px * rng.normal(size=pixels.shape)
    return Correspondences(np.arange(count), pixels, points, ones, rng.permutation(count) / 1.0, np.zeros(count, int))


@pytest.mark.parametrize('counts', [(80, 80, 80), (60, 0, 60), (0, 0, 40), (200, 5, 1), (3, 2, 1)])
@pytest.mark.parametrize('seed', range(3))
def test_the_pose_is_that_of_the_rig(counts, seed):
    rng = np.random.default_rng(seed)
    sights = make_sights(0, 1, 2)
    outliers = 0.5 if sum(counts) > 20 else 0.0
    matches = [make_matches(s, n, rng, outliers=outliers) for s, n in zip(sights, counts, strict=True)]
    solution, own = solve_rig(sights, matches, SETTINGS)
    assert solution.T_map_rig.error_to(TRUTH) == pytest.approx((0, 0), abs=1e-3)
    for sight, camera, of_camera, alone in zip(sights, solution.cameras, matches, own, strict=True):
        assert camera.T_map_cam.error_to(TRUTH @ sight.T_rig_cam) == pytest.approx((0, 0), abs=1e-3)
        assert camera.inliers_C[round(outliers * len(of_camera)) :].all()
        assert len(camera.residuals_C) == len(of_camera)
        assert alone is not None or len(of_camera) < 8


def test_no_camera_needs_enough_by_itself():
    """Three matches in each camera give no pose of a camera, and a good one of the rig."""
    rng = np.random.default_rng(0)
    sights = make_sights(0, 1, 2)
    matches = [make_matches(sight, 3, rng, noise_px=0.3) for sight in sights]
    solution, own = solve_rig(sights, matches, SETTINGS)
    assert own == (None, None, None)
    assert solution.T_map_rig.error_to(TRUTH)[0] < 0.1


@pytest.mark.parametrize('counts', [(0, 0, 0), (1, 1, 1), (2, 1, 0)])
def test_fewer_than_four_in_all_cameras_give_nothing(counts):
    rng = np.random.default_rng(0)
    sights = make_sights(0, 1, 2)
    matches = [make_matches(s, n, rng) for s, n in zip(sights, counts, strict=True)]
    assert solve_rig(sights, matches, SETTINGS)[0] is None
    assert refine_rig(evaluate(TRUTH, sights, matches, 12.0), sights, matches, 12.0) is None


def test_refinement_uses_every_camera_and_ignores_what_disagrees():
    rng = np.random.default_rng(1)
    sights = make_sights(0, 1)
    matches = [make_matches(s, 60, rng, noise_px=0.2, outliers=0.3) for s in sights]
    start = TRUTH @ Pose(Rotation.from_rotvec([0.002, -0.003, 0.001]).as_matrix(), (0.01, 0.01, -0.02))
    both = refine_rig(evaluate(start, sights, matches, 12.0), sights, matches, 12.0)
    assert both.T_map_rig.error_to(TRUTH) == pytest.approx((0, 0), abs=0.02)
    assert all(camera.inliers_C[18:].all() for camera in both.cameras)
    far = TRUTH @ Pose(Rotation.from_rotvec([0, 1.0, 0]).as_matrix(), np.zeros(3))
    assert refine_rig(evaluate(far, sights, [m.take(np.arange(18, 60)) for m in matches], 12.0), sights,
                      [m.take(np.arange(18, 60)) for m in matches], 0.5) is None  # fmt: skip


def test_the_covariance_of_a_rig_is_that_of_many_noisy_solutions():
    sights = make_sights(0, 2)
    clean = [make_matches(sight, 25, np.random.default_rng(5)) for sight in sights]
    normal = sum(
        normal_matrix(TRUTH @ s.T_rig_cam, s.camera, m.points_C3, 0.5, TRUTH.translation_3)
        for s, m in zip(sights, clean, strict=True)
    )
    # Pixels of a small image count for more in the refinement, as thresholds grow with resolution.
    samples = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        noisy = [
            Correspondences(m.keypoint_C, m.pixels_C2 + 0.5 * rng.normal(size=m.pixels_C2.shape), m.points_C3,
                            m.similarity_C, m.quality_C, m.region_C)
            for m in clean
        ]  # fmt: skip
        pose = refine_rig(evaluate(TRUTH, sights, noisy, 20.0), sights, noisy, 20.0).T_map_rig
        turn = Rotation.from_matrix(pose.rotation_33 @ TRUTH.rotation_33.T).as_rotvec()
        samples.append(np.r_[pose.translation_3 - TRUTH.translation_3, turn])
    samples = np.array(samples)
    distances = np.einsum('ni,ij,nj->n', samples, normal, samples)
    assert 5 < distances.mean() < 9


def test_normal_matrices_about_another_point_are_those_of_the_moved_covariance():
    rng = np.random.default_rng(2)
    sight = make_sights(0)[0]
    points = make_matches(sight, 40, rng).points_C3
    T_map_cam = TRUTH @ sight.T_rig_cam
    moved = move_covariance(
        pose_covariance(T_map_cam, sight.camera, points, 1.0), TRUTH.translation_3 - T_map_cam.translation_3
    )
    direct = covariance_of(normal_matrix(T_map_cam, sight.camera, points, 1.0, TRUTH.translation_3))
    assert moved == pytest.approx(direct, rel=1e-6, abs=1e-15)


def test_the_covariance_of_another_point_is_that_of_samples():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6)) * 0.01
    offset = np.array([0.4, -0.3, 0.7])
    samples = rng.normal(size=(20_000, 6)) @ root.T
    there = Rotation.from_rotvec(samples[:, 3:]).apply(offset) - offset + samples[:, :3]
    expected = np.cov(np.c_[there, samples[:, 3:]].T)
    moved = move_covariance(root @ root.T, offset)
    scale = np.sqrt(np.diag(expected))
    assert moved / np.outer(scale, scale) == pytest.approx(expected / np.outer(scale, scale), abs=0.05)
    assert np.isinf(move_covariance(np.full((6, 6), np.inf), offset)).all()


def evidence_of(sights, matches):
    final = evaluate(TRUTH, sights, matches, 12.0)
    count = sum(int(camera.inliers_C.sum()) for camera in final.cameras)
    return weigh(sights, matches, count, matches, 3.0, final)


def test_evidence_of_a_rig_is_summed_and_its_coverage_is_never_above_the_best_cameras():
    rng = np.random.default_rng(3)
    sights = make_sights(0, 1)
    matches = [make_matches(sights[0], 40, rng, 0.3), make_matches(sights[1], 5, rng, 0.3)]
    (first, wide), (second, _), (both, narrow) = (
        evidence_of(sights[:1], matches[:1]), evidence_of(sights[1:], matches[1:]), evidence_of(sights, matches)
    )  # fmt: skip
    assert both.keypoints == 30
    assert (both.matches, both.inliers, both.guided_inliers) == (45, 45, 45)
    assert min(first.coverage, second.coverage) < both.coverage < max(first.coverage, second.coverage)
    assert np.trace(narrow) < np.trace(wide)
    blind = evidence_of(sights, [matches[0], Correspondences.none()])[0]
    assert blind.coverage == pytest.approx(first.coverage), 'a camera before a blank wall'
    assert blind.inlier_ratio == first.inlier_ratio


def test_matches_that_agree_with_nothing_speak_against_a_pose():
    rng = np.random.default_rng(4)
    sights = make_sights(0, 1)
    good = make_matches(sights[0], 40, rng, 0.3)
    alone = evidence_of(sights, [good, Correspondences.none()])[0]
    doubted = evidence_of(sights, [good, make_matches(sights[1], 200, rng, outliers=1.0)])[0]
    assert doubted.inlier_ratio < 0.5 * alone.inlier_ratio


def test_features_of_all_cameras_together():
    sights = make_sights(0, 1)
    assert together(sights[:1]) is sights[0].features
    assert len(together(sights)) == 30
    assert (together(sights).descriptors_ND[10:] == sights[1].features.descriptors_ND).all()


def test_the_same_correspondences_give_the_same_pose_of_the_rig():
    """Also where no camera helps: the generalised solver has to be as repeatable as the others."""
    sights = make_sights(0, 1, 2)
    for counts, outliers in (((3, 3, 3), 0.0), ((80, 80, 80), 0.8)):
        rng = np.random.default_rng(0)
        matches = [make_matches(s, n, rng, 0.5, outliers) for s, n in zip(sights, counts, strict=True)]
        poses = [solve_rig(sights, matches, SETTINGS)[0].T_map_rig.matrix_44 for _ in range(4)]
        assert all((pose == poses[0]).all() for pose in poses)
