# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The processes of the benchmark `rosless`: plain rclpy, so that they run on rosless and on ROS 2 alike.

    python -m benchmarks.ros_nodes ROLE [ARGUMENT ...]

Each prints one line of JSON at its end; `ready` before it, where the benchmark has to wait for it.
"""

from __future__ import annotations

import array
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
if importlib.util.find_spec('rclpy') is None:
    import rosless

    rosless.activate()

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

WIDTH, HEIGHT = 640, 480
LONGEST_WAIT_S = 240.0


def quality(reliability: str, depth: int = 10, *, latched: bool = False) -> QoSProfile:
    durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
    return QoSProfile(depth=depth, reliability=ReliabilityPolicy[reliability.upper()], durability=durability)


def new_image() -> Image:
    pixels = np.random.default_rng(0).integers(0, 256, WIDTH * HEIGHT * 3, dtype=np.uint8)
    image = Image(width=WIDTH, height=HEIGHT, encoding='rgb8', step=3 * WIDTH)
    image.data = array.array('B', pixels.tobytes())
    return image


def percentiles(values_s: list[float]) -> dict[str, float]:
    p50, p99, most = np.percentile(np.array(values_s) * 1e3, [50, 99, 100])
    return {'p50_ms': round(p50, 3), 'p99_ms': round(p99, 3), 'max_ms': round(most, 3)}


def report(**figures: object) -> None:
    print(json.dumps(figures), flush=True)


def wait_for(condition: Callable[[], bool], interval_s: float = 0.001) -> None:
    end = time.monotonic() + LONGEST_WAIT_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f'not within {LONGEST_WAIT_S} s')
        time.sleep(interval_s)


def image_source(node: Node, reliability: str, count: str, rate_hz: str) -> None:
    """Publish images; `sent` counts them."""
    publisher = node.create_publisher(Image, 'image', quality(reliability))
    wait_for(lambda: publisher.get_subscription_count() > 0)
    time.sleep(0.5)
    image = new_image()
    longest, start, cpu = 0.0, time.monotonic(), time.process_time()
    for index in range(int(count)):
        image.header.stamp.sec, image.header.stamp.nanosec = divmod(time.time_ns(), 10**9)
        before = time.monotonic()
        publisher.publish(image)
        longest = max(longest, time.monotonic() - before)
        time.sleep(max(0.0, start + (index + 1) / float(rate_hz) - time.monotonic()))
    elapsed, cpu = time.monotonic() - start, time.process_time() - cpu
    time.sleep(1.0)
    report(sent=int(count), cpu_percent=round(100 * cpu / elapsed, 1), longest_publish_ms=round(longest * 1e3, 2))


def image_sink(node: Node, reliability: str, count: str) -> None:
    """Receive images, look at all pixels, and tell how old they were."""
    ages: list[float] = []

    def on_image(image: Image) -> None:
        age_ns = time.time_ns() - image.header.stamp.sec * 10**9 - image.header.stamp.nanosec
        np.frombuffer(image.data, np.uint8)[::64].sum()
        ages.append(age_ns / 1e9)

    node.create_subscription(Image, 'image', on_image, quality(reliability))
    print('ready', flush=True)
    last, cpu = time.monotonic(), 0.0
    while len(ages) < int(count) and time.monotonic() < last + 3.0:
        received = len(ages)
        rclpy.spin_once(node, timeout_sec=0.5)
        if len(ages) > received or not ages:
            last = time.monotonic()
        if received == 0 and ages:
            cpu = time.process_time()
    seconds = len(ages) / 30
    report(received=len(ages), cpu_percent=round(100 * (time.process_time() - cpu) / seconds, 1), **percentiles(ages))


def images_in_one_process(node: Node, count: str) -> None:
    """Publish an image, receive it, and again."""
    received: list[int] = []
    node.create_subscription(Image, 'image', lambda image: received.append(len(image.data)), quality('reliable'))
    publisher, image = node.create_publisher(Image, 'image', quality('reliable')), new_image()
    wait_for(lambda: publisher.get_subscription_count() > 0)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    start = time.monotonic()
    for index in range(int(count)):
        publisher.publish(image)
        while len(received) <= index:
            executor.spin_once(timeout_sec=1.0)
    report(images_per_s=round(int(count) / (time.monotonic() - start)))


def server(node: Node) -> None:
    """Answer requests until the end."""

    def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = True
        return response

    node.create_service(Trigger, 'ask', answer)
    print('ready', flush=True)
    rclpy.spin(node)


def client(node: Node, count: str) -> None:
    """Ask, one request after the other."""
    client = node.create_client(Trigger, 'ask')
    client.wait_for_service()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    times = []
    for _ in range(int(count)):
        start = time.monotonic()
        future = client.call_async(Trigger.Request())
        while not future.done():
            executor.spin_once(timeout_sec=1.0)
        times.append(time.monotonic() - start)
    report(**percentiles(times[100:]))


def latched_source(node: Node) -> None:
    """Publish one latched message."""
    publisher = node.create_publisher(String, 'latched', quality('reliable', 1, latched=True))
    publisher.publish(String(data='latched'))
    print('ready', flush=True)
    rclpy.spin(node)


def late_joiners(node: Node, count: str) -> None:
    """Subscribe late, again and again, and wait for the latched message."""
    wait_for(lambda: node.count_publishers('latched') > 0)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    times: list[float] = []
    qos = quality('reliable', 1, latched=True)
    for index in range(int(count)):
        start = time.monotonic()
        subscription = node.create_subscription(String, 'latched', lambda _: times.append(time.monotonic()), qos)
        while len(times) <= index:
            executor.spin_once(timeout_sec=1.0)
        times[index] -= start
        node.destroy_subscription(subscription)
    report(**percentiles(times))


def idle(node: Node, seconds: str) -> None:
    """Spin with nothing to do."""
    threading.Timer(1.0 + float(seconds), rclpy.shutdown).start()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        executor.spin_once(timeout_sec=0.1)
    cpu, start = time.process_time(), time.monotonic()
    try:
        executor.spin()
    except Exception as error:
        print(f'ended by {type(error).__name__}', file=sys.stderr)
    report(cpu_percent=round(100 * (time.process_time() - cpu) / (time.monotonic() - start), 2))


def first_message(node: Node) -> None:
    """Publish as soon as there is a node."""
    publisher = node.create_publisher(String, 'first', quality('reliable'))
    end = time.monotonic() + LONGEST_WAIT_S
    while time.monotonic() < end:
        publisher.publish(String(data=str(os.getpid())))
        time.sleep(0.005)


def starts(node: Node, count: str) -> None:
    """Start processes, one after the other, and wait for the first message of each."""
    heard: dict[str, float] = {}
    node.create_subscription(
        String, 'first', lambda message: heard.setdefault(message.data, time.monotonic()), quality('reliable')
    )
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    times = []
    for _ in range(int(count)):
        start = time.monotonic()
        process = subprocess.Popen([sys.executable, '-m', 'benchmarks.ros_nodes', 'first_message'])
        while str(process.pid) not in heard:
            executor.spin_once(timeout_sec=1.0)
        times.append(heard[str(process.pid)] - start)
        process.kill()
        process.wait()
    report(**percentiles(times))


def crowd_member(node: Node, count: str) -> None:
    """Wait until that many nodes are known."""
    start = time.monotonic()
    wait_for(lambda: len(set(node.get_node_names())) >= int(count), 0.1)
    report(seconds=round(time.monotonic() - start, 2))
    sys.stdin.read()


def observer(node: Node) -> None:
    """Say when the node `doomed` has come, and, when its end is told on stdin, how long it stays in the graph."""
    wait_for(lambda: 'doomed' in node.get_node_names())
    print('ready', flush=True)
    sys.stdin.readline()
    start = time.monotonic()
    wait_for(lambda: 'doomed' not in node.get_node_names())
    report(seconds=round(time.monotonic() - start, 2))


def doomed(node: Node) -> None:
    """Wait to be killed."""
    rclpy.spin(node)


def memory(node: Node, count: str) -> None:
    """Send and receive small messages and tell how much the process grows after the first tenth."""
    received = 0

    def on_message(message: String) -> None:
        nonlocal received
        received += 1

    node.create_subscription(String, 'small', on_message, quality('reliable', 100))
    publisher, message = node.create_publisher(String, 'small', quality('reliable', 100)), String(data='x' * 100)
    wait_for(lambda: publisher.get_subscription_count() > 0)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    total, start, grown_from = int(count), time.monotonic(), 0
    for index in range(total):
        publisher.publish(message)
        while received <= index:
            executor.spin_once(timeout_sec=1.0)
        if index == total // 10:
            grown_from = resident_kb()
    seconds = time.monotonic() - start
    report(messages=received, growth_kb=resident_kb() - grown_from, messages_per_s=round(total / seconds))


def resident_kb() -> int:
    status = Path('/proc/self/status').read_text()
    return int(next(line for line in status.splitlines() if line.startswith('VmRSS')).split()[1])


ROLES = (
    *(image_source, image_sink, images_in_one_process, server, client, latched_source, late_joiners, idle),
    *(first_message, starts, crowd_member, observer, doomed, memory),
)


def main() -> None:
    role, *arguments = sys.argv[1:]
    rclpy.init(args=[])
    # Members of the crowd have to differ.
    node = Node(role if role != 'crowd_member' else f'{role}_{os.getpid()}')
    try:
        {function.__name__: function for function in ROLES}[role](node, *arguments)
    finally:
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
