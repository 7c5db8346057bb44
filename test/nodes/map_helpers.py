# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of the map_server and of its client share: small maps, nodes that run, processes, waiting."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from neumap_ros.features.base import Features
from neumap_ros.geometry import Camera, Pose
from neumap_ros.localization.localizer import Localizer
from neumap_ros.maps.repository import publish
from neumap_ros.maps.storage import StoredMap, open_map, write_map
from neumap_ros.maps.types import Manifest, Region

if TYPE_CHECKING:
    from rclpy.executors import Executor

MAP_ID = '5f0c3a1e-9b1f-4a57-9a32-0a77a4b7f001'
POINTS = 200
CAMERA = Camera.from_opencv(640, 480, 400, 400, 320, 240)
# Generous: the machine may be busy with something else.
DEADLINE_S = 30.0

T = TypeVar('T')


def wait_for(condition: Callable[[], T], what: str = '', timeout: float = DEADLINE_S) -> T:
    """Poll until a condition holds, and return what it returned."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < deadline, f'not within {timeout} s: {what or condition}'
        time.sleep(0.02)
    return result


def spin_until(executor: Executor, condition: Callable[[], object]) -> None:
    """Let the nodes of this thread's executor work until a condition holds."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f'not within {DEADLINE_S} s: {condition}'
        executor.spin_once(timeout_sec=0.1)


def unit(array: np.ndarray) -> np.ndarray:
    return (array / np.linalg.norm(array, axis=-1, keepdims=True)).astype(np.float32)


