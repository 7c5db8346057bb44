# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from neumap_ros.errors import MapError
from neumap_ros.maps.resident import resident_map
from neumap_ros.maps.storage import open_map


@pytest.fixture
def stored(map_folder):
    return open_map(map_folder)


@pytest.fixture
def parts(stored):
    """Manifest bytes, shared files by path, shards by region."""
    shared = {f.path: stored.read_file(f.path) for f in stored.manifest.files if f.path.startswith('shared/')}
    shards = {region.id: stored.read_file(region.shard) for region in stored.manifest.regions}
    return (stored.folder / 'manifest.json').read_bytes(), shared, shards


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def test_a_map_in_memory_reads_as_the_one_on_the_disk(stored, parts):
    resident = resident_map(*parts, b'words', sha256=stored.manifest_sha256)
    assert resident.manifest == stored.manifest
    assert resident.manifest_sha256 == stored.manifest_sha256
    assert resident.shared_names == stored.shared_names
    assert resident.resident == stored.resident == {'r0-1', 'r0-2'}
    assert resident.is_complete
    assert (resident.retrieval, stored.retrieval) == (b'words', None)
    for name in stored.shared_names:
        for key, tensor in stored.load_shared(name).items():
            assert np.array_equal(resident.load_shared(name)[key], tensor)
    for region in stored.resident:
        assert resident.load_shard(region).region_id == region
        for key, tensor in stored.load_shard(region).tensors.items():
            assert np.array_equal(resident.load_shard(region).tensors[key], tensor)


def test_regions_come_and_go_without_a_copy(parts):
    manifest, shared, shards = parts
    empty = resident_map(manifest, {path[7:-12]: data for path, data in shared.items()}, {})
    assert empty.resident == frozenset()
    assert not empty.is_complete
    one = empty.with_regions({'r0-2': shards['r0-2']})
    assert one.resident == {'r0-2'}
    assert one.shards['r0-2'] is shards['r0-2']
    assert one.resident_bytes - empty.resident_bytes == len(shards['r0-2'])
    assert one.with_regions({'r0-1': shards['r0-1']}).without_regions(['r0-2', 'no such']).resident == {'r0-1'}
    assert empty.resident == frozenset()
    with pytest.raises(MapError, match=r'region r0-1 of map .* revision 1 is not in memory, only 1 regions are'):
        one.load_shard('r0-1')


def test_bytes_that_do_not_belong_are_refused(stored, parts):
    manifest, shared, shards = parts
    path = 'shared/codebooks.safetensors'
    for bad, message in (
        ((flipped(manifest), shared, shards), 'not JSON|edited'),
        ((manifest, {}, shards), r'came with the shared files \[\], expected'),
        ((manifest, {**shared, 'more': b''}, shards), 'came with the shared files'),
        ((manifest, {**shared, path: flipped(shared[path])}, shards), f'{path} of map .* has sha256'),
        ((manifest, {**shared, path: shared[path][:-1]}, shards), 'bytes, expected'),
        ((manifest, shared, {'r0-1': shards['r0-2']}), 'r0-1.* has sha256'),
        ((manifest, shared, {'r0-1': b''}), 'has 0 bytes'),
        ((manifest, shared, {'r9': b''}), "has no region 'r9'; it has 2 regions"),
    ):
        with pytest.raises(MapError, match=message):
            resident_map(*bad)
    with pytest.raises(MapError, match=r'has sha256 .* expected 0000'):
        resident_map(*parts, sha256='0' * 64)
    whole = resident_map(*parts)
    for regions, message in (({'r0-1': flipped(shards['r0-1'])}, 'has sha256'), ({'r9': b''}, 'has no region')):
        with pytest.raises(MapError, match=message):
            whole.with_regions(regions)
    with pytest.raises(MapError, match="no region 'r9'"):
        whole.load_shard('r9')
    with pytest.raises(MapError, match="no shared file 'other'"):
        whole.load_shared('other')
