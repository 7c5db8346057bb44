# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Running callbacks, in one thread or in several."""

from __future__ import annotations

import inspect
import os
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rclpy._executable import Executable
from rclpy._ready_queue import ReadyQueue
from rclpy.constants import S_TO_NS
from rclpy.context import Context
from rclpy.task import Future, Task
from rclpy.utilities import get_default_context

if TYPE_CHECKING:
    from rclpy.node import Node


class TimeoutException(Exception):
    """A timeout ran out."""


class ShutdownException(Exception):
    """The executor was shut down."""


class ExternalShutdownException(Exception):
    """The context was shut down, for example by a signal."""


class ConditionReachedException(Exception):
    """The future that was waited for is done."""


async def await_or_execute(callback: Callable[..., Any], *args: Any) -> Any:
    """Call a function, or await it if it is a coroutine function."""
    if inspect.iscoroutinefunction(callback):
        return await callback(*args)
    return callback(*args)


class Executor:
    """Base of the executors: knows the nodes and waits for something to do.

    Args:
        context: Ends with it; the default context if None.
    """

    def __init__(self, *, context: Context | None = None) -> None:
        self._context = get_default_context() if context is None else context
        self._nodes: list[Node] = []
        self._lock = threading.RLock()
        self._tasks: deque[Task] = deque()
        self._queue = ReadyQueue()
        self._is_shutdown = False
        # Callbacks that run, by thread; a coroutine that waits does not count.
        self._running: dict[int, int] = {}
        self._idle = threading.Condition()
        self._context.on_shutdown(self.wake)

    @property
    def context(self) -> Context:
        """The context with which the executor ends."""
        return self._context

    def create_task(self, callback: Callable[..., Any] | Coroutine[Any, Any, Any], *args: Any, **kwargs: Any) -> Task:
        """Run a function or coroutine while the executor spins.

        Returns:
            A future for its result.
        """
        task = Task(callback, args, kwargs, executor=self)
        self._schedule(task)
        return task

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Start no more callbacks, and wait for those that run in other threads.

        Args:
            timeout_sec: Seconds to wait; for ever if None or negative.

        Returns:
            Whether all have ended.
        """
        self._is_shutdown = True
        self.wake()
        timeout = None if timeout_sec is None or timeout_sec < 0 else timeout_sec
        own = threading.get_ident()
        with self._idle:
            if not self._idle.wait_for(lambda: not set(self._running) - {own}, timeout):
                return False
        with self._lock:
            self._nodes = []
        return True

    def add_node(self, node: Node) -> bool:
        """Run the callbacks of a node.

        Returns:
            False if it was added before.
        """
        with self._lock:
            if node in self._nodes:
                return False
            self._nodes.append(node)
        node.executor = self
        self.wake()
        return True

    def remove_node(self, node: Node) -> None:
        """Run the callbacks of a node no more."""
        with self._lock:
            if node not in self._nodes:
                return
            self._nodes.remove(node)
        self._queue.clear()
        self.wake()

    def get_nodes(self) -> list[Node]:
        """The nodes whose callbacks are run."""
        with self._lock:
            return list(self._nodes)

    def wake(self) -> None:
        """Stop waiting and look what is to be done."""
        self._queue.wake()

    def spin(self) -> None:
        """Run callbacks until the context or the executor is shut down."""
        while self._context.ok() and not self._is_shutdown:
            self.spin_once()

    def spin_until_future_complete(self, future: Future, timeout_sec: float | None = None) -> None:
        """Run callbacks until a future is done, or until the timeout or a shutdown."""
        future._wake_when_done(self.wake)
        end = None if timeout_sec is None or timeout_sec < 0 else time.monotonic() + timeout_sec
        while self._context.ok() and not future.done() and not self._is_shutdown:
            left = None if end is None else max(0.0, end - time.monotonic())
            self._spin_once(left, future.done)
            if end is not None and time.monotonic() >= end:
                return

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Run one callback.

        Args:
            timeout_sec: Seconds to wait for one; for ever if None or negative.
        """
        self._spin_once(timeout_sec, lambda: False)

    def spin_once_until_future_complete(self, future: Future, timeout_sec: float | None = None) -> None:
        """Run one callback unless a future is done before there is one."""
        future._wake_when_done(self.wake)
        self._spin_once(timeout_sec, future.done)

    def __enter__(self) -> Executor:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown()

    def _spin_once(self, timeout_sec: float | None, stop: Callable[[], bool]) -> None:
        raise NotImplementedError

    def _schedule(self, task: Task) -> None:
        """Run a task, or run it further; called from any thread."""
        with self._lock:
            self._tasks.append(task)
        self.wake()

    def _next(self, timeout_sec: float | None, stop: Callable[[], bool]) -> Task | Executable:
        """Wait for a task, or for a callback whose group has let it begin.

        Raises:
            TimeoutException: There was nothing in that time.
            ConditionReachedException: `stop` became true.
            ShutdownException: The executor was shut down.
            ExternalShutdownException: The context was.
        """
        end = None if timeout_sec is None or timeout_sec < 0 else time.monotonic_ns() + int(timeout_sec * S_TO_NS)
        waited = False
        while True:
            if self._is_shutdown:
                raise ShutdownException
            if stop():
                raise ConditionReachedException
            with self._lock:
                if self._tasks:
                    return self._tasks.popleft()
            executable = self._queue.pop()
            if executable is not None:
                return executable
            left = None if end is None else max(0, end - time.monotonic_ns())
            if waited and left == 0:
                raise TimeoutException
            self._queue.wait(self.get_nodes(), left)
            waited = True
            if not self._context.ok() and not self._is_shutdown:
                raise ExternalShutdownException

    def _run(self, item: Task | Executable) -> None:
        """Run a task or callback; what it raises is raised."""
        thread = threading.get_ident()
        with self._idle:
            self._running[thread] = self._running.get(thread, 0) + 1
        try:
            if isinstance(item, Task):
                item()
                if item.done():
                    item.result()
            else:
                self._run_callback(item)
        finally:
            with self._idle:
                self._running[thread] -= 1
                if not self._running[thread]:
                    del self._running[thread]
                self._idle.notify_all()

    def _run_callback(self, executable: Executable) -> None:
        ended = True
        try:
            work = executable._take_safely(self)
            self._queue.taken(executable)
            outcome = work() if work is not None else None
            if inspect.iscoroutine(outcome):
                ended = False
                self._run_coroutine(executable, outcome)
        finally:
            if ended:
                self._queue.ended(executable)

    def _run_coroutine(self, executable: Executable, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Begin a callback that may wait; its group is busy until it ends."""

        async def until_end() -> Any:
            try:
                return await coroutine
            finally:
                self._queue.ended(executable)

        task = Task(until_end(), executor=self)
        task()
        if task.done():
            task.result()


class SingleThreadedExecutor(Executor):
    """Runs callbacks one after the other, in the thread that spins."""

    def _spin_once(self, timeout_sec: float | None, stop: Callable[[], bool]) -> None:
        try:
            item = self._next(timeout_sec, stop)
        except (ShutdownException, TimeoutException, ConditionReachedException):
            return
        self._run(item)


class MultiThreadedExecutor(Executor):
    """Runs callbacks in several threads, as far as their groups allow it.

    Args:
        num_threads: Number of threads; by default as many as this process may use processors.
        context: Ends with it; the default context if None.
    """

    def __init__(self, num_threads: int | None = None, *, context: Context | None = None) -> None:
        super().__init__(context=context)
        if num_threads is None:
            available = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
            # With a single thread no callback could wait for another.
            num_threads = max(2, available or 2)
        if num_threads == 1:
            warnings.warn(
                'MultiThreadedExecutor is used with a single thread.\nUse the SingleThreadedExecutor instead.',
                stacklevel=2,
            )
        self._pool = ThreadPoolExecutor(num_threads, thread_name_prefix='rclpy executor')
        self._errors: deque[BaseException] = deque()

    def _spin_once(self, timeout_sec: float | None, stop: Callable[[], bool]) -> None:
        def interrupted() -> bool:
            return bool(self._errors) or stop()

        try:
            item = self._next(timeout_sec, interrupted)
            if not self._is_shutdown:
                self._pool.submit(self._run_in_pool, item)
        except (ShutdownException, ExternalShutdownException, TimeoutException, ConditionReachedException):
            pass
        if self._errors:
            raise self._errors.popleft()

    def _run_in_pool(self, item: Task | Executable) -> None:
        try:
            self._run(item)
        except BaseException as error:
            # Raised where the executor spins, as in a single thread.
            self._errors.append(error)
            self.wake()

    def shutdown(self, timeout_sec: float | None = None) -> bool:
        """Start no more callbacks, and wait for those that run in other threads; see `Executor.shutdown`."""
        self._is_shutdown = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        return super().shutdown(timeout_sec)
