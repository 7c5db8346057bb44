# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Results that come later, and work that an executor does step by step."""

from __future__ import annotations

import inspect
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rclpy.executors import Executor

DoneCallback = Callable[['Future'], Any]


class Future:
    """The outcome of something that may not have happened yet; safe to use from several threads.

    Args:
        executor: Runs the callbacks when the future is done; without one they run in the thread that sets the result.
    """

    def __init__(self, *, executor: Executor | None = None) -> None:
        self._done = False
        self._cancelled = False
        self._result: Any = None
        self._exception: BaseException | None = None
        self._exception_fetched = True
        self._callbacks: list[DoneCallback] = []
        # Told at once in the thread that sets the result, unlike the callbacks.
        self._wakers: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._executor: weakref.ref[Executor] | None = None
        self._set_executor(executor)

    def __del__(self) -> None:
        if not self._exception_fetched and self._exception is not None:
            print(f'The following exception was never retrieved: {self._exception}', file=sys.stderr)

    def __await__(self) -> Generator[Future, None, Any]:
        while not self._done:
            yield self
        return self.result()

    def cancel(self) -> None:
        """Ask to give up; a future that is done stays done."""
        with self._lock:
            if not self._done:
                self._cancelled = True
        self._run_callbacks()

    def cancelled(self) -> bool:
        """Whether somebody asked to give up before there was a result."""
        return self._cancelled

    def done(self) -> bool:
        """Whether there is a result or an exception."""
        return self._done

    def result(self) -> Any:
        """The result, None if there is none yet; an exception is raised."""
        exception = self.exception()
        if exception is not None:
            raise exception
        return self._result

    def exception(self) -> BaseException | None:
        """The exception, if that is the outcome."""
        self._exception_fetched = True
        return self._exception

    def set_result(self, result: Any) -> None:
        """Set the outcome and call the callbacks."""
        with self._lock:
            self._result = result
            self._done, self._cancelled = True, False
        self._run_callbacks()

    def set_exception(self, exception: BaseException) -> None:
        """Set an exception as the outcome and call the callbacks."""
        with self._lock:
            self._exception, self._exception_fetched = exception, False
            self._done, self._cancelled = True, False
        self._run_callbacks()

    def add_done_callback(self, callback: DoneCallback) -> None:
        """Call a function with this future when it is done, at once if it is.

        Args:
            callback: Run by the executor if the future has one.
        """
        with self._lock:
            if not self._done:
                self._callbacks.append(callback)
                return
            executor = self._living_executor()
        if executor is not None:
            executor.create_task(callback, self)
        else:
            callback(self)

    def _set_executor(self, executor: Executor | None) -> None:
        with self._lock:
            self._executor = None if executor is None else weakref.ref(executor)

    def _living_executor(self) -> Executor | None:
        return None if self._executor is None else self._executor()

    def _run_callbacks(self) -> None:
        with self._lock:
            executor = self._living_executor()
            callbacks, self._callbacks = self._callbacks, []
            wakers, self._wakers = (self._wakers, []) if self._done else ([], self._wakers)
        for wake in wakers:
            wake()
        for callback in callbacks:
            if executor is not None:
                executor.create_task(callback, self)
                continue
            try:
                callback(self)
            except Exception as error:
                # The other callbacks are called nevertheless.
                warnings.warn(f'Unhandled exception in done callback: {error}', stacklevel=2)

    def _wake_when_done(self, wake: Callable[[], None]) -> bool:
        """Call a short function, once, when this is done; False if it is."""
        with self._lock:
            if not self._done and wake not in self._wakers:
                self._wakers.append(wake)
            return not self._done


class Task(Future):
    """A function or coroutine that an executor runs; made by `Executor.create_task`.

    Calling it runs it, or runs it further, until it ends or waits for a future.
    """

    def __init__(
        self,
        handler: Callable[..., Any] | Coroutine[Any, Any, Any],
        args: tuple[Any, ...] | list[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        executor: Executor | None = None,
    ) -> None:
        super().__init__(executor=executor)
        self._coroutine: Coroutine[Any, Any, Any] | None = None
        self._call: Callable[[], Any] = _nothing
        if inspect.iscoroutine(handler):
            self._coroutine = handler
        elif inspect.iscoroutinefunction(handler):
            self._coroutine = handler(*(args or ()), **(kwargs or {}))
        else:
            function: Any = handler
            self._call = lambda: function(*(args or ()), **(kwargs or {}))
        self._executing = False
        self._task_lock = threading.Lock()

    def __call__(self) -> None:
        """Run, unless it is done or runs in another thread."""
        if not self._task_lock.acquire(blocking=False):
            return
        try:
            self._executing = True
            awaited = None if self._done else self._step()
        finally:
            self._executing = False
            self._task_lock.release()
        if not self.done() and not (isinstance(awaited, Future) and awaited._wake_when_done(self._resume)):
            self._resume()

    def _step(self) -> object:
        """Run until the end, or until something is awaited, which is returned."""
        try:
            if self._coroutine is None:
                outcome = self._call()
            else:
                try:
                    return self._coroutine.send(None)
                except StopIteration as end:
                    outcome = end.value
        except Exception as error:
            self.set_exception(error)
        else:
            self.set_result(outcome)
        self._coroutine, self._call = None, _nothing
        return None

    def executing(self) -> bool:
        """Whether it runs at this moment."""
        return self._executing

    def _resume(self) -> None:
        executor = self._living_executor()
        if executor is not None:
            executor._schedule(self)


def _nothing() -> None:
    pass
