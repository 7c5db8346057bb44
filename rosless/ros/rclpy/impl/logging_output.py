# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Levels of the loggers of this process, the console, and the way to /rosout."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from rclpy.constants import S_TO_NS
from rclpy.impl.logging_severity import LoggingSeverity

DEFAULT_FORMAT = '[{severity}] [{time}] [{name}]: {message}'
_COLORS = {
    LoggingSeverity.DEBUG: '\033[32m',
    LoggingSeverity.INFO: '\033[0m',
    LoggingSeverity.WARN: '\033[33m',
    LoggingSeverity.ERROR: '\033[31m',
    LoggingSeverity.FATAL: '\033[31m',
}
_NORMAL = '\033[0m'
_ESCAPES = {r'\a': '\a', r'\b': '\b', r'\n': '\n', r'\r': '\r', r'\t': '\t', r'\x1b': '\x1b'}


@dataclass(frozen=True)
class LogRecord:
    """A message that passed the level of its logger and its filters."""

    severity: LoggingSeverity
    name: str
    message: str
    nanoseconds: int
    function: str
    file: str
    line: int


Listener = Callable[[LogRecord], None]


def _flag(name: str) -> bool | None:
    """Read an environment variable that is 0, 1 or absent."""
    value = os.environ.get(name, '')
    if value not in ('', '0', '1'):
        raise ValueError(f"environment variable {name} is '{value}', expected 0, 1 or nothing")
    return None if value == '' else value == '1'


class Console:
    """Writes records to stderr or stdout in the format of ``RCUTILS_CONSOLE_OUTPUT_FORMAT``."""

    def __init__(self) -> None:
        self.enabled = True
        self._to_stdout = _flag('RCUTILS_LOGGING_USE_STDOUT') is True
        self._colorized = _flag('RCUTILS_COLORIZED_OUTPUT')
        text = os.environ.get('RCUTILS_CONSOLE_OUTPUT_FORMAT') or DEFAULT_FORMAT
        self._format = re.sub(r'\\(?:[abnrt]|x1b)', lambda match: _ESCAPES[match.group()], text)

    def format(self, record: LogRecord) -> str:
        """Return the line for a record; tokens that nobody knows stay as they are."""

        def expand(match: re.Match[str]) -> str:
            match match.group(1):
                case 'severity':
                    return record.severity.name
                case 'name':
                    return record.name
                case 'message':
                    return record.message
                case 'function_name':
                    return record.function
                case 'file_name':
                    return record.file
                case 'line_number':
                    return str(record.line)
                case 'time':
                    seconds, nanoseconds = divmod(record.nanoseconds, S_TO_NS)
                    return f'{seconds:010d}.{nanoseconds:09d}'
                case 'time_as_nanoseconds':
                    return f'{record.nanoseconds:019d}'
                case 'date_time_with_ms':
                    seconds, nanoseconds = divmod(record.nanoseconds, S_TO_NS)
                    date = time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seconds))
                    return f'{date}.{nanoseconds // 1_000_000:03d}'
            return match.group()

        return re.sub(r'\{(\w+)\}', expand, self._format)

    def write(self, record: LogRecord) -> None:
        """Write one record as one piece, so that lines of several threads do not mix."""
        stream: TextIO | None = sys.stdout if self._to_stdout else sys.stderr
        if not self.enabled or stream is None or stream.closed:
            return
        line = self.format(record)
        if self._colorized if self._colorized is not None else stream.isatty():
            line = f'{_COLORS[record.severity]}{line}{_NORMAL}'
        stream.write(f'{line}\n')
        stream.flush()


class LogOutput:
    """What all loggers of the process share."""

    def __init__(self) -> None:
        self.console = Console()
        self._levels: dict[str, LoggingSeverity] = {}
        self._listeners: dict[str, list[Listener]] = {}

    def reset(self) -> None:
        """Forget the levels and read the environment variables anew."""
        self.console = Console()
        self._levels.clear()

    def set_level(self, name: str, level: LoggingSeverity) -> None:
        """Set the level of a logger, or of all that have none with the empty name."""
        self._levels[name] = level

    def level(self, name: str) -> LoggingSeverity:
        """Return the level that was set for a logger, UNSET if none was."""
        return self._levels.get(name, LoggingSeverity.UNSET)

    def effective_level(self, name: str) -> LoggingSeverity:
        """Return the level of a logger, else of its nearest ancestor, else the default."""
        if self._levels:
            for candidate in _lineage(name):
                if level := self._levels.get(candidate):
                    return level
        return self._levels.get('') or LoggingSeverity.INFO

    def add_listener(self, name: str, listener: Listener) -> None:
        """Hand the records of a logger and of its children to a function."""
        self._listeners.setdefault(name, []).append(listener)

    def remove_listener(self, name: str, listener: Listener) -> None:
        """Undo ``add_listener``."""
        listeners = self._listeners.get(name, [])
        if listener in listeners:
            listeners.remove(listener)
        if not listeners:
            self._listeners.pop(name, None)

    def emit(self, record: LogRecord) -> None:
        """Write a record and hand it to the nearest listener."""
        self.console.write(record)
        for name in _lineage(record.name):
            if listeners := self._listeners.get(name):
                # Nodes of the same name share the first one's: two would double the message.
                listeners[0](record)
                return


def _lineage(name: str) -> list[str]:
    """Return a logger's name and those of its ancestors, nearest first."""
    parts = name.split('.')
    return ['.'.join(parts[:count]) for count in range(len(parts), 0, -1)]


log_output = LogOutput()
