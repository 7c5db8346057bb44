# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Coordinate frames between nodes, on rosless and on a real tf2_ros alike."""

import math
import threading

import pytest
import tf2_geometry_msgs  # noqa: F401 - teaches the buffer to transform points
from geometry_msgs.msg import PointStamped, TransformStamped
from rclpy.duration import Duration
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time
from ros_helpers import spin_until
from rosgraph_msgs.msg import Clock
from tf2_ros import (
    Buffer,
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    StaticTransformBroadcaster,
    TransformBroadcaster,
    TransformException,
    TransformListener,
)

LATEST = Time()


def transform(parent, child, seconds=0.0, x=0.0, yaw=0.0):
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = Time(seconds=seconds).to_msg()
    message.transform.translation.x = float(x)
    message.transform.rotation.z, message.transform.rotation.w = math.sin(yaw / 2), math.cos(yaw / 2)
    return message


@pytest.fixture
def buffer(make_node):
    node = make_node('listener')
    buffer = Buffer()
    buffer.listener = TransformListener(buffer, node)
    yield buffer
    buffer.listener.unregister()


def test_broadcasters_and_listener(executor, make_node, buffer):
    node = make_node('robot')
    moving, fixed = TransformBroadcaster(node), StaticTransformBroadcaster(node)
    fixed.sendTransform(transform('base', 'camera', x=0.5))
    fixed.sendTransform([transform('base', 'lidar', x=-0.5)])
    spin_until(executor, lambda: moving.pub_tf.get_subscription_count() == 1)
    moving.sendTransform(transform('map', 'base', 1, x=2, yaw=math.pi / 2))
    moving.sendTransform([transform('map', 'base', 2, x=4, yaw=math.pi / 2), transform('map', 'box', 2)])
    spin_until(executor, lambda: buffer.can_transform('box', 'camera', LATEST))
    spin_until(executor, lambda: buffer.can_transform('camera', 'lidar', LATEST))
    found = buffer.lookup_transform('map', 'camera', Time(seconds=1.5))
    assert (found.header.frame_id, found.child_frame_id) == ('map', 'camera')
    assert (found.header.stamp.sec, found.header.stamp.nanosec) == (1, 500_000_000)
    assert found.transform.translation.x == pytest.approx(3)
    assert found.transform.translation.y == pytest.approx(0.5)
    assert found.transform.rotation.z == pytest.approx(math.sqrt(0.5))
    assert buffer.lookup_transform('lidar', 'camera', LATEST).transform.translation.x == pytest.approx(1)
    assert buffer.lookup_transform('map', 'base', LATEST).transform.translation.x == pytest.approx(4)


def test_a_late_listener_gets_all_static_transforms(executor, make_node):
    fixed = StaticTransformBroadcaster(make_node('robot'))
    for child in ('a', 'b', 'c'):
        fixed.sendTransform(transform('base', child))
    buffer = Buffer()
    listener = TransformListener(buffer, make_node('late'))
    spin_until(executor, lambda: all(buffer.can_transform('base', child, LATEST) for child in 'abc'))
    listener.unregister()


def test_what_cannot_be_looked_up(buffer):
    for seconds in (1, 2):
        buffer.set_transform(transform('map', 'base', seconds), 'test')
    buffer.set_transform(transform('island', 'palm', 1), 'test')
    for error, frames, seconds in (
        (LookupException, ('map', 'nowhere'), 0),
        (ConnectivityException, ('map', 'palm'), 1),
        (ExtrapolationException, ('map', 'base'), 3),
        (ExtrapolationException, ('map', 'base'), 0.5),
        (InvalidArgumentException, ('/map', 'base'), 1),
        (InvalidArgumentException, ('', 'base'), 1),
    ):
        assert issubclass(error, TransformException)
        with pytest.raises(error):
            buffer.lookup_transform(*frames, Time(seconds=seconds))
        assert not buffer.can_transform(*frames, Time(seconds=seconds))
    with pytest.raises(ExtrapolationException, match=r'into the future.*3\.000000.*2\.000000'):
        buffer.lookup_transform('map', 'base', Time(seconds=3))
    possible, reason = buffer.can_transform('map', 'nowhere', LATEST, return_debug_tuple=True)
    assert not possible
    assert 'nowhere' in reason


