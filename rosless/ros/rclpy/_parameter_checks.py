# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the descriptor of a parameter allows."""

from __future__ import annotations

import math

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

from rclpy.parameter import Parameter

# How close a floating point value must come to an end of its range, or to a step; rclpy's value.
_RELATIVE_TOLERANCE = 1e-6


def wrong_type(parameter: Parameter, descriptor: ParameterDescriptor) -> bool:
    """Tell whether a value is not of the type that the descriptor fixes."""
    return (
        not descriptor.dynamic_typing
        and parameter.type_ is not Parameter.Type.NOT_SET
        and parameter.type_.value != descriptor.type
    )


def problem(
    parameter: Parameter, descriptor: ParameterDescriptor, *, is_declared: bool, check_read_only: bool
) -> str | None:
    """Return why a parameter cannot have a value, or None if it can.

    Args:
        parameter: Name and new value.
        descriptor: What the parameter allows.
        is_declared: Whether the parameter exists already.
        check_read_only: Whether a read-only parameter is refused; not at its declaration.
    """
    name = parameter.name
    if check_read_only and descriptor.read_only:
        return f'Trying to set a read-only parameter: {name}.'
    if not descriptor.dynamic_typing and is_declared and parameter.type_ is Parameter.Type.NOT_SET:
        return 'Static parameter cannot be undeclared'
    if wrong_type(parameter, descriptor):
        expected = Parameter.Type(descriptor.type)
        return f"Wrong parameter type, expected '{expected}' got '{parameter.type_}'"
    if parameter.type_ is Parameter.Type.INTEGER and descriptor.integer_range:
        return _integer_problem(name, parameter.value, descriptor.integer_range[0])
    if parameter.type_ is Parameter.Type.DOUBLE and descriptor.floating_point_range:
        return _floating_point_problem(name, parameter.value, descriptor.floating_point_range[0])
    return None


def _integer_problem(name: str, value: int, allowed: IntegerRange) -> str | None:
    low, high = sorted((allowed.from_value, allowed.to_value))
    if not low <= value <= high:
        return f'Parameter {name} out of range. Min: {low}, Max: {high}, value: {value}'
    # The upper end is allowed even if no step falls on it.
    if allowed.step and value != high and (value - low) % allowed.step:
        return (
            f'The parameter value for {name} is not a valid step. '
            f'Min: {low}, max: {high}, value: {value}, step: {allowed.step}'
        )
    return None


def _floating_point_problem(name: str, value: float, allowed: FloatingPointRange) -> str | None:
    low, high = sorted((allowed.from_value, allowed.to_value))
    if any(math.isclose(value, end, rel_tol=_RELATIVE_TOLERANCE) for end in (low, high)):
        return None
    if not low < value < high:
        return f'Parameter {name} out of range Min: {low}, Max: {high}, value: {value}'
    if allowed.step:
        nearest = low + round((value - low) / allowed.step) * allowed.step
        if not math.isclose(nearest, value, rel_tol=_RELATIVE_TOLERANCE):
            return (
                f'The parameter value for {name} is not close enough to a valid step. '
                f'Min: {low}, max: {high}, value: {value}, step: {allowed.step}'
            )
    return None
