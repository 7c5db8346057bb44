# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What Cyclone DDS tells about a reader or writer besides data: matches, missed deadlines, refused QoS."""

from __future__ import annotations

import ctypes as ct
from enum import IntEnum
from typing import Any

from rosless.dds import library


class Status(IntEnum):
    """A kind of status; the values are the bit positions in Cyclone's masks."""

    OFFERED_DEADLINE_MISSED = 1
    REQUESTED_DEADLINE_MISSED = 2
    OFFERED_INCOMPATIBLE_QOS = 3
    REQUESTED_INCOMPATIBLE_QOS = 4
    SAMPLE_LOST = 5
    LIVELINESS_LOST = 9
    LIVELINESS_CHANGED = 10
    PUBLICATION_MATCHED = 11
    SUBSCRIPTION_MATCHED = 12


class Policy(IntEnum):
    """The QoS policies over which a reader and a writer can disagree, as Cyclone numbers them."""

    DURABILITY = 2
    DEADLINE = 4
    LIVELINESS = 8
    RELIABILITY = 11


_total = (('total_count', ct.c_uint32), ('total_count_change', ct.c_int32))
_deadline = (*_total, ('last_instance', ct.c_uint64))
_qos = (*_total, ('last_policy', ct.c_uint32))
_matched = (*_total, ('current_count', ct.c_uint32), ('current_count_change', ct.c_int32), ('last_peer', ct.c_uint64))
_liveliness = (
    ('alive_count', ct.c_uint32),
    ('not_alive_count', ct.c_uint32),
    ('alive_count_change', ct.c_int32),
    ('not_alive_count_change', ct.c_int32),
    ('last_peer', ct.c_uint64),
)
_FIELDS: dict[Status, tuple[Any, ...]] = {
    Status.OFFERED_DEADLINE_MISSED: _deadline,
    Status.REQUESTED_DEADLINE_MISSED: _deadline,
    Status.OFFERED_INCOMPATIBLE_QOS: _qos,
    Status.REQUESTED_INCOMPATIBLE_QOS: _qos,
    Status.SAMPLE_LOST: _total,
    Status.LIVELINESS_LOST: _total,
    Status.LIVELINESS_CHANGED: _liveliness,
    Status.PUBLICATION_MATCHED: _matched,
    Status.SUBSCRIPTION_MATCHED: _matched,
}
_STRUCTURES = {status: type(status.name, (ct.Structure,), {'_fields_': fields}) for status, fields in _FIELDS.items()}
_FUNCTIONS = {status: library.status_function(status.name.lower()) for status in Status}


def take_status(handle: int, status: Status) -> dict[str, int]:
    """The present counts of a reader or writer; what changed since the last call is then 0 again."""
    structure = _STRUCTURES[status]()
    library.check(_FUNCTIONS[status](handle, ct.byref(structure)), f'read the status {status.name}')
    return {name: int(getattr(structure, name)) for name, _ in _FIELDS[status]}
