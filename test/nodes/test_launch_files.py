# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The launch files as ``ros2 launch`` runs them; only where ROS 2 and the built package are."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest


def has_package() -> bool:
    """Whether the package was built and its workspace sourced."""
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(':')
    return any((Path(prefix) / 'share' / 'neumap_ros' / 'launch').is_dir() for prefix in prefixes if prefix)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which('ros2') is None or not has_package(),
        reason='launch files need ROS 2: colcon build this package and source its workspace',
    ),
]


@pytest.fixture(scope='module')
def bag(demo_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp('bags') / 'drive'
    command = [sys.executable, '-m', 'neumap_ros.cli', 'bag', 'make', '--dataset', str(demo_folder)]
    subprocess.run([*command, '--part', 'all', '--rate', '4', '--compressed', '--out', str(out)], check=True)
    return out


def launch(file, arguments, state):
    words = [f'{name}:={value}' for name, value in arguments.items()]
    environment = os.environ | {'HOME': str(state)}  # where the cache and the last pose would go
    return subprocess.Popen(
        ['ros2', 'launch', 'neumap_ros', file, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )


def test_a_replay_localizes_writes_and_ends(bag, demo_map, tmp_path):
    out = tmp_path / 'out'
    arguments = {'bag': bag, 'map': demo_map, 'out': out}  # that the images are compressed stands in the bag
    process = launch('replay.launch.py', arguments, tmp_path)
    try:
        text, _ = process.communicate(timeout=240)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, text
    assert 'Traceback' not in text
    rows = list(csv.DictReader((out / 'attempts.csv').open()))
    errors = [float(row['error_m']) for row in rows if row['accepted'] == 'true' and row['error_m']]
    assert len(errors) >= 3, text
    assert np.median(errors) < 0.02


@pytest.mark.parametrize('processes', ['one', 'two'])
def test_the_nodes_find_their_map_and_end_at_a_signal(demo_map, tmp_path, processes):
    arguments = {'map': demo_map, 'processes': processes, 'namespace': 'robot1'}
    process = launch('localization.launch.py', arguments, tmp_path)
    lines, deadline = [], time.monotonic() + 120
    try:
        for line in process.stdout:
            lines.append(line)
            if 'localizing in map' in line or time.monotonic() > deadline:
                break
        assert 'localizing in map' in ''.join(lines), ''.join(lines)
        assert 'robot1' in ''.join(lines), 'the namespace has no effect'
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0
    assert 'Traceback' not in ''.join(lines) + rest
    assert rest.count('process has finished cleanly') == (1 if processes == 'one' else 2), rest