def region_content(index: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (P, 3) and unmistakable descriptors (P, 128) of a region, a box; the next one lies 12 m further in x."""
    rng = np.random.default_rng([index, seed])
    low = np.array([12.0 * index - 5.0, -3.0, 6.0])
    return rng.uniform(low, low + np.array([10.0, 6.0, 6.0]), (POINTS, 3)), unit(rng.normal(size=(POINTS, 128)))


def make_map(folder: Path, revision: int = 1, seeds: Sequence[int] = (0, 0, 0, 0), **fields: Any) -> StoredMap:
    """A map of one region for each seed; a region with another seed is another file."""
    extractor = {'name': 'rootsift', 'version': 1, 'weights_sha256': '', 'descriptor_size': 128, 'global_size': 128}
    manifest = Manifest(
        map_id=fields.get('map_id', MAP_ID),
        revision=revision,
        kind=fields.get('kind', 'full'),
        frame_id='map',
        created='2026-01-01T00:00:00Z',
        metric=True,
        extractor={**extractor, **fields.get('extractor', {})},
        decoder={},
        regions=(),
        files=(),
    )
    shards = []
    for index, seed in enumerate(seeds):
        points, descriptors = region_content(index, seed)
        low = (12.0 * index - 5.0, -3.0, 6.0)
        region = Region(f'r{index}', low, (low[0] + 10.0, 3.0, 12.0), POINTS, '')
        shards.append((region, {'xyz': points.astype(np.float32), 'descriptors': descriptors.astype(np.float16)}))
    write_map(folder, manifest, {}, shards)
    return open_map(folder)


def look_at(index: int, seed: int = 0) -> tuple[Features, Pose]:
    """Features of an image that shows one region, and its true T_map_cam."""
    points, descriptors = region_content(index, seed)
    T_map_cam = Pose(np.eye(3), (12.0 * index, 0.1, -2.0))
    pixels, inside = CAMERA.project(T_map_cam.inverse().transform(points))
    rng = np.random.default_rng(index)
    ones = np.ones(int(inside.sum()), np.float32)
    noisy = unit(descriptors[inside] + 0.02 * rng.normal(size=(len(ones), 128)))
    return Features(pixels[inside].astype(np.float32), ones, noisy, ones, unit(np.ones(128)), (640, 480)), T_map_cam


def localizes(localizer: Localizer, index: int, seed: int = 0) -> bool:
    """Whether a localizer finds the pose of an image of a region."""
    features, T_map_cam = look_at(index, seed)
    fix = localizer.localize_features(features, CAMERA)
    if fix.T_map_cam is None:
        return False
    return float(np.linalg.norm(fix.T_map_cam.translation_3 - T_map_cam.translation_3)) < 0.05


def make_repository(folder: Path) -> Path:
    """A repository of three revisions; each differs from the one before in one region."""
    repository = folder / 'repository'
    for revision, seeds in ((1, (0, 0, 0, 0)), (2, (0, 5, 0, 0)), (3, (0, 5, 6, 0))):
        publish(make_map(folder / f'drive{revision}', seeds=seeds).folder, repository)
    return repository


@contextlib.contextmanager
def running(*nodes: Any) -> Iterator[None]:
    """Run the callbacks of nodes in a thread, and end the nodes afterwards."""
    from rclpy.executors import MultiThreadedExecutor

    executor = MultiThreadedExecutor(num_threads=3)
    for node in nodes:
        executor.add_node(node)
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.1)

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        executor.wake()
        thread.join()
        executor.shutdown(1.0)
        for node in nodes:
            if hasattr(node, 'finish'):
                node.finish()
            node.destroy_node()


class Listener:
    """Keeps the messages of a topic."""

    def __init__(self, node: Any, message_type: Any, topic: str, qos: Any) -> None:
        self.messages: list[Any] = []
        self.subscription = node.create_subscription(message_type, topic, self.messages.append, qos)

    @property
    def last(self) -> Any:
        return self.messages[-1] if self.messages else None


_BOOT = """
import importlib.util, sys
if importlib.util.find_spec('rclpy') is None:
    import rosless
    rosless.activate()
from neumap_ros.nodes.main import run
# prelude
sys.exit(run(sys.argv[1].split(','), ['--ros-args', *sys.argv[2:]]))
"""


class NodeProcess:
    """Nodes in a process of their own, as the executables run them; code of a test may run before."""

    def __init__(self, names: str, prelude: str = '', **parameters: Any) -> None:
        self._output = tempfile.TemporaryFile('w+')  # noqa: SIM115 - closed by stop()
        args = [word for name, value in parameters.items() for word in ('-p', f'{name}:={value}')]
        root = str(Path(__file__).parents[2])
        environment = {**os.environ, 'PYTHONUNBUFFERED': '1', 'OMP_NUM_THREADS': '1', 'PYTHONPATH': root}
        self.popen = subprocess.Popen(
            [sys.executable, '-c', _BOOT.replace('# prelude', prelude), names, *args],
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )

    def output(self) -> str:
        self._output.seek(0)
        return self._output.read()

    def interrupt(self, timeout: float = DEADLINE_S) -> int:
        """Send SIGINT and return the exit code."""
        self.popen.send_signal(signal.SIGINT)
        return self.popen.wait(timeout)

    def kill(self) -> None:
        """End it at once, as a lack of memory would."""
        with contextlib.suppress(ProcessLookupError):
            self.popen.kill()
        self.popen.wait()

    def stop(self) -> None:
        self.kill()
        self._output.close()


class Operator:
    """Whoever sets the parameters of a map_server and watches its status."""

    def __init__(self, server: str = '/map_server') -> None:
        from neumap_ros.msg import MapIndex, MapShard, MapStatus
        from rclpy.node import Node
        from rclpy.parameter_client import AsyncParameterClient

        from neumap_ros.nodes import map_topics as topics

        self.node = Node('operator')
        self.parameters = AsyncParameterClient(self.node, server)
        self._status = Listener(self.node, MapStatus, topics.STATUS_TOPIC, topics.LATCHED_QOS)
        self._index = Listener(self.node, MapIndex, topics.INDEX_TOPIC, topics.LATCHED_QOS)
        self._shards = Listener(self.node, MapShard, topics.SHARD_TOPIC, topics.SHARD_QOS)

    @property
    def status(self) -> Any:
        """The last status, or an empty one."""
        from neumap_ros.msg import MapStatus

        return self._status.last or MapStatus()

    @property
    def index(self) -> Any:
        return self._index.last

    @property
    def indices(self) -> list[Any]:
        return self._index.messages

    @property
    def shards(self) -> list[Any]:
        return self._shards.messages

    def set(self, **values: Any) -> list[Any]:
        """Set parameters of the group ``map`` one after the other; the results."""
        return list(self._call(self.parameters.set_parameters, values).results)

    def set_atomically(self, **values: Any) -> Any:
        """Set parameters of the group ``map`` together; the result."""
        return self._call(self.parameters.set_parameters_atomically, values).result

    def get(self, *names: str) -> list[Any]:
        """Values of parameters of the group ``map``."""
        from rclpy.parameter import parameter_value_to_python

        assert self.parameters.wait_for_services(DEADLINE_S)
        future = self.parameters.get_parameters([f'map.{name}' for name in names])
        wait_for(future.done)
        return [parameter_value_to_python(value) for value in future.result().values]

    def wait_active(self, revision: int) -> Any:
        """Wait until a revision is active and nothing is being prepared; the status."""
        from neumap_ros.msg import MapStatus

        wait_for(
            lambda: (self.status.state, self.status.revision) == (MapStatus.STATE_ACTIVE, revision),
            f'revision {revision} active, {self.status}',
        )
        return self.status

    def wait_result(self, result: int) -> Any:
        """Wait until the last wish has ended like that; the status."""
        wait_for(lambda: self.status.result == result, f'result {result}, {self.status}')
        return self.status

    def _call(self, method: Callable[[list[Any]], Any], values: dict[str, Any]) -> Any:
        from rclpy.parameter import Parameter

        assert self.parameters.wait_for_services(DEADLINE_S)
        future = method([Parameter(f'map.{name}', value=value) for name, value in values.items()])
        wait_for(future.done, 'answer of the parameter service')
        return future.result()


def make_server(state: Path, **parameters: Any) -> Any:
    """A map_server of this process, not started yet; ``map_uri`` stands for ``map.uri``."""
    from rclpy.parameter import Parameter

    from neumap_ros.nodes.map_server import MapServer

    given = {name.replace('map_', 'map.', 1): value for name, value in parameters.items()}
    overrides = [Parameter(name, value=value) for name, value in {'state_dir': str(state), **given}.items()]
    return MapServer(parameter_overrides=overrides)
