# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Everything that can be checked about a map without an image, reported all at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neumap_ros.errors import MapError
from neumap_ros.maps.manifest import MANIFEST_NAME, manifest_sha256, parse_manifest
from neumap_ros.maps.storage import StoredMap, read_manifest_bytes
from neumap_ros.maps.tensors import DTYPES, deserialize_tensors
from neumap_ros.maps.types import Region, Tensors

# Tensors that have one row per point of the region, in every kind of map.
PER_POINT = ('codes', 'xyz')


@dataclass(frozen=True)
class Problem:
    """Something wrong with a map.

    Attributes:
        path: the file, relative to the map folder.
        message: one sentence.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return self.message


def verify_map(folder: Path) -> list[Problem]:
    """Check a map completely: manifest, digests, strays, tensors, point counts. Nothing is written.

    Args:
        folder: the map folder.

    Returns:
        All problems, empty for a sound map. With a bad manifest only that is reported, because nothing else can
        be judged then.
    """
    try:
        data = read_manifest_bytes(folder)
        manifest = parse_manifest(data, str(folder))
    except MapError as error:
        return [Problem(MANIFEST_NAME, str(error))]
    stored = StoredMap(folder, manifest, manifest_sha256(data), len(data))
    regions = {region.shard: region for region in manifest.regions}
    problems: list[Problem] = []
    for file in manifest.files:
        try:
            tensors = deserialize_tensors(stored.read_file(file.path), f'file {file.path} of map {folder}')
        except MapError as error:
            problems.append(Problem(file.path, str(error)))
            continue
        messages = [*_check_tensors(file.path, tensors), *_check_region(file.path, tensors, regions.get(file.path))]
        problems += [Problem(file.path, message) for message in messages]
    return problems + _find_strays(stored)


def _check_tensors(path: str, tensors: Tensors) -> Iterator[str]:
    for name, array in sorted(tensors.items()):
        if array.dtype.name not in DTYPES:
            yield f'tensor {name!r} of file {path} has dtype {array.dtype}, expected one of {sorted(DTYPES)}'
        elif array.dtype.kind == 'f' and not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).sum())
            yield f'tensor {name!r} of file {path} has {bad} values that are NaN or infinite; build the map again'


def _check_region(path: str, tensors: Tensors, region: Region | None) -> Iterator[str]:
    if region is None:
        if path.startswith('shards/'):
            yield f'file {path} belongs to no region; build the map again'
        return
    for name in PER_POINT:
        if name in tensors and tensors[name].ndim >= 2 and len(tensors[name]) != region.points:
            yield (
                f'tensor {name!r} of file {path} has {len(tensors[name])} rows, the manifest says {region.points} '
                f'points for region {region.id!r}; build the map again'
            )


def _find_strays(stored: StoredMap) -> list[Problem]:
    known = {MANIFEST_NAME, *(file.path for file in stored.manifest.files)}
    found = {path.relative_to(stored.folder).as_posix() for path in stored.folder.rglob('*') if not path.is_dir()}
    return [
        Problem(path, f'file {path} in map {stored.folder} is not in its manifest; remove it')
        for path in sorted(found - known)
    ]
