# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The localizer's side of the map topics, against a server that the test plays by hand."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rclpy
from map_helpers import POINTS, Listener, localizes, make_map, running, wait_for
from neumap_ros.msg import MapIndex, MapRequest, MapShard
from rclpy.node import Node

from neumap_ros.geometry import Pose
from neumap_ros.localization.localizer import LocalizerSettings
from neumap_ros.maps import exchange
from neumap_ros.maps.repository import MapReference
from neumap_ros.maps.storage import StoredMap
from neumap_ros.nodes import map_topics as topics
from neumap_ros.nodes.map_client import MapClient
from neumap_ros.nodes.map_status import index_message
from neumap_ros.nodes.residency import DECODED_BYTES_PER_POINT
from neumap_ros.nodes.staging import prepare


@pytest.fixture(autouse=True)
def context() -> Iterator[None]:
    rclpy.init()
    yield
    rclpy.try_shutdown()


class Server(Node):
    """Answers requests honestly, unless a test has put something else for a region into ``lies``."""

    def __init__(self) -> None:
        super().__init__('server')
        self.stored: StoredMap | None = None
        self.lies: dict[str, list[MapShard]] = {}
        self.answers = True
        self.sent: list[MapShard] = []
        self.index = self.create_publisher(MapIndex, topics.INDEX_TOPIC, topics.LATCHED_QOS)
        self.shard = self.create_publisher(MapShard, topics.SHARD_TOPIC, topics.SHARD_QOS)
        self.requests: list[MapRequest] = []
        self.create_subscription(MapRequest, topics.REQUEST_TOPIC, self.on_request, topics.REQUEST_QOS)

    def offer(self, stored: StoredMap) -> None:
        self.stored = stored
        self.index.publish(index_message(prepare(stored, MapReference()), self.get_clock().now().to_msg()))

    def on_request(self, request: MapRequest) -> None:
        self.requests.append(request)
        if self.stored is None or request.map_sha256 != self.stored.manifest_sha256 or not self.answers:
            return
        for region in request.regions:
            self.send(self.lies[region].pop(0) if self.lies.get(region) else self.honest(region))

    def honest(self, region: str) -> MapShard:
        file = next(f for f in self.stored.manifest.files if f.path == f'shards/{region}.safetensors')
        data = self.stored.read_file(file.path)
        return MapShard(
            map_sha256=self.stored.manifest_sha256, path=file.path, sha256=file.sha256, data=topics.packed(data)
        )

    def send(self, message: MapShard) -> None:
        self.sent.append(message)
        self.shard.publish(message)

    def asked_for(self, region: str) -> int:
        return sum(region in request.regions for request in self.requests)


def resident(client: MapClient) -> set[str]:
    return set(client._resident.resident)


@contextlib.contextmanager
def client_and_server(budget_bytes: int = 100_000_000) -> Iterator[tuple[MapClient, Server, list]]:
    node, server = Node('localizer'), Server()
    localizers: list = []
    client = MapClient(node, budget_bytes, localizers.append)
    with running(node, server):
        client.start()
        try:
            yield client, server, localizers
        finally:
            client.stop()


def test_whole_map_comes_and_localizes(tmp_path: Path) -> None:
    with client_and_server() as (client, server, localizers):
        stored = make_map(tmp_path / 'map')
        server.offer(stored)
        wait_for(lambda: localizers)
        assert localizers[0].map_sha256 == stored.manifest_sha256
        assert all(localizes(localizers[0], index) for index in range(4))
        wait_for(lambda: server.requests[-1].active_sha256 == stored.manifest_sha256, 'it tells what it uses')
        state = client.state
        assert (state.revision, state.regions, state.regions_resident, state.regions_missing) == (1, 4, 4, 0)
        assert (state.damaged, state.refused, state.problem) == (0, '', '')
        assert state.bytes_resident > 4 * POINTS * DECODED_BYTES_PER_POINT
        assert len(localizers) == 1


