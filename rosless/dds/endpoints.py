# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writers and readers of serialised samples."""

from __future__ import annotations

import ctypes as ct
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rosless.dds import library
from rosless.dds.errors import DdsError
from rosless.dds.participant import Participant, guid_of
from rosless.dds.qos import Qos, read_user_data
from rosless.dds.status import Status, take_status

# Smaller samples are copied, which costs less than a view. It must stay above 256: Cyclone keeps the memory of
# smaller samples in a pool that is gone when the domain is, while a view may live longer.
_VIEW_BYTES = 16384
_DATA = 2
_PADDING = ct.create_string_buffer(4)

Buffer = bytes | bytearray | memoryview | np.ndarray[Any, np.dtype[np.uint8]]


class Sample(NamedTuple):
    """A received sample.

    Attributes:
        data: Serialised, with the four bytes of the CDR header; read-only. Large samples are views of the
            middleware's memory, which lives as long as the view.
        source_timestamp_ns: When it was written, by the writer's clock.
        writer: Handle of the writer that sent it.
    """

    data: bytes | memoryview
    source_timestamp_ns: int
    writer: int


class Peer(NamedTuple):
    """A matched reader or writer."""

    guid: bytes
    type_name: str
    user_data: bytes


class Endpoint:
    """What readers and writers have in common."""

    def __init__(self, participant: Participant, handle: int, topic: str, type_name: str) -> None:
        self.handle = handle
        self.topic = topic
        self.type_name = type_name
        self.guid = guid_of(handle)
        # Cyclone checks handles, but not the types and samples that are used here: those end with the endpoint.
        self._lock = threading.Lock()
        self._deleted = False
        participant.adopt(self)

    def delete(self) -> None:
        """Free it and tell the peers; a second time does nothing."""
        with self._lock:
            self._deleted = True
        library.delete(self.handle)

    def _check_alive(self) -> None:
        if self._deleted:
            raise DdsError(f'this {type(self).__name__.lower()} of {self.topic} was deleted')

    def watch(self, statuses: list[Status]) -> None:
        """Let a waitset to which `handle` is attached wake up for these."""
        mask = sum(1 << status for status in statuses)
        library.check(library.set_status_mask(self.handle, mask), f'watch an endpoint of {self.topic}')

    def take_status(self, status: Status) -> dict[str, int]:
        """The present counts of a status; what changed since the last call is then 0 again."""
        return take_status(self.handle, status)


class Writer(Endpoint):
    """Sends serialised samples.

    Raises:
        DdsError: Cyclone refuses the QoS, or the participant is gone.
    """

    def __init__(self, participant: Participant, topic: str, type_name: str, qos: Qos) -> None:
        with participant.topic(topic, type_name) as c_topic, qos.as_c() as c_qos:
            handle = library.create_writer(participant.handle, c_topic, c_qos, None)
        super().__init__(participant, library.check(handle, f'create a writer of {topic}'), topic, type_name)
        self._sertype = participant.sertype(self.handle, type_name)
        instance = ct.c_uint64()
        library.check(library.get_instance_handle(self.handle, ct.byref(instance)), f'identify a writer of {topic}')
        self.instance_handle = instance.value

    def write(self, *parts: Buffer) -> None:
        """Send a sample.

        Args:
            parts: Its bytes in one or more pieces, beginning with the four bytes of the CDR header. They are copied
                before this returns.

        Raises:
            DdsError: The writer was deleted.
        """
        vectors = (library.IoVector * (len(parts) + 1))()
        total = 0
        arrays = []  # Keeps what `vectors` points at.
        for vector, part in zip(vectors, parts, strict=False):
            array = np.frombuffer(part, np.uint8)
            arrays.append(array)
            vector.base, vector.length = array.ctypes.data, array.size
            total += array.size
        count = len(parts)
        if total % 4:
            vectors[count].base, vectors[count].length = ct.addressof(_PADDING), -total % 4
            total += -total % 4
            count += 1
        with self._lock:
            self._check_alive()
            serdata = library.serdata_from_vectors(self._sertype, _DATA, count, vectors, total)
        if not serdata:
            raise DdsError(f'could not write {total} bytes to {self.topic}: they are no serialised sample')
        library.check(library.write_cdr(self.handle, serdata), f'write to {self.topic}')

    def matched(self) -> list[int]:
        """Handles of the readers that receive what is written."""
        return _matched(self.handle, library.matched_subscriptions)

    def peer(self, reader: int) -> Peer | None:
        """What is known of a matched reader; None if it is gone."""
        return _peer(library.matched_subscription_data(self.handle, reader))

    def assert_liveliness(self) -> None:
        """Tell the readers that the writer is alive."""
        library.check(library.assert_liveliness(self.handle), f'assert the liveliness of a writer of {self.topic}')

    def wait_for_acknowledgments(self, timeout_ns: int) -> bool:
        """Whether all reliable readers received everything within that time."""
        code = library.wait_for_acks(self.handle, timeout_ns)
        return code != library.TIMEOUT and library.check(code, f'wait for the readers of {self.topic}') == 0


