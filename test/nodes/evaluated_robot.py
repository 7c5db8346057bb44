# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A robot for tests of the evaluator: says what a localizer would say, and what is true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped, TransformStamped
from nav_msgs.msg import Odometry
from neumap_ros.msg import LocalizationStatus, MapIndex
from rcl_interfaces.msg import Log
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from tf2_msgs.msg import TFMessage

from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import Attempt, RigFix, TrackingState
from neumap_ros.localization.fix import Evidence, Reason
from neumap_ros.maps.storage import open_map
from neumap_ros.nodes import conversions
from neumap_ros.nodes.map_topics import LATCHED_QOS, packed

START_NS, STEP_NS = 1_700_000_000_000_000_000, 100_000_000
TRUTH_TYPES = {kind.__name__: kind for kind in (PoseStamped, PoseWithCovarianceStamped, TransformStamped, Odometry)}
# Where a marker of motion capture sits on the robot.
T_BASE_MARKER = Pose(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), (0.1, 0.0, 1.2))
# Odometry began elsewhere, and what corrects it is off by 0.1 m.
T_MAP_ODOM = Pose(np.eye(3), (2.0, 0.0, 0.0))
CORRECTION_ERROR = Pose(np.eye(3), (0.0, 0.1, 0.0))


def place(index: float) -> Pose:
    """Where the robot is: along x at 1 m/s, turning slowly."""
    half = np.radians(2.0 * index) / 2
    return Pose.from_quaternion((np.cos(half), 0, 0, np.sin(half)), (0.1 * index, 0.0, 0.0))


def attempt_and_message(
    index: int, *, error_m: float = 0.02, accepted: bool = True, revision: int = 3
) -> tuple[Attempt, LocalizationStatus]:
    """An attempt and what the localizer publishes of it."""
    true = place(index)
    pose = Pose(true.rotation_33, true.translation_3 + np.array([0, error_m, 0])) if accepted else None
    reason = Reason.OK if accepted else Reason.FEW_INLIERS
    evidence = Evidence(keypoints=500, matches=100, inliers=60, guided_inliers=200, inlier_ratio=0.5)
    covariance = np.eye(6) * 0.02**2 if accepted else None
    timings = {'features': 10.0, 'matching': 5.0, 'pose': 2.0}
    fix = RigFix(reason, pose, covariance, evidence, 0.75, pose, regions=('r0', 'r1'), timings_ms=timings)
    attempt = Attempt(
        stamp_ns=EvaluatedRobot.stamp_ns(index),
        reason=reason,
        detail='so it was',
        state=TrackingState.LOCALIZED if accepted else TrackingState.UNLOCALIZED,
        fix=fix,
        T_map_base=pose,
        covariance_66=covariance,
        dropped=1,
        cameras=('front',),
        map_id='m',
        revision=revision,
        map_sha256='a' * 64,
    )
    frames = {'map_frame': 'map', 'base_frame': 'base_link', 'camera_frames': {'front': 'eye'}}
    return attempt, conversions.status_message(attempt, **frames, age_ms=1.0, total_ms=50.0)


