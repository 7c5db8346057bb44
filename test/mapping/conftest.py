# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A synthetic street: a camera that drives forward, points on both sides, tracks known without triangulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from neumap_ros.features.base import Features
from neumap_ros.features.basis import load_basis
from neumap_ros.geometry import Camera, Pose
from neumap_ros.mapping.compression import SceneCompressor
from neumap_ros.mapping.tracks import Tracks, View

CAMERA = Camera.from_opencv(640, 480, 400, 405, 322, 238)


def unit(array: np.ndarray) -> np.ndarray:
    return (array / np.linalg.norm(array, axis=-1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class Street:
    """Views and tracks of a street; ``compressor`` compresses it."""

    views: list[View]
    tracks: Tracks
    compressor: SceneCompressor


def make_street(points: int = 1200, count: int = 12, seed: int = 0) -> Street:
    rng = np.random.default_rng(seed)
    side = rng.choice([-1.0, 1.0], points)
    points_P3 = np.c_[side * rng.uniform(2, 8, points), rng.uniform(-3, 1, points), rng.uniform(-2, 60, points)]
    descriptors = unit(np.abs(rng.normal(size=(points, 128))))
    views, seen = [], []
    for v in range(count):
        pose = Pose(np.eye(3), (0.05 * np.sin(v), 0.02 * np.cos(v), 1.5 * v))
        pixels, inside = CAMERA.project(pose.inverse().transform(points_P3))
        shown = rng.permutation(np.flatnonzero(inside))
        ones = np.ones(len(shown), np.float32)
        looks = unit(descriptors[shown] + 0.02 * rng.normal(size=(len(shown), 128)))
        features = Features(pixels[shown].astype(np.float32), ones, looks, ones, unit(np.ones(8)), (640, 480))
        views.append(View(f'{v:02d}.png', CAMERA, pose, features))
        seen += [(p, v, k) for k, p in enumerate(shown)]
    table = np.array(sorted(seen))
    used, table[:, 0] = np.unique(table[:, 0], return_inverse=True)
    tracks = Tracks(points_P3[used], np.full(len(used), 0.5), *(np.ascontiguousarray(c) for c in table.T))
    long = np.flatnonzero(tracks.lengths_P >= 2)
    tracks = tracks.select(long)
    return Street(views, tracks, SceneCompressor(views, tracks, load_basis('rootsift'), 0))


@pytest.fixture(scope='session')
def street() -> Street:
    """A street of about a thousand points. Tests must not change it."""
    return make_street()


@pytest.fixture(scope='session')
def long_street() -> Street:
    """A street whose points fill several regions."""
    return make_street(9000, 20, 1)
