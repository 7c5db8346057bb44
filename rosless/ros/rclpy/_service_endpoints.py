# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The two DDS topics of a service.

Requests and replies begin with a header of 16 bytes, as Cyclone DDS's ROS 2 middleware writes it: a number for the
client, then a number for the request. Replies reach all clients of the service, and each keeps its own. The two
endpoints of a client or server carry the same identifier in their user data: only when a peer has found both is it
reachable.
"""

from __future__ import annotations

import struct
import time
from typing import Any, NamedTuple

from rosless import dds, interfaces
from rosless.dds.names import Kind, dds_topic, dds_type, parse_user_data

_HEADER = struct.Struct('<Qq')
_BIG_ENDIAN_HEADER = struct.Struct('>Qq')
_CDR_HEADER = 4
# How long a server waits for the reply reader of a client whose request came first.
_CLIENT_WAIT_S = 0.1
_CLIENT_POLL_S = 0.005


class RequestId(NamedTuple):
    """Which request of which client, and the DDS writer it came from."""

    client: int
    sequence_number: int
    writer: int


class Incoming(NamedTuple):
    """A request or reply."""

    id: RequestId
    body: bytes
    source_timestamp_ns: int


class ServiceEndpoints:
    """Writer and reader of a service's client or server."""

    def __init__(
        self, participant: dds.Participant, srv_type: type[Any], name: str, qos: dds.Qos, *, is_server: bool
    ) -> None:
        """Create them.

        Args:
            participant: Whose endpoints they are.
            srv_type: The service.
            name: Its full name, after remapping.
            qos: For both endpoints.
            is_server: Which of the two sides.
        """
        self._peer_key = 'clientid' if is_server else 'serviceid'
        identity = f'{"serviceid" if is_server else "clientid"}={participant.next_service_id()};'
        request, reply = interfaces.type_name(srv_type.Request), interfaces.type_name(srv_type.Response)

        def endpoint(kind: Any, topic: Kind, type_name: str) -> Any:
            user_data = f'{identity}typehash={interfaces.type_hash(type_name)};'.encode()
            return kind(participant, dds_topic(name, topic), dds_type(type_name), qos.with_user_data(user_data))

        if is_server:
            self.reader: dds.Reader = endpoint(dds.Reader, Kind.REQUEST, request)
            self.writer: dds.Writer = endpoint(dds.Writer, Kind.REPLY, reply)
        else:
            self.reader = endpoint(dds.Reader, Kind.REPLY, reply)
            self.writer = endpoint(dds.Writer, Kind.REQUEST, request)
        # Writers of clients whose reader was found once.
        self._reachable: set[int] = set()

    def delete(self) -> None:
        """Free them."""
        self.writer.delete()
        self.reader.delete()

    def send(self, client: int, sequence_number: int, body: Any) -> None:
        """Send a serialised request or reply."""
        view = memoryview(body)
        self.writer.write(bytes(view[:_CDR_HEADER]) + _HEADER.pack(client, sequence_number), view[_CDR_HEADER:])

    def take(self) -> Incoming | None:
        """The next request or reply, None if there is none."""
        while samples := self.reader.take():
            data, source_timestamp_ns, writer = samples[0]
            if len(data) < _CDR_HEADER + _HEADER.size:
                continue
            header = _HEADER if data[1] & 1 else _BIG_ENDIAN_HEADER
            client, sequence_number = header.unpack_from(data, _CDR_HEADER)
            # 16 bytes less keep the alignment of 8 that CDR needs.
            body = bytes(data[:_CDR_HEADER]) + bytes(data[_CDR_HEADER + _HEADER.size :])
            return Incoming(RequestId(client, sequence_number, writer), body, source_timestamp_ns)
        return None

    def has_peer(self) -> bool:
        """Whether the other side has been found with both endpoints."""
        writers = {self._peer_id(self.reader.peer(handle)) for handle in self.reader.matched()}
        if not writers:
            return False
        readers = {self._peer_id(self.writer.peer(handle)) for handle in self.writer.matched()}
        # Other DDS middlewares do not write identifiers: then one of each is enough.
        return bool(writers & readers) or (bool(readers) and '' in writers | readers)

    def wait_for_client(self, writer: int) -> bool:
        """Wait, shortly, until the client that sent a request can be answered; False if it cannot."""
        if writer in self._reachable:
            return True
        end = time.monotonic() + _CLIENT_WAIT_S
        while True:
            client = self.reader.peer(writer)
            if client is None:
                return False  # It is gone.
            identifier = self._peer_id(client)
            if not identifier or any(
                self._peer_id(self.writer.peer(handle)) == identifier for handle in self.writer.matched()
            ):
                self._reachable &= set(self.reader.matched())
                self._reachable.add(writer)
                return True
            if time.monotonic() > end:
                return False
            time.sleep(_CLIENT_POLL_S)

    def _peer_id(self, peer: dds.Peer | None) -> str:
        return '' if peer is None else parse_user_data(peer.user_data).get(self._peer_key, '')
