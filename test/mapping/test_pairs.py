# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which views are compared with each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from neumap_ros.features.base import Features
from neumap_ros.geometry import Camera, Pose
from neumap_ros.mapping.tracks import View, select_pairs

CAMERA = Camera.from_opencv(640, 480, 500, 505, 318, 242)


def unit(array: np.ndarray) -> np.ndarray:
    return (array / np.linalg.norm(array, axis=-1, keepdims=True)).astype(np.float32)


def bare_view(pose: Pose, look: np.ndarray) -> View:
    none = np.zeros((0, 2), np.float32)
    empty = np.zeros(0, np.float32)
    return View('v', CAMERA, pose, Features(none, empty, np.zeros((0, 32), np.float32), empty, unit(look), (640, 480)))


def drive(count: int, step: float = 1.0) -> list[View]:
    rng = np.random.default_rng(0)
    return [bare_view(Pose(np.eye(3), (step * i, 0, 0)), rng.normal(size=16)) for i in range(count)]


def test_few_views_are_all_paired():
    assert select_pairs(drive(5), 20) == [(i, j) for i in range(5) for j in range(i + 1, 5)]
    assert select_pairs(drive(1), 20) == []


def test_pairs_are_sorted_unique_and_no_more_than_asked_for():
    views = drive(60)
    pairs = select_pairs(views, 8)
    assert pairs == sorted(set(pairs))
    assert all(i < j for i, j in pairs)
    assert len(pairs) <= 60 * 8
    assert len({i for pair in pairs for i in pair}) == 60
    for i in range(59):
        assert (i, i + 1) in pairs
    assert sum(j - i > 10 for i, j in pairs) > 50, 'the half that looks alike joins far views'
    assert pairs == select_pairs(views, 8)


def test_pairs_do_not_depend_on_the_unit_of_length():
    # Directions that vary, so that angles and distances compete.
    turns = Rotation.from_euler('y', np.random.default_rng(1).uniform(-60, 60, (60, 1)), degrees=True).as_matrix()
    chosen = []
    for step in (1.0, 0.001, 1000.0):
        views = [
            replace(v, T_map_cam=Pose(r, v.T_map_cam.translation_3))
            for v, r in zip(drive(60, step), turns, strict=True)
        ]
        chosen.append(select_pairs(views, 8))
    assert chosen[0] == chosen[1] == chosen[2]


def test_views_that_look_alike_are_paired_and_opposite_ones_are_not():
    views = drive(60)
    views[50] = bare_view(views[50].T_map_cam, views[3].features.global_descriptor_G)
    assert (3, 50) in select_pairs(views, 8)
    back = Pose(Rotation.from_euler('y', 180, degrees=True).as_matrix(), (4.5, 0, 0))
    views[50] = bare_view(back, views[3].features.global_descriptor_G)
    assert all(50 not in pair for pair in select_pairs(views, 8))
