# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""COLMAP models, text or binary, with or without rigs."""

from __future__ import annotations

import struct
from pathlib import Path

import pycolmap

from neumap_ros.errors import SourceError
from neumap_ros.geometry import Camera, Pose
from neumap_ros.mapping.sources.base import FileSource, ImageSource, PosedImage

# Where people point: at the model, or at the project around it.
_MODEL_PLACES = ('.', 'sparse/0', 'sparse', '0')
_IMAGE_PLACES = ('../../images', '../images', 'images')
_MODEL_FILES = ('cameras', 'images', 'points3D')


def open_colmap(model_dir: Path, images_dir: Path | None = None, *, metric: bool | None = None) -> ImageSource:
    """Open a COLMAP model; only its registered images count.

    Args:
        model_dir: folder with cameras, images and points3D (.bin or .txt), or the project folder around ``sparse/0``.
        images_dir: folder that the image names refer to; by default the first of ``../../images``, ``../images`` and
            ``images`` beside the model that has the first image.
        metric: whether its unit is a metre; COLMAP does not say.

    Raises:
        SourceError: no model, a damaged one, none registered, or no folder of images.
        CalibrationError: a pose or a camera that is none.
    """
    model = _find_model(Path(model_dir))
    _check_frames(model)
    try:
        reconstruction = pycolmap.Reconstruction(model)
    except (RuntimeError, ValueError, IndexError, OSError) as error:
        reason = str(error).strip().splitlines()[-1:] or ['unreadable']
        raise SourceError(
            f'the COLMAP model {model} is damaged ({reason[0]}), expected cameras, images and points3D; export it again'
        ) from None
    registered = sorted(
        (image for image in reconstruction.images.values() if image.has_pose), key=lambda image: str(image.name)
    )
    if not registered:
        raise SourceError(
            f'the COLMAP model {model} has {reconstruction.num_images()} images and none registered, expected poses; '
            'run the mapper first'
        )
    _check_sizes(model, reconstruction, registered)
    folder = _find_images(model, images_dir, registered[0].name)
    cameras = {
        camera_id: Camera.from_pycolmap(camera, f'camera {camera_id} of {model}')
        for camera_id, camera in reconstruction.cameras.items()
    }
    images = [
        PosedImage(
            str(image.name),
            cameras[image.camera_id],
            Pose.from_matrix(image.cam_from_world().matrix(), f'the pose of image {image.name}').inverse(),
        )
        for image in registered
    ]
    paths = {image.name: folder / image.name for image in images}
    return FileSource(f'COLMAP model {model}', images, paths, metric=metric)


def _find_model(folder: Path) -> Path:
    for place in _MODEL_PLACES:
        for suffix in ('.bin', '.txt'):
            if all((folder / place / f'{name}{suffix}').is_file() for name in _MODEL_FILES):
                return folder / place
    raise SourceError(
        f'{folder} holds no COLMAP model, expected cameras, images and points3D (.bin or .txt) there or in sparse/0; '
        'give the folder that the mapper wrote'
    )


def _check_frames(model: Path) -> None:
    """Refuse a truncated ``frames.bin``, over whose invented lengths COLMAP spends minutes and memory.

    Layout, measured on the files that pycolmap 4.2.1 writes: a uint64 count, then per frame uint32 frame, uint32 rig,
    7 doubles, a uint32 count, and 16 bytes for each of those.
    """
    path = model / 'frames.bin'
    if not path.is_file():
        return
    data = path.read_bytes()
    offset = 8
    try:
        (count,) = struct.unpack_from('<Q', data)
        for _ in range(count):
            offset += 68 + 16 * int(struct.unpack_from('<I', data, offset + 64)[0])
    except struct.error:
        offset = len(data) + 1
    if offset > len(data):
        raise SourceError(
            f'the COLMAP model {model} is damaged (frames.bin ends within a frame, at {len(data)} bytes), '
            'expected a complete file; export it again'
        )


def _check_sizes(model: Path, reconstruction: pycolmap.Reconstruction, registered: list[pycolmap.Image]) -> None:
    """Refuse truncated binary files, which COLMAP reads without complaint as zeros.

    Sizes are those of https://colmap.github.io/format.html#binary-file-format.
    """
    expected = {
        'cameras.bin': 8 + sum(24 + 8 * len(camera.params) for camera in reconstruction.cameras.values()),
        'images.bin': 8 + sum(73 + len(str(i.name).encode()) + 24 * i.num_points2D() for i in registered),
    }
    for name, size in expected.items():
        path = model / name
        if path.is_file() and path.stat().st_size < size:
            raise SourceError(
                f'the COLMAP model {model} is damaged ({name} has {path.stat().st_size} bytes), '
                f'expected at least {size}; export it again'
            )


def _find_images(model: Path, images_dir: Path | None, first_name: str) -> Path:
    if images_dir is not None:
        folder = Path(images_dir)
        if not folder.is_dir():
            raise SourceError(f'{folder} is no folder, expected the images of {model}; check the path')
        return folder
    candidates = [model / place for place in _IMAGE_PLACES]
    for folder in candidates:
        if (folder / first_name).is_file():
            return folder
    raise SourceError(
        f'the image {first_name!r} of the COLMAP model {model} is in none of {", ".join(map(str, candidates))}; '
        'give the folder of the images'
    )
