# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Says its text at its rate; a client can ask it to fall silent."""

import rclpy
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import SetBool


class Talker(Node):
    def __init__(self):
        super().__init__('talker')
        allowed = ParameterDescriptor(floating_point_range=[FloatingPointRange(from_value=1.0, to_value=100.0)])
        rate = self.declare_parameter('rate', 20.0, allowed).value
        self.declare_parameter('text', 'hello')
        self.declare_parameter('limits.low', 1)
        self.publisher = self.create_publisher(String, 'chatter', 10)
        self.create_service(SetBool, '~/mute', self.on_mute)
        self.muted = False
        self.create_timer(1 / rate, self.on_timer)
        self.get_logger().info('ready')

    def on_mute(self, request, response):
        self.muted = request.data
        response.success = True
        response.message = f'muted: {self.muted}'
        return response

    def on_timer(self):
        if not self.muted:
            self.publisher.publish(String(data=self.get_parameter('text').value))


def main():
    rclpy.init()
    node = Talker()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
