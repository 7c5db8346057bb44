# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest

from neumap_ros.errors import MapError
from neumap_ros.maps.storage import open_map, write_map
from neumap_ros.maps.tensors import deserialize_tensors, serialize_tensors
from neumap_ros.maps.types import Region

SHARD = 'shards/r0-1.safetensors'
OTHER = 'shards/r0-2.safetensors'


def test_round_trip(tmp_path, content):
    manifest, shared, shards = content
    written = write_map(tmp_path / 'site', manifest, shared, shards)
    stored = open_map(tmp_path / 'site')
    assert stored.manifest == written
    assert dataclasses.replace(written, regions=(), files=()) == manifest
    assert stored.shared_names == ('codebooks', 'retrieval')
    for name, tensors in shared.items():
        assert_equal(stored.load_shared(name), tensors)
    for region, tensors in shards:
        shard = stored.load_shard(region.id)
        assert shard.region_id == region.id
        assert_equal(shard.tensors, tensors)
    assert [region.shard for region in written.regions] == [SHARD, OTHER]
    on_disk = [path for path in (tmp_path / 'site').rglob('*') if path.is_file()]
    assert stored.total_bytes == sum(path.stat().st_size for path in on_disk)
    assert stored.manifest_sha256 == hashlib.sha256((tmp_path / 'site/manifest.json').read_bytes()).hexdigest()
    assert [path.name for path in tmp_path.iterdir()] == ['site']


def assert_equal(tensors, expected):
    assert tensors.keys() == expected.keys()
    for name, array in expected.items():
        assert tensors[name].dtype == array.dtype
        assert np.array_equal(tensors[name], array)


def test_same_content_gives_the_same_bytes(tmp_path, content):
    manifest, shared, shards = content
    backwards = {
        name: dict(reversed([(key, np.asfortranarray(array)) for key, array in tensors.items()]))
        for name, tensors in reversed(shared.items())
    }
    write_map(tmp_path / 'a', manifest, shared, shards)
    write_map(tmp_path / 'b', manifest, backwards, iter(shards))
    for path in (tmp_path / 'a').rglob('*.*'):
        assert path.read_bytes() == (tmp_path / 'b' / path.relative_to(tmp_path / 'a')).read_bytes()


def test_tensor_layouts_and_dtypes():
    tensors = {
        'transposed': np.arange(6.0).reshape(2, 3).T,
        'big_endian': np.arange(3, dtype='>i4'),
        'scalar': np.float32(3).reshape(()),
        'empty': np.zeros((0, 3), np.uint8),
        'flags': np.array([True, False]),
        'sliced': np.arange(10, dtype=np.uint16)[::3],
    }
    loaded = deserialize_tensors(serialize_tensors(tensors, 'x'), 'x')
    for name, array in tensors.items():
        assert loaded[name].shape == array.shape
        assert np.array_equal(loaded[name], array)


@pytest.mark.parametrize('array', [np.array([1j]), np.array(['a']), np.array([None])])
def test_writing_refuses_dtypes(array):
    with pytest.raises(MapError, match=r"tensor 'a' of region 'r' has dtype"):
        serialize_tensors({'a': array}, "region 'r'")


def test_writing_refuses_nan(tmp_path, content):
    manifest, shared, shards = content
    shards[1][1]['xyz'][3, 1] = np.nan
    with pytest.raises(MapError, match="tensor 'xyz' of region 'r0-2' contains NaN"):
        write_map(tmp_path / 'site', manifest, shared, shards)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name', ['../x', '/x', '', '.x', 'a/b', 'a\\b'])
def test_writing_refuses_names(tmp_path, content, name):
    manifest, shared, shards = content
    with pytest.raises(MapError, match='cannot be a file name'):
        write_map(tmp_path / 'site', manifest, {**shared, name: {}}, shards)
    with pytest.raises(MapError, match='cannot be a file name'):
        write_map(tmp_path / 'site', manifest, shared, [(Region(name, (0, 0, 0), (1, 1, 1), 0, ''), {})])
    assert not list(tmp_path.iterdir())


def test_writing_refuses_the_same_region_twice(tmp_path, content):
    manifest, shared, shards = content
    with pytest.raises(MapError, match=r'r0-1 comes twice'):
        write_map(tmp_path / 'site', manifest, shared, [shards[0], shards[0]])
    assert not list(tmp_path.iterdir())


def test_writing_needs_a_parent(tmp_path, content):
    with pytest.raises(MapError, match='does not exist; create it first'):
        write_map(tmp_path / 'nowhere' / 'site', *content)


