# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Message and service classes, made from definitions; they behave as those that ROS 2 generates for rclpy."""

from __future__ import annotations

import array
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from rosless.interfaces.definitions import Container, Definition, FieldType
from rosless.interfaces.fields import Rules, rules

_IDL_NAMES = {'bool': 'boolean', 'byte': 'octet', 'float32': 'float', 'float64': 'double'}


class Message:
    """What all message classes have in common. Field `x` is held in the slot `_x`."""

    __slots__ = ()
    _TYPE_NAME: ClassVar[str]
    _DEFINITION: ClassVar[Definition]
    # Per field: name, makes the default, sets the slot without a check.
    _FIELDS: ClassVar[list[tuple[str, Callable[[], Any], Callable[[Any, Any], None]]]]

    def __init__(self, **kwargs: Any) -> None:
        """Take fields by name; the others get their defaults.

        Raises:
            AssertionError: There is no such field, or it cannot have that value.
        """
        if kwargs:
            if unknown := kwargs.keys() - {name for name, _, _ in self._FIELDS}:
                raise AssertionError(
                    f'{self._TYPE_NAME} has no field {", ".join(sorted(unknown))}; '
                    f'it has {", ".join(name for name, _, _ in self._FIELDS) or "none"}'
                )
            for name, default, put in self._FIELDS:
                if name in kwargs:
                    setattr(self, name, kwargs[name])
                else:
                    put(self, default())
        else:
            for _, default, put in self._FIELDS:
                put(self, default())

    @classmethod
    def get_fields_and_field_types(cls) -> dict[str, str]:
        """The names of the fields and what they are, in the words of ROS 2's IDL."""
        return {field.name: idl_name(field.type) for field in cls._DEFINITION.fields}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, self.__class__):
            return False
        for name, _, _ in self._FIELDS:
            mine, theirs = getattr(self, name), getattr(other, name)
            if not (np.array_equal(mine, theirs) if isinstance(mine, np.ndarray) else mine == theirs):
                return False
        return True

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        parts = []
        for name, _, _ in self._FIELDS:
            value = getattr(self, name)
            if isinstance(value, (array.array, memoryview)):
                value = value.tolist()
            parts.append(f'{name}={value!r}')
        return f'{type(self).__module__}.{type(self).__name__}({", ".join(parts)})'

    def __getstate__(self) -> dict[str, Any]:
        # A view of received bytes can be neither copied nor pickled, what it shows can.
        values = {name: getattr(self, name) for name, _, _ in self._FIELDS}
        return {
            name: array.array('B', value.tobytes()) if isinstance(value, memoryview) else value
            for name, value in values.items()
        }

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        for name, _, put in self._FIELDS:
            put(self, state[name])


def make_message(definition: Definition, classes: Mapping[str, type[Any]]) -> tuple[type[Message], dict[str, Rules]]:
    """Make the class of a message.

    Args:
        definition: Of the message.
        classes: The classes of the messages that its fields have.

    Returns:
        The class, and the rules of its fields.
    """
    package, kind, short = definition.name.split('/')
    field_rules = {
        field.name: rules(definition.name, field, classes.get(field.type.base)) for field in definition.fields
    }
    namespace: dict[str, Any] = {
        '__doc__': f'{definition.name}.',
        '__module__': f'{package}.{kind}',
        '__slots__': [f'_{field.name}' for field in definition.fields],
        '_TYPE_NAME': definition.name,
        '_DEFINITION': definition,
        **{constant.name: constant.value for constant in definition.constants},
    }
    cls: type[Message] = type(short, (Message,), namespace)
    cls._FIELDS = []
    for name, rule in field_rules.items():
        slot = cls.__dict__[f'_{name}']
        cls._FIELDS.append((name, rule.default, slot.__set__))
        setattr(cls, name, property(slot.__get__, _setter(slot.__set__, rule.check)))
        if rule.to_codec is not None:
            setattr(cls, f'_CODEC_{name}', property(_codec_getter(slot.__get__, rule.to_codec)))
    return cls, field_rules


def make_service(name: str, request: type[Message], response: type[Message]) -> type[Any]:
    """Make the class of a service from those of its request and response."""

    def refuse(self: Any) -> None:
        raise NotImplementedError(f'{name} has no instances; make {name}.Request() or {name}.Response()')

    package, kind, short = name.split('/')
    return type(
        short,
        (),
        {
            '__doc__': f'{name}.',
            '__module__': f'{package}.{kind}',
            '__init__': refuse,
            '_TYPE_NAME': name,
            'Request': request,
            'Response': response,
        },
    )


def _setter(put: Callable[[Any, Any], None], check: Callable[[Any], Any]) -> Callable[[Any, Any], None]:
    def set_field(message: Any, value: Any) -> None:
        put(message, check(value))

    return set_field


def _codec_getter(get: Callable[[Any], Any], to_codec: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda message: to_codec(get(message))


def idl_name(kind: FieldType) -> str:
    """A type in the words of ROS 2's IDL, for example `sequence<double>`."""
    name = _IDL_NAMES.get(kind.base, kind.base.replace('/msg/', '/'))
    if kind.string_size:
        name = f'string<{kind.string_size}>'
    if kind.container is Container.ARRAY:
        return f'{name}[{kind.size}]'
    if kind.container is Container.SEQUENCE:
        return f'sequence<{name}, {kind.size}>' if kind.size else f'sequence<{name}>'
    return name
