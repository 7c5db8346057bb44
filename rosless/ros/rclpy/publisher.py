# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sending messages to a topic."""

from __future__ import annotations

from typing import Any

from rclpy._executable import Destroyable
from rclpy._rclpy_pybind11 import RCLError
from rclpy.context import Context
from rclpy.duration import Duration
from rclpy.event_handler import EndpointEvents
from rclpy.qos import QoSProfile
from rosless import dds, interfaces


class Publisher(Destroyable):
    """Sends messages to a topic; made by `Node.create_publisher`."""

    def __init__(
        self,
        writer: dds.Writer,
        msg_type: type[Any],
        topic: str,
        full_topic: str,
        qos_profile: QoSProfile,
        context: Context,
        logger_name: str,
    ) -> None:
        self.msg_type = msg_type
        self.topic = topic
        self.qos_profile = qos_profile
        self._events: EndpointEvents | None = None
        self._writer = writer
        self._full_topic = full_topic
        self._context = context
        self._logger_name = logger_name

    def publish(self, msg: Any) -> None:
        """Send a message.

        Args:
            msg: A message of the publisher's type, or a serialised one as bytes.

        Raises:
            TypeError: It is of another type.
            RCLError: The context is shut down.
            InvalidHandle: The publisher was destroyed.
        """
        self._check_alive()
        if isinstance(msg, self.msg_type):
            data = interfaces.serialize(msg)
        elif isinstance(msg, bytes):
            data = msg
        else:
            raise TypeError(f'Expected {self.msg_type}, got {type(msg)}')
        if not self._context.ok():
            raise RCLError(f"cannot publish to '{self._full_topic}': the context was shut down")
        self._writer.write(data)

    def get_subscription_count(self) -> int:
        """The number of subscriptions that receive what is published."""
        self._check_alive()
        return len(self._writer.matched())

    @property
    def topic_name(self) -> str:
        """The full name of the topic, after remapping."""
        self._check_alive()
        return self._full_topic

    @property
    def logger_name(self) -> str:
        """The name of the node's logger."""
        return self._logger_name

    def assert_liveliness(self) -> None:
        """Show that the publisher is alive, which liveliness MANUAL_BY_TOPIC asks for."""
        self._check_alive()
        self._writer.assert_liveliness()

    def wait_for_all_acked(self, timeout: Duration = Duration(seconds=-1)) -> bool:  # noqa: B008
        """Wait until all reliable subscriptions have what was published.

        Args:
            timeout: Longest wait; for ever if negative.

        Returns:
            Whether they have.
        """
        self._check_alive()
        nanoseconds = timeout.nanoseconds
        return self._writer.wait_for_acknowledgments(dds.INFINITE if nanoseconds < 0 else nanoseconds)

    def destroy(self) -> None:
        """End; nodes do this with `destroy_publisher`."""
        self._destroyed = True
        if self._events is not None:
            self._events.destroy()
        self._writer.delete()
