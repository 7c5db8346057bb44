# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A map in memory, perhaps with only some of its regions: what a localizer holds of a map that was sent to it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from neumap_ros.errors import MapError
from neumap_ros.maps.manifest import manifest_sha256, parse_manifest, shared_path
from neumap_ros.maps.tensors import deserialize_tensors
from neumap_ros.maps.types import Manifest, MapFile, Shard, Tensors


@dataclass(frozen=True)
class ResidentMap:
    """The bytes of one revision, checked when they came; see :class:`neumap_ros.maps.types.ReadableMap`.

    Made by :func:`resident_map`, and from another one by :meth:`with_regions` and :meth:`without_regions`. The bytes
    themselves are shared between them, never copied.

    Attributes:
        name: what to call the map in an error.
        manifest: its manifest, of all regions.
        manifest_sha256: sha256 of the manifest's bytes in hex, the name of the revision.
        shared: bytes of the shared files by name.
        shards: bytes of the resident regions by region id.
        retrieval: see :func:`neumap_ros.localization.retrieval.retrieval_bytes`; None if it did not come.
    """

    name: str
    manifest: Manifest
    manifest_sha256: str
    shared: Mapping[str, bytes]
    shards: Mapping[str, bytes]
    retrieval: bytes | None = None

    @property
    def shared_names(self) -> tuple[str, ...]:
        """Names that :meth:`load_shared` takes."""
        return tuple(sorted(self.shared))

    @property
    def resident(self) -> frozenset[str]:
        """Ids of the regions that are in memory."""
        return frozenset(self.shards)

    @property
    def is_complete(self) -> bool:
        """Whether all regions are in memory."""
        return len(self.shards) == len(self.manifest.regions)

    @property
    def resident_bytes(self) -> int:
        """Bytes of all files in memory; the manifest counts nothing here."""
        return sum(map(len, (*self.shared.values(), *self.shards.values()))) + len(self.retrieval or b'')

    def load_shared(self, name: str) -> Tensors:
        """Load the tensors of a shared file.

        Raises:
            MapError: the map has none of that name, or it is not safetensors.
        """
        if name not in self.shared:
            raise MapError(f'map {self.name} has no shared file {name!r}; it has {sorted(self.shared)}')
        return deserialize_tensors(self.shared[name], f'file {shared_path(name)} of map {self.name}')

    def load_shard(self, region_id: str) -> Shard:
        """Load the tensors of a resident region.

        Raises:
            MapError: the region is unknown or not in memory, or its bytes are not safetensors.
        """
        if region_id not in self.shards:
            found = _regions(self.manifest, [region_id], self.name)[0]
            raise MapError(f'region {found} of map {self.name} is not in memory, only {len(self.shards)} regions are')
        return Shard(region_id, deserialize_tensors(self.shards[region_id], f'region {region_id} of map {self.name}'))

    def with_regions(self, shards: Mapping[str, bytes]) -> ResidentMap:
        """The same map with more regions; only these are checked.

        Args:
            shards: bytes of the shard files by region id.

        Raises:
            MapError: an unknown region, or bytes that are not those of its shard.
        """
        _check_shards(self.manifest, shards, self.name)
        return replace(self, shards={**self.shards, **shards})

    def without_regions(self, region_ids: Iterable[str]) -> ResidentMap:
        """The same map without some regions; those that are not resident are no error."""
        gone = frozenset(region_ids)
        return replace(self, shards={name: data for name, data in self.shards.items() if name not in gone})


def resident_map(
    manifest: bytes,
    shared: Mapping[str, bytes],
    shards: Mapping[str, bytes],
    retrieval: bytes | None = None,
    *,
    sha256: str = '',
    name: str = '',
) -> ResidentMap:
    """Check bytes that came from somewhere and make a map of them.

    Args:
        manifest: the bytes of ``manifest.json``.
        shared: bytes of **all** shared files, by path as in the manifest (``shared/dpqed.safetensors``) or by name
            (``dpqed``).
        shards: bytes of the shard files that are there, by region id.
        retrieval: see :func:`neumap_ros.localization.retrieval.retrieval_bytes`; checked when a localizer uses it.
        sha256: the manifest must have this digest; empty: any.
        name: what to call the map in errors; by default its map id and revision.

    Raises:
        MapError: a bad manifest, a file that is missing or unknown, or one with another digest than the manifest says.
    """
    digest = manifest_sha256(manifest)
    if sha256 and digest != sha256:
        raise MapError(
            f'the manifest of map {name or sha256[:16]} has sha256 {digest[:16]}..., expected {sha256[:16]}...; '
            'it was damaged on its way, send it again'
        )
    parsed = parse_manifest(manifest, name or f'{digest[:16]}...')
    name = name or f'{parsed.map_id} revision {parsed.revision}'
    wanted = {file.path: file for file in parsed.files if file.path.startswith('shared/')}
    given = {path if '/' in path else shared_path(path): data for path, data in shared.items()}
    if wanted.keys() != given.keys():
        raise MapError(
            f'map {name} came with the shared files {sorted(given)}, expected {sorted(wanted)}; send the missing ones'
        )
    for path, data in given.items():
        check_bytes(wanted[path], data, name)
    _check_shards(parsed, shards, name)
    by_name = {path.removeprefix('shared/').removesuffix('.safetensors'): data for path, data in given.items()}
    return ResidentMap(name, parsed, digest, by_name, dict(shards), retrieval)


def check_bytes(file: MapFile, data: bytes, name: str) -> None:
    """Whether bytes are those of a file of a map.

    Args:
        file: as the manifest has it.
        data: the bytes.
        name: what to call the map in an error.

    Raises:
        MapError: another size or digest.
    """
    if len(data) != file.bytes:
        raise MapError(f'file {file.path} of map {name} has {len(data)} bytes, expected {file.bytes}; send it again')
    digest = hashlib.sha256(data).hexdigest()
    if digest != file.sha256:
        raise MapError(
            f'file {file.path} of map {name} has sha256 {digest[:16]}..., expected {file.sha256[:16]}...; '
            'it was damaged on its way, send it again'
        )


def _check_shards(manifest: Manifest, shards: Mapping[str, bytes], name: str) -> None:
    files = {file.path: file for file in manifest.files}
    paths = {region.id: region.shard for region in manifest.regions}
    for region_id in _regions(manifest, shards, name):
        check_bytes(files[paths[region_id]], shards[region_id], name)


def _regions(manifest: Manifest, region_ids: Iterable[str], name: str) -> list[str]:
    known = {region.id for region in manifest.regions}
    wanted = list(region_ids)
    unknown = [region_id for region_id in wanted if region_id not in known]
    if unknown:
        raise MapError(f'map {name} has no region {unknown[0]!r}; it has {len(known)} regions')
    return wanted
