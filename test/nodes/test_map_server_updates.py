# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Map updates by parameters: accepted or refused with a reason, staged in the background, undone where they fail."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from map_helpers import Operator, localizes, make_map, make_repository, make_server, running, wait_for
from neumap_ros.msg import MapRequest, MapStatus
from rclpy.node import Node

from neumap_ros.maps.cache import MapCache
from neumap_ros.maps.repository import publish
from neumap_ros.maps.storage import StoredMap
from neumap_ros.nodes import map_topics as topics
from neumap_ros.nodes.map_client import MapClient
from neumap_ros.nodes.map_updates import MapUpdates, Outcome

OTHER_ID = '6e1d4b2f-0c20-4b68-8b43-1b88b5c80002'


@pytest.fixture(autouse=True)
def context() -> Iterator[None]:
    rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path)


@contextlib.contextmanager
def started(server: Any, *more: Any) -> Iterator[Operator]:
    operator = Operator()
    with running(operator.node, server, *more):
        server.start()
        yield operator


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """Outcomes in their order. A latched topic keeps the last one only, and this machine may be busy."""
    outcomes: list[Outcome] = []
    tell = MapUpdates._tell

    def note(self: MapUpdates, **changes: Any) -> None:
        if 'outcome' in changes and outcomes[-1:] != [changes['outcome']]:
            outcomes.append(changes['outcome'])
        tell(self, **changes)

    monkeypatch.setattr(MapUpdates, '_tell', note)
    return outcomes


