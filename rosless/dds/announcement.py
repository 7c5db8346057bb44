# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The message by which a ROS 2 process says which nodes it has and which readers and writers are theirs.

DDS knows nothing of nodes, so every participant publishes a `rmw_dds_common/msg/ParticipantEntitiesInfo`, latched.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

TOPIC = 'ros_discovery_info'
TYPE = 'rmw_dds_common::msg::dds_::ParticipantEntitiesInfo_'
TYPE_HASH = 'RIHS01_91a0593bacdcc50ea9bdcf849a938b128412cc1ea821245c663bcd26f83c295e'

_HEADER = b'\0\1\0\0'  # Plain CDR, little-endian.
_GUID_BYTES = 16


@dataclass
class NodeEntry:
    """A node and the identifiers of its readers and writers."""

    namespace: str
    name: str
    readers: list[bytes] = field(default_factory=list)
    writers: list[bytes] = field(default_factory=list)


def encode(participant: bytes, nodes: list[NodeEntry]) -> bytes:
    """Serialise what a participant announces."""
    out = bytearray(participant)
    out += struct.pack('<I', len(nodes))
    for node in nodes:
        for text in (node.namespace, node.name):
            raw = text.encode() + b'\0'
            out += struct.pack('<I', len(raw)) + raw + bytes(-len(raw) % 4)
        for guids in (node.readers, node.writers):
            out += struct.pack('<I', len(guids)) + b''.join(guids)
    return _HEADER + bytes(out)


def decode(data: bytes | memoryview) -> tuple[bytes, list[NodeEntry]]:
    """Read what a participant announces.

    Raises:
        ValueError: This is no such message.
    """
    try:
        return _Decoder(bytes(data)).message()
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise ValueError(f'an announcement of nodes cannot be read: {error}') from None


class _Decoder:
    def __init__(self, data: bytes) -> None:
        if len(data) < len(_HEADER) + _GUID_BYTES:
            raise ValueError(f'an announcement of nodes has {len(data)} bytes, fewer than an empty one')
        self._order = '<' if data[1] & 1 else '>'
        self._data = data[len(_HEADER) :]
        self._place = 0

    def message(self) -> tuple[bytes, list[NodeEntry]]:
        participant = self._guid()
        nodes = []
        for _ in range(self._length()):
            namespace, name = self._text(), self._text()
            readers = [self._guid() for _ in range(self._length())]
            writers = [self._guid() for _ in range(self._length())]
            nodes.append(NodeEntry(namespace, name, readers, writers))
        return participant, nodes

    def _length(self) -> int:
        self._place += -self._place % 4
        (length,) = struct.unpack_from(f'{self._order}I', self._data, self._place)
        self._place += 4
        if length > len(self._data):
            raise ValueError(f'an announcement of nodes claims {length} items in {len(self._data)} bytes')
        return int(length)

    def _text(self) -> str:
        length = self._length()
        raw = self._data[self._place : self._place + length]
        self._place += length
        return raw.rstrip(b'\0').decode()

    def _guid(self) -> bytes:
        guid = self._data[self._place : self._place + _GUID_BYTES]
        if len(guid) < _GUID_BYTES:
            raise IndexError('it ends too early')
        self._place += _GUID_BYTES
        return guid
