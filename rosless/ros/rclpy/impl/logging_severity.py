# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Severities of log messages."""

from enum import IntEnum


class LoggingSeverity(IntEnum):
    """Severity of a message, and level of a logger."""

    UNSET = 0
    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40
    FATAL = 50
