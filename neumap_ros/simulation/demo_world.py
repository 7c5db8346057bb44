# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A small world with exact ground truth: a furnished room, a mapping drive and queries beside its path.

The same seed gives the same pictures. Poses and intrinsics are exact; nothing is measured.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError, NeumapError
from neumap_ros.geometry import PIXEL_CENTRE, Camera, FloatArray, Pose
from neumap_ros.simulation.renderer import PictureRenderer
from neumap_ros.simulation.room import ROOM_M, furnished_room, furniture

# Texels per metre and image column: at two metres from a wall, one texel of it fills about one pixel.
TEXELS_PER_M_AND_PX = 0.4
# Focal length in image widths: 64 degrees across, like the usual robot cameras.
FOCAL_WIDTHS = 0.8
JPEG_QUALITY = 92

# The drive: an ellipse around the table, looking ahead and slowly to both sides.
DRIVE_RADII_M = (1.6, 1.25)
DRIVE_HEIGHT_M = 1.25
PAN_DEG, PAN_CYCLES = 40.0, 3
PITCH_DEG, PITCH_CYCLES = 7.0, 5

# How far queries are from the nearest mapping view, and from where it looks.
QUERY_DISTANCE_M = (0.2, 0.5)
QUERY_ANGLE_DEG = (5.0, 20.0)
# Cameras keep this far from walls and furniture, and look at things at least so far away on average.
CLEARANCE_M = 0.25
MIN_MEDIAN_DEPTH_M = 0.9
QUERY_ATTEMPTS = 1000

# What differs between two pictures of the same thing: exposure, response curve and sensor noise (grey levels).
GAIN = (0.88, 1.12)
GAMMA = (0.93, 1.07)
NOISE_SIGMA = 1.5

CONVENTION = (
    'T_wc: camera-to-world 4x4, OpenCV camera axes (x right,y down,z forward); '
    'K in pixels, pixel centre of top-left = (0,0); dist OpenCV k1 k2 p1 p2 [k3]'
)

Progress = Callable[[int, int], None]


def make_demo_world(
    folder: Path,
    seed: int = 7,
    size: tuple[int, int] = (640, 480),
    mapping_views: int = 60,
    query_views: int = 20,
    progress: Progress | None = None,
) -> None:
    """Render the demonstration's pictures and write them with their poses.

    Writes ``images/*.jpg``, ``poses.json`` (camera-to-world, metres, OpenCV axes and pixels) and ``split.json`` (which
    images make the map and which are queries) into a folder beside the wanted one and renames it when it is complete.

    Args:
        folder: to create; a demo world that is already there is replaced.
        seed: decides textures, the queries' poses and the sensor noise.
        size: of the images, width and height in pixels.
        mapping_views: number of images for the map, at least 2.
        query_views: number of images to localize.
        progress: called with (images done, images in all) after each image.

    Raises:
        ConfigError: impossible sizes, or the folder holds something else.
        NeumapError: an image cannot be written.
    """
    folder = Path(folder)
    if min(size) < 32 or mapping_views < 2 or query_views < 0:
        raise ConfigError(
            f'a demo world of {mapping_views} mapping views, {query_views} query views and {size[0]}x{size[1]} pixels '
            'is impossible, expected at least 2 mapping views and 32x32 pixels'
        )
    if folder.exists() and not (folder / 'poses.json').is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f'{folder} exists and is not a demo world, expected a free name; choose another folder')
    camera = demo_camera(size)
    renderer = demo_renderer(seed, size)
    drive = mapping_drive(mapping_views)
    rng = np.random.default_rng([seed, 1])
    poses = drive + query_poses(drive, query_views, camera, renderer, rng)
    partial = folder.with_name(f'{folder.name}.{uuid.uuid4().hex[:8]}.partial')
    try:
        (partial / 'images').mkdir(parents=True)
        names = [f'map_{i:04d}.jpg' for i in range(mapping_views)] + [f'query_{i:04d}.jpg' for i in range(query_views)]
        for done, (name, pose) in enumerate(zip(names, poses, strict=True), start=1):
            picture = sensor(renderer.render(camera, pose), np.random.default_rng([seed, 2, done]))
            _write_jpeg(partial / 'images' / name, picture)
            if progress is not None:
                progress(done, len(poses))
        _write_json(partial / 'poses.json', _poses_document(names, poses, camera, seed))
        split = {
            'note': 'queries lie 0.2 to 0.5 m and 5 to 20 degrees off the mapping drive',
            'poses': 'poses.json',
            'map': names[:mapping_views],
            'query': names[mapping_views:],
        }
        _write_json(partial / 'split.json', split)
        if folder.exists():
            shutil.rmtree(folder)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def demo_camera(size: tuple[int, int] = (640, 480)) -> Camera:
    """The pinhole camera of the demo world.

    Args:
        size: width and height in pixels.
    """
    width, height = size
    focal = FOCAL_WIDTHS * width
    return Camera('PINHOLE', width, height, (focal, focal, width / 2, height / 2), 'demo camera')


