# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Exceptions of rclpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rclpy._rclpy_pybind11 import InvalidHandle

if TYPE_CHECKING:
    from rclpy.parameter import Parameter

__all__ = [
    'InvalidHandle',
    'InvalidNamespaceException',
    'InvalidNodeNameException',
    'InvalidParameterException',
    'InvalidParameterTypeException',
    'InvalidParameterValueException',
    'InvalidServiceNameException',
    'InvalidTopicNameException',
    'NameValidationException',
    'NoTypeSupportImportedException',
    'NotInitializedException',
    'ParameterAlreadyDeclaredException',
    'ParameterException',
    'ParameterImmutableException',
    'ParameterNotDeclaredException',
    'ParameterUninitializedException',
    'ROSInterruptException',
]


class NotInitializedException(Exception):
    """rclpy is used before ``rclpy.init()`` or after ``rclpy.shutdown()``."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__('rclpy.init() has not been called' + (f': {message}' if message else ''))


class NoTypeSupportImportedException(Exception):
    """The given class is no ROS message or service."""

    def __init__(self) -> None:
        super().__init__('no type support: the class is not a ROS message or service')


class NameValidationException(Exception):
    """The name of a topic, service, node or namespace is invalid."""

    def __init__(self, name_type: str, name: str, error_msg: str, invalid_index: int) -> None:
        # The caret points at the first wrong character of the name on the line above it.
        super().__init__(f"Invalid {name_type}: {error_msg}:\n  '{name}'\n   {' ' * invalid_index}^")


class InvalidNamespaceException(NameValidationException):
    """A namespace is invalid."""

    def __init__(self, name: str, error_msg: str, invalid_index: int) -> None:
        super().__init__('namespace', name, error_msg, invalid_index)


class InvalidNodeNameException(NameValidationException):
    """A node name is invalid."""

    def __init__(self, name: str, error_msg: str, invalid_index: int) -> None:
        super().__init__('node name', name, error_msg, invalid_index)


class InvalidTopicNameException(NameValidationException):
    """A topic name is invalid."""

    def __init__(self, name: str, error_msg: str, invalid_index: int) -> None:
        super().__init__('topic name', name, error_msg, invalid_index)


class InvalidServiceNameException(NameValidationException):
    """A service name is invalid."""

    def __init__(self, name: str, error_msg: str, invalid_index: int) -> None:
        super().__init__('service name', name, error_msg, invalid_index)


class ParameterException(Exception):
    """Base of the errors about parameters."""

    def __init__(self, error_msg: str, parameters: str | list[str]) -> None:
        super().__init__(f'{error_msg}: {parameters}')


class ParameterNotDeclaredException(ParameterException):
    """An undeclared parameter is read or set, and the node does not allow that."""

    def __init__(self, parameters: str | list[str]) -> None:
        super().__init__('Invalid access to undeclared parameter(s)', parameters)


class ParameterAlreadyDeclaredException(ParameterException):
    """A parameter is declared a second time."""

    def __init__(self, parameters: str | list[str]) -> None:
        super().__init__('Parameter(s) already declared', parameters)


class InvalidParameterException(ParameterException):
    """The name of a parameter is invalid."""

    def __init__(self, parameter_name: str) -> None:
        super().__init__('Invalid parameter name', parameter_name)


class InvalidParameterTypeException(ParameterException):
    """A parameter is declared with a value of another type than its own."""

    def __init__(self, desired_parameter: Parameter, expected_type: str) -> None:
        super().__init__(
            f"Trying to set parameter '{desired_parameter.name}' to '{desired_parameter.value}' of type "
            f"'{desired_parameter.type_.name}', expecting type '{expected_type}'",
            desired_parameter.name,
        )


class InvalidParameterValueException(ParameterException):
    """The descriptor of a parameter or a callback of the node rejects its value."""

    def __init__(self, parameter: str, value: Any, reason: str) -> None:
        super().__init__(f'Invalid parameter value ({value}) for parameter. Reason: {reason}', parameter)


class ParameterImmutableException(ParameterException):
    """A read-only parameter is undeclared or described anew."""

    def __init__(self, parameter_name: str) -> None:
        super().__init__('Attempted to modify read-only parameter', parameter_name)


class ParameterUninitializedException(ParameterException):
    """A parameter that was declared with a type but without a value is read before it has one."""

    def __init__(self, parameter_name: str) -> None:
        super().__init__(f"The parameter '{parameter_name}' is not initialized", parameter_name)


class ROSInterruptException(Exception):
    """rclpy was shut down while something waited."""

    def __init__(self) -> None:
        super().__init__('rclpy.shutdown() has been called')
