# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import os
import threading

import numpy as np
import pytest

from neumap_ros.errors import MapError
from neumap_ros.maps import cache as cache_module
from neumap_ros.maps.cache import Activation, Cancelled, MapCache
from neumap_ros.maps.repository import MapReference
from neumap_ros.maps.storage import open_map, write_map
from neumap_ros.maps.verify import verify_map

REFERENCE = MapReference('/maps/site', 2)


@pytest.fixture
def cache(tmp_path):
    return MapCache(tmp_path / 'state' / 'cache')


@pytest.fixture
def source(map_folder):
    return open_map(map_folder)


@pytest.fixture
def next_source(tmp_path, content):
    """The next revision: one region of two changed."""
    manifest, shared, shards = content
    region, tensors = shards[0]
    shards = [(region, {**tensors, 'codes': np.asarray(tensors['codes'] ^ 1)}), shards[1]]
    write_map(tmp_path / 'next', dataclasses.replace(manifest, revision=2), shared, shards)
    return open_map(tmp_path / 'next')


def visible(cache: MapCache) -> set[str]:
    """Names of all files and folders in the cache that are not finished."""
    return {str(path) for path in cache.folder.rglob('.*')}


def test_a_staged_revision_is_the_same_map_and_read_only(cache, source):
    staged = cache.stage(source)
    assert (staged.manifest, staged.manifest_sha256) == (source.manifest, source.manifest_sha256)
    assert verify_map(staged.folder) == []
    assert cache.folder in staged.folder.parents
    for path in staged.folder.rglob('*.*'):
        assert path.stat().st_mode & 0o222 == 0, path
    assert not visible(cache)


def test_only_files_that_are_new_are_copied(cache, source, next_source):
    told: list[tuple[int, int]] = []
    first = cache.stage(source, lambda *counts: told.append(counts))
    assert told[0] == (0, sum(f.bytes for f in source.manifest.files))
    assert told[-1][0] == told[-1][1]
    told.clear()
    second = cache.stage(next_source, lambda *counts: told.append(counts))
    changed = next(f for f in next_source.manifest.files if 'r0-1' in f.path)
    assert told == [(0, changed.bytes), (changed.bytes, changed.bytes)]
    for path in ('shards/r0-2.safetensors', 'shared/codebooks.safetensors'):
        assert (first.folder / path).samefile(second.folder / path)
    assert not (first.folder / changed.path).samefile(second.folder / changed.path)
    told.clear()
    cache.stage(next_source, lambda *counts: told.append(counts))
    assert told == [(0, 0)]


