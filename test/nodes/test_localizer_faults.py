# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bad input over real DDS: each has its reason and a sentence, and the node goes on when it is over."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from localizer_robot import OPTICAL, Robot, image_message, info_message, localizing, wait_for_each_other, wait_until
from neumap_ros.msg import MapIndex
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from neumap_ros.localization.localizer import Localizer
from neumap_ros.nodes import conversions
from neumap_ros.nodes.localizer import LocalizerNode
from neumap_ros.nodes.map_topics import INDEX_TOPIC, LATCHED_QOS

FREE = (
    *('-p', 'tracker.confirmations:=1', '-p', 'tracker.confirmation_window:=1'),
    *('-p', 'max_image_age_s:=0.0', '-p', 'tf_mode:=none'),
)
S = 10**9


@pytest.fixture
def robot_and_node(stage, demo_localizer):
    running = stage(*FREE)
    robot = running.add(Robot())
    return robot, localizing(running, demo_localizer, robot)


def _status(robot: Robot, number: int):
    wait_until(partial(robot.has_statuses, number), f'status {number}')
    return robot.statuses[number - 1]


def _recovers(robot: Robot, image, pixels) -> None:
    number = len(robot.statuses) + 1
    robot.see(pixels, image.camera, 10_000 * S + number * 1000 * S)
    assert _status(robot, number).reason == 'ok'


def test_image_without_calibration(robot_and_node, demo_queries) -> None:
    robot, _ = robot_and_node
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    robot.show(pixels, 1000 * S)
    status = _status(robot, 1)
    assert status.reason == 'uncalibrated_camera'
    assert '/camera/camera_info' in status.detail
    assert not status.has_pose and status.pose.covariance[0] == -1
    assert np.isnan(status.confidence) and np.isnan(status.features_ms)
    wait_until(lambda: '/camera/camera_info' in robot.diagnostics['inputs'].message, 'diagnostics')
    _recovers(robot, image, pixels)


def test_camera_that_says_it_is_not_calibrated(robot_and_node, demo_queries) -> None:
    robot, node = robot_and_node
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    info = info_message(image.camera, 1000 * S)
    info.k = np.zeros(9)
    robot._info['camera'].publish(info)
    robot.show(pixels, 1000 * S)
    status = _status(robot, 1)
    assert status.reason == 'uncalibrated_camera'
    assert 'calibrat' in status.detail
    assert not robot.poses
    # The true calibration, given while the node runs, is used from then on.
    robot.calibrate(image.camera, 1500 * S)
    wait_until(lambda: node._cameras['camera'].calibration()[0] is not None, 'calibration')
    _recovers(robot, image, pixels)


def test_image_of_another_size_than_its_calibration(robot_and_node, demo_queries) -> None:
    robot, _ = robot_and_node
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    robot.see(pixels[::2, ::2].copy(), image.camera, 1000 * S)
    status = _status(robot, 1)
    assert status.reason == 'image_error'
    assert '160x120' in status.detail and '320x240' in status.detail
    _recovers(robot, image, pixels)


@pytest.mark.parametrize('encoding', ['32FC1', 'jpeg', ''])
def test_encoding_that_is_no_picture(robot_and_node, demo_queries, encoding: str) -> None:
    robot, _ = robot_and_node
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    robot.calibrate(image.camera, 1000 * S)
    message = image_message(pixels, 1000 * S)
    message.encoding = encoding
    robot._image['camera'].publish(message)
    status = _status(robot, 1)
    assert status.reason == 'image_error'
    assert repr(encoding) in status.detail and 'mono8' in status.detail
    _recovers(robot, image, pixels)


def test_image_cut_short(robot_and_node, demo_queries) -> None:
    robot, _ = robot_and_node
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    robot.calibrate(image.camera, 1000 * S)
    message = image_message(pixels, 1000 * S)
    message.data = message.data[:1000]
    robot._image['camera'].publish(message)
    status = _status(robot, 1)
    assert status.reason == 'image_error' and 'truncated' in status.detail
    _recovers(robot, image, pixels)


def test_camera_that_tf_does_not_know(stage, demo_localizer, demo_queries) -> None:
    running = stage(*FREE)
    robot = running.add(Robot())
    node = running.add(LocalizerNode())
    node.use_map(demo_localizer)
    wait_for_each_other(robot, node)
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    robot.see(pixels, image.camera, 1000 * S)
    status = _status(robot, 1)
    assert status.reason == 'no_transform'
    assert OPTICAL in status.detail and 'base_link' in status.detail
    robot.stand()
    _recovers(robot, image, pixels)


