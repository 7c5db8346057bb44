# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Events of publishers and subscriptions: matches, missed deadlines, lost liveliness, QoS or types that do not fit."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from rclpy._event_types import (
    PUBLISHER_SOURCES,
    SUBSCRIPTION_SOURCES,
    IncompatibleTypeInfo,
    QoSLivelinessChangedInfo,
    QoSLivelinessLostInfo,
    QoSMessageLostInfo,
    QoSOfferedDeadlineMissedInfo,
    QoSOfferedIncompatibleQoSInfo,
    QoSPublisherEventType,
    QoSPublisherMatchedInfo,
    QoSRequestedDeadlineMissedInfo,
    QoSRequestedIncompatibleQoSInfo,
    QoSSubscriptionEventType,
    QoSSubscriptionMatchedInfo,
    UnsupportedEventTypeError,
)
from rclpy._executable import Executable, Work
from rclpy.logging import get_logger
from rclpy.qos import qos_policy_name_from_kind
from rosless.dds import Endpoint, Guard, Reader
from rosless.dds.graph import Graph, GraphEndpoint
from rosless.dds.names import parse_user_data, ros_type

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.executors import Executor

__all__ = [
    'EventHandler',
    'IncompatibleTypeInfo',
    'PublisherEventCallbacks',
    'QoSLivelinessChangedInfo',
    'QoSLivelinessLostInfo',
    'QoSMessageLostInfo',
    'QoSOfferedDeadlineMissedInfo',
    'QoSOfferedIncompatibleQoSInfo',
    'QoSPublisherEventType',
    'QoSPublisherMatchedInfo',
    'QoSRequestedDeadlineMissedInfo',
    'QoSRequestedIncompatibleQoSInfo',
    'QoSSubscriptionEventType',
    'QoSSubscriptionMatchedInfo',
    'SubscriptionEventCallbacks',
    'UnsupportedEventTypeError',
]


@dataclass(frozen=True)
class EventHandler:
    """What is called at an event."""

    event_type: IntEnum
    callback: Callable[[Any], Any]


class SubscriptionEventCallbacks:
    """What a subscription calls at its events.

    Args:
        deadline: No message came within the deadline.
        incompatible_qos: A publisher offers less than is asked for.
        liveliness: A publisher fell silent or is back.
        message_lost: Messages were lost.
        incompatible_type: A publisher of the topic has another type.
        matched: A publisher connected or disconnected.
        use_default_callbacks: Whether incompatible QoS and types are logged where no callback is given.
    """

    def __init__(
        self,
        *,
        deadline: Callable[[QoSRequestedDeadlineMissedInfo], Any] | None = None,
        incompatible_qos: Callable[[QoSRequestedIncompatibleQoSInfo], Any] | None = None,
        liveliness: Callable[[QoSLivelinessChangedInfo], Any] | None = None,
        message_lost: Callable[[QoSMessageLostInfo], Any] | None = None,
        incompatible_type: Callable[[IncompatibleTypeInfo], Any] | None = None,
        matched: Callable[[QoSSubscriptionMatchedInfo], Any] | None = None,
        use_default_callbacks: bool = True,
    ) -> None:
        self.deadline = deadline
        self.incompatible_qos = incompatible_qos
        self.liveliness = liveliness
        self.message_lost = message_lost
        self.incompatible_type = incompatible_type
        self.matched = matched
        self.use_default_callbacks = use_default_callbacks

    def _handlers(self, topic: str, logger_name: str) -> list[EventHandler]:
        kinds = QoSSubscriptionEventType
        problem = (
            f"New publisher discovered on topic '{topic}', offering incompatible QoS. "
            'No messages will be received from it.'
        )
        callbacks = {
            kinds.RCL_SUBSCRIPTION_REQUESTED_DEADLINE_MISSED: self.deadline,
            kinds.RCL_SUBSCRIPTION_LIVELINESS_CHANGED: self.liveliness,
            kinds.RCL_SUBSCRIPTION_REQUESTED_INCOMPATIBLE_QOS: self.incompatible_qos
            or (_log_qos(logger_name, problem) if self.use_default_callbacks else None),
            kinds.RCL_SUBSCRIPTION_MESSAGE_LOST: self.message_lost,
            kinds.RCL_SUBSCRIPTION_INCOMPATIBLE_TYPE: self.incompatible_type
            or (_log_type(logger_name, topic) if self.use_default_callbacks else None),
            kinds.RCL_SUBSCRIPTION_MATCHED: self.matched,
        }
        return [EventHandler(kind, callback) for kind, callback in callbacks.items() if callback is not None]


