# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The recorder and the wait for a localizer, over real topics."""

import csv
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / 'scripts'


@pytest.fixture
def graph(tmp_path):
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.parameter import Parameter

    from neumap_ros.nodes.recorder import Recorder

    rclpy.init(args=[])
    executor = SingleThreadedExecutor()
    robot = rclpy.create_node('robot')
    recorder = Recorder(parameter_overrides=[Parameter('out', value=str(tmp_path / 'out'))])
    for node in (robot, recorder):
        executor.add_node(node)
    yield robot, recorder, executor
    executor.shutdown()
    rclpy.shutdown()


def wait_for(executor, condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, 'nothing came'
        executor.spin_once(timeout_sec=0.1)


def status(second, x, *, accepted=True):
    from neumap_ros.geometry import Pose
    from neumap_ros.localization.attempt import Attempt, RigFix, TrackingState
    from neumap_ros.localization.fix import Evidence, Reason
    from neumap_ros.nodes.conversions import status_message

    pose = Pose([[0, -1, 0], [1, 0, 0], [0, 0, 1]], [x, 0, 0])
    reason = Reason.OK if accepted else Reason.CONFIRMING
    evidence = Evidence(keypoints=500, matches=100, inliers=60, guided_inliers=200, inlier_ratio=0.6)
    fix = RigFix(reason, pose, np.eye(6) * 0.25, evidence, 0.99, pose, regions=('r0', 'r1'))
    attempt = Attempt(
        stamp_ns=second * 10**9,
        reason=reason,
        detail='so it was',
        state=TrackingState.LOCALIZED if accepted else TrackingState.CONFIRMING,
        fix=fix,
        T_map_base=pose if accepted else None,
        covariance_66=np.eye(6) * 0.25 if accepted else None,
        cameras=('front',),
        map_id='m',
        revision=3,
        map_sha256='a' * 64,
    )
    return attempt, status_message(
        attempt, map_frame='map', base_frame='base', camera_frames={'front': 'eye'}, age_ms=1.0, total_ms=50.0
    )


def test_a_message_gives_back_the_attempt():
    from neumap_ros.nodes.recorder import attempt_from_status

    for accepted in (True, False):
        attempt, message = status(7, 1.5, accepted=accepted)
        again = attempt_from_status(message, ('front',))
        for field in ('stamp_ns', 'reason', 'detail', 'state', 'accepted', 'cameras', 'map_id', 'revision'):
            assert getattr(again, field) == getattr(attempt, field), field
        assert again.fix.hypothesis.error_to(attempt.fix.hypothesis) == pytest.approx((0, 0), abs=1e-9)
        assert (again.fix.covariance_66 == attempt.fix.covariance_66).all()
        assert again.fix.evidence.inliers == 60


def test_what_was_heard_is_written_with_its_errors(graph, demo_map, tmp_path):
    from geometry_msgs.msg import PoseStamped
    from neumap_ros.msg import LocalizationStatus, MapIndex
    from rich.console import Console

    from neumap_ros.maps.storage import open_map
    from neumap_ros.nodes.conversions import header, pose_message
    from neumap_ros.nodes.map_topics import LATCHED_QOS, packed

    robot, recorder, executor = graph
    stored = open_map(demo_map)
    index = MapIndex(sha256=stored.manifest_sha256, map_id=stored.manifest.map_id)
    index.manifest = packed((demo_map / 'manifest.json').read_bytes())
    robot.create_publisher(MapIndex, 'map/index', LATCHED_QOS).publish(index)
    statuses = robot.create_publisher(LocalizationStatus, 'localizer/status', 10)
    truths = robot.create_publisher(PoseStamped, 'ground_truth', 10)
    wait_for(executor, lambda: statuses.get_subscription_count() == truths.get_subscription_count() == 1)
    for second in range(1, 5):
        attempt, message = status(second, second + 0.25, accepted=second > 1)
        statuses.publish(message)
        true = attempt.fix.hypothesis
        stamped = PoseStamped(header=header(second * 10**9, 'map'), pose=pose_message(true))
        stamped.pose.position.x = float(second)
        truths.publish(stamped)
    wait_for(executor, lambda: recorder.attempts == 4 and recorder.truths == 4 and recorder.has_map)

    console = Console(record=True, width=120, quiet=True)
    paths = recorder.write(console)
    rows = list(csv.DictReader(paths['status.csv'].open()))
    assert [row['accepted'] for row in rows] == ['false', 'true', 'true', 'true']
    assert rows[0]['reason'] == 'confirming' and rows[1]['regions'] == 'r0 r1' and rows[1]['cameras'] == 'eye'
    errors = list(csv.DictReader(paths['errors.csv'].open()))
    assert [float(row['fix_m'] or 'nan') for row in errors[1:]] == pytest.approx([0.25] * 3)
    trajectory = paths['trajectory.tum'].read_text().splitlines()
    assert [float(line.split()[1]) for line in trajectory] == pytest.approx([2.25, 3.25, 4.25])
    assert paths['status.csv'].parent == tmp_path / 'out'


def test_without_a_map_nothing_is_written(graph, tmp_path):
    from rich.console import Console

    _, recorder, _ = graph
    console = Console(record=True, quiet=True)
    assert recorder.write(console) == {} and not (tmp_path / 'out').exists()


def test_the_wait_ends_when_a_localizer_has_the_active_map(graph):
    from neumap_ros.msg import MapStatus

    from neumap_ros.nodes.map_topics import LATCHED_QOS

    robot, _, executor = graph
    publisher = robot.create_publisher(MapStatus, 'map/status', LATCHED_QOS)
    command = [sys.executable, '-c', RUN.format(script=SCRIPTS / 'wait_until_ready')]
    with subprocess.Popen(command) as waiting:
        try:
            publisher.publish(MapStatus(sha256='b' * 64, localizers=['/localizer'], localizers_sha256=['']))
            wait_for(executor, lambda: publisher.get_subscription_count() == 1)
            time.sleep(0.5)
            assert waiting.poll() is None, 'it did not wait'
            publisher.publish(MapStatus(sha256='b' * 64, localizers=['/localizer'], localizers_sha256=['b' * 64]))
            assert waiting.wait(20) == 0
        finally:
            waiting.kill()


def test_the_wait_ends_with_an_error_after_its_time(graph):
    command = [sys.executable, '-c', RUN.format(script=SCRIPTS / 'wait_until_ready')]
    done = subprocess.run(
        [*command, '--ros-args', '-p', 'timeout_s:=1.0'], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1 and 'no localizer has a map' in done.stdout + done.stderr


# As a user of a machine with or without ROS 2 would run it.
RUN = """
import importlib.util, runpy, sys
if importlib.util.find_spec('rclpy') is None:
    import rosless
    rosless.activate()
runpy.run_path('{script}', run_name='__main__')
"""
