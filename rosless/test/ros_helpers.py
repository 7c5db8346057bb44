# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the tests share that run on rosless and on a real rclpy alike."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NODES = Path(__file__).parent / 'nodes'

# A node file is plain rclpy code; only where there is no rclpy, rosless steps in first.
BOOT = f"""
import importlib.util, runpy, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
if importlib.util.find_spec('rclpy') is None:
    import rosless
    rosless.activate()
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def spin_until(executor, condition, timeout=10.0):
    """Run callbacks until a condition holds, and return what it returned."""
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        assert time.monotonic() < deadline, f'not within {timeout} s'
        executor.spin_once(timeout_sec=0.05)
    return result


def spin_for(executor, seconds):
    """Run callbacks for a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.05)


def call(executor, client, request, timeout=10.0):
    """Call a service and return its response."""
    future = client.call_async(request)
    spin_until(executor, future.done, timeout)
    return future.result()


class Process:
    """A node file that runs in a process of its own.

    Where the environment variable PEER_PYTHON names another Python, for example one with a real rclpy, nodes of one
    implementation are tested against the other.
    """

    def __init__(self, name, *args):
        self._output = tempfile.TemporaryFile('w+')  # noqa: SIM115 - closed by stop()
        python = shlex.split(os.environ.get('PEER_PYTHON', sys.executable))
        command = [*python, '-c', BOOT, str(NODES / name), *args]
        environment = {**os.environ, 'PYTHONUNBUFFERED': '1'}
        self._popen = subprocess.Popen(command, stdout=self._output, stderr=subprocess.STDOUT, env=environment)

    def output(self):
        """Return what it has written so far."""
        self._output.seek(0)
        return self._output.read()

    def wait_for(self, text, timeout=20.0):
        """Wait until it has written a text."""
        deadline = time.monotonic() + timeout
        while text not in self.output():
            assert self._popen.poll() is None, f'ended with {self._popen.returncode}:\n{self.output()}'
            assert time.monotonic() < deadline, f'{text!r} is not in:\n{self.output()}'
            time.sleep(0.02)

    def interrupt(self, timeout=10.0):
        """Send SIGINT and return the exit status."""
        self._popen.send_signal(signal.SIGINT)
        return self.wait(timeout)

    def wait(self, timeout=20.0):
        """Wait for the end and return the exit status."""
        return self._popen.wait(timeout)

    def stop(self):
        """End it by force if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self._popen.kill()
        self._popen.wait()
        self._output.close()
