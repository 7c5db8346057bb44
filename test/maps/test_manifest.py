# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import hashlib
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neumap_ros.errors import MapError
from neumap_ros.maps.manifest import manifest_sha256, manifest_to_bytes, parse_manifest, rounded_box


def test_round_trip(manifest):
    data = manifest_to_bytes(manifest)
    assert parse_manifest(data, 'site') == manifest
    assert manifest_to_bytes(parse_manifest(data, 'site')) == data


def test_small_and_minified(manifest):
    data = manifest_to_bytes(manifest)
    assert len(data) < 1200
    assert b', ' not in data.replace('Grüße, CC0'.encode(), b'')
    assert b'\n' not in data


def test_digest_as_documented(manifest):
    data = manifest_to_bytes(manifest)
    body, digest = data[:-27] + b'}', data[-18:-2].decode()
    assert hashlib.sha256(body).hexdigest()[:16] == digest
    assert 'self' not in json.loads(body)
    assert manifest_sha256(data) == hashlib.sha256(data).hexdigest()


def test_numpy_values_and_measurements_are_plain_and_short(manifest):
    build = {'recall': 0.123456789, 'n': np.int64(3), 'errors': np.array([0.5, 1 / 3]), 'size': (640, 480)}
    stored = parse_manifest(manifest_to_bytes(dataclasses.replace(manifest, build=build)), 'site')
    assert stored.build == {'recall': 0.123457, 'n': 3, 'errors': [0.5, 0.333333], 'size': [640, 480]}
    assert stored.decoder['scale'] == 1 / 3


def test_shard_elsewhere(manifest):
    files = (dataclasses.replace(manifest.files[0], path='shards/other.safetensors'), *manifest.files[1:])
    regions = (dataclasses.replace(manifest.regions[0], shard='shards/other.safetensors'),)
    manifest = dataclasses.replace(manifest, files=files, regions=regions)
    assert parse_manifest(manifest_to_bytes(manifest), 'site') == manifest


@pytest.mark.parametrize('build', [{'x': math.nan}, {'x': [1.0, math.inf]}, {'x': {1: 2}}, {'x': object()}])
def test_writing_refuses_what_json_cannot_hold(manifest, build):
    with pytest.raises(MapError, match=r'manifest field build'):
        manifest_to_bytes(dataclasses.replace(manifest, build=build))


@pytest.mark.parametrize('size', [0, 1, 100, 600, -1])
def test_truncated(manifest, size):
    with pytest.raises(MapError, match=r'not JSON.*truncated'):
        parse_manifest(manifest_to_bytes(manifest)[:size], 'site')


def test_not_a_manifest():
    for data in (b'\xff\xfe', b'[' * 100_000, b'{"a":'):
        with pytest.raises(MapError, match='not JSON'):
            parse_manifest(data, 'site')
    with pytest.raises(MapError, match='not a JSON object'):
        parse_manifest(b'[1]', 'site')
    with pytest.raises(MapError, match='lacks "format"'):
        parse_manifest(b'{"name":"other"}', 'site')


@pytest.mark.parametrize('number', [2, 0, '1', None, True, 1.0])
def test_other_format(refuse, number):
    message = refuse(lambda fields: fields.update(format=number))
    assert message == (
        f'map site has format {number!r}, this version reads format 1; update neumap_ros or rebuild the map'
    )


def test_edited_by_hand(manifest):
    data = manifest_to_bytes(manifest)
    pretty = json.dumps(json.loads(data), indent=2).encode()
    without = json.dumps({k: v for k, v in json.loads(data).items() if k != 'self'}).encode()
    for edited in (data.replace(b'"revision":1', b'"revision":2'), pretty, data + b'\n', without):
        with pytest.raises(MapError, match='edited after it was written'):
            parse_manifest(edited, 'site')


def test_any_flipped_bit_is_noticed(manifest):
    good = manifest_to_bytes(manifest)
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(MapError):
            parse_manifest(bytes(bad), 'site')


KEYS = ['created', 'decoder', 'extractor', 'files', 'frame_id', 'kind', 'map_id', 'metric', 'regions', 'revision']


@pytest.mark.parametrize('key', KEYS)
def test_missing_key(refuse, key):
    assert f"lacks '{key}'" in refuse(lambda fields: fields.pop(key))


@pytest.mark.parametrize('key', [*KEYS, 'build', 'notes'])
@pytest.mark.parametrize('value', [None, 1.5])
def test_ill_typed_key(refuse, key, value):
    assert f"in '{key}', expected" in refuse(lambda fields: fields.update({key: value}))


def test_booleans_are_no_integers(refuse):
    assert "'revision'" in refuse(lambda fields: fields.update(revision=True))
    assert "'metric'" in refuse(lambda fields: fields.update(metric=1))