def demo_renderer(seed: int = 7, size: tuple[int, int] = (640, 480)) -> PictureRenderer:
    """The furnished room, painted as finely as images of this size can show.

    Args:
        seed: decides the textures.
        size: of the images, width and height in pixels.

    Raises:
        ConfigError: the ray caster embreex is not installed.
    """
    return PictureRenderer(*furnished_room(TEXELS_PER_M_AND_PX * size[0], np.random.default_rng([seed, 0])))


def camera_pose(position_3: FloatArray, yaw: float, pitch: float = 0.0, roll: float = 0.0) -> Pose:
    """``T_world_cam`` of a camera that looks along yaw.

    Args:
        position_3: metres.
        yaw: direction of view about the vertical, radians from the world's x axis.
        pitch: upwards, radians.
        roll: clockwise about the optical axis, radians.
    """
    forward = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0])
    down = np.cross(forward, right)
    c, s = np.cos(roll), np.sin(roll)
    return Pose(np.column_stack([c * right + s * down, c * down - s * right, forward]), position_3)


def mapping_drive(views: int) -> list[Pose]:
    """``T_world_cam`` of every mapping view, in driving order, along a closed loop around the middle of the room."""
    poses = []
    for phase in 2 * np.pi * np.arange(views) / views:
        x, y = ROOM_M[0] / 2 + DRIVE_RADII_M[0] * np.cos(phase), ROOM_M[1] / 2 + DRIVE_RADII_M[1] * np.sin(phase)
        heading = np.arctan2(DRIVE_RADII_M[1] * np.cos(phase), -DRIVE_RADII_M[0] * np.sin(phase))
        yaw = heading + np.radians(PAN_DEG) * np.sin(PAN_CYCLES * phase)
        pitch = np.radians(PITCH_DEG) * np.sin(PITCH_CYCLES * phase)
        poses.append(camera_pose(np.array([x, y, DRIVE_HEIGHT_M + 0.08 * np.sin(4 * phase)]), yaw, pitch))
    return poses