def test_no_odometry(stage, demo_localizer, demo_queries) -> None:
    running = stage('-p', 'tracker.confirmations:=1', '-p', 'max_image_age_s:=0.0')
    robot = running.add(Robot())
    localizing(running, demo_localizer, robot)
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    robot.see(pixels, image.camera, 1000 * S)
    status = _status(robot, 1)
    assert status.reason == 'no_transform'
    assert 'odom' in status.detail and 'base_link' in status.detail
    # Odometry that stops before the image does not do either.
    robot.odometry(1999 * S)
    robot.see(pixels, image.camera, 2000 * S)
    assert _status(robot, 2).reason == 'no_transform'
    # Odometry that comes a little later is waited for.
    robot.see(pixels, image.camera, 2999 * S + S // 2)
    robot.odometry(2999 * S)
    robot.odometry(3000 * S)
    assert _status(robot, 3).reason == 'ok', robot.last().detail


@pytest.mark.parametrize(('stamp_s', 'word'), [(1000, 'old'), (0, 'stamp 0'), (4_000_000_000, 'future')])
def test_stamps_of_another_time(stage, demo_localizer, demo_queries, stamp_s: int, word: str) -> None:
    running = stage('-p', 'tracker.confirmations:=1', '-p', 'tf_mode:=none')
    robot = running.add(Robot())
    localizing(running, demo_localizer, robot)
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    stamp_s = min(stamp_s, 2**31 - 1)
    robot.see(pixels, image.camera, stamp_s * S)
    status = _status(robot, 1)
    assert status.reason == 'stale_image'
    assert word in status.detail


def test_without_a_map(stage, demo_queries) -> None:
    running = stage(*FREE)
    robot = running.add(Robot())
    localizing(running, None, robot)
    image = demo_queries.images[0]
    robot.see(demo_queries.read(image), image.camera, 1000 * S)
    status = _status(robot, 1)
    assert status.reason == 'no_map' and status.map_id == ''
    wait_until(lambda: 'map_server' in robot.diagnostics['map'].message, 'diagnostics')


def test_reliability_that_does_not_fit_is_named(stage, demo_localizer) -> None:
    # As an operator may override it, against a driver that sends best effort.
    override = ('-p', 'qos_overrides./camera/image.subscription.reliability:=reliable')
    running = stage(*FREE, *override)
    robot = running.add(Robot(image_qos=QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)))
    running.add(LocalizerNode())
    wait_until(lambda: 'RELIABILITY' in _message(robot, 'inputs'), 'diagnostics of the QoS')
    assert '/camera/image' in _message(robot, 'inputs')


def test_topic_without_publisher_is_named(stage, demo_localizer) -> None:
    running = stage(*FREE, '-p', 'cameras:=[rear]')
    robot = running.add(Robot())
    running.add(LocalizerNode())
    wait_until(lambda: '/rear/image' in _message(robot, 'inputs'), 'diagnostics')
    assert 'no publisher' in _message(robot, 'inputs') and 'sensor_msgs/msg/Image' in _message(robot, 'inputs')


def test_topic_of_another_type_is_named(stage, demo_localizer) -> None:
    running = stage(*FREE, '-p', 'image_transport:=compressed')
    robot = running.add(Robot())
    publisher = robot.create_publisher(Image, 'camera/image/compressed', 5)
    running.add(LocalizerNode())
    wait_until(lambda: 'expected sensor_msgs/msg/CompressedImage' in _message(robot, 'inputs'), 'diagnostics')
    assert publisher.topic_name in _message(robot, 'inputs')


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        (['frames.map:=odom'], 'same'),
        (["frames.base:=''"], 'frames.base'),
        (['frames.odom:=/odom'], 'leading slash'),
        (['cameras:=[front, front]'], 'twice'),
        (["cameras:=['']"], 'cameras'),
        (["cameras:=['2nd']"], 'cameras'),
        (['tracker.confirmations:=6'], 'confirmation_window'),
    ],
)
def test_unusable_parameters_fail_at_configure(stage, capfd, arguments: list[str], words: str) -> None:
    running = stage(*[part for argument in arguments for part in ('-p', argument)])
    node = running.add(LocalizerNode())
    assert node.phase == 'unconfigured'
    output = capfd.readouterr()
    assert words in output.err + output.out


def test_graphics_card_that_is_not_there(stage, demo_localizer) -> None:
    import torch

    running = stage(*FREE, '-p', 'device:=cuda')
    robot = running.add(Robot())
    localizing(running, demo_localizer, robot)
    wait_until(lambda: 'CPU' in _message(robot, 'compute'), 'diagnostics of the device')
    assert robot.log.count('device is cuda') == 1
    if not torch.cuda.is_available():
        assert 'no usable GPU' in _message(robot, 'compute')


def test_broken_core_does_not_end_the_node(robot_and_node, demo_queries, demo_localizer, monkeypatch) -> None:
    robot, _ = robot_and_node
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)

    def fails(*args: object, **kwargs: object) -> None:
        raise RuntimeError('a bug')

    with monkeypatch.context() as patch:
        patch.setattr(Localizer, 'localize_views', fails, raising=False)
        patch.setattr('neumap_ros.nodes.localizer_pipeline.LocalizationSession.process', fails)
        robot.see(pixels, image.camera, 1000 * S)
        wait_until(lambda: 'a bug' in robot.log, 'the traceback')
    _recovers(robot, image, pixels)
    assert conversions.nanoseconds(robot.last().header.stamp) > 10_000 * S


def _message(robot: Robot, name: str) -> str:
    status = robot.diagnostics.get(name)
    return status.message if status is not None else ''


def test_two_nodes_that_send_maps_are_named(robot_and_node) -> None:
    robot, _ = robot_and_node
    senders = [robot.create_publisher(MapIndex, INDEX_TOPIC, LATCHED_QOS) for _ in range(2)]
    wait_until(lambda: '2 nodes send maps (' in robot.diagnostics['map'].message, 'diagnostics')
    assert robot.get_name() in robot.diagnostics['map'].message
    robot.destroy_publisher(senders[0])
    wait_until(lambda: 'send maps' not in robot.diagnostics['map'].message, 'diagnostics')
