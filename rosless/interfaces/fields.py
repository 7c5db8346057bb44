# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a field of a message accepts, what it holds, and how that becomes what the codec takes and gives.

Fields hold what those of rclpy's messages do: numbers, bool, str and messages; `bytes` of length 1 for a byte; a numpy
array for an array of numbers, an `array.array` for a sequence of numbers, a list for everything else.
One thing differs: a sequence of uint8 in a received message is a read-only memoryview of the received bytes.
"""

from __future__ import annotations

import array
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from rosless.interfaces.definitions import INTEGERS, Container, Field, FieldType
from rosless.interfaces.parser import integer_range

TYPECODES = {
    'int8': 'b',
    'uint8': 'B',
    'int16': 'h',
    'uint16': 'H',
    'int32': 'i',
    'uint32': 'I',
    'int64': 'q',
    'uint64': 'Q',
    'float32': 'f',
    'float64': 'd',
}
_FLOAT32_MAX = 3.4028234663852886e38
_PYTHON_TYPES = {'bool': bool, 'byte': bytes, 'string': str, 'float32': float, 'float64': float}


class Rules(NamedTuple):
    """How a field behaves.

    Attributes:
        check: Takes what is assigned and returns what is held; raises AssertionError.
        default: Makes what is held at first.
        from_codec: Turns what the codec read into what is held; None if they are the same.
        to_codec: The reverse.
    """

    check: Callable[[Any], Any]
    default: Callable[[], Any]
    from_codec: Callable[[Any], Any] | None = None
    to_codec: Callable[[Any], Any] | None = None


def rules(message: str, field: Field, cls: type[Any] | None) -> Rules:
    """The rules of a field.

    Args:
        message: Name of the message, for errors.
        field: The field.
        cls: The class of its values if they are messages.
    """
    label = f'{message}.{field.name}'
    kind = field.type
    if kind.container is Container.ONE:
        return _one(label, field, cls)
    if kind.is_number:
        return _array(label, field) if kind.container is Container.ARRAY else _sequence(label, field)
    return _list(label, field, cls)


def _one(label: str, field: Field, cls: type[Any] | None) -> Rules:
    check = element_check(label, field.type, cls)
    if cls is not None:
        return Rules(check, cls)
    base = field.type.base
    zero = b'\0' if base == 'byte' else 0 if base in INTEGERS else _PYTHON_TYPES[base]()
    value = zero if field.default is None else field.default
    if base == 'byte':
        return Rules(check, lambda: value, lambda read: bytes((read,)), lambda held: held[0])
    return Rules(check, lambda: value)


def element_check(label: str, kind: FieldType, cls: type[Any] | None) -> Callable[[Any], Any]:
    """A function that returns a single value, or raises AssertionError if a field cannot hold it."""
    base = kind.base
    if cls is not None:
        return _type_check(label, cls, kind.base)
    if base in INTEGERS:
        low, high = integer_range(base)

        def check_integer(value: Any) -> Any:
            if not isinstance(value, int):
                raise _refusal(label, 'an int', value)
            if not low <= value <= high:
                raise AssertionError(f'{label} is a {base}, from {low} to {high}, got {value}')
            return value

        return check_integer
    if base == 'float32':

        def check_float32(value: Any) -> Any:
            if not isinstance(value, float):
                raise _refusal(label, 'a float', value)
            if abs(value) > _FLOAT32_MAX and not math.isinf(value):
                raise AssertionError(f'{label} is a float32, which cannot hold {value}')
            return value

        return check_float32
    if base == 'byte':

        def check_byte(value: Any) -> Any:
            if not isinstance(value, (bytes, bytearray)) or len(value) != 1:
                raise _refusal(label, 'bytes of length 1', value)
            return value

        return check_byte
    if kind.string_size:
        longest = kind.string_size

        def check_string(value: Any) -> Any:
            if not isinstance(value, str):
                raise _refusal(label, 'a str', value)
            if len(value) > longest:
                raise AssertionError(f'{label} takes at most {longest} characters, got {len(value)}')
            return value

        return check_string
    return _type_check(label, _PYTHON_TYPES[base], _PYTHON_TYPES[base].__name__)


def _type_check(label: str, cls: type[Any], name: str) -> Callable[[Any], Any]:
    def check_type(value: Any) -> Any:
        if not isinstance(value, cls):
            raise _refusal(label, f'a {name}', value)
        return value

    return check_type


def _refusal(label: str, wanted: str, value: Any) -> AssertionError:
    return AssertionError(f'{label} must be {wanted}, got {type(value).__name__} {value!r:.80}')


def _length_check(label: str, kind: FieldType) -> Callable[[Any], None]:
    size, fixed = kind.size, kind.container is Container.ARRAY

    def check_length(value: Any) -> None:
        if size and (len(value) != size if fixed else len(value) > size):
            raise AssertionError(f'{label} takes {"" if fixed else "at most "}{size} values, got {len(value)}')

    return check_length


def _list(label: str, field: Field, cls: type[Any] | None) -> Rules:
    kind = field.type
    check_element = element_check(f'{label}[]', kind, cls)
    check_length = _length_check(label, kind)

    def check(value: Any) -> Any:
        if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
            raise _refusal(label, 'a list', value)
        check_length(value)
        for element in value:
            check_element(element)
        return value

    default = _list_default(field, cls)
    if kind.base == 'byte':
        return Rules(
            check,
            default,
            lambda read: [bytes((element,)) for element in read.tolist()],
            lambda held: np.frombuffer(b''.join(held), np.uint8),
        )
    if kind.base == 'bool':
        return Rules(check, default, lambda read: read.tolist(), lambda held: np.array(held, np.bool_))
    return Rules(check, default)


def _list_default(field: Field, cls: type[Any] | None) -> Callable[[], list[Any]]:
    kind, given = field.type, field.default
    if given is not None:
        return lambda: list(given)
    if kind.container is Container.SEQUENCE:
        return list
    if cls is not None:
        return lambda: [cls() for _ in range(kind.size)]
    zero = b'\0' if kind.base == 'byte' else _PYTHON_TYPES[kind.base]()
    return lambda: [zero] * kind.size


def _array(label: str, field: Field) -> Rules:
    kind = field.type
    dtype = np.dtype(kind.base)
    check_numbers = _numbers_check(label, kind)

    def check(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype == dtype and value.size == kind.size:
            return value
        return np.array(check_numbers(value), dtype)

    start = np.array([0] * kind.size if field.default is None else field.default, dtype)
    return Rules(check, start.copy, np.array, lambda held: np.ascontiguousarray(held).reshape(-1))


def _sequence(label: str, field: Field) -> Rules:
    kind = field.type
    typecode, dtype = TYPECODES[kind.base], np.dtype(kind.base)
    check_numbers, check_length = _numbers_check(label, kind), _length_check(label, kind)
    is_bytes = kind.base == 'uint8'

    def check(value: Any) -> Any:
        if isinstance(value, array.array) and value.typecode == typecode:
            check_length(value)
            return value
        if is_bytes and isinstance(value, (bytes, bytearray, memoryview)):
            view = memoryview(value)
            if view.itemsize != 1 or not view.c_contiguous:
                raise _refusal(label, 'contiguous bytes', value)
            check_length(view)
            if isinstance(value, memoryview) and value.readonly and value.format == 'B' and value.ndim == 1:
                return value  # Of a received message: nobody can change it.
            return to_array(view)
        return to_array(check_numbers(value))

    def to_array(values: Any) -> array.array[Any]:
        result = array.array(typecode)
        if isinstance(values, np.ndarray):
            values = np.ascontiguousarray(values, dtype).view(np.uint8).data
        if isinstance(values, memoryview):
            result.frombytes(values)
        else:
            result.extend(values)
        return result

    start = field.default or []
    return Rules(
        check,
        lambda: array.array(typecode, start),
        (lambda read: read.data) if is_bytes else to_array,
        lambda held: np.frombuffer(held, dtype) if len(held) else np.empty(0, dtype),
    )


def _numbers_check(label: str, kind: FieldType) -> Callable[[Any], Any]:
    check_element = element_check(f'{label}[]', kind, None)
    check_length = _length_check(label, kind)
    dtype = np.dtype(kind.base)
    is_float = dtype.kind == 'f'

    def check_numbers(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            if value.ndim != 1 or value.dtype.kind not in ('iuf' if is_float else 'iu'):
                raise AssertionError(
                    f'{label} takes an array of one dimension that fits {kind.base}, got {value.dtype} {value.shape}'
                )
            check_length(value)
            if value.dtype != dtype and value.size:
                for extreme in (value.min().item(), value.max().item()):
                    check_element(float(extreme) if is_float else extreme)
            return value
        if not isinstance(value, (Sequence, array.array)) or isinstance(value, (str, bytes)):
            raise _refusal(label, f'numbers of type {kind.base}', value)
        check_length(value)
        for element in value:
            # Unlike a single field, an array or a sequence of floats takes integers: Jazzy's rclpy converts them.
            check_element(float(element) if is_float and isinstance(element, int) else element)
        return value

    return check_numbers
