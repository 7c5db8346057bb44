# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The nodes as a user starts them, in processes of their own, and what they say. No ROS in this process."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).resolve().parents[1]
START_S, END_S = 120.0, 30.0
Record = dict[str, Any]
# Words in a log that no run may have.
_BAD = re.compile(r'Traceback|\bERROR\b|\bFATAL\b|Error:')


@dataclass(frozen=True)
class Platform:
    """How nodes are started and recordings played: by the words that the documentation gives.

    Attributes:
        ros2: on ROS 2, otherwise on rosless.
    """

    ros2: bool

    @property
    def name(self) -> str:
        """Of the results."""
        return f'ROS 2 {os.environ.get("ROS_DISTRO", "")}'.strip() if self.ros2 else 'rosless'

    def node_command(self, nodes: Sequence[str], parameters: Path) -> list[str]:
        """Start nodes in one process."""
        if self.ros2:
            executable = 'localization' if len(nodes) > 1 else nodes[0]
            return ['ros2', 'run', 'neumap_ros', executable, '--ros-args', '--params-file', str(parameters)]
        return [sys.executable, '-m', 'neumap_ros.cli', 'run', *nodes, '--params-file', str(parameters)]

    def play_command(self, bag: Path, *, loop: bool) -> list[str]:
        """Play a recording with its clock."""
        command = ['ros2'] if self.ros2 else [sys.executable, '-m', 'rosless']
        return [*command, 'bag', 'play', str(bag), '--clock', '100', *(['--loop'] if loop else [])]


