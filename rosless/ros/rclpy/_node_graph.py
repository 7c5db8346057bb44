# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a node can ask about the ROS graph."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from rclpy._rclpy_pybind11 import NodeNameNonExistentError
from rclpy.expand_topic_name import expand_topic_name
from rclpy.qos import QoSProfile
from rclpy.topic_endpoint_info import TopicEndpointInfo, TopicEndpointTypeEnum
from rclpy.validate_full_topic_name import validate_full_topic_name
from rosless.dds.graph import Graph, GraphEndpoint
from rosless.dds.names import Kind, dds_topic, parse_user_data, ros_name, ros_service_type, ros_type

if TYPE_CHECKING:
    from typing import Literal

NamesAndTypes = list[tuple[str, list[str]]]

_POLL_S = 0.02


class NodeGraph:
    """The graph queries of `Node`."""

    _graph: Graph

    if TYPE_CHECKING:

        def get_name(self) -> str: ...

        def get_namespace(self) -> str: ...

        def _resolve(self, name: str, kind: Literal['topic', 'service'], only_expand: bool = False) -> str: ...

    # Nodes

    def get_node_names(self) -> list[str]:
        """The names of all nodes, without namespaces."""
        return [name for name, _ in self.get_node_names_and_namespaces()]

    def get_fully_qualified_node_names(self) -> list[str]:
        """The names of all nodes, with namespaces."""
        return [_join(namespace, name) for name, namespace in self.get_node_names_and_namespaces()]

    def get_node_names_and_namespaces(self) -> list[tuple[str, str]]:
        """Name and namespace of all nodes."""
        return [(node.name, node.namespace) for node, _ in self._graph.nodes()]

    def get_node_names_and_namespaces_with_enclaves(self) -> list[tuple[str, str, str]]:
        """Name, namespace and enclave of all nodes."""
        return [(node.name, node.namespace, enclave) for node, enclave in self._graph.nodes()]

    def wait_for_node(self, fully_qualified_node_name: str, timeout: float) -> bool:
        """Wait until a node exists.

        Args:
            fully_qualified_node_name: Its name with namespace.
            timeout: Seconds to wait; negative ones do not wait at all.

        Returns:
            Whether it does.
        """
        wanted = '/' + fully_qualified_node_name.lstrip('/')
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if wanted in self.get_fully_qualified_node_names():
                return True
            time.sleep(_POLL_S)
        return False

    # Topics and services

    def get_topic_names_and_types(self, no_demangle: bool = False) -> NamesAndTypes:
        """All topics, each with its types.

        Args:
            no_demangle: Whether to return all DDS topics, as DDS writes their names and types.
        """
        return _topics(self._graph.endpoints(), no_demangle)

    def get_service_names_and_types(self) -> NamesAndTypes:
        """All services, each with its types."""
        return _services(self._graph.endpoints(), servers=None)

    def get_publisher_names_and_types_by_node(
        self, node_name: str, node_namespace: str, no_demangle: bool = False
    ) -> NamesAndTypes:
        """The topics that a node publishes; NodeNameNonExistentError if there is no such node."""
        return _topics(self._endpoints_of(node_name, node_namespace, readers=False), no_demangle)

    def get_subscriber_names_and_types_by_node(
        self, node_name: str, node_namespace: str, no_demangle: bool = False
    ) -> NamesAndTypes:
        """The topics to which a node subscribes; NodeNameNonExistentError if there is no such node."""
        return _topics(self._endpoints_of(node_name, node_namespace, readers=True), no_demangle)

    def get_service_names_and_types_by_node(self, node_name: str, node_namespace: str) -> NamesAndTypes:
        """The services that a node has; NodeNameNonExistentError if there is no such node."""
        return _services(self._endpoints_of(node_name, node_namespace, readers=True), servers=True)

    def get_client_names_and_types_by_node(self, node_name: str, node_namespace: str) -> NamesAndTypes:
        """The services that a node calls; NodeNameNonExistentError if there is no such node."""
        return _services(self._endpoints_of(node_name, node_namespace, readers=True), servers=False)

    def count_publishers(self, topic_name: str) -> int:
        """The number of publishers of a topic, whose name is expanded but not remapped."""
        return self._count(topic_name, Kind.TOPIC, readers=False)

    def count_subscribers(self, topic_name: str) -> int:
        """The number of subscriptions of a topic, whose name is expanded but not remapped."""
        return self._count(topic_name, Kind.TOPIC, readers=True)

    def count_clients(self, service_name: str) -> int:
        """The number of clients of a service, whose name is expanded but not remapped."""
        return self._count(service_name, Kind.REPLY, readers=True)

    def count_services(self, service_name: str) -> int:
        """The number of servers of a service, whose name is expanded but not remapped."""
        return self._count(service_name, Kind.REQUEST, readers=True)

    def get_publishers_info_by_topic(self, topic_name: str, no_mangle: bool = False) -> list[TopicEndpointInfo]:
        """All publishers of a topic.

        Args:
            topic_name: Its name, which is expanded and remapped.
            no_mangle: Whether it is the name of a DDS topic instead.
        """
        return self._infos(topic_name, no_mangle, readers=False)

    def get_subscriptions_info_by_topic(self, topic_name: str, no_mangle: bool = False) -> list[TopicEndpointInfo]:
        """All subscriptions of a topic; see `get_publishers_info_by_topic`."""
        return self._infos(topic_name, no_mangle, readers=True)

    def _endpoints_of(self, node_name: str, node_namespace: str, *, readers: bool) -> list[GraphEndpoint]:
        namespace = '/' + node_namespace.strip('/')
        found = [node for node, _ in self._graph.nodes() if (node.name, node.namespace) == (node_name, namespace)]
        if not found:
            raise NodeNameNonExistentError(f"cannot find the node '{_join(namespace, node_name)}' in the graph")
        guids = {guid for node in found for guid in (node.readers if readers else node.writers)}
        return [endpoint for endpoint in self._graph.endpoints() if endpoint.guid in guids]

    def _count(self, name: str, kind: Kind, *, readers: bool) -> int:
        full_name = expand_topic_name(name, self.get_name(), self.get_namespace())
        validate_full_topic_name(full_name, is_service=kind is not Kind.TOPIC)
        return len(self._matching(dds_topic(full_name, kind), readers=readers))

    def _matching(self, topic: str, *, readers: bool) -> list[GraphEndpoint]:
        return [end for end in self._graph.endpoints() if end.topic == topic and end.is_reader == readers]

    def _infos(self, name: str, no_mangle: bool, *, readers: bool) -> list[TopicEndpointInfo]:
        topic = name if no_mangle else dds_topic(self._resolve(name, 'topic'))
        kind = TopicEndpointTypeEnum.SUBSCRIPTION if readers else TopicEndpointTypeEnum.PUBLISHER
        infos = []
        for endpoint in self._matching(topic, readers=readers):
            node = self._graph.node_of(endpoint)
            info = TopicEndpointInfo(
                node_name=node.name,
                node_namespace=node.namespace,
                topic_type=endpoint.type_name if no_mangle else ros_type(endpoint.type_name),
                topic_type_hash=parse_user_data(endpoint.qos.user_data).get('typehash', 'INVALID'),
                endpoint_type=kind,
                endpoint_gid=list(endpoint.guid),
                qos_profile=QoSProfile._from_dds(endpoint.qos),
            )
            infos.append(info)
        return infos


