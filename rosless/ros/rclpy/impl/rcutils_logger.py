# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Loggers."""

from __future__ import annotations

import os
import sys
import time
from types import FrameType
from typing import Any

from rclpy.clock import Clock
from rclpy.constants import S_TO_NS
from rclpy.impl.logging_output import LogRecord, log_output
from rclpy.impl.logging_severity import LoggingSeverity

CallSite = tuple[str, str, int, int]


def _caller() -> FrameType:
    """Return the frame that called a logger."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    assert frame is not None
    return frame


class _Throttle:
    """Lets a message pass if the last one is long enough ago."""

    def __init__(self, throttle_duration_sec: float, throttle_time_source_type: Clock) -> None:
        self._interval = throttle_duration_sec * S_TO_NS
        self._clock = throttle_time_source_type
        self._last = 0

    def passes(self) -> bool:
        now = self._clock.now().nanoseconds
        # Simulated time that was set back must not silence the logger until it has caught up.
        if self._last <= now < self._last + self._interval:
            return False
        self._last = now
        return True


class _SkipFirst:
    """Lets all messages pass but the first."""

    def __init__(self, skip_first: bool) -> None:
        self._seen = False

    def passes(self) -> bool:
        seen, self._seen = self._seen, True
        return seen


class _Once:
    """Lets only the first message pass."""

    def __init__(self, once: bool) -> None:
        self._seen = False

    def passes(self) -> bool:
        seen, self._seen = self._seen, True
        return not seen


_Filter = _Throttle | _SkipFirst | _Once

_WALL_CLOCK = Clock()
# In the order in which they are asked, each with its options and their defaults; None is required.
_FILTERS: dict[type[_Throttle] | type[_SkipFirst] | type[_Once], dict[str, Any]] = {
    _Throttle: {'throttle_duration_sec': None, 'throttle_time_source_type': _WALL_CLOCK},
    _SkipFirst: {'skip_first': None},
    _Once: {'once': None},
}
_OPTIONS = [option for options in _FILTERS.values() for option in options]


def _requested_filters(options: dict[str, Any]) -> dict[Any, dict[str, Any]]:
    """Return the filters that a call asks for, with their options."""
    for option in options:
        if option not in _OPTIONS:
            raise TypeError(f"'{option}' is not a logging option; those are {', '.join(_OPTIONS)}")
    requested = {}
    for filter_class, defaults in _FILTERS.items():
        if not any(options.get(option) for option in defaults):
            continue
        values = {option: options.get(option, default) for option, default in defaults.items()}
        for option, value in values.items():
            if value is None:
                raise TypeError(f"logging option '{option}' is missing; it is needed with {sorted(options)}")
        clock = values.get('throttle_time_source_type', _WALL_CLOCK)
        if not isinstance(clock, Clock):
            raise ValueError(f'throttle_time_source_type must be a clock, got {clock!r}')
        requested[filter_class] = values
    return requested


class _Site:
    """What is kept of a line of code that logs: it must not change, and its filters have a memory."""

    def __init__(self, name: str, severity: LoggingSeverity, requested: dict[Any, dict[str, Any]]) -> None:
        self._name = name
        self._severity = severity
        self._requested = requested
        self._filters: list[_Filter] = [filter_class(**values) for filter_class, values in requested.items()]

    def check(self, name: str, severity: LoggingSeverity, requested: dict[Any, dict[str, Any]]) -> None:
        if severity != self._severity:
            raise ValueError('Logger severity cannot be changed between calls.')
        if name != self._name:
            raise ValueError('Logger name cannot be changed between calls.')
        if requested != self._requested:
            raise ValueError('Logging filters and their parameters cannot be changed between calls.')

    def passes(self) -> bool:
        return all(one.passes() for one in self._filters)


class RcutilsLogger:
    """A named logger; names are separated by dots, and levels are inherited along them."""

    def __init__(self, name: str = '') -> None:
        self.name = name
        self._sites: dict[CallSite, _Site] = {}

    def get_child(self, name: str) -> RcutilsLogger:
        """Return the logger ``<this name>.<name>``."""
        if not name:
            raise ValueError('Child logger name must not be empty.')
        return RcutilsLogger(f'{self.name}.{name}' if self.name else name)

    def set_level(self, level: LoggingSeverity | int) -> None:
        """Log only messages of this severity or above."""
        log_output.set_level(self.name, LoggingSeverity(level))

    def get_effective_level(self) -> LoggingSeverity:
        """Return the level of this logger, or what it inherits."""
        return log_output.effective_level(self.name)

    def is_enabled_for(self, severity: LoggingSeverity | int) -> bool:
        """Tell whether messages of this severity are logged."""
        return LoggingSeverity(severity) >= self.get_effective_level()

    def log(self, message: str, severity: LoggingSeverity | int, **kwargs: Any) -> bool:
        """Log a message.

        Args:
            message: The text.
            severity: Its severity; the same in each call from the same line.
            **kwargs: Filters: ``throttle_duration_sec`` with ``throttle_time_source_type`` (a clock, wall time by
                default), ``skip_first``, ``once``; and ``name``, the name of another logger.

        Returns:
            Whether the message was logged.

        Raises:
            TypeError: The message is not a string, or an option is unknown or missing.
            ValueError: Severity, name or filters differ from the last call from the same line.
        """
        if not self.is_enabled_for(severity):
            return False
        severity = LoggingSeverity(severity)
        if not isinstance(message, str):
            raise TypeError(f'a log message must be a str, got {type(message).__name__}: use str() or an f-string')
        name = kwargs.pop('name', self.name)
        requested = _requested_filters(kwargs)
        frame = _caller()
        code = frame.f_code
        key = (code.co_name, code.co_filename, frame.f_lineno, frame.f_lasti)
        site = self._sites.get(key)
        if site is None:
            site = self._sites[key] = _Site(name, severity, requested)
        site.check(name, severity, requested)
        if not site.passes():
            return False
        path = os.path.abspath(code.co_filename)  # noqa: PTH100 - a Path costs more than the rest of the call
        log_output.emit(LogRecord(severity, name, message, time.time_ns(), code.co_name, path, frame.f_lineno))
        return True

    def debug(self, message: str, **kwargs: Any) -> bool:
        """Log with severity DEBUG; see ``log``."""
        return self.log(message, LoggingSeverity.DEBUG, **kwargs)

    def info(self, message: str, **kwargs: Any) -> bool:
        """Log with severity INFO; see ``log``."""
        return self.log(message, LoggingSeverity.INFO, **kwargs)

    def warning(self, message: str, **kwargs: Any) -> bool:
        """Log with severity WARN; see ``log``."""
        return self.log(message, LoggingSeverity.WARN, **kwargs)

    def warn(self, message: str, **kwargs: Any) -> bool:
        """Log with severity WARN; see ``log``."""
        return self.log(message, LoggingSeverity.WARN, **kwargs)

    def error(self, message: str, **kwargs: Any) -> bool:
        """Log with severity ERROR; see ``log``."""
        return self.log(message, LoggingSeverity.ERROR, **kwargs)

    def fatal(self, message: str, **kwargs: Any) -> bool:
        """Log with severity FATAL; see ``log``."""
        return self.log(message, LoggingSeverity.FATAL, **kwargs)
