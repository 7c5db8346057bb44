# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tree of frames, without nodes."""

import math

import numpy as np
import pytest
import tf2_ros
from rclpy.duration import Duration
from rclpy.time import Time
from tf_helpers import LATEST, at, matrix, transform, xyz


@pytest.fixture
def buffer():
    return tf2_ros.Buffer()


def test_transforms_are_combined_along_the_tree(buffer):
    generator = np.random.default_rng(0)
    # map -> odom -> base -> camera, base -> lidar -> mirror
    edges = [('map', 'odom'), ('odom', 'base'), ('base', 'camera'), ('base', 'lidar'), ('lidar', 'mirror')]
    poses = {'map': np.eye(4)}
    for parent, child in edges:
        message = transform(parent, child, 5, generator.normal(size=3), generator.uniform(-3, 3, size=3))
        buffer.set_transform(message, 'test')
        poses[child] = poses[parent] @ matrix(message)
    for target, target_pose in poses.items():
        for source, source_pose in poses.items():
            result = buffer.lookup_transform(target, source, at(5))
            np.testing.assert_allclose(matrix(result), np.linalg.inv(target_pose) @ source_pose, atol=1e-12)
            assert (result.header.frame_id, result.child_frame_id) == (target, source)
            assert Time.from_msg(result.header.stamp).nanoseconds == 5 * 10**9


def test_interpolation(buffer):
    buffer.set_transform(transform('a', 'b', 10, (0, 0, 0), (0, 0, 0)), 'test')
    buffer.set_transform(transform('a', 'b', 12, (4, 0, 2), (0, 0, math.pi / 2)), 'test')
    result = buffer.lookup_transform('a', 'b', at(10.5)).transform
    assert xyz(result.translation) == pytest.approx((1, 0, 0.5))
    angle = 2 * math.atan2(result.rotation.z, result.rotation.w)
    assert angle == pytest.approx(math.pi / 8)
    assert xyz(buffer.lookup_transform('a', 'b', at(12)).transform.translation) == (4, 0, 2)
    # Zero stands for the latest.
    assert xyz(buffer.lookup_transform('a', 'b', LATEST).transform.translation) == (4, 0, 2)


def test_interpolation_takes_the_shorter_way(buffer):
    buffer.set_transform(transform('a', 'b', 1, rpy=(0, 0, math.radians(170))), 'test')
    buffer.set_transform(transform('a', 'b', 2, rpy=(0, 0, math.radians(-170))), 'test')
    rotation = buffer.lookup_transform('a', 'b', at(1.5)).transform.rotation
    assert abs(rotation.z) == pytest.approx(1)
    # Of two quaternions for one rotation, the one with positive w comes out.
    negated = transform('a', 'c', 1, rpy=(0, 0, 0.5))
    part = negated.transform.rotation
    part.z, part.w = -part.z, -part.w
    buffer.set_transform(negated, 'test')
    assert buffer.lookup_transform('a', 'c', at(1)).transform.rotation.w > 0


def test_tiny_steps_between_rotations(buffer):
    buffer.set_transform(transform('a', 'b', 1, rpy=(0, 0, 1.0)), 'test')
    buffer.set_transform(transform('a', 'b', 2, rpy=(0, 0, 1.0 + 1e-9)), 'test')
    rotation = buffer.lookup_transform('a', 'b', at(1.5)).transform.rotation
    assert 2 * math.atan2(rotation.z, rotation.w) == pytest.approx(1.0, abs=1e-8)


def test_transforms_may_arrive_in_any_order(buffer):
    for stamp in (3, 1, 2):
        buffer.set_transform(transform('a', 'b', stamp, (stamp, 0, 0)), 'test')
    assert buffer.lookup_transform('a', 'b', at(1.5)).transform.translation.x == pytest.approx(1.5)
    assert buffer.lookup_transform('a', 'b', LATEST).transform.translation.x == 3


def test_static_transforms_hold_at_all_times(buffer):
    buffer.set_transform_static(transform('a', 'b', 1, (1, 0, 0)), 'test')
    for time in (LATEST, at(0.001), at(10**6)):
        result = buffer.lookup_transform('b', 'a', time)
        assert xyz(result.transform.translation) == (-1, 0, 0)
        assert Time.from_msg(result.header.stamp).nanoseconds == time.nanoseconds
    buffer.set_transform_static(transform('a', 'b', 1, (2, 0, 0)), 'test')
    assert buffer.lookup_transform('a', 'b', LATEST).transform.translation.x == 2


def test_the_latest_common_time(buffer):
    buffer.set_transform_static(transform('map', 'world'), 'test')
    for stamp in (1, 2, 3):
        buffer.set_transform(transform('world', 'odom', stamp), 'test')
    for stamp in (1, 2, 2.5):
        buffer.set_transform(transform('odom', 'base', stamp), 'test')
    buffer.set_transform(transform('odom', 'other', 2.25), 'test')
    assert buffer.get_latest_common_time('map', 'base').nanoseconds == 2_500_000_000
    assert buffer.get_latest_common_time('base', 'map').nanoseconds == 2_500_000_000
    assert buffer.get_latest_common_time('base', 'odom').nanoseconds == 2_500_000_000
    assert buffer.get_latest_common_time('base', 'other').nanoseconds == 2_250_000_000
    assert buffer.get_latest_common_time('map', 'world').nanoseconds == 0
    assert Time.from_msg(buffer.lookup_transform('map', 'base', LATEST).header.stamp).nanoseconds == 2_500_000_000


