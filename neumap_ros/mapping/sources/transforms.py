# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``transforms.json`` of nerfstudio, instant-ngp and the NeRF data sets.

Camera axes are OpenGL's (x right, y up, z back): https://docs.nerf.studio/quickstart/data_conventions.html.
Pixels follow COLMAP, the top-left pixel's centre at (0.5, 0.5): nerfstudio passes COLMAP's cx, cy on unchanged, casts
its rays through x + 0.5, and takes 0.5 off before it calls OpenCV
(https://github.com/nerfstudio-project/nerfstudio/issues/3048 and pull request 3071); instant-ngp's colmap2nerf.py
passes them on unchanged too. A frame's own intrinsics override those of the file.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from neumap_ros.errors import SourceError
from neumap_ros.geometry import PIXEL_CENTRE, Camera, Pose
from neumap_ros.images import IMAGE_SUFFIXES, read_image
from neumap_ros.mapping.sources.base import FileSource, ImageSource, PosedImage
from neumap_ros.mapping.sources.files import flag, number, read_json

_PERSPECTIVE_MODELS = ('OPENCV', 'PINHOLE', 'SIMPLE_PINHOLE', 'SIMPLE_RADIAL', 'RADIAL')
_FISHEYE_MODELS = ('OPENCV_FISHEYE',)
_TRANSFORMS_FILE = 'transforms.json'

_OPENGL_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


def open_transforms(path: Path, *, metric: bool | None = None) -> ImageSource:
    """Open a ``transforms.json``.

    Args:
        path: the file, or the folder that holds ``transforms.json``.
        metric: whether its unit is a metre; by default what the file's key ``metric`` says, else unknown.

    Raises:
        SourceError: the file or keys are missing or malformed.
        CalibrationError: a pose is not rigid, or a camera not calibrated.
        ImageError: the file gives no image size and the first image cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        path = path / _TRANSFORMS_FILE
    data = read_json(path, "the key 'frames'")
    frames = data.get('frames')
    if not isinstance(frames, list):
        raise SourceError(f"{path} has no list 'frames', expected one entry per image; write it again")
    images: list[PosedImage] = []
    paths: dict[str, Path] = {}
    shared_size: tuple[int, int] | None = None
    for index, frame in enumerate(frames):
        where = f'{path}, frame {index}'
        if not isinstance(frame, dict) or not isinstance(frame.get('file_path'), str):
            raise SourceError(f"{where} has no 'file_path', expected the path of its image; add it")
        file = _image_file(path.parent, frame['file_path'])
        name = file.relative_to(path.parent).as_posix() if file.is_relative_to(path.parent) else file.as_posix()
        where = f'{where} ({name})'
        if 'transform_matrix' not in frame:
            raise SourceError(f"{where} has no 'transform_matrix', expected a 4x4 camera-to-world matrix; add it")
        try:
            T_map_gl = Pose.from_matrix(frame['transform_matrix'], f'the pose of image {name}')
        except (TypeError, ValueError) as error:
            raise SourceError(f"{where} has a malformed 'transform_matrix' ({error}), expected 4x4 numbers") from None
        intrinsics = {**data, **frame}
        if 'w' not in intrinsics or 'h' not in intrinsics:
            if shared_size is None:
                height, width = read_image(file).shape
                shared_size = width, height
            intrinsics['w'], intrinsics['h'] = shared_size
        images.append(PosedImage(name, _camera(intrinsics, where), T_map_gl @ Pose.from_matrix(_OPENGL_FROM_OPENCV)))
        paths[name] = file
    return FileSource(f'{path}', images, paths, metric=flag(data, 'metric', str(path)) if metric is None else metric)


def _image_file(folder: Path, file_path: str) -> Path:
    """Find the file of an entry; NeRF's synthetic scenes leave the suffix out, and a stem may itself contain dots."""
    file = folder / Path(file_path)
    if file.suffix.lower() in IMAGE_SUFFIXES:
        return file
    for suffix in ('.png', *IMAGE_SUFFIXES):
        candidate = file.with_name(file.name + suffix)
        if candidate.is_file():
            return candidate
    return file


def _camera(data: dict[str, Any], where: str) -> Camera:
    """Build the camera of a frame from the file's keys and its own, the latter first."""
    width, height = int(number(data, 'w', where)), int(number(data, 'h', where))
    if 'fl_x' in data:
        fx = number(data, 'fl_x', where)
    elif 'camera_angle_x' in data:
        fx = _focal_length(width, number(data, 'camera_angle_x', where), where)
    else:
        raise SourceError(f"{where} has neither 'fl_x' nor 'camera_angle_x', expected a focal length; add one")
    if 'fl_y' in data:
        fy = number(data, 'fl_y', where)
    elif 'fl_x' not in data and 'camera_angle_y' in data:
        fy = _focal_length(height, number(data, 'camera_angle_y', where), where)
    else:
        fy = fx
    cx = number(data, 'cx', where, width / 2) - PIXEL_CENTRE
    cy = number(data, 'cy', where, height / 2) - PIXEL_CENTRE
    k1, k2, k3, k4, p1, p2 = (number(data, key, where, 0.0) for key in ('k1', 'k2', 'k3', 'k4', 'p1', 'p2'))

    model = str(data.get('camera_model', 'OPENCV')).upper()
    name = f'the camera of {where}'
    if model in _FISHEYE_MODELS or data.get('is_fisheye') is True:
        return Camera.from_opencv(width, height, fx, fy, cx, cy, (k1, k2, k3, k4), fisheye=True, name=name)
    if model not in _PERSPECTIVE_MODELS:
        raise SourceError(
            f'{where} uses the camera model {model!r}, expected one of '
            f'{", ".join((*_PERSPECTIVE_MODELS, *_FISHEYE_MODELS))}; undistort the images to PINHOLE'
        )
    if k4:
        # nerfstudio's fourth coefficient is r^8's, OpenCV's divides (nerfstudio issue 3355): not the same camera.
        raise SourceError(
            f'{where} has k4 = {k4} without fisheye, expected 0; undistort the images or refit with k4 = 0'
        )
    return Camera.from_opencv(width, height, fx, fy, cx, cy, (k1, k2, p1, p2, k3), name=name)


def _focal_length(size_px: int, angle_rad: float, where: str) -> float:
    if not 0 < angle_rad < math.pi:
        raise SourceError(f'{where} has a camera angle of {angle_rad}, expected radians between 0 and pi; correct it')
    return 0.5 * size_px / math.tan(0.5 * angle_rad)
