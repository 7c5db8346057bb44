# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The manifest as bytes: minified JSON that carries a digest of itself, read strictly.

Every byte of a manifest counts as map size, so it holds no whitespace and no digit that nobody needs.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable
from typing import Any, NoReturn

import numpy as np

from neumap_ros.errors import MapError
from neumap_ros.maps.types import FORMAT, Manifest, MapFile, Region

MANIFEST_NAME = 'manifest.json'

# Box corners are written in steps of 1e-4 map units, or finer where the whole box is smaller than 1000 such steps.
BOX_DECIMALS = 4
FINEST_BOX_DECIMALS = 9
MIN_BOX_STEPS = 1000

# Measurements in ``build`` keep this many significant digits; ``decoder`` and ``extractor`` keep all of them.
BUILD_DIGITS = 6

_NAME = r'[A-Za-z0-9][A-Za-z0-9._-]{0,99}'
_NAME_PATTERN = re.compile(_NAME)
_PATH_PATTERN = re.compile(rf'(?:shared|shards)/{_NAME}\.safetensors')
_SHA256_PATTERN = re.compile(r'[0-9a-f]{64}')
_SELF_PATTERN = re.compile(rb',"self":"([0-9a-f]{16})"}')
_SELF_LENGTH = len(b',"self":"0123456789abcdef"}')

_REQUIRED: dict[str, type | tuple[type, ...]] = {
    'created': str,
    'decoder': dict,
    'extractor': dict,
    'files': list,
    'frame_id': str,
    'kind': str,
    'map_id': str,
    'metric': bool,
    'regions': list,
    'revision': int,
}
_OPTIONAL: dict[str, type] = {'build': dict, 'notes': str}
_JSON_NAMES = {str: 'a string', dict: 'an object', list: 'a list', bool: 'true or false', int: 'an integer'}


def shard_path(region_id: str) -> str:
    """Path of a region's shard relative to the map folder.

    Raises:
        MapError: the id is not a plain name.
    """
    return f'shards/{check_name(region_id, "region id")}.safetensors'


def shared_path(name: str) -> str:
    """Path of a shared file relative to the map folder.

    Raises:
        MapError: the name is not a plain name.
    """
    return f'shared/{check_name(name, "name of a shared file")}.safetensors'


def check_name(name: str, what: str) -> str:
    """Return the name if it can be a file stem on every system.

    Raises:
        MapError: it has other characters, is empty or longer than 100.
    """
    if not isinstance(name, str) or not _NAME_PATTERN.fullmatch(name):
        raise MapError(
            f'{what} {name!r} cannot be a file name; use 1 to 100 letters, digits, ".", "_" and "-", '
            'starting with a letter or digit'
        )
    return name


def manifest_sha256(data: bytes) -> str:
    """Compute the sha256 of a manifest's bytes in hex: the name of the map's revision."""
    return hashlib.sha256(data).hexdigest()


