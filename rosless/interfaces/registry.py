# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All known messages and services, each made into a class when it is first asked for."""

from __future__ import annotations

import threading
from typing import Any

from rosless.interfaces import codec, folders, standard
from rosless.interfaces.definitions import Definition, InterfaceError
from rosless.interfaces.message import Message, make_message, make_service
from rosless.interfaces.parser import parse_message, parse_service

_definitions: dict[str, Definition] = {}
_classes: dict[str, type[Any]] = {}
_lock = threading.RLock()


def names(package: str, kind: str) -> list[str]:
    """The short names of a package's messages (kind `msg`) or services (`srv`)."""
    return standard.names(package, kind) or folders.names(package, kind)


def load(name: str) -> type[Any]:
    """The class of a message or service.

    Args:
        name: `std_msgs/msg/String`, `std_srvs/srv/Trigger`, `std_srvs/srv/Trigger_Request`, or `std_msgs/String`.

    Raises:
        InterfaceError: There is none of that name, or its definition is wrong.
    """
    name = full_name(name)
    with _lock:
        if name not in _classes:
            _classes[name] = _make(name)
        return _classes[name]


def type_name(cls: type[Any]) -> str:
    """The name of a message or service class: `std_msgs/msg/String`.

    Raises:
        TypeError: It is no such class.
    """
    name = getattr(cls, '_TYPE_NAME', None)
    if not isinstance(name, str):
        raise TypeError(f'expected the class of a message or service, got {cls!r}')
    return name


def definition(name: str) -> Definition:
    """The definition of a message, or of the request or response of a service.

    Raises:
        InterfaceError: There is none of that name, or it is wrong.
    """
    with _lock:
        if name not in _definitions:
            _definitions[name] = _find(name)
        return _definitions[name]


def add(found: Definition) -> None:
    """Make a definition known that is in no package here; a known one stays."""
    with _lock:
        try:
            definition(found.name)
        except InterfaceError:
            _definitions[found.name] = found


def full_name(name: str) -> str:
    """A name with its middle part: `std_msgs/msg/String` for `std_msgs/String`.

    Raises:
        InterfaceError: It is no name of a message or service.
    """
    parts = name.split('/')
    if len(parts) == 2:
        parts.insert(1, 'msg')
    if len(parts) != 3 or parts[1] not in ('msg', 'srv') or not all(part.isidentifier() for part in parts):
        raise InterfaceError(f'"{name}" is no type; expected a name like std_msgs/msg/String or std_srvs/srv/Trigger')
    return '/'.join(parts)


def _make(name: str) -> type[Any]:
    if '/srv/' in name and not name.endswith(('_Request', '_Response')):
        return make_service(name, load(f'{name}_Request'), load(f'{name}_Response'))
    found = definition(name)
    classes: dict[str, type[Any]] = {}
    for field in found.fields:
        if field.type.is_message:
            classes[field.type.base] = load(field.type.base)
    cls, rules = make_message(found, classes)
    codec.register(found, cls, rules)
    return cls


def _find(name: str) -> Definition:
    package, kind, short = name.split('/')
    if kind == 'msg':
        if (message := standard.definition(name)) is not None:
            return message
        if (text := folders.read(name)) is not None:
            return parse_message(text[0], name, str(text[1]))
    else:
        service = f'{package}/srv/{short.rpartition("_")[0]}'
        if (both := standard.service(service)) is None and (text := folders.read(service)) is not None:
            both = parse_service(text[0], service, str(text[1]))
        if both is not None:
            return both[name.endswith('_Response')]
        name = service
    raise InterfaceError(
        f'there is no {"message" if kind == "msg" else "service"} {name}; {package} '
        + (f'has {", ".join(known)}' if (known := names(package, kind)) else f'has no {kind} folder that can be found')
    )


__all__ = ['Message', 'definition', 'full_name', 'load', 'names', 'type_name']
