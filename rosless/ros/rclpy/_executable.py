# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What an executor needs to know of subscriptions, services, clients, timers, guard conditions and event handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy._rclpy_pybind11 import InvalidHandle
from rosless.dds import DdsError

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.executors import Executor

# Called without arguments; may return a coroutine.
Work = Callable[[], Any]


class Destroyable:
    """Something that ends before the object is gone."""

    _destroyed = False

    def _check_alive(self) -> None:
        if self._destroyed:
            raise InvalidHandle(f'cannot use this {type(self).__name__} because it was destroyed')


class Executable(Destroyable):
    """Something with a callback."""

    callback_group: CallbackGroup | None

    def _handles(self) -> tuple[int, ...]:
        """The DDS entities that tell when there is work."""
        return ()

    def _take(self, executor: Executor) -> Work | None:
        """Remove what the callback is to get; None if there is nothing. Called after its group has allowed it."""
        raise NotImplementedError

    def _take_safely(self, executor: Executor) -> Work | None:
        """`_take`, for callers that do not know whether another thread has destroyed this."""
        try:
            return None if self._destroyed else self._take(executor)
        except DdsError:
            if not self._destroyed and executor.context.ok():
                raise
            return None