class EvaluatedRobot(Node):
    """Publishes statuses, poses, true poses and TF.

    Args:
        truth: type of the true poses on ``/truth``; empty: none.
        truth_frame: in which they are said to be.
        T_truth_map: the map in that frame.
        marker: whether they are those of the marker.
    """

    def __init__(
        self,
        truth: str = '',
        truth_frame: str = 'map',
        T_truth_map: Pose | None = None,
        marker: bool = False,
        name: str = 'robot',
    ) -> None:
        super().__init__(name)
        self.revision = 3
        self._truth_frame, self._T_truth_map, self._marker = truth_frame, T_truth_map or Pose.identity(), marker
        self._status = self.create_publisher(LocalizationStatus, 'localizer/status', 100)
        self._pose = self.create_publisher(PoseWithCovarianceStamped, 'pose', 100)
        self._picture = self.create_publisher(Image, 'localizer/debug_image', 20)
        self._index = self.create_publisher(MapIndex, 'map/index', LATCHED_QOS)
        self._truth = self.create_publisher(TRUTH_TYPES[truth], '/truth', 100) if truth else None
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._tf = self.create_publisher(TFMessage, '/tf', 100)
        self._tf_static = self.create_publisher(TFMessage, '/tf_static', latched)
        self.diagnostics: dict[str, DiagnosticStatus] = {}
        self.log = ''
        self.create_subscription(DiagnosticArray, '/diagnostics', self._keep_diagnostics, 100)
        self.create_subscription(
            Log, '/rosout', self._keep_log, QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        )

    def _keep_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.diagnostics[status.name.split(': ')[-1]] = status

    def _keep_log(self, message: Log) -> None:
        if message.name == 'evaluator':
            self.log += message.msg + '\n'

    @staticmethod
    def stamp_ns(index: float) -> int:
        """Stamp of an attempt."""
        return START_NS + round(index * STEP_NS)

    def values(self, name: str) -> dict[str, str]:
        """The figures of a diagnostic status."""
        status = self.diagnostics.get(name)
        return {} if status is None else {item.key: item.value for item in status.values}

    def message(self, name: str) -> str:
        """The sentence of a diagnostic status."""
        return self.diagnostics.get(name, DiagnosticStatus()).message

    def is_evaluated(self) -> bool:
        """Whether somebody listens to statuses and poses."""
        return bool(self._status.get_subscription_count() and self._pose.get_subscription_count())

    def is_truth_heard(self) -> bool:
        """Whether somebody listens to the true poses."""
        return self._truth is not None and bool(self._truth.get_subscription_count())

    def attempt(self, index: int, *, error_m: float = 0.02, accepted: bool = True) -> None:
        """Publish the status of an attempt."""
        _, message = attempt_and_message(index, error_m=error_m, accepted=accepted, revision=self.revision)
        self._status.publish(message)

    def say_pose(self, index: int, error_m: float = 0.02) -> None:
        """Publish a pose and nothing else, as AMCL does."""
        true = place(index)
        pose = Pose(true.rotation_33, true.translation_3 + np.array([0, error_m, 0]))
        self._pose.publish(conversions.pose_with_covariance(pose, np.eye(6) * 0.01, 'map', self.stamp_ns(index)))

    def say_truth(self, index: int) -> None:
        """Publish where the robot, or its marker, really is."""
        if self._truth is None:
            return
        true = self._T_truth_map @ place(index) @ (T_BASE_MARKER if self._marker else Pose.identity())
        header, kind = conversions.header(self.stamp_ns(index), self._truth_frame), self._truth.msg_type
        child = 'marker' if self._marker else 'base_link'
        if kind is TransformStamped:
            self._truth.publish(conversions.transform_message(true, self._truth_frame, child, self.stamp_ns(index)))
            return
        message = kind(header=header)
        if kind is PoseStamped:
            message.pose = conversions.pose_message(true)
        else:
            message.pose.pose = conversions.pose_message(true)
        if kind is Odometry:
            message.child_frame_id = child
        self._truth.publish(message)

    def say_broken_truth(self, index: int) -> None:
        """Publish a pose with a quaternion of zeros."""
        assert self._truth is not None
        message = PoseStamped(header=conversions.header(self.stamp_ns(index), self._truth_frame))
        message.pose.orientation.w = 0.0
        self._truth.publish(message)

    def tell_tf(self) -> None:
        """Say where the marker sits."""
        self._tf_static.publish(
            TFMessage(transforms=[conversions.transform_message(T_BASE_MARKER, 'base_link', 'marker', 0)])
        )

    def move(self, index: int) -> None:
        """Send odometry, the correction of it, and what a simulator says about the base, for some time around."""
        for near in (index - 0.5, index, index + 0.5):
            true, stamp_ns = place(near), self.stamp_ns(near)
            T_map_odom = CORRECTION_ERROR @ T_MAP_ODOM
            transforms = [
                conversions.transform_message(T_map_odom, 'map', 'odom', stamp_ns),
                conversions.transform_message(T_MAP_ODOM.inverse() @ true, 'odom', 'base_link', stamp_ns),
                # A frame has one parent: the world hangs below the base.
                conversions.transform_message(true.inverse(), 'base_link', 'world', stamp_ns),
            ]
            self._tf.publish(TFMessage(transforms=transforms))

    def say_map(self, folder: Path) -> None:
        """Publish the index of a map."""
        stored = open_map(folder)
        index = MapIndex(sha256=stored.manifest_sha256, map_id=stored.manifest.map_id)
        index.manifest = packed((folder / 'manifest.json').read_bytes())
        self._index.publish(index)

    def show_debug_image(self, index: int) -> None:
        """Publish a picture of an attempt."""
        picture = np.full((60, 80, 3), 10 * index, np.uint8)
        self._picture.publish(conversions.picture_message(picture, 'eye', self.stamp_ns(index)))
