# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neumap_ros.geometry import Camera, Pose
from neumap_ros.localization.blocks import POINTS_PER_BLOCK, PointBlocks

CAMERAS = {
    'pinhole': Camera('PINHOLE', 640, 480, (500.0, 500.0, 320.0, 240.0)),
    'lens': Camera('OPENCV', 640, 480, (400.0, 400.0, 320.0, 240.0, -0.2, 0.05, 0.001, 0.0)),
    'fisheye': Camera('OPENCV_FISHEYE', 640, 480, (250.0, 250.0, 320.0, 240.0, 0.01, 0.0, 0.0, 0.0)),
}


def cloud(seed: int, count: int) -> np.ndarray:
    """Small clumps in a large room, one after the other, as a Morton curve gives them."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-20, 20, (-(-count // 320), 3))
    return np.repeat(centres, 320, axis=0)[:count] + rng.normal(size=(count, 3)) * 0.3


@pytest.mark.parametrize('camera', CAMERAS.values(), ids=CAMERAS)
@pytest.mark.parametrize('seed', range(4))
def test_no_point_in_the_image_is_left_out(camera, seed):
    rng = np.random.default_rng(seed)
    points = cloud(seed, 32_000)
    pose = Pose(Rotation.random(random_state=rng).as_matrix(), rng.uniform(-10, 10, 3))
    _, inside = camera.project(pose.inverse().transform(points))
    kept = PointBlocks(points).may_be_in_view(pose, camera)
    assert kept.shape == (32_000,)
    assert inside.sum() > 50
    assert kept[inside].all()


def test_most_of_what_is_out_of_view_is_left_out():
    points, camera = cloud(0, 32_000), CAMERAS['pinhole']
    pose = Pose(np.eye(3), np.zeros(3))
    _, inside = camera.project(pose.inverse().transform(points))
    kept = PointBlocks(points).may_be_in_view(pose, camera)
    assert kept.mean() < 0.4
    assert kept.sum() >= inside.sum()


@pytest.mark.parametrize('count', [0, 1, POINTS_PER_BLOCK, POINTS_PER_BLOCK + 1])
def test_any_number_of_points(count):
    points = np.tile([0.0, 0.0, 5.0], (count, 1))
    kept = PointBlocks(points).may_be_in_view(Pose(np.eye(3), np.zeros(3)), CAMERAS['pinhole'])
    assert kept.tolist() == [True] * count
    behind = PointBlocks(-points).may_be_in_view(Pose(np.eye(3), np.zeros(3)), CAMERAS['pinhole'])
    assert behind.tolist() == [False] * count