def rounded_box(
    box_min_3: Iterable[float], box_max_3: Iterable[float]
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Round a box as a manifest stores it: outwards, at least one step thick on every axis.

    Whoever quantises coordinates relative to a region's box must use this one, because the reader will; rounding a
    rounded box changes nothing.

    Args:
        box_min_3: lower corner in the map frame, map units.
        box_max_3: upper corner.

    Raises:
        MapError: not three finite numbers each, or min above max.
    """
    low, high = np.array([*box_min_3], dtype=np.float64), np.array([*box_max_3], dtype=np.float64)
    if low.shape != (3,) or high.shape != (3,) or not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise MapError(f'region box {low.tolist()} .. {high.tolist()} is not two corners of three finite numbers')
    if (low > high).any():
        raise MapError(f'region box {low.tolist()} .. {high.tolist()} has its minimum above its maximum; swap them')
    for decimals in range(BOX_DECIMALS, FINEST_BOX_DECIMALS + 1):
        pairs = [_round_outwards(a, b, 10**decimals) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
        if max(b - a for a, b in pairs) >= MIN_BOX_STEPS / 10**decimals:
            break
    (x0, x1), (y0, y1), (z0, z1) = pairs
    return (x0, y0, z0), (x1, y1, z1)


def _round_outwards(low: float, high: float, steps: int) -> tuple[float, float]:
    # A float that already is the nearest one to a multiple of the step must stay itself.
    a, b = round(low * steps), round(high * steps)
    a -= a / steps > low
    b += b / steps < high
    return a / steps, max(b, a + 1) / steps


def manifest_to_bytes(manifest: Manifest) -> bytes:
    """Serialise a manifest: minified UTF-8 JSON, keys sorted, with the digest of itself as last key.

    Boxes are rounded with :func:`rounded_box`, numbers in ``build`` to six significant digits.

    Raises:
        MapError: a field holds what JSON cannot, or NaN or infinity.
    """
    regions = []
    for region in manifest.regions:
        low, high = rounded_box(region.box_min_3, region.box_max_3)
        fields: dict[str, Any] = {
            'box': [_short(value) for value in (*low, *high)],
            'id': region.id,
            'points': int(region.points),
        }
        if region.shard != shard_path(region.id):
            fields['shard'] = region.shard
        regions.append(fields)
    content: dict[str, Any] = {
        'created': manifest.created,
        'decoder': _plain(manifest.decoder, 'decoder', None),
        'extractor': _plain(manifest.extractor, 'extractor', None),
        'files': [[file.path, int(file.bytes), file.sha256] for file in manifest.files],
        'format': FORMAT,
        'frame_id': manifest.frame_id,
        'kind': manifest.kind,
        'map_id': manifest.map_id,
        'metric': bool(manifest.metric),
        'regions': regions,
        'revision': int(manifest.revision),
    }
    if manifest.build:
        content['build'] = _plain(manifest.build, 'build', BUILD_DIGITS)
    if manifest.notes:
        content['notes'] = manifest.notes
    body = json.dumps(content, sort_keys=True, separators=(',', ':'), ensure_ascii=False).encode()
    return body[:-1] + f',"self":"{_self_digest(body)}"}}'.encode()


def _self_digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


def _short(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def _plain(value: Any, where: str, digits: int | None) -> Any:
    """Turn numpy values and tuples into what JSON knows; floats optionally rounded to significant digits."""
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise MapError(f'manifest field {where} has the key {key!r}, expected strings only')
        return {key: _plain(item, f'{where}.{key}', digits) for key, item in value.items()}
    if isinstance(value, (np.generic, np.ndarray)):
        return _plain(value.tolist(), where, digits)
    if isinstance(value, (list, tuple)):
        return [_plain(item, f'{where}[{i}]', digits) for i, item in enumerate(value)]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise MapError(f'manifest field {where} is {value}, expected a finite number; leave it out instead')
        return value if digits is None else float(f'{value:.{digits}g}')
    if value is None or isinstance(value, (bool, int, str)):
        return value
    raise MapError(f'manifest field {where} is of type {type(value).__name__}, expected numbers, strings, lists, dicts')


def parse_manifest(data: bytes, name: str) -> Manifest:
    """Read a manifest strictly.

    Args:
        data: the bytes of ``manifest.json``.
        name: what to call the map in an error, usually its folder.

    Raises:
        MapError: not JSON, another format, edited by hand, or fields missing, ill-typed, unsafe or contradictory.
    """
    try:
        content = json.loads(data.decode('utf-8'))
    except (ValueError, RecursionError) as error:
        raise MapError(
            f'the manifest of map {name} is not JSON ({error}); it was truncated or edited by hand, '
            'copy or build the map again'
        ) from None
    if not isinstance(content, dict):
        raise MapError(f'the manifest of map {name} is not a JSON object; copy or build the map again')
    if 'format' not in content:
        raise MapError(f'the manifest of map {name} lacks "format", so this is no neumap map; choose another folder')
    if not _is(content['format'], int) or content['format'] != FORMAT:
        raise MapError(
            f'map {name} has format {content["format"]!r}, this version reads format {FORMAT}; '
            'update neumap_ros or rebuild the map'
        )
    match = _SELF_PATTERN.fullmatch(data[-_SELF_LENGTH:])
    if match is None or match.group(1).decode() != _self_digest(data[:-_SELF_LENGTH] + b'}'):
        raise MapError(
            f'the manifest of map {name} was edited after it was written: its own digest does not match; '
            'restore it, copy or build the map again'
        )
    return _read_fields(content, name)


def _read_fields(content: dict[str, Any], name: str) -> Manifest:
    for key, kind in (*_REQUIRED.items(), *_OPTIONAL.items()):
        if key not in content:
            if key in _REQUIRED:
                _refuse(name, f'lacks {key!r}')
        elif not _is(content[key], kind):
            _refuse(name, f'has {_brief(content[key])} in {key!r}, expected {_JSON_NAMES[kind]}')  # type: ignore[index]
    unknown = sorted(content.keys() - _REQUIRED.keys() - _OPTIONAL.keys() - {'format', 'self'})
    if unknown:
        _refuse(name, f'has the unknown key {unknown[0]!r}')
    if content['revision'] < 1:
        _refuse(name, f'has revision {content["revision"]}, expected 1 or more')
    files = tuple(_read_file(item, name) for item in content['files'])
    _refuse_duplicates([file.path for file in files], 'file', name)
    regions = tuple(_read_region(item, name) for item in content['regions'])
    _refuse_duplicates([region.id for region in regions], 'region', name)
    _refuse_duplicates([region.shard for region in regions], 'shard', name)
    paths = {file.path for file in files}
    for region in regions:
        if region.shard not in paths:
            _refuse(name, f'has region {region.id!r} whose shard {region.shard!r} is not among its files')
    fields = {key: content[key] for key in (*_REQUIRED, *_OPTIONAL) if key in content}
    return Manifest(**{**fields, 'files': files, 'regions': regions})


def _read_file(item: Any, name: str) -> MapFile:
    if not (
        isinstance(item, list) and len(item) == 3 and _is(item[0], str) and _is(item[1], int) and _is(item[2], str)
    ):
        _refuse(name, f'has the file entry {_brief(item)}, expected [path, bytes, sha256]')
    path, size, sha256 = item
    _check_path(path, name)
    if size < 0 or not _SHA256_PATTERN.fullmatch(sha256):
        _refuse(name, f'has a bad size or sha256 for file {path!r}')
    return MapFile(path, size, sha256)


def _read_region(item: Any, name: str) -> Region:
    if not (isinstance(item, dict) and {'box', 'id', 'points'} <= item.keys() <= {'box', 'id', 'points', 'shard'}):
        _refuse(name, f'has the region entry {_brief(item)}, expected the keys box, id, points and perhaps shard')
    region_id, box, points = item['id'], item['box'], item['points']
    if not (_is(region_id, str) and _NAME_PATTERN.fullmatch(region_id)):
        _refuse(name, f'has the region id {_brief(region_id)}, expected letters, digits, ".", "_" and "-"')
    if not (isinstance(box, list) and len(box) == 6 and all(_is_finite(value) for value in box)):
        _refuse(name, f'has the box {_brief(box)} for region {region_id!r}, expected six finite numbers')
    low, high = (float(box[0]), float(box[1]), float(box[2])), (float(box[3]), float(box[4]), float(box[5]))
    if not all(a < b for a, b in zip(low, high, strict=True)):
        _refuse(name, f'has the box {_brief(box)} for region {region_id!r}, expected its minimum below its maximum')
    if not _is(points, int) or points < 0:
        _refuse(name, f'has {_brief(points)} points in region {region_id!r}, expected 0 or more')
    shard = item.get('shard', f'shards/{region_id}.safetensors')
    if not _is(shard, str):
        _refuse(name, f'has the shard {_brief(shard)} for region {region_id!r}, expected a path')
    _check_path(shard, name)
    return Region(region_id, low, high, points, shard)


def _check_path(path: str, name: str) -> None:
    if not _PATH_PATTERN.fullmatch(path):
        _refuse(name, f'names the file {_brief(path)}, expected shared/NAME.safetensors or shards/NAME.safetensors')


def _is(value: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _is_finite(value: Any) -> bool:
    return (_is(value, int) and abs(value) < 2**53) or (_is(value, float) and math.isfinite(value))


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f'{text[:57]}...'


def _refuse_duplicates(values: list[str], what: str, name: str) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            _refuse(name, f'lists the {what} {value!r} twice')
        seen.add(value)


def _refuse(name: str, what: str) -> NoReturn:
    raise MapError(f'the manifest of map {name} {what}; copy or build the map again')
