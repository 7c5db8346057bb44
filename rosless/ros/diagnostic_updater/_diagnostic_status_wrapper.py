# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A status that is easy to fill."""

from __future__ import annotations

from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue


class DiagnosticStatusWrapper(DiagnosticStatus):  # type: ignore[misc]
    """A diagnostic_msgs/msg/DiagnosticStatus."""

    def summary(self, *args: Any) -> None:
        """Set level and message, given as two arguments or as those of another status."""
        self.level, message = _summary(args)
        self.message = str(message)

    def clearSummary(self) -> None:
        """All is well, and there is nothing to say."""
        self.summary(DiagnosticStatus.OK, '')

    def mergeSummary(self, *args: Any) -> None:
        """Combine with another level and message, given as for `summary`: the worse level wins.

        Messages of the same kind, good or bad, are joined; otherwise the bad one wins.
        """
        level, message = _summary(args)
        if (level > DiagnosticStatus.OK) == (self.level > DiagnosticStatus.OK):
            self.message = f'{self.message}; {message}' if self.message else message
        elif level > self.level:
            self.message = message
        self.level = max(level, self.level)

    def add(self, key: str, val: Any) -> None:
        """Add a named value."""
        self.values.append(KeyValue(key=key, value=str(val)))


def _summary(args: tuple[Any, ...]) -> tuple[bytes, str]:
    if len(args) == 1:
        return args[0].level, args[0].message
    level, message = args
    return level, message
