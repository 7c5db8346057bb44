# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Faults of a whole robot: nodes in processes of their own, killed, misled and misused while images come."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from localizer_robot import Robot
from map_helpers import Operator
from neumap_ros.msg import LocalizationStatus, MapIndex, MapRequest, MapShard, MapStatus
from user_processes import Terminal, complaints, terminal

from neumap_ros.mapping.build import BuildSettings, build_map
from neumap_ros.mapping.sources import open_poses_json
from neumap_ros.maps.repository import MapReference, publish
from neumap_ros.maps.storage import open_map
from neumap_ros.nodes import map_topics as topics
from neumap_ros.nodes.map_status import index_message
from neumap_ros.nodes.staging import prepare

pytestmark = pytest.mark.slow

DEADLINE_S = 90.0
PERIOD_S = 0.3
# One image is enough for a pose, whenever it was taken, wherever odometry is.
LOCALIZER = {'tf_mode': 'none', 'tracker.confirmations': 1, 'tracker.confirmation_window': 1, 'max_image_age_s': 0.0}
PROCESS = {name.replace('.', '__'): value for name, value in LOCALIZER.items()}


def wait(condition: Callable[[], object], what: object) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f'waited {DEADLINE_S:g} s for: {what() if callable(what) else what}'
        time.sleep(0.05)


class Scene:
    """A robot that stands and looks, whoever sets parameters, and a terminal."""

    def __init__(self, robot: Robot, operator: Operator, shell: Terminal) -> None:
        self.robot, self.operator, self.shell = robot, operator, shell

    def accepted(self, sha256: str, after: int = 0) -> list[LocalizationStatus]:
        """Accepted attempts with this map, of those after the first so many."""
        return [s for s in self.robot.statuses[after:] if s.accepted and s.map_sha256 == sha256]

    def wait_localized(self, sha256: str, after: int = 0) -> None:
        """Wait until images are localized with this map."""
        wait(lambda: self.accepted(sha256, after), lambda: self.robot.statuses[-1:] or 'any status')


@pytest.fixture
def scene(stage, demo_queries, tmp_path: Path) -> Iterator[Scene]:
    place = stage()
    robot, operator = place.add(Robot()), Operator()
    place.add(operator.node)
    image = demo_queries.images[0]
    pixels, stop = demo_queries.read(image), threading.Event()

    def look() -> None:
        robot.stand()
        while not stop.wait(PERIOD_S):
            robot.see(pixels, image.camera, robot.now_ns())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        with terminal(tmp_path / 'state') as shell:
            yield Scene(robot, operator, shell)
    finally:
        stop.set()
        looking.join()


