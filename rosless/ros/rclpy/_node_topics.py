# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The publishers and subscriptions of a node."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, cast

from rclpy._qos_compatibility import best_available
from rclpy.event_handler import EndpointEvents, EventHandler, PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions, override_qos
from rclpy.subscription import Subscription
from rosless import dds, interfaces
from rosless.dds.graph import Graph
from rosless.dds.names import dds_topic, dds_type

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.context import Context
    from rclpy.impl.rcutils_logger import RcutilsLogger
    from rclpy.node import Node
    from rosless.dds.announcement import NodeEntry

_EXAMPLES = {'msg': 'std_msgs.msg.String', 'srv': 'std_srvs.srv.Trigger'}


class NodeTopics:
    """Makes and destroys them; part of `Node`."""

    _graph: Graph
    _entry: NodeEntry
    _participant: dds.Participant
    _publishers: list[Publisher]
    _subscriptions: list[Subscription]

    if TYPE_CHECKING:

        @property
        def context(self) -> Context: ...

        @property
        def default_callback_group(self) -> CallbackGroup: ...

        def get_logger(self) -> RcutilsLogger: ...

        def _resolve(self, name: str, kind: Literal['topic', 'service'], only_expand: bool = False) -> str: ...

        def _changed(self) -> None: ...

    @property
    def publishers(self) -> Iterator[Publisher]:
        """Its publishers."""
        yield from self._publishers

    @property
    def subscriptions(self) -> Iterator[Subscription]:
        """Its subscriptions."""
        yield from self._subscriptions

    def create_publisher(
        self,
        msg_type: type[Any],
        topic: str,
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        event_callbacks: PublisherEventCallbacks | None = None,
        qos_overriding_options: QoSOverridingOptions | None = None,
        publisher_class: type[Publisher] = Publisher,
    ) -> Publisher:
        """Make a publisher.

        Args:
            msg_type: Class of its messages.
            topic: Relative, private (`~/x`) or absolute name.
            qos_profile: What it offers; a number stands for KEEP_LAST with that depth.
            callback_group: Group of the event callbacks.
            event_callbacks: Called at events.
            qos_overriding_options: Policies that parameters can change.
            publisher_class: Class of the publisher.

        Raises:
            InvalidTopicNameException: The name is invalid.
        """
        qos, full_topic, type_name = self._prepare('publisher', msg_type, topic, qos_profile, qos_overriding_options)
        writer = dds.Writer(
            self._participant, _dds_topic(full_topic, qos), dds_type(type_name), qos._to_dds(_user_data(type_name))
        )
        logger_name = self.get_logger().name
        publisher = publisher_class(writer, msg_type, topic, full_topic, qos, self.context, logger_name)
        handlers = (event_callbacks or PublisherEventCallbacks())._handlers(full_topic, logger_name)
        publisher._events = self._events(writer, type_name, handlers, callback_group)
        self._graph.add_endpoint(self._entry, writer)
        self._publishers.append(publisher)
        self._changed()
        return publisher

    def create_subscription(
        self,
        msg_type: type[Any],
        topic: str,
        callback: Callable[..., Any],
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        event_callbacks: SubscriptionEventCallbacks | None = None,
        qos_overriding_options: QoSOverridingOptions | None = None,
        raw: bool = False,
    ) -> Subscription:
        """Make a subscription.

        Args:
            msg_type: Class of its messages.
            topic: Relative, private (`~/x`) or absolute name.
            callback: Called with each message, or, if it takes two arguments, with the message and information on it.
            qos_profile: What it asks for; a number stands for KEEP_LAST with that depth.
            callback_group: Group of the callback.
            event_callbacks: Called at events.
            qos_overriding_options: Policies that parameters can change.
            raw: Whether the callback gets serialised messages.

        Raises:
            InvalidTopicNameException: The name is invalid.
        """
        qos, full_topic, type_name = self._prepare('subscription', msg_type, topic, qos_profile, qos_overriding_options)
        group = callback_group or self.default_callback_group
        reader = dds.Reader(
            self._participant, _dds_topic(full_topic, qos), dds_type(type_name), qos._to_dds(_user_data(type_name))
        )
        logger_name = self.get_logger().name
        try:
            subscription = Subscription(reader, msg_type, topic, full_topic, callback, group, qos, raw, logger_name)
        except Exception:
            reader.delete()
            raise
        group.add_entity(subscription)
        handlers = (event_callbacks or SubscriptionEventCallbacks())._handlers(full_topic, logger_name)
        subscription._events = self._events(reader, type_name, handlers, callback_group)
        self._graph.add_endpoint(self._entry, reader)
        self._subscriptions.append(subscription)
        self._changed()
        return subscription

    def destroy_publisher(self, publisher: Publisher) -> bool:
        """Destroy a publisher; False if it is not one of this node."""
        return self._destroy(self._publishers, publisher, lambda: (publisher._writer,))

    def destroy_subscription(self, subscription: Subscription) -> bool:
        """Destroy a subscription; False if it is not one of this node."""
        return self._destroy(self._subscriptions, subscription, lambda: (subscription._reader,))

    def _prepare(
        self,
        entity: Literal['publisher', 'subscription'],
        msg_type: type[Any],
        topic: str,
        qos_profile: QoSProfile | int,
        options: QoSOverridingOptions | None,
    ) -> tuple[QoSProfile, str, str]:
        """QoS, full name and type of a new publisher or subscription."""
        qos = _profile(qos_profile)
        full_topic = self._resolve(topic, 'topic')
        type_name = interface_name(msg_type, 'msg')
        if options is not None:
            override_qos(cast('Node', self), entity, full_topic, qos, options)
        dds_name, is_publisher = _dds_topic(full_topic, qos), entity == 'publisher'
        peers = [
            QoSProfile._from_dds(endpoint.qos)
            for endpoint in self._graph.endpoints()
            if endpoint.topic == dds_name and endpoint.is_reader == is_publisher
        ]
        return best_available(qos, peers, is_publisher=is_publisher), full_topic, type_name

    def _events(
        self,
        endpoint: dds.Endpoint,
        type_name: str,
        handlers: list[EventHandler],
        callback_group: CallbackGroup | None,
    ) -> EndpointEvents | None:
        if not handlers:
            return None
        group = callback_group or self.default_callback_group
        events = EndpointEvents(endpoint, interfaces.type_hash(type_name), self._graph, handlers, group)
        group.add_entity(events)
        return events

    def _destroy(
        self, owned: list[Any], entity: Any, endpoints: Callable[[], tuple[dds.Reader | dds.Writer, ...]] = tuple
    ) -> bool:
        if not any(entity is other for other in owned):
            return False
        owned[:] = [other for other in owned if other is not entity]
        with self._graph.batch():
            for endpoint in endpoints():
                self._graph.remove_endpoint(self._entry, endpoint)
        entity.destroy()
        self._changed()
        return True


