# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A topic each way with a peer that shares no code with rosless or Cyclone DDS."""

import os
import shutil
import subprocess
import threading

import pytest

from rosless.test.peers import FOXGLOVE, NODE, running

# With later versions of the last two the first does not start.
PACKAGES = ('@foxglove/ros2@1.0.8', 'avl@1.5.3', 'tslib@2.6.2')


@pytest.fixture
def foxglove(tmp_path):
    """The peer, as a process; the test is skipped where it cannot be had."""
    node, npm = shutil.which('node'), shutil.which('npm')
    if node is None or npm is None:
        pytest.skip('needs node and npm')
    install = [npm, 'install', '--no-audit', '--no-fund', '--prefix', str(tmp_path), *PACKAGES]
    try:
        subprocess.run(install, check=True, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip('the npm registry does not answer')
    except subprocess.CalledProcessError as error:
        pytest.skip(f'npm cannot install {PACKAGES[0]}: {error.stderr.strip().splitlines()[-1:]}')
    shutil.copy(FOXGLOVE, tmp_path)
    process = subprocess.Popen([node, FOXGLOVE.name], cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=os.environ)
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    yield process
    watchdog.cancel()
    process.kill()
    process.communicate()


@pytest.mark.slow
def test_a_topic_each_way(foxglove):
    assert foxglove.stdout.readline() == 'ready\n'
    # It finds others by multicast only.
    with running(NODE, 'chat', 'foxglove', ROS_AUTOMATIC_DISCOVERY_RANGE='SUBNET') as peer:
        line = peer.line()
        assert line.startswith('rosless got message ') and line.endswith(' of foxglove')
        assert foxglove.stdout.readline() == 'foxglove got hello from rosless\n'
