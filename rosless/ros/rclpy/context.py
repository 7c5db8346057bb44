# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What lies between init and shutdown."""

from __future__ import annotations

import inspect
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from rclpy._rclpy_pybind11 import RCLError
from rclpy.signals import register_context
from rosless.dds import Participant, discovery
from rosless.dds.graph import Graph

if TYPE_CHECKING:
    from rclpy._arguments import Arguments

_NEVER, _RUNNING, _DOWN = 'not initialized', 'running', 'shut down'


class Context:
    """A connection to the ROS graph, opened with the first node.

    As a context manager it calls `init` and `try_shutdown`.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._state = _NEVER
        # Set by a signal, shortly before the state changes.
        self._interrupted = False
        self._callbacks: list[weakref.WeakMethod[Callable[[], None]] | Callable[[], None]] = []
        self._arguments: Arguments | None = None
        self._domain_id: int | None = None
        self._participant: Participant | None = None
        self._graph: Graph | None = None

    def init(
        self, args: Sequence[str] | None = None, *, initialize_logging: bool = True, domain_id: int | None = None
    ) -> None:
        """Read the command line and get ready for nodes.

        Args:
            args: Command line; `sys.argv` if None.
            initialize_logging: Whether its levels of loggers count.
            domain_id: DDS domain; the environment variable `ROS_DOMAIN_ID` if None.

        Raises:
            RuntimeError: It is initialized already, or the domain is negative.
            RCLInvalidROSArgsError: The command line cannot be read.
        """
        from rclpy._arguments import parse_arguments

        if domain_id is not None and domain_id < 0:
            raise RuntimeError(f'Domain id ({domain_id}) should not be lower than zero.')
        with self._lock:
            if self._state is not _NEVER:
                raise RuntimeError('Context.init() must only be called once')
            self._arguments = parse_arguments(sys.argv if args is None else args)
            self._domain_id = discovery.domain_id() if domain_id is None else domain_id
            if initialize_logging:
                self._arguments.configure_logging()
            self._state = _RUNNING
        register_context(self)

    def ok(self) -> bool:
        """Whether it is initialized and not shut down."""
        return self._state is _RUNNING and not self._interrupted

    def shutdown(self) -> None:
        """End the communication and wake all executors.

        Raises:
            RuntimeError: It was never initialized.
            RCLError: It is shut down already.
        """
        if self._state is _NEVER:
            raise RuntimeError('Context must be initialized before it can be shutdown')
        running = self.ok()
        self._stop()
        if not running:
            raise RCLError('failed to shutdown: rcl_shutdown already called on the given context')
        self._disconnect()

    def try_shutdown(self) -> None:
        """`shutdown`, unless there is nothing to shut down."""
        self._stop()
        self._disconnect()

    def on_shutdown(self, callback: Callable[[], None]) -> None:
        """Call a function at shutdown, at once if that is past; a method does not keep its object alive."""
        if not callable(callback):
            raise TypeError(f'callback should be a callable, got {type(callback)}')
        with self._lock:
            if self._state is not _DOWN:
                # Whoever sleeps asks to be woken, again and again, and is gone afterwards.
                self._callbacks = [one for one in self._callbacks if not _is_gone(one)]
                self._callbacks.append(weakref.WeakMethod(callback) if inspect.ismethod(callback) else callback)
                return
        callback()

    def get_domain_id(self) -> int:
        """The DDS domain.

        Raises:
            RuntimeError: The context is not initialized.
        """
        if self._domain_id is None:
            raise RuntimeError('Context must be initialized before it can have a domain id')
        return self._domain_id

    def __enter__(self) -> Context:
        self.init()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.try_shutdown()

    def _connect(self) -> tuple[Participant, Graph]:
        """Join the DDS domain, if that has not happened yet."""
        with self._lock:
            if self._participant is None or self._graph is None:
                self._participant = Participant(self._domain_id)
                self._graph = Graph(self._participant)
            return self._participant, self._graph

    def _stop(self) -> None:
        """Change to shut down and tell everybody, unless that was done."""
        with self._lock:
            if self._state is not _RUNNING:
                return
            self._state = _DOWN
            callbacks, self._callbacks = self._callbacks, []
        # Not under the lock: callbacks may wait for threads that ask whether the context is ok.
        for entry in callbacks:
            callback = entry() if isinstance(entry, weakref.WeakMethod) else entry
            if callback is not None:
                callback()

    def _disconnect(self) -> None:
        with self._lock:
            participant, graph = self._participant, self._graph
            self._participant = self._graph = None
        if graph is not None:
            graph.close()
        if participant is not None:
            participant.delete()


def _is_gone(callback: weakref.WeakMethod[Callable[[], None]] | Callable[[], None]) -> bool:
    return isinstance(callback, weakref.WeakMethod) and callback() is None
