# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""TF: lookups that say what is missing, and one sender that never gives a frame a second parent."""

from __future__ import annotations

import dataclasses
import threading
import time

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from localizer_robot import Stage, wait_until
from rclpy.node import Node
from tf2_msgs.msg import TFMessage

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import Attempt, RigFix, TrackingState
from neumap_ros.localization.fix import Reason
from neumap_ros.nodes import conversions
from neumap_ros.nodes.transforms import Frames, Transforms, TransformSender

S = 10**9
FRAMES = Frames('map', 'odom', 'base_link')


class Tree:
    """A node with TF, filled without DDS; what is sent is kept."""

    def __init__(self, running: Stage) -> None:
        self.node = running.add(Node('tree'))
        self.transforms = Transforms(self.node, FRAMES)
        self.sent: list[TransformStamped] = []
        self.node.create_subscription(TFMessage, '/tf', lambda m: self.sent.extend(m.transforms), 10)

    def put(self, parent: str, child: str, stamp_ns: int, x: float = 0.0, *, static: bool = False) -> None:
        message = conversions.transform_message(Pose(np.eye(3), (x, 0, 0)), parent, child, stamp_ns)
        buffer = self.transforms.buffer
        (buffer.set_transform_static if static else buffer.set_transform)(message, 'test')

    def sender(self, mode: str) -> TransformSender:
        return TransformSender(self.node, self.transforms, mode, 0.5)


@pytest.fixture
def tree(stage) -> Tree:
    return Tree(stage())


def _accepted(stamp_ns: int, x: float = 1.0, *, with_odometry: bool = True) -> Attempt:
    pose = Pose(np.eye(3), (x, 0, 0))
    return Attempt(
        stamp_ns, Reason.OK, '', TrackingState.LOCALIZED, RigFix(Reason.OK, pose), pose, np.eye(6),
        T_map_odom=pose if with_odometry else None, map_id='place',
    )  # fmt: skip


@pytest.mark.parametrize(
    'names', [('map', 'map', 'base'), ('', 'odom', 'base'), ('/map', 'odom', 'base'), ('map', 'odom', 'base ')]
)
def test_frames_that_cannot_be(names: tuple[str, str, str]) -> None:
    with pytest.raises(ConfigError, match='frame'):
        Frames(*names)


