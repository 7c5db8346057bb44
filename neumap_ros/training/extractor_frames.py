# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the extractor learns from: photographs and simulated worlds, with what a teacher finds in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from neumap_ros.errors import SourceError
from neumap_ros.features.base import Extractor, create_extractor
from neumap_ros.geometry import Camera, Pose
from neumap_ros.images import IMAGE_SUFFIXES, read_image
from neumap_ros.mapping.sources import open_poses_json

Float32 = NDArray[np.float32]
Progress = Callable[[int, int], None]

# Two points this near are one, pixels.
SAME_PX = 3.0
# A point takes the descriptor of a teacher's keypoint this near, pixels; the descriptors of networks change slowly over
# such a distance.
NEIGHBOUR_PX = 4.0
# Keypoints per pixel that the teacher gives: 2,000 in 640 x 480.
TEACHER_DENSITY = 2000 / (640 * 480)
# Of the files that keep what a teacher found.
VERSION = 2
# Every so many photographs one is kept for validation.
HOLD_OUT = 12


@dataclass(frozen=True)
class Frame:
    """One view and what is known about it.

    Attributes:
        images: grey (H, W), uint8; the same view in one or several lights, the clearest first.
        keypoints_N2: that the teacher found in the first of them, pixels, top-left pixel's centre at (0.5, 0.5).
        descriptors_NT: of them, the teacher's, L2-normalised.
        depth: metres along the optical axis (H, W), 0 for none; photographs have no depth.
        camera: of frames with depth.
        T_map_cam: of frames with depth.
    """

    images: tuple[NDArray[np.uint8], ...]
    keypoints_N2: Float32
    descriptors_NT: Float32
    depth: Float32 | None = None
    camera: Camera | None = None
    T_map_cam: Pose | None = None

    def descriptors_near(self, points_P2: Float32) -> Float32:
        """The descriptors (P, T) of the keypoints nearest to some points; zeros where there is none near."""
        result = np.zeros((len(points_P2), self.descriptors_NT.shape[1]), np.float32)
        if len(points_P2) and len(self.keypoints_N2):
            distance, nearest = self._tree.query(points_P2)
            near = distance < NEIGHBOUR_PX
            result[near] = self.descriptors_NT[nearest[near]]
        return result

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.keypoints_N2)


@dataclass(frozen=True)
class Teacher:
    """An extractor whose descriptors are learned from; what it finds is kept on disk."""

    extractor: Extractor
    cache: Path

    def look(self, image: NDArray[np.uint8]) -> tuple[Float32, Float32]:
        """Keypoints (N, 2) and descriptors (N, T)."""
        info = self.extractor.info
        asked = [VERSION, info.name, info.version, info.weights_sha256, image.shape]
        digest = hashlib.sha256(json.dumps(asked).encode() + np.ascontiguousarray(image).tobytes())
        path = self.cache / f'{digest.hexdigest()[:24]}.npz'
        if not path.exists():
            features = self.extractor.extract(image, round(TEACHER_DENSITY * image.size))
            self.cache.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix('.partial.npz')
            np.savez(partial, keypoints=features.keypoints_N2, descriptors=features.descriptors_ND.astype(np.float16))
            partial.rename(path)
        with np.load(path) as stored:
            return stored['keypoints'], stored['descriptors'].astype(np.float32)


def open_teacher(text: str) -> Extractor:
    """A teacher from ``NAME`` or ``NAME=WEIGHTS``.

    Raises:
        ConfigError: unknown name, or unusable weights.
    """
    name, _, weights = text.partition('=')
    return create_extractor(name, **({'path': weights} if weights else {'with_global': False}))


def read_photographs(folder: Path, teacher: Teacher, progress: Progress) -> tuple[list[Frame], list[Frame]]:
    """All photographs below a folder, those to train on and those to validate on.

    Raises:
        SourceError: fewer than 2 * HOLD_OUT photographs.
    """
    files = sorted(p for p in folder.rglob('*') if p.suffix.lower() in IMAGE_SUFFIXES)
    if len(files) < 2 * HOLD_OUT:
        raise SourceError(
            f'{folder} holds {len(files)} photographs, expected at least {2 * HOLD_OUT}; name another one'
        )
    train: list[Frame] = []
    held_out: list[Frame] = []
    for number, path in enumerate(files):
        image = read_image(path)
        frame = Frame((image,), *teacher.look(image))
        (held_out if number % HOLD_OUT == 0 else train).append(frame)
        progress(number + 1, len(files))
    return train, held_out


def read_world(folders: Sequence[Path], teacher: Teacher, progress: Progress) -> list[Frame]:
    """Frames of one drive, photographed in several lights, with exact depth.

    Args:
        folders: of ``neumap world make --depth`` with the same world and drive, the clearest light first.
        teacher: looks at the first light only.
        progress: called with (frames done, frames).

    Raises:
        SourceError: no depth, or the folders show different drives.
    """
    sources = [open_poses_json(folder, 'map') for folder in folders]
    names = [image.name for image in sources[0].images]
    for folder, source in zip(folders, sources, strict=True):
        same = [image.name for image in source.images] == names and all(
            np.allclose(a.T_map_cam.matrix_44, b.T_map_cam.matrix_44)
            for a, b in zip(source.images, sources[0].images, strict=True)
            if a.T_map_cam is not None and b.T_map_cam is not None
        )
        if not same:
            raise SourceError(f'{folder} and {folders[0]} show different drives, expected one drive in several lights')
    frames = []
    for number, posed in enumerate(sources[0].images):
        path = folders[0] / 'depth' / f'{Path(posed.name).stem}.png'
        depth_mm = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if depth_mm is None or depth_mm.ndim != 2:
            raise SourceError(f'{path} is no depth image; make the world with neumap world make --depth')
        images = tuple(source.read(source.images[number]) for source in sources)
        depth = np.asarray(depth_mm / 1000, np.float32)
        frames.append(Frame(images, *teacher.look(images[0]), depth, posed.camera, posed.T_map_cam))
        progress(number + 1, len(names))
    return frames
