# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A bag through the real nodes in processes of their own, on ROS 2 where it is, else on rosless."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from neumap_ros.errors import NeumapError

# The last images are on their way when the player ends.
DRAIN_S = 2.0
START_S, END_S = 180.0, 60.0
LOG_NAME = 'nodes.log'
LOG_LINES = 15


def replay_through_nodes(
    console: Console, bag: Path, folder: Path, nodes: Mapping[str, Mapping[str, Any]], rate: float = 1.0
) -> None:
    """Start nodes, play a bag to them in real time, end them.

    They speak on this machine only, in a ROS domain of their own.

    Args:
        console: to print to.
        bag: to play.
        folder: beside which the parameters and the log of the nodes are written.
        nodes: parameters by the name of the node.
        rate: times as fast as recorded.

    Raises:
        NeumapError: a process failed; its last words are in the sentence.
    """
    parameters, log = folder.with_name('nodes.yaml'), folder.with_name(LOG_NAME)
    common = {'/**': {'ros__parameters': {'use_sim_time': True}}}
    document = common | {name: {'ros__parameters': dict(values)} for name, values in nodes.items()}
    parameters.write_text(yaml.safe_dump(document, sort_keys=False), encoding='utf-8')
    neumap = [sys.executable, '-m', 'neumap_ros.cli']
    ros2 = has_ros2()
    player = ['ros2'] if ros2 else [sys.executable, '-m', 'rosless']
    player += ['bag', 'play', str(bag), '--clock', '100', '--rate', f'{rate:g}']
    environment = os.environ | {
        'ROS_DOMAIN_ID': str(1 + os.getpid() % 100),
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
    }
    console.print(
        f'{", ".join(nodes)} on {"ROS 2" if ros2 else "rosless"}; {bag} is played to them; log: {log}',
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    with (
        log.open('wb') as output,
        _ending(
            subprocess.Popen(
                [*neumap, 'run', *nodes, '--params-file', str(parameters)],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        ) as running,
    ):
        _run([*neumap, 'wait', '--timeout', f'{START_S:g}'], environment, running, log)
        with console.status('the robot drives'):
            _run(player, environment, running, log)
            time.sleep(DRAIN_S)
    if running.returncode:
        raise NeumapError(f'the nodes ended with {running.returncode}, expected 0; the log {log} says:\n{_tail(log)}')


def has_ros2() -> bool:
    """Whether the nodes will run on ROS 2."""
    return shutil.which('ros2') is not None and importlib.util.find_spec('rclpy') is not None


@contextlib.contextmanager
def _ending(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """End a process as Ctrl-C does, whatever happens."""
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _run(command: Sequence[str], environment: Mapping[str, str], nodes: subprocess.Popen[bytes], log: Path) -> None:
    """Wait for a command while the nodes live."""
    with _ending(
        subprocess.Popen(
            list(command),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
        )
    ) as process:
        while True:
            try:
                said, _ = process.communicate(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                if nodes.poll() is not None:
                    raise NeumapError(
                        f'the nodes ended with {nodes.returncode} before their work was done; the log {log} says:\n'
                        f'{_tail(log)}'
                    ) from None
    if process.returncode:
        words = said.decode(errors='replace').strip()
        what = f'{" ".join(command[-4:])} ended with {process.returncode}: {words}'
        raise NeumapError(f'{what}; the log of the nodes says:\n{_tail(log)}')


def _tail(log: Path) -> str:
    return '\n'.join(log.read_text(errors='replace').splitlines()[-LOG_LINES:])
