# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads `.msg` and `.srv` text."""

from __future__ import annotations

import ast
import re
from typing import Any

from rosless.interfaces.definitions import (
    FLOATS,
    INTEGERS,
    PRIMITIVES,
    Constant,
    Container,
    Definition,
    Field,
    FieldType,
    InterfaceError,
)

_LINE = re.compile(r'(?P<type>\S+)\s+(?P<name>\w+)\s*(?P<rest>.*)')
_TYPE = re.compile(r'(?P<base>[\w/]+)(<=(?P<string_size>\d+))?(?P<brackets>\[(?P<bound><=)?(?P<size>\d*)\])?')
_FIELD_NAME = re.compile(r'[a-z](_?[a-z0-9])*')
_CONSTANT_NAME = re.compile(r'[A-Z](_?[A-Z0-9])*')
_MESSAGE_NAME = re.compile(r'[A-Z][A-Za-z0-9]*')
_ALIASES = {'char': 'uint8', 'time': 'builtin_interfaces/msg/Time', 'duration': 'builtin_interfaces/msg/Duration'}


def parse_message(text: str, name: str, source: str) -> Definition:
    """Read the definition of a message.

    Args:
        text: What the file says.
        name: The message's full name, for example `std_msgs/msg/Header`.
        source: Where the text is from, for errors.

    Raises:
        InterfaceError: The text is no definition.
    """
    return _parse(text.splitlines(), name, source, 1)


def parse_service(text: str, name: str, source: str) -> tuple[Definition, Definition]:
    """Read the definition of a service: its request and its response.

    Args:
        text: What the file says.
        name: The service's full name, for example `std_srvs/srv/Trigger`.
        source: Where the text is from, for errors.

    Raises:
        InterfaceError: The text is no definition.
    """
    lines = text.splitlines()
    marks = [index for index, line in enumerate(lines) if line.strip() == '---']
    if len(marks) != 1:
        raise InterfaceError(
            f'{source} is no service: expected one line --- between request and response, got {len(marks)}'
        )
    request = _parse(lines[: marks[0]], f'{name}_Request', source, 1)
    return request, _parse(lines[marks[0] + 1 :], f'{name}_Response', source, marks[0] + 2)


def _parse(lines: list[str], name: str, source: str, first_line: int) -> Definition:
    package = name.split('/')[0]
    items: list[Field | Constant] = []
    for number, line in enumerate(lines, first_line):
        line = line.partition('#')[0].strip()
        if not line:
            continue
        try:
            item = _parse_line(line, package)
            if any(item.name == other.name for other in items):
                raise ValueError(f'the name {item.name} is there twice')
        except ValueError as error:
            raise InterfaceError(f'{source}, line {number}: {error}') from None
        items.append(item)
    return Definition(
        name,
        tuple(item for item in items if isinstance(item, Field)),
        tuple(item for item in items if isinstance(item, Constant)),
    )


def _parse_line(line: str, package: str) -> Field | Constant:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f'expected a type and a name, like "float64 x", got "{line}"')
    field_type, name, rest = _parse_type(match['type'], package), match['name'], match['rest']
    if rest.startswith('='):
        if field_type.container is not Container.ONE or field_type.is_message:
            raise ValueError(f'a constant is a number, a bool, a byte or a string, got {match["type"]}')
        if not _CONSTANT_NAME.fullmatch(name):
            raise ValueError(f'the name of a constant is like MAX_SPEED, got {name}')
        return Constant(name, _parse_value(rest[1:].strip(), field_type), field_type.base)
    if not _FIELD_NAME.fullmatch(name):
        raise ValueError(f'the name of a field is like max_speed, got {name}')
    if not rest:
        return Field(name, field_type)
    if field_type.is_message:
        raise ValueError(f'{name} is a message, which cannot have a default, got {rest}')
    return Field(name, field_type, _parse_values(rest, field_type))


def _parse_type(text: str, package: str) -> FieldType:
    match = _TYPE.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is no type; expected one like float64, string<=10, Pose[] or std_msgs/Header')
    base = _ALIASES.get(match['base'], match['base'])
    if match['string_size'] and base != 'string':
        raise ValueError(f'only strings have a length, like string<=10, got {text}')
    if base not in PRIMITIVES and base not in _ALIASES.values():
        *packages, message = base.split('/')
        if packages[1:] == ['msg']:
            packages = packages[:1]
        if len(packages) > 1 or not _MESSAGE_NAME.fullmatch(message):
            raise ValueError(f'"{base}" is neither a message nor one of {", ".join(PRIMITIVES)}')
        base = f'{packages[0] if packages else package}/msg/{message}'
    size, string_size = int(match['size'] or 0), int(match['string_size'] or 0)
    if not match['brackets']:
        return FieldType(base, string_size=string_size)
    if (match['bound'] or match['size']) and not size:
        raise ValueError(f'the size in {match["brackets"]} must be at least 1')
    container = Container.SEQUENCE if match['bound'] or not size else Container.ARRAY
    return FieldType(base, container, size, string_size)


def _parse_values(text: str, field_type: FieldType) -> Any:
    if field_type.container is Container.ONE:
        return _parse_value(text, field_type)
    if not (text.startswith('[') and text.endswith(']')):
        raise ValueError(f'the default of an array is like [1, 2], got {text}')
    items = re.findall(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|[^,\s][^,]*', text[1:-1])
    values = [_parse_value(item.strip(), field_type) for item in items]
    if field_type.container is Container.ARRAY and len(values) != field_type.size:
        raise ValueError(f'the default has {len(values)} values, expected {field_type.size}')
    if field_type.size and len(values) > field_type.size:
        raise ValueError(f'the default has {len(values)} values, expected at most {field_type.size}')
    return values


def _parse_value(text: str, field_type: FieldType) -> Any:
    base = field_type.base
    try:
        if base == 'bool':
            return {'true': True, '1': True, 'false': False, '0': False}[text.lower()]
        if base == 'byte':
            return bytes([int(text, 0)])
        if base in INTEGERS:
            value = int(text, 0)
            low, high = integer_range(base)
            if not low <= value <= high:
                raise ValueError
            return value
        if base in FLOATS:
            return float(text)
    except (KeyError, ValueError):
        raise ValueError(f'"{text}" is no {base}') from None
    string = _parse_string(text)
    if field_type.string_size and len(string) > field_type.string_size:
        raise ValueError(f'"{text}" is longer than {field_type.string_size} characters')
    return string


def _parse_string(text: str) -> str:
    """Quotes are optional; inside of them a backslash escapes a quote or itself."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in '"\'':
        try:
            return str(ast.literal_eval(text))
        except (SyntaxError, ValueError):
            raise ValueError(f'{text} is no string') from None
    return text


def integer_range(base: str) -> tuple[int, int]:
    """The smallest and the largest value of an integer type such as `uint8`."""
    bits = int(base.lstrip('uint'))
    return (0, 2**bits - 1) if base.startswith('u') else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
