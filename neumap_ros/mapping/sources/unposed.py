# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A folder of images without poses: structure from motion by COLMAP gives them, at an arbitrary scale."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections import defaultdict
from pathlib import Path

import pycolmap

from neumap_ros.errors import MappingError, SourceError
from neumap_ros.geometry import Camera
from neumap_ros.images import check_image_size, read_image
from neumap_ros.mapping.sources.base import ImageSource, file_fact
from neumap_ros.mapping.sources.colmap import open_colmap
from neumap_ros.mapping.sources.files import list_images

_log = logging.getLogger(__name__)

# Matching all pairs grows with the square; beyond this the images are taken for a walk and only neighbours are matched.
EXHAUSTIVE_UP_TO = 120
SEQUENTIAL_OVERLAP = 15

# COLMAP gives a model up when a distortion coefficient passes 1; wide lenses do so without being wrong.
MAX_EXTRA_PARAM = 100.0

# Fewer images than COLMAP's usual 10 still make a small map.
MIN_MODEL_SIZE = 3

_RANDOM_SEED = 0
_INPUTS_FILE = 'inputs.json'
_DATABASE_FILE = 'database.db'
_SPARSE_FOLDER = 'sparse'


def reconstruct_images(images_dir: Path, work_dir: Path, camera: Camera | None = None) -> ImageSource:
    """Find the poses of images by structure from motion.

    Features and matches already in ``work_dir`` are used again, and so is a finished model, unless images or camera
    changed since.

    Args:
        images_dir: folder of images, subfolders included.
        work_dir: folder for the database and the model; created.
        camera: the calibrated camera that took all images; None estimates one per folder, or one per image where
            the sizes in a folder differ.

    Returns:
        The images that could be registered; ``metric`` is False.

    Raises:
        SourceError: no images.
        ImageError: an image is truncated or contradicts the camera.
        MappingError: no model, or only of very few images.
    """
    images_dir, work_dir = Path(images_dir), Path(work_dir)
    paths = list_images(images_dir)
    names = [path.relative_to(images_dir).as_posix() for path in paths]
    _prepare(work_dir, _digest(paths, names, camera))
    sparse = work_dir / _SPARSE_FOLDER
    best = _best_model(sparse)
    if best is None:
        database = work_dir / _DATABASE_FILE
        _log.info('structure from motion of %d images in %s; this takes minutes to hours', len(paths), work_dir)
        mode = _camera_mode(paths, camera)
        _find_matches(database, images_dir, names, camera, mode)
        _build_models(database, images_dir, sparse, camera)
        best = _best_model(sparse)
    if best is None:
        raise MappingError(
            f'structure from motion registered 0 of the {len(paths)} images in {images_dir}, expected a model; take '
            'overlapping, sharp images while moving sideways, or give a calibrated camera'
        )
    model, registered = best
    if registered < len(paths):
        _log.warning('%d of %d images could not be registered and are left out', len(paths) - registered, len(paths))
    _log.warning('the poses of %s come from images alone: the scale of the map is arbitrary, not metres', images_dir)
    return open_colmap(model, images_dir, metric=False)


def _digest(paths: list[Path], names: list[str], camera: Camera | None) -> str:
    facts = [[name, *file_fact(path)[1:]] for name, path in zip(names, paths, strict=True)]
    text = json.dumps([facts, camera.to_json() if camera is not None else None], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _prepare(work_dir: Path, digest: str) -> None:
    """Create the folder, and drop from it what other images left there."""
    try:
        work_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(f'{work_dir} cannot be created ({error.strerror}), expected a folder; name another') from None
    inputs = work_dir / _INPUTS_FILE
    text = json.dumps({'digest': digest})
    if not inputs.is_file() or inputs.read_text(encoding='utf-8') != text:
        (work_dir / _DATABASE_FILE).unlink(missing_ok=True)
        shutil.rmtree(work_dir / _SPARSE_FOLDER, ignore_errors=True)
        inputs.write_text(text, encoding='utf-8')


def _camera_mode(paths: list[Path], camera: Camera | None) -> pycolmap.CameraMode:
    """Read all images once, which is little beside what follows, and choose which of them share a camera."""
    sizes: dict[Path, set[tuple[int, ...]]] = defaultdict(set)
    for path in paths:
        image = read_image(path)
        if camera is not None:
            check_image_size(image, camera, str(path))
        sizes[path.parent].add(image.shape)
    if camera is not None:
        return pycolmap.CameraMode.SINGLE
    alike = all(len(shapes) == 1 for shapes in sizes.values())
    return pycolmap.CameraMode.PER_FOLDER if alike else pycolmap.CameraMode.PER_IMAGE


def _find_matches(
    database: Path, images_dir: Path, names: list[str], camera: Camera | None, mode: pycolmap.CameraMode
) -> None:
    reader = pycolmap.ImageReaderOptions()
    if camera is not None:
        reader.camera_model = camera.model
        reader.camera_params = ','.join(repr(value) for value in camera.params)
    pycolmap.extract_features(
        database, images_dir, names, camera_mode=mode, reader_options=reader, device=pycolmap.Device.cpu
    )
    if len(names) <= EXHAUSTIVE_UP_TO:
        pycolmap.match_exhaustive(database, device=pycolmap.Device.cpu)
    else:
        pairing = pycolmap.SequentialPairingOptions()
        pairing.overlap = SEQUENTIAL_OVERLAP
        pycolmap.match_sequential(database, pairing_options=pairing, device=pycolmap.Device.cpu)


def _build_models(database: Path, images_dir: Path, sparse: Path, camera: Camera | None) -> None:
    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = _RANDOM_SEED
    options.min_model_size = MIN_MODEL_SIZE
    options.max_extra_param = MAX_EXTRA_PARAM
    if camera is not None:
        options.ba_refine_focal_length = False
        options.ba_refine_extra_params = False
        options.mapper.abs_pose_refine_focal_length = False
        options.mapper.abs_pose_refine_extra_params = False
    # Written beside and renamed, so that an interrupted run leaves no half model that looks finished.
    partial = sparse.with_name(f'{sparse.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    pycolmap.incremental_mapping(database, images_dir, partial, options)
    partial.rename(sparse)


def _best_model(sparse: Path) -> tuple[Path, int] | None:
    """Give (folder, registered images) of the largest model, the first of equals."""
    best: tuple[Path, int] | None = None
    for folder in sorted(sparse.iterdir()) if sparse.is_dir() else []:
        if (folder / 'images.bin').is_file():
            registered = pycolmap.Reconstruction(folder).num_reg_images()
            if registered >= MIN_MODEL_SIZE and (best is None or registered > best[1]):
                best = folder, registered
    return best
