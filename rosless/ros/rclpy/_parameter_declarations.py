# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a node gives to declare a parameter."""

from __future__ import annotations

import copy
import warnings
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor

from rclpy.parameter import PARAMETER_SEPARATOR_STRING, Parameter
from rclpy.validate_parameter_name import validate_parameter_name


def read_declaration(index: int, declaration: tuple[Any, ...], namespace: str) -> tuple[str, Any, ParameterDescriptor]:
    """Return full name, default value or type, and descriptor."""
    if not 1 <= len(declaration) <= 3:
        raise TypeError(
            f'Invalid parameter tuple length at index {index} in parameters list: {declaration}; '
            'expecting length between 1 and 3'
        )
    name = declaration[0]
    if not isinstance(name, str):
        raise TypeError(f'First element {name} at index {index} in parameters list is not a str.')
    name = f'{namespace}{PARAMETER_SEPARATOR_STRING}{name}' if namespace else name
    validate_parameter_name(name)
    descriptor = declaration[2] if len(declaration) == 3 else ParameterDescriptor()
    if not isinstance(descriptor, ParameterDescriptor):
        raise TypeError(f'Third element {descriptor} at index {index} in parameters list is not a ParameterDescriptor.')
    if len(declaration) == 1:
        warnings.warn(
            f"declaring parameter '{name}' by its name alone is deprecated: give a default value, a Parameter.Type, "
            'or a descriptor with dynamic_typing=True',
            stacklevel=4,
        )
        descriptor = ParameterDescriptor(dynamic_typing=True)
    # A copy: two parameters may be declared with one descriptor, and it gets their name and type.
    return name, declaration[1] if len(declaration) > 1 else None, copy.copy(descriptor)


def infer_type(name: str, default: Any, descriptor: ParameterDescriptor) -> Any:
    """Fix the type in the descriptor and return the default value."""
    if isinstance(default, Parameter.Type):
        if default is Parameter.Type.NOT_SET:
            raise ValueError(f"Cannot declare parameter '{name}' as statically typed of type NOT_SET")
        if descriptor.dynamic_typing:
            raise ValueError(
                f"Parameter '{name}' cannot have both a type and a descriptor with dynamic_typing=True: leave out one"
            )
        descriptor.type = default.value
        return None
    if not descriptor.dynamic_typing:
        type_ = Parameter.Type.from_parameter_value(default)
        if type_ is Parameter.Type.NOT_SET:
            raise ValueError(
                f"Cannot declare parameter '{name}' without a default value: give one, or a Parameter.Type, or a "
                'descriptor with dynamic_typing=True'
            )
        descriptor.type = type_.value
    return default
