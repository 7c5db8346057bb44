# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The log messages of a node on /rosout."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from builtin_interfaces.msg import Time
from rcl_interfaces.msg import Log

from rclpy._rclpy_pybind11 import InvalidHandle, RCLError
from rclpy.constants import S_TO_NS
from rclpy.impl.logging_output import LogRecord, log_output
from rclpy.qos import qos_profile_rosout_default
from rosless.dds import DdsError

if TYPE_CHECKING:
    from rclpy.node import Node


class Rosout:
    """Publishes what the logger of a node, and the loggers below it, write."""

    def __init__(self, node: Node) -> None:
        self._logger_name = node.get_logger().name
        self._publisher = node.create_publisher(Log, '/rosout', qos_profile_rosout_default)
        log_output.add_listener(self._logger_name, self._publish)

    def destroy(self) -> None:
        """Publish no more; the node destroys the publisher."""
        log_output.remove_listener(self._logger_name, self._publish)

    def _publish(self, record: LogRecord) -> None:
        seconds, nanoseconds = divmod(record.nanoseconds, S_TO_NS)
        message = Log(
            stamp=Time(sec=seconds, nanosec=nanoseconds),
            level=int(record.severity),
            name=record.name,
            msg=record.message,
            file=record.file,
            function=record.function,
            line=record.line,
        )
        # Whoever logs must not be told that the context is shut down.
        with contextlib.suppress(RCLError, InvalidHandle, DdsError):
            self._publisher.publish(message)
