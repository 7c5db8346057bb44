# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The processes around the nodes in the benchmark `nodes`: plain rclpy, on rosless and on ROS 2 alike.

    python -m benchmarks.node_roles player BAG OUT SECONDS
    python -m benchmarks.node_roles listener OUT [tf]
    python -m benchmarks.node_roles switcher OUT COUNT URI REVISION SHA256 URI REVISION SHA256

Each writes lines of JSON to OUT; all times are nanoseconds of the system's clock.
"""

from __future__ import annotations

import importlib.util
import json
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

if importlib.util.find_spec('rclpy') is None:
    import rosless

    rosless.activate()

import rclpy
from geometry_msgs.msg import PoseWithCovarianceStamped
from neumap_ros.msg import LocalizationStatus, MapIndex, MapRequest, MapStatus
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage
from tf2_ros import Buffer, TransformException, TransformListener

from benchmarks.node_bags import IMAGE_TOPICS, STATIC_TOPIC, Replayed, read_events

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
RELIABLE = QoSProfile(depth=1000, reliability=ReliabilityPolicy.RELIABLE)
TF_RATE_HZ = 30.0
LONGEST_WAIT_S = 60.0
TYPES = {
    'sensor_msgs/msg/Image': Image,
    'sensor_msgs/msg/CompressedImage': CompressedImage,
    'sensor_msgs/msg/CameraInfo': CameraInfo,
    'tf2_msgs/msg/TFMessage': TFMessage,
}


def nanoseconds(stamp: Any) -> int:
    return int(stamp.sec) * 10**9 + int(stamp.nanosec)


def spin_until_told(node: Node) -> None:
    """Run callbacks until standard input ends."""
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.1)

    thread = threading.Thread(target=spin)
    thread.start()
    sys.stdin.read()
    stop.set()
    thread.join()


# Player


def player(node: Node, out: TextIO, bag: str, seconds: str) -> None:
    """Play a bag forwards and backwards in turn, stamped with the present, so that the robot never leaps."""
    events = read_events(Path(bag))
    publishers = {}
    for event in events:
        if event.topic not in publishers and event.msgtype in TYPES:
            qos = LATCHED if event.topic == STATIC_TOPIC else QoSProfile(depth=100)
            publishers[event.topic] = node.create_publisher(TYPES[event.msgtype], event.topic, qos)
    deadline = time.monotonic() + LONGEST_WAIT_S
    while not all(publisher.get_subscription_count() for publisher in publishers.values()):
        if time.monotonic() > deadline:
            raise TimeoutError(f'nobody listens to one of {", ".join(publishers)}')
        time.sleep(0.02)
    time.sleep(0.5)
    start_ns = time.time_ns() + 200_000_000
    for event in Replayed(events, start_ns):
        if event.publish_ns > start_ns + float(seconds) * 1e9:
            break
        if event.topic not in publishers:
            continue
        while (left_ns := event.publish_ns - time.time_ns()) > 0:
            time.sleep(left_ns / 1e9)
        sent_ns = time.time_ns()
        publishers[event.topic].publish(event.data)
        if event.topic in IMAGE_TOPICS:
            print(
                json.dumps({'kind': 'image', 'index': event.index, 'stamp': event.stamp_ns, 'sent': sent_ns}), file=out
            )
    time.sleep(1.0)


# Listener


STATUS_FIELDS = (
    *('map_sha256', 'revision', 'state', 'accepted', 'reason', 'detail', 'has_pose', 'confidence', 'inliers'),
    *('correction_m', 'correction_rad', 'confirmations', 'confirmations_required', 'age_ms', 'features_ms'),
    *('retrieval_ms', 'matching_ms', 'solving_ms', 'total_ms', 'dropped_images'),
)


class Listener(Node):
    """Writes down what the nodes say and when it came."""

    def __init__(self, out: TextIO, with_tf: bool) -> None:
        super().__init__('benchmark_listener')
        self._out = out
        self._told = False
        self._last_tf_ns = 0
        self.create_subscription(LocalizationStatus, 'localizer/status', self._on_status, RELIABLE)
        self.create_subscription(PoseWithCovarianceStamped, 'pose', self._on_pose, RELIABLE)
        self.create_subscription(MapRequest, 'map/request', self._on_request, RELIABLE)
        self.create_subscription(MapIndex, 'map/index', self._on_index, LATCHED)
        self.create_subscription(MapStatus, 'map/status', self._on_map_status, LATCHED)
        self.create_subscription(CameraInfo, 'camera/camera_info', self._on_info, RELIABLE)
        if with_tf:
            self._buffer = Buffer()
            self._tf = TransformListener(self._buffer, self)
            self.create_subscription(TFMessage, '/tf', self._on_tf, RELIABLE)
            self.create_timer(1.0 / TF_RATE_HZ, self._sample)

    def _write(self, kind: str, **values: Any) -> None:
        print(json.dumps({'kind': kind, 'at': time.time_ns(), **values}), file=self._out)

    def _on_status(self, message: Any) -> None:
        values = {name: getattr(message, name) for name in STATUS_FIELDS}
        pose = _pose(message.pose.pose) if message.has_pose else None
        stamp_ns = nanoseconds(message.header.stamp)
        self._write('status', stamp=stamp_ns, pose=pose, regions=list(message.regions), **values)

    def _on_pose(self, message: Any) -> None:
        self._write('pose', stamp=nanoseconds(message.header.stamp), pose=_pose(message.pose.pose))

    def _on_info(self, message: Any) -> None:
        self._write('info', stamp=nanoseconds(message.header.stamp))

    def _on_request(self, message: Any) -> None:
        self._write('request', active=message.active_sha256, about=message.map_sha256, refused=message.refused)
        if message.active_sha256 and not self._told:
            self._told = True
            print('map', flush=True)

    def _on_index(self, message: Any) -> None:
        self._write('index', sha256=message.sha256, revision=message.revision)

    def _on_map_status(self, message: Any) -> None:
        self._write(
            'map_status', state=message.state, result=message.result, sha256=message.sha256, detail=message.detail
        )

    def _on_tf(self, message: Any) -> None:
        for item in message.transforms:
            if item.header.frame_id == 'map':
                transform = _transform(item.transform)
                self._write('map_odom', stamp=nanoseconds(item.header.stamp), pose=transform)

    def _sample(self) -> None:
        try:
            found = self._buffer.lookup_transform('map', 'base_link', Time())
        except TransformException:
            return
        stamp_ns = nanoseconds(found.header.stamp)
        if stamp_ns != self._last_tf_ns:
            self._last_tf_ns = stamp_ns
            self._write('tf', stamp=stamp_ns, pose=_transform(found.transform))


def _pose(pose: Any) -> list[float]:
    p, q = pose.position, pose.orientation
    return [p.x, p.y, p.z, q.w, q.x, q.y, q.z]


def _transform(transform: Any) -> list[float]:
    t, q = transform.translation, transform.rotation
    return [t.x, t.y, t.z, q.w, q.x, q.y, q.z]


def listener(node: Node, out: TextIO, with_tf: str = '') -> None:
    """Write down what the nodes say; `ready` at once, `map` when a localizer has one."""
    node.destroy_node()
    listening = Listener(out, bool(with_tf))
    print('ready', flush=True)
    spin_until_told(listening)


# Switcher


class Switcher:
    """Asks a map_server for another revision and waits for the localizer's first word about it."""

    def __init__(self, node: Node) -> None:
        self._client = node.create_client(SetParametersAtomically, '/map_server/set_parameters_atomically')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(node)
        self._seen = ''
        node.create_subscription(LocalizationStatus, 'localizer/status', self._on_status, RELIABLE)

    def _on_status(self, message: Any) -> None:
        self._seen = message.map_sha256

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def switch(self, uri: str, revision: str, sha256: str) -> dict[str, Any]:
        """Ask, and say what came of it."""
        if not self._client.wait_for_service(timeout_sec=LONGEST_WAIT_S):
            raise TimeoutError('the map_server has no set_parameters_atomically')
        text, whole = ParameterType.PARAMETER_STRING, ParameterType.PARAMETER_INTEGER
        values = {
            'map.uri': ParameterValue(type=text, string_value=uri),
            'map.revision': ParameterValue(type=whole, integer_value=int(revision)),
            'map.sha256': ParameterValue(type=text, string_value=sha256),
        }
        request = SetParametersAtomically.Request()
        request.parameters = [Parameter(name=name, value=value) for name, value in values.items()]
        asked_ns = time.time_ns()
        future = self._client.call_async(request)
        while not future.done():
            self._executor.spin_once(timeout_sec=1.0)
        answered_ns, answer = time.time_ns(), future.result().result
        deadline = time.monotonic() + LONGEST_WAIT_S
        while answer.successful and self._seen != sha256 and time.monotonic() < deadline:
            self._executor.spin_once(timeout_sec=1.0)
        return {
            'kind': 'switch', 'sha256': sha256, 'asked': asked_ns, 'answered': answered_ns,
            'accepted': answer.successful, 'reason': answer.reason, 'seen': self._seen == sha256,
        }  # fmt: skip


def switcher(node: Node, out: TextIO, count: str, *references: str) -> None:
    """Switch between two revisions, again and again."""
    switching, choice = Switcher(node), random.Random(0)
    revisions = [references[3:6], references[:3]]
    for number in range(int(count)):
        switching.rest(choice.uniform(0.3, 1.0))
        print(json.dumps(switching.switch(*revisions[number % 2])), file=out, flush=True)
    switching.rest(1.0)


ROLES = {'player': player, 'listener': listener, 'switcher': switcher}


def main() -> None:
    role, path, *arguments = sys.argv[1:]
    rclpy.init(args=[])
    node = Node(f'benchmark_{role}')
    try:
        with Path(path).open('w') as out:
            ROLES[role](node, out, *arguments)
    finally:
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
