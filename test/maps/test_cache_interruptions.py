# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Staging and publishing on full disks, on read-only disks, from sources that go away, and after kill -9."""

from __future__ import annotations

import dataclasses
import errno
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from disks import mounted

from neumap_ros.errors import MapError
from neumap_ros.maps import cache as cache_module
from neumap_ros.maps.cache import MapCache
from neumap_ros.maps.repository import MapReference, list_revisions, publish
from neumap_ros.maps.storage import open_map, write_map
from neumap_ros.maps.verify import verify_map

ROOT = Path(__file__).parents[2]
REFERENCE = MapReference('/maps/site')


@pytest.fixture
def cache(tmp_path, map_folder):
    """A cache with one active revision."""
    cache = MapCache(tmp_path / 'cache')
    cache.activate(cache.stage(open_map(map_folder)).manifest_sha256, REFERENCE)
    return cache


@pytest.fixture
def large(tmp_path, new_content):
    """Another revision, of half a megabyte."""
    write_map(tmp_path / 'large', *new_content(points=12_000, revision=2))
    return open_map(tmp_path / 'large')


def assert_nothing_happened(cache: MapCache) -> None:
    active = cache.last_good()
    assert [path.name for path in (cache.folder / 'revisions').iterdir()] == [active.sha256]
    assert verify_map(cache.open(active.sha256).folder) == []
    assert not list(cache.folder.rglob('.*'))


SCRIPT = """
import resource, signal, sys
from pathlib import Path
from neumap_ros.errors import MapError
from neumap_ros.maps.cache import MapCache
from neumap_ros.maps.repository import MapReference, publish
from neumap_ros.maps.storage import open_map
source, target = Path(sys.argv[1]), Path(sys.argv[2])
"""


def run(source: Path, target: Path, script: str) -> subprocess.Popen:
    command = [sys.executable, '-c', SCRIPT + script, str(source), str(target)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)


def test_full_disk(tmp_path, map_folder, large):
    with mounted(tmp_path / 'disk', 'size=128k') as disk:
        cache = MapCache(disk / 'cache')
        cache.activate(cache.stage(open_map(map_folder)).manifest_sha256, REFERENCE)
        before = {path.name for path in (cache.folder / 'objects').iterdir()}
        with pytest.raises(MapError) as caught:
            cache.stage(large)
        assert 'the disk is full or a limit is reached (No space left on device)' in str(caught.value)
        assert f'{sum(f.bytes for f in large.manifest.files)} bytes are needed' in str(caught.value)
        assert {path.name for path in (cache.folder / 'objects').iterdir()} == before, 'the space is free again'
        assert_nothing_happened(cache)
        publish(map_folder, disk / 'repository')
        with pytest.raises(MapError, match='the disk is full'):
            publish(large.folder, disk / 'repository')
        assert [r.number for r in list_revisions(str(disk / 'repository'))] == [1]
        assert not list((disk / 'repository').glob('.*'))


def test_file_size_limit(cache, large):
    process = run(
        large.folder,
        cache.folder,
        """
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    MapCache(target).stage(open_map(source))
except MapError as error:
    print(error)
""",
    )
    output, _ = process.communicate(timeout=60)
    assert 'a limit is reached (File too large)' in output
    assert_nothing_happened(cache)


@pytest.mark.parametrize('error', [OSError(errno.ENOSPC, 'No space left on device'), KeyboardInterrupt()])
@pytest.mark.parametrize('call', ['write_file', 'put_in_place', 'sync_folder', '_link'])
def test_failure_of_every_step_after_the_files(cache, large, monkeypatch, call, error):
    def fail(*args, **options):
        raise error

    monkeypatch.setattr(cache_module, call, fail)
    with pytest.raises((MapError, KeyboardInterrupt)):
        cache.stage(large)
    monkeypatch.undo()
    assert_nothing_happened(cache)
    assert verify_map(cache.stage(large).folder) == []


def test_a_pointer_that_cannot_be_written_stays(cache, large, monkeypatch):
    before = cache.last_good()
    sha256 = cache.stage(large).manifest_sha256

    def fail(path, *args):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(cache_module, 'write_file', fail)
    with pytest.raises(MapError, match=r'cannot keep the active revision in the map cache .* full'):
        cache.activate(sha256, REFERENCE)
    assert cache.last_good() == before


