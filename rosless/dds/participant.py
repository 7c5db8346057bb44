# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A process's membership in a DDS domain."""

from __future__ import annotations

import ctypes as ct
import itertools
import struct
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rosless.dds import discovery, library
from rosless.dds.errors import DdsError
from rosless.dds.heap import keep_memory_of_images
from rosless.dds.qos import Qos, user_data_qos

# A type is described to Cyclone as one octet. Only that octet is ever looked at; the rest of a sample is opaque. A list
# without operations is refused. The flag says that no XTypes description of the type exists.
_OPERATIONS = (ct.c_uint32 * 3)(0x01010000, 0, 0)
_FIXED_SIZE_NO_TYPE_INFORMATION = 1 << 7
_XCDR1_ONLY = 1

_domains_lock = threading.Lock()
_domains: dict[int, int] = {}
_users: Counter[int] = Counter()


def _enter_domain(domain: int, configuration: str) -> None:
    with _domains_lock:
        if not _users[domain]:
            handle = library.create_domain(domain, configuration.encode())
            _domains[domain] = library.check(handle, f'open domain {domain} with the configuration {configuration}')
        _users[domain] += 1


def _leave_domain(domain: int) -> None:
    with _domains_lock:
        _users[domain] -= 1
        if not _users[domain]:
            library.delete(_domains.pop(domain))


class _Deletable(Protocol):
    def delete(self) -> None: ...


class Participant:
    """A member of a domain; readers and writers belong to it and go with it.

    Args:
        domain: Number of the domain; `ROS_DOMAIN_ID` if None.
        enclave: Name that ROS 2 gives to a set of security files; announced, not used.

    Raises:
        DdsError: The domain cannot be opened, most often because no port is free or the configuration is wrong.
    """

    def __init__(self, domain: int | None = None, enclave: str = '/') -> None:
        self.domain = discovery.domain_id() if domain is None else domain
        self.enclave = enclave
        keep_memory_of_images()
        _enter_domain(self.domain, discovery.configuration(is_cyclone_11=library.get_sertype is not None))
        self._deleted = False
        self._lock = threading.Lock()
        self._endpoints: weakref.WeakSet[_Deletable] = weakref.WeakSet()
        self._service_ids = itertools.count(1)
        self._sertypes: dict[str, int] = {}
        try:
            with user_data_qos(f'enclave={enclave};'.encode()) as qos:
                handle = library.create_participant(self.domain, qos, None)
            self.handle: int = library.check(handle, f'join domain {self.domain}')
        except DdsError:
            _leave_domain(self.domain)
            raise
        self.guid = guid_of(self.handle)

    def adopt(self, endpoint: _Deletable) -> None:
        """Let a reader or writer end before the participant does."""
        with self._lock:
            self._endpoints.add(endpoint)

    def next_service_id(self) -> str:
        """An identifier for the endpoints of a service's client or server, unique in the whole domain."""
        raw = self.guid[:12] + struct.pack('>I', next(self._service_ids))
        return '.'.join(f'{byte:x}' for byte in raw)

    @contextmanager
    def topic(self, name: str, type_name: str) -> Iterator[int]:
        """The handle of a topic whose samples are bytes, to make readers and writers with inside the `with` block."""
        descriptor = library.TopicDescriptor()
        descriptor.size = descriptor.align = 1
        descriptor.flagset = _FIXED_SIZE_NO_TYPE_INFORMATION
        descriptor.typename = type_name.encode()
        descriptor.operation_count = len(_OPERATIONS)
        descriptor.operations = ct.cast(_OPERATIONS, ct.c_void_p)
        descriptor.meta = b''
        descriptor.restrict_data_representation = _XCDR1_ONLY
        handle = library.create_topic(self.handle, ct.byref(descriptor), name.encode(), None, None)
        library.check(handle, f'create the topic {name} of type {type_name}')
        try:
            yield handle
        finally:
            library.delete(handle)

    def sertype(self, writer: int, type_name: str) -> int:
        """The address of what Cyclone knows about a type, with which samples of bytes are made."""
        if library.get_sertype is not None:
            address = ct.c_void_p()
            library.check(library.get_sertype(writer, ct.byref(address)), f'look up the type {type_name}')
            return address.value or 0
        with self._lock:
            known = self._sertypes.get(type_name)
        if known is None:
            known = self._sertypes[type_name] = self._sertype_from_sample(type_name)
        return known

    def _sertype_from_sample(self, type_name: str) -> int:
        """What `dds_get_entity_sertype` would say, from a sample sent to oneself: libddsc 0.10 cannot be asked."""
        name = f'rosless_sertype_{self.guid.hex()}_{type_name.replace(":", "_")}'
        with self.topic(name, type_name) as topic, Qos(depth=1).as_c() as qos:
            writer = library.check(library.create_writer(self.handle, topic, qos, None), f'create a writer of {name}')
            reader = library.check(library.create_reader(self.handle, topic, qos, None), f'create a reader of {name}')
        serdata, info = (ct.c_void_p * 1)(), (library.SampleInfo * 1)()
        library.check(library.write_sample(writer, ct.byref(ct.c_uint64())), f'write to {name}')
        if library.check(library.take_cdr(reader, serdata, 1, info, library.ANY_STATE), f'read from {name}') != 1:
            raise DdsError(f'could not look up the type {type_name}: a sample sent to oneself did not arrive')
        header = library.SerdataHeader.from_address(serdata[0] or 0)
        address = int(header.type or 0)
        library.serdata_release(serdata[0])
        library.delete(reader)  # The writer stays, it keeps the type alive.
        return address

    def delete(self) -> None:
        """Leave the domain; peers are told. A second time does nothing."""
        with self._lock:
            if self._deleted:
                return
            self._deleted = True
            endpoints = list(self._endpoints)
        for endpoint in endpoints:
            endpoint.delete()
        library.delete(self.handle)
        _leave_domain(self.domain)


def guid_of(handle: int) -> bytes:
    """The 16 bytes by which every peer knows a participant, reader or writer."""
    guid = library.Guid()
    library.check(library.get_guid(handle, ct.byref(guid)), 'look up an identifier')
    return bytes(guid.v)
