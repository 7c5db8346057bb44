# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Points in time."""

from __future__ import annotations

from functools import total_ordering
from typing import overload

import builtin_interfaces.msg

from rclpy.clock_type import ClockType
from rclpy.constants import S_TO_NS
from rclpy.duration import Duration


@total_ordering
class Time:
    """A point in time of one kind of clock; only times of the same kind can be compared or subtracted."""

    # Like rclpy's: two times compare, but none can be a key of a dictionary.
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self, *, seconds: int | float = 0, nanoseconds: int = 0, clock_type: ClockType = ClockType.SYSTEM_TIME
    ) -> None:
        if not isinstance(clock_type, ClockType):
            raise TypeError(f'clock_type must be a ClockType, got {clock_type!r}')
        if seconds < 0:
            raise ValueError(f'seconds must not be negative, got {seconds}')
        if nanoseconds < 0:
            raise ValueError(f'nanoseconds must not be negative, got {nanoseconds}')
        total = int(seconds * S_TO_NS) + int(nanoseconds)
        if total >= 2**63:
            raise OverflowError(f'a Time is a 64-bit number of nanoseconds, got {total}')
        self._nanoseconds = total
        self._clock_type = clock_type

    @property
    def nanoseconds(self) -> int:
        """Nanoseconds since the epoch of the clock."""
        return self._nanoseconds

    @property
    def clock_type(self) -> ClockType:
        """The kind of clock that this time was read from."""
        return self._clock_type

    def seconds_nanoseconds(self) -> tuple[int, int]:
        """Return whole seconds and the remaining nanoseconds."""
        return divmod(self.nanoseconds, S_TO_NS)

    def __repr__(self) -> str:
        return f'Time(nanoseconds={self.nanoseconds}, clock_type={self.clock_type.name})'

    def __add__(self, other: Duration) -> Time:
        if not isinstance(other, Duration):
            return NotImplemented
        return self._shifted(other.nanoseconds)

    __radd__ = __add__

    @overload
    def __sub__(self, other: Time) -> Duration: ...
    @overload
    def __sub__(self, other: Duration) -> Time: ...
    def __sub__(self, other: Time | Duration) -> Time | Duration:
        if isinstance(other, Time):
            self._require_same_clock(other)
            return Duration(nanoseconds=self.nanoseconds - other.nanoseconds)
        if isinstance(other, Duration):
            return self._shifted(-other.nanoseconds)
        return NotImplemented

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        self._require_same_clock(other)
        return self.nanoseconds == other.nanoseconds

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Time):
            return NotImplemented
        self._require_same_clock(other)
        return self.nanoseconds < other.nanoseconds

    def _shifted(self, nanoseconds: int) -> Time:
        return Time(nanoseconds=self.nanoseconds + nanoseconds, clock_type=self.clock_type)

    def _require_same_clock(self, other: Time) -> None:
        if self.clock_type != other.clock_type:
            raise TypeError(
                f"can't compare or subtract times with different clock types: {self.clock_type.name} and "
                f'{other.clock_type.name}'
            )

    def to_msg(self) -> builtin_interfaces.msg.Time:
        """Return the message ``builtin_interfaces/msg/Time``."""
        seconds, nanoseconds = self.seconds_nanoseconds()
        return builtin_interfaces.msg.Time(sec=seconds, nanosec=nanoseconds)

    @classmethod
    def from_msg(cls, msg: builtin_interfaces.msg.Time, clock_type: ClockType = ClockType.ROS_TIME) -> Time:
        """Read the message ``builtin_interfaces/msg/Time``."""
        if not isinstance(msg, builtin_interfaces.msg.Time):
            raise TypeError(f'expected a builtin_interfaces.msg.Time, got {type(msg).__name__}')
        return cls(seconds=msg.sec, nanoseconds=msg.nanosec, clock_type=clock_type)
