# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Raises an exception in a callback, or takes long in one; the first argument says which."""

import sys
import time

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node


def raise_error():
    raise RuntimeError('this callback always fails')


def take_long():
    print('in the callback', flush=True)
    time.sleep(60)


def main():
    rclpy.init()
    node = Node('misbehaving')
    node.create_timer(0.05, {'raise': raise_error, 'long': take_long}[sys.argv[1]])
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        print('interrupted', flush=True)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
