# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Clocks: wall time, time since boot, and ROS time, which a simulation can drive."""

from __future__ import annotations

import threading
import time as python_time
import weakref
from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING

from rclpy.clock_type import ClockType
from rclpy.constants import S_TO_NS
from rclpy.duration import Duration
from rclpy.exceptions import NotInitializedException
from rclpy.time import Time

if TYPE_CHECKING:
    from types import TracebackType

    from rclpy.context import Context

__all__ = ['Clock', 'ClockChange', 'ClockType', 'JumpHandle', 'JumpThreshold', 'ROSClock', 'TimeJump']


class ClockChange(IntEnum):
    """Whether a jump of time is also a change of what the clock measures."""

    ROS_TIME_NO_CHANGE = 1
    ROS_TIME_ACTIVATED = 2
    ROS_TIME_DEACTIVATED = 3
    SYSTEM_TIME_NO_CHANGE = 4


class JumpThreshold:
    """Which jumps of time a callback wants to hear of."""

    def __init__(
        self, *, min_forward: Duration | None, min_backward: Duration | None, on_clock_change: bool = True
    ) -> None:
        """Set the threshold.

        Args:
            min_forward: Smallest jump forward, above zero; None for no such jumps.
            min_backward: Smallest jump backward, below zero; None for no such jumps.
            on_clock_change: Whether switching between wall time and simulated time counts.
        """
        if min_forward is not None and min_forward.nanoseconds <= 0:
            raise ValueError(f'min_forward must be a positive non-zero duration, got {min_forward!r}')
        if min_backward is not None and min_backward.nanoseconds >= 0:
            raise ValueError(f'min_backward must be a negative non-zero duration, got {min_backward!r}')
        if min_forward is None and min_backward is None and not on_clock_change:
            raise ValueError('at least one jump threshold must be enabled')
        self.min_forward = min_forward
        self.min_backward = min_backward
        self.on_clock_change = on_clock_change

    def is_exceeded_by(self, jump: TimeJump) -> bool:
        """Tell whether a callback with this threshold is called for the jump."""
        changed = jump.clock_change in (ClockChange.ROS_TIME_ACTIVATED, ClockChange.ROS_TIME_DEACTIVATED)
        return (
            (self.on_clock_change and changed)
            or (self.min_forward is not None and jump.delta >= self.min_forward)
            or (self.min_backward is not None and jump.delta <= self.min_backward)
        )


class TimeJump:
    """A jump of time."""

    def __init__(self, clock_change: ClockChange, delta: Duration) -> None:
        if not isinstance(clock_change, ClockChange):
            raise TypeError(f'clock_change must be a ClockChange, got {clock_change!r}')
        self._clock_change = clock_change
        self._delta = delta

    @property
    def clock_change(self) -> ClockChange:
        """Whether the clock changed between wall time and simulated time."""
        return self._clock_change

    @property
    def delta(self) -> Duration:
        """New time minus old time; zero where the clock changed."""
        return self._delta


class JumpHandle:
    """A registered jump callback; it ends with ``unregister()``, with the ``with`` block, or with this object."""

    def __init__(
        self,
        *,
        clock: Clock,
        threshold: JumpThreshold,
        pre_callback: Callable[[], None] | None,
        post_callback: Callable[[TimeJump], None] | None,
    ) -> None:
        if pre_callback is None and post_callback is None:
            raise ValueError('one of pre_callback or post_callback must be callable')
        for name, callback in (('pre_callback', pre_callback), ('post_callback', post_callback)):
            if callback is not None and not callable(callback):
                raise ValueError(f'{name} must be callable if given, got {callback!r}')
        self._clock: Clock | None = clock
        self._threshold = threshold
        self._pre_callback = pre_callback
        self._post_callback = post_callback
        clock._add_jump_handle(self)

    def unregister(self) -> None:
        """Call the callbacks no more."""
        if self._clock is not None:
            self._clock._remove_jump_handle(self)
            self._clock = None

    def __enter__(self) -> JumpHandle:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.unregister()


