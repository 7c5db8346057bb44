# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the demonstration's room by a distorted camera, and where it really was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from neumap_ros.geometry import Camera, Pose

WIDTH, HEIGHT = 320, 240
# Off the middle, not square and distorted along and across, so that every swap and half pixel shows. OpenCV's order and
# pixels: the centre of the top-left pixel is (0, 0).
FX, FY, CX, CY = 252.0, 258.0, 167.2, 112.4
DISTORTION = (-0.11, 0.03, 0.004, -0.003)
K_9 = (FX, 0.0, CX, 0.0, FY, CY, 0.0, 0.0, 1.0)
# The same camera as COLMAP has it, spelled out: nothing of the package converts it.
COLMAP_PARAMS = (FX, FY, CX + 0.5, CY + 0.5, *DISTORTION)
COLMAP_CAMERA = ','.join(['OPENCV', str(WIDTH), str(HEIGHT), *map(str, COLMAP_PARAMS)])

# The first half of the drive around the room. Every second view makes the map; structure from motion takes all.
VIEWS_AROUND, VIEWS, QUERY_VIEWS = 40, 23, 8
FIRST_STAMP_NS, STEP_NS = 1_700_000_000_250_000_000, 400_000_000
SEED = 7


@dataclass(frozen=True)
class ImageFile:
    """A picture on disk: name in ``images/``, stamp, and the true ``T_map_cam``."""

    name: str
    path: Path
    time_ns: int
    pose: Pose


@dataclass(frozen=True)
class World:
    """A folder with ``images/map``, ``images/between`` and ``images/query``; files are named by their stamps."""

    folder: Path
    mapping: list[ImageFile]
    between: list[ImageFile]
    queries: list[ImageFile]

    def part(self, name: str) -> list[ImageFile]:
        """The images of ``map`` or ``query``."""
        return {'map': self.mapping, 'query': self.queries}[name]

    @property
    def extent_m(self) -> float:
        """Diagonal of the box around the mapping cameras: smaller than what they see."""
        return float(np.linalg.norm(np.ptp([image.pose.translation_3 for image in self.mapping], axis=0)))


def stamp_text(time_ns: int) -> str:
    """Seconds with six digits, as TUM's data sets name their images."""
    return f'{time_ns // 10**9}.{time_ns % 10**9 // 1000:06d}'


def make_world(folder: Path) -> World:
    """Render the world; needs embreex."""
    from neumap_ros.simulation import demo_world

    size = (WIDTH, HEIGHT)
    renderer = demo_world.demo_renderer(SEED, size)
    drive = demo_world.mapping_drive(VIEWS_AROUND)[:VIEWS]
    rng = np.random.default_rng(SEED)
    camera = demo_world.demo_camera(size)
    # Queries start beside the drive's inner views: what the first and last ones see is mapped from one side only.
    queries = demo_world.query_poses(drive[2:-2], QUERY_VIEWS, camera, renderer, rng)
    x_HW, y_HW, pinhole = _distortion_map()
    files: dict[str, list[ImageFile]] = {'map': [], 'between': [], 'query': []}
    for part in files:
        (folder / 'images' / part).mkdir(parents=True)
    for number, pose in enumerate(drive + queries):
        part = 'query' if number >= VIEWS else ('map', 'between')[number % 2]
        time_ns = FIRST_STAMP_NS + STEP_NS * number
        picture = cv2.remap(renderer.render(pinhole, pose), x_HW, y_HW, cv2.INTER_CUBIC)
        name = f'{part}/{stamp_text(time_ns)}.jpg'
        path = folder / 'images' / name
        cv2.imwrite(str(path), demo_world.sensor(picture, rng), [cv2.IMWRITE_JPEG_QUALITY, 95])
        files[part].append(ImageFile(name, path, time_ns, pose))
    return World(folder, files['map'], files['between'], files['query'])


def _distortion_map() -> tuple[np.ndarray, np.ndarray, Camera]:
    """Where each distorted pixel lies in the picture of a larger pinhole camera, by OpenCV, and that camera."""
    x, y = np.meshgrid(np.arange(WIDTH, dtype=np.float64), np.arange(HEIGHT, dtype=np.float64))
    pixels = np.stack([x, y], axis=-1).reshape(-1, 1, 2)
    criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 100, 1e-10)
    k = np.reshape(K_9, (3, 3))
    rays = cv2.undistortPointsIter(pixels, k, np.array(DISTORTION), np.eye(3), np.eye(3), criteria).reshape(-1, 2)
    (left, top), (right, bottom) = rays.min(axis=0), rays.max(axis=0)
    margin_px = 2
    centre_x, centre_y = margin_px - FX * left, margin_px - FY * top
    width, height = (int(np.ceil(n)) + margin_px + 1 for n in (centre_x + FX * right, centre_y + FY * bottom))
    pinhole = Camera('PINHOLE', width, height, (FX, FY, centre_x + 0.5, centre_y + 0.5))
    found = (rays * (FX, FY) + (centre_x, centre_y)).astype(np.float32).reshape(HEIGHT, WIDTH, 2)
    return found[..., 0], found[..., 1], pinhole
