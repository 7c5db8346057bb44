# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A synthetic street: a camera that drives forward, points on both sides, tracks known without triangulation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from neumap_ros.features.base import Features
from neumap_ros.features.basis import load_basis
from neumap_ros.geometry import Camera, Pose
from neumap_ros.mapping.compression import CodeSettings, Compressed, SceneCompressor
from neumap_ros.mapping.layout import lay_out, write
from neumap_ros.mapping.tracks import Tracks, View
from neumap_ros.maps.storage import StoredMap, open_map
from neumap_ros.maps.types import Manifest

CAMERA = Camera.from_opencv(640, 480, 400, 405, 322, 238)


def unit(array: np.ndarray) -> np.ndarray:
    return (array / np.linalg.norm(array, axis=-1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class Street:
    """Views and tracks of a street; ``compressor`` compresses it."""

    BITS: ClassVar[int] = 14

    views: list[View]
    tracks: Tracks
    compressor: SceneCompressor

    def manifest(self, code: CodeSettings) -> Manifest:
        """The manifest of a map of this street."""
        decoder = {
            'parts': code.parts,
            'centroids': code.centroids,
            'coordinate_bits': self.BITS,
            'basis_sha256': self.compressor.basis.sha256,
        }
        info = {'name': 'rootsift', 'version': 1, 'weights_sha256': '', 'descriptor_size': 128, 'global_size': 128}
        return Manifest(
            map_id='5f0c3a1e-9b1f-4a57-9a32-0a77a4b7f001',
            revision=1,
            kind=code.kind,
            frame_id='map',
            created='2026-01-01T00:00:00Z',
            metric=True,
            extractor=info,
            decoder={} if code.kind == 'full' else decoder,
            regions=(),
            files=(),
        )

    def write(self, folder: Path, compressed: Compressed, manifest: Manifest | None = None, chosen=None) -> StoredMap:
        """Write all points, or the chosen ones, as a map."""
        points = self.tracks.points_P3
        chosen = np.arange(len(points)) if chosen is None else chosen
        layout = lay_out(points, chosen, 0 if compressed.settings.kind == 'full' else self.BITS)
        write(folder, manifest or self.manifest(compressed.settings), self.tracks, compressed, layout)
        return open_map(folder)


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
