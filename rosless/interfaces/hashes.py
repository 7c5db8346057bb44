# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The hash by which ROS 2 peers compare types (REP-2011): of JSON that describes a type and all it refers to."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

from rosless.interfaces import registry
from rosless.interfaces.definitions import Container, Field, FieldType

# The numbers of type_description_interfaces/msg/FieldType.
_IDS = {
    'int8': 2,
    'uint8': 3,
    'int16': 4,
    'uint16': 5,
    'int32': 6,
    'uint32': 7,
    'int64': 8,
    'uint64': 9,
    'float32': 10,
    'float64': 11,
    'bool': 15,
    'byte': 16,
    'string': 17,
}
_MESSAGE, _BOUNDED_STRING = 1, 21
_ARRAY, _BOUNDED_SEQUENCE, _SEQUENCE = 48, 96, 144
_EMPTY = Field('structure_needs_at_least_one_member', FieldType('uint8'))


@cache
def type_hash(name: str) -> str:
    """The hash of a message or service, or of a service's request or response.

    Args:
        name: `std_msgs/msg/String`, `std_srvs/srv/Trigger`, `std_srvs/srv/Trigger_Request`.

    Raises:
        InterfaceError: There is no such type.
    """
    types: dict[str, Any] = {}
    described = _describe(registry.full_name(name), types)
    others = [types[key] for key in sorted(types) if key != described['type_name']]
    text = json.dumps({'type_description': described, 'referenced_type_descriptions': others})
    return f'RIHS01_{hashlib.sha256(text.encode()).hexdigest()}'


def _describe(name: str, types: dict[str, Any]) -> dict[str, Any]:
    if name not in types:
        types[name] = {'type_name': name}
        types[name]['fields'] = [
            {'name': field.name, 'type': _field_type(field.type, types)} for field in _fields(name)
        ]
    return dict(types[name])


def _fields(name: str) -> list[Field]:
    if '/srv/' not in name or name.endswith(('_Request', '_Response')):
        return list(registry.definition(name).fields) or [_EMPTY]
    if name.endswith('_Event'):
        service = name[: -len('_Event')]
        return [
            Field('info', FieldType('service_msgs/msg/ServiceEventInfo')),
            Field('request', FieldType(f'{service}_Request', Container.SEQUENCE, 1)),
            Field('response', FieldType(f'{service}_Response', Container.SEQUENCE, 1)),
        ]
    return [Field(f'{part.lower()}_message', FieldType(f'{name}_{part}')) for part in ('Request', 'Response', 'Event')]


def _field_type(kind: FieldType, types: dict[str, Any]) -> dict[str, Any]:
    if kind.is_message:
        _describe(kind.base, types)
        number = _MESSAGE
    else:
        number = _BOUNDED_STRING if kind.string_size else _IDS[kind.base]
    if kind.container is Container.ARRAY:
        number += _ARRAY
    elif kind.container is Container.SEQUENCE:
        number += _BOUNDED_SEQUENCE if kind.size else _SEQUENCE
    return {
        'type_id': number,
        'capacity': kind.size,
        'string_capacity': kind.string_size,
        'nested_type_name': kind.base if kind.is_message else '',
    }
