# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neumap_ros.maps.manifest import manifest_to_bytes, parse_manifest
from neumap_ros.maps.storage import write_map
from neumap_ros.maps.types import Manifest, MapFile, Region, Tensors

Content = tuple[Manifest, dict[str, Tensors], list[tuple[Region, Tensors]]]


def make_content(points: int = 50, revision: int = 1) -> Content:
    rng = np.random.default_rng(revision)
    manifest = Manifest(
        map_id='5f0c3a1e-9b1f-4a57-9a32-0a77a4b7f001',
        revision=revision,
        kind='dpqed',
        frame_id='map',
        created='2026-01-01T00:00:00Z',
        metric=True,
        extractor={
            'name': 'rootsift',
            'version': 1,
            'weights_sha256': 'a' * 64,
            'descriptor_size': 128,
            'global_size': 256,
        },
        decoder={'coordinate_bits': 12, 'weights_sha256': 'b' * 64, 'scale': 1 / 3},
        regions=(),
        files=(),
        build={'source': 'a drive', 'bytes_per_part': {'codes': 800, 'coordinates': 90}, 'descriptor_bytes': 800},
        notes='Grüße, CC0',
    )
    shared: dict[str, Tensors] = {
        'codebooks': {'centroids': rng.normal(size=(16, 8)).astype(np.float16)},
        'retrieval': {'descriptors': rng.integers(0, 256, (4, 32)).astype(np.uint8)},
    }
    shards = [
        (
            Region(name, (0.0, 0.0, float(i)), (1.5, 2.25, i + 1.0), points, ''),
            {'codes': rng.integers(0, 16, (points, 8)).astype(np.uint8), 'xyz': rng.random((points, 3), np.float32)},
        )
        for i, name in enumerate(['r0-1', 'r0-2'])
    ]
    return manifest, shared, shards


def make_manifest(**changes: Any) -> Manifest:
    manifest, _, shards = make_content()
    region = dataclasses.replace(shards[0][0], shard='shards/r0-1.safetensors')
    files = (
        MapFile('shards/r0-1.safetensors', 123, 'c' * 64),
        MapFile('shared/codebooks.safetensors', 45, 'd' * 64),
        MapFile('shared/retrieval.safetensors', 45, 'e' * 64),
    )
    return dataclasses.replace(manifest, **{'regions': (region,), 'files': files, **changes})


def resign(content: dict[str, Any]) -> bytes:
    """Bytes of a manifest with arbitrary content and a correct digest of itself."""
    from hashlib import sha256

    body = json.dumps({k: v for k, v in content.items() if k != 'self'}, separators=(',', ':')).encode()
    return body[:-1] + f',"self":"{sha256(body).hexdigest()[:16]}"}}'.encode()


@pytest.fixture
def content() -> Content:
    return make_content()


@pytest.fixture
def map_folder(tmp_path: Path, content: Content) -> Path:
    write_map(tmp_path / 'site', *content)
    return tmp_path / 'site'


@pytest.fixture
def manifest() -> Manifest:
    return make_manifest()


@pytest.fixture
def refuse() -> Callable[..., str]:
    """Change the JSON of a good manifest, sign it again, and return the error that reading it raises."""
    from neumap_ros.errors import MapError

    def change(edit: Callable[[dict[str, Any]], Any]) -> str:
        fields = json.loads(manifest_to_bytes(make_manifest()))
        edit(fields)
        with pytest.raises(MapError) as caught:
            parse_manifest(resign(fields), 'site')
        return str(caught.value)

    return change


@pytest.fixture
def new_content() -> Callable[..., Content]:
    return make_content
