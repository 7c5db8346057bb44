# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A map_server in a process of its own is killed, interrupted and started again."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from map_helpers import NodeProcess, Operator, localizes, make_map, make_repository, make_server, running, wait_for
from neumap_ros.msg import MapStatus
from rclpy.node import Node

from neumap_ros.maps.cache import MapCache
from neumap_ros.maps.repository import publish
from neumap_ros.nodes.map_client import MapClient


@pytest.fixture(autouse=True)
def context() -> Iterator[None]:
    rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path)


@contextlib.contextmanager
def started(state: Path, **parameters: Any) -> Iterator[Operator]:
    """A map_server of this process and who looks after it."""
    server, operator = make_server(state, **parameters), Operator()
    with running(operator.node, server):
        server.start()
        yield operator


def test_killed_and_started_again(tmp_path: Path, repository: Path) -> None:
    """The client goes on with its map, and takes the next revision from the server that comes."""
    node, operator, localizers = Node('robot'), Operator(), []
    client = MapClient(node, 100_000_000, localizers.append)
    parameters = {'map.uri': repository, 'map.revision': 1, 'state_dir': tmp_path / 'state'}
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(node, operator.node))
        client.start()
        stack.callback(client.stop)
        first = NodeProcess('map_server', **parameters)
        stack.callback(first.stop)
        wait_for(lambda: localizers, 'map')
        first.kill()
        assert all(localizes(localizers[-1], index) for index in range(4))
        assert client.state.revision == 1

        second = NodeProcess('map_server', **parameters)
        stack.callback(second.stop)
        count = len(operator.indices)
        wait_for(lambda: len(operator.indices) > count and operator.index.sha256 == client.state.sha256)
        wait_for(lambda: operator.status.localizers == ['/robot'], 'the new server knows the localizer')
        assert len(localizers) == 1, 'nothing changed, so nothing was replaced'
        assert operator.set_atomically(revision=2).successful
        wait_for(lambda: client.state.revision == 2)
        assert localizes(localizers[-1], 1, seed=5)
        assert second.interrupt() == 0


def test_killed_while_regions_are_missing(tmp_path: Path, repository: Path) -> None:
    node, localizers = Node('robot'), []
    client = MapClient(node, 100_000_000, localizers.append)
    parameters = {'map.uri': repository, 'state_dir': tmp_path / 'state'}
    operator = Operator()
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(node, operator.node))
        first = NodeProcess('map_server', **parameters)
        stack.callback(first.stop)
        index = wait_for(lambda: operator.index is not None and operator.index.sha256 and operator.index)
        first.kill()
        # All that the client has is the index; the regions have to come from the next server.
        client._on_index(index)
        client.start()
        stack.callback(client.stop)
        wait_for(lambda: client.state.regions_missing == 4)
        second = NodeProcess('map_server', **parameters)
        stack.callback(second.stop)
        wait_for(lambda: localizers)
        assert localizes(localizers[-1], 2, seed=6)


def test_revision_pushed_while_it_ran_survives(tmp_path: Path, repository: Path) -> None:
    state = tmp_path / 'state'
    with started(state, map_uri=str(repository), map_revision=1) as operator:
        operator.wait_active(1)
        assert operator.set_atomically(revision=2).successful
        operator.wait_active(2)
    # The repository need not even be there.
    repository.rename(tmp_path / 'away')
    with started(state, map_uri=str(repository), map_revision=1) as operator:
        status = operator.wait_active(2)
        assert status.result == MapStatus.RESULT_OK
        assert status.uri == str(repository)
    (tmp_path / 'away').rename(repository)
    # Whoever starts it without a map wants what was there.
    with started(state) as operator:
        operator.wait_active(2)
    # Changed launch parameters win.
    with started(state, map_uri=str(repository), map_revision=3) as operator:
        operator.wait_active(3)
    with started(state, map_uri=str(repository), map_revision=1) as operator:
        operator.wait_active(1)


def test_map_that_was_not_pushed_is_looked_for_anew(tmp_path: Path, repository: Path) -> None:
    """Whoever starts with the newest revision gets the newest, also when it is newer than last time."""
    state = tmp_path / 'state'
    shutil.rmtree(repository / '000003')
    with started(state, map_uri=str(repository)) as operator:
        operator.wait_active(2)
    publish(tmp_path / 'drive3', repository)
    with started(state, map_uri=str(repository)) as operator:
        operator.wait_active(3)


