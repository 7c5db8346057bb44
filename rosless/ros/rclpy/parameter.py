# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Values of parameters, their types, and files of them."""

from __future__ import annotations

import array
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterType, ParameterValue

PARAMETER_SEPARATOR_STRING = '.'

# To Python a bool is an int, hence this order.
_SCALARS: tuple[tuple[str, type], ...] = (('BOOL', bool), ('INTEGER', int), ('DOUBLE', float), ('STRING', str))
# An empty sequence fits all of them; rclpy calls it a BYTE_ARRAY, hence this order.
_ARRAYS: tuple[tuple[str, type], ...] = (
    ('BYTE_ARRAY', bytes),
    *((f'{name}_ARRAY', element) for name, element in _SCALARS),
)


class Parameter:
    """A named value with a type."""

    class Type(Enum):
        """Types of parameters."""

        NOT_SET = ParameterType.PARAMETER_NOT_SET
        BOOL = ParameterType.PARAMETER_BOOL
        INTEGER = ParameterType.PARAMETER_INTEGER
        DOUBLE = ParameterType.PARAMETER_DOUBLE
        STRING = ParameterType.PARAMETER_STRING
        BYTE_ARRAY = ParameterType.PARAMETER_BYTE_ARRAY
        BOOL_ARRAY = ParameterType.PARAMETER_BOOL_ARRAY
        INTEGER_ARRAY = ParameterType.PARAMETER_INTEGER_ARRAY
        DOUBLE_ARRAY = ParameterType.PARAMETER_DOUBLE_ARRAY
        STRING_ARRAY = ParameterType.PARAMETER_STRING_ARRAY

        @classmethod
        def from_parameter_value(cls, parameter_value: object) -> Parameter.Type:
            """Return the type of a Python value.

            Raises:
                TypeError: ROS has no parameter type for it.
            """
            if parameter_value is None:
                return cls.NOT_SET
            for name, element_type in _SCALARS:
                if isinstance(parameter_value, element_type):
                    return cls[name]
            if isinstance(parameter_value, list | tuple | array.array):
                for name, element_type in _ARRAYS:
                    if all(isinstance(element, element_type) for element in parameter_value):
                        return cls[name]
            raise TypeError(
                f'{parameter_value!r} of type {type(parameter_value).__name__} cannot be a parameter; expected a bool, '
                'int, float, str, or a list of one of them or of single bytes'
            )

        def check(self, parameter_value: object) -> bool:
            """Tell whether a Python value is of this type."""
            if self is Parameter.Type.NOT_SET:
                return parameter_value is None
            for name, element_type in _SCALARS:
                if name == self.name:
                    return isinstance(parameter_value, element_type)
            element_type = dict(_ARRAYS)[self.name]
            if isinstance(parameter_value, array.array) and self.name not in ('INTEGER_ARRAY', 'DOUBLE_ARRAY'):
                return False
            return isinstance(parameter_value, list | tuple | array.array) and all(
                isinstance(element, element_type) and (not isinstance(element, bytes) or len(element) == 1)
                for element in parameter_value
            )

    def __init__(self, name: str, type_: Parameter.Type | None = None, value: Any = None) -> None:
        """Create a parameter.

        Args:
            name: Its name.
            type_: Its type; that of the value if None.
            value: Its value.

        Raises:
            TypeError: No parameter can have this value.
            ValueError: The value is not of the given type.
        """
        if type_ is None:
            type_ = Parameter.Type.from_parameter_value(value)
        if not isinstance(type_, Parameter.Type):
            raise TypeError(f'type_ must be a Parameter.Type, got {type_!r}')
        if not type_.check(value):
            raise ValueError(f"Type '{type_}' and value '{value}' do not agree")
        self._name = name
        self._type_ = type_
        self._value = value

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @property
    def type_(self) -> Parameter.Type:
        """The type."""
        return self._type_

    @property
    def value(self) -> Any:
        """The value, None if the type is NOT_SET."""
        return self._value

    def __repr__(self) -> str:
        return f'Parameter({self.name!r}, {self.type_}, {self.value!r})'

    def get_parameter_value(self) -> ParameterValue:
        """Return the value as ``rcl_interfaces/msg/ParameterValue``."""
        message = ParameterValue(type=self.type_.value)
        if self.type_ is not Parameter.Type.NOT_SET:
            setattr(message, _field(self.type_), self.value)
        return message

    def to_parameter_msg(self) -> ParameterMsg:
        """Return the message ``rcl_interfaces/msg/Parameter``."""
        return ParameterMsg(name=self.name, value=self.get_parameter_value())

    @classmethod
    def from_parameter_msg(cls, param_msg: ParameterMsg) -> Parameter:
        """Read the message ``rcl_interfaces/msg/Parameter``."""
        type_ = Parameter.Type(value=param_msg.value.type)
        unset = type_ is Parameter.Type.NOT_SET
        return cls(param_msg.name, type_, None if unset else getattr(param_msg.value, _field(type_)))


