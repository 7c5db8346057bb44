# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A robot for tests: cameras, TF and clock of its own, and everything that the localizer says is kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseWithCovarianceStamped
from neumap_ros.msg import LocalizationStatus
from rcl_interfaces.msg import Log
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from neumap_ros.geometry import PIXEL_CENTRE, Camera, Pose
from neumap_ros.nodes import conversions

DEADLINE_S = 30.0
# Camera axes of REP-103 on a robot that looks ahead, a little above the ground.
T_BASE_CAM = Pose(np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]]), (0.1, 0.02, 0.3))
OPTICAL = 'camera_optical'


def wait_until(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Wait for something that other threads bring about."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline, f'waited {deadline_s:g} s for: {what}'
        time.sleep(0.01)


def info_message(camera: Camera, stamp_ns: int, frame_id: str = OPTICAL) -> CameraInfo:
    """The calibration of a camera without distortion."""
    fx, fy, cx, cy = camera.params[:4]
    info = CameraInfo(header=conversions.header(stamp_ns, frame_id), width=camera.width, height=camera.height)
    k = [fx, 0.0, cx - PIXEL_CENTRE, 0.0, fy, cy - PIXEL_CENTRE, 0.0, 0.0, 1.0]
    info.k = k
    info.distortion_model = 'plumb_bob'
    info.d = [0.0] * 5
    info.p = [*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0]
    return info


def image_message(image: np.ndarray, stamp_ns: int, frame_id: str = OPTICAL) -> Image:
    """A grey image."""
    height, width = image.shape
    header = conversions.header(stamp_ns, frame_id)
    return Image(header=header, height=height, width=width, encoding='mono8', step=width, data=image.tobytes())


def compressed_message(image: np.ndarray, stamp_ns: int, frame_id: str = OPTICAL) -> CompressedImage:
    """A grey image as PNG, without loss."""
    data = cv2.imencode('.png', image)[1].tobytes()
    return CompressedImage(header=conversions.header(stamp_ns, frame_id), format='png', data=data)


class Robot(Node):
    """Publishes as a robot does and keeps what it hears.

    Args:
        cameras: names; more than one camera gets frames ``NAME_optical``.
        compressed: type of the images.
        image_qos: of the image publishers.
    """

    def __init__(
        self,
        cameras: Sequence[str] = ('camera',),
        *,
        compressed: bool = False,
        image_qos: QoSProfile = qos_profile_sensor_data,
        name: str = 'robot',
    ) -> None:
        super().__init__(name)
        kind, suffix = (CompressedImage, '/compressed') if compressed else (Image, '')
        self._compressed = compressed
        self._image = {c: self.create_publisher(kind, f'{c}/image{suffix}', image_qos) for c in cameras}
        self._info = {
            c: self.create_publisher(CameraInfo, f'{c}/camera_info', qos_profile_sensor_data) for c in cameras
        }
        self._tf = self.create_publisher(TFMessage, '/tf', QoSProfile(depth=100))
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._tf_static = self.create_publisher(TFMessage, '/tf_static', latched)
        self._clock_publisher = self.create_publisher(Clock, '/clock', QoSProfile(depth=10))
        self._initial = self.create_publisher(PoseWithCovarianceStamped, 'initialpose', QoSProfile(depth=10))
        self.poses: list[PoseWithCovarianceStamped] = []
        self.statuses: list[LocalizationStatus] = []
        self.transforms: list = []
        self.diagnostics: dict[str, DiagnosticStatus] = {}
        reliable = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        self.create_subscription(PoseWithCovarianceStamped, 'pose', self.poses.append, reliable)
        self.create_subscription(LocalizationStatus, 'localizer/status', self.statuses.append, reliable)
        self.create_subscription(TFMessage, '/tf', lambda m: self.transforms.extend(m.transforms), reliable)
        self.create_subscription(DiagnosticArray, '/diagnostics', self._keep_diagnostics, reliable)
        self.log = ''
        logs = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(Log, '/rosout', self._keep_log, logs)
        self._relocalize = self.create_client(Trigger, 'localizer/relocalize')

    def _keep_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.diagnostics[status.name.split(': ')[-1]] = status

    def _keep_log(self, message: Log) -> None:
        if message.name == 'localizer':
            self.log += message.msg + '\n'

    def now_ns(self) -> int:
        """Time by the clock of the node."""
        return self.get_clock().now().nanoseconds

    def set_clock(self, time_ns: int) -> None:
        """Publish simulated time."""
        self._clock_publisher.publish(Clock(clock=conversions.time_message(time_ns)))

    def stand(self, camera_frames: Sequence[str] = (OPTICAL,), T_base_cam: Pose = T_BASE_CAM) -> None:
        """Say where the cameras are."""
        transforms = [conversions.transform_message(T_base_cam, 'base_link', frame, 0) for frame in camera_frames]
        self._tf_static.publish(TFMessage(transforms=transforms))

    def odometry(self, stamp_ns: int, T_odom_base: Pose | None = None) -> None:
        """Say where odometry thinks that the robot is."""
        pose = T_odom_base or Pose.identity()
        self._tf.publish(TFMessage(transforms=[conversions.transform_message(pose, 'odom', 'base_link', stamp_ns)]))

    def see(self, image: np.ndarray, camera: Camera, stamp_ns: int, name: str = 'camera', frame: str = OPTICAL) -> None:
        """Publish an image and its calibration."""
        self.calibrate(camera, stamp_ns, name, frame)
        self.show(image, stamp_ns, name, frame)

    def calibrate(self, camera: Camera, stamp_ns: int, name: str = 'camera', frame: str = OPTICAL) -> None:
        """Publish a calibration."""
        self._info[name].publish(info_message(camera, stamp_ns, frame))

    def show(self, image: np.ndarray, stamp_ns: int, name: str = 'camera', frame: str = OPTICAL) -> None:
        """Publish an image."""
        make = compressed_message if self._compressed else image_message
        self._image[name].publish(make(image, stamp_ns, frame))

    def is_heard(self, name: str = 'camera') -> bool:
        """Whether somebody listens to a camera and to TF."""
        topics = (self._image[name], self._info[name], self._tf_static)
        return all(publisher.get_subscription_count() for publisher in topics)

    def guess(self, T_map_base: Pose, frame_id: str = 'map', stamp_ns: int = 0) -> None:
        """Publish an initial pose as RViz does."""
        message = conversions.pose_with_covariance(T_map_base, np.eye(6) * 0.25, frame_id, stamp_ns)
        self._initial.publish(message)

    def relocalize(self):
        """Call the service; a future."""
        wait_until(self._relocalize.service_is_ready, 'the service ~/relocalize')
        return self._relocalize.call_async(Trigger.Request())

    def has_statuses(self, number: int) -> bool:
        """Whether so many attempts were made."""
        return len(self.statuses) >= number

    def has_poses(self, number: int) -> bool:
        """Whether so many poses came."""
        return len(self.poses) >= number

    def last(self) -> LocalizationStatus:
        """The last status."""
        return self.statuses[-1]


class Stage:
    """Runs nodes in threads until the test ends."""

    def __init__(self, *arguments: str) -> None:
        rclpy.init(args=['--ros-args', *arguments])
        self.executor = MultiThreadedExecutor(num_threads=3)
        self.nodes: list = []
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._stop = threading.Event()

    def add(self, node):
        """Run a node; a lifecycle node is started."""
        self.nodes.append(node)
        if hasattr(node, 'start'):
            node.start()
        self.executor.add_node(node)
        if not self._thread.is_alive():
            self._thread.start()
        return node

    def _spin(self) -> None:
        while not self._stop.is_set():
            self.executor.spin_once(timeout_sec=0.1)

    def remove(self, node) -> None:
        """End one node."""
        self.nodes.remove(node)
        self.executor.remove_node(node)
        if hasattr(node, 'finish'):
            node.finish()
        node.destroy_node()

    def close(self) -> None:
        """End all nodes."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)
        for node in self.nodes:
            if hasattr(node, 'finish'):
                node.finish()
        self.executor.shutdown(5)
        for node in self.nodes:
            node.destroy_node()
        rclpy.try_shutdown()


def wait_for_each_other(robot: Robot, node) -> None:
    """Wait until both sides have found each other; each does so by itself."""
    topics = [topic for camera in node._cameras.values() for topic in (camera.images, camera.infos)]
    subscriptions = [topic._subscription for topic in topics] + [node._initial_pose]
    wait_until(lambda: all(robot.is_heard(name) for name in node._cameras), 'subscriptions of the localizer')
    wait_until(lambda: all(s.get_publisher_count() for s in subscriptions), 'publishers of the robot')
    # The node's own transforms come in there too.
    own = node._sender._broadcaster is not None
    tf = node._transforms._listener.tf_sub
    wait_until(lambda: tf.get_publisher_count() >= 1 + own, 'TF of the robot')
    outputs = node._outputs
    wait_until(lambda: outputs._status.get_subscription_count() and outputs._pose.get_subscription_count(), 'listeners')


def localizing(stage: Stage, localizer, robot: Robot):
    """The node with a map, heard and seen by a robot that has told TF where its camera is."""
    from neumap_ros.nodes.localizer import LocalizerNode

    node = stage.add(LocalizerNode())
    assert node.phase == 'active'
    node.use_map(localizer)
    wait_for_each_other(robot, node)
    robot.stand()
    return node