# Stops after 300 kB: in the second of two shards.
HALFWAY = """
signal.signal(signal.SIGINT, signal.default_int_handler)
def progress(copied, total):
    if copied > 300_000:
        print('halfway', flush=True)
        sys.stdin.read()
import neumap_ros.maps.cache
neumap_ros.maps.cache._CHUNK = 50_000
MapCache(target).stage(open_map(source), progress)
"""


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGINT])
def test_signal_while_staging(cache, large, number):
    process = run(large.folder, cache.folder, HALFWAY)
    assert process.stdout.readline() == 'halfway\n'
    assert list((cache.folder / 'objects').glob('.*.partial'))
    assert cache.last_good().reference == REFERENCE, 'whoever asks what is active need not wait'
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode != 0
    active = cache.last_good()
    assert verify_map(cache.open(active.sha256).folder) == []
    told: list[tuple[int, int]] = []
    assert verify_map(cache.stage(large, lambda *counts: told.append(counts)).folder) == []
    assert 0 < told[0][1] < sum(f.bytes for f in large.manifest.files), 'goes on where it was'
    assert not list(cache.folder.rglob('.*'))


def test_kill_in_the_middle_of_publishing(tmp_path, map_folder, large):
    repository = tmp_path / 'repository'
    publish(map_folder, repository)
    process = run(
        large.folder,
        repository,
        """
from neumap_ros.maps import repository
write = repository.write_file
def slow(path, data):
    write(path, data)
    if 'r0-2' in path.name:
        print('halfway', flush=True)
        sys.stdin.read()
repository.write_file = slow
publish(source, target)
""",
    )
    assert process.stdout.readline() == 'halfway\n'
    with pytest.raises(MapError, match='another process is writing map'):
        publish(large.folder, repository)
    process.kill()
    process.communicate(timeout=60)
    assert [r.number for r in list_revisions(str(repository))] == [1]
    assert publish(large.folder, repository).manifest.revision == 2
    assert [path.name for path in sorted(repository.iterdir())] == ['000001', '000002']


def test_two_processes_that_stage_at_once(cache, map_folder, large, tmp_path, content):
    """One copies the same revision, one another: both come whole."""
    manifest, shared, shards = content
    shards = [(region, {**tensors, 'codes': np.asarray(tensors['codes'] ^ 1)}) for region, tensors in shards]
    write_map(tmp_path / 'third', dataclasses.replace(manifest, revision=3), shared, shards)
    script = """
sys.stdin.readline()
cache = MapCache(target)
for _ in range(10):
    cache.activate(cache.stage(open_map(source)).manifest_sha256, MapReference(str(source)))
"""
    folders = (large.folder, large.folder, tmp_path / 'third')
    processes = [run(folder, cache.folder, script) for folder in folders]
    for process in processes:
        process.stdin.write('\n')
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0
    for folder in folders:
        assert verify_map(cache.open(open_map(folder).manifest_sha256).folder) == []
    assert not list(cache.folder.rglob('.*'))
    assert cache.last_good().reference.uri in {str(folder) for folder in folders}


def test_a_source_that_goes_away(cache, large):
    def unplug(copied, total):
        if copied:
            shutil.rmtree(large.folder, ignore_errors=True)

    with pytest.raises(MapError, match=r'shards/.* of map .* disappeared|large'):
        cache.stage(large, unplug)
    assert_nothing_happened(cache)


def test_read_only_disk(tmp_path, map_folder, large):
    with mounted(tmp_path / 'disk', 'size=1m') as disk:
        cache = MapCache(disk / 'cache')
        sha256 = cache.stage(open_map(map_folder)).manifest_sha256
        cache.activate(sha256, REFERENCE)
        subprocess.run(['mount', '-o', 'remount,ro', str(disk)], check=True)
        assert cache.last_good().sha256 == sha256
        assert verify_map(cache.open(sha256).folder) == []
        assert cache.stage(open_map(map_folder)).manifest_sha256 == sha256
        for action in (lambda: cache.stage(large), lambda: cache.activate(sha256, REFERENCE)):
            with pytest.raises(MapError, match='Read-only file system; check the folder and its permissions'):
                action()
        with pytest.raises(MapError, match='Read-only file system'):
            MapCache(disk / 'other').stage(large)
        with pytest.raises(MapError, match='Read-only file system'):
            publish(map_folder, disk / 'repository')


def test_a_folder_that_cannot_be_made(tmp_path, large):
    (tmp_path / 'file').write_text('in the way')
    with pytest.raises(MapError, match='Not a directory'):
        MapCache(tmp_path / 'file' / 'cache').stage(large)
    assert MapCache(tmp_path / 'file' / 'cache').last_good() is None
