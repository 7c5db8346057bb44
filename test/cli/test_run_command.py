# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap run`` in a process of its own: it starts the nodes and ends in order."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TIMEOUT_S = 60


@pytest.fixture
def start(tmp_path):
    processes = []

    def run(*arguments):
        domain = str(101 + os.getpid() % 50)
        environment = os.environ | {'ROS_DOMAIN_ID': domain, 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
        log = (tmp_path / f'log{len(processes)}').open('w+')
        command = [sys.executable, '-u', '-m', 'neumap_ros.cli', 'run', *map(str, arguments)]
        processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))
        return processes[-1], log.name

    yield run
    for process in processes:
        process.kill()
        process.wait()


def wait_for(pattern, path):
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        text = Path(path).read_text()
        if re.search(pattern, text):
            return text
        time.sleep(0.1)
    raise AssertionError(f'{pattern!r} did not appear: {text}')


def test_both_nodes_come_up_with_the_map_and_end_with_ctrl_c(start, demo_map, tmp_path):
    params = tmp_path / 'params.yaml'
    params.write_text(f'/**: {{ros__parameters: {{state_dir: {tmp_path / "state"}}}}}')
    options = ('--params-file', params, '-p', f'map.uri:={demo_map}', '-r', '__ns:=/robot')
    process, log = start('map_server', 'localizer', *options)
    wait_for(r'localizing in map \S+ revision 1', log)
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT_S) == 0
    assert 'Traceback' not in wait_for('.', log)
    assert (tmp_path / 'state').is_dir()


def test_mistakes_are_one_line(refused, tmp_path):
    assert "no node 'pilot', expected one of localizer, map_server" in refused('run', 'pilot')
    assert 'no parameter file' in refused('run', 'localizer', '--params-file', tmp_path / 'none.yaml')
    assert 'from:=to' in refused('run', 'localizer', '-r', 'image')


def test_waiting_for_nodes_that_do_not_come_ends_with_a_sentence():
    environment = os.environ | {'ROS_DOMAIN_ID': str(151 + os.getpid() % 50), 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'OFF'}
    command = [sys.executable, '-m', 'neumap_ros.cli', 'wait', '--timeout', '0.5']
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 1
    assert 'no localizer has a map' in done.stderr
