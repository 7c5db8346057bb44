# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a node can ask about its parameters."""

from __future__ import annotations

from collections.abc import Sequence

from rcl_interfaces.msg import ListParametersResult, ParameterDescriptor
from rcl_interfaces.srv import ListParameters

from rclpy.exceptions import ParameterNotDeclaredException, ParameterUninitializedException
from rclpy.parameter import PARAMETER_SEPARATOR_STRING, Parameter

_NOT_SET = Parameter.Type.NOT_SET


class ParameterReader:
    """Tells values, types and descriptors."""

    _parameters: dict[str, Parameter]
    _descriptors: dict[str, ParameterDescriptor]
    _allow_undeclared_parameters: bool

    def has_parameter(self, name: str) -> bool:
        """Tell whether a parameter is declared."""
        return name in self._parameters

    def get_parameter(self, name: str) -> Parameter:
        """Return a parameter.

        Raises:
            ParameterNotDeclaredException: It is not declared, and the node does not allow that.
            ParameterUninitializedException: It was declared with a type and has no value yet.
        """
        if self.has_parameter(name):
            parameter = self._parameters[name]
            if parameter.type_ is _NOT_SET and not self._descriptors[name].dynamic_typing:
                raise ParameterUninitializedException(name)
            return parameter
        if self._allow_undeclared_parameters:
            return Parameter(name)
        raise ParameterNotDeclaredException(name)

    def get_parameters(self, names: Sequence[str]) -> list[Parameter]:
        """Return several parameters; see ``get_parameter``."""
        if not all(isinstance(name, str) for name in names):
            raise TypeError(f'names of parameters must be str, got {names}')
        return [self.get_parameter(name) for name in names]

    def get_parameter_or(self, name: str, alternative_value: Parameter | None = None) -> Parameter:
        """Return a parameter, or the alternative if it is not declared or has no value."""
        parameter = self._parameters.get(name)
        if parameter is None or parameter.type_ is _NOT_SET:
            return Parameter(name) if alternative_value is None else alternative_value
        return parameter

    def get_parameters_by_prefix(self, prefix: str) -> dict[str, Parameter]:
        """Return the parameters below a prefix, by their names without it; all for an empty prefix."""
        start = prefix + PARAMETER_SEPARATOR_STRING if prefix else ''
        return {
            name.removeprefix(start): parameter
            for name, parameter in self._parameters.items()
            if name.startswith(start)
        }

    def get_parameter_type(self, name: str) -> Parameter.Type:
        """Return the type of a parameter.

        Raises:
            ParameterNotDeclaredException: It is not declared, and the node does not allow that.
        """
        if self.has_parameter(name):
            return self._parameters[name].type_
        if self._allow_undeclared_parameters:
            return _NOT_SET
        raise ParameterNotDeclaredException(name)

    def get_parameter_types(self, names: Sequence[str]) -> list[Parameter.Type]:
        """Return the types of several parameters; see ``get_parameter_type``."""
        if not all(isinstance(name, str) for name in names):
            raise TypeError(f'names of parameters must be str, got {names}')
        return [self.get_parameter_type(name) for name in names]

    def list_parameters(self, prefixes: list[str], depth: int) -> ListParametersResult:
        """Return the names of parameters, and the prefixes that they have.

        Args:
            prefixes: Only names below one of them; all if empty.
            depth: Only names with fewer dots below the prefix; 0 for any number.
        """
        if not isinstance(prefixes, list) or not all(isinstance(prefix, str) for prefix in prefixes):
            raise TypeError(f'prefixes must be a list of str, got {prefixes!r}')
        if not isinstance(depth, int):
            raise TypeError(f'depth must be an int, got {depth!r}')
        if depth < 0:
            raise ValueError(f'depth must be greater than or equal to zero, got {depth}')

        def is_shallow(rest: str) -> bool:
            recursive = depth == ListParameters.Request.DEPTH_RECURSIVE
            return recursive or rest.count(PARAMETER_SEPARATOR_STRING) < depth

        def is_chosen(name: str) -> bool:
            if not prefixes:
                return is_shallow(name)
            starts = (prefix + PARAMETER_SEPARATOR_STRING for prefix in prefixes)
            return name in prefixes or any(
                name.startswith(start) and is_shallow(name.removeprefix(start)) for start in starts
            )

        result = ListParametersResult(names=[name for name in self._parameters if is_chosen(name)])
        parents = (name.rpartition(PARAMETER_SEPARATOR_STRING)[0] for name in result.names)
        result.prefixes = list(dict.fromkeys(parent for parent in parents if parent))
        return result

    def describe_parameter(self, name: str) -> ParameterDescriptor:
        """Return the descriptor of a parameter.

        Raises:
            ParameterNotDeclaredException: It is not declared, and the node does not allow that.
        """
        if name in self._descriptors:
            return self._descriptors[name]
        if self._allow_undeclared_parameters:
            return ParameterDescriptor()
        raise ParameterNotDeclaredException(name)

    def describe_parameters(self, names: Sequence[str]) -> list[ParameterDescriptor]:
        """Return the descriptors of several parameters; see ``describe_parameter``."""
        return [self.describe_parameter(name) for name in names]