def test_times_outside_of_the_buffer(buffer):
    buffer.set_transform(transform('map', 'odom', 1), 'test')
    with pytest.raises(tf2_ros.ExtrapolationException, match=r'at time 2\.000000, but only time 1\.000000'):
        buffer.lookup_transform('map', 'odom', at(2))
    buffer.set_transform(transform('map', 'odom', 5), 'test')
    with pytest.raises(tf2_ros.ExtrapolationException) as error:
        buffer.lookup_transform('map', 'odom', at(6.5))
    for words in ('into the future', '6.500000', '5.000000', 'frame [odom] to frame [map]'):
        assert words in str(error.value)
    with pytest.raises(tf2_ros.ExtrapolationException) as error:
        buffer.lookup_transform('odom', 'map', at(0.5))
    for words in ('into the past', '0.500000', '1.000000', 'frame [map] to frame [odom]'):
        assert words in str(error.value)


def test_what_lies_above_the_common_frame_does_not_matter(buffer):
    buffer.set_transform(transform('map', 'odom', 1), 'test')
    for child in ('base', 'lidar'):
        for stamp in (8, 10):
            buffer.set_transform(transform('odom', child, stamp, (1, 0, 0)), 'test')
    assert buffer.can_transform('base', 'lidar', at(9))
    assert not buffer.can_transform('map', 'lidar', at(9))


def test_old_transforms_are_forgotten():
    buffer = tf2_ros.Buffer(cache_time=Duration(seconds=2))
    for stamp in range(1, 8):
        buffer.set_transform(transform('a', 'b', stamp), 'test')
    with pytest.raises(tf2_ros.ExtrapolationException, match=r'earliest data is at time 4\.000000'):
        buffer.lookup_transform('a', 'b', at(3.5))
    buffer.set_transform(transform('a', 'b', 1), 'test')
    assert not buffer.can_transform('a', 'b', at(1))


def test_the_same_transform_twice_counts_once(buffer):
    for _ in range(3):
        buffer.set_transform(transform('a', 'b', 1), 'test')
    assert '  rate: 10000.000\n' in buffer.all_frames_as_yaml()


def test_unknown_frames(buffer):
    buffer.set_transform(transform('map', 'base', 1), 'test')
    with pytest.raises(tf2_ros.LookupException, match='"nowhere" passed to lookupTransform argument source_frame'):
        buffer.lookup_transform('map', 'nowhere', LATEST)
    with pytest.raises(tf2_ros.LookupException, match='target_frame'):
        buffer.lookup_transform('nowhere', 'map', LATEST)
    possible, reason = buffer.can_transform('map', 'nowhere', LATEST, return_debug_tuple=True)
    assert (possible, 'nowhere' in reason) == (False, True)
    with pytest.raises(tf2_ros.LookupException):
        buffer.get_latest_common_time('map', 'nowhere')


def test_frames_that_nothing_connects(buffer):
    buffer.set_transform(transform('map', 'base', 1), 'test')
    buffer.set_transform(transform('other', 'island', 1), 'test')
    for time in (LATEST, at(1)):
        with pytest.raises(tf2_ros.ConnectivityException, match="'map' and 'island'"):
            buffer.lookup_transform('map', 'island', time)


@pytest.mark.parametrize('name', ['', '/map'])
def test_invalid_frame_ids(buffer, name):
    buffer.set_transform(transform('map', 'base', 1), 'test')
    with pytest.raises(tf2_ros.InvalidArgumentException, match='frame ids cannot'):
        buffer.lookup_transform(name, 'base', LATEST)
    assert not buffer.can_transform('base', name, LATEST)


def test_a_slash_in_front_of_published_frame_ids_is_dropped(buffer):
    buffer.set_transform(transform('/map', '/base', 1), 'test')
    assert buffer.can_transform('map', 'base', LATEST)


def test_a_loop(buffer):
    for parent, child in (('a', 'b'), ('b', 'c'), ('c', 'a')):
        buffer.set_transform(transform(parent, child, 1), 'test')
    buffer.set_transform(transform('x', 'y', 1), 'test')
    for target, source in (('x', 'a'), ('a', 'x')):
        for time in (at(1), LATEST):
            with pytest.raises(tf2_ros.LookupException, match='contains a loop'):
                buffer.lookup_transform(target, source, time)


