# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where true poses come from while a robot drives: a topic, TF, or a trajectory file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped, TransformStamped
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from neumap_ros.errors import CalibrationError, ConfigError
from neumap_ros.evaluation.live import TruePoses
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources import bag_messages
from neumap_ros.mapping.sources.tum import read_tum
from neumap_ros.nodes.transforms import TfReader
from neumap_ros.ros_values import clean_frame

_TYPES: dict[str, Any] = {
    bag_messages.POSE: PoseStamped,
    bag_messages.POSE_WITH_COVARIANCE: PoseWithCovarianceStamped,
    bag_messages.TRANSFORM: TransformStamped,
    bag_messages.ODOMETRY: Odometry,
}
# Best effort fits every publisher of true poses.
_QOS = QoSProfile(depth=1000, reliability=ReliabilityPolicy.BEST_EFFORT)


class TruthInput(ABC):
    """True poses of the base in the map.

    Attributes:
        problem: why there are none or not all, one sentence; empty if all is well.
    """

    problem = ''

    def look(self) -> None:  # noqa: B027 - most inputs have nothing to look for
        """Look whether what was missing is there now; called now and then."""

    @abstractmethod
    def at(self, stamp_ns: int, map_frame: str, base_frame: str) -> Pose | None:
        """``T_map_base`` at a stamp, None where it is not known (yet).

        Args:
            stamp_ns: when.
            map_frame: that the localizer's poses refer to.
            base_frame: whose poses they are.
        """

    @property
    @abstractmethod
    def count(self) -> int:
        """How many true poses were heard of; 0 where that cannot be told."""

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """Stamps of the first and last true pose of the time that the run is about, where it says that."""
        return None

    def close(self) -> None:  # noqa: B027 - most inputs have nothing to give back
        """Listen no more."""


def open_truth_input(node: Node, tf: TfReader, text: str, max_time_difference_s: float) -> TruthInput | None:
    """Open what the parameter ``ground_truth`` names.

    Args:
        node: subscribes.
        tf: transforms.
        text: ``/topic`` or ``/topic.FRAME``, ``tf:FRAME`` or ``tf:FRAME.CHILD``, a TUM file of the base; empty: none.
        max_time_difference_s: a stamp without a true pose so near has none.

    Raises:
        SourceError: no such file, or no trajectory in it.
        ConfigError: no such form.
    """
    if not text:
        return None
    if text.startswith('tf:'):
        parent, _, child = text.removeprefix('tf:').partition('.')
        if not clean_frame(parent):
            raise ConfigError(f'parameter ground_truth is {text!r}, expected tf:FRAME such as tf:world')
        return _TfTruth(tf, clean_frame(parent), clean_frame(child))
    if text.startswith('/') and not Path(text).is_file():
        topic, _, frame = text.partition('.')
        return _TopicTruth(node, tf, topic, clean_frame(frame), max_time_difference_s)
    return _FileTruth(Path(text).expanduser(), max_time_difference_s)


class _TopicTruth(TruthInput):
    """Poses on a topic, whose type is found out when somebody publishes it."""

    def __init__(self, node: Node, tf: TfReader, topic: str, frame: str, max_time_difference_s: float) -> None:
        self._node = node
        self._tf = tf
        self._topic = node.resolve_topic_name(topic)
        self._frame = frame
        self._poses = TruePoses(max_time_difference_s)
        self._subscription: Subscription | None = None
        self._parent = ''
        self._broken = ''
        self.problem = f'nobody publishes true poses on {self._topic}; start who does, or set ground_truth'
        self.look()

    def look(self) -> None:
        if self._subscription is not None:
            return
        types = dict(self._node.get_topic_names_and_types()).get(self._topic, [])
        known = [name for name in types if name in _TYPES]
        if known:
            self._subscription = self._node.create_subscription(
                _TYPES[known[0]], self._topic, self._taker(known[0]), _QOS
            )
            self.problem = ''
        elif types:
            self.problem = f'{self._topic} has messages of the type {types[0]}, expected one of {", ".join(_TYPES)}'

    def _taker(self, msgtype: str) -> Callable[[Any], None]:
        def take(message: Any) -> None:
            try:
                sample = bag_messages.pose_from_message(message, msgtype, 0, self._topic)
            except CalibrationError as error:
                self._broken = str(error)
                return
            self._parent = sample.parent
            self._frame = self._frame or sample.child or ''
            stamp = message.header.stamp
            self._poses.add(int(stamp.sec) * 10**9 + int(stamp.nanosec), sample.T_parent_child)

        return take

    def at(self, stamp_ns: int, map_frame: str, base_frame: str) -> Pose | None:
        if self._subscription is None:
            return None
        pose = self._poses.at(stamp_ns)
        self.problem = self._broken
        if self._parent and self._parent != map_frame:
            self.problem = (
                f'the true poses on {self._topic} are in the frame {self._parent!r} and those of the localizer in '
                f'{map_frame!r}; they are compared as if both were the same, give the truth in {map_frame!r}'
            )
        if pose is None or not self._frame or self._frame == base_frame:
            return pose
        T_frame_base = self._tf.at(self._frame, base_frame, stamp_ns)
        if isinstance(T_frame_base, str):
            self.problem = f'{self._topic} gives poses of {self._frame!r}, and {T_frame_base}'
            return None
        return pose @ T_frame_base

    @property
    def count(self) -> int:
        return len(self._poses)

    @property
    def span_ns(self) -> tuple[int, int] | None:
        return self._poses.span_ns

    def close(self) -> None:
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None


class _TfTruth(TruthInput):
    """Where TF has the base, or another frame, in a frame of the truth."""

    def __init__(self, tf: TfReader, parent: str, child: str) -> None:
        self._tf = tf
        self._parent = parent
        self._child = child
        self._count = 0

    def at(self, stamp_ns: int, map_frame: str, base_frame: str) -> Pose | None:
        pose = self._tf.at(self._parent, self._child or base_frame, stamp_ns)
        if isinstance(pose, str):
            self.problem = '' if self._count else pose
            return None
        self._count += 1
        self.problem = ''
        return pose

    @property
    def count(self) -> int:
        return self._count


class _FileTruth(TruthInput):
    """A trajectory of the base in the map, read before anything is compared."""

    def __init__(self, path: Path, max_time_difference_s: float) -> None:
        self._poses = TruePoses(max_time_difference_s)
        trajectory = read_tum(path)
        for time_s, pose in zip(trajectory.times_s, trajectory.poses, strict=True):
            self._poses.add(round(time_s * 1e9), pose)

    def at(self, stamp_ns: int, map_frame: str, base_frame: str) -> Pose | None:
        return self._poses.at(stamp_ns)

    @property
    def count(self) -> int:
        return len(self._poses)
