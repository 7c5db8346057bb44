# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Callbacks that another thread asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy._executable import Executable, Work
from rosless.dds import Guard

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.context import Context
    from rclpy.executors import Executor


class GuardCondition(Executable):
    """Runs its callback after `trigger`; made by `Node.create_guard_condition`."""

    def __init__(
        self, callback: Callable[[], Any] | None, callback_group: CallbackGroup | None, context: Context | None = None
    ) -> None:
        self.callback = callback
        self.callback_group = callback_group
        self._guard = Guard()

    def trigger(self) -> None:
        """Ask for the callback; several times before it runs count as one."""
        self._check_alive()
        self._guard.trigger()

    def destroy(self) -> None:
        """Free it; nodes do this with `destroy_guard_condition`."""
        self._destroyed = True
        self._guard.delete()

    def _handles(self) -> tuple[int, ...]:
        return (self._guard.handle,)

    def _take(self, executor: Executor) -> Work | None:
        return self.callback if self._guard.take() else None
