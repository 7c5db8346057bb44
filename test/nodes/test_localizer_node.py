# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The localizer over real DDS: images in, the poses of the core out, TF as REP-105 wants it."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from localizer_robot import OPTICAL, T_BASE_CAM, Robot, localizing, wait_for_each_other, wait_until

from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import View
from neumap_ros.localization.rig import localize_views
from neumap_ros.nodes import conversions

AT_ONCE = ('-p', 'tracker.confirmations:=1', '-p', 'tracker.confirmation_window:=1')
ANY_AGE = ('-p', 'max_image_age_s:=0.0')
NO_TF = ('-p', 'tf_mode:=none')
S = 10**9


@pytest.mark.parametrize('compressed', [False, True], ids=['raw', 'compressed'])
def test_fixes_are_those_of_the_core_bit_for_bit(stage, demo_localizer, demo_queries, compressed) -> None:
    transport = 'compressed' if compressed else 'raw'
    running = stage(*AT_ONCE, *NO_TF, *ANY_AGE, '-p', f'image_transport:={transport}')
    robot = running.add(Robot(compressed=compressed))
    localizing(running, demo_localizer, robot)
    accepted = 0
    for number, image in enumerate(demo_queries.images):
        # Far apart in time, so that nothing is known of the next image.
        stamp_ns = (1000 + 1000 * number) * S
        pixels = demo_queries.read(image)
        robot.see(pixels, image.camera, stamp_ns)
        wait_until(partial(robot.has_statuses, number + 1), f'status {number}')
        status = robot.last()
        fix = demo_localizer.localize(pixels, image.camera)
        assert status.reason == fix.reason.value, status.detail
        assert conversions.nanoseconds(status.header.stamp) == stamp_ns
        assert list(status.cameras) == [OPTICAL]
        assert status.map_id == demo_localizer.manifest.map_id
        assert status.map_sha256 == demo_localizer.map_sha256
        if fix.T_map_cam is None:
            continue
        accepted += 1
        wait_until(partial(robot.has_poses, accepted), 'pose')
        expected = conversions.pose_message(fix.T_map_cam @ T_BASE_CAM.inverse())
        assert robot.poses[-1].pose.pose == status.pose.pose == expected
        assert conversions.nanoseconds(robot.poses[-1].header.stamp) == stamp_ns
        assert robot.poses[-1].header.frame_id == 'map'
    assert accepted >= 2
    assert len(robot.poses) == accepted


def test_two_cameras_give_one_pose_and_a_dead_one_does_not_stop_the_other(stage, demo_localizer, demo_queries) -> None:
    running = stage(*AT_ONCE, *NO_TF, *ANY_AGE, '-p', 'cameras:=[front, left]')
    robot = running.add(Robot(('front', 'left')))
    node = running.add(_new_node())
    node.use_map(demo_localizer)
    wait_for_each_other(robot, node)
    first, second = demo_queries.images[:2]
    T_front_left = first.T_map_cam.inverse() @ second.T_map_cam
    T_base_left = T_BASE_CAM @ T_front_left
    robot._tf_static.publish(
        _static(('front_optical', T_BASE_CAM), ('left_optical', T_base_left)),
    )
    pixels = [demo_queries.read(image) for image in (first, second)]
    robot.see(pixels[0], first.camera, 1000 * S, 'front', 'front_optical')
    robot.see(pixels[1], second.camera, 1000 * S, 'left', 'left_optical')
    wait_until(partial(robot.has_statuses, 1), 'status')
    status = robot.last()
    assert list(status.cameras) == ['front_optical', 'left_optical']
    views = [
        View('front', pixels[0], first.camera, T_BASE_CAM, 'front_optical'),
        View(
            'left', pixels[1], second.camera, conversions.pose_from_message(conversions.pose_message(T_base_left), '')
        ),
    ]
    fix = localize_views(demo_localizer, views, None)
    assert status.reason == fix.reason.value == 'ok'
    found = conversions.pose_from_message(status.pose.pose, 'status')
    metres, degrees = found.error_to(fix.T_map_base)
    # TF stores the place of the camera as a quaternion, which rounds it.
    assert metres < 1e-6 and degrees < 1e-4

    robot.see(pixels[0], first.camera, 2000 * S, 'front', 'front_optical')
    wait_until(partial(robot.has_statuses, 2), 'status of the rig without its left camera')
    assert list(robot.last().cameras) == ['front_optical']
    assert robot.last().accepted
    assert 'left' in robot.last().detail


