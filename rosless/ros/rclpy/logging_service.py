# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The services by which other processes read and set the levels of loggers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import LoggerLevel, SetLoggerLevelsResult
from rcl_interfaces.srv import GetLoggerLevels, SetLoggerLevels

from rclpy.logging import get_logger_level, set_logger_level

if TYPE_CHECKING:
    from rclpy.node import Node


class LoggingService:
    """Offers ``<node>/get_logger_levels`` and ``<node>/set_logger_levels``."""

    def __init__(self, node: Node) -> None:
        node.create_service(GetLoggerLevels, '~/get_logger_levels', self._get_logger_levels)
        node.create_service(SetLoggerLevels, '~/set_logger_levels', self._set_logger_levels)

    def _get_logger_levels(self, request: Any, response: Any) -> Any:
        response.levels = [LoggerLevel(name=name, level=int(get_logger_level(name))) for name in request.names]
        return response

    def _set_logger_levels(self, request: Any, response: Any) -> Any:
        response.results = [self._set(wanted) for wanted in request.levels]
        return response

    def _set(self, wanted: LoggerLevel) -> SetLoggerLevelsResult:
        try:
            set_logger_level(wanted.name, wanted.level)
        except ValueError as error:
            return SetLoggerLevelsResult(successful=False, reason=str(error))
        return SetLoggerLevelsResult(successful=True)
