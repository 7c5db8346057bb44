# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Waiting for transforms, and transforms of whole messages, without nodes."""

import math
import threading
import time as python_time

import numpy as np
import pytest
import tf2_geometry_msgs
import tf2_ros
from geometry_msgs.msg import (
    PointStamped,
    PoseStamped,
    PoseWithCovarianceStamped,
    Twist,
    Vector3Stamped,
)
from rclpy.duration import Duration
from rclpy.logging import get_logger
from tf_helpers import LATEST, at, matrix, transform, xyz


@pytest.fixture
def buffer():
    return tf2_ros.Buffer()


# Waiting


def later(seconds, function):
    timer = threading.Timer(seconds, function)
    timer.start()
    return timer


def test_waiting_for_a_transform(buffer):
    later(0.1, lambda: buffer.set_transform(transform('a', 'b', 1), 'test'))
    start = python_time.monotonic()
    assert buffer.can_transform('a', 'b', LATEST, timeout=Duration(seconds=5))
    assert python_time.monotonic() - start < 2
    start = python_time.monotonic()
    with pytest.raises(tf2_ros.ExtrapolationException):
        buffer.lookup_transform('a', 'b', at(2), timeout=Duration(seconds=0.05))
    assert python_time.monotonic() - start >= 0.05


def test_a_future_of_a_transform(buffer):
    future = buffer.wait_for_transform_async('a', 'b', at(2))
    buffer.set_transform(transform('a', 'b', 1), 'test')
    assert not future.done()
    cancelled = buffer.wait_for_transform_async('a', 'b', at(2))
    cancelled.cancel()
    buffer.set_transform(transform('a', 'b', 3, (2, 0, 0)), 'test')
    assert future.done()
    assert future.result().transform.translation.x == pytest.approx(1)
    assert not cancelled.done()
    assert buffer.wait_for_transform_async('a', 'b', at(2)).done()
    full = buffer.wait_for_transform_full_async('a', at(3), 'b', at(5), 'a')
    assert not full.done()
    buffer.set_transform(transform('a', 'b', 5), 'test')
    assert full.done()
    buffer.set_transform(transform('a', 'b', 6), 'test')
    assert buffer._waiting == []


def test_many_threads_at_once(buffer):
    stop = threading.Event()

    def write():
        for stamp in range(1, 400):
            buffer.set_transform(transform('a', 'b', stamp, (stamp, 0, 0)), 'test')
        stop.set()

    faults = []

    def read():
        while not stop.is_set():
            if buffer.can_transform('a', 'b', LATEST):
                result = buffer.lookup_transform('a', 'b', LATEST)
                if result.transform.translation.x != result.header.stamp.sec:
                    faults.append(result)

    threads = [threading.Thread(target=function) for function in (write, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert stop.is_set()
    assert faults == []


# Whole messages


def test_points_vectors_and_poses(buffer):
    buffer.set_transform(transform('map', 'camera', 1, (1, 2, 3), (0, 0, math.pi / 2)), 'test')
    point, vector, pose = PointStamped(), Vector3Stamped(), PoseStamped()
    for message in (point, vector, pose):
        message.header.frame_id = 'camera'
        message.header.stamp = at(1).to_msg()
    point.point.x, vector.vector.x, pose.pose.position.x = 1.0, 1.0, 1.0
    result = buffer.transform(point, 'map')
    assert (result.header.frame_id, result.header.stamp.sec) == ('map', 1)
    assert xyz(result.point) == pytest.approx((1, 3, 3))
    assert xyz(buffer.transform(vector, 'map').vector) == pytest.approx((0, 1, 0))
    result = buffer.transform(pose, 'map').pose
    assert xyz(result.position) == pytest.approx((1, 3, 3))
    assert (result.orientation.z, result.orientation.w) == pytest.approx((math.sqrt(0.5), math.sqrt(0.5)))
    same = buffer.transform(point, 'map', new_type=PointStamped)
    assert xyz(same.point) == pytest.approx((1, 3, 3))


def test_a_transform_is_not_changed_by_its_use():
    moved = transform('map', 'camera', 1, (1, 2, 3))
    tf2_geometry_msgs.do_transform_vector3(Vector3Stamped(), moved)
    assert xyz(moved.transform.translation) == (1, 2, 3)


def test_a_pose_without_orientation_is_not_turned():
    pose = PoseStamped()
    pose.pose.orientation.w = 0.0
    result = tf2_geometry_msgs.do_transform_pose_stamped(pose, transform('map', 'camera', 1, (1, 2, 3)))
    assert result.pose.orientation.w == 1


def test_covariances_turn_with_the_pose(buffer):
    turned = transform('map', 'camera', 1, (1, 2, 3), (0.3, -0.5, 1.1))
    buffer.set_transform(turned, 'test')
    generator = np.random.default_rng(1)
    factor = generator.normal(size=(6, 6))
    covariance = factor @ factor.T
    message = PoseWithCovarianceStamped()
    message.header.frame_id = 'camera'
    message.header.stamp = at(1).to_msg()
    message.pose.covariance = covariance.ravel().tolist()
    result = buffer.transform(message, 'map')
    rotation = np.zeros((6, 6))
    rotation[:3, :3] = rotation[3:, 3:] = matrix(turned)[:3, :3]
    expected = rotation @ covariance @ rotation.T
    np.testing.assert_allclose(np.reshape(result.pose.covariance, (6, 6)), expected, atol=1e-12)
    assert xyz(result.pose.pose.position) == pytest.approx((1, 2, 3))


def test_transform_between_two_times(buffer):
    for stamp in (1, 2):
        buffer.set_transform(transform('world', 'robot', stamp, (stamp, 0, 0)), 'test')
    point = PointStamped()
    point.header.frame_id = 'robot'
    point.header.stamp = at(1).to_msg()
    assert buffer.transform_full(point, 'robot', at(2), 'world').point.x == -1


def test_types_that_nobody_registered(buffer):
    with pytest.raises(tf2_ros.TypeException, match='Twist'):
        buffer.transform(Twist(), 'map')
    with pytest.raises(tf2_ros.TypeException):
        tf2_ros.convert(PointStamped(), Twist)
    with pytest.raises(tf2_ros.NotImplementedException):
        tf2_ros.BufferInterface().lookup_transform('a', 'b', LATEST)


def test_the_buffer_is_cleared_when_time_jumps_back(buffer, capsys):
    get_logger('tf2_buffer')
    buffer.set_transform(transform('a', 'b', 1), 'test')
    buffer.time_jump_callback(None)
    assert not buffer.can_transform('a', 'b', at(1))
    assert 'Clearing tf buffer' in capsys.readouterr().err
