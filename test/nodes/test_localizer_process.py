# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node as a process: it ends cleanly whenever it is told to."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from localizer_robot import Robot, wait_until

PROGRAM = """
import importlib.util
if importlib.util.find_spec('rclpy') is None:
    import rosless
    rosless.activate()
from neumap_ros.nodes.main import main
main(['localizer'])
"""


def _start(folder: Path) -> tuple[subprocess.Popen[str], list[str]]:
    arguments = ['--ros-args', '-p', f'state_dir:={folder}', '-p', 'max_image_age_s:=0.0', '-p', 'tf_mode:=none']
    process = subprocess.Popen(
        [sys.executable, '-c', PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines: list[str] = []
    assert process.stdout is not None
    threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True).start()
    return process, lines


def _ends_well(process: subprocess.Popen[str], lines: list[str], number: int) -> None:
    process.send_signal(number)
    try:
        assert process.wait(30) == 0, lines
    finally:
        process.kill()
    assert not [line for line in lines if 'Traceback' in line or 'rror' in line], lines


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signal_while_images_come(stage, demo_queries, tmp_path: Path, number: int) -> None:
    robot = stage().add(Robot())
    process, lines = _start(tmp_path)
    try:
        wait_until(robot.is_heard, 'subscriptions of the process')
        image = demo_queries.images[0]
        pixels = demo_queries.read(image)
        robot.stand()
        for second in range(1000, 1003):
            robot.see(pixels, image.camera, second * 10**9)
        wait_until(lambda: robot.statuses, 'status')
        robot.see(pixels, image.camera, 2000 * 10**9)
        _ends_well(process, lines, number)
    finally:
        process.kill()


@pytest.mark.parametrize('delay_s', [0.7, 1.5])
def test_signal_while_it_starts(tmp_path: Path, delay_s: float) -> None:
    process, lines = _start(tmp_path)
    wait_until(lambda: process.poll() is None, 'start')
    time.sleep(delay_s)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(30)
    finally:
        process.kill()
    # Python itself may still have been importing; then it says so. The node must never hang.
    assert process.returncode in (0, 1, 130, -signal.SIGINT), lines