class PublisherEventCallbacks:
    """What a publisher calls at its events.

    Args:
        deadline: Nothing was published within the deadline.
        liveliness: The publisher did not show in time that it is alive.
        incompatible_qos: A subscription asks for more than is offered.
        incompatible_type: A subscription of the topic has another type.
        matched: A subscription connected or disconnected.
        use_default_callbacks: Whether incompatible QoS and types are logged where no callback is given.
    """

    def __init__(
        self,
        *,
        deadline: Callable[[QoSOfferedDeadlineMissedInfo], Any] | None = None,
        liveliness: Callable[[QoSLivelinessLostInfo], Any] | None = None,
        incompatible_qos: Callable[[QoSOfferedIncompatibleQoSInfo], Any] | None = None,
        incompatible_type: Callable[[IncompatibleTypeInfo], Any] | None = None,
        matched: Callable[[QoSPublisherMatchedInfo], Any] | None = None,
        use_default_callbacks: bool = True,
    ) -> None:
        self.deadline = deadline
        self.liveliness = liveliness
        self.incompatible_qos = incompatible_qos
        self.incompatible_type = incompatible_type
        self.matched = matched
        self.use_default_callbacks = use_default_callbacks

    def _handlers(self, topic: str, logger_name: str) -> list[EventHandler]:
        kinds = QoSPublisherEventType
        problem = (
            f"New subscription discovered on topic '{topic}', requesting incompatible QoS. "
            'No messages will be sent to it.'
        )
        callbacks = {
            kinds.RCL_PUBLISHER_OFFERED_DEADLINE_MISSED: self.deadline,
            kinds.RCL_PUBLISHER_LIVELINESS_LOST: self.liveliness,
            kinds.RCL_PUBLISHER_OFFERED_INCOMPATIBLE_QOS: self.incompatible_qos
            or (_log_qos(logger_name, problem) if self.use_default_callbacks else None),
            kinds.RCL_PUBLISHER_INCOMPATIBLE_TYPE: self.incompatible_type
            or (_log_type(logger_name, topic) if self.use_default_callbacks else None),
            kinds.RCL_PUBLISHER_MATCHED: self.matched,
        }
        return [EventHandler(kind, callback) for kind, callback in callbacks.items() if callback is not None]


def _log_qos(logger_name: str, problem: str) -> Callable[[QoSRequestedIncompatibleQoSInfo], None]:
    def log(event: QoSRequestedIncompatibleQoSInfo) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        get_logger(logger_name).warning(f'{problem} Last incompatible policy: {policy}')

    return log


def _log_type(logger_name: str, topic: str) -> Callable[[IncompatibleTypeInfo], None]:
    def log(event: IncompatibleTypeInfo) -> None:
        get_logger(logger_name).warning(f"Incompatible type on topic '{topic}', no messages will pass: {event.detail}")

    return log


class EndpointEvents(Executable):
    """The events of one publisher or subscription, as its node's executor runs them."""

    def __init__(
        self,
        endpoint: Endpoint,
        type_hash: str,
        graph: Graph,
        handlers: list[EventHandler],
        callback_group: CallbackGroup,
    ) -> None:
        """Watch for those events that have a handler."""
        self.callback_group = callback_group
        self._endpoint, self._type_hash, self._graph = endpoint, type_hash, graph
        self._callbacks = {handler.event_type: handler.callback for handler in handlers}
        self._lock = threading.Lock()
        self._strangers: list[str] = []
        self._strangers_total = 0
        self._guard = Guard()
        is_reader = isinstance(endpoint, Reader)
        self._sources = SUBSCRIPTION_SOURCES if is_reader else PUBLISHER_SOURCES
        self._type_event: IntEnum = (
            QoSSubscriptionEventType.RCL_SUBSCRIPTION_INCOMPATIBLE_TYPE
            if is_reader
            else QoSPublisherEventType.RCL_PUBLISHER_INCOMPATIBLE_TYPE
        )
        endpoint.watch([self._sources[kind][0] for kind in self._callbacks if kind in self._sources])
        if self._type_event in self._callbacks:
            graph.listen(endpoint.topic, self._compare_types)

    def destroy(self) -> None:
        """Watch no more."""
        self._destroyed = True
        self._graph.unlisten(self._endpoint.topic, self._compare_types)
        self._guard.delete()

    def _handles(self) -> tuple[int, ...]:
        return (self._endpoint.handle, self._guard.handle)

    def _compare_types(self, other: GraphEndpoint) -> None:
        if other.is_reader == isinstance(self._endpoint, Reader):
            return
        own, told = self._type_hash, parse_user_data(other.qos.user_data).get('typehash', self._type_hash)
        who = 'subscription expects' if other.is_reader else 'publisher sends'
        if other.type_name != self._endpoint.type_name:
            problem = f'a {who} {ros_type(other.type_name)}, here it is {ros_type(self._endpoint.type_name)}'
        elif told != own:
            problem = f'a {who} {ros_type(other.type_name)} with another definition: {told}, here {own}'
        else:
            return
        with self._lock:
            self._strangers.append(problem)
            self._strangers_total += 1
        self._guard.trigger()

    def _take(self, executor: Executor) -> Work | None:
        calls: list[tuple[Callable[[Any], Any], Any]] = []
        for kind, callback in self._callbacks.items():
            if kind in self._sources:
                source, convert = self._sources[kind]
                status = self._endpoint.take_status(source)
                if any(count for name, count in status.items() if name.endswith('_change')):
                    calls.append((callback, convert(status)))
        self._guard.take()
        with self._lock:
            strangers, self._strangers = self._strangers, []
            total = self._strangers_total
        if strangers:
            event = IncompatibleTypeInfo(total, len(strangers), '; '.join(strangers))
            calls.append((self._callbacks[self._type_event], event))
        if not calls:
            return None

        async def run() -> None:
            for callback, event in calls:
                outcome = callback(event)
                if inspect.isawaitable(outcome):
                    await outcome

        return run
