# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The map_server and the localizers' side of it over real DDS: what travels, when, and how much memory it takes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import PoseWithCovarianceStamped
from map_helpers import POINTS, NodeProcess, Operator, localizes, make_map, make_server, running, wait_for
from neumap_ros.msg import MapIndex, MapRequest, MapStatus
from rclpy.node import Node

from neumap_ros.geometry import Pose
from neumap_ros.maps import exchange
from neumap_ros.maps.manifest import manifest_sha256
from neumap_ros.nodes import map_topics as topics
from neumap_ros.nodes.map_client import MapClient
from neumap_ros.nodes.residency import DECODED_BYTES_PER_POINT


@pytest.fixture(autouse=True)
def context() -> Iterator[None]:
    rclpy.init()
    yield
    rclpy.try_shutdown()


class Robot:
    """A client that behaves as if it ran in another process, unless told otherwise."""

    def __init__(self, name: str, budget_bytes: int = 100_000_000) -> None:
        self.node = Node(name)
        self.localizers: list[Any] = []
        self.client = MapClient(self.node, budget_bytes, self.localizers.append)


@contextlib.contextmanager
def graph(server: Any, *robots: Robot) -> Iterator[Operator]:
    operator = Operator()
    with running(operator.node, server, *(robot.node for robot in robots)):
        try:
            server.start()
            for robot in robots:
                robot.client.start()
            yield operator
        finally:
            for robot in robots:
                robot.client.stop()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients of this process say that they run in another one, so that bytes travel."""
    request = MapClient._request

    def lie(self: MapClient, window: Any) -> MapRequest:
        message = request(self, window)
        message.process = 'elsewhere:1:abc'
        return message

    monkeypatch.setattr(MapClient, '_request', lie)


def test_index_is_there_for_those_who_come_late(tmp_path: Path) -> None:
    stored = make_map(tmp_path / 'map')
    with graph(make_server(tmp_path / 'state', map_uri=str(stored.folder))) as operator:
        operator.wait_active(1)
        late = Node('late')
        heard: list[Any] = []
        late.create_subscription(MapIndex, topics.INDEX_TOPIC, heard.append, topics.LATCHED_QOS)
        with running(late):
            index = wait_for(lambda: heard)[0]
        assert manifest_sha256(bytes(index.manifest)) == index.sha256 == stored.manifest_sha256
        assert (index.map_id, index.revision, index.frame_id) == (stored.manifest.map_id, 1, 'map')
        assert len(index.retrieval) > 0 and index.stamp.sec > 0


@pytest.mark.usefixtures('elsewhere')
def test_regions_travel_with_their_digests(tmp_path: Path) -> None:
    stored = make_map(tmp_path / 'map')
    robot = Robot('robot')
    with graph(make_server(tmp_path / 'state', map_uri=f'file://{stored.folder}'), robot) as operator:
        wait_for(lambda: robot.localizers)
        assert all(localizes(robot.localizers[-1], index) for index in range(4))
        wait_for(lambda: len(operator.shards) == 4)
        by_path = {file.path: file for file in stored.manifest.files}
        for shard in operator.shards:
            assert shard.map_sha256 == stored.manifest_sha256
            assert shard.sha256 == by_path[shard.path].sha256
            assert bytes(shard.data) == stored.read_file(shard.path)
        status = wait_for(lambda: operator.status.localizers_sha256 == [stored.manifest_sha256] and operator.status)
        assert status.localizers == ['/robot']
        assert (status.regions, status.map_bytes) == (4, stored.total_bytes)
        assert (status.regions_resident, status.evictions) == (4, 0)
        assert status.uri == f'file://{stored.folder}'


def test_same_process_without_a_copy(tmp_path: Path) -> None:
    stored = make_map(tmp_path / 'map')
    robot = Robot('robot')
    server = make_server(tmp_path / 'state', map_uri=str(stored.folder))
    with graph(server, robot) as operator:
        wait_for(lambda: robot.localizers)
        held = robot.client._resident.shards
        files = {f.path: f.sha256 for f in stored.manifest.files}
        assert all(held[f'r{i}'] is exchange.take(files[f'shards/r{i}.safetensors']) for i in range(4))
        wait_for(lambda: len(operator.shards) == 4)
        assert {shard.in_process for shard in operator.shards} == {exchange.PROCESS_ID}
        assert not any(len(shard.data) for shard in operator.shards)


@pytest.mark.usefixtures('elsewhere')
def test_only_changed_regions_are_sent(tmp_path: Path) -> None:
    robot = Robot('robot')
    old = make_map(tmp_path / 'r' / '1') if (tmp_path / 'r').mkdir() is None else None
    with graph(make_server(tmp_path / 'state', map_uri=str(tmp_path / 'r')), robot) as operator:
        wait_for(lambda: robot.localizers)
        wait_for(lambda: len(operator.shards) == 4)
        new = make_map(tmp_path / 'r' / '2', revision=2, seeds=(0, 9, 0, 0))
        assert operator.set_atomically(revision=2).successful
        wait_for(lambda: robot.localizers[-1].map_sha256 == new.manifest_sha256)
        wait_for(lambda: len(operator.shards) == 5)
        sent = operator.shards[4:]
        changed = next(f for f in new.manifest.files if f.path == 'shards/r1.safetensors')
        assert sum(len(shard.data) for shard in sent) == changed.bytes
        assert localizes(robot.localizers[-1], 1, seed=9)
        assert {localizer.map_sha256 for localizer in robot.localizers} == {
            old.manifest_sha256,
            new.manifest_sha256,
        }


def test_unknown_region_is_an_error_not_silence(tmp_path: Path) -> None:
    stored = make_map(tmp_path / 'map')
    with graph(make_server(tmp_path / 'state', map_uri=str(stored.folder))) as operator:
        operator.wait_active(1)
        publisher = operator.node.create_publisher(MapRequest, topics.REQUEST_TOPIC, topics.REQUEST_QOS)
        wait_for(lambda: publisher.get_subscription_count() == 1)
        publisher.publish(MapRequest(requester='/me', map_sha256=stored.manifest_sha256, regions=['nowhere', 'r1']))
        wait_for(lambda: len(operator.shards) == 2)
        assert "no region 'nowhere'" in operator.shards[0].error
        assert operator.shards[1].path == 'shards/r1.safetensors' and not operator.shards[1].error


def test_request_about_another_revision_brings_the_index_again(tmp_path: Path) -> None:
    stored = make_map(tmp_path / 'map')
    with graph(make_server(tmp_path / 'state', map_uri=str(stored.folder))) as operator:
        operator.wait_active(1)
        count = len(wait_for(lambda: operator.indices))
        publisher = operator.node.create_publisher(MapRequest, topics.REQUEST_TOPIC, topics.REQUEST_QOS)
        wait_for(lambda: publisher.get_subscription_count() == 1)

        def asked() -> bool:
            publisher.publish(MapRequest(requester='/me', map_sha256='f' * 64))
            return len(operator.indices) > count

        wait_for(asked)
        assert operator.index.sha256 == stored.manifest_sha256


@pytest.mark.usefixtures('elsewhere')
def test_damaged_file_of_the_cache_is_fetched_again(tmp_path: Path) -> None:
    stored = make_map(tmp_path / 'map')
    robot = Robot('robot')
    server = make_server(tmp_path / 'state', map_uri=str(stored.folder))
    with graph(server) as operator:
        operator.wait_active(1)
        victim = server._updates.state.active.stored.folder / 'shards' / 'r2.safetensors'
        victim.chmod(0o644)
        data = bytearray(victim.read_bytes())
        data[-1] ^= 1
        victim.write_bytes(data)
        with running(robot.node):
            robot.client.start()
            wait_for(lambda: any('r2' in shard.error for shard in operator.shards))
            wait_for(lambda: robot.client.state.regions_resident == 4)
            robot.client.stop()
        assert localizes(robot.localizers[-1], 2)
        operator.wait_result(MapStatus.RESULT_OK)
        assert server._updates.state.active.stored.read_file('shards/r2.safetensors') == stored.read_file(
            'shards/r2.safetensors'
        )


@pytest.mark.usefixtures('elsewhere')
def test_memory_of_the_server_stays_within_its_budget(tmp_path: Path) -> None:
    stored = make_map(tmp_path / 'map', seeds=(0,) * 24)
    shard = max(file.bytes for file in stored.manifest.files)
    assert 24 * shard > 1_000_000, 'the map does not fit into one megabyte'
    robot = Robot('robot')
    with graph(make_server(tmp_path / 'state', map_uri=str(stored.folder), memory_budget_mb=1), robot) as operator:
        wait_for(lambda: robot.client.state.regions_resident == 24)
        fits = 1_000_000 // shard
        status = wait_for(lambda: operator.status.evictions >= 24 - fits and operator.status)
        assert status.bytes_budget == 1_000_000
        assert max(message.bytes_resident for message in operator._status.messages) <= 1_000_000
        assert status.regions_resident <= fits
        assert localizes(robot.localizers[-1], 0) and localizes(robot.localizers[-1], 23)


@pytest.mark.usefixtures('elsewhere')
def test_regions_are_sent_ahead_of_the_robot(tmp_path: Path) -> None:
    """The robot's own budget holds three regions of twelve; those ahead come without being asked for."""
    stored = make_map(tmp_path / 'map', seeds=(0,) * 12)
    cost = max(file.bytes for file in stored.manifest.files) + POINTS * DECODED_BYTES_PER_POINT
    robot = Robot('robot', 3 * cost + 20_000)
    server = make_server(tmp_path / 'state', map_uri=str(stored.folder), prefetch_radius_m=6.0, prefetch_horizon_s=10.0)
    with graph(server, robot) as operator:
        wait_for(lambda: robot.localizers)
        asked: list[str] = []
        operator.node.create_subscription(
            MapRequest, topics.REQUEST_TOPIC, lambda m: asked.extend(m.regions), topics.REQUEST_QOS
        )
        robot.client.update_wants(Pose(np.eye(3), (0.0, 0.0, 8.0)), 1.0)
        wait_for(lambda: 'r0' in robot.client._resident.shards)
        publisher = operator.node.create_publisher(PoseWithCovarianceStamped, 'pose', 10)
        wait_for(lambda: publisher.get_subscription_count() == 1)
        for step in range(3):  # 1.3 m/s in x: 13 m further in ten seconds
            message = PoseWithCovarianceStamped()
            message.header.stamp.sec = 100 + step
            message.header.frame_id = 'map'
            message.pose.pose.position.x, message.pose.pose.position.z = 1.3 * step, 8.0
            publisher.publish(message)
        wait_for(lambda: 'r1' in robot.client._resident.shards, 'the region ahead')
        assert 'r1' not in asked
        assert 'r0' in robot.client._resident.shards, 'the region around the robot stays'
        assert not {'r4', 'r8', 'r11'} & {shard.path[7:-12] for shard in operator.shards}
        assert robot.client.state.bytes_resident <= 3 * cost + 20_000


