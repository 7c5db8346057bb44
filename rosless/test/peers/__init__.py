# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Starting other processes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

_BOOT = f"""
import runpy, sys
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
import rosless
rosless.activate()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""
RAW = Path(__file__).parent / 'raw.py'
NODE = Path(__file__).parent / 'node.py'
FOXGLOVE = Path(__file__).parent / 'foxglove.js'


class Peer:
    """A Python script in another process; what it prints is read line by line."""

    def __init__(self, script: Path, *arguments: str, **environment: str) -> None:
        inherited = {**os.environ, 'PYTHONUNBUFFERED': '1', **environment}
        command = [sys.executable, '-c', _BOOT, str(script), *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=inherited
        )

    def line(self) -> str:
        """Wait for the next line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f'the process ended with {self.process.wait()}'
        return line.strip()

    def stop(self) -> None:
        """Kill it, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


@contextlib.contextmanager
def running(script: Path, *arguments: str, lifetime_s: float = 60.0, **environment: str) -> Iterator[Peer]:
    """A peer that is killed at the end of the `with` block, or when a test waits for it in vain."""
    peer = Peer(script, *arguments, **environment)
    watchdog = threading.Timer(lifetime_s, peer.process.kill)
    watchdog.start()
    try:
        yield peer
    finally:
        watchdog.cancel()
        peer.stop()


def wait_until(condition, timeout_s: float = 10.0, interval_s: float = 0.01):
    """Wait until a function returns something true, and return that."""
    end = time.monotonic() + timeout_s
    while not (result := condition()):
        assert time.monotonic() < end, f'not within {timeout_s} s'
        time.sleep(interval_s)
    return result