def test_last_good_revision_stands_in(tmp_path: Path, repository: Path) -> None:
    state = tmp_path / 'state'
    with started(state, map_uri=str(repository), map_revision=1) as operator:
        operator.wait_active(1)
    with started(state, map_uri='/gone') as operator:
        status = operator.wait_result(MapStatus.RESULT_FAILED)
        assert (status.state, status.revision) == (MapStatus.STATE_ACTIVE, 1)
        assert '/gone' in status.detail and 'revision 1 is active' in status.detail


def test_damaged_cache_is_repaired_at_start(tmp_path: Path, repository: Path) -> None:
    state = tmp_path / 'state'
    with started(state, map_uri=str(repository), map_revision=1) as operator:
        operator.wait_active(1)
        assert operator.set_atomically(revision=2).successful
        digest = operator.wait_active(2).sha256
    for path in (state / 'maps' / 'map_server' / 'revisions' / digest / 'shards').iterdir():
        path.chmod(0o644)
        path.write_bytes(b'x' * path.stat().st_size)
    with started(state, map_uri=str(repository), map_revision=1) as operator:
        assert operator.wait_active(2).sha256 == digest
    assert MapCache(state / 'maps' / 'map_server').open(digest).manifest.revision == 2


def test_damaged_cache_and_no_source_goes_back_once_more(tmp_path: Path, repository: Path) -> None:
    state = tmp_path / 'state'
    with started(state, map_uri=str(repository), map_revision=1) as operator:
        operator.wait_active(1)
        assert operator.set_atomically(revision=3).successful
        digest = operator.wait_active(3).sha256
    manifest = state / 'maps' / 'map_server' / 'revisions' / digest / 'manifest.json'
    manifest.chmod(0o644)
    manifest.write_text('{}')
    repository.rename(tmp_path / 'away')
    with started(state, map_uri=str(repository), map_revision=1) as operator:
        operator.wait_active(1)


def test_unreadable_pointer_is_no_obstacle(tmp_path: Path, repository: Path) -> None:
    state = tmp_path / 'state'
    (state / 'maps' / 'map_server').mkdir(parents=True)
    (state / 'maps' / 'map_server' / 'active.json').write_text('{"half a po')
    with started(state, map_uri=str(repository)) as operator:
        operator.wait_active(3)


SLOW = """
import time
from neumap_ros.maps.cache import MapCache
real = MapCache.stage
def stage(self, stored, progress, cancelled):
    def slow(copied, total):
        progress(copied, total)
        while copied > 0 and stored.manifest.revision == 2 and not cancelled():
            time.sleep(0.02)
    return real(self, stored, slow, cancelled)
MapCache.stage = stage
"""


@pytest.mark.parametrize('how', ['interrupt', 'kill'])
def test_ended_while_it_stages(tmp_path: Path, how: str) -> None:
    """Copying takes for ever after the first bytes; the rest is as it always is."""
    good = make_map(tmp_path / 'good')
    endless = make_map(tmp_path / 'endless', revision=2, seeds=(3, 3, 3, 3))
    state = tmp_path / 'state'
    objects = state / 'maps' / 'map_server' / 'objects'
    operator = Operator()
    process = NodeProcess('map_server', SLOW, **{'map.uri': good.folder, 'state_dir': state})
    with contextlib.ExitStack() as stack:
        stack.callback(process.stop)
        stack.enter_context(running(operator.node))
        operator.wait_active(1)
        assert operator.set_atomically(uri=str(endless.folder)).successful
        wait_for(lambda: [path for path in objects.iterdir() if 'partial' in path.name], 'in the middle of a file')
        assert operator.status.state == MapStatus.STATE_STAGING
        if how == 'interrupt':
            assert process.interrupt(15) == 0
            assert 'Traceback' not in process.output()
        else:
            process.kill()
    cache = MapCache(state / 'maps' / 'map_server')
    pointer = cache.last_good()
    assert pointer is not None and pointer.sha256 == good.manifest_sha256
    assert cache.open(good.manifest_sha256).manifest.revision == 1
    assert [path.name for path in (cache.folder / 'revisions').iterdir()] == [good.manifest_sha256]
    if how == 'interrupt':
        assert not [path for path in cache.folder.rglob('*') if 'partial' in path.name]
    # The next start finds all in order, and the same wish succeeds.
    with started(state, map_uri=str(good.folder)) as operator:
        operator.wait_active(1)
        assert operator.set_atomically(uri=str(endless.folder)).successful
        operator.wait_active(2)
    assert not [path for path in cache.folder.rglob('*') if 'partial' in path.name]
