# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a node makes: publishers, subscriptions, services, clients, timers, guard conditions and rates."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, cast

from rclpy._executable import Executable
from rclpy._qos_compatibility import best_available
from rclpy._service_endpoints import ServiceEndpoints
from rclpy.client import Client
from rclpy.constants import S_TO_NS
from rclpy.event_handler import EndpointEvents, EventHandler, PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.guard_condition import GuardCondition
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, qos_profile_services_default
from rclpy.qos_overriding_options import QoSOverridingOptions, override_qos
from rclpy.service import Service
from rclpy.subscription import Subscription
from rclpy.timer import Rate, Timer
from rosless import dds, interfaces
from rosless.dds.graph import Graph
from rosless.dds.names import dds_topic, dds_type

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.clock import Clock
    from rclpy.context import Context
    from rclpy.impl.rcutils_logger import RcutilsLogger
    from rclpy.node import Node
    from rosless.dds.announcement import NodeEntry


class NodeEndpoints:
    """The `create_...` and `destroy_...` of `Node`."""

    _graph: Graph
    _entry: NodeEntry
    _participant: dds.Participant
    _rate_group: CallbackGroup
    _clock: Clock

    if TYPE_CHECKING:

        @property
        def context(self) -> Context: ...

        @property
        def default_callback_group(self) -> CallbackGroup: ...

        def get_logger(self) -> RcutilsLogger: ...

        def _resolve(self, name: str, kind: Literal['topic', 'service'], only_expand: bool = False) -> str: ...

        def _changed(self) -> None: ...

    def _init_endpoints(self) -> None:
        self._publishers: list[Publisher] = []
        self._subscriptions: list[Subscription] = []
        self._clients: list[Client] = []
        self._services: list[Service] = []
        self._timers: list[Timer] = []
        self._guards: list[GuardCondition] = []

    @property
    def publishers(self) -> Iterator[Publisher]:
        """Its publishers."""
        yield from self._publishers

    @property
    def subscriptions(self) -> Iterator[Subscription]:
        """Its subscriptions."""
        yield from self._subscriptions

    @property
    def clients(self) -> Iterator[Client]:
        """Its service clients."""
        yield from self._clients

    @property
    def services(self) -> Iterator[Service]:
        """Its services."""
        yield from self._services

    @property
    def timers(self) -> Iterator[Timer]:
        """Its timers."""
        yield from self._timers

    @property
    def guards(self) -> Iterator[GuardCondition]:
        """Its guard conditions."""
        yield from self._guards

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
        publisher._events = self._events(writer, handlers, callback_group)
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
        subscription._events = self._events(reader, handlers, callback_group)
        self._graph.add_endpoint(self._entry, reader)
        self._subscriptions.append(subscription)
        self._changed()
        return subscription

    def create_client(
        self,
        srv_type: type[Any],
        srv_name: str,
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Client:
        """Make a client of a service.

        Args:
            srv_type: Class of the service.
            srv_name: Relative, private (`~/x`) or absolute name.
            qos_profile: For requests and responses.
            callback_group: Group in which responses are received.

        Raises:
            InvalidServiceNameException: The name is invalid.
        """
        group = callback_group or self.default_callback_group
        endpoints, full_name = self._service_endpoints(srv_type, srv_name, qos_profile, is_server=False)
        client = Client(self.context, endpoints, srv_type, srv_name, full_name, qos_profile, group)
        group.add_entity(client)
        self._clients.append(client)
        self._changed()
        return client

    def create_service(
        self,
        srv_type: type[Any],
        srv_name: str,
        callback: Callable[[Any, Any], Any],
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Service:
        """Make a service.

        Args:
            srv_type: Class of the service.
            srv_name: Relative, private (`~/x`) or absolute name.
            callback: Called with each request and an empty response; returns the response.
            qos_profile: For requests and responses.
            callback_group: Group of the callback.

        Raises:
            InvalidServiceNameException: The name is invalid.
        """
        group = callback_group or self.default_callback_group
        endpoints, full_name = self._service_endpoints(srv_type, srv_name, qos_profile, is_server=True)
        service = Service(
            endpoints, srv_type, srv_name, full_name, callback, group, qos_profile, self.get_logger().name
        )
        group.add_entity(service)
        self._services.append(service)
        self._changed()
        return service

    def create_timer(
        self,
        timer_period_sec: float,
        callback: Callable[[], Any] | None,
        callback_group: CallbackGroup | None = None,
        clock: Clock | None = None,
        autostart: bool = True,
    ) -> Timer:
        """Make a timer.

        Args:
            timer_period_sec: Seconds between two calls.
            callback: Called without arguments.
            callback_group: Group of the callback.
            clock: Whose time counts; the node's clock if None.
            autostart: Whether it runs before its `reset` is called.
        """
        group = callback_group or self.default_callback_group
        period_ns = int(float(timer_period_sec) * S_TO_NS)
        timer = Timer(
            callback, group, period_ns, clock or self._clock, context=self.context, autostart=autostart, wake=self._wake
        )
        group.add_entity(timer)
        self._timers.append(timer)
        self._changed()
        return timer

    def create_guard_condition(
        self, callback: Callable[[], Any], callback_group: CallbackGroup | None = None
    ) -> GuardCondition:
        """Make a guard condition, by which any thread can ask for a callback."""
        group = callback_group or self.default_callback_group
        guard = GuardCondition(callback, group, context=self.context)
        group.add_entity(guard)
        self._guards.append(guard)
        self._changed()
        return guard

    def create_rate(self, frequency: float, clock: Clock | None = None) -> Rate:
        """Make something to sleep with at a frequency in Hz."""
        if frequency <= 0:
            raise ValueError('frequency must be > 0')
        # A group of its own: other callbacks must not delay the sleeper.
        timer = self.create_timer(1.0 / frequency, None, self._rate_group, clock)
        return Rate(timer, context=self.context)

    def destroy_publisher(self, publisher: Publisher) -> bool:
        """Destroy a publisher; False if it is not one of this node."""
        return self._destroy(self._publishers, publisher, lambda: (publisher._writer,))

    def destroy_subscription(self, subscription: Subscription) -> bool:
        """Destroy a subscription; False if it is not one of this node."""
        return self._destroy(self._subscriptions, subscription, lambda: (subscription._reader,))

    def destroy_client(self, client: Client) -> bool:
        """Destroy a client; False if it is not one of this node."""
        return self._destroy(self._clients, client, lambda: (client._endpoints.reader, client._endpoints.writer))

    def destroy_service(self, service: Service) -> bool:
        """Destroy a service; False if it is not one of this node."""
        return self._destroy(self._services, service, lambda: (service._endpoints.reader, service._endpoints.writer))

    def destroy_timer(self, timer: Timer) -> bool:
        """Destroy a timer; False if it is not one of this node."""
        return self._destroy(self._timers, timer)

    def destroy_guard_condition(self, guard: GuardCondition) -> bool:
        """Destroy a guard condition; False if it is not one of this node."""
        return self._destroy(self._guards, guard)

    def destroy_rate(self, rate: Rate) -> bool:
        """Destroy a rate; False if it is not one of this node."""
        destroyed = self.destroy_timer(rate._timer)
        rate.destroy()
        return destroyed

    def _wake(self) -> None:
        executor = cast('Node', self).executor
        if executor is not None:
            executor.wake()

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
        type_name = _type_name(msg_type, 'msg')
        if options is not None:
            override_qos(cast('Node', self), entity, full_topic, qos, options)
        dds_name, is_publisher = _dds_topic(full_topic, qos), entity == 'publisher'
        peers = [
            QoSProfile._from_dds(endpoint.qos)
            for endpoint in self._graph.endpoints()
            if endpoint.topic == dds_name and endpoint.is_reader == is_publisher
        ]
        return best_available(qos, peers, is_publisher=is_publisher), full_topic, type_name

    def _service_endpoints(
        self, srv_type: type[Any], name: str, qos: QoSProfile, *, is_server: bool
    ) -> tuple[ServiceEndpoints, str]:
        full_name = self._resolve(name, 'service')
        _type_name(srv_type, 'srv')
        endpoints = ServiceEndpoints(self._participant, srv_type, full_name, qos._to_dds(b''), is_server=is_server)
        with self._graph.batch():
            self._graph.add_endpoint(self._entry, endpoints.reader)
            self._graph.add_endpoint(self._entry, endpoints.writer)
        return endpoints, full_name

    def _events(
        self, endpoint: dds.Endpoint, handlers: list[EventHandler], callback_group: CallbackGroup | None
    ) -> EndpointEvents | None:
        if not handlers:
            return None
        group = callback_group or self.default_callback_group
        events = EndpointEvents(endpoint, self._graph, handlers, group)
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

    def _destroy_endpoints(self) -> None:
        for owned, destroy in (
            (self._publishers, self.destroy_publisher),
            (self._subscriptions, self.destroy_subscription),
            (self._clients, self.destroy_client),
            (self._services, self.destroy_service),
            (self._timers, self.destroy_timer),
            (self._guards, self.destroy_guard_condition),
        ):
            for entity in list(owned):
                cast('Callable[[Any], bool]', destroy)(entity)

    def _executables(self) -> Iterator[Executable]:
        """What an executor runs, in the order in which it does if all is ready."""
        events = [*(end._events for end in self._publishers), *(end._events for end in self._subscriptions)]
        yield from (executable for executable in events if executable is not None)
        yield from (*self._timers, *self._subscriptions, *self._guards, *self._clients, *self._services)


def _profile(qos_profile: QoSProfile | int) -> QoSProfile:
    """A profile of one's own: it is changed by parameters and filled in."""
    if isinstance(qos_profile, QoSProfile):
        return copy.copy(qos_profile)
    if isinstance(qos_profile, bool) or not isinstance(qos_profile, int):
        raise TypeError(f'Expected QoSProfile or int, but received {type(qos_profile)!r}')
    if qos_profile < 0:
        raise ValueError('history depth must be greater than or equal to zero')
    return QoSProfile(depth=qos_profile)


def _type_name(interface: type[Any], kind: Literal['msg', 'srv']) -> str:
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


_EXAMPLES = {'msg': 'std_msgs.msg.String', 'srv': 'std_srvs.srv.Trigger'}


def _dds_topic(full_topic: str, qos: QoSProfile) -> str:
    return full_topic if qos.avoid_ros_namespace_conventions else dds_topic(full_topic)


def _user_data(type_name: str) -> bytes:
    return f'typehash={interfaces.type_hash(type_name)};'.encode()