class _Loan:
    """The bytes of a sample in the middleware's memory, given back with the last view of them."""

    __slots__ = ('__array_interface__', '_reference', '_vector')

    def __init__(self, reference: int, vector: library.IoVector) -> None:
        self._reference, self._vector = reference, vector
        self.__array_interface__ = {
            'version': 3,
            'typestr': '|u1',
            'shape': (vector.length,),
            'data': (vector.base, True),  # True: read-only, other readers may have the same memory.
        }

    def __del__(self) -> None:
        library.serdata_unreference(self._reference, ct.byref(self._vector))


class Reader(Endpoint):
    """Receives serialised samples.

    Raises:
        DdsError: Cyclone refuses the QoS, or the participant is gone.
    """

    def __init__(self, participant: Participant, topic: str, type_name: str, qos: Qos) -> None:
        with participant.topic(topic, type_name) as c_topic, qos.as_c() as c_qos:
            handle = library.create_reader(participant.handle, c_topic, c_qos, None)
        super().__init__(participant, library.check(handle, f'create a reader of {topic}'), topic, type_name)
        # What a waitset waits for: samples, but also news about writers, which `take` swallows.
        condition = library.create_read_condition(self.handle, library.ANY_STATE)
        self.condition: int = library.check(condition, f'wait for {topic}')

    def take(self, count: int = 1) -> list[Sample]:
        """Remove up to that many samples, oldest first; never blocks.

        Raises:
            DdsError: The reader was deleted.
        """
        serdata, infos = (ct.c_void_p * count)(), (library.SampleInfo * count)()
        samples = []
        with self._lock:
            self._check_alive()
            taken = library.take_cdr(self.handle, serdata, count, infos, library.ANY_STATE)
            library.check(taken, f'read from {self.topic}')
            for index in range(taken):
                info = infos[index]
                if info.valid_data:
                    samples.append(
                        Sample(_bytes_of(serdata[index] or 0), info.source_timestamp, info.publication_handle)
                    )
                library.serdata_release(serdata[index])
        return samples

    def matched(self) -> list[int]:
        """Handles of the writers whose samples are received."""
        return _matched(self.handle, library.matched_publications)

    def peer(self, writer: int) -> Peer | None:
        """What is known of a matched writer; None if it is gone."""
        return _peer(library.matched_publication_data(self.handle, writer))


def _bytes_of(serdata: int) -> bytes | memoryview:
    size = library.serdata_size(serdata)
    vector = library.IoVector()
    reference = library.serdata_reference(serdata, 0, size, ct.byref(vector))
    if size >= _VIEW_BYTES:
        loaned: Any = np.asarray(_Loan(reference, vector))
        return memoryview(loaned)
    data = ct.string_at(vector.base, size)
    library.serdata_unreference(reference, ct.byref(vector))
    return data


def _matched(handle: int, function: Callable[..., int]) -> list[int]:
    room = 16
    while True:
        handles = (ct.c_uint64 * room)()
        count = library.check(function(handle, handles, room), 'look up matched endpoints')
        if count <= room:
            return list(handles[:count])
        room = count + 16


def _peer(pointer: Any) -> Peer | None:
    if not pointer:
        return None
    endpoint = pointer.contents
    peer = Peer(bytes(endpoint.key.v), endpoint.type_name.decode(), read_user_data(endpoint.qos))
    library.free_builtin_endpoint(pointer)
    return peer