def test_lookup_interpolates_and_names_what_is_missing(tree: Tree) -> None:
    assert 'odom' in str(tree.transforms.odometry(5 * S))
    assert not tree.transforms.has_odometry()
    tree.put('odom', 'base_link', 1 * S, 1.0)
    tree.put('odom', 'base_link', 2 * S, 2.0)
    found = tree.transforms.odometry(S + S // 2)
    assert isinstance(found, Pose) and np.allclose(found.translation_3, (1.5, 0, 0))
    late = tree.transforms.odometry(3 * S)
    assert isinstance(late, str) and 'base_link' in late and '3.000 s' in late
    assert tree.transforms.latest_odometry()[0] == 2 * S
    assert 'frame_id' in str(tree.transforms.camera('', S))
    assert 'lens' in str(tree.transforms.camera('lens', S))
    tree.put('base_link', 'lens', 0, 0.25, static=True)
    placed = tree.transforms.camera('lens', 77 * S)
    assert isinstance(placed, Pose) and np.allclose(placed.translation_3, (0.25, 0, 0))


def test_broken_transform_is_a_sentence(tree: Tree) -> None:
    message = conversions.transform_message(Pose.identity(), 'base_link', 'lens', 0)
    message.transform.translation.x = float('nan')
    tree.transforms.buffer.set_transform_static(message, 'test')
    outcome = tree.transforms.camera('lens', S)
    assert isinstance(outcome, str) and 'lens' in outcome


def test_lookup_waits_in_the_thread_that_asks(tree: Tree) -> None:
    tree.put('odom', 'base_link', 1 * S)
    found: list = []
    asking = threading.Thread(
        target=lambda: found.append(tree.transforms.odometry(2 * S, time.monotonic() + 30)), daemon=True
    )
    asking.start()
    tree.put('odom', 'base_link', 3 * S)
    asking.join(30)
    assert isinstance(found[0], Pose)


def test_waiting_ends_when_the_node_does(tree: Tree) -> None:
    asking = threading.Thread(target=lambda: tree.transforms.odometry(2 * S, time.monotonic() + 300), daemon=True)
    asking.start()
    tree.transforms.close()
    asking.join(30)
    assert not asking.is_alive()


def test_what_moves_is_forgotten_and_what_stands_is_not(tree: Tree) -> None:
    tree.put('odom', 'base_link', 1 * S)
    tree.put('base_link', 'lens', 0, static=True)
    tree.transforms.forget()
    assert not tree.transforms.has_odometry()
    assert isinstance(tree.transforms.camera('lens', S), Pose)


def test_correction_is_dated_ahead_again_and_again(tree: Tree) -> None:
    sender = tree.sender('map_to_odom')
    wait_until(lambda: sender._broadcaster.pub_tf.get_subscription_count() >= 2, 'listeners')
    sender.send()
    sender.hold(_accepted(1 * S))
    sender.send()
    wait_until(lambda: len(tree.sent) == 2, 'transforms')
    now_s = tree.node.get_clock().now().nanoseconds / 1e9
    for message in tree.sent:
        assert (message.header.frame_id, message.child_frame_id) == ('map', 'odom')
        ahead_s = conversions.nanoseconds(message.header.stamp) / 1e9 - now_s
        assert -10 < ahead_s <= 0.5
    sender.forget()
    sender.send()
    sender.hold(dataclasses.replace(_accepted(2 * S), T_map_base=None))
    sender.send()
    sender.hold(_accepted(3 * S, 7.0))
    wait_until(lambda: len(tree.sent) == 3, 'transform')
    assert tree.sent[-1].transform.translation.x == 7.0


def test_pose_is_carried_on_by_odometry_and_never_dated_ahead(tree: Tree) -> None:
    sender = tree.sender('map_to_base')
    wait_until(lambda: sender._broadcaster.pub_tf.get_subscription_count() >= 2, 'listeners')
    # The base has no parent: odometry is its child.
    tree.put('base_link', 'odom', 1 * S, -10.0)
    sender.hold(_accepted(1 * S, 5.0))
    sender.send()
    tree.put('base_link', 'odom', 2 * S, -11.0)
    sender.send()
    sender.send()
    wait_until(lambda: len(tree.sent) == 2, 'transforms')
    assert [conversions.nanoseconds(t.header.stamp) for t in tree.sent] == [1 * S, 2 * S]
    assert [t.transform.translation.x for t in tree.sent] == [5.0, 16.0]


@pytest.mark.parametrize(('mode', 'child'), [('map_to_odom', 'odom'), ('map_to_base', 'base_link')])
def test_second_parent_is_not_given(tree: Tree, mode: str, child: str) -> None:
    now_ns = tree.node.get_clock().now().nanoseconds
    tree.put('world', child, now_ns)
    sender = tree.sender(mode)
    wait_until(lambda: sender._broadcaster.pub_tf.get_subscription_count() >= 2, 'listeners')
    sender.hold(_accepted(1 * S))
    sender.send()
    assert 'world' in sender.check_parents()
    # The other parent falls silent.
    tree.transforms.forget()
    assert sender.check_parents() == ''
    sender.send()
    wait_until(lambda: tree.sent, 'transform')
    assert len(tree.sent) == 1


def test_another_sender_of_the_same_transform_is_told(tree: Tree) -> None:
    sender = tree.sender('map_to_odom')
    assert sender.check_parents() == ''
    tree.put('map', 'odom', 0, static=True)
    assert 'another node sends map -> odom' in sender.check_parents()


def test_nothing_is_sent_without_a_mode(tree: Tree) -> None:
    sender = tree.sender('none')
    sender.hold(_accepted(1 * S))
    sender.send()
    assert sender.pose_now() is not None and sender.check_parents() == ''
    assert not tree.sent
