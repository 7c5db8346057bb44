# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Latencies, losses and costs of nodes on rosless, or on ROS 2 where that is what `import rclpy` finds.

Figures of both are kept side by side in the same file.

    python -m benchmarks.rosless
    . /opt/ros/jazzy/setup.sh; python3 -m benchmarks.rosless
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / 'results'
Figures = dict[str, Any]


class Process:
    """A role of `benchmarks.ros_nodes` in a process of its own."""

    def __init__(self, role: str, *arguments: object) -> None:
        command = [sys.executable, '-m', 'benchmarks.ros_nodes', role, *map(str, arguments)]
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(self) -> str:
        """Wait for its next line."""
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        if not line:
            raise RuntimeError(f'{" ".join(map(str, self.popen.args))} ended with {self.popen.wait()}')  # type: ignore[union-attr]
        return line.strip()

    def report(self) -> Figures:
        """Wait for its figures, and for its end."""
        figures: Figures = json.loads(self.line())
        self.popen.communicate()
        return figures

    def kill(self) -> None:
        """End it, if it still runs."""
        self.popen.kill()
        self.popen.communicate()


def images(reliability: str, seconds: int) -> Figures:
    """640x480 rgb images at 30 Hz from one process to another."""
    sink = Process('image_sink', reliability, 30 * seconds)
    sink.line()
    source = Process('image_source', reliability, 30 * seconds, 30)
    received, sent = sink.report(), source.report()
    source_figures = {'sent': sent['sent'], 'source_cpu_percent': sent['cpu_percent']}
    return {**source_figures, **received, 'lost': sent['sent'] - received['received']}


def stopped_reader(seconds: int) -> Figures:
    """Images to a process that is stopped: how long one publish takes at most."""
    sink = Process('image_sink', 'reliable', 10**9)
    sink.line()
    source = Process('image_source', 'reliable', 30 * seconds, 30)
    time.sleep(2.0)
    sink.popen.send_signal(signal.SIGSTOP)
    try:
        return {'longest_publish_ms': source.report()['longest_publish_ms']}
    finally:
        sink.kill()


def service(count: int) -> Figures:
    """Request and response between two processes."""
    server = Process('server')
    server.line()
    try:
        return Process('client', count).report()
    finally:
        server.kill()


def latched(count: int) -> Figures:
    """From the creation of a subscription to the latched message of another process."""
    source = Process('latched_source')
    source.line()
    try:
        return Process('late_joiners', count).report()
    finally:
        source.kill()


def crowd(count: int) -> Figures:
    """Processes that start at once: seconds until the last one knows all nodes."""
    start = time.monotonic()
    members = [Process('crowd_member', count) for _ in range(count)]
    try:
        for member in members:
            member.line()
        return {'processes': count, 'seconds': round(time.monotonic() - start, 1)}
    finally:
        for member in members:
            member.kill()


def killed() -> Figures:
    """Seconds for which a killed process stays in the graph."""
    victim, observer = Process('doomed'), Process('observer')
    observer.line()
    victim.kill()
    assert observer.popen.stdin is not None
    observer.popen.stdin.write('\n')
    observer.popen.stdin.flush()
    return observer.report()


MEASURES: dict[str, Callable[[argparse.Namespace], Figures]] = {
    'images reliable': lambda arguments: images('reliable', arguments.seconds),
    'images best effort': lambda arguments: images('best_effort', arguments.seconds),
    'images one process': lambda arguments: Process('images_in_one_process', 3000).report(),
    'service': lambda arguments: service(5000),
    'latched': lambda arguments: latched(50),
    'start': lambda arguments: Process('starts', 10).report(),
    'idle': lambda arguments: Process('idle', arguments.seconds).report(),
    'killed': lambda arguments: killed(),
    'stopped reader': lambda arguments: stopped_reader(arguments.seconds),
    'crowd': lambda arguments: crowd(arguments.processes),
    'memory': lambda arguments: Process('memory', arguments.messages).report(),
}

# What the table shows of each measure: its name, the figure, its format, and what must be reached.
ROWS = (
    ('640x480 images, 30 Hz, reliable: lost', 'images reliable', 'lost', '{}', '0'),
    ('  age in ms, p50', 'images reliable', 'p50_ms', '{:.2f}', '4'),
    ('  age in ms, p99', 'images reliable', 'p99_ms', '{:.2f}', '15'),
    ('  publisher, % of a core', 'images reliable', 'source_cpu_percent', '{:.1f}', ''),
    ('  subscriber, % of a core', 'images reliable', 'cpu_percent', '{:.1f}', ''),
    ('640x480 images, 30 Hz, best effort: lost', 'images best effort', 'lost', '{}', '0'),
    ('  age in ms, p50', 'images best effort', 'p50_ms', '{:.2f}', '4'),
    ('  age in ms, p99', 'images best effort', 'p99_ms', '{:.2f}', '15'),
    ('images/s within one process', 'images one process', 'images_per_s', '{}', '>= 1000'),
    ('service round trip in ms, p50', 'service', 'p50_ms', '{:.3f}', '0.5'),
    ('  p99', 'service', 'p99_ms', '{:.3f}', ''),
    ('latched message to a late subscription in ms, p50', 'latched', 'p50_ms', '{:.1f}', ''),
    ('  longest', 'latched', 'max_ms', '{:.1f}', '50'),
    ('start of a process to its first message in ms, longest', 'start', 'max_ms', '{:.0f}', '1000'),
    ('idle node, % of a core', 'idle', 'cpu_percent', '{:.2f}', '2'),
    ('killed process stays in the graph, s', 'killed', 'seconds', '{:.1f}', ''),
    ('longest publish while the reader is stopped, ms', 'stopped reader', 'longest_publish_ms', '{:.1f}', ''),
    ('processes that start at once', 'crowd', 'processes', '{}', '50'),
    ('  seconds until all know all', 'crowd', 'seconds', '{:.1f}', ''),
    ('messages for the memory', 'memory', 'messages', '{}', ''),
    ('  growth in kB', 'memory', 'growth_kb', '{}', ''),
    ('  messages/s there and back', 'memory', 'messages_per_s', '{}', ''),
)


def table(results: dict[str, dict[str, Figures]]) -> str:
    """All figures, one column for each implementation."""
    names = list(results)
    lines = [['', 'must reach', *names]]
    for title, measure, figure, form, wanted in ROWS:
        values = [results[name].get(measure, {}).get(figure) for name in names]
        lines.append([title, wanted, *('-' if value is None else form.format(value) for value in values)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return '\n'.join(
        '  '.join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seconds', type=int, default=20, help='of images, and of idling')
    parser.add_argument('--processes', type=int, default=50)
    parser.add_argument('--messages', type=int, default=1_000_000)
    parser.add_argument('--only', help='comma-separated, of ' + ', '.join(MEASURES))
    parser.add_argument('--out', type=Path, default=RESULTS / 'rosless.json')
    arguments = parser.parse_args(argv)
    os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
    name = (
        'rosless' if importlib.util.find_spec('rclpy') is None else f'ROS 2 {os.environ.get("ROS_DISTRO", "")}'.strip()
    )
    results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    figures = results.setdefault(name, {})
    for measure in arguments.only.split(',') if arguments.only else MEASURES:
        print(f'{name}: {measure}', file=sys.stderr, flush=True)
        figures[measure] = MEASURES[measure](arguments)
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(results, indent=1) + '\n')
    print(table(results))


if __name__ == '__main__':
    main()