def query_poses(
    drive: list[Pose], views: int, camera: Camera, renderer: PictureRenderer, rng: np.random.Generator
) -> list[Pose]:
    """Poses beside the drive, evenly along it, with a free view.

    Args:
        drive: the mapping views' ``T_world_cam``.
        views: how many.
        camera: that looks.
        renderer: of the room, for the depth of the view.
        rng: decides where.

    Returns:
        ``T_world_cam`` of each; the nearest mapping view is QUERY_DISTANCE_M away, the one it starts from differs by
        QUERY_ANGLE_DEG.

    Raises:
        ConfigError: no free place was found.
    """
    positions = np.array([pose.translation_3 for pose in drive])
    grid = np.stack(np.meshgrid(*(np.linspace(0.1, 0.9, 9) * n for n in (camera.width, camera.height))), axis=-1)
    poses: list[Pose] = []
    for number in range(views):
        anchor = drive[int((number + 0.5) * len(drive) / views)]
        for _ in range(QUERY_ATTEMPTS):
            pose = _beside(anchor, rng)
            distance = np.linalg.norm(positions - pose.translation_3, axis=1).min()
            if not QUERY_DISTANCE_M[0] <= distance <= QUERY_DISTANCE_M[1] or not _is_free(pose.translation_3):
                continue
            if np.median(renderer.trace(camera, pose, grid.reshape(-1, 2))[1]) >= MIN_MEDIAN_DEPTH_M:
                poses.append(pose)
                break
        else:
            raise ConfigError(f'no free place for query view {number} in {QUERY_ATTEMPTS} attempts; use another seed')
    return poses


def sensor(picture_HW3: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Give a rendered picture its own exposure, response curve and noise.

    Args:
        picture_HW3: uint8.
        rng: decides them.
    """
    curve = 255 * rng.uniform(*GAIN) * (np.arange(256) / 255) ** rng.uniform(*GAMMA)
    noise = NOISE_SIGMA * rng.standard_normal(picture_HW3.shape, dtype=np.float32)
    return np.clip(np.rint(curve.astype(np.float32)[picture_HW3] + noise), 0, 255).astype(np.uint8)


def _beside(anchor: Pose, rng: np.random.Generator) -> Pose:
    """A random pose within the queries' distance and angle of another one."""
    direction = rng.standard_normal(3) * (1, 1, 0.35)
    offset = rng.uniform(*QUERY_DISTANCE_M) * direction / np.linalg.norm(direction)
    # Mostly a turn of the head: a camera on a robot rolls little.
    axis = rng.standard_normal(3) * (0.5, 1, 0.25)
    angle = np.radians(rng.uniform(*QUERY_ANGLE_DEG))
    turn, _ = cv2.Rodrigues(angle * axis / np.linalg.norm(axis))
    return Pose(anchor.rotation_33 @ np.asarray(turn, dtype=np.float64), anchor.translation_3 + offset)


def _is_free(position_3: FloatArray) -> bool:
    """Whether a camera at a place keeps its clearance to walls and furniture."""
    if np.any(position_3 < CLEARANCE_M) or np.any(position_3 > np.array(ROOM_M) - CLEARANCE_M):
        return False
    for box in furniture(np.random.default_rng(0)):
        # The circle around the box, whichever way it is turned.
        radius = np.hypot(box.size_3[0], box.size_3[1]) / 2
        beside = np.hypot(*(position_3[:2] - box.centre_3[:2])) > radius + CLEARANCE_M
        if not beside and abs(position_3[2] - box.centre_3[2]) < box.size_3[2] / 2 + CLEARANCE_M:
            return False
    return True


def _poses_document(names: list[str], poses: list[Pose], camera: Camera, seed: int) -> dict[str, Any]:
    fx, fy, cx, cy = camera.params
    intrinsics = {'fx': fx, 'fy': fy, 'cx': cx - PIXEL_CENTRE, 'cy': cy - PIXEL_CENTRE, 'dist': [0.0, 0.0, 0.0, 0.0]}
    frames = [
        {'file': f'images/{name}', 'w': camera.width, 'h': camera.height}
        | intrinsics
        | {'T_wc': pose.matrix_44.tolist()}
        for name, pose in zip(names, poses, strict=True)
    ]
    return {'convention': CONVENTION, 'source': f'neumap_ros demo world, seed {seed}', 'frames': frames}


def _write_jpeg(path: Path, picture: NDArray[np.uint8]) -> None:
    done, data = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise NeumapError(f'image {path} cannot be encoded as JPEG, expected OpenCV to do so; reinstall OpenCV')
    path.write_bytes(data.tobytes())


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1) + '\n', encoding='utf-8')
