# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Callbacks at regular times, and sleeping at a regular rate."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rclpy._executable import Executable, Work
from rclpy.clock import Clock, ClockChange, JumpThreshold, ROSClock, TimeJump
from rclpy.duration import Duration
from rclpy.exceptions import InvalidHandle, ROSInterruptException

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.context import Context
    from rclpy.executors import Executor


class Timer(Executable):
    """Runs its callback each time a period has passed on a clock; made by `Node.create_timer`.

    Calls that come too late are not made up for: the next one is at the next multiple of the period.
    """

    def __init__(
        self,
        callback: Callable[[], Any] | None,
        callback_group: CallbackGroup | None,
        timer_period_ns: int,
        clock: Clock,
        *,
        context: Context | None = None,
        autostart: bool = True,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """Start, unless `autostart` is False.

        Args:
            callback: Called without arguments.
            callback_group: Decides when it may run.
            timer_period_ns: Nanoseconds between two calls.
            clock: Whose time counts.
            context: Not used; rclpy has it.
            autostart: Whether it runs before `reset` is called.
            wake: Tells the executor that the next call is at another time than before.
        """
        if timer_period_ns < 0:
            raise ValueError(f'timer period must be non-negative, got {timer_period_ns} ns')
        self.callback = callback
        self.callback_group = callback_group
        self._clock = clock
        self._period_ns = int(timer_period_ns)
        self._wake = wake
        self._lock = threading.Lock()
        self._canceled = not autostart
        self._last_ns = self._now()
        self._next_ns = self._last_ns + self._period_ns
        self._jumps = None
        if isinstance(clock, ROSClock):
            every_jump = JumpThreshold(
                min_forward=Duration(nanoseconds=1), min_backward=Duration(nanoseconds=-1), on_clock_change=True
            )
            self._jumps = clock.create_jump_callback(every_jump, post_callback=self._on_jump)

    @property
    def clock(self) -> Clock:
        """Whose time counts."""
        return self._clock

    @property
    def timer_period_ns(self) -> int:
        """Nanoseconds between two calls; a new value counts from the next call on."""
        self._check_alive()
        return self._period_ns

    @timer_period_ns.setter
    def timer_period_ns(self, value: int) -> None:
        self._check_alive()
        if value < 0:
            raise ValueError(f'timer period must be non-negative, got {value} ns')
        self._period_ns = int(value)

    def is_ready(self) -> bool:
        """Whether a call is due."""
        self._check_alive()
        return self._due_in_ns() == 0

    def is_canceled(self) -> bool:
        """Whether it stands still."""
        self._check_alive()
        return self._canceled

    def cancel(self) -> None:
        """Stand still until `reset`."""
        self._check_alive()
        self._canceled = True

    def reset(self) -> None:
        """Begin a new period now."""
        self._check_alive()
        with self._lock:
            self._canceled = False
            self._last_ns = self._now()
            self._next_ns = self._last_ns + self._period_ns
        self._wake()

    def time_since_last_call(self) -> int:
        """Nanoseconds since the last call, or since the start."""
        self._check_alive()
        return self._now() - self._last_ns

    def time_until_next_call(self) -> int | None:
        """Nanoseconds until the next call, negative if it is late; None while canceled."""
        self._check_alive()
        return None if self._canceled else self._next_ns - self._now()

    def destroy(self) -> None:
        """End; nodes do this with `destroy_timer`."""
        self._destroyed = True
        if self._jumps is not None:
            self._jumps.unregister()

    def _now(self) -> int:
        return self._clock.now().nanoseconds

    def _due_in_ns(self) -> int | None:
        """Real nanoseconds until the next call, 0 if it is due; None if only simulated time can bring it."""
        if self._canceled:
            return None
        remaining = max(0, self._next_ns - self._now())
        driven = isinstance(self._clock, ROSClock) and self._clock.ros_time_is_active
        return None if remaining and driven else remaining

    def _take(self, executor: Executor) -> Work | None:
        with self._lock:
            now = self._now()
            if self._canceled or now < self._next_ns:
                return None
            self._last_ns = now
            self._next_ns += self._period_ns
            if self._next_ns < now:
                missed = -(-(now - self._next_ns) // self._period_ns) if self._period_ns else 0
                self._next_ns = self._next_ns + missed * self._period_ns if self._period_ns else now
        return self.callback

    def _on_jump(self, jump: TimeJump) -> None:
        with self._lock:
            now = self._now()
            changed = jump.clock_change in (ClockChange.ROS_TIME_ACTIVATED, ClockChange.ROS_TIME_DEACTIVATED)
            if changed or now < self._last_ns:
                # The times of before mean nothing any more.
                self._last_ns = now
                self._next_ns = now + self._period_ns
        self._wake()


class Rate:
    """Sleeps until the next multiple of a period; made by `Node.create_rate`.

    The node must be spun by another thread meanwhile.
    """

    def __init__(self, timer: Timer, *, context: Context) -> None:
        self._timer = timer
        self._is_shutdown = False
        self._is_destroyed = False
        self._condition = threading.Condition()
        self._ticks = self._seen = 0
        timer.callback = self._tick
        context.on_shutdown(self._on_shutdown)

    def sleep(self) -> None:
        """Sleep; in a callback of a single-threaded executor for ever.

        Raises:
            ROSInterruptException: The context is shut down.
            RuntimeError: The rate was destroyed.
        """
        self._check()
        if self._timer._destroyed:
            self.destroy()
            raise InvalidHandle('Rate cannot sleep because the timer has been destroyed')
        with self._condition:
            # A tick that nobody waited for counts: who worked longer than a period does not sleep.
            before = self._seen
            self._condition.wait_for(lambda: self._ticks > before or self._is_shutdown or self._is_destroyed)
            self._seen = self._ticks
        if self._is_shutdown:
            raise ROSInterruptException

    def destroy(self) -> None:
        """End all sleeps; nodes do this with `destroy_rate`."""
        with self._condition:
            self._is_destroyed = True
            self._condition.notify_all()

    def _check(self) -> None:
        if self._is_shutdown:
            raise ROSInterruptException
        if self._is_destroyed:
            raise RuntimeError('Rate cannot sleep because it has been destroyed')

    def _tick(self) -> None:
        with self._condition:
            self._ticks += 1
            self._condition.notify_all()

    def _on_shutdown(self) -> None:
        self._is_shutdown = True
        self.destroy()
