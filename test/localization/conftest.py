# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A synthetic place: points in four regions with random, hence unmistakable, descriptors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neumap_ros.features.base import Features
from neumap_ros.geometry import Camera, Pose
from neumap_ros.maps.storage import StoredMap, open_map, write_map
from neumap_ros.maps.types import Manifest, Region

DESCRIPTOR_SIZE = 128
POINTS_PER_REGION = 250
# Camera axes: regions 0 and 1 lie before a camera at the origin (left, right), 2 and 3 behind it.
BOXES = (
    ((-6, -3, 6), (0, 3, 12)),
    ((0, -3, 6), (6, 3, 12)),
    ((-6, -3, -12), (0, 3, -6)),
    ((0, -3, -12), (6, 3, -6)),
)


def unit(array: np.ndarray) -> np.ndarray:
    return (array / np.linalg.norm(array, axis=-1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class Place:
    """A place with its points, and ways to look at it."""

    points_P3: np.ndarray
    descriptors_PC: np.ndarray
    region_P: np.ndarray
    camera: Camera

    def see(self, pose: Pose, clutter: int = 150, noise_px: float = 0.4, seed: int = 0) -> tuple[Features, np.ndarray]:
        """The features of an image from a pose, and the point that each keypoint shows (-1: none)."""
        rng = np.random.default_rng(seed)
        pixels, inside = self.camera.project(pose.inverse().transform(self.points_P3))
        shown = np.flatnonzero(inside)
        size = (self.camera.width, self.camera.height)
        keypoints = np.concatenate(
            [pixels[shown] + noise_px * rng.normal(size=(len(shown), 2)), rng.uniform((0, 0), size, (clutter, 2))]
        )
        descriptors = np.concatenate([self.descriptors_PC[shown], rng.normal(size=(clutter, DESCRIPTOR_SIZE))])
        descriptors = unit(descriptors) + 0.04 * rng.normal(size=descriptors.shape)
        order = rng.permutation(len(keypoints))
        ones = np.ones(len(order), np.float32)
        features = Features(
            keypoints[order].astype(np.float32), ones, unit(descriptors[order]), ones, unit(np.ones(128)), size
        )
        return features, np.concatenate([shown, np.full(clutter, -1)])[order]

    def write(self, folder: Path, kind: str = 'full', **extractor) -> StoredMap:
        """Store the place as a map."""
        info = {'name': 'rootsift', 'version': 1, 'weights_sha256': '', 'descriptor_size': 128, 'global_size': 128}
        manifest = Manifest(
            map_id='5f0c3a1e-9b1f-4a57-9a32-0a77a4b7f001',
            revision=3,
            kind=kind,
            frame_id='map',
            created='2026-01-01T00:00:00Z',
            metric=True,
            extractor={**info, **extractor},
            decoder={},
            regions=(),
            files=(),
        )
        shards = [
            (
                Region(f'r{r}', *BOXES[r], POINTS_PER_REGION, ''),
                {
                    'xyz': self.points_P3[self.region_P == r].astype(np.float32),
                    'descriptors': self.descriptors_PC[self.region_P == r].astype(np.float16),
                },
            )
            for r in range(len(BOXES))
        ]
        write_map(folder, manifest, {}, shards)
        return open_map(folder)


def make_place(seed: int) -> Place:
    rng = np.random.default_rng(seed)
    points = np.concatenate([rng.uniform(low, high, (POINTS_PER_REGION, 3)) for low, high in BOXES])
    return Place(
        points,
        unit(rng.normal(size=(len(points), DESCRIPTOR_SIZE))),
        np.repeat(np.arange(len(BOXES)), POINTS_PER_REGION),
        Camera.from_opencv(640, 480, 400, 405, 322, 238, (-0.05, 0.01, 0.001, -0.001)),
    )


@pytest.fixture(scope='session')
def place() -> Place:
    return make_place(0)


@pytest.fixture(scope='session')
def other_place() -> Place:
    return make_place(1)


@pytest.fixture(scope='session')
def forward() -> Pose:
    """A camera that sees regions 0 and 1."""
    return Pose(Rotation.from_euler('xyz', [3, -5, 8], degrees=True).as_matrix(), (0.3, -0.2, 0.5))


@pytest.fixture(scope='session')
def backward() -> Pose:
    """A camera that sees regions 2 and 3."""
    return Pose(Rotation.from_euler('xyz', [3, 176, 8], degrees=True).as_matrix(), (0.3, -0.2, 0.5))