def test_index_of_before_it_started(tmp_path: Path) -> None:
    server = Server()
    server.offer(make_map(tmp_path / 'map'))
    node, localizers = Node('localizer'), []
    client = MapClient(node, 100_000_000, localizers.append)
    with running(server, node):
        client.start()
        wait_for(lambda: localizers)
        client.stop()


def test_damaged_region_is_refused_and_asked_for_again(tmp_path: Path) -> None:
    with client_and_server() as (client, server, localizers):
        stored = make_map(tmp_path / 'map')
        server.stored = stored
        wrong, short, other = server.honest('r1'), server.honest('r1'), server.honest('r1')
        flipped = bytearray(wrong.data)
        flipped[len(flipped) // 2] ^= 1
        wrong.data = topics.packed(bytes(flipped))
        short.data = topics.packed(bytes(short.data)[:-5])
        other.data = server.honest('r2').data
        server.lies['r1'] = [wrong, short, other]
        server.offer(stored)
        wait_for(lambda: localizers and client.state.regions_resident == 4)
        assert server.asked_for('r1') >= 4
        assert client.state.damaged == 3
        assert client.state.problem == ''
        assert localizes(localizers[-1], 1)


def test_region_with_another_digest_than_the_manifest_says(tmp_path: Path) -> None:
    """A message that is consistent in itself does not count: the manifest says what a region is."""
    with client_and_server() as (client, server, localizers):
        stored = make_map(tmp_path / 'map')
        server.stored = make_map(tmp_path / 'other', seeds=(7, 7, 7, 7))
        foreign = server.honest('r0')
        foreign.map_sha256 = stored.manifest_sha256
        server.lies['r0'] = [foreign]
        server.offer(stored)
        wait_for(lambda: localizers)
        assert client.state.damaged == 1
        assert localizes(localizers[-1], 0) and not localizes(localizers[-1], 0, seed=7)


def test_answer_that_is_lost_is_asked_for_again(tmp_path: Path) -> None:
    with client_and_server() as (_, server, localizers):
        server.answers = False
        server.offer(make_map(tmp_path / 'map'))
        wait_for(lambda: server.asked_for('r0') >= 2)
        assert not localizers
        server.answers = True
        wait_for(lambda: localizers)


def test_damaged_index_is_not_used_and_asked_for_again(tmp_path: Path) -> None:
    with client_and_server() as (client, server, localizers):
        stored = make_map(tmp_path / 'map')
        message = index_message(prepare(stored, MapReference()), server.get_clock().now().to_msg())
        broken = bytearray(message.manifest)
        broken[100] ^= 1
        message.manifest = topics.packed(bytes(broken))
        server.index.publish(message)
        wait_for(lambda: client.state.damaged == 1)
        assert 'digest' in client.state.problem or 'sha256' in client.state.problem
        # What it asks for is no revision that the server has, which makes a server send the index again.
        count = len(server.requests)
        wait_for(lambda: len(server.requests) > count)
        assert server.requests[-1].map_sha256 == ''
        server.offer(stored)
        wait_for(lambda: localizers)
        assert client.state.problem == ''


def test_only_changed_regions_travel(tmp_path: Path) -> None:
    with client_and_server() as (client, server, localizers):
        server.offer(make_map(tmp_path / '1'))
        wait_for(lambda: localizers)
        server.sent.clear()
        new = make_map(tmp_path / '2', revision=2, seeds=(0, 0, 5, 0))
        server.offer(new)
        wait_for(lambda: localizers[-1].map_sha256 == new.manifest_sha256)
        assert [message.path for message in server.sent] == ['shards/r2.safetensors']
        assert localizes(localizers[-1], 2, seed=5) and not localizes(localizers[-1], 2)
        assert localizes(localizers[0], 2), 'the localizer before is as it was'
        assert client.state.revision == 2


def test_new_revision_is_handed_over_only_complete(tmp_path: Path) -> None:
    with client_and_server() as (client, server, localizers):
        old = make_map(tmp_path / '1')
        server.offer(old)
        wait_for(lambda: localizers)
        new = make_map(tmp_path / '2', revision=2, seeds=(1, 1, 1, 1))
        server.stored = new
        gone = MapShard(map_sha256=new.manifest_sha256, path='shards/r3.safetensors', error='the disk is gone')
        server.lies['r3'] = [gone] * 5
        server.offer(new)
        wait_for(lambda: 'the disk is gone' in client.state.problem)
        assert client.state.revision == 1
        assert {localizer.map_sha256 for localizer in localizers} == {old.manifest_sha256}
        wait_for(lambda: client.state.revision == 2)
        assert [localizer.map_sha256 for localizer in localizers] == [old.manifest_sha256, new.manifest_sha256]


def test_first_map_comes_without_a_region_that_cannot_be_had(tmp_path: Path) -> None:
    with client_and_server() as (client, server, localizers):
        stored = make_map(tmp_path / 'map')
        gone = MapShard(map_sha256=stored.manifest_sha256, path='shards/r3.safetensors', error='the disk is gone')
        server.lies['r3'] = [gone] * 6
        server.offer(stored)
        wait_for(lambda: localizers)
        assert client.state.regions_resident == 3
        assert 'the disk is gone' in client.state.problem
        assert localizes(localizers[-1], 0) and not localizes(localizers[-1], 3)
        wait_for(lambda: client.state.regions_resident == 4)
        assert localizes(localizers[-1], 3)


def test_refusal_keeps_the_map_before(tmp_path: Path) -> None:
    with client_and_server() as (client, server, localizers):
        old = make_map(tmp_path / '1')
        server.offer(old)
        wait_for(lambda: localizers)
        # The server has a newer version, which reads this map; ours does not.
        strange = make_map(tmp_path / '2', revision=2, extractor={'version': 99})
        server.offer(strange)
        refused = wait_for(lambda: [r for r in server.requests if r.refused])[0]
        assert refused.map_sha256 == strange.manifest_sha256
        assert refused.active_sha256 == old.manifest_sha256
        assert 'extractor' in refused.refused and '\n' not in refused.refused
        assert client.state.refused == refused.refused
        server.sent.clear()
        server.offer(old)
        wait_for(lambda: not client.state.refused)
        wait_for(lambda: server.requests[-1].map_sha256 == old.manifest_sha256)
        assert not server.sent, 'going back needs no bytes'
        assert len(localizers) == 1


def test_a_map_whose_weights_are_not_here_is_refused_with_the_parameter_that_names_them(tmp_path: Path) -> None:
    with client_and_server() as (client, server, localizers):
        old = make_map(tmp_path / '1')
        server.offer(old)
        wait_for(lambda: localizers)
        learned = {'name': 'edgepoint2', 'weights_sha256': 'ab' * 32}
        server.offer(make_map(tmp_path / '2', revision=2, extractor=learned))
        refused = wait_for(lambda: [r for r in server.requests if r.refused])[0].refused
        assert 'weights of sha256 abababababab' in refused and 'parameter extractor_weights' in refused
        weights = tmp_path / 'other.pth'
        weights.write_bytes(b'others')
        server.offer(old)
        wait_for(lambda: not client.state.refused)
        client.use_settings(LocalizerSettings(extractor_weights=str(weights)))
        wait_for(lambda: len(localizers) == 2)  # the map before does not mind the parameter
        server.offer(make_map(tmp_path / '3', revision=3, extractor=learned))
        wait_for(lambda: 'give the file that the map was built with' in client.state.refused)


def test_bytes_of_the_same_process_are_not_copied(tmp_path: Path) -> None:
    with client_and_server() as (client, server, localizers):
        stored = make_map(tmp_path / 'map')
        server.stored = stored
        offers = {}
        for region in ('r0', 'r1', 'r2', 'r3'):
            message = server.honest(region)
            data = bytes(message.data)
            offers[message.sha256] = exchange.offer(message.sha256, data)
            empty = MapShard(
                map_sha256=message.map_sha256, path=message.path, sha256=message.sha256, in_process=exchange.PROCESS_ID
            )
            server.lies[region] = [empty]
        server.offer(stored)
        wait_for(lambda: localizers)
        assert server.requests[-1].process == exchange.PROCESS_ID
        resident = client._resident
        held = {f.sha256: resident.shards[r] for r, f in client._used.files.items()}
        assert all(held[sha256] is offer.data for sha256, offer in offers.items())


def test_bytes_of_another_process_are_not_mistaken(tmp_path: Path) -> None:
    with client_and_server() as (client, server, localizers):
        stored = make_map(tmp_path / 'map')
        server.stored = stored
        elsewhere = server.honest('r0')
        elsewhere.data, elsewhere.in_process = topics.packed(b''), 'another:1:2'
        dropped = server.honest('r1')
        dropped.data, dropped.in_process = topics.packed(b''), exchange.PROCESS_ID
        server.lies = {'r0': [elsewhere], 'r1': [dropped]}
        server.offer(stored)
        wait_for(lambda: localizers)
        assert client.state.regions_resident == 4
        assert client.state.damaged == 0


def test_budget_holds_what_is_near_and_what_is_asked_for(tmp_path: Path) -> None:
    stored = make_map(tmp_path / 'map', seeds=(0,) * 8)
    shard = max(file.bytes for file in stored.manifest.files)
    two = 2 * (shard + POINTS * DECODED_BYTES_PER_POINT) + 20_000
    with client_and_server(two) as (client, server, localizers):
        server.offer(stored)
        wait_for(lambda: localizers)
        assert client.state.regions_resident == 0, 'nobody knows where the robot is'

        client.update_wants(Pose(np.eye(3), (36.0, 0.0, 8.0)), 3.0)
        wait_for(lambda: resident(client) == {'r3'})
        assert localizes(localizers[-1], 3) and not localizes(localizers[-1], 6)

        client.update_wants(Pose(np.eye(3), (36.0, 0.0, 8.0)), 3.0, ('r6', 'r5'))
        wait_for(lambda: resident(client) == {'r3', 'r6'})
        assert localizes(localizers[-1], 3) and localizes(localizers[-1], 6)

        client.update_wants(Pose(np.eye(3), (0.0, 0.0, 8.0)), 3.0)
        wait_for(lambda: 'r0' in resident(client))
        assert client.state.regions_resident == 2
        assert client.state.bytes_resident <= two
        assert server.asked_for('r7') == 0


def test_other_settings_make_another_localizer(tmp_path: Path) -> None:
    with client_and_server() as (client, server, localizers):
        server.offer(make_map(tmp_path / 'map'))
        wait_for(lambda: localizers)
        client.use_settings(LocalizerSettings(max_keypoints=123))
        wait_for(lambda: localizers[-1].settings.max_keypoints == 123)
        assert localizes(localizers[-1], 1)


def test_says_that_it_is_there_and_ends_at_once(tmp_path: Path) -> None:
    with client_and_server() as (client, server, _):
        listener = Listener(server, MapRequest, topics.REQUEST_TOPIC, topics.REQUEST_QOS)
        wait_for(lambda: len(listener.messages) >= 2, 'without any map it tells that it is there')
        assert {message.requester for message in listener.messages} == {'/localizer'}
        client.stop()
        assert not any(thread.name == 'map client' for thread in threading.enumerate())
        client.start()
        server.offer(make_map(tmp_path / 'map'))
        wait_for(lambda: client.state.revision == 1)


def test_regions_of_a_refused_revision_are_not_kept(tmp_path: Path) -> None:
    """The map_server may go on sending them ahead; they would fill the memory far beyond the budget."""
    stored = make_map(tmp_path / 'map', seeds=[0] * 12)
    staged = prepare(stored, MapReference(str(stored.folder)))
    node = Node('robot')
    client = MapClient(node, 250_000, lambda localizer: None)
    client._on_index(index_message(staged, node.get_clock().now().to_msg()))
    client._refuse(client._offer, 'it is not to be used')
    for file in staged.offer.files.values():
        data = topics.packed(stored.read_file(file.path))
        client._on_shard(MapShard(map_sha256=staged.offer.sha256, path=file.path, sha256=file.sha256, data=data))
    assert client.state.refused
    assert client._blobs == {}
    node.destroy_node()
