# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ROS graph: which nodes exist, with which topics and services. It is kept up to date by a thread that sleeps
unless something changes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rosless.dds import announcement, library
from rosless.dds.announcement import NodeEntry
from rosless.dds.builtin import EndpointsReader, ParticipantsReader
from rosless.dds.endpoints import Reader, Writer
from rosless.dds.errors import DdsError
from rosless.dds.names import parse_user_data
from rosless.dds.participant import Participant
from rosless.dds.qos import Qos
from rosless.dds.waitset import Guard, Waitset

log = logging.getLogger(__name__)

_BATCH = 64
_UNKNOWN_NODE = NodeEntry('_NODE_NAMESPACE_UNKNOWN_', '_NODE_NAME_UNKNOWN_')


@dataclass(frozen=True)
class GraphEndpoint:
    """A reader or writer somewhere in the domain."""

    guid: bytes
    participant: bytes
    topic: str
    type_name: str
    qos: Qos
    is_reader: bool


@dataclass
class _Member:
    enclave: str
    nodes: list[NodeEntry]


class Graph:
    """Everything that is known of the domain, and what this participant tells about itself.

    Args:
        participant: Whose nodes are announced.
    """

    def __init__(self, participant: Participant) -> None:
        self._participant = participant
        self._lock = threading.RLock()
        self._members = {participant.guid: _Member(participant.enclave, [])}
        # What remote nodes announced may arrive before their participant is discovered.
        self._early: dict[bytes, list[NodeEntry]] = {}
        self._endpoints: dict[bytes, GraphEndpoint] = {}
        self._batches = 0
        self._listeners: dict[str, list[Callable[[GraphEndpoint], None]]] = {}
        user_data = f'typehash={announcement.TYPE_HASH};'.encode()
        latched = Qos(depth=1, transient_local=True, user_data=user_data)
        self._writer = Writer(participant, announcement.TOPIC, announcement.TYPE, latched)
        everything = Qos(depth=None, transient_local=True, user_data=user_data, ignore_local=True)
        self._reader = Reader(participant, announcement.TOPIC, announcement.TYPE, everything)
        self._participants = ParticipantsReader(participant)
        self._writers = EndpointsReader(participant, library.PUBLICATIONS_TOPIC)
        self._readers = EndpointsReader(participant, library.SUBSCRIPTIONS_TOPIC)
        self._stop = Guard()
        self._waitset = Waitset()
        sources = (self._reader.condition, self._participants.handle, self._writers.handle, self._readers.handle)
        for handle in (self._stop.handle, *sources):
            self._waitset.attach(handle)
        self._thread = threading.Thread(target=self._watch, name='rosless graph', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread. The participant may be deleted afterwards."""
        self._stop.trigger()
        if threading.current_thread() is not self._thread:
            self._thread.join()
            self._waitset.delete()
            self._stop.delete()

    # What this participant has.

    def add_node(self, namespace: str, name: str) -> NodeEntry:
        """Announce a node; its readers and writers are added with `add_reader` and `add_writer`."""
        entry = NodeEntry(namespace, name)
        with self.batch():
            self._own.append(entry)
        return entry

    def remove_node(self, entry: NodeEntry) -> None:
        """Announce that a node is gone."""
        with self.batch():
            self._own[:] = [node for node in self._own if node is not entry]

    def add_endpoint(self, entry: NodeEntry, endpoint: Reader | Writer) -> None:
        """Announce that a reader or writer belongs to a node."""
        with self.batch():
            (entry.readers if isinstance(endpoint, Reader) else entry.writers).append(endpoint.guid)

    def remove_endpoint(self, entry: NodeEntry, endpoint: Reader | Writer) -> None:
        """Announce that a reader or writer no longer belongs to a node."""
        with self.batch():
            guids = entry.readers if isinstance(endpoint, Reader) else entry.writers
            if endpoint.guid in guids:
                guids.remove(endpoint.guid)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Announce what is changed inside the `with` block at its end, all at once."""
        with self._lock:
            self._batches += 1
            try:
                yield
            finally:
                self._batches -= 1
                if not self._batches:
                    self._announce()

    def _announce(self) -> None:
        try:
            self._writer.write(announcement.encode(self._participant.guid, self._own))
        except DdsError as error:
            log.debug('nodes are not announced, the participant is leaving: %s', error)

    @property
    def _own(self) -> list[NodeEntry]:
        return self._members[self._participant.guid].nodes

    # What the domain has.

    def nodes(self) -> list[tuple[NodeEntry, str]]:
        """All nodes, each with its enclave."""
        with self._lock:
            return [(node, member.enclave) for member in self._members.values() for node in member.nodes]

    def endpoints(self) -> list[GraphEndpoint]:
        """All readers and writers."""
        with self._lock:
            return list(self._endpoints.values())

    def node_of(self, endpoint: GraphEndpoint) -> NodeEntry:
        """The node that announced an endpoint; one with telling names where nobody did."""
        with self._lock:
            member = self._members.get(endpoint.participant)
            for node in member.nodes if member else ():
                if endpoint.guid in (node.readers if endpoint.is_reader else node.writers):
                    return node
        return _UNKNOWN_NODE

    def listen(self, topic: str, listener: Callable[[GraphEndpoint], None]) -> None:
        """Call a function for each endpoint of a topic that exists or appears, from the graph's thread."""
        with self._lock:
            self._listeners.setdefault(topic, []).append(listener)
            endpoints = [endpoint for endpoint in self._endpoints.values() if endpoint.topic == topic]
        for endpoint in endpoints:
            listener(endpoint)

    def unlisten(self, topic: str, listener: Callable[[GraphEndpoint], None]) -> None:
        """Undo `listen`."""
        with self._lock:
            remaining = [other for other in self._listeners.get(topic, []) if other != listener]
            if remaining:
                self._listeners[topic] = remaining
            else:
                self._listeners.pop(topic, None)

    # The thread.

    def _watch(self) -> None:
        while True:
            try:
                self._waitset.wait(library.INFINITY_NS)
            except DdsError:
                return  # The library is shutting down.
            if self._stop.take():
                return
            with self._lock:
                self._take_participants()
                self._take_endpoints(self._writers, is_reader=False)
                self._take_endpoints(self._readers, is_reader=True)
                self._take_announcements()

    def _take_participants(self) -> None:
        for news in self._participants.take():
            if news.guid == self._participant.guid:
                continue
            if news.user_data is None:
                self._members.pop(news.guid, None)
                self._early.pop(news.guid, None)
                continue
            enclave = parse_user_data(news.user_data).get('enclave')
            if enclave is not None and news.guid not in self._members:
                self._members[news.guid] = _Member(enclave, self._early.pop(news.guid, []))

    def _take_endpoints(self, reader: EndpointsReader, *, is_reader: bool) -> None:
        for news in reader.take():
            if news.qos is None:
                self._endpoints.pop(news.guid, None)
                continue
            endpoint = GraphEndpoint(news.guid, news.participant, news.topic, news.type_name, news.qos, is_reader)
            known = news.guid in self._endpoints
            self._endpoints[news.guid] = endpoint
            for listener in () if known else list(self._listeners.get(news.topic, ())):
                listener(endpoint)

    def _take_announcements(self) -> None:
        try:
            samples = self._reader.take(_BATCH)
            while len(samples) % _BATCH == 0 and (more := self._reader.take(_BATCH)):
                samples += more
        except DdsError:
            return  # The participant is being deleted.
        # Of several by the same writer only the last one counts.
        for sample in {sample.writer: sample for sample in samples}.values():
            try:
                guid, nodes = announcement.decode(sample.data)
            except ValueError as error:
                log.warning('%s; its nodes stay unknown', error)
                continue
            member = self._members.get(guid)
            if member is not None:
                member.nodes = nodes
            else:
                self._early[guid] = nodes
