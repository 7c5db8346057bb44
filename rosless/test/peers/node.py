# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Nodes in other processes, for the tests that start, stop and kill them.

spin [plain|multi|rate|callback]   spins, and says how that ends
serve                              offers the service `ask`, which answers with the process's number
crowd COUNT                        waits until that many nodes are known
images                             subscribes to images and says what it got
"""

import os
import sys
import threading
import time

import rclpy
from rclpy import _ready_queue
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger


def spin(node, how='plain'):
    # Without the net below it: what ends the wait is the signal.
    _ready_queue._LONGEST_WAIT_IN_MAIN_THREAD_NS = 3600 * 10**9
    executor = MultiThreadedExecutor(2) if how == 'multi' else None
    if how == 'rate':
        threading.Thread(target=rclpy.spin, args=(node,), daemon=True).start()

    def wait():
        print('in the callback', flush=True)
        time.sleep(60)

    if how == 'callback':
        node.create_timer(0.01, wait)
    else:
        node.create_timer(0.01, lambda: print('spins', flush=True)).cancel()
        print('ready', flush=True)
    try:
        if how == 'rate':
            node.create_rate(0.01).sleep()
        elif executor is not None:
            rclpy.spin(node, executor)
        else:
            rclpy.spin(node)
        print('returned', rclpy.ok(), flush=True)
    except BaseException as error:
        print(type(error).__name__, rclpy.ok(), flush=True)
    node.destroy_node()
    rclpy.try_shutdown()
    print('end', flush=True)


def serve(node):
    def answer(request, response):
        response.message = str(os.getpid())
        return response

    node.create_service(Trigger, 'ask', answer)
    print('ready', flush=True)
    rclpy.spin(node)


def crowd(node, count):
    while len(set(node.get_node_names())) < int(count):
        time.sleep(0.1)
    print('complete', flush=True)
    sys.stdin.read()


def images(node):
    node.create_subscription(Image, 'image', lambda image: print('got', len(image.data), flush=True), 10)
    print('ready', flush=True)
    rclpy.spin(node)


def chat(node, peer):
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    publisher = node.create_publisher(String, 'from_rosless', latched)
    node.create_timer(0.1, lambda: publisher.publish(String(data='hello from rosless')))
    node.create_subscription(String, f'from_{peer}', lambda message: print('rosless got', message.data, flush=True), 10)
    rclpy.spin(node)


def main():
    role, *arguments = sys.argv[1:]
    rclpy.init(args=[])
    functions = {'spin': spin, 'serve': serve, 'crowd': crowd, 'images': images, 'chat': chat}
    functions[role](Node(f'{role}_{os.getpid()}'), *arguments)


if __name__ == '__main__':
    main()
