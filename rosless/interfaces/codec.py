# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""CDR, by the code that rosbags generates.

rosbags gets definitions whose fields have the names under which our classes keep what it can write; what it has read
goes into our classes without being checked once more.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.serde import SerdeError
from rosbags.typesys.store import Typestore

from rosless.interfaces.definitions import Container, Definition, FieldType, InterfaceError
from rosless.interfaces.fields import Rules
from rosless.interfaces.message import Message

_store = Typestore()
_EMPTY = ('_EMPTY', (Nodetype.BASE, ('uint8', 0)))  # What a message without fields is in CDR.


def register(definition: Definition, cls: type[Message], rules: dict[str, Rules]) -> None:
    """Make a message known; those of its fields must be known already."""
    fields = [
        (f'_CODEC_{field.name}' if rules[field.name].to_codec else f'_{field.name}', _description(field.type))
        for field in definition.fields
    ]
    if not fields:
        cls._EMPTY = 0  # type: ignore[attr-defined]
    _store.fielddefs[definition.name] = ([], fields or [_EMPTY])
    _store.types[definition.name] = _builder(cls, rules)  # type: ignore[assignment]


def serialize(message: Message) -> bytes | memoryview:
    """The message as CDR, with the four bytes of its header.

    Raises:
        InterfaceError: A field holds what it cannot, for example a list that was changed after it was assigned.
    """
    try:
        return _store.serialize_cdr(message, message._TYPE_NAME)
    except (SerdeError, AttributeError, TypeError, ValueError, struct.error) as error:
        raise InterfaceError(f'a {message._TYPE_NAME} cannot be serialised: {error}') from error


def deserialize(buffer: Any, cls: type[Message]) -> Message:
    """The message that CDR with its header says; large fields may be views of the buffer.

    Raises:
        InterfaceError: The bytes are no message of that type.
    """
    try:
        # As a view, because rosbags cuts the header off, which copies bytes.
        return _store.deserialize_cdr(memoryview(buffer), cls._TYPE_NAME)  # type: ignore[return-value]
    except (SerdeError, ValueError, IndexError, struct.error) as error:
        raise InterfaceError(f'{len(buffer)} bytes are no {cls._TYPE_NAME}: {error}') from None


def _description(kind: FieldType) -> Any:
    if kind.is_message:
        inner: Any = (Nodetype.NAME, kind.base)
    else:
        inner = (Nodetype.BASE, ('uint8' if kind.base == 'byte' else kind.base, 0))
    if kind.container is Container.ONE:
        return inner
    return (Nodetype.ARRAY if kind.container is Container.ARRAY else Nodetype.SEQUENCE, (inner, kind.size))


def _builder(cls: type[Message], rules: dict[str, Rules]) -> Callable[..., Message]:
    steps = [(put, rules[name].from_codec) for name, _, put in cls._FIELDS]
    new = cls.__new__

    def build(*values: Any) -> Message:
        message = new(cls)
        for (put, convert), value in zip(steps, values, strict=False):
            put(message, value if convert is None else convert(value))
        return message

    return build
