# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Processes as a user starts them from a terminal: nodes by ``neumap run``, the tools of ROS beside them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import rclpy

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
NEUMAP = (sys.executable, '-m', 'neumap_ros.cli')
# The command of ROS 2, or the one for machines without it.
TOOL = (sys.executable, '-m', 'rosless') if 'rosless' in Path(rclpy.__file__).parts else ('ros2',)


def _environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    return {**os.environ, 'PYTHONUNBUFFERED': '1', 'OMP_NUM_THREADS': '1', 'PYTHONPATH': path}


class Command:
    """A command that runs until it is told to end.

    Args:
        words: of the command line.
    """

    def __init__(self, *words: object) -> None:
        self._output = tempfile.TemporaryFile('w+')  # noqa: SIM115 - closed by stop()
        self.popen = subprocess.Popen(
            [str(word) for word in words],
            stdout=self._output, stderr=subprocess.STDOUT, env=_environment(), start_new_session=True,
        )  # fmt: skip

    def output(self) -> str:
        """What it has printed so far."""
        self._output.seek(0)
        return self._output.read()

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal, wait, and return the exit code."""
        self.popen.send_signal(number)
        return self.popen.wait(DEADLINE_S)

    def kill(self) -> None:
        """End it at once, as a lack of memory would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> None:
        """Kill it if it still runs, and forget its output."""
        self.kill()
        self._output.close()


def complaints(output: str) -> list[str]:
    """Lines that no log of a healthy node has."""
    return [line for line in output.splitlines() if 'Traceback' in line or 'ERROR' in line or 'Error' in line]


class Terminal:
    """Starts commands; all that still run are killed at the end. See :func:`terminal`."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self.commands: list[Command] = []

    def start(self, *words: object) -> Command:
        """Start a command."""
        self.commands.append(Command(*words))
        return self.commands[-1]

    def run_nodes(self, *names: str, **parameters: object) -> Command:
        """``neumap run``; double underscores in names of parameters are dots."""
        values = {'state_dir': self._state_dir, **{k.replace('__', '.'): v for k, v in parameters.items()}}
        words = [word for name, value in values.items() for word in ('-p', f'{name}:={value}')]
        return self.start(*NEUMAP, 'run', *names, *words)

    def tool(self, *words: object) -> tuple[int, str]:
        """Run a tool of ROS to its end; exit code and output."""
        done = subprocess.run(
            [*TOOL, *map(str, words)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment(), timeout=DEADLINE_S,
        )  # fmt: skip
        return done.returncode, done.stdout


@contextlib.contextmanager
def terminal(state_dir: Path) -> Iterator[Terminal]:
    """A terminal for one test."""
    opened = Terminal(state_dir)
    try:
        yield opened
    finally:
        for command in opened.commands:
            command.stop()