def _profile(qos_profile: QoSProfile | int) -> QoSProfile:
    """A profile of one's own: it is changed by parameters and filled in."""
    if isinstance(qos_profile, QoSProfile):
        return copy.copy(qos_profile)
    if isinstance(qos_profile, bool) or not isinstance(qos_profile, int):
        raise TypeError(f'Expected QoSProfile or int, but received {type(qos_profile)!r}')
    if qos_profile < 0:
        raise ValueError('history depth must be greater than or equal to zero')
    return QoSProfile(depth=qos_profile)


def interface_name(interface: type[Any], kind: Literal['msg', 'srv']) -> str:
    """The name of a message or service class.

    Raises:
        RuntimeError: It is none.
    """
    try:
        name = str(interfaces.type_name(interface))
    except (TypeError, AttributeError):
        name = ''
    if f'/{kind}/' not in name:
        wanted = 'message' if kind == 'msg' else 'service'
        raise RuntimeError(
            f'the {wanted} type is not valid, got {interface!r}; expected a class like {_EXAMPLES[kind]}'
        )
    return name


def _dds_topic(full_topic: str, qos: QoSProfile) -> str:
    return full_topic if qos.avoid_ros_namespace_conventions else dds_topic(full_topic)


def _user_data(type_name: str) -> bytes:
    return f'typehash={interfaces.type_hash(type_name)};'.encode()
