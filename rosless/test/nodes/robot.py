# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Drives along x with one metre per second and says where its camera is mounted."""

import contextlib

import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.constants import S_TO_NS
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster


class Robot(Node):
    def __init__(self):
        super().__init__('robot')
        self.moving = TransformBroadcaster(self)
        self.start = self.get_clock().now()
        self.create_timer(0.02, self.on_timer)
        mount = TransformStamped(child_frame_id='camera')
        mount.header.frame_id = 'base'
        mount.transform.translation.z = 0.5
        StaticTransformBroadcaster(self).sendTransform(mount)

    def on_timer(self):
        now = self.get_clock().now()
        pose = TransformStamped(child_frame_id='base')
        pose.header.frame_id = 'map'
        pose.header.stamp = now.to_msg()
        pose.transform.translation.x = (now - self.start).nanoseconds / S_TO_NS
        self.moving.sendTransform(pose)


def main():
    rclpy.init()
    node = Robot()
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)


if __name__ == '__main__':
    main()
