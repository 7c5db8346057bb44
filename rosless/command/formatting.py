# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages as text: YAML and comma-separated values, long contents shortened."""

from __future__ import annotations

import array
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml

from rosless.interfaces.definitions import Container, FieldType
from rosless.interfaces.message import Message, idl_name


@dataclass(frozen=True)
class Shortening:
    """What is left out.

    Attributes:
        length: Of strings, arrays and sequences; None for all.
        no_arrays: Name only the type of arrays and sequences.
        no_strings: Name only the length of strings.
    """

    length: int | None = None
    no_arrays: bool = False
    no_strings: bool = False


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Puts each field on a line of its own; in flow style only lists are in one line."""


def _represent_fields(dumper: yaml.SafeDumper, fields: dict[str, Any]) -> yaml.Node:
    pairs = [(dumper.represent_data(name), dumper.represent_data(value)) for name, value in fields.items()]
    return yaml.MappingNode('tag:yaml.org,2002:map', pairs, flow_style=False)


_Dumper.add_representer(dict, _represent_fields)
_Dumper.add_representer(bytes, lambda dumper, value: dumper.represent_str(value.decode('latin-1')))


def to_yaml(message: Message, shortening: Shortening, *, flow_style: bool = False) -> str:
    """The fields of a message as YAML; with `flow_style` lists in one line."""
    return str(
        yaml.dump(
            _plain(message, shortening),
            Dumper=_Dumper,
            allow_unicode=True,
            width=sys.maxsize,
            default_flow_style=flow_style,
        )
    )


def to_csv(message: Message, shortening: Shortening) -> str:
    """The values of a message and of all messages in it, separated by commas."""
    return ','.join(_values(_plain(message, shortening)))


def to_text(value: Any, shortening: Shortening, *, flow_style: bool = False) -> str:
    """A message, or the value of one of its fields."""
    if isinstance(value, Message):
        return to_yaml(value, shortening, flow_style=flow_style)
    if isinstance(value, memoryview):
        value = array.array('B', value.tobytes())
    return f'{value}\n'


def _values(value: Any) -> list[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        # What is empty still has its place between the commas.
        return [text for element in value for text in _values(element)] or ['']
    return [str(value)]


def _plain(value: Any, shortening: Shortening, kind: FieldType | None = None) -> Any:
    if isinstance(value, Message):
        return {
            field.name: _plain(getattr(value, field.name), shortening, field.type) for field in value._DEFINITION.fields
        }
    if isinstance(value, str):
        if shortening.no_strings:
            return f'<string length: <{len(value)}>>'
        is_long = shortening.length is not None and len(value) > shortening.length
        return f'{value[: shortening.length]}...' if is_long else value
    if isinstance(value, (array.array, memoryview, np.ndarray, list, tuple)):
        if shortening.no_arrays and kind is not None:
            return _type_only(value, kind)
        is_long = shortening.length is not None and len(value) > shortening.length
        elements: Any = value[: shortening.length] if is_long else value
        if not isinstance(elements, (list, tuple)):
            elements = elements.tolist()
        return [_plain(element, shortening) for element in elements] + ['...'] * is_long
    return value


def _type_only(value: Any, kind: FieldType) -> str:
    name = kind.base if kind.is_message else idl_name(FieldType(kind.base))
    if kind.container is Container.ARRAY:
        return f'<array type: {name}[{kind.size}]>'
    bound = f'[{kind.size}]' if kind.size else ''
    return f'<sequence type: {name}{bound}, length: {len(value)}>'
