# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Transforms of a recording without those that the localizer publishes itself: a frame has one parent (REP-105)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage
from tf2_ros import StaticTransformBroadcaster

from neumap_ros.nodes.parameter_row import Row
from neumap_ros.nodes.parameters import declare, read

TABLE = (
    Row('frames.map', 'map', 'Frame of the map: transforms from it to the frames below are left out.', read_only=True),
    Row('frames.odom', 'odom', 'Frame of the odometry.', read_only=True),
    Row('frames.base', 'base_link', 'Frame of the robot.', read_only=True),
)

# What tf2's listeners ask for and its broadcasters offer.
_MOVING = QoSProfile(depth=100)
_STATIC = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class TfFilter(Node):
    """Republishes ``recorded_tf`` and ``recorded_tf_static`` on ``/tf`` and ``/tf_static``, less recorded localization.

    Play the bag with ``--remap /tf:=/recorded_tf /tf_static:=/recorded_tf_static``.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__('tf_filter', **options)
        declare(self, TABLE)
        frames = read(self, TABLE)
        self._parent, self._children = frames['frames.map'], {frames['frames.odom'], frames['frames.base']}
        self._dropped: set[str] = set()
        self._moving = self.create_publisher(TFMessage, '/tf', _MOVING)
        self._static = StaticTransformBroadcaster(self)
        self.create_subscription(TFMessage, 'recorded_tf', self._on_moving, _MOVING)
        self.create_subscription(TFMessage, 'recorded_tf_static', self._on_static, _STATIC)

    def _on_moving(self, message: TFMessage) -> None:
        kept = self._kept(message.transforms)
        if kept:
            self._moving.publish(TFMessage(transforms=kept))

    def _on_static(self, message: TFMessage) -> None:
        kept = self._kept(message.transforms)
        if kept:
            self._static.sendTransform(kept)

    def _kept(self, transforms: Iterable[TransformStamped]) -> list[TransformStamped]:
        """The transforms that nobody else publishes; each kind that is left out is logged once."""
        kept = []
        for transform in transforms:
            parent, child = transform.header.frame_id.lstrip('/'), transform.child_frame_id.lstrip('/')
            if parent != self._parent or child not in self._children:
                kept.append(transform)
            elif child not in self._dropped:
                self._dropped.add(child)
                self.get_logger().info(f'the recorded transform from {parent} to {child} is left out')
        return kept
