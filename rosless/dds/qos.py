# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Quality of service between Python and the C structure of Cyclone DDS."""

from __future__ import annotations

import ctypes as ct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rosless.dds import library

INFINITE = library.INFINITY_NS

_KEEP_LAST, _KEEP_ALL = 0, 1
_BEST_EFFORT, _RELIABLE = 0, 1
_VOLATILE, _TRANSIENT_LOCAL = 0, 1
_AUTOMATIC, _MANUAL_BY_TOPIC = 0, 2
_IGNORE_OWN_PARTICIPANT = 1
_UNLIMITED = -1

_set_history = library.qos_function('qset_history', ct.c_int, ct.c_int32)
_set_reliability = library.qos_function('qset_reliability', ct.c_int, ct.c_int64)
_set_durability = library.qos_function('qset_durability', ct.c_int)
_set_durability_service = library.qos_function(
    'qset_durability_service', ct.c_int64, ct.c_int, ct.c_int32, ct.c_int32, ct.c_int32, ct.c_int32
)
_set_deadline = library.qos_function('qset_deadline', ct.c_int64)
_set_lifespan = library.qos_function('qset_lifespan', ct.c_int64)
_set_liveliness = library.qos_function('qset_liveliness', ct.c_int, ct.c_int64)
_set_writer_data_lifecycle = library.qos_function('qset_writer_data_lifecycle', ct.c_bool)
_set_user_data = library.qos_function('qset_userdata', ct.c_char_p, ct.c_size_t)
_set_ignore_local = library.qos_function('qset_ignorelocal', ct.c_int)
_get_history = library.qos_function('qget_history', ct.c_void_p, ct.c_void_p)
_get_reliability = library.qos_function('qget_reliability', ct.c_void_p, ct.c_void_p)
_get_durability = library.qos_function('qget_durability', ct.c_void_p)
_get_deadline = library.qos_function('qget_deadline', ct.c_void_p)
_get_lifespan = library.qos_function('qget_lifespan', ct.c_void_p)
_get_liveliness = library.qos_function('qget_liveliness', ct.c_void_p, ct.c_void_p)
_get_user_data = library.qos_function('qget_userdata', ct.c_void_p, ct.c_void_p)


@dataclass(frozen=True)
class Qos:
    """What ROS 2 lets a writer or reader ask for, in DDS's words.

    Attributes:
        depth: How many samples are kept; None keeps all.
        reliable: Whether lost samples are sent again.
        transient_local: Whether a late reader gets the samples that the writer still keeps.
        deadline_ns: Longest time between two samples.
        lifespan_ns: Age at which a sample is thrown away.
        manual_liveliness: Whether the writer is alive only while it writes or says so.
        liveliness_lease_ns: Silence after which a writer counts as dead.
        user_data: Bytes that every peer sees with the endpoint.
        ignore_local: Whether samples of the same participant are not received.
    """

    depth: int | None = 10
    reliable: bool = True
    transient_local: bool = False
    deadline_ns: int = INFINITE
    lifespan_ns: int = INFINITE
    manual_liveliness: bool = False
    liveliness_lease_ns: int = INFINITE
    user_data: bytes = b''
    ignore_local: bool = False

    def with_user_data(self, user_data: bytes) -> Qos:
        """The same with other user data."""
        return replace(self, user_data=user_data)

    @contextmanager
    def as_c(self) -> Iterator[int]:
        """The address of a `dds_qos_t` of the same meaning, valid inside the `with` block."""
        qos = library.create_qos()
        history = (_KEEP_ALL, _UNLIMITED) if self.depth is None else (_KEEP_LAST, self.depth)
        try:
            # A writer that goes away does not dispose of what it wrote.
            _set_writer_data_lifecycle(qos, False)
            _set_history(qos, *history)
            _set_reliability(qos, _RELIABLE if self.reliable else _BEST_EFFORT, INFINITE if self.reliable else 0)
            _set_durability(qos, _TRANSIENT_LOCAL if self.transient_local else _VOLATILE)
            if self.transient_local:
                _set_durability_service(qos, 0, *history, _UNLIMITED, _UNLIMITED, _UNLIMITED)
            if self.deadline_ns != INFINITE:
                _set_deadline(qos, self.deadline_ns)
            if self.lifespan_ns != INFINITE:
                _set_lifespan(qos, self.lifespan_ns)
            _set_liveliness(qos, _MANUAL_BY_TOPIC if self.manual_liveliness else _AUTOMATIC, self.liveliness_lease_ns)
            if self.user_data:
                _set_user_data(qos, self.user_data, len(self.user_data))
            if self.ignore_local:
                _set_ignore_local(qos, _IGNORE_OWN_PARTICIPANT)
            yield qos
        finally:
            library.delete_qos(qos)

    @classmethod
    def from_c(cls, qos: int) -> Qos:
        """Read a `dds_qos_t`; a peer leaves out what is of no meaning for its kind, which then has its default."""
        history, depth = ct.c_int(_KEEP_LAST), ct.c_int32(1)
        reliability, durability, liveliness = ct.c_int(_RELIABLE), ct.c_int(_VOLATILE), ct.c_int(_AUTOMATIC)
        blocking, deadline, lifespan, lease = (ct.c_int64(INFINITE) for _ in range(4))
        _get_history(qos, ct.byref(history), ct.byref(depth))
        _get_reliability(qos, ct.byref(reliability), ct.byref(blocking))
        _get_durability(qos, ct.byref(durability))
        _get_deadline(qos, ct.byref(deadline))
        _get_lifespan(qos, ct.byref(lifespan))
        _get_liveliness(qos, ct.byref(liveliness), ct.byref(lease))
        return cls(
            depth=None if history.value == _KEEP_ALL else depth.value,
            reliable=reliability.value == _RELIABLE,
            transient_local=durability.value == _TRANSIENT_LOCAL,
            deadline_ns=deadline.value,
            lifespan_ns=lifespan.value,
            manual_liveliness=liveliness.value == _MANUAL_BY_TOPIC,
            liveliness_lease_ns=lease.value,
            user_data=read_user_data(qos),
        )


@contextmanager
def user_data_qos(user_data: bytes) -> Iterator[int]:
    """The address of a `dds_qos_t` with nothing but user data, as a participant has it."""
    qos = library.create_qos()
    try:
        _set_user_data(qos, user_data, len(user_data))
        yield qos
    finally:
        library.delete_qos(qos)


def read_user_data(qos: int) -> bytes:
    """The user data in a `dds_qos_t`."""
    data, size = ct.c_void_p(), ct.c_size_t()
    if not _get_user_data(qos, ct.byref(data), ct.byref(size)) or not data.value:
        return b''
    try:
        return ct.string_at(data.value, size.value)
    finally:
        library.free(data)
