# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The messages and services of ROS 2's own packages, as of Jazzy."""

from __future__ import annotations

from functools import cache
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_typestore

from rosless.interfaces.definitions import Constant, Container, Definition, Field, FieldType
from rosless.interfaces.parser import parse_service
from rosless.interfaces.services import SERVICES

# What rosbags leaves out of its definitions: the defaults that are not zero.
_DEFAULTS: dict[tuple[str, str], Any] = {
    ('geometry_msgs/msg/Quaternion', 'w'): 1.0,
    ('sensor_msgs/msg/NavSatStatus', 'status'): -2,
}
_PLACEHOLDER = 'structure_needs_at_least_one_member'  # What an empty message has instead of fields.


@cache
def _field_definitions() -> dict[str, Any]:
    return dict(get_typestore(Stores.ROS2_JAZZY).fielddefs)


def definition(name: str) -> Definition | None:
    """The definition of a message (`std_msgs/msg/Header`), None if there is none."""
    found = _field_definitions().get(name)
    if found is None:
        return None
    constants, fields = found
    return Definition(
        name,
        tuple(
            Field(field, _field_type(description), _DEFAULTS.get((name, field)))
            for field, description in fields
            if field != _PLACEHOLDER
        ),
        tuple(
            Constant(constant, bytes([value]) if kind == 'byte' else value, kind) for constant, kind, value in constants
        ),
    )


def service(name: str) -> tuple[Definition, Definition] | None:
    """Request and response of a service (`std_srvs/srv/Trigger`), None if there is none."""
    text = SERVICES.get(name)
    return parse_service(text, name, name) if text is not None else None


@cache
def packages() -> frozenset[str]:
    """The packages that have messages or services."""
    return frozenset(name.split('/')[0] for name in (*_field_definitions(), *SERVICES))


def names(package: str, kind: str) -> list[str]:
    """The short names of a package's messages (kind `msg`) or services (`srv`)."""
    prefix = f'{package}/{kind}/'
    return [name[len(prefix) :] for name in (*_field_definitions(), *SERVICES) if name.startswith(prefix)]


def _field_type(description: Any) -> FieldType:
    node, content = description
    if node == Nodetype.NAME:
        return FieldType(content)
    if node == Nodetype.BASE:
        base, string_size = content
        return FieldType({'char': 'uint8'}.get(base, base), string_size=string_size)
    element, size = content
    inner = _field_type(element)
    container = Container.ARRAY if node == Nodetype.ARRAY else Container.SEQUENCE
    return FieldType(inner.base, container, size, inner.string_size)
