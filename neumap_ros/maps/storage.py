# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Maps on disk: written whole or not at all, and checked byte for byte whenever something is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from neumap_ros.errors import MapError
from neumap_ros.maps.atomic import as_map_errors, check_target, partial_folder, put_in_place, write_file
from neumap_ros.maps.manifest import (
    MANIFEST_NAME,
    manifest_sha256,
    manifest_to_bytes,
    parse_manifest,
    shard_path,
    shared_path,
)
from neumap_ros.maps.tensors import deserialize_tensors, serialize_tensors
from neumap_ros.maps.types import Manifest, MapFile, Region, Shard, Tensors


def write_map(
    folder: Path,
    manifest: Manifest,
    shared: Mapping[str, Tensors],
    shards: Iterable[tuple[Region, Tensors]],
    *,
    overwrite: bool = False,
) -> Manifest:
    """Write a map so that its folder appears complete or not at all.

    Everything goes to the sibling folder ``.<name>.partial``, is flushed to the disk and renamed in the end.
    A failure or Ctrl-C removes that folder; what a killed process left is removed by the next write.

    Args:
        folder: where the map shall lie; its parent must exist.
        manifest: the description; its ``files`` and ``regions`` are ignored and computed here.
        shared: tensors of each file under ``shared/``, by file stem.
        shards: regions and their tensors, in the order in which the manifest shall list them; may be a generator.
            ``Region.shard`` is ignored and computed, boxes are rounded with
            :func:`neumap_ros.maps.manifest.rounded_box`.
        overwrite: replace an existing map; a folder that holds anything else is never replaced.

    Returns:
        The manifest as it lies on the disk.

    Raises:
        MapError: the folder exists, the disk is full, another process writes the same map, or unusable content.
    """
    folder = folder.absolute().resolve()
    check_target(folder, overwrite)
    with partial_folder(folder) as partial:
        files: list[MapFile] = []
        regions: list[Region] = []

        def write(path: str, data: bytes) -> None:
            files.append(MapFile(path, len(data), hashlib.sha256(data).hexdigest()))
            with as_map_errors(folder, partial, sum(file.bytes for file in files)):
                write_file(partial / path, data)

        for name in sorted(shared):
            write(shared_path(name), serialize_tensors(shared[name], f'shared file {name!r}'))
        for region, tensors in shards:
            regions.append(replace(region, shard=shard_path(region.id)))
            write(regions[-1].shard, serialize_tensors(tensors, f'region {region.id!r}'))
        files.sort(key=lambda file: file.path)
        data = manifest_to_bytes(replace(manifest, files=tuple(files), regions=tuple(regions)))
        stored = parse_manifest(data, str(folder))
        with as_map_errors(folder, partial, len(data) + sum(file.bytes for file in files)):
            write_file(partial / MANIFEST_NAME, data)
            put_in_place(partial, folder, overwrite)
    return stored


