# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Definitions as bags have them: the text of a message followed by those of all messages that it refers to."""

from __future__ import annotations

from typing import Any

from rosless.interfaces import registry
from rosless.interfaces.definitions import Container, Definition, Field
from rosless.interfaces.parser import parse_message

_SEPARATOR = '=' * 80


def definition_text(name: str) -> str:
    """The text of a message (`std_msgs/msg/Header`) and of what it refers to.

    Raises:
        InterfaceError: There is no such message.
    """
    names = [registry.full_name(name)]
    parts: list[str] = []
    for one in names:
        definition = registry.definition(one)
        for field in definition.fields:
            if field.type.is_message and field.type.base not in names:
                names.append(field.type.base)
        text = _text(definition)
        parts.append(text if not parts else f'{_SEPARATOR}\nMSG: {_short(one)}\n{text}')
    return ''.join(parts)


def add_definitions(name: str, text: str) -> None:
    """Make a message known, and those that it refers to, from the text that a bag has; known ones stay as they are.

    Args:
        name: Of the message.
        text: As `definition_text` gives it.

    Raises:
        InterfaceError: The text is no definition.
    """
    first, *others = text.split(f'{_SEPARATOR}\nMSG: ')
    registry.add(parse_message(first, name, f'the definition of {name}'))
    for other in others:
        title, _, body = other.partition('\n')
        other_name = registry.full_name(title.strip())
        registry.add(parse_message(body, other_name, f'the definition of {other_name}'))


def _short(name: str) -> str:
    return name.replace('/msg/', '/')


def _text(definition: Definition) -> str:
    lines = [f'{constant.kind} {constant.name}={_value(constant.value)}' for constant in definition.constants]
    lines += [_line(field) for field in definition.fields]
    return ''.join(f'{line}\n' for line in lines)


def _line(field: Field) -> str:
    kind = field.type
    base = _short(kind.base) + (f'<={kind.string_size}' if kind.string_size else '')
    if kind.container is Container.ARRAY:
        base += f'[{kind.size}]'
    elif kind.container is Container.SEQUENCE:
        base += f'[<={kind.size}]' if kind.size else '[]'
    return f'{base} {field.name}' + ('' if field.default is None else f' {_value(field.default)}')


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return str(value[0])
    if isinstance(value, str):
        return '"' + value.replace('\\', r'\\').replace('"', r'\"') + '"'
    if isinstance(value, list):
        return f'[{", ".join(map(_value, value))}]'
    return str(value)
