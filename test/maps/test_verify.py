# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import hashlib
import io

import numpy as np
import pytest
import safetensors.numpy
from rich.console import Console

from neumap_ros.errors import MapError
from neumap_ros.maps.info import info_tables, map_info
from neumap_ros.maps.manifest import manifest_to_bytes
from neumap_ros.maps.storage import open_map, write_map
from neumap_ros.maps.types import MapFile
from neumap_ros.maps.verify import verify_map


def forge(folder, path, data):
    """Put other bytes into a map and correct the manifest for them."""
    manifest = open_map(folder).manifest
    forged = MapFile(path, len(data), hashlib.sha256(data).hexdigest())
    files = tuple(sorted((*(f for f in manifest.files if f.path != path), forged), key=lambda file: file.path))
    (folder / path).write_bytes(data)
    (folder / 'manifest.json').write_bytes(manifest_to_bytes(dataclasses.replace(manifest, files=files)))


def test_sound_map(map_folder):
    assert verify_map(map_folder) == []


def test_reports_everything(map_folder):
    (map_folder / 'shards/r0-1.safetensors').unlink()
    damaged = map_folder / 'shards/r0-2.safetensors'
    damaged.write_bytes(damaged.read_bytes()[:-3])
    flipped = bytearray((map_folder / 'shared/codebooks.safetensors').read_bytes())
    flipped[-1] ^= 1
    (map_folder / 'shared/codebooks.safetensors').write_bytes(flipped)
    (map_folder / 'notes.txt').touch()
    (map_folder / 'shards/.hidden').touch()
    problems = {problem.path: str(problem) for problem in verify_map(map_folder)}
    expected = {
        'shards/r0-1.safetensors': 'is missing',
        'shards/r0-2.safetensors': 'is truncated',
        'shared/codebooks.safetensors': 'has sha256',
        'notes.txt': 'is not in its manifest',
        'shards/.hidden': 'is not in its manifest',
    }
    assert problems.keys() == expected.keys()
    for path, words in expected.items():
        assert words in problems[path]
        assert path in problems[path]


def test_wrong_content_with_right_digests(map_folder):
    shard = {
        'codes': np.zeros((49, 8), np.uint8),
        'xyz': np.full((51, 3), np.inf, np.float32),
        'packed': np.zeros(7, np.uint8),
    }
    forge(map_folder, 'shards/r0-1.safetensors', safetensors.numpy.save(shard))
    forge(map_folder, 'shards/lost.safetensors', safetensors.numpy.save({}))
    forge(map_folder, 'shared/codebooks.safetensors', safetensors.numpy.save({'a': np.ones(2, np.complex64)}))
    forge(map_folder, 'shared/retrieval.safetensors', b'something else')
    messages = sorted(problem.message for problem in verify_map(map_folder))
    for words in (
        "tensor 'codes' of file shards/r0-1.safetensors has 49 rows, the manifest says 50 points",
        "tensor 'xyz' of file shards/r0-1.safetensors has 51 rows",
        "tensor 'xyz' of file shards/r0-1.safetensors has 153 values that are NaN or infinite",
        'file shards/lost.safetensors belongs to no region',
        'has dtype complex64',
        'is not a safetensors file',
    ):
        assert sum(words in message for message in messages) == 1
    assert len(messages) == 6


@pytest.mark.parametrize('damage', [lambda path: path.unlink(), lambda path: path.write_bytes(b'{"format":2}')])
def test_bad_manifest(map_folder, damage):
    damage(map_folder / 'manifest.json')
    (problem,) = verify_map(map_folder)
    assert problem.path == 'manifest.json'


def test_info(map_folder):
    info = map_info(map_folder)
    assert info.points == 100
    assert info.total_bytes == sum(info.file_bytes.values()) == open_map(map_folder).total_bytes
    assert info.bytes_per_point == info.total_bytes / 100
    assert info.part_bytes == {'codes': 800, 'coordinates': 90}
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(info_tables(info))
    text = console.export_text()
    for words in (
        info.manifest_sha256,
        info.manifest.map_id,
        'dpqed',
        'map (metres)',
        '2026-01-01',
        'rootsift',
        '2 with 100 points',
        f'{info.total_bytes:,} bytes, every byte on disk',
        '800 bytes, descriptor codes only',
        'shards/r0-2.safetensors',
        'coordinates',
        'manifest.json',
        'Grüße, CC0',
    ):
        assert words in text


def test_info_of_an_empty_map_with_odd_build(tmp_path, content):
    manifest = dataclasses.replace(
        content[0], build={'bytes_per_part': 'many', 'descriptor_bytes': None}, metric=False, notes='[/b]'
    )
    write_map(tmp_path / 'site', manifest, {}, [])
    info = map_info(tmp_path / 'site')
    assert info.bytes_per_point is None
    assert info.part_bytes == {}
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(info_tables(info))
    text = console.export_text()
    assert 'arbitrary scale' in text
    assert '[/b]' in text


def test_info_of_no_map(tmp_path):
    with pytest.raises(MapError, match='there is no map'):
        map_info(tmp_path)
