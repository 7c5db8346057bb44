# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Loggers by name, and their levels."""

from __future__ import annotations

from rclpy.impl.logging_output import log_output
from rclpy.impl.logging_severity import LoggingSeverity
from rclpy.impl.rcutils_logger import RcutilsLogger

__all__ = [
    'LoggingSeverity',
    'clear_config',
    'get_logger',
    'get_logger_effective_level',
    'get_logger_level',
    'get_logging_severity_from_string',
    'initialize',
    'set_logger_level',
    'shutdown',
]

_root_logger = RcutilsLogger()


def get_logger(name: str) -> RcutilsLogger:
    """Return a logger by its full name."""
    if not name:
        raise ValueError('Logger name must not be empty.')
    return _root_logger.get_child(name)


def initialize() -> None:
    """Read the environment variables for the console."""
    log_output.reset()


def shutdown() -> None:
    """Forget the levels of all loggers."""
    log_output.reset()


def clear_config() -> None:
    """Forget the levels of all loggers and read the environment variables anew."""
    log_output.reset()


def set_logger_level(name: str, level: int | LoggingSeverity, detailed_error: bool = False) -> None:
    """Set the level of a logger by name."""
    log_output.set_level(name, LoggingSeverity(level))


def get_logger_effective_level(name: str) -> LoggingSeverity:
    """Return the level of a logger, or what it inherits."""
    return log_output.effective_level(name)


def get_logger_level(name: str) -> LoggingSeverity:
    """Return the level that was set for a logger, UNSET if it inherits one."""
    return log_output.level(name)


def get_logging_severity_from_string(log_severity: str) -> LoggingSeverity:
    """Return a severity by its name, in upper or lower case."""
    try:
        return LoggingSeverity[log_severity.upper()]
    except KeyError:
        names = ', '.join(severity.name for severity in LoggingSeverity)
        raise RuntimeError(f"unknown log severity '{log_severity}', expected one of {names}") from None