@pytest.fixture(scope='module')
def repository(demo_folder: Path, demo_map: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two revisions of the demo world that share no file."""
    folder = tmp_path_factory.mktemp('revisions')
    build_map(open_poses_json(demo_folder, 'map'), folder / 'other', BuildSettings(kind='full'))
    publish(demo_map, folder / 'repository')
    publish(folder / 'other', folder / 'repository')
    return folder / 'repository'


def digests(repository: Path) -> list[str]:
    return [open_map(path.parent).manifest_sha256 for path in sorted(repository.glob('*/manifest.json'))]


def test_map_that_is_not_there_is_told_and_given_later(scene: Scene, demo_map: Path, tmp_path: Path) -> None:
    """The nodes stay up, say what is wrong, and go on as soon as the path is right."""
    nodes = scene.shell.run_nodes('map_server', 'localizer', map__uri=tmp_path / 'nowhere', **PROCESS)
    wait(lambda: scene.operator.status.result == MapStatus.RESULT_FAILED, lambda: scene.operator.status)
    assert 'nowhere' in scene.operator.status.detail
    wait(lambda: scene.robot.statuses, 'a status without a map')
    assert {status.reason for status in scene.robot.statuses} == {LocalizationStatus.REASON_NO_MAP}
    assert not scene.robot.poses

    code, output = scene.shell.tool('param', 'set', '/map_server', 'map.uri', demo_map)
    assert code == 0, output
    scene.wait_localized(open_map(demo_map).manifest_sha256)
    assert nodes.end() == 0
    assert 'Traceback' not in nodes.output()


def test_each_node_is_killed_and_started_again(scene: Scene, demo_map: Path) -> None:
    """Without the map_server the localizer goes on; without the localizer the map_server waits for the next one."""
    sha256 = open_map(demo_map).manifest_sha256
    server = scene.shell.run_nodes('map_server', map__uri=demo_map)
    localizer = scene.shell.run_nodes('localizer', **PROCESS)
    scene.wait_localized(sha256)

    server.kill()
    before = len(scene.robot.statuses)
    scene.wait_localized(sha256, before + 2)
    server = scene.shell.run_nodes('map_server', map__uri=demo_map)
    wait(lambda: scene.operator.status.localizers_sha256 == [sha256], lambda: scene.operator.status)
    assert {status.map_sha256 for status in scene.robot.statuses[before:]} == {sha256}

    localizer.kill()
    time.sleep(2 * PERIOD_S)  # what it had sent before has arrived
    before = len(scene.robot.statuses)
    localizer = scene.shell.run_nodes('localizer', **PROCESS)
    scene.wait_localized(sha256, before)
    assert (localizer.end(), server.end()) == (0, 0)
    assert not complaints(localizer.output()) and not complaints(server.output())


def test_parameters_from_the_command_line_while_images_come(scene: Scene, repository: Path) -> None:
    """What is wrong is refused with a reason and changes nothing; what is right switches, and no image is lost."""
    first, second = digests(repository)
    nodes = scene.shell.run_nodes('map_server', 'localizer', map__uri=repository, map__revision=1, **PROCESS)
    scene.wait_localized(first)
    for name, value, words in (
        ('map.revision', 'abc', 'type'),
        ('map.revision', 99, 'revision'),
        ('map.sha256', 'f' * 64, 'sha256'),
        ('map.uri', '/nowhere', '/nowhere'),
        ('map.uri', 'ftp://host/map', 'ftp'),
    ):
        _, output = scene.shell.tool('param', 'set', '/map_server', name, value)
        assert 'failed' in output and words in output, output
    before = len(scene.robot.statuses)
    scene.wait_localized(first, before)
    assert scene.operator.status.sha256 == first

    code, output = scene.shell.tool('param', 'set', '/map_server', 'map.revision', 2)
    assert code == 0, output
    scene.wait_localized(second)
    statuses = scene.robot.statuses
    switch = next(i for i, status in enumerate(statuses) if status.map_sha256 == second)
    assert {status.map_sha256 for status in statuses[switch:]} == {second}
    assert {status.map_sha256 for status in statuses[:switch]} <= {'', first}
    assert {status.revision for status in statuses[switch:]} == {2}
    assert all(status.accepted for status in statuses[switch - 1 : switch + 1]), 'the pose outlives the switch'
    assert nodes.end() == 0
    assert 'Traceback' not in nodes.output()


def test_damaged_regions_are_refused_until_whole_ones_come(scene: Scene, demo_map: Path) -> None:
    """Somebody offers the map and sends damaged regions; then the map_server comes."""
    stored, node = open_map(demo_map), scene.operator.node
    index = node.create_publisher(MapIndex, topics.INDEX_TOPIC, topics.LATCHED_QOS)
    sender = node.create_publisher(MapShard, topics.SHARD_TOPIC, topics.SHARD_QOS)
    index.publish(index_message(prepare(stored, MapReference()), node.get_clock().now().to_msg()))

    def lie(request: MapRequest) -> None:
        for region in request.regions:
            path = f'shards/{region}.safetensors'
            data = bytearray(stored.read_file(path))
            data[len(data) // 2] ^= 1
            sha256 = next(file.sha256 for file in stored.manifest.files if file.path == path)
            sender.publish(
                MapShard(map_sha256=request.map_sha256, path=path, sha256=sha256, data=topics.packed(bytes(data)))
            )

    lying = node.create_subscription(MapRequest, topics.REQUEST_TOPIC, lie, topics.REQUEST_QOS)
    localizer = scene.shell.run_nodes('localizer', **PROCESS)
    wait(lambda: 'did not arrive' in localizer.output(), localizer.output)
    wait(lambda: scene.robot.statuses, 'a status without a map')
    assert {status.reason for status in scene.robot.statuses} == {LocalizationStatus.REASON_NO_MAP}
    node.destroy_subscription(lying)
    scene.shell.run_nodes('map_server', map__uri=demo_map)
    scene.wait_localized(stored.manifest_sha256)
    assert localizer.end() == 0
    assert 'Traceback' not in localizer.output()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('delay_s', [0.7, 1.5, 3.0])
def test_signal_at_any_time(demo_map: Path, tmp_path: Path, delay_s: float, number: int) -> None:
    """Both nodes of one process end, whatever they are doing; before they are there, Python ends in its own way."""
    with terminal(tmp_path) as shell:
        nodes = shell.run_nodes('map_server', 'localizer', map__uri=demo_map)
        with contextlib.suppress(Exception):
            nodes.popen.wait(delay_s)
        code = nodes.end(number)
        if 'map_server' in nodes.output():  # a node has spoken, so that the handlers are there
            assert code == 0, nodes.output()
            assert not complaints(nodes.output())
        else:
            assert code in (0, 1, 130, -number), nodes.output()