@pytest.mark.parametrize(
    ('parent', 'child', 'change', 'words'),
    [
        ('a', 'a', {}, 'TF_SELF_TRANSFORM'),
        ('a', '', {}, 'TF_NO_CHILD_FRAME_ID'),
        ('', 'b', {}, 'TF_NO_FRAME_ID'),
        ('a', 'b', {'x': float('nan')}, 'TF_NAN_INPUT'),
        ('a', 'b', {'w': 0.0}, 'TF_DENORMALIZED_QUATERNION'),
    ],
)
def test_bad_transforms_are_ignored_and_told(buffer, capsys, parent, child, change, words):
    message = transform(parent, child, 1)
    for name, value in change.items():
        setattr(message.transform.rotation, name, value)
    buffer.set_transform(message, 'someone')
    error = capsys.readouterr().err
    assert words in error
    assert 'someone' in error
    assert not buffer.can_transform('a', 'b', LATEST)


def test_a_quaternion_of_another_length_is_normalised(buffer):
    message = transform('a', 'b', 1)
    message.transform.rotation.z = 1.0
    buffer.set_transform(message, 'test')
    rotation = buffer.lookup_transform('a', 'b', LATEST).transform.rotation
    assert (rotation.z, rotation.w) == (pytest.approx(math.sqrt(0.5)), pytest.approx(math.sqrt(0.5)))


def test_data_from_the_past_is_told(buffer, capsys):
    buffer.set_transform(transform('a', 'b', 100), 'test')
    buffer.set_transform(transform('a', 'b', 1), 'late_one')
    assert 'TF_OLD_DATA ignoring data from the past for frame b at time 1.000000' in capsys.readouterr().err


def test_a_lookup_of_a_frame_in_itself(buffer):
    result = buffer.lookup_transform('unheard_of', 'unheard_of', at(3))
    np.testing.assert_array_equal(matrix(result), np.eye(4))
    buffer.set_transform(transform('a', 'b', 7), 'test')
    assert Time.from_msg(buffer.lookup_transform('b', 'b', LATEST).header.stamp).nanoseconds == 7 * 10**9


def test_a_frame_changes_its_parent(buffer):
    buffer.set_transform(transform('a', 'c', 1, (1, 0, 0)), 'test')
    buffer.set_transform(transform('b', 'c', 2, (2, 0, 0)), 'test')
    assert buffer.lookup_transform('b', 'c', at(2)).transform.translation.x == 2
    assert buffer.lookup_transform('a', 'c', at(1.5)).transform.translation.x == 1
    # From moving to static and back.
    buffer.set_transform_static(transform('a', 'c', 0, (3, 0, 0)), 'test')
    assert buffer.lookup_transform('a', 'c', at(99)).transform.translation.x == 3
    buffer.set_transform(transform('a', 'c', 5, (4, 0, 0)), 'test')
    assert not buffer.can_transform('a', 'c', at(99))


def test_time_travel(buffer):
    for stamp in (1, 2, 3):
        buffer.set_transform(transform('world', 'robot', stamp, (stamp, 0, 0)), 'test')
        buffer.set_transform(transform('world', 'object', stamp, (0, stamp, 0)), 'test')
    result = buffer.lookup_transform_full('robot', at(3), 'object', at(1), 'world')
    assert xyz(result.transform.translation) == (-3, 1, 0)
    assert Time.from_msg(result.header.stamp).nanoseconds == 3 * 10**9
    assert buffer.can_transform_full('robot', at(3), 'object', at(1), 'world')
    assert not buffer.can_transform_full('robot', at(4), 'object', at(1), 'world')
    with pytest.raises(tf2_ros.LookupException, match='fixed_frame'):
        buffer.lookup_transform_full('robot', at(3), 'object', at(1), 'nowhere')


def test_messages_are_times_too(buffer):
    buffer.set_transform(transform('a', 'b', 1.5), 'test')
    assert buffer.can_transform('a', 'b', at(1.5).to_msg())
    with pytest.raises(TypeError, match='got float'):
        buffer.lookup_transform('a', 'b', 1.5)


def test_clear_keeps_static_transforms(buffer):
    buffer.set_transform(transform('a', 'b', 1), 'test')
    buffer.set_transform_static(transform('b', 'c'), 'test')
    buffer.clear()
    assert buffer.can_transform('b', 'c', LATEST)
    with pytest.raises(tf2_ros.ExtrapolationException):
        buffer.lookup_transform('a', 'b', at(1))
    with pytest.raises(tf2_ros.ConnectivityException):
        buffer.lookup_transform('a', 'b', LATEST)


def test_the_tree_as_text(buffer):
    assert buffer.all_frames_as_yaml() == '[]'
    for stamp in (1, 2, 3):
        buffer.set_transform(transform('a', 'b', stamp), 'me')
    buffer.set_transform_static(transform('b', 'c'), 'you')
    assert buffer.all_frames_as_string() == 'Frame b exists with parent a.\nFrame c exists with parent b.\n'
    text = buffer.all_frames_as_yaml()
    assert text.startswith(
        "b: \n  parent: 'a'\n  broadcaster: 'me'\n  rate: 1.500\n  most_recent_transform: 3.000000\n"
    )
    assert "c: \n  parent: 'b'\n  broadcaster: 'you'\n  rate: 10000.000\n" in text
