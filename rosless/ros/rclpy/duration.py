# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Spans of time."""

from __future__ import annotations

from functools import total_ordering

import builtin_interfaces.msg

from rclpy.constants import S_TO_NS

_MAX_NANOSECONDS = 2**63 - 1


@total_ordering
class Duration:
    """A span of time, in nanoseconds; may be negative."""

    # Like rclpy's: two durations compare, but none can be a key of a dictionary.
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, *, seconds: int | float = 0, nanoseconds: int = 0) -> None:
        total = int(seconds * S_TO_NS) + int(nanoseconds)
        if not -_MAX_NANOSECONDS - 1 <= total <= _MAX_NANOSECONDS:
            raise OverflowError(f'a Duration is a 64-bit number of nanoseconds, got {total}')
        self._nanoseconds = total

    @property
    def nanoseconds(self) -> int:
        """The whole span in nanoseconds."""
        return self._nanoseconds

    def __repr__(self) -> str:
        return f'Duration(nanoseconds={self.nanoseconds})'

    def __str__(self) -> str:
        return 'Infinite' if self.nanoseconds == _MAX_NANOSECONDS else f'{self.nanoseconds} nanoseconds'

    def __eq__(self, other: object) -> bool:
        return self.nanoseconds == other.nanoseconds if isinstance(other, Duration) else NotImplemented

    def __lt__(self, other: object) -> bool:
        return self.nanoseconds < other.nanoseconds if isinstance(other, Duration) else NotImplemented

    def to_msg(self) -> builtin_interfaces.msg.Duration:
        """Return the message ``builtin_interfaces/msg/Duration``."""
        seconds, nanoseconds = divmod(self.nanoseconds, S_TO_NS)
        return builtin_interfaces.msg.Duration(sec=seconds, nanosec=nanoseconds)

    @classmethod
    def from_msg(cls, msg: builtin_interfaces.msg.Duration) -> Duration:
        """Read the message ``builtin_interfaces/msg/Duration``."""
        if not isinstance(msg, builtin_interfaces.msg.Duration):
            raise TypeError(f'expected a builtin_interfaces.msg.Duration, got {type(msg).__name__}')
        return cls(seconds=msg.sec, nanoseconds=msg.nanosec)


Infinite = Duration(nanoseconds=_MAX_NANOSECONDS)