def test_the_source_may_go_away_afterwards(cache, source):
    staged = cache.stage(source)
    for path in sorted(source.folder.rglob('*'), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert cache.open(source.manifest_sha256).load_shard('r0-1').tensors.keys() == {'codes', 'xyz'}
    assert cache.stage(staged).folder == staged.folder


@pytest.mark.parametrize('damage', ['truncate', 'flip', 'remove', 'exchange manifest'])
def test_a_bad_source_is_refused_and_leaves_nothing_half_done(cache, source, next_source, damage):
    path = source.folder / 'shards' / 'r0-2.safetensors'
    data = path.read_bytes()
    if damage == 'truncate':
        path.write_bytes(data[:-1])
    elif damage == 'flip':
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif damage == 'remove':
        path.unlink()
    else:
        (source.folder / 'manifest.json').write_bytes((next_source.folder / 'manifest.json').read_bytes())
    with pytest.raises(MapError, match=r'r0-2\.safetensors|was replaced'):
        cache.stage(source)
    assert not list((cache.folder / 'revisions').iterdir())
    assert not visible(cache)
    path.write_bytes(data)
    if damage != 'exchange manifest':
        assert verify_map(cache.stage(source).folder) == []


def test_staging_can_be_given_up_and_taken_up_again(cache, source, monkeypatch):
    asked = []

    def after_two_files() -> bool:
        asked.append(1)
        return len(asked) > len(source.manifest.files) + 2

    with pytest.raises(Cancelled):
        cache.stage(source, cancelled=after_two_files)
    assert not list((cache.folder / 'revisions').iterdir())
    assert not visible(cache)
    kept = {path.name for path in (cache.folder / 'objects').iterdir()}
    assert len(kept) == 2
    told: list[tuple[int, int]] = []
    cache.stage(source, lambda *counts: told.append(counts))
    assert told[-1][1] == sum(f.bytes for f in source.manifest.files if f.sha256 not in kept)


@pytest.mark.parametrize('where', ['object', 'manifest', 'missing'])
def test_damage_in_the_cache_is_seen_and_repaired_by_staging_again(cache, source, where):
    staged = cache.stage(source)
    victim = staged.folder / ('manifest.json' if where == 'manifest' else 'shards/r0-2.safetensors')
    victim.chmod(0o644)
    if where == 'missing':
        victim.unlink()
    else:
        data = bytearray(victim.read_bytes())
        data[-5] ^= 1
        victim.write_bytes(data)
    with pytest.raises(MapError):
        cache.open(source.manifest_sha256)
    assert verify_map(cache.stage(source).folder) == []
    cache.open(source.manifest_sha256)


def test_the_pointer_remembers(cache, source, next_source):
    assert cache.last_good() is None
    launch = MapReference('/maps/site')
    first, second = cache.stage(source).manifest_sha256, cache.stage(next_source).manifest_sha256
    cache.activate(first, launch, launch)
    assert cache.last_good() == Activation(first, launch, launch, False, '')
    cache.activate(second, REFERENCE, pushed=True)
    assert cache.last_good() == Activation(second, REFERENCE, launch, True, first)
    cache.activate(second, REFERENCE, launch, pushed=True)
    assert MapCache(cache.folder).last_good() == Activation(second, REFERENCE, launch, True, first)


def test_only_what_was_staged_can_be_activated(cache, source):
    cache.activate(cache.stage(source).manifest_sha256, REFERENCE)
    before = cache.last_good()
    with pytest.raises(MapError, match='has no revision'):
        cache.activate('0' * 64, REFERENCE)
    with pytest.raises(MapError, match='has no revision'):
        cache.open('0' * 64)
    assert cache.last_good() == before


@pytest.mark.parametrize('content_of_pointer', [b'', b'[]', b'{"sha256": 1}', b'\xff', b'{"reference": {"a": 1}}'])
def test_a_pointer_that_cannot_be_read_counts_as_none(cache, source, content_of_pointer):
    sha256 = cache.stage(source).manifest_sha256
    (cache.folder / 'active.json').write_bytes(content_of_pointer)
    assert cache.last_good() is None
    cache.activate(sha256, REFERENCE)
    assert cache.last_good().sha256 == sha256


def test_pruning_keeps_the_active_revision_and_the_one_before(cache, tmp_path, new_content):
    digests = []
    for number in range(1, 5):
        write_map(tmp_path / f'm{number}', *new_content(revision=number))
        digests.append(cache.stage(open_map(tmp_path / f'm{number}')).manifest_sha256)
        cache.activate(digests[-1], REFERENCE)
    assert cache.prune(keep=[digests[0]]) > 0
    assert {path.name for path in (cache.folder / 'revisions').iterdir()} == {digests[0], *digests[2:]}
    assert cache.prune() > 0
    assert {path.name for path in (cache.folder / 'revisions').iterdir()} == set(digests[2:])
    for digest in digests[2:]:
        assert verify_map(cache.open(digest).folder) == []
    used = {f.sha256 for digest in digests[2:] for f in cache.open(digest).manifest.files}
    assert {path.name for path in (cache.folder / 'objects').iterdir()} == used
    assert cache.prune() == 0
    assert MapCache(tmp_path / 'nothing').prune() == 0


def test_without_hard_links_files_are_copied(cache, source, monkeypatch):
    def refuse(*args):
        raise PermissionError(1, 'Operation not permitted')

    monkeypatch.setattr(os, 'link', refuse)
    staged = cache.stage(source)
    assert verify_map(staged.folder) == []
    assert (staged.folder / 'shards/r0-1.safetensors').stat().st_nlink == 1


def test_threads_that_stage_at_once(cache, source, next_source):
    errors = []

    def work(stored):
        try:
            for _ in range(5):
                cache.activate(cache.stage(stored).manifest_sha256, REFERENCE)
                cache.prune()
        except MapError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=work, args=(stored,)) for stored in (source, next_source, source)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for stored in (source, next_source):
        assert verify_map(cache.open(stored.manifest_sha256).folder) == []


def test_a_busy_cache_is_told_after_a_while_and_can_be_given_up(cache, source, next_source, monkeypatch):
    monkeypatch.setattr(cache_module, 'LOCK_WAIT_S', 0.2)
    with cache._locked(lambda: False):
        with pytest.raises(MapError, match='has been busy for'):
            cache.stage(source)
        with pytest.raises(Cancelled, match='waiting'):
            cache.stage(source, cancelled=lambda: True)
    assert verify_map(cache.stage(source).folder) == []
