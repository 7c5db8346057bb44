# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The buffer of a replay against tf2 (the real one where there is ROS 2, else rosless), and where they differ."""

import cv2
import numpy as np
import pytest

from neumap_ros.geometry import Pose
from neumap_ros.recording.tf_buffer import CACHE_NS, TfBuffer, TransformError

START_NS = 1_700_000_000 * 10**9 + 123_456_789


def random_pose(rng, reach=3.0):
    rotation = np.asarray(cv2.Rodrigues(rng.uniform(-1, 1, 3) * np.pi / np.sqrt(3))[0])
    return Pose(rotation, rng.uniform(-reach, reach, 3))


def add(buffer, parent, child, pose, stamp_ns):
    buffer.add(parent, child, pose.quaternion_wxyz, pose.translation_3, stamp_ns)


def tf2_message(parent, child, pose, stamp_ns):
    from geometry_msgs.msg import TransformStamped

    message = TransformStamped()
    message.header.frame_id, message.child_frame_id = parent, child
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
    transform = message.transform
    transform.translation.x, transform.translation.y, transform.translation.z = map(float, pose.translation_3)
    w, x, y, z = map(float, pose.quaternion_wxyz)
    transform.rotation.w, transform.rotation.x, transform.rotation.y, transform.rotation.z = w, x, y, z
    return message


def tf2_lookup(buffer, target, source, stamp_ns):
    from rclpy.time import Time

    transform = buffer.lookup_transform(target, source, Time(nanoseconds=stamp_ns)).transform
    rotation, offset = transform.rotation, transform.translation
    return Pose.from_quaternion((rotation.w, rotation.x, rotation.y, rotation.z), (offset.x, offset.y, offset.z))


def test_it_gives_what_tf2_gives():
    """A tree with a moving chain on both sides of its root, at stamps and between them."""
    from tf2_ros import Buffer, TransformException

    rng = np.random.default_rng(0)
    ours, theirs = TfBuffer(), Buffer()
    edges = {'map': [('odom', 7), ('tag', 11)], 'odom': [('base_link', 50)], 'base_link': [('mast', 0), ('head', 30)]}
    edges |= {'mast': [('camera', 0)], 'head': [('eye', 0)]}
    end_ns = START_NS + 5 * 10**9
    for parent, children in edges.items():
        for child, rate in children:
            if rate == 0:
                pose = random_pose(rng)
                add(ours, parent, child, pose, None)
                theirs.set_transform_static(tf2_message(parent, child, pose, 0), 'test')
                continue
            for stamp_ns in range(START_NS, end_ns, 10**9 // rate):
                pose = random_pose(rng)
                add(ours, parent, child, pose, stamp_ns)
                theirs.set_transform(tf2_message(parent, child, pose, stamp_ns), 'test')
    frames = sorted(ours.frames)
    compared = refused = 0
    for _ in range(300):
        target, source = rng.choice(frames, 2, replace=False)
        stamp_ns = int(rng.integers(START_NS - 10**8, end_ns + 10**8))
        try:
            expected = tf2_lookup(theirs, target, source, stamp_ns)
        except TransformException:
            with pytest.raises(TransformError):
                ours.lookup(target, source, stamp_ns)
            refused += 1
            continue
        found = ours.lookup(target, source, stamp_ns)
        assert np.allclose(found.matrix_44, expected.matrix_44, rtol=0, atol=1e-9)
        compared += 1
    assert compared > 150
    assert refused >= 5


def test_between_two_samples_it_is_linear_and_slerp():
    buffer = TfBuffer()
    turn = Pose(np.asarray(cv2.Rodrigues(np.array([0, 0, 1.0]))[0]), np.array([1.0, 2.0, 3.0]))
    add(buffer, 'odom', 'base', Pose.identity(), START_NS)
    add(buffer, 'odom', 'base', turn, START_NS + 1000)
    middle = buffer.lookup('odom', 'base', START_NS + 250)
    assert np.allclose(middle.translation_3, [0.25, 0.5, 0.75], rtol=0, atol=1e-12)
    assert np.allclose(middle.rotation_33, cv2.Rodrigues(np.array([0, 0, 0.25]))[0], rtol=0, atol=1e-12)


def test_nothing_is_extrapolated():
    buffer = TfBuffer()
    add(buffer, 'odom', 'base', Pose.identity(), START_NS)
    for offset_ns in (-1, 1):
        with pytest.raises(TransformError, match=r'base in odom is known (from|until) 1700000000\.123457 s'):
            buffer.lookup('odom', 'base', START_NS + offset_ns)
    assert np.array_equal(buffer.lookup('base', 'odom', START_NS).matrix_44, np.eye(4))


def test_samples_may_arrive_in_any_order():
    buffer = TfBuffer()
    for x in (3, 1, 4, 2, 0):
        add(buffer, 'odom', 'base', Pose(np.eye(3), np.array([x, 0, 0])), START_NS + x * 10**6)
    for x in (0.5, 1.25, 3.75):
        found = buffer.lookup('odom', 'base', START_NS + int(x * 10**6)).translation_3[0]
        assert found == pytest.approx(x, abs=1e-9)


def test_ten_seconds_are_kept_whatever_the_rate():
    buffer = TfBuffer()
    for index in range(60_000):
        buffer.add('odom', 'base', (1, 0, 0, 0), (index, 0, 0), START_NS + index * 10**6)
    last_ns = START_NS + 59_999 * 10**6
    assert buffer.lookup('odom', 'base', last_ns - CACHE_NS).translation_3[0] == 49_999
    with pytest.raises(TransformError, match='known from'):
        buffer.lookup('odom', 'base', START_NS)
    assert sum(len(edge.stamps_ns) for edge in buffer._edges.values()) < 12_000


def test_a_recording_that_starts_again_starts_the_buffer_anew():
    buffer = TfBuffer()
    for stamp_ns in (START_NS, START_NS + 2 * 10**9, START_NS, START_NS + 10**9):
        add(buffer, 'odom', 'base', Pose.identity(), stamp_ns)
    buffer.lookup('odom', 'base', START_NS + 5 * 10**8)
    with pytest.raises(TransformError, match='known until'):
        buffer.lookup('odom', 'base', START_NS + 15 * 10**8)


@pytest.mark.parametrize(
    ('target', 'source', 'message'),
    [
        ('odom', 'elsewhere', 'elsewhere is not in TF'),
        ('odom', 'island', 'odom and island are in two trees'),
        ('odom', 'broken', "from 'base' to 'broken'.*norm 2"),
        ('odom', 'a', 'form a loop'),
    ],
)
def test_what_cannot_be_given_is_told(target, source, message):
    buffer = TfBuffer()
    add(buffer, 'odom', 'base', Pose.identity(), None)
    add(buffer, 'sea', 'island', Pose.identity(), None)
    buffer.add('base', 'broken', (2, 0, 0, 0), (0, 0, 0), None)
    add(buffer, 'a', 'b', Pose.identity(), None)
    add(buffer, 'b', 'a', Pose.identity(), None)
    with pytest.raises(TransformError, match=message):
        buffer.lookup(target, source, START_NS)
    assert not buffer.connected('odom', 'elsewhere')


def test_slashes_in_front_and_the_same_frame():
    buffer = TfBuffer()
    add(buffer, '/odom', '/base', Pose(np.eye(3), np.array([1.0, 0, 0])), None)
    assert buffer.lookup('odom', '/base', 0).translation_3[0] == 1
    assert np.array_equal(buffer.lookup('unheard_of', 'unheard_of', 0).matrix_44, np.eye(4))