@pytest.fixture
def slow_staging(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Copying stops after its first bytes until the event is set; the rest of staging is the real one."""
    go_on = threading.Event()
    stage = MapCache.stage

    def wait(self: MapCache, stored: StoredMap, progress: Any, cancelled: Any) -> StoredMap:
        def slow(copied: int, total: int) -> None:
            progress(copied, total)
            while copied and not go_on.is_set() and not cancelled():
                go_on.wait(0.02)

        return stage(self, stored, slow, cancelled)

    monkeypatch.setattr(MapCache, 'stage', wait)
    return go_on


def test_all_three_at_once(tmp_path: Path, repository: Path) -> None:
    with started(make_server(tmp_path / 'state', map_uri=str(repository), map_revision=1)) as operator:
        digest = operator.wait_active(1).sha256
        result = operator.set_atomically(uri=str(repository), revision=2, sha256=_sha256(repository, 2))
        assert result.successful
        status = operator.wait_active(2)
        assert status.result == MapStatus.RESULT_OK
        assert status.sha256 == _sha256(repository, 2) != digest
        assert operator.get('uri', 'revision', 'sha256') == [str(repository), 2, status.sha256]
        wait_for(lambda: operator.index.revision == 2)


def test_revision_alone_and_address_alone(tmp_path: Path, repository: Path) -> None:
    other = make_map(tmp_path / 'other', revision=7, map_id=OTHER_ID)
    with started(make_server(tmp_path / 'state', map_uri=str(repository), map_revision=1)) as operator:
        operator.wait_active(1)
        (result,) = operator.set(revision=2)
        assert result.successful
        operator.wait_active(2)
        assert operator.get('revision', 'sha256') == [2, '']
        (result,) = operator.set(uri=str(other.folder))
        assert result.successful, result.reason
        assert operator.wait_active(7).map_id == OTHER_ID
        assert operator.get('uri', 'revision', 'sha256') == [str(other.folder), 0, '']
        (result,) = operator.set(sha256=other.manifest_sha256)
        assert result.successful
        operator.wait_result(MapStatus.RESULT_OK)
        (result,) = operator.set(uri=str(repository))
        assert result.successful
        operator.wait_active(3)


def test_one_after_the_other_stages_once(tmp_path: Path, repository: Path) -> None:
    """As `ros2 param load` does."""
    first = make_map(tmp_path / 'first', revision=9, map_id=OTHER_ID)
    with started(make_server(tmp_path / 'state', map_uri=str(first.folder))) as operator:
        operator.wait_active(9)
        results = operator.set(uri=str(repository), revision=2, sha256=_sha256(repository, 2))
        assert [result.successful for result in results] == [True] * 3
        operator.wait_active(2)
        assert [index.revision for index in operator.indices if index.sha256] == [9, 2]


def test_sorted_by_name_as_dumped_files_are(tmp_path: Path, repository: Path) -> None:
    with started(make_server(tmp_path / 'state', map_uri=str(repository), map_revision=1)) as operator:
        operator.wait_active(1)
        digest = _sha256(repository, 2)
        results = operator.set(revision=2, sha256=digest, uri=str(repository))
        assert [result.successful for result in results] == [True] * 3
        operator.wait_active(2)
        assert operator.get('uri', 'revision', 'sha256') == [str(repository), 2, digest]
        assert [index.revision for index in operator.indices if index.sha256] == [1, 2]


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({'uri': ''}, 'empty'),
        ({'uri': '/no/such/folder'}, 'does not exist'),
        ({'uri': 'https://example.org/map'}, 'not supported'),
        ({'uri': 'a\nb\x01'}, 'there is no map'),
        ({'uri': 5}, 'type'),
        ({'revision': 17}, 'no revision 17'),
        ({'revision': -1}, 'revision'),
        ({'revision': 'two'}, 'type'),
        ({'revision': 2.0}, 'type'),
        ({'sha256': 'garbage'}, '64 digits'),
        ({'sha256': 'f' * 64}, 'ffffffff'),
        ({'sha256': [1, 2, 3]}, 'type'),
        ({'revision': 2, 'sha256': 'wrong'}, '64 digits'),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_garbage_is_refused_with_a_reason(
    tmp_path: Path, repository: Path, values: dict, words: str, told: list[Outcome]
) -> None:
    with started(make_server(tmp_path / 'state', map_uri=str(repository), map_revision=1)) as operator:
        operator.wait_active(1)
        before = operator.get('uri', 'revision', 'sha256')
        result = operator.set_atomically(**values)
        assert not result.successful
        assert words in result.reason.lower(), result.reason
        assert operator.get('uri', 'revision', 'sha256') == before
        status = operator.wait_active(1)
        assert status.result == MapStatus.RESULT_OK
        assert told == [Outcome.PENDING, Outcome.OK]


def test_digest_of_another_revision_is_refused(tmp_path: Path, repository: Path) -> None:
    with started(make_server(tmp_path / 'state', map_uri=str(repository), map_revision=1)) as operator:
        operator.wait_active(1)
        result = operator.set_atomically(revision=2, sha256=_sha256(repository, 3))
        assert not result.successful
        assert 'revision 2' in result.reason
        assert operator.status.revision == 1


def test_newer_wish_supersedes_the_one_that_is_staged(
    tmp_path: Path, repository: Path, slow_staging: threading.Event, told: list[Outcome]
) -> None:
    slow_staging.set()
    with started(make_server(tmp_path / 'state', map_uri=str(repository), map_revision=1)) as operator:
        operator.wait_active(1)
        slow_staging.clear()
        assert operator.set_atomically(revision=2).successful
        wait_for(lambda: operator.status.pending_revision == 2 and operator.status.bytes_to_copy > 0)
        status = operator.status
        assert (status.state, status.revision) == (MapStatus.STATE_STAGING, 1), 'the active one stays active'
        assert operator.set_atomically(revision=3).successful
        wait_for(lambda: operator.status.pending_revision == 3)
        slow_staging.set()
        operator.wait_active(3)
        assert told == [
            *(Outcome.PENDING, Outcome.OK),
            *(Outcome.PENDING, Outcome.SUPERSEDED, Outcome.PENDING, Outcome.OK),
        ]
        assert 2 not in [index.revision for index in operator.indices]


def test_source_that_disappears_while_it_is_staged(
    tmp_path: Path, repository: Path, slow_staging: threading.Event
) -> None:
    slow_staging.set()
    new = make_map(tmp_path / 'new', revision=8, seeds=(4, 4, 4, 4), map_id=OTHER_ID)
    with started(make_server(tmp_path / 'state', map_uri=str(repository), map_revision=1)) as operator:
        operator.wait_active(1)
        slow_staging.clear()
        assert operator.set_atomically(uri=str(new.folder)).successful
        wait_for(lambda: operator.status.bytes_to_copy > 0)
        shutil.rmtree(new.folder)
        slow_staging.set()
        status = operator.wait_result(MapStatus.RESULT_FAILED)
        assert status.state == MapStatus.STATE_ACTIVE and status.revision == 1
        assert 'disappeared' in status.detail and 'revision 1 is active' in status.detail
        # And it can be repaired by another wish.
        assert operator.set_atomically(uri=str(repository)).successful
        operator.wait_active(3)
    leftover = [path for path in (tmp_path / 'state').rglob('*') if 'partial' in path.name]
    assert leftover == []


def test_damaged_revision_is_not_activated(tmp_path: Path, repository: Path) -> None:
    shard = repository / '000002' / 'shards' / 'r1.safetensors'
    shard.chmod(0o644)
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    with started(make_server(tmp_path / 'state', map_uri=str(repository), map_revision=1)) as operator:
        operator.wait_active(1)
        assert operator.set_atomically(revision=2).successful, 'a set means accepted, not done'
        status = operator.wait_result(MapStatus.RESULT_FAILED)
        assert status.revision == 1
        assert 'r1.safetensors' in status.detail


def test_revision_that_this_version_cannot_read(tmp_path: Path, repository: Path) -> None:
    strange = make_map(tmp_path / 'strange', revision=8, kind='holographic', map_id=OTHER_ID)
    with started(make_server(tmp_path / 'state', map_uri=str(repository), map_revision=1)) as operator:
        operator.wait_active(1)
        assert operator.set_atomically(uri=str(strange.folder)).successful
        status = operator.wait_result(MapStatus.RESULT_FAILED)
        assert "'holographic'" in status.detail
        assert operator.status.revision == operator.index.revision == 1


def test_refusal_by_a_localizer_brings_the_one_before_back(tmp_path: Path, told: list[Outcome]) -> None:
    """The server cannot tell that a localizer lacks an extractor; the localizer says so."""
    folder = tmp_path / 'repository'
    publish(make_map(tmp_path / 'a').folder, folder)
    publish(make_map(tmp_path / 'b', seeds=(1, 1, 1, 1), extractor={'version': 99}).folder, folder)
    node, localizers = Node('robot'), []
    client = MapClient(node, 100_000_000, localizers.append)
    state = tmp_path / 'state'
    with started(make_server(state, map_uri=str(folder), map_revision=1), node) as operator:
        client.start()
        try:
            wait_for(lambda: localizers)
            assert operator.set_atomically(revision=2).successful
            status = operator.wait_result(MapStatus.RESULT_REFUSED)
            assert status.revision == 1 and status.state == MapStatus.STATE_ACTIVE
            assert '/robot' in status.detail and 'extractor' in status.detail
            assert 'revision 1 is active again' in status.detail
            wait_for(lambda: operator.index.revision == 1)
            wait_for(lambda: not client.state.refused)
            assert len(localizers) == 1 and localizes(localizers[0], 3)
            assert told[-3:] == [Outcome.PENDING, Outcome.OK, Outcome.REFUSED], 'it was active for a moment'
            wait_for(lambda: MapCache(state / 'maps' / 'map_server').last_good().sha256 == status.sha256)
        finally:
            client.stop()
    # The next start does not try the refused one again.
    with started(make_server(state, map_uri=str(folder), map_revision=1)) as operator:
        operator.wait_active(1)


def test_refusal_without_another_revision(tmp_path: Path) -> None:
    stored = make_map(tmp_path / 'a', extractor={'version': 99})
    node = Node('robot')
    client = MapClient(node, 100_000_000, lambda localizer: None)
    with started(make_server(tmp_path / 'state', map_uri=str(stored.folder)), node) as operator:
        client.start()
        try:
            status = operator.wait_result(MapStatus.RESULT_REFUSED)
            assert 'no other revision' in status.detail
            assert status.revision == 1
        finally:
            client.stop()


def test_refusal_does_not_count_where_another_localizer_uses_the_revision(tmp_path: Path, repository: Path) -> None:
    with started(make_server(tmp_path / 'state', map_uri=str(repository), map_revision=1)) as operator:
        operator.wait_active(1)
        assert operator.set_atomically(revision=2).successful
        digest = operator.wait_active(2).sha256
        publisher = operator.node.create_publisher(MapRequest, topics.REQUEST_TOPIC, topics.REQUEST_QOS)
        wait_for(lambda: publisher.get_subscription_count() == 1)
        publisher.publish(MapRequest(requester='/good', map_sha256=digest, active_sha256=digest))
        wait_for(lambda: operator.status.localizers == ['/good'])
        publisher.publish(MapRequest(requester='/bad', map_sha256=digest, refused='I am old'))
        status = operator.wait_result(MapStatus.RESULT_REFUSED)
        assert status.revision == 2 and '/good can use it' in status.detail
        publisher.publish(MapRequest(requester='/bad', map_sha256=_sha256(repository, 1), refused='late'))
        wait_for(lambda: '/bad' in operator.status.localizers)
        assert operator.status.revision == 2


def _sha256(repository: Path, revision: int) -> str:
    from neumap_ros.maps.storage import open_map

    return open_map(repository / f'{revision:06d}').manifest_sha256