def _field(type_: Parameter.Type) -> str:
    """Return the field of ParameterValue that holds values of a type."""
    return f'{type_.name.lower()}_value'


def parameter_value_to_python(parameter_value: ParameterValue) -> Any:
    """Return the value inside a ``rcl_interfaces/msg/ParameterValue``, None if it is not set.

    Raises:
        RuntimeError: Its type is none of ROS 2's.
    """
    try:
        type_ = Parameter.Type(parameter_value.type)
    except ValueError:
        raise RuntimeError(f'unexpected parameter type {parameter_value.type}') from None
    if type_ is Parameter.Type.NOT_SET:
        return None
    value = getattr(parameter_value, _field(type_))
    return list(value) if type_.name.endswith('_ARRAY') else value


def get_parameter_value(string_value: str) -> ParameterValue:
    """Guess the type of a value that was typed as text, by the rules of YAML."""
    try:
        value = yaml.safe_load(string_value)
    except yaml.YAMLError:
        value = string_value
    return _guess(value, string_value)


def _guess(value: object, text: str) -> ParameterValue:
    try:
        parameter = Parameter('', value=value)
    except TypeError:
        parameter = Parameter('', value=text)
    if parameter.type_ in (Parameter.Type.NOT_SET, Parameter.Type.BYTE_ARRAY):
        # YAML's null is a word, and its empty list has no type of its own.
        parameter = Parameter('', *((Parameter.Type.BOOL_ARRAY, []) if value == [] else (None, text)))
    return parameter.get_parameter_value()


def parameter_dict_from_yaml_file(
    parameter_file: str | Path,
    use_wildcard: bool = False,
    target_nodes: list[str] | None = None,
    namespace: str = '',
) -> dict[str, ParameterMsg]:
    """Read the parameters of a YAML file.

    Args:
        parameter_file: The file; under each node's name it has a mapping ``ros__parameters``.
        use_wildcard: Take the parameters of ``/**`` first.
        target_nodes: Nodes whose parameters are taken; all if None.
        namespace: Put in front of each name.

    Returns:
        Messages ``rcl_interfaces/msg/Parameter`` by name.

    Raises:
        RuntimeError: The file has no parameters for these nodes, or is no parameter file.
    """
    content = yaml.safe_load(Path(parameter_file).read_text(encoding='utf-8'))
    if not isinstance(content, dict):
        raise RuntimeError(f"'{parameter_file}' is not a ROS parameter file: expected names of nodes at the top")
    chosen = ['/**'] if use_wildcard and '/**' in content else []
    for node in target_nodes or [node for node in content if node != '/**']:
        if node not in content:
            raise RuntimeError(f'Param file does not contain parameters for {node}, only for nodes: {list(content)}')
        chosen.append(node)
    if not chosen:
        raise RuntimeError('Param file does not contain selected parameters')
    parameters: dict[str, Any] = {}
    for node in chosen:
        if not isinstance(content[node], dict) or 'ros__parameters' not in content[node]:
            raise RuntimeError(f'YAML file is not a valid ROS parameter file for node {node}')
        parameters.update(content[node]['ros__parameters'])
    return _flatten(namespace, parameters)


def _flatten(prefix: str, parameters: dict[str, Any]) -> dict[str, ParameterMsg]:
    flat: dict[str, ParameterMsg] = {}
    for name, value in parameters.items():
        full_name = f'{prefix}{name}'
        if isinstance(value, dict):
            flat.update(_flatten(full_name + PARAMETER_SEPARATOR_STRING, value))
        else:
            flat[full_name] = ParameterMsg(name=full_name, value=_guess(value, str(value)))
    return flat
