# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What an executor can run next."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from rclpy._executable import Executable
from rclpy.timer import Timer
from rosless.dds import INFINITE, Guard, Waitset

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.node import Node

# Python runs its signal handlers in the main thread, which therefore must not wait for ever.
_LONGEST_WAIT_IN_MAIN_THREAD_NS = 500_000_000


class ReadyQueue:
    """Waits for the entities of nodes and hands out, in order, those whose callback group lets them begin.

    DDS reports a reader as long as it holds messages. So a reader that cannot be run now, because its group is busy or
    because a thread is about to take from it, is not waited for until that has changed.
    """

    def __init__(self) -> None:
        self._guard = Guard()
        self._waitset = Waitset()
        self._waitset.attach(self._guard.handle)
        self._lock = threading.Lock()
        self._waiting = False
        self._versions: list[tuple[Node, int]] = []
        self._order: dict[Executable, int] = {}
        self._by_handle: dict[int, Executable] = {}
        self._timers: list[Timer] = []
        self._ready: deque[Executable] = deque()
        # Handed out, and nothing was taken yet.
        self._pending: set[Executable] = set()
        # Ready, but their group is busy; those that have waited longest come first.
        self._aside: dict[CallbackGroup, dict[Executable, None]] = {}

    def wake(self) -> None:
        """End a wait."""
        self._guard.trigger()

    def clear(self) -> None:
        """Hand out nothing of what was found ready; the next `wait` finds it again."""
        with self._lock:
            self._ready.clear()

    def pop(self) -> Executable | None:
        """The next one; its group was told that it begins. `taken` and `ended` must follow."""
        with self._lock:
            while self._ready:
                executable = self._ready.popleft()
                if executable not in self._order or executable in self._pending:
                    continue
                for handle in executable._handles():
                    self._waitset.detach(handle)
                group = executable.callback_group
                if group is None or group.beginning_execution(executable):
                    self._pending.add(executable)
                    return executable
                self._aside.setdefault(group, {})[executable] = None
        return None

    def taken(self, executable: Executable) -> None:
        """Tell that its message was taken: if its group allows that, it may be handed out again."""
        group = executable.callback_group
        with self._lock:
            self._pending.discard(executable)
            if group is None or group.can_execute(executable):
                self._attach(executable)

    def ended(self, executable: Executable) -> None:
        """Tell that its callback has ended; others of its group may run now."""
        group = executable.callback_group
        with self._lock:
            self._pending.discard(executable)
            self._attach(executable)
            if group is None:
                return
            group.ending_execution(executable)
            released = self._aside.pop(group, None)
            if released:
                self._ready.extend(released)
                if self._waiting:
                    self.wake()

    def wait(self, nodes: list[Node], timeout_ns: int | None) -> None:
        """Fill the queue with what is ready.

        Args:
            nodes: Whose callbacks are wanted.
            timeout_ns: Longest wait; None for as long as it takes. May return earlier with nothing.
        """
        with self._lock:
            self._update(nodes)
            if self._ready:
                return
            timeout = INFINITE if timeout_ns is None else timeout_ns
            if threading.current_thread() is threading.main_thread():
                timeout = min(timeout, _LONGEST_WAIT_IN_MAIN_THREAD_NS)
            timeout = min([timeout, *self._due_times()])
            self._waiting = True
        handles = self._waitset.wait(timeout)
        with self._lock:
            self._waiting = False
            ready: set[Executable] = {
                timer for timer in self._timers if self._can_begin(timer) and timer._due_in_ns() == 0
            }
            for handle in handles:
                if handle == self._guard.handle:
                    self._guard.take()
                elif handle in self._by_handle:
                    ready.add(self._by_handle[handle])
            ready.difference_update(self._ready)
            self._ready.extend(sorted(ready, key=self._order.__getitem__))

    def _due_times(self) -> list[int]:
        return [due for timer in self._timers if self._can_begin(timer) and (due := timer._due_in_ns()) is not None]

    def _can_begin(self, executable: Executable) -> bool:
        group = executable.callback_group
        return executable not in self._pending and (group is None or group.can_execute(executable))

    def _update(self, nodes: list[Node]) -> None:
        """Wait for what the nodes have now."""
        versions = [(node, node._version) for node in nodes]
        if versions == self._versions:
            return
        self._versions = versions
        executables = [executable for node in nodes for executable in node._executables()]
        self._order = {executable: index for index, executable in enumerate(executables)}
        self._timers = [executable for executable in executables if isinstance(executable, Timer)]
        previous, self._by_handle = self._by_handle, {}
        for executable in executables:
            for handle in executable._handles():
                self._by_handle[handle] = executable
                if executable not in self._pending:
                    self._waitset.attach(handle)
        for handle in previous.keys() - self._by_handle.keys():
            self._waitset.detach(handle)

    def _attach(self, executable: Executable) -> None:
        if executable in self._order and executable not in self._pending:
            for handle in executable._handles():
                self._waitset.attach(handle)
            if self._waiting and isinstance(executable, Timer):
                # Who waits did not reckon with this timer.
                self.wake()
