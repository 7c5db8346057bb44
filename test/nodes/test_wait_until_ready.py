# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The wait for a localizer, over real topics."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from map_helpers import spin_until

SCRIPTS = Path(__file__).resolve().parents[2] / 'scripts'


@pytest.fixture
def graph():
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    rclpy.init(args=[])
    executor = SingleThreadedExecutor()
    robot = rclpy.create_node('robot')
    executor.add_node(robot)
    yield robot, executor
    executor.shutdown()
    rclpy.shutdown()


def test_the_wait_ends_when_a_localizer_has_the_active_map(graph):
    from neumap_ros.msg import MapStatus

    from neumap_ros.nodes.map_topics import LATCHED_QOS

    robot, executor = graph
    publisher = robot.create_publisher(MapStatus, 'map/status', LATCHED_QOS)
    command = [sys.executable, '-c', RUN.format(script=SCRIPTS / 'wait_until_ready')]
    with subprocess.Popen(command) as waiting:
        try:
            publisher.publish(MapStatus(sha256='b' * 64, localizers=['/localizer'], localizers_sha256=['']))
            spin_until(executor, lambda: publisher.get_subscription_count() == 1)
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