def test_time_travel(buffer):
    for seconds in (1, 2, 3):
        buffer.set_transform(transform('world', 'robot', seconds, x=seconds), 'test')
    moved = buffer.lookup_transform_full('robot', Time(seconds=3), 'robot', Time(seconds=1), 'world')
    assert moved.transform.translation.x == pytest.approx(-2)
    assert buffer.can_transform_full('robot', Time(seconds=3), 'robot', Time(seconds=1), 'world')
    assert not buffer.can_transform_full('robot', Time(seconds=4), 'robot', Time(seconds=1), 'world')


def test_points_are_transformed(buffer):
    buffer.set_transform_static(transform('map', 'camera', x=1, yaw=math.pi / 2), 'test')
    point = PointStamped()
    point.header.frame_id = 'camera'
    point.header.stamp = Time(seconds=5).to_msg()
    point.point.x = 2.0
    moved = buffer.transform(point, 'map')
    assert (moved.point.x, moved.point.y) == (pytest.approx(1), pytest.approx(2))
    assert moved.header.frame_id == 'map'


def test_waiting_in_a_callback(make_node):
    executor = MultiThreadedExecutor(num_threads=2)
    node, results = make_node('waiter', executor=executor), []
    buffer = Buffer()
    listener = TransformListener(buffer, node)
    broadcaster = TransformBroadcaster(make_node('robot', executor=executor))
    spin_until(executor, lambda: broadcaster.pub_tf.get_subscription_count() == 1)

    def look():
        timer.cancel()
        results.append(buffer.lookup_transform('map', 'base', Time(seconds=7), timeout=Duration(seconds=10)))

    timer = node.create_timer(0.01, look)
    threading.Timer(0.2, lambda: broadcaster.sendTransform(transform('map', 'base', 7, x=3))).start()
    spin_until(executor, lambda: results)
    assert results[0].transform.translation.x == 3
    listener.unregister()
    executor.shutdown()


def test_waiting_without_blocking(executor, buffer):
    async def look():
        return await buffer.lookup_transform_async('map', 'base', Time(seconds=2))

    task = executor.create_task(look())
    waiting = buffer.wait_for_transform_async('map', 'base', Time(seconds=2))
    executor.spin_once(timeout_sec=0.05)
    buffer.set_transform(transform('map', 'base', 1), 'test')
    assert not waiting.done()
    buffer.set_transform(transform('map', 'base', 3, x=4), 'test')
    spin_until(executor, task.done)
    assert task.result().transform.translation.x == pytest.approx(2)
    assert waiting.done()
    with pytest.raises(ExtrapolationException):
        buffer.lookup_transform('map', 'base', Time(seconds=9), timeout=Duration(seconds=0.1))


def test_a_listener_with_a_thread_of_its_own(executor, make_node):
    broadcaster = StaticTransformBroadcaster(make_node('robot'))
    broadcaster.sendTransform(transform('map', 'base'))
    node = Node('alone')
    buffer = Buffer()
    listener = TransformListener(buffer, node, spin_thread=True)
    # Nobody here spins the node.
    assert buffer.can_transform('map', 'base', LATEST, timeout=Duration(seconds=10))
    listener.executor.shutdown()
    listener.dedicated_listener_thread.join(timeout=10)
    assert not listener.dedicated_listener_thread.is_alive()
    node.destroy_node()


def test_time_that_jumps_back_clears_the_buffer(executor, make_node):
    node = make_node('player', parameter_overrides=[Parameter('use_sim_time', value=True)])
    buffer = Buffer(node=node)
    clock = make_node('clock').create_publisher(Clock, '/clock', 1)
    spin_until(executor, lambda: clock.get_subscription_count() == 1)

    def show(seconds):
        clock.publish(Clock(clock=Time(seconds=seconds).to_msg()))
        spin_until(executor, lambda: node.get_clock().now().nanoseconds == seconds * 10**9)

    show(100)
    buffer.set_transform(transform('map', 'base', 100), 'test')
    buffer.set_transform_static(transform('base', 'camera'), 'test')
    show(101)
    assert buffer.can_transform('map', 'base', LATEST)
    show(50)
    assert not buffer.can_transform('map', 'base', LATEST)
    assert buffer.can_transform('base', 'camera', LATEST)