class Clock:
    """A clock; ``Clock(clock_type=ClockType.ROS_TIME)`` is a ``ROSClock``."""

    _clock_type: ClockType
    _lock: threading.Lock
    # The user holds the handle; the clock of a node must not keep its users alive.
    _jump_handles: list[weakref.ref[JumpHandle]]

    def __new__(cls, *, clock_type: ClockType = ClockType.SYSTEM_TIME) -> Clock:
        """Create a clock of the given kind."""
        if not isinstance(clock_type, ClockType):
            raise TypeError(f'clock_type must be a ClockType, got {clock_type!r}')
        self = super().__new__(ROSClock if clock_type is ClockType.ROS_TIME else cls)
        self._clock_type = clock_type
        self._lock = threading.Lock()
        self._jump_handles = []
        return self

    @property
    def clock_type(self) -> ClockType:
        """The kind of clock."""
        return self._clock_type

    def __repr__(self) -> str:
        return f'Clock(clock_type={self.clock_type.name})'

    def now(self) -> Time:
        """Return the current time of this clock."""
        return Time(nanoseconds=self._now_nanoseconds(), clock_type=self.clock_type)

    def _now_nanoseconds(self) -> int:
        if self._clock_type is ClockType.STEADY_TIME:
            return python_time.monotonic_ns()
        return python_time.time_ns()

    def create_jump_callback(
        self,
        threshold: JumpThreshold,
        *,
        pre_callback: Callable[[], None] | None = None,
        post_callback: Callable[[TimeJump], None] | None = None,
    ) -> JumpHandle:
        """Call back when time jumps; callbacks must be quick.

        Args:
            threshold: Which jumps count.
            pre_callback: Called before the new time is set, without arguments.
            post_callback: Called afterwards with the ``TimeJump``.

        Returns:
            The handle that keeps the callbacks registered as long as it lives.
        """
        return JumpHandle(clock=self, threshold=threshold, pre_callback=pre_callback, post_callback=post_callback)

    def _add_jump_handle(self, handle: JumpHandle) -> None:
        with self._lock:
            self._jump_handles.append(weakref.ref(handle))

    def _remove_jump_handle(self, handle: JumpHandle) -> None:
        with self._lock:
            self._jump_handles = [ref for ref in self._jump_handles if ref() not in (None, handle)]

    def sleep_until(self, until: Time, context: Context | None = None) -> bool:
        """Sleep until this clock shows a time.

        Args:
            until: Time of the same kind of clock.
            context: Its shutdown ends the sleep; the default context if None.

        Returns:
            True if the time was reached, False if the context was shut down or the clock changed between wall time
            and simulated time.

        Raises:
            ValueError: The time is of another kind of clock.
            NotInitializedException: The context is not initialized.
        """
        from rclpy.utilities import get_default_context

        context = context or get_default_context()
        if not context.ok():
            raise NotInitializedException('a clock can only sleep while its context is initialized')
        if until.clock_type != self._clock_type:
            raise ValueError(f'cannot sleep until a time of {until.clock_type.name} on {self!r}')
        wake = threading.Event()
        clock_changed = False

        def on_jump(jump: TimeJump) -> None:
            nonlocal clock_changed
            changes = (ClockChange.ROS_TIME_ACTIVATED, ClockChange.ROS_TIME_DEACTIVATED)
            clock_changed = clock_changed or jump.clock_change in changes
            if clock_changed or self.now() >= until:
                wake.set()

        context.on_shutdown(wake.set)
        threshold = JumpThreshold(min_forward=Duration(nanoseconds=1), min_backward=None, on_clock_change=True)
        with self.create_jump_callback(threshold, post_callback=on_jump):
            # Wall time may be set back during the wait, hence the loop.
            while self.now() < until and not wake.wait(self._seconds_until(until)):
                pass
        return context.ok() and not clock_changed and self.now() >= until

    def _seconds_until(self, until: Time) -> float | None:
        remaining = (until.nanoseconds - self._now_nanoseconds()) / S_TO_NS
        return min(max(remaining, 0.0), threading.TIMEOUT_MAX)

    def sleep_for(self, rel_time: Duration, context: Context | None = None) -> bool:
        """Sleep for a time span on this clock; see ``sleep_until``."""
        return self.sleep_until(self.now() + rel_time, context)


class ROSClock(Clock):
    """A clock that shows wall time, or simulated time while that is active."""

    _is_active: bool
    _override: int

    def __new__(cls) -> ROSClock:
        """Create a clock that shows wall time until a TimeSource switches it."""
        self = super().__new__(cls, clock_type=ClockType.ROS_TIME)
        assert isinstance(self, ROSClock)
        return self

    def __init__(self, *, clock_type: ClockType = ClockType.ROS_TIME) -> None:
        self._is_active = False
        self._override = 0

    @property
    def ros_time_is_active(self) -> bool:
        """Whether the clock shows simulated time."""
        return self._is_active

    def set_ros_time_override(self, time: Time) -> None:
        """Set the simulated time, which the clock shows while simulated time is active."""
        if not isinstance(time, Time):
            raise TypeError(f'time must be a rclpy.time.Time, got {type(time).__name__}')
        if not self._is_active:
            self._override = time.nanoseconds
            return
        delta = Duration(nanoseconds=time.nanoseconds - self._override)
        jump = TimeJump(ClockChange.ROS_TIME_NO_CHANGE, delta)
        self._jump(jump, active=True, override=time.nanoseconds)

    def _set_ros_time_is_active(self, enabled: bool) -> None:
        if self._is_active != enabled:
            change = ClockChange.ROS_TIME_ACTIVATED if enabled else ClockChange.ROS_TIME_DEACTIVATED
            self._jump(TimeJump(change, Duration()), active=enabled, override=self._override)

    def _jump(self, jump: TimeJump, *, active: bool, override: int) -> None:
        # The lock is not held while callbacks run: they take locks of their own.
        with self._lock:
            handles = [handle for ref in self._jump_handles if (handle := ref()) is not None]
        concerned = [handle for handle in handles if handle._threshold.is_exceeded_by(jump)]
        for handle in concerned:
            if handle._pre_callback is not None:
                handle._pre_callback()
        self._is_active, self._override = active, override
        for handle in concerned:
            if handle._post_callback is not None:
                handle._post_callback(jump)

    def _now_nanoseconds(self) -> int:
        return self._override if self._is_active else python_time.time_ns()

    def _seconds_until(self, until: Time) -> float | None:
        # Simulated time does not pass by itself: each new time wakes the sleeper.
        return None if self._is_active else super()._seconds_until(until)
