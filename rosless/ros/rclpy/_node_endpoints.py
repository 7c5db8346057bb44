# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What else a node makes: services, clients, timers, guard conditions and rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from rclpy._executable import Executable
from rclpy._node_topics import NodeTopics, interface_name
from rclpy._service_endpoints import ServiceEndpoints
from rclpy.client import Client
from rclpy.constants import S_TO_NS
from rclpy.guard_condition import GuardCondition
from rclpy.qos import QoSProfile, qos_profile_services_default
from rclpy.service import Service
from rclpy.timer import Rate, Timer

if TYPE_CHECKING:
    from rclpy.callback_groups import CallbackGroup
    from rclpy.clock import Clock
    from rclpy.node import Node
    from rclpy.publisher import Publisher
    from rclpy.subscription import Subscription


class NodeEndpoints(NodeTopics):
    """The `create_...` and `destroy_...` of `Node`."""

    _rate_group: CallbackGroup
    _clock: Clock

    def _init_endpoints(self) -> None:
        self._publishers: list[Publisher] = []
        self._subscriptions: list[Subscription] = []
        self._clients: list[Client] = []
        self._services: list[Service] = []
        self._timers: list[Timer] = []
        self._guards: list[GuardCondition] = []

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

    def _service_endpoints(
        self, srv_type: type[Any], name: str, qos: QoSProfile, *, is_server: bool
    ) -> tuple[ServiceEndpoints, str]:
        full_name = self._resolve(name, 'service')
        interface_name(srv_type, 'srv')
        endpoints = ServiceEndpoints(self._participant, srv_type, full_name, qos._to_dds(b''), is_server=is_server)
        with self._graph.batch():
            self._graph.add_endpoint(self._entry, endpoints.reader)
            self._graph.add_endpoint(self._entry, endpoints.writer)
        return endpoints, full_name

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