def _join(namespace: str, name: str) -> str:
    return f'{namespace.rstrip("/")}/{name}'


def _group(
    endpoints: Iterable[GraphEndpoint], describe: Callable[[GraphEndpoint], tuple[str, str] | None]
) -> NamesAndTypes:
    found: dict[str, set[str]] = defaultdict(set)
    for endpoint in endpoints:
        described = describe(endpoint)
        if described is not None:
            found[described[0]].add(described[1])
    return [(name, sorted(types)) for name, types in sorted(found.items())]


def _topics(endpoints: Iterable[GraphEndpoint], no_demangle: bool) -> NamesAndTypes:
    def describe(endpoint: GraphEndpoint) -> tuple[str, str] | None:
        if no_demangle:
            return endpoint.topic, endpoint.type_name
        named = ros_name(endpoint.topic)
        return (named[1], ros_type(endpoint.type_name)) if named and named[0] is Kind.TOPIC else None

    return _group(endpoints, describe)


def _services(endpoints: Iterable[GraphEndpoint], *, servers: bool | None) -> NamesAndTypes:
    """The services of the servers or the clients among the readers, or of both."""
    kinds = {True: (Kind.REQUEST,), False: (Kind.REPLY,), None: (Kind.REQUEST, Kind.REPLY)}[servers]

    def describe(endpoint: GraphEndpoint) -> tuple[str, str] | None:
        named, service = ros_name(endpoint.topic), ros_service_type(endpoint.type_name)
        return (named[1], service) if named and service and named[0] in kinds else None

    return _group(endpoints, describe)
