# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Log messages of a node on /rosout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from builtin_interfaces.msg import Time as TimeMsg
from rcl_interfaces.msg import Log
from rclpy.constants import S_TO_NS
from rclpy.duration import Duration
from rclpy.impl.logging_output import LogRecord, log_output
from rclpy.qos import DurabilityPolicy, QoSProfile

if TYPE_CHECKING:
    from rclpy.publisher import Publisher

ROSOUT_TOPIC = '/rosout'
# Latched for late consoles, but only what is younger than ten seconds.
qos_profile_rosout = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL, lifespan=Duration(seconds=10))


class Rosout:
    """Publishes what a logger and its children log."""

    def __init__(self, logger_name: str, publisher: Publisher) -> None:
        """Begin to publish.

        Args:
            logger_name: Name of the node's logger.
            publisher: Publishes ``rcl_interfaces/msg/Log`` on /rosout.
        """
        self._logger_name = logger_name
        self._publisher = publisher
        log_output.add_listener(logger_name, self._publish)

    def destroy(self) -> None:
        """Publish no more."""
        log_output.remove_listener(self._logger_name, self._publish)

    def _publish(self, record: LogRecord) -> None:
        seconds, nanoseconds = divmod(record.nanoseconds, S_TO_NS)
        message = Log(
            stamp=TimeMsg(sec=seconds, nanosec=nanoseconds),
            level=int(record.severity),
            name=record.name,
            msg=record.message,
            file=record.file,
            function=record.function,
            line=record.line,
        )
        try:
            self._publisher.publish(message)
        except Exception as error:
            # Logging it would end up here again.
            print(f'failed to publish a log message to {ROSOUT_TOPIC}: {error}', file=sys.stderr)