class Process:
    """A process in a group of its own; what it prints goes to a file."""

    def __init__(self, name: str, command: Sequence[str], log: Path, *, piped: bool = False) -> None:
        self.name = name
        self.log = log
        pipe = subprocess.PIPE if piped else None
        with log.open('w') as file:
            self.popen = subprocess.Popen(
                list(command), cwd=ROOT, start_new_session=True, text=True, env={**os.environ, 'PYTHONUNBUFFERED': '1'},
                stdin=pipe or subprocess.DEVNULL, stdout=pipe or file, stderr=file,
            )  # fmt: skip

    def line(self, wanted: str, timeout_s: float) -> None:
        """Wait until it prints a line."""
        assert self.popen.stdout is not None
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.append(self._next(wanted)), daemon=True)
        reader.start()
        reader.join(timeout_s)
        if not lines or lines[0] != wanted:
            raise RuntimeError(
                f'{self.name} did not say {wanted!r} within {timeout_s:g} s; see its log:\n{self.tail()}'
            )

    def _next(self, wanted: str) -> str:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            if line.strip() == wanted:
                return wanted
        return ''

    def tail(self) -> str:
        """Last lines of its log."""
        return '\n'.join(self.log.read_text(errors='replace').splitlines()[-20:])

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        """Interrupt it as Ctrl-C does, wait, and return its exit code; -9 if it had to be killed."""
        if self.popen.stdin is not None:
            with contextlib.suppress(OSError):
                self.popen.stdin.close()
        elif self.popen.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, how)
        try:
            return self.popen.wait(END_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()
            return -signal.SIGKILL

    def memory_kb(self) -> tuple[int, int]:
        """Resident and proportional size of the node, without the command that started it."""
        pids = _leaves(self.popen.pid)
        sizes = [_sizes_kb(pid) for pid in pids]
        return sum(rss for rss, _ in sizes), sum(pss for _, pss in sizes)

    def cpu_s(self) -> float:
        """Processor time so far, of the node."""
        return sum(_cpu_s(pid) for pid in _leaves(self.popen.pid))


def _leaves(pid: int) -> list[int]:
    try:
        tasks = list(Path(f'/proc/{pid}/task').iterdir())
        children = [int(child) for task in tasks for child in (task / 'children').read_text().split()]
    except OSError:
        return []
    return [leaf for child in children for leaf in _leaves(child)] if children else [pid]


def _sizes_kb(pid: int) -> tuple[int, int]:
    try:
        text = Path(f'/proc/{pid}/smaps_rollup').read_text()
    except OSError:
        return 0, 0
    sizes = {line.split(':')[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
    return sizes['Rss'], sizes['Pss']


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


@dataclass
class Recording:
    """What was said in a run, in order of arrival.

    Attributes:
        records: of the listener and of whoever else wrote some, by kind.
        memory: (seconds since the start, resident kB, proportional kB) of all nodes together.
        cpu_s: processor time of all nodes together while it ran.
        seconds: how long the nodes were played to.
        exit_codes: of the nodes after an interrupt, by name.
        complaints: lines of the nodes' logs that should not be there.
    """

    records: dict[str, list[Record]] = field(default_factory=dict)
    memory: list[tuple[float, int, int]] = field(default_factory=list)
    cpu_s: float = 0.0
    seconds: float = 0.0
    exit_codes: dict[str, int] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def of(self, kind: str) -> list[Record]:
        """Records of a kind."""
        return self.records.get(kind, [])

    def take(self, path: Path) -> None:
        """Read what a role wrote."""
        for line in path.read_text().splitlines():
            with contextlib.suppress(json.JSONDecodeError):  # the last line of a process that was killed
                record = json.loads(line)
                self.records.setdefault(record['kind'], []).append(record)


class Run:
    """One start of the nodes with a listener; see :func:`running`."""

    def __init__(self, platform: Platform, folder: Path, log: TextIO) -> None:
        self.platform = platform
        self.folder = folder
        self.recording = Recording()
        self.nodes: list[Process] = []
        self._log = log
        self._others: list[Process] = []

    def role(self, role: str, *arguments: object) -> Process:
        """Start a role of `benchmarks.node_roles`; what it writes is taken at the end."""
        out = self.folder / f'{role}.jsonl'
        command = [sys.executable, '-m', 'benchmarks.node_roles', role, str(out), *map(str, arguments)]
        process = Process(role, command, self.folder / f'{role}.log', piped=role == 'listener')
        self._others.append(process)
        return process

    def play(self, bag: Path, *, loop: bool) -> Process:
        """Play a recording by the usual command."""
        process = Process('play', self.platform.play_command(bag, loop=loop), self.folder / 'play.log')
        self._others.append(process)
        return process

    def watch(self, done: Callable[[], bool], period_s: float = 1.0) -> None:
        """Wait, and look at the nodes' memory meanwhile; a node that ends is an error."""
        start = time.monotonic()
        cpu_s = sum(node.cpu_s() for node in self.nodes)
        turn = 0
        while not done():
            time.sleep(max(0.0, start + turn * period_s - time.monotonic()))
            turn += 1
            for node in self.nodes:
                if (code := node.popen.poll()) is not None:
                    raise RuntimeError(f'{node.name} ended with {code} during the run:\n{node.tail()}')
            sizes = [node.memory_kb() for node in self.nodes]
            seconds = time.monotonic() - start
            self.recording.memory.append((seconds, sum(r for r, _ in sizes), sum(p for _, p in sizes)))
        self.recording.seconds = time.monotonic() - start
        self.recording.cpu_s = sum(node.cpu_s() for node in self.nodes) - cpu_s

    def finish(self) -> None:
        """End everything and read what was written."""
        for process in reversed(self._others):
            if process.name != 'listener':
                process.end()
        for node in self.nodes:
            self.recording.exit_codes[node.name] = node.end()
            for line in node.log.read_text(errors='replace').splitlines():
                if _BAD.search(line):
                    self.recording.complaints.append(f'{node.name}: {line}')
        for process in self._others:
            process.end()
        for path in sorted(self.folder.glob('*.jsonl')):
            self.recording.take(path)


@contextlib.contextmanager
def running(
    platform: Platform,
    layout: str,
    server: Mapping[str, object],
    localizer: Mapping[str, object],
    *,
    tf: bool = False,
    sim_time: bool = False,
) -> Iterator[Run]:
    """Start the nodes and a listener, and end them in order.

    Args:
        platform: see there.
        layout: ``one process`` or ``two processes``.
        server: parameters of the map_server.
        localizer: parameters of the localizer.
        tf: whether the listener looks TF up.
        sim_time: whether the nodes follow /clock.

    Yields:
        A run; its nodes have their map. What was recorded is complete afterwards.
    """
    folder = Path(tempfile.mkdtemp(prefix='neumap_nodes_'))
    run = Run(platform, folder, sys.stderr)
    parameters = folder / 'parameters.yaml'
    common = {'state_dir': str(folder / 'state'), **({'use_sim_time': True} if sim_time else {})}
    tables = {'map_server': {**common, **server}, 'localizer': {**common, **localizer}}
    # JSON is YAML.
    parameters.write_text(json.dumps({f'/**/{name}': {'ros__parameters': table} for name, table in tables.items()}))
    groups = [['localizer', 'map_server']] if layout == 'one process' else [['map_server'], ['localizer']]
    kept = False
    try:
        listener = run.role('listener', *(['tf'] if tf else []))
        listener.line('ready', START_S)
        for group in groups:
            name = ' and '.join(group)
            command = platform.node_command(group, parameters)
            run.nodes.append(Process(name, command, folder / f'{"_".join(group)}.log'))
        listener.line('map', START_S)
        yield run
    except BaseException:
        kept = True
        print(f'logs of the failed run lie in {folder}', file=sys.stderr)
        raise
    finally:
        run.finish()
        if run.recording.complaints and not kept:
            logs = Path(tempfile.mkdtemp(prefix='neumap_nodes_logs_'))
            for path in folder.glob('*.log'):
                shutil.copy(path, logs)
            print(f'logs with complaints lie in {logs}', file=sys.stderr)
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