def test_revision_from_one(refuse):
    assert 'has revision 0, expected 1' in refuse(lambda fields: fields.update(revision=0))


def test_unknown_key(refuse):
    assert "unknown key 'extra'" in refuse(lambda fields: fields.update(extra=1))


@pytest.mark.parametrize(
    'path',
    [
        '/etc/passwd',
        '../x.safetensors',
        'shards/../../x.safetensors',
        'shards\\x.safetensors',
        'shards/..\\x.safetensors',
        'shards/.hidden.safetensors',
        'shards//x.safetensors',
        'shards/a/b.safetensors',
        'C:/x.safetensors',
        'shards/x.pickle',
        'shards/x.safetensors\n',
        'other/x.safetensors',
        '',
    ],
)
def test_path_traversal(refuse, path):
    def edit_file(fields):
        fields['files'][1][0] = path

    def edit_shard(fields):
        fields['regions'][0]['shard'] = path

    assert 'names the file' in refuse(edit_file)
    assert 'names the file' in refuse(edit_shard)


def test_bad_files(refuse):
    def replace_with(entry):
        return lambda fields: fields['files'].__setitem__(1, entry)

    good = ['shared/codebooks.safetensors', 45, 'd' * 64]
    for entry in (None, [], good[:2], [good[0], '45', good[2]], [good[0], True, good[2]], [good[0], 45, None]):
        assert 'expected [path, bytes, sha256]' in refuse(replace_with(entry))
    for entry in ([good[0], -1, good[2]], [good[0], 45, 'D' * 64], [good[0], 45, 'd' * 63]):
        assert 'bad size or sha256' in refuse(replace_with(entry))
    assert 'lists the file' in refuse(lambda fields: fields['files'].append(fields['files'][0]))


def test_bad_regions(refuse):
    def with_changes(**changes):
        return lambda fields: fields['regions'][0].update(changes)

    assert 'region entry' in refuse(lambda fields: fields['regions'].append(7))
    assert 'region entry' in refuse(lambda fields: fields['regions'][0].pop('points'))
    assert 'region entry' in refuse(with_changes(colour='red'))
    for region_id in ('', 'a/b', '..', 5, 'x' * 101, 'a b'):
        assert 'has the region id' in refuse(with_changes(id=region_id))
    for box in (None, [0] * 5, [0, 0, 0, 1, 1, '1'], [0, 0, 0, 1, 1, True], [0, 0, 0, 1, 1, 10**400]):
        assert 'expected six finite numbers' in refuse(with_changes(box=box))
    for box in ([0, 0, 0, 1, 0, 1], [2, 0, 0, 1, 1, 1]):
        assert 'expected its minimum below its maximum' in refuse(with_changes(box=box))
    for points in (-1, 1.0, None, True):
        assert 'points in region' in refuse(with_changes(points=points))
    assert "'shard'" not in refuse(with_changes(shard=3))
    assert 'not among its files' in refuse(with_changes(id='r9'))


def test_duplicate_regions(refuse):
    def same_shard(fields):
        fields['regions'].append({**fields['regions'][0], 'id': 'r9', 'shard': 'shards/r0-1.safetensors'})

    assert "lists the region 'r0-1' twice" in refuse(lambda fields: fields['regions'].append(fields['regions'][0]))
    assert "lists the shard 'shards/r0-1.safetensors' twice" in refuse(same_shard)


coordinate = st.floats(-1e5, 1e5)
extent = st.floats(0, 1e4) | st.floats(0, 1e-3)


@given(st.tuples(coordinate, coordinate, coordinate), st.tuples(extent, extent, extent))
def test_rounded_box_contains_the_box_and_stays(low, extents):
    high = tuple(a + b for a, b in zip(low, extents, strict=True))
    rounded = rounded_box(low, high)
    assert all(a <= b for a, b in zip(rounded[0], low, strict=True))
    assert all(a >= b for a, b in zip(rounded[1], high, strict=True))
    assert all(a < b for a, b in zip(*rounded, strict=True))
    assert np.abs(np.array(rounded) - np.array([low, high])).max() <= 2.01e-4
    assert rounded_box(*rounded) == rounded


def test_rounded_box_is_finer_for_small_maps():
    _, high = rounded_box((0, 0, 0), (0.00123456, 0.001, 0.001))
    assert high[0] - 0.00123456 < 1e-5
    assert rounded_box((0.1, 0.2, 0.3), (12.3, 4.5, 6.7)) == ((0.1, 0.2, 0.3), (12.3, 4.5, 6.7))


def test_rounded_box_refuses():
    for low, high in (((0, 0, math.nan), (1, 1, 1)), ((0, 0), (1, 1)), ((1, 0, 0), (0, 1, 1))):
        with pytest.raises(MapError, match='region box'):
            rounded_box(low, high)
