# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages as plain Python values, as they are written in YAML and on the command line."""

from __future__ import annotations

import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rosless.interfaces import registry
from rosless.interfaces.definitions import FLOATS, INTEGERS, Container, Field, InterfaceError
from rosless.interfaces.message import Message


def to_dict(message: Message) -> dict[str, Any]:
    """The fields of a message as numbers, strings, lists and dictionaries; a byte is an integer."""
    return {field.name: _plain(getattr(message, field.name)) for field in message._DEFINITION.fields}


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return to_dict(value)
    if isinstance(value, (array.array, memoryview, np.ndarray)):
        return value.tolist()
    if isinstance(value, bytes):
        return value[0]
    if isinstance(value, (list, tuple)):
        return [_plain(element) for element in value]
    return value


def from_dict(cls: type[Any], values: Mapping[str, Any]) -> Any:
    """A message with the given fields; the others have their defaults.

    Args:
        cls: The class of the message.
        values: By the names of the fields; a message within it is a dictionary again.

    Raises:
        InterfaceError: There is no such field, or it cannot have that value.
    """
    return _message(cls, values, registry.type_name(cls))


def _message(cls: type[Any], values: Any, label: str) -> Any:
    if not isinstance(values, Mapping):
        raise InterfaceError(f'{label} takes fields like {{name: value}}, got {values!r}')
    fields = {field.name: field for field in cls._DEFINITION.fields}
    message = cls()
    for name, value in values.items():
        if name not in fields:
            raise InterfaceError(f'{label} has no field {name!r}; it has {", ".join(fields) or "none"}')
        try:
            setattr(message, name, _value(fields[name], value, f'{label}.{name}'))
        except AssertionError as error:
            raise InterfaceError(str(error)) from None
    return message


def _value(field: Field, value: Any, label: str) -> Any:
    if field.type.container is Container.ONE:
        return _element(field, value, label)
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InterfaceError(f'{label} takes a list, got {value!r}')
    return [_element(field, element, f'{label}[{index}]') for index, element in enumerate(value)]


def _element(field: Field, value: Any, label: str) -> Any:
    base = field.type.base
    if field.type.is_message:
        return _message(registry.load(base), value, label)
    # YAML has 1 where 1.0 is meant, and no bytes.
    if base in FLOATS and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if base in INTEGERS and isinstance(value, bool):
        raise InterfaceError(f'{label} is a {base}, got {value!r}')
    if base == 'byte' and isinstance(value, str) and len(value) == 1:
        value = ord(value)  # As the command echoes it.
    if base == 'byte' and isinstance(value, int):
        if not 0 <= value < 256:
            raise InterfaceError(f'{label} is a byte, from 0 to 255, got {value!r}')
        return bytes((value,))
    return value
