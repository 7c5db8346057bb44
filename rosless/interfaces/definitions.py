# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the definition of a message says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

# The elements of which all messages consist. `char` is a uint8 in ROS 2; `wstring` is left out.
INTEGERS = ('int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64')
FLOATS = ('float32', 'float64')
PRIMITIVES = ('bool', 'byte', *INTEGERS, *FLOATS, 'string')


class InterfaceError(Exception):
    """A message or service that does not exist, is defined wrongly, or bytes that are none."""


class Container(Enum):
    """How many values a field has."""

    ONE = 'one'
    ARRAY = 'array'  # A fixed number.
    SEQUENCE = 'sequence'


@dataclass(frozen=True)
class FieldType:
    """The type of a field.

    Attributes:
        base: A primitive, or the full name of a message (`std_msgs/msg/Header`).
        container: How many of these.
        size: Of an array; of a sequence its upper bound, 0 if it has none.
        string_size: Upper bound of the length of a string, 0 if it has none.
    """

    base: str
    container: Container = Container.ONE
    size: int = 0
    string_size: int = 0

    @property
    def is_message(self) -> bool:
        """Whether the values are messages."""
        return '/' in self.base

    @property
    def is_number(self) -> bool:
        """Whether the values are integers or floats, which numpy can hold."""
        return self.base in INTEGERS or self.base in FLOATS


@dataclass(frozen=True)
class Field:
    """A field; the default is None where the definition gives none."""

    name: str
    type: FieldType
    default: Any = None


@dataclass(frozen=True)
class Constant:
    """A named value, of a primitive kind."""

    name: str
    value: Any
    kind: str


@dataclass(frozen=True)
class Definition:
    """A message, or the request or response of a service.

    Attributes:
        name: For example `std_msgs/msg/Header` or `std_srvs/srv/SetBool_Request`.
        fields: In the order in which they are serialised.
        constants: The named values.
    """

    name: str
    fields: tuple[Field, ...]
    constants: tuple[Constant, ...] = ()
