# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What decides a result: pictures, true poses, settings, the code that makes maps and poses, and its libraries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

import neumap_ros
from benchmarks.regression.records import library_versions
from neumap_ros.errors import ImageError
from neumap_ros.mapping.sources import ImageSource, PosedImage

PACKAGE = Path(neumap_ros.__file__).parent
# Modules and packages of neumap_ros that can change a map or a pose, or the figures of a run.
DECISIVE = (
    *('errors.py', 'geometry.py', 'images.py', 'memory.py', 'features', 'models', 'maps', 'mapping', 'localization'),
    *(f'evaluation/{name}.py' for name in ('metrics', 'run', 'run_figures', 'run_rows', 'run_time', 'run_types')),
    *('ros_images.py', 'ros_values.py', 'weights'),
)
# Of the suite itself: what makes queries and results.
SUITE = ('datasets.py', 'variants.py', 'regression/results.py', 'regression/scenes.py', 'regression/task.py')
_SUFFIXES = ('.py', '.safetensors', '.json')
# Poses are compared to a hundredth of a millimetre: the last bits of a sine differ from machine to machine.
_POSE_DECIMALS = 5


@dataclass(frozen=True)
class SourceDigest:
    """A source, for keys and for telling whether two queries are the same.

    Attributes:
        queries: of each image its name, camera and pose, whatever it shows.
        pictures: of all pixels.
    """

    queries: tuple[str, ...]
    pictures: str

    @property
    def key(self) -> str:
        """Of everything."""
        return digest_of([self.queries, self.pictures])


def digest_of(value: Any) -> str:
    """Sixteen hexadecimal digits of anything that JSON can express."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def digest_source(source: ImageSource) -> SourceDigest:
    """Read all images once."""
    pictures = hashlib.sha256()
    for image in source.images:
        try:
            pixels = source.read(image)
            pictures.update(f'{image.name} {pixels.shape}'.encode() + np.ascontiguousarray(pixels).tobytes())
        except ImageError as error:  # an attempt that fails, see neumap_ros.evaluation.run
            pictures.update(f'{image.name} {type(error).__name__}'.encode())
    metric = source.metric is not False
    queries = tuple(_query(image, metric) for image in source.images)
    return SourceDigest(queries, pictures.hexdigest()[:16])


def _query(image: PosedImage, metric: bool) -> str:
    # Adding 0.0 makes a negative zero a zero.
    pose = None if image.T_map_cam is None else (image.T_map_cam.matrix_44.round(_POSE_DECIMALS) + 0.0).tolist()
    camera = json.loads(json.dumps(image.camera.to_json()), parse_float=lambda text: round(float(text), 6))
    return digest_of([image.name, camera, pose, image.time_s, metric])[:8]


@lru_cache(maxsize=1)
def code_version() -> str:
    """A digest of the code and of the libraries that decide a result."""
    digest = hashlib.sha256(json.dumps(library_versions(), sort_keys=True).encode())
    for path in decisive_files():
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def decisive_files() -> list[Path]:
    """The files behind :func:`code_version`."""
    suite = Path(__file__).resolve().parents[1]
    tops = [*(PACKAGE / name for name in DECISIVE), *(suite / name for name in SUITE)]
    return sorted(path for top in tops for path in _files(top))


def _files(top: Path) -> Iterable[Path]:
    return [top] if top.is_file() else [path for path in top.rglob('*') if path.suffix in _SUFFIXES]
