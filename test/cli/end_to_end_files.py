# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The rendered world written as files: poses.json, COLMAP models, transforms.json, a TUM trajectory, a calibration."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pycolmap
import yaml
from end_to_end_world import COLMAP_PARAMS, CX, CY, DISTORTION, FX, FY, HEIGHT, K_9, WIDTH, ImageFile, World, stamp_text

from neumap_ros.geometry import Pose

# A pose before and one after each image, unevenly, while the camera moves fast: the nearest one, or the one of another
# stamp, is off by centimetres and degrees.
BEFORE_NS, AFTER_NS = 15_000_000, 25_000_000
MOVED_M = np.array([0.10, -0.06, 0.04])
TURNED_RAD = np.radians([1.5, 4.0, -2.0])


def poses_around(time_ns: int, pose: Pose) -> list[tuple[int, Pose]]:
    """Two stamped poses between which the camera moved evenly and was at ``pose`` at the time in between."""
    share = BEFORE_NS / (BEFORE_NS + AFTER_NS)
    samples = []
    for offset_ns, fraction in ((-BEFORE_NS, -share), (AFTER_NS, 1 - share)):
        turn = np.asarray(cv2.Rodrigues(fraction * TURNED_RAD)[0])
        samples.append((time_ns + offset_ns, Pose(pose.rotation_33 @ turn, pose.translation_3 + fraction * MOVED_M)))
    return samples


def write_dataset(world: World) -> Path:
    """poses.json and split.json: camera to world, OpenCV axes and pixels."""
    intrinsics = {'w': WIDTH, 'h': HEIGHT, 'fx': FX, 'fy': FY, 'cx': CX, 'cy': CY, 'dist': DISTORTION}
    images = world.mapping + world.queries
    frames = [{'file': f'images/{image.name}', **intrinsics, 'T_wc': image.pose.matrix_44.tolist()} for image in images]
    split = {part: [image.path.name for image in world.part(part)] for part in ('map', 'query')}
    (world.folder / 'poses.json').write_text(json.dumps({'frames': frames}))
    (world.folder / 'split.json').write_text(json.dumps({'poses': 'poses.json', **split}))
    return world.folder


def write_colmap(folder: Path, images: list[ImageFile], *, binary: bool) -> Path:
    """A model without points: world to camera, pixel centres at 0.5."""
    model = pycolmap.Reconstruction()
    camera = pycolmap.Camera(model='OPENCV', width=WIDTH, height=HEIGHT, params=list(COLMAP_PARAMS), camera_id=1)
    model.add_camera_with_trivial_rig(camera)
    # Ids against the order of names and stamps.
    for image_id, image in enumerate(reversed(images), start=1):
        T_cam_map = pycolmap.Rigid3d(np.linalg.inv(image.pose.matrix_44)[:3])
        model.add_image_with_trivial_frame(pycolmap.Image(name=image.name, camera_id=1, image_id=image_id), T_cam_map)
    folder.mkdir(parents=True)
    (model.write_binary if binary else model.write_text)(folder)
    return folder


def write_transforms(path: Path, images: list[ImageFile]) -> Path:
    """nerfstudio's file: camera to world, x right, y up, z back; COLMAP's pixels."""
    k1, k2, p1, p2 = DISTORTION
    intrinsics = {'w': WIDTH, 'h': HEIGHT, 'fl_x': FX, 'fl_y': FY, 'cx': CX + 0.5, 'cy': CY + 0.5}
    distortion = {'camera_model': 'OPENCV', 'k1': k1, 'k2': k2, 'p1': p1, 'p2': p2}
    frames = []
    for image in images:
        matrix = image.pose.matrix_44
        matrix[:3, 1:3] *= -1
        frames.append({'file_path': f'images/{image.name}', 'transform_matrix': matrix.tolist()})
    path.write_text(json.dumps({**intrinsics, **distortion, 'frames': frames}))
    return path


def write_tum(path: Path, images: list[ImageFile]) -> Path:
    """A trajectory of the camera, ``t tx ty tz qx qy qz qw``."""
    lines = ['# timestamp tx ty tz qx qy qz qw']
    for image in images:
        for time_ns, pose in poses_around(image.time_ns, image.pose):
            w, x, y, z = pose.quaternion_wxyz
            lines.append(' '.join([stamp_text(time_ns), *(f'{v:.9f}' for v in (*pose.translation_3, x, y, z, w))]))
    path.write_text('\n'.join(lines) + '\n')
    return path


def write_camera_yaml(path: Path) -> Path:
    """What ROS's camera_calibration writes."""
    document = {
        'image_width': WIDTH,
        'image_height': HEIGHT,
        'camera_name': 'front',
        'camera_matrix': {'rows': 3, 'cols': 3, 'data': list(K_9)},
        'distortion_model': 'plumb_bob',
        'distortion_coefficients': {'rows': 1, 'cols': 5, 'data': [*DISTORTION, 0.0]},
        'rectification_matrix': {'rows': 3, 'cols': 3, 'data': [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]},
        'projection_matrix': {'rows': 3, 'cols': 4, 'data': [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, *[0.0] * 6]},
    }
    path.write_text(yaml.safe_dump(document))
    return path