@dataclass(frozen=True)
class StoredMap:
    """A map folder whose manifest was checked; tensors are read and checked when asked for.

    Attributes:
        folder: the map folder; nothing is ever written there.
        manifest: its manifest.
        manifest_sha256: sha256 of the manifest's bytes in hex, the name of the revision.
        manifest_bytes: size of the manifest.
    """

    folder: Path
    manifest: Manifest
    manifest_sha256: str
    manifest_bytes: int

    @property
    def name(self) -> str:
        """What to call the map in an error: its folder."""
        return str(self.folder)

    @property
    def resident(self) -> frozenset[str]:
        """Ids of the regions that can be read: all of them."""
        return frozenset(region.id for region in self.manifest.regions)

    @property
    def retrieval(self) -> bytes | None:
        """None: the visual words of the regions are no part of a map, they are computed from it."""
        return None

    @property
    def total_bytes(self) -> int:
        """Bytes of all files of the map, manifest included."""
        return self.manifest_bytes + sum(file.bytes for file in self.manifest.files)

    @property
    def shared_names(self) -> tuple[str, ...]:
        """Names that :meth:`load_shared` takes."""
        return tuple(Path(path).stem for path in self._files if path.startswith('shared/'))

    @cached_property
    def _files(self) -> dict[str, MapFile]:
        return {file.path: file for file in self.manifest.files}

    def read_file(self, path: str) -> bytes:
        """Read the bytes of one file, checking its size and digest.

        Args:
            path: as in the manifest.

        Raises:
            MapError: not in the manifest, missing, truncated, or with another digest.
        """
        if path not in self._files:
            raise MapError(f'map {self.folder} has no file {path!r}; it has {sorted(self._files)}')
        expected = self._files[path]
        try:
            data = (self.folder / path).read_bytes()
        except OSError as error:
            raise _read_error(error, self.folder, path) from None
        _check_size(self.folder, expected, len(data))
        digest = hashlib.sha256(data).hexdigest()
        if digest != expected.sha256:
            others = [file.path for file in self.manifest.files if file.sha256 == digest]
            found = f'holds the bytes of {others[0]}' if others else f'has sha256 {digest[:16]}...'
            raise MapError(
                f'file {path} of map {self.folder} {found}, expected sha256 {expected.sha256[:16]}...; '
                'it was damaged or exchanged, copy the map again'
            )
        return data

    def load_shared(self, name: str) -> Tensors:
        """Load the tensors of ``shared/<name>.safetensors``.

        Raises:
            MapError: as :meth:`read_file`, or not safetensors.
        """
        path = shared_path(name)
        return deserialize_tensors(self.read_file(path), f'file {path} of map {self.folder}')

    def load_shard(self, region_id: str) -> Shard:
        """Load the tensors of one region.

        Raises:
            MapError: unknown region, or as :meth:`load_shared`.
        """
        for region in self.manifest.regions:
            if region.id == region_id:
                data = self.read_file(region.shard)
                return Shard(region_id, deserialize_tensors(data, f'file {region.shard} of map {self.folder}'))
        raise MapError(f'map {self.folder} has no region {region_id!r}; it has {len(self.manifest.regions)} regions')


def open_map(folder: Path) -> StoredMap:
    """Read and check a map's manifest and that all its files are there with the right size.

    Args:
        folder: the map folder; it may be read-only.

    Raises:
        MapError: no map there, a bad manifest (see :func:`neumap_ros.maps.manifest.parse_manifest`), or a file
            that is missing or has another size.
    """
    data = read_manifest_bytes(folder)
    manifest = parse_manifest(data, str(folder))
    for file in manifest.files:
        try:
            size = (folder / file.path).stat().st_size
        except OSError as error:
            raise _read_error(error, folder, file.path) from None
        _check_size(folder, file, size)
    return StoredMap(folder, manifest, manifest_sha256(data), len(data))


def read_manifest_bytes(folder: Path) -> bytes:
    """Read ``manifest.json`` of a map folder.

    Raises:
        MapError: there is none or it cannot be read.
    """
    try:
        return (folder / MANIFEST_NAME).read_bytes()
    except OSError as error:
        raise _read_error(error, folder, MANIFEST_NAME) from None


def _read_error(error: OSError, folder: Path, path: str) -> MapError:
    old = folder.with_name(f'.{folder.name}.old')
    if not folder.exists() and old.exists():
        return MapError(f'there is no map {folder}: replacing it was cut off; rename {old} to {folder.name}')
    if path == MANIFEST_NAME and isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return MapError(f'there is no map at {folder}: it has no {MANIFEST_NAME}; check the path')
    if isinstance(error, FileNotFoundError):
        return MapError(f'file {path} of map {folder} is missing; copy the map again')
    return MapError(f'file {path} of map {folder} cannot be read: {error.strerror or error}; check its permissions')


def _check_size(folder: Path, file: MapFile, size: int) -> None:
    if size != file.bytes:
        what = 'truncated' if size < file.bytes else 'too long'
        raise MapError(
            f'file {file.path} of map {folder} is {what}: got {size} bytes, expected {file.bytes}; copy the map again'
        )
