# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Receiving messages of a topic."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

from rclpy._executable import Executable, Work
from rclpy.event_handler import EndpointEvents
from rclpy.logging import get_logger
from rclpy.qos import QoSProfile
from rosless import dds, interfaces
from rosless.dds.names import parse_user_data

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.executors import Executor

# Publishers come and go; this many are remembered.
_MOST_WRITERS = 100


class Subscription(Executable):
    """Calls a function with each message of a topic; made by `Node.create_subscription`."""

    class CallbackType(Enum):
        """What the callback gets."""

        MessageOnly = 0
        WithMessageInfo = 1

    def __init__(
        self,
        reader: dds.Reader,
        msg_type: type[Any],
        topic: str,
        full_topic: str,
        callback: Callable[..., Any],
        callback_group: CallbackGroup,
        qos_profile: QoSProfile,
        raw: bool,
        logger_name: str,
    ) -> None:
        self.msg_type = msg_type
        self.topic = topic
        self.callback = callback
        self.callback_group = callback_group
        self.qos_profile = qos_profile
        self.raw = raw
        self._events: EndpointEvents | None = None
        self._reader = reader
        self._full_topic = full_topic
        self._logger_name = logger_name
        self._type_hash = interfaces.type_hash(interfaces.type_name(msg_type))
        self._definitions: dict[int, bool] = {}

    @property
    def callback(self) -> Callable[..., Any]:
        """What is called: with the message, or with the message and a dictionary about it."""
        return self._callback

    @callback.setter
    def callback(self, value: Callable[..., Any]) -> None:
        self._callback_type = _callback_type(value)
        self._callback = value

    def get_publisher_count(self) -> int:
        """The number of publishers whose messages are received."""
        self._check_alive()
        return len(self._reader.matched())

    @property
    def topic_name(self) -> str:
        """The full name of the topic, after remapping."""
        self._check_alive()
        return self._full_topic

    @property
    def logger_name(self) -> str:
        """The name of the node's logger."""
        return self._logger_name

    def destroy(self) -> None:
        """End; nodes do this with `destroy_subscription`."""
        self._destroyed = True
        if self._events is not None:
            self._events.destroy()
        self._reader.delete()

    def _handles(self) -> tuple[int, ...]:
        return (self._reader.condition,)

    def _take(self, executor: Executor) -> Work | None:
        samples = self._reader.take()
        if not samples:
            return None
        sample = samples[0]
        if not self._has_our_definition(sample.writer):
            return None  # Which is told when the publisher is discovered.
        try:
            message = bytes(sample.data) if self.raw else interfaces.deserialize(sample.data, self.msg_type)
        except interfaces.InterfaceError as error:
            # A publisher whose type has the same name, but another definition.
            get_logger(self._logger_name).error(
                f"A message on topic '{self._full_topic}' is dropped: {error}", throttle_duration_sec=1.0
            )
            return None
        callback = self._callback
        if self._callback_type is Subscription.CallbackType.MessageOnly:
            return lambda: callback(message)
        info = {
            'source_timestamp': sample.source_timestamp_ns,
            'received_timestamp': time.time_ns(),
            'publication_sequence_number': None,
            'reception_sequence_number': None,
        }
        return lambda: callback(message, info)

    def _has_our_definition(self, writer: int) -> bool:
        """Whether the type of a publisher is what its name says; only ROS 2's publishers tell."""
        known = self._definitions.get(writer)
        if known is None:
            peer = self._reader.peer(writer)
            told = parse_user_data(peer.user_data).get('typehash') if peer is not None else None
            known = told is None or told == self._type_hash
            if len(self._definitions) >= _MOST_WRITERS:
                self._definitions.clear()
            self._definitions[writer] = known
        return known


def _callback_type(callback: Callable[..., Any]) -> Subscription.CallbackType:
    signature = inspect.signature(callback)
    for kind, arguments in (
        (Subscription.CallbackType.MessageOnly, (None,)),
        (Subscription.CallbackType.WithMessageInfo, (None, None)),
    ):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return kind
    raise RuntimeError(
        f'a subscription calls its callback with the message, or with message and message info; {callback} takes '
        f'{signature}'
    )