def test_existing_map_is_kept(map_folder, new_content):
    with pytest.raises(MapError, match='exists already'):
        write_map(map_folder, *new_content(revision=2))
    assert open_map(map_folder).manifest.revision == 1


def test_existing_map_is_replaced(map_folder, new_content):
    write_map(map_folder, *new_content(revision=2), overwrite=True)
    assert open_map(map_folder).manifest.revision == 2
    assert [path.name for path in map_folder.parent.iterdir()] == ['site']


def test_map_behind_a_link_is_replaced(map_folder, new_content):
    link = map_folder.with_name('current')
    link.symlink_to('site')
    write_map(link, *new_content(revision=2), overwrite=True)
    assert link.is_symlink()
    assert open_map(link).manifest.revision == open_map(map_folder).manifest.revision == 2


def test_what_is_no_map_is_never_replaced(tmp_path, content):
    (tmp_path / 'photos').mkdir()
    (tmp_path / 'photos' / 'a.jpg').write_bytes(b'precious')
    (tmp_path / 'file').write_bytes(b'precious')
    for name in ('photos', 'file'):
        with pytest.raises(MapError, match='so it is no map'):
            write_map(tmp_path / name, *content, overwrite=True)
    assert (tmp_path / 'photos' / 'a.jpg').read_bytes() == (tmp_path / 'file').read_bytes() == b'precious'


def test_missing_shard(map_folder):
    stored = open_map(map_folder)
    (map_folder / SHARD).unlink()
    for read in (lambda: open_map(map_folder), lambda: stored.load_shard('r0-1')):
        with pytest.raises(MapError, match=rf'file {SHARD} of map .* is missing; copy the map again'):
            read()


@pytest.mark.parametrize(('change', 'what'), [(-1, 'truncated'), (-500, 'truncated'), (1, 'too long')])
def test_shard_of_other_size(map_folder, change, what):
    stored = open_map(map_folder)
    data = (map_folder / SHARD).read_bytes()
    (map_folder / SHARD).write_bytes((data + b'x')[: len(data) + change])
    for read in (lambda: open_map(map_folder), lambda: stored.load_shard('r0-1')):
        with pytest.raises(MapError, match=rf'{what}: got {len(data) + change} bytes, expected {len(data)};'):
            read()


def test_flipped_bit(map_folder):
    data = bytearray((map_folder / SHARD).read_bytes())
    data[-7] ^= 0x10
    (map_folder / SHARD).write_bytes(data)
    stored = open_map(map_folder)
    with pytest.raises(MapError, match=rf'file {SHARD} of map .* has sha256 .*, expected sha256'):
        stored.load_shard('r0-1')
    stored.load_shard('r0-2')


def test_swapped_shards(map_folder):
    first, second = (map_folder / SHARD).read_bytes(), (map_folder / OTHER).read_bytes()
    assert len(first) == len(second)
    (map_folder / SHARD).write_bytes(second)
    (map_folder / OTHER).write_bytes(first)
    with pytest.raises(MapError, match=rf'file {SHARD} of map .* holds the bytes of {OTHER}, expected sha256'):
        open_map(map_folder).load_shard('r0-1')


def test_no_safetensors():
    for data in (b'', b'hello', b'\xff' * 100, (10).to_bytes(8, 'little') + b'{}'):
        with pytest.raises(MapError, match='file x is not a safetensors file'):
            deserialize_tensors(data, 'file x')
    header = b'{"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    with pytest.raises(MapError, match='BF16'):
        deserialize_tensors(len(header).to_bytes(8, 'little') + header + b'\0\0', 'file x')


def test_unknown_names(map_folder):
    stored = open_map(map_folder)
    with pytest.raises(MapError, match=r"has no region 'r7'; it has 2 regions"):
        stored.load_shard('r7')
    with pytest.raises(MapError, match=r"has no file 'shared/x.safetensors'; it has"):
        stored.load_shared('x')
    with pytest.raises(MapError, match='cannot be a file name'):
        stored.load_shared('../manifest')
    with pytest.raises(MapError, match='has no file'):
        stored.read_file('../secret')


def test_no_map(tmp_path):
    (tmp_path / 'file').touch()
    for name in ('nothing', 'file', '.'):
        with pytest.raises(MapError, match=r'there is no map at .*; it has no manifest|there is no map at'):
            open_map(tmp_path / name)


def test_shard_that_is_a_folder(map_folder):
    stored = open_map(map_folder)
    (map_folder / SHARD).unlink()
    (map_folder / SHARD).mkdir()
    with pytest.raises(MapError, match='cannot be read: Is a directory'):
        stored.load_shard('r0-1')
