# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tasks, and the object that runs them and publishes what they say."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from diagnostic_updater._diagnostic_status_wrapper import DiagnosticStatusWrapper

_PERIOD = 'diagnostic_updater.period'
_USE_FQN = 'diagnostic_updater.use_fqn'

Run = Callable[[DiagnosticStatusWrapper], DiagnosticStatusWrapper]


class DiagnosticTask:
    """Fills one status; subclasses do it in `run`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def getName(self) -> str:
        """The name of the task and of its status."""
        return self.name

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Fill a status and return it."""
        return stat


class FunctionDiagnosticTask(DiagnosticTask):
    """A task that a function does."""

    def __init__(self, name: str, fn: Run) -> None:
        super().__init__(name)
        self.fn = fn

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Fill a status and return it."""
        return self.fn(stat)


class CompositeDiagnosticTask(DiagnosticTask):
    """Several tasks with one status: the worst level, the messages of all that are not well, the values of all."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.tasks: list[DiagnosticTask] = []

    def run(self, stat: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Fill a status and return it."""
        combined, original = DiagnosticStatusWrapper(), DiagnosticStatusWrapper()
        original.summary(stat)
        for task in self.tasks:
            stat.summary(original)
            stat = task.run(stat)
            combined.mergeSummary(stat)
        stat.summary(combined)
        return stat

    def addTask(self, t: DiagnosticTask) -> None:
        """Add a task."""
        self.tasks.append(t)


class DiagnosticTaskVector:
    """A list of tasks that several threads may change."""

    def __init__(self) -> None:
        self.tasks: list[DiagnosticTask] = []
        self.lock = threading.Lock()

    def addedTaskCallback(self, task: DiagnosticTask) -> None:
        """Called with each task that is added, for subclasses."""

    def add(self, *args: Any) -> None:
        """Add a task, or a name and a function that fills the status."""
        task: DiagnosticTask = args[0] if len(args) == 1 else FunctionDiagnosticTask(*args)
        with self.lock:
            self.tasks.append(task)
        self.addedTaskCallback(task)

    def removeByName(self, name: str) -> bool:
        """Remove the first task of that name; whether there was one."""
        with self.lock:
            for task in self.tasks:
                if task.getName() == name:
                    self.tasks.remove(task)
                    return True
        return False


class Updater(DiagnosticTaskVector):
    """Runs tasks periodically and publishes what they say on /diagnostics.

    Args:
        node: The node; its parameter `diagnostic_updater.period` overrides the period.
        period: Seconds between two publications.
    """

    def __init__(self, node: Any, period: float = 1.0) -> None:
        super().__init__()
        self.node = node
        self.publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 1)
        self._period: float = _parameter(node, _PERIOD, period)
        self.timer = node.create_timer(self._period, self.update)
        self.verbose = False
        self.hwid = ''
        self._warned_of_hwid = False
        name = node.get_name()
        self.node_name = f'{node.get_namespace()}/{name}' if _parameter(node, _USE_FQN, False) else name

    @property
    def period(self) -> float:
        """Seconds between two publications."""
        return self._period

    @period.setter
    def period(self, period: float) -> None:
        self._period = period
        self.node.destroy_timer(self.timer)
        self.timer = self.node.create_timer(period, self.update)

    def setHardwareID(self, hwid: str) -> None:
        """Name the device, for all statuses; `none` where there is no device."""
        self.hwid = hwid

    def update(self) -> None:
        """Run all tasks and publish; the timer does it."""
        statuses = []
        for task in self._present_tasks():
            status = self._status(task, DiagnosticStatus.ERROR, 'No message was set')
            status = task.run(status)
            if self.verbose and status.level != DiagnosticStatus.OK:
                self.node.get_logger().warning(
                    f'diagnostic status {status.name} has level {status.level[0]}: {status.message}'
                )
            statuses.append(status)
        all_well = all(status.level == DiagnosticStatus.OK for status in statuses)
        if all_well and not self.hwid and not self._warned_of_hwid:
            self._warned_of_hwid = True
            self.node.get_logger().warning(
                'diagnostic_updater: there is no hardware id; call setHardwareID, with "none" where there is no device'
            )
        self.publish(statuses)

    def force_update(self) -> None:
        """Run all tasks and publish now."""
        self.update()

    def broadcast(self, lvl: bytes, msg: str) -> None:
        """Publish the same level and message for all tasks, without running them."""
        self.publish([self._status(task, lvl, msg) for task in self._present_tasks()])

    def publish(self, msg: DiagnosticStatus | list[DiagnosticStatus]) -> None:
        """Publish a status or several, under the name of the node."""
        array = DiagnosticArray()
        array.header.stamp = self.node.get_clock().now().to_msg()
        array.status = [
            DiagnosticStatus(
                level=status.level,
                name=f'{self.node_name}: {status.name}',
                message=status.message,
                hardware_id=status.hardware_id,
                values=status.values,
            )
            for status in (msg if isinstance(msg, list) else [msg])
        ]
        self.publisher.publish(array)

    def addedTaskCallback(self, task: DiagnosticTask) -> None:
        """Publish that a task was added."""
        self.publish(self._status(task, DiagnosticStatus.OK, 'Node starting up'))

    def _present_tasks(self) -> list[DiagnosticTask]:
        # Not under the lock while they run: a task may add another.
        with self.lock:
            return list(self.tasks)

    def _status(self, task: DiagnosticTask, level: bytes, message: str) -> DiagnosticStatusWrapper:
        return DiagnosticStatusWrapper(level=level, name=task.getName(), message=message, hardware_id=self.hwid)


def _parameter(node: Any, name: str, default: Any) -> Any:
    if not node.has_parameter(name):
        node.declare_parameter(name, default)
    return node.get_parameter(name).value
