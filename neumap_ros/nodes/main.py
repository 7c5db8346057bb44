# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs one or several nodes in one process until SIGINT or SIGTERM, and ends them in order."""

from __future__ import annotations

import importlib
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from types import FrameType

import rclpy
from rclpy.executors import Executor, ExternalShutdownException, MultiThreadedExecutor
from rclpy.logging import get_logger
from rclpy.signals import SignalHandlerOptions

from neumap_ros.errors import ConfigError, NeumapError
from neumap_ros.nodes.lifecycle import ManagedNode

NODES = {
    'localizer': ('neumap_ros.nodes.localizer', 'LocalizerNode'),
    'map_server': ('neumap_ros.nodes.map_server', 'MapServer'),
    'evaluator': ('neumap_ros.nodes.evaluator', 'Evaluator'),
}

# A callback that raises at once each time it is called must not fill the log.
_PAUSE_AFTER_ERROR_S = 0.2
_WAIT_S = 1.0
_POLL_S = 0.005


def run(names: Sequence[str], args: Sequence[str] | None = None) -> int:
    """Run nodes until a signal ends them.

    SIGINT or SIGTERM deactivate the nodes, so that nothing is left half written; a second one ends the process at once.

    Args:
        names: of the nodes, keys of :data:`NODES`.
        args: command line with ``--ros-args``; that of the process by default.

    Returns:
        Exit code: 0 after a signal, 1 if a node could not be made, or could not write what it leaves behind.

    Raises:
        ConfigError: unknown name of a node.
    """
    for name in names:
        if name not in NODES:
            raise ConfigError(f'there is no node {name!r}, expected one of {", ".join(NODES)}')
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    # Not rclpy's handlers: they cut the connections before the nodes can end in order.
    previous = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    rclpy.init(args=None if args is None else list(args), signal_handler_options=SignalHandlerOptions.NO)
    try:
        return _run(names, stop)
    finally:
        rclpy.try_shutdown()
        for number, handler in previous.items():
            signal.signal(number, handler)


def main(names: Sequence[str]) -> None:
    """Run nodes with the command line of the process, and end it."""
    sys.exit(run(names))


def _run(names: Sequence[str], stop: threading.Event) -> int:
    nodes: list[ManagedNode] = []
    ended_well = True
    # Callbacks only hand over; one more thread than nodes keeps services answering while one of them waits.
    executor = MultiThreadedExecutor(num_threads=len(names) + 1)
    spinning = threading.Thread(target=_spin, args=(executor, stop), name='executor', daemon=True)
    try:
        for name in names:
            nodes.append(_create(name))
        for node in nodes:
            node.start()
            executor.add_node(node)
        spinning.start()
        stop.wait()
    except NeumapError as error:
        get_logger('neumap_ros').fatal(str(error))
        return 1
    finally:
        stop.set()
        if spinning.is_alive():
            executor.wake()
            # It looks at the event when its wait is over, which may take as long as that.
            spinning.join(2 * _WAIT_S)
        _let_callbacks_end(executor)
        executor.shutdown(_WAIT_S)
        for node in reversed(nodes):
            ended_well &= node.finish()
            node.destroy_node()
    return 0 if ended_well else 1


def _let_callbacks_end(executor: Executor) -> None:
    """Wait for callbacks that have begun, not for long.

    On ROS 2 Jazzy ``shutdown`` does not, although it says so: it takes away what callbacks of a MultiThreadedExecutor
    trigger when they have taken their message, which then fail with an exception that nobody retrieves.
    """
    deadline_s = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline_s and not all(task.done() for task in list(getattr(executor, '_futures', ()))):
        time.sleep(_POLL_S)


def _create(name: str) -> ManagedNode:
    module, attribute = NODES[name]
    node: ManagedNode = getattr(importlib.import_module(module), attribute)()
    return node


def _spin(executor: Executor, stop: threading.Event) -> None:
    """Run callbacks; one that raises is logged and the others go on."""
    while not stop.is_set():
        try:
            executor.spin_once(timeout_sec=_WAIT_S)
        except ExternalShutdownException:
            stop.set()
        except Exception:
            get_logger('neumap_ros').error(f'a callback failed:\n{traceback.format_exc()}')
            stop.wait(_PAUSE_AFTER_ERROR_S)
        if not rclpy.ok():
            stop.set()