def test_localizers_that_are_gone_are_not_told(tmp_path: Path) -> None:
    stored = make_map(tmp_path / 'map')
    first, second = Robot('first'), Robot('second')
    with graph(make_server(tmp_path / 'state', map_uri=str(stored.folder)), first, second) as operator:
        wait_for(lambda: operator.status.localizers == ['/first', '/second'])
        second.client.stop()
        wait_for(lambda: operator.status.localizers == ['/first'])
        assert operator.status.localizers_sha256 == [stored.manifest_sha256]


def test_both_nodes_in_one_process(tmp_path: Path) -> None:
    """As the executable `localization` runs them: nothing but the names of the regions travels."""
    stored = make_map(tmp_path / 'map')
    operator = Operator()
    process = NodeProcess('map_server,localizer', **{'map.uri': stored.folder, 'state_dir': tmp_path / 'state'})
    with contextlib.ExitStack() as stack:
        stack.callback(process.stop)
        stack.enter_context(running(operator.node))
        wait_for(lambda: operator.status.localizers_sha256 == [stored.manifest_sha256], 'the localizer has the map')
        assert operator.status.localizers == ['/localizer']
        wait_for(lambda: len(operator.shards) == 4)
        assert not any(len(shard.data) for shard in operator.shards)
        assert len({shard.in_process for shard in operator.shards} - {'', exchange.PROCESS_ID}) == 1
        assert process.interrupt() == 0
        assert 'Traceback' not in process.output()
