# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A lifecycle node that goes wrong if its parameter says so."""

import contextlib

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from std_msgs.msg import String


class Managed(LifecycleNode):
    def __init__(self):
        super().__init__('managed')
        self.declare_parameter('configure', 'SUCCESS')
        self.publisher = None
        self.create_timer(0.05, self.on_timer)

    def on_configure(self, state):
        wish = self.get_parameter('configure').value
        if wish == 'raise':
            raise RuntimeError('as the parameter says')
        if self.publisher is None:
            self.publisher = self.create_lifecycle_publisher(String, 'state', 10)
        return getattr(TransitionCallbackReturn, wish)

    def on_timer(self):
        if self.publisher is not None:
            self.publisher.publish(String(data='active'))


def main():
    rclpy.init()
    node = Managed()
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)


if __name__ == '__main__':
    main()
