# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Clocks that stand at zero, jump, or go round: no stale pose, no exception, and the node finds its way again."""

from __future__ import annotations

from functools import partial

from localizer_robot import Robot, localizing, wait_until

AT_ONCE = ('-p', 'tracker.confirmations:=1', '-p', 'tracker.confirmation_window:=1')
SIMULATED = ('-p', 'use_sim_time:=true')
S = 10**9


def _play(robot: Robot, image, pixels, stamp_ns: int, number: int) -> str:
    """One instant of a recording; the reason of its attempt."""
    robot.set_clock(stamp_ns)
    wait_until(lambda: robot.now_ns() == stamp_ns, 'clock')
    robot.odometry(stamp_ns - S // 10)
    robot.odometry(stamp_ns + S // 10)
    robot.see(pixels, image.camera, stamp_ns)
    wait_until(partial(robot.has_statuses, number), f'status {number}')
    return robot.statuses[number - 1].reason


def test_clock_at_zero_is_waited_for(stage, demo_localizer, demo_queries) -> None:
    running = stage(*AT_ONCE, *SIMULATED)
    robot = running.add(Robot())
    localizing(running, demo_localizer, robot)
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    # The robot's own timers stand still too, so that diagnostics are asked for directly.
    node = running.nodes[-1]
    robot.see(pixels, image.camera, 5 * S)
    wait_until(lambda: node._cameras['camera'].images.count == 1, 'image')
    node._diagnostics.updater.force_update()
    wait_until(lambda: 'clock' in _message(robot, 'localizer'), 'diagnostics')
    assert not robot.statuses
    assert _play(robot, image, pixels, 1000 * S, 1) == 'ok', robot.last().detail


def test_recording_that_loops(stage, demo_localizer, demo_queries, capfd) -> None:
    running = stage(*AT_ONCE, *SIMULATED)
    robot = running.add(Robot())
    node = localizing(running, demo_localizer, robot)
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    number = 0
    for _ in range(3):
        for second in range(3):
            number += 1
            assert _play(robot, image, pixels, (1000 + second) * S, number) == 'ok', robot.last().detail
            # The correction is sent again with the time of the recording.
            wait_until(lambda: node._sender.pose_now() is not None, 'held correction')
    wait_until(partial(robot.has_poses, number), 'poses')
    errors = capfd.readouterr().err
    assert 'Traceback' not in errors
    assert errors.count('the clock jumped by -2.000 s') == 2


def test_nothing_is_sent_after_a_jump_until_the_next_fix(stage, demo_localizer, demo_queries) -> None:
    running = stage(*AT_ONCE, *SIMULATED)
    robot = running.add(Robot())
    node = localizing(running, demo_localizer, robot)
    image = demo_queries.images[0]
    pixels = demo_queries.read(image)
    assert _play(robot, image, pixels, 5000 * S, 1) == 'ok', robot.last().detail
    wait_until(lambda: node._sender.pose_now() is not None, 'held correction')
    robot.set_clock(1000 * S)
    wait_until(lambda: node._sender.pose_now() is None, 'forgotten correction')
    assert node._sender.pose_now() is None
    assert not [t for t in robot.transforms if t.header.frame_id == 'map' and t.header.stamp.sec < 4000]
    assert _play(robot, image, pixels, 1001 * S, 2) == 'ok', robot.last().detail


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


def _message(robot: Robot, name: str) -> str:
    status = robot.diagnostics.get(name)
    return status.message if status is not None else ''