def test_correction_is_sent_steadily_and_dated_ahead(stage, demo_localizer, demo_queries) -> None:
    running = stage('-p', 'transform_tolerance:=0.3')
    robot = running.add(Robot())
    localizing(running, demo_localizer, robot)
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    T_odom_base = Pose(np.eye(3), (5.0, -2.0, 0.0))
    sent = 0
    while not robot.poses:
        assert not _corrections(robot), 'sent before the first accepted fix'
        stamp_ns = robot.now_ns()
        robot.odometry(stamp_ns - S // 10, T_odom_base)
        robot.odometry(stamp_ns + S // 10, T_odom_base)
        robot.see(pixels, image.camera, stamp_ns)
        sent += 1
        wait_until(partial(robot.has_statuses, sent), 'status')
        if robot.last().accepted:
            wait_until(partial(robot.has_poses, 1), 'pose')
        assert sent < 10
    assert [s.reason for s in robot.statuses] == ['confirming', 'confirming', 'ok']
    before = len(_corrections(robot))
    wait_until(lambda: len(_corrections(robot)) > before + 20, 'transforms that are sent again')
    last = _corrections(robot)[-1]
    fix = demo_localizer.localize(pixels, image.camera)
    expected = fix.T_map_cam @ T_BASE_CAM.inverse() @ T_odom_base.inverse()
    metres, degrees = conversions.pose_from_transform(last).error_to(expected)
    # The third fix was searched near the pose of the second one: the same pose but for rounding.
    assert metres < 0.05 and degrees < 1.0
    stamps = [conversions.nanoseconds(t.header.stamp) for t in _corrections(robot)]
    assert stamps == sorted(stamps)
    assert abs(stamps[-1] - robot.now_ns() - 0.3 * S) < 5 * S
    assert not [t for t in robot.transforms if t.child_frame_id == 'base_link' and t.header.frame_id == 'map']


def test_pose_as_transform_without_odometry(stage, demo_localizer, demo_queries) -> None:
    running = stage(*AT_ONCE, '-p', 'tf_mode:=map_to_base')
    robot = running.add(Robot())
    localizing(running, demo_localizer, robot)
    image = demo_queries.images[0]
    stamp_ns = robot.now_ns()
    robot.see(demo_queries.read(image), image.camera, stamp_ns)
    wait_until(partial(robot.has_poses, 1), 'pose')
    found = partial(_transforms, robot, 'map', 'base_link')
    wait_until(found, 'transform')
    assert conversions.nanoseconds(found()[0].header.stamp) == stamp_ns
    assert not _corrections(robot)


def test_frame_with_another_parent_gets_no_second_one(stage, demo_localizer, demo_queries) -> None:
    running = stage(*AT_ONCE)
    robot = running.add(Robot())
    localizing(running, demo_localizer, robot)
    # A wheel frame above odom, as some robots have it.
    image = demo_queries.images[0]
    stamp_ns = robot.now_ns()
    robot.odometry(stamp_ns)
    robot._tf.publish(_tf(conversions.transform_message(Pose.identity(), 'world', 'odom', stamp_ns)))
    wait_until(lambda: 'world' in robot.diagnostics.get('localizer', _NOTHING).message, 'diagnostics of the parent')
    stamp_ns = robot.now_ns()
    robot.odometry(stamp_ns)
    robot._tf.publish(_tf(conversions.transform_message(Pose.identity(), 'world', 'odom', stamp_ns)))
    robot.see(demo_queries.read(image), image.camera, stamp_ns)
    wait_until(partial(robot.has_poses, 1), 'pose')
    assert not _corrections(robot)


def test_pictures_are_made_for_those_who_look(stage, demo_localizer, demo_queries) -> None:
    from cv_bridge import CvBridge
    from sensor_msgs.msg import Image
    from visualization_msgs.msg import Marker, MarkerArray

    running = stage(*AT_ONCE, *NO_TF, *ANY_AGE)
    robot = running.add(Robot())
    node = localizing(running, demo_localizer, robot)
    image = demo_queries.images[0]
    pictures, markers = [], []
    robot.create_subscription(Image, 'localizer/debug_image', pictures.append, 1)
    robot.create_subscription(MarkerArray, 'localizer/matches', markers.append, 1)
    outputs = node._outputs
    wait_until(lambda: outputs._picture.get_subscription_count() and outputs._matches.get_subscription_count(), 'look')
    robot.see(demo_queries.read(image), image.camera, 1000 * S)
    wait_until(lambda: pictures and markers, 'picture and markers')
    picture = CvBridge().imgmsg_to_cv2(pictures[0], 'bgr8')
    assert picture.ndim == 3 and (picture[..., 1] != picture[..., 2]).any(), 'inliers are drawn in colour'
    points = next(m for m in markers[0].markers if m.type == Marker.POINTS)
    assert len(points.points) == robot.last().inliers or len(points.points) > 5
    assert points.header.frame_id == 'map'


class _Nothing:
    message = ''


_NOTHING = _Nothing()


def _new_node():
    from neumap_ros.nodes.localizer import LocalizerNode

    return LocalizerNode()


def _tf(*transforms):
    from tf2_msgs.msg import TFMessage

    return TFMessage(transforms=list(transforms))


def _static(*places):
    return _tf(*(conversions.transform_message(pose, 'base_link', frame, 0) for frame, pose in places))


def _transforms(robot: Robot, parent: str, child: str) -> list:
    return [t for t in robot.transforms if (t.header.frame_id, t.child_frame_id) == (parent, child)]


def _corrections(robot: Robot) -> list:
    return _transforms(robot, 'map', 'odom')
