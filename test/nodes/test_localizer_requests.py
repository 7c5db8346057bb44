# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What people and other nodes ask of a localizer that runs: relocalize, initialpose, parameters, transitions."""

from __future__ import annotations

import json
import threading
from functools import partial

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from localizer_robot import T_BASE_CAM, Robot, localizing, wait_for_each_other, wait_until
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient

from neumap_ros.geometry import Pose
from neumap_ros.nodes.localizer import LocalizerNode

AT_ONCE = ('-p', 'tracker.confirmations:=1', '-p', 'tracker.confirmation_window:=1')
FREE = (*AT_ONCE, '-p', 'max_image_age_s:=0.0', '-p', 'tf_mode:=none')
S = 10**9


class Film:
    """Shows the same image again and again, as a camera that stands still does."""

    def __init__(self, robot: Robot, image, pixels, first_s: int = 1000, step_ns: int = S // 10) -> None:
        self._robot, self._image, self._pixels = robot, image, pixels
        self._stamp_ns, self._step_ns = first_s * S, step_ns
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Film:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            self._stamp_ns += self._step_ns
            self._robot.see(self._pixels, self._image.camera, self._stamp_ns)


def _truth(image) -> Pose:
    return image.T_map_cam @ T_BASE_CAM.inverse()


def _good(demo_localizer, demo_queries):
    """The first query that is localized, and its pixels."""
    for image in demo_queries.images:
        pixels = demo_queries.read(image)
        if demo_localizer.localize(pixels, image.camera).accepted:
            return image, pixels
    raise AssertionError('no query is localized')


def test_relocalize_answers_with_the_outcome_while_paused(stage, demo_localizer, demo_queries) -> None:
    running = stage('-p', 'max_image_age_s:=0.0', '-p', 'tf_mode:=none', '-p', 'mode:=on_request')
    robot = running.add(Robot())
    localizing(running, demo_localizer, robot)
    image, pixels = _good(demo_localizer, demo_queries)
    with Film(robot, image, pixels):
        wait_until(lambda: 'mode on_request' in _message(robot, 'localizer'), 'diagnostics')
        assert not robot.statuses
        future = robot.relocalize()
        wait_until(future.done, 'answer')
        assert future.result().success, future.result().message
        assert demo_localizer.manifest.map_id in future.result().message
        # As many attempts as the confirmation needs, and no more.
        assert [s.reason for s in robot.statuses] == ['confirming', 'confirming', 'ok']
        wait_until(lambda: 'localized' in _message(robot, 'localizer'), 'diagnostics')
        assert len(robot.statuses) == 3


def test_relocalize_says_why_not(stage, demo_localizer, demo_queries) -> None:
    running = stage(*FREE, '-p', 'mode:=on_request', '-p', 'relocalize_timeout_s:=1.0')
    robot = running.add(Robot())
    localizing(running, demo_localizer, robot)
    future = robot.relocalize()
    wait_until(future.done, 'answer without images')
    assert not future.result().success
    assert 'no image' in future.result().message and '/camera/image' in future.result().message
    image = demo_queries.images[0]
    with Film(robot, image, np.full((240, 320), 90, np.uint8)):
        future = robot.relocalize()
        wait_until(future.done, 'answer with grey images')
    assert not future.result().success
    assert 'few_keypoints' in future.result().message


def test_relocalize_of_an_inactive_node(stage) -> None:
    running = stage(*FREE, '-p', 'autostart:=false')
    robot, node = running.add(Robot()), running.add(LocalizerNode())
    assert node.phase == 'unconfigured'
    future = robot.relocalize()
    wait_until(future.done, 'answer')
    assert not future.result().success and 'unconfigured' in future.result().message


def test_initial_pose_guides_and_one_in_another_frame_does_not(stage, demo_localizer, demo_queries) -> None:
    running = stage(*FREE)
    robot = running.add(Robot())
    node = localizing(running, demo_localizer, robot)
    image, pixels = _good(demo_localizer, demo_queries)
    wait_until(lambda: robot._initial.get_subscription_count(), 'initialpose')
    robot.guess(_truth(image), 'odom')
    wait_until(lambda: "'odom', expected 'map'" in robot.log, 'refusal')
    broken = Pose(np.eye(3), (np.nan, 0.0, 0.0))
    robot.guess(broken)
    wait_until(lambda: 'finite numbers; it is not used' in robot.log, 'refusal')
    assert node._pipeline._session.predict(1000 * S, None) is None
    robot.guess(_truth(image))
    wait_until(lambda: 'no odometry' in robot.log, 'log line')
    known = node._pipeline._session.predict(1000 * S, None)
    assert known is not None
    assert np.allclose(known[0].translation_3, _truth(image).translation_3)
    assert not robot.statuses and not robot.poses, 'an initial pose is no fix'
    robot.see(pixels, image.camera, 1000 * S)
    wait_until(partial(robot.has_poses, 1), 'pose')


def test_parameters_at_run_time(stage, demo_localizer, demo_queries) -> None:
    running = stage(*FREE)
    robot = running.add(Robot())
    localizing(running, demo_localizer, robot)
    client = AsyncParameterClient(robot, 'localizer')
    wait_until(client.services_are_ready, 'parameter services')

    def set_parameter(name: str, value: object):
        future = client.set_parameters([Parameter(name, value=value)])
        wait_until(future.done, f'answer about {name}')
        return future.result().results[0]

    refused = {
        'gate.min_confidence': 1.5,
        'frames.map': 'world',
        'state_dir': 'elsewhere',
        'cameras': ['other'],
        'tf_mode': 'both',
        'mode': 'sometimes',
        'guided_radius_px': [16.0, -1.0],
        'tracker.confirmations': 2,
        'max_keypoints': 'many',
        'tf_rate_hz': 0.0,
    }
    for name, value in refused.items():
        result = set_parameter(name, value)
        assert not result.successful and result.reason, name
    image, pixels = _good(demo_localizer, demo_queries)
    robot.see(pixels, image.camera, 1000 * S)
    wait_until(partial(robot.has_statuses, 1), 'status')
    assert robot.last().reason == 'ok'
    assert set_parameter('tracker.confirmation_window', 3).successful
    assert set_parameter('tracker.confirmations', 2).successful
    assert set_parameter('max_rate_hz', 0.5).successful
    robot.see(pixels, image.camera, 100_000 * S)
    wait_until(partial(robot.has_statuses, 2), 'status')
    # Half a second later: left out by the rate cap. Ten seconds later: not.
    robot.see(pixels, image.camera, 100_000 * S + S // 2)
    robot.see(pixels, image.camera, 100_010 * S)
    wait_until(partial(robot.has_statuses, 3), 'status')
    assert robot.last().header.stamp.sec == 100_010


def test_map_server_beside_it_and_thresholds_that_change(stage, demo_map, demo_queries, demo_localizer) -> None:
    from neumap_ros.nodes.map_server import MapServer

    running = stage(*FREE, '-p', f'map.uri:={demo_map}')
    robot = running.add(Robot())
    running.add(MapServer())
    node = running.add(LocalizerNode())
    wait_for_each_other(robot, node)
    robot.stand()
    wait_until(lambda: _message(robot, 'map').startswith('map '), 'map')
    image, pixels = _good(demo_localizer, demo_queries)
    robot.see(pixels, image.camera, 1000 * S)
    wait_until(partial(robot.has_statuses, 1), 'status')
    assert robot.last().accepted
    assert robot.last().map_sha256 == demo_localizer.map_sha256
    assert node.set_parameters([Parameter('gate.min_inliers', value=50_000)])[0].successful
    stamp_s = 1000
    # The client makes another localizer with them, which takes a moment.
    while robot.last().accepted:
        stamp_s += 1000
        assert stamp_s < 200_000
        number = len(robot.statuses) + 1
        robot.see(pixels, image.camera, stamp_s * S)
        wait_until(partial(robot.has_statuses, number), 'status')
    assert robot.last().reason == 'few_inliers'


def test_last_pose_outlives_a_restart_on_the_same_map_only(stage, demo_localizer, demo_queries, tmp_path) -> None:
    running = stage(*FREE)
    robot = running.add(Robot())
    node = localizing(running, demo_localizer, robot)
    image, pixels = _good(demo_localizer, demo_queries)
    robot.see(pixels, image.camera, 1000 * S)
    wait_until(partial(robot.has_poses, 1), 'pose')
    running.remove(node)
    (file,) = tmp_path.glob('last_pose_*.json')
    document = json.loads(file.read_text())
    assert document['map_id'] == demo_localizer.manifest.map_id
    assert np.allclose(document['position'], _truth(image).translation_3, atol=0.2)

    assert 'saved pose' not in robot.log
    node = localizing(running, demo_localizer, robot)
    robot.see(pixels, image.camera, 2000 * S)
    wait_until(partial(robot.has_poses, 2), 'pose after the restart')
    wait_until(lambda: 'saved pose: searching within' in robot.log, 'log line')
    running.remove(node)

    document['map_id'] = '00000000-0000-0000-0000-000000000000'
    file.write_text(json.dumps(document))
    node = localizing(running, demo_localizer, robot)
    robot.see(pixels, image.camera, 3000 * S)
    wait_until(partial(robot.has_poses, 3), 'pose')
    wait_until(lambda: 'of another map' in robot.log, 'log line')


def test_transitions_from_outside(stage, demo_localizer, demo_queries) -> None:
    running = stage(*FREE, '-p', 'autostart:=false')
    robot, node = running.add(Robot()), running.add(LocalizerNode())
    client = robot.create_client(ChangeState, 'localizer/change_state')
    wait_until(client.service_is_ready, 'lifecycle')

    def change(transition: int) -> bool:
        request = ChangeState.Request()
        request.transition.id = transition
        future = client.call_async(request)
        wait_until(future.done, 'transition')
        return future.result().success

    image, pixels = _good(demo_localizer, demo_queries)
    for number in range(3):
        assert change(Transition.TRANSITION_CONFIGURE)
        node.use_map(demo_localizer)
        assert change(Transition.TRANSITION_ACTIVATE)
        wait_for_each_other(robot, node)
        robot.stand()
        robot.see(pixels, image.camera, (1000 + 1000 * number) * S)
        wait_until(partial(robot.has_poses, number + 1), f'pose in round {number}')
        assert change(Transition.TRANSITION_DEACTIVATE)
        assert change(Transition.TRANSITION_CLEANUP)
        wait_until(lambda: not robot.is_heard(), 'end of the subscriptions')
    # Unconfigured again, other frames can be set.
    assert node.set_parameters([Parameter('frames.map', value='world')])[0].successful


@pytest.mark.parametrize('transition', ['deactivate', 'shutdown'])
def test_waiting_calls_are_answered_when_the_node_ends(stage, demo_localizer, transition: str) -> None:
    running = stage(*FREE, '-p', 'relocalize_timeout_s:=100.0')
    robot = running.add(Robot())
    node = localizing(running, demo_localizer, robot)
    future = robot.relocalize()
    wait_until(lambda: node._relocalization.is_wanted, 'the call')
    getattr(node, f'trigger_{transition}')()
    wait_until(future.done, 'answer')
    assert not future.result().success and 'deactivated' in future.result().message


def _message(robot: Robot, name: str) -> str:
    status = robot.diagnostics.get(name)
    return status.message if status is not None else ''
