# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Clocks that stand at zero, jump, or go round: no stale pose, no exception, and the node finds its way again."""

from __future__ import annotations

import copy
import dataclasses
import threading
from functools import partial

import numpy as np
from localizer_robot import Robot, localizing, wait_until
from neumap_ros.msg import LocalizationStatus

AT_ONCE = ('-p', 'tracker.confirmations:=1', '-p', 'tracker.confirmation_window:=1')
SIMULATED = ('-p', 'use_sim_time:=true')
S = 10**9


def _play(robot: Robot, node, image, pixels, stamp_ns: int, number: int) -> str:
    """One instant of a recording; the reason of its attempt."""
    robot.set_clock(stamp_ns)
    # Both: what arrives before a jump is forgotten with it.
    for each in (robot, node):
        wait_until(lambda each=each: each.get_clock().now().nanoseconds == stamp_ns, 'clock')
    robot.odometry(stamp_ns - S // 10)
    robot.odometry(stamp_ns + S // 10)
    robot.see(pixels, image.camera, stamp_ns)
    wait_until(partial(robot.has_statuses, number), f'status {number}')
    return robot.statuses[number - 1].reason


def test_clock_at_zero_is_waited_for(stage, demo_localizer, demo_queries) -> None:
    running = stage(*AT_ONCE, *SIMULATED)
    robot = running.add(Robot())
    node = localizing(running, demo_localizer, robot)
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    # The robot's own timers stand still too, so that diagnostics are asked for directly.
    robot.see(pixels, image.camera, 5 * S)
    wait_until(lambda: node._cameras['camera'].images.count == 1, 'image')
    node._diagnostics.updater.force_update()
    wait_until(lambda: 'clock' in _message(robot, 'localizer'), 'diagnostics')
    assert not robot.statuses
    assert _play(robot, node, image, pixels, 1000 * S, 1) == 'ok', robot.last().detail


def test_recording_that_loops(stage, demo_localizer, demo_queries) -> None:
    running = stage(*AT_ONCE, *SIMULATED)
    robot = running.add(Robot())
    node = localizing(running, demo_localizer, robot)
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    number = 0
    for _ in range(3):
        for second in range(3):
            number += 1
            assert _play(robot, node, image, pixels, (1000 + second) * S, number) == 'ok', robot.last().detail
            # The correction is sent again with the time of the recording.
            wait_until(lambda: node._sender.pose_now() is not None, 'held correction')
    wait_until(partial(robot.has_poses, number), 'poses')
    wait_until(lambda: robot.log.count('the clock jumped by -2.000 s') == 2, 'log lines')
    assert 'Traceback' not in robot.log


def test_nothing_is_sent_after_a_jump_until_the_next_fix(stage, demo_localizer, demo_queries) -> None:
    running = stage(*AT_ONCE, *SIMULATED)
    robot = running.add(Robot())
    node = localizing(running, demo_localizer, robot)
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    assert _play(robot, node, image, pixels, 5000 * S, 1) == 'ok', robot.last().detail
    wait_until(lambda: node._sender.pose_now() is not None, 'held correction')
    robot.set_clock(1000 * S)
    wait_until(lambda: node._sender.pose_now() is None, 'forgotten correction')
    assert node._sender.pose_now() is None
    assert not [t for t in robot.transforms if t.header.frame_id == 'map' and t.header.stamp.sec < 4000]
    assert _play(robot, node, image, pixels, 1001 * S, 2) == 'ok', robot.last().detail


def test_stamps_that_go_back_without_a_clock(stage, demo_localizer, demo_queries) -> None:
    running = stage(*AT_ONCE, '-p', 'max_image_age_s:=0.0')
    robot = running.add(Robot())
    localizing(running, demo_localizer, robot)
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    number = 0
    for loop in range(3):
        for second in (0, 30, 60):
            stamp_ns = (1000 + second) * S
            # TF of the loop before is newer; it is forgotten with the first image of the next loop.
            for _ in range(5):
                number += 1
                robot.odometry(stamp_ns - S // 10)
                robot.odometry(stamp_ns + S // 10)
                robot.see(pixels, image.camera, stamp_ns)
                wait_until(partial(robot.has_statuses, number), f'status {number}')
                stamp_ns += S // 2
                if robot.last().accepted:
                    break
            assert robot.last().accepted, (loop, second, robot.last().detail)


def test_attempt_from_before_a_jump_is_not_published(stage, demo_localizer, demo_queries, monkeypatch) -> None:
    from neumap_ros.localization.session import LocalizationSession

    running = stage(*AT_ONCE, *SIMULATED)
    robot = running.add(Robot())
    node = localizing(running, demo_localizer, robot)
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    is_at_work, may_go = threading.Event(), threading.Event()
    process = LocalizationSession.process

    def slow(session, frames):
        is_at_work.set()
        assert may_go.wait(30)
        return process(session, frames)

    monkeypatch.setattr(LocalizationSession, 'process', slow)
    robot.set_clock(5000 * S)
    wait_until(lambda: node.get_clock().now().nanoseconds == 5000 * S, 'clock')
    robot.odometry(4999 * S)
    robot.odometry(5001 * S)
    robot.see(pixels, image.camera, 5000 * S)
    assert is_at_work.wait(30)
    robot.set_clock(1000 * S)
    wait_until(lambda: node._pipeline._era == 1, 'jump')
    may_go.set()
    assert _play(robot, node, image, pixels, 1001 * S, 1) == 'ok', robot.last().detail
    wait_until(partial(robot.has_poses, 1), 'pose')
    assert [status.header.stamp.sec for status in robot.statuses] == [1001]
    assert [pose.header.stamp.sec for pose in robot.poses] == [1001]


def test_correction_is_held_while_lost_and_dropped_with_the_place(stage, demo_localizer, demo_queries) -> None:
    running = stage(*AT_ONCE, *SIMULATED, '-p', 'tracker.lost_after_s:=2.0')
    robot = running.add(Robot())
    node = localizing(running, demo_localizer, robot)
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    assert _play(robot, node, image, pixels, 1000 * S, 1) == 'ok', robot.last().detail
    dark = np.full_like(pixels, 8)
    for number in range(2, 7):
        assert _play(robot, node, image, dark, (999 + number) * S, number) == 'few_keypoints'
    assert robot.last().state == LocalizationStatus.STATE_LOST
    before = len(robot.transforms)
    robot.set_clock(1006 * S)
    wait_until(lambda: len([t for t in robot.transforms[before:] if t.child_frame_id == 'odom']) > 0, 'transforms')
    # Another revision of the place keeps it, another place does not.
    revision, elsewhere = copy.copy(demo_localizer), copy.copy(demo_localizer)
    revision.manifest = dataclasses.replace(demo_localizer.manifest, revision=99)
    elsewhere.manifest = dataclasses.replace(demo_localizer.manifest, map_id='00000000-0000-0000-0000-000000000000')
    node.use_map(revision)
    assert _play(robot, node, image, dark, 1007 * S, 7) == 'few_keypoints'
    assert robot.last().revision == 99
    assert node._sender.pose_now() is not None
    node.use_map(elsewhere)
    wait_until(lambda: node._sender.pose_now() is None, 'forgotten correction')
    assert _play(robot, node, image, dark, 1008 * S, 8) == 'few_keypoints'
    assert robot.last().map_id.startswith('0000')
    assert robot.last().state == LocalizationStatus.STATE_UNLOCALIZED


def _message(robot: Robot, name: str) -> str:
    status = robot.diagnostics.get(name)
    return status.message if status is not None else ''
