# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The parameters of a node."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterDescriptor, ParameterEvent, ParameterValue, SetParametersResult

from rclpy._parameter_checks import problem, wrong_type
from rclpy._parameter_declarations import infer_type, read_declaration
from rclpy._parameter_reader import ParameterReader
from rclpy.clock import Clock
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterImmutableException,
    ParameterNotDeclaredException,
)
from rclpy.parameter import Parameter

PreSetCallback = Callable[[list[Parameter]], list[Parameter]]
OnSetCallback = Callable[[list[Parameter]], SetParametersResult]
PostSetCallback = Callable[[list[Parameter]], None]

_NOT_SET = Parameter.Type.NOT_SET


class NodeParameters(ParameterReader):
    """Declares, sets and tells parameters; ``Node`` inherits it and calls ``_init_parameters``."""

    def _init_parameters(
        self,
        owner: str,
        clock: Clock,
        publish: Callable[[ParameterEvent], None],
        overrides: dict[str, Parameter],
        *,
        allow_undeclared_parameters: bool = False,
        automatically_declare_parameters_from_overrides: bool = False,
    ) -> None:
        """Prepare for the first declaration.

        Args:
            owner: Full name of the node.
            clock: Stamps the events.
            publish: Publishes an event on /parameter_events.
            overrides: Initial values by name, from the command line and from the constructor of the node.
            allow_undeclared_parameters: Whether setting a parameter declares it.
            automatically_declare_parameters_from_overrides: Whether all initial values are declared now.
        """
        self._parameters = {}
        self._descriptors = {}
        self._parameter_owner = owner
        self._parameter_clock = clock
        self._publish_parameter_event = publish
        self._parameter_overrides = overrides
        self._allow_undeclared_parameters = allow_undeclared_parameters
        self._pre_set_parameters_callbacks: list[PreSetCallback] = []
        self._on_set_parameters_callbacks: list[OnSetCallback] = []
        self._post_set_parameters_callbacks: list[PostSetCallback] = []
        if automatically_declare_parameters_from_overrides:
            declarations = [(name, given.value, ParameterDescriptor()) for name, given in overrides.items()]
            self.declare_parameters('', declarations, ignore_override=True)

    # Declaration

    def declare_parameter(
        self,
        name: str,
        value: Any = None,
        descriptor: ParameterDescriptor | None = None,
        ignore_override: bool = False,
    ) -> Parameter:
        """Declare a parameter.

        Args:
            name: Full name, with dots between its parts.
            value: Default value, or a ``Parameter.Type`` for a parameter that has no value before one is set.
            descriptor: Description, range, read-only or dynamic typing.
            ignore_override: Take the default value even if the command line or constructor gives another.

        Returns:
            The parameter with its initial value.

        Raises:
            ParameterAlreadyDeclaredException: It was declared before.
            InvalidParameterException: The name is empty.
            InvalidParameterTypeException: The initial value is of another type than the default.
            InvalidParameterValueException: Descriptor or a callback reject the initial value.
        """
        bare = value is None and descriptor is None
        declaration = (name,) if bare else (name, value, descriptor or ParameterDescriptor())
        return self.declare_parameters('', [declaration], ignore_override)[0]

    def declare_parameters(
        self, namespace: str, parameters: Iterable[tuple[Any, ...]], ignore_override: bool = False
    ) -> list[Parameter]:
        """Declare several parameters; see ``declare_parameter``.

        Args:
            namespace: Put in front of each name with a dot, unless empty.
            parameters: Tuples of name, default value or type, and descriptor; the last two may be missing.
            ignore_override: Take the default values even if the command line or constructor gives others.

        Returns:
            The parameters with their initial values.
        """
        declared: list[tuple[Parameter, ParameterDescriptor]] = []
        for index, declaration in enumerate(parameters):
            name, default, descriptor = read_declaration(index, declaration, namespace)
            value = infer_type(name, default, descriptor)
            if not ignore_override and name in self._parameter_overrides:
                value = self._parameter_overrides[name].value
            declared.append((Parameter(name, value=value), descriptor))
        if again := [parameter.name for parameter, _ in declared if parameter.name in self._parameters]:
            raise ParameterAlreadyDeclaredException(again)
        for parameter, descriptor in declared:
            result = self._set_checked([parameter], {parameter.name: descriptor})
            if not result.successful:
                if wrong_type(parameter, descriptor):
                    raise InvalidParameterTypeException(parameter, Parameter.Type(descriptor.type).name)
                raise InvalidParameterValueException(parameter.name, parameter.value, result.reason)
        return [self._parameters[parameter.name] for parameter, _ in declared]

    def undeclare_parameter(self, name: str) -> None:
        """Remove a parameter.

        Raises:
            ParameterNotDeclaredException: It does not exist.
            ParameterImmutableException: It is read-only.
        """
        if not self.has_parameter(name):
            raise ParameterNotDeclaredException(name)
        if self._descriptors[name].read_only:
            raise ParameterImmutableException(name)
        del self._parameters[name]
        del self._descriptors[name]

    # Setting

    def set_parameters(self, parameter_list: list[Parameter]) -> list[SetParametersResult]:
        """Set parameters one after the other; a rejected one does not keep back the others.

        Raises:
            ParameterNotDeclaredException: One is not declared, and the node does not allow that.
        """
        return [self.set_parameters_atomically([parameter]) for parameter in parameter_list]

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """Set either all of the parameters or, if one is rejected, none.

        Raises:
            ParameterNotDeclaredException: One is not declared, and the node does not allow that.
        """
        if self._pre_set_parameters_callbacks:
            given = parameter_list
            parameter_list = []
            for callback in self._pre_set_parameters_callbacks:
                parameter_list.extend(callback(given))
            if not parameter_list:
                reason = 'parameter list cannot be empty: a pre_set_parameters_callback returned no parameters'
                return SetParametersResult(successful=False, reason=reason)
        for parameter in parameter_list:
            if not isinstance(parameter, Parameter):
                raise TypeError(f'expected instances of rclpy.parameter.Parameter, got {parameter!r}')
        undeclared = [parameter.name for parameter in parameter_list if parameter.name not in self._parameters]
        if undeclared and not self._allow_undeclared_parameters:
            raise ParameterNotDeclaredException(undeclared)
        return self._set_checked(parameter_list, None)

    def _set_checked(
        self, parameter_list: list[Parameter], declared_as: dict[str, ParameterDescriptor] | None
    ) -> SetParametersResult:
        """Set parameters if descriptors and callbacks allow; with descriptors they are declared by that."""
        for parameter in parameter_list:
            descriptor = (declared_as or self._descriptors).get(parameter.name)
            if descriptor is None:
                continue
            reason = problem(
                parameter,
                descriptor,
                is_declared=self.has_parameter(parameter.name),
                check_read_only=declared_as is None,
            )
            if reason:
                return SetParametersResult(successful=False, reason=reason)
        for on_set in self._on_set_parameters_callbacks:
            result = on_set(parameter_list)
            if not result.successful:
                return result
        event = ParameterEvent(node=self._parameter_owner)
        for parameter in parameter_list:
            self._store(parameter, declared_as, event)
        event.stamp = self._parameter_clock.now().to_msg()
        self._publish_parameter_event(event)
        for post_set in self._post_set_parameters_callbacks:
            post_set(parameter_list)
        return SetParametersResult(successful=True)

    def _store(
        self, parameter: Parameter, declared_as: dict[str, ParameterDescriptor] | None, event: ParameterEvent
    ) -> None:
        name = parameter.name
        if declared_as is None and parameter.type_ is _NOT_SET:
            event.deleted_parameters.append(parameter.to_parameter_msg())
            self._parameters.pop(name, None)
            self._descriptors.pop(name, None)
            return
        is_new = self.get_parameter_or(name).type_ is _NOT_SET
        (event.new_parameters if is_new else event.changed_parameters).append(parameter.to_parameter_msg())
        if declared_as is not None:
            self._descriptors[name] = declared_as[name]
        descriptor = self._descriptors.setdefault(name, ParameterDescriptor(dynamic_typing=True))
        descriptor.name = name
        if descriptor.dynamic_typing:
            descriptor.type = parameter.type_.value
        self._parameters[name] = parameter

    def set_descriptor(
        self, name: str, descriptor: ParameterDescriptor, alternative_value: ParameterValue | None = None
    ) -> ParameterValue:
        """Give a parameter another descriptor.

        Args:
            name: Name of the parameter.
            descriptor: The new descriptor; it fixes the type of the value unless it has dynamic typing.
            alternative_value: Value that is set if the descriptor does not allow the present one.

        Returns:
            The value after that.

        Raises:
            ParameterNotDeclaredException: The parameter is not declared, and the node does not allow that.
            ParameterImmutableException: It is read-only.
            InvalidParameterValueException: The descriptor allows neither value.
        """
        if not self.has_parameter(name):
            return self.get_parameter(name).get_parameter_value()
        if self._descriptors[name].read_only:
            raise ParameterImmutableException(name)
        chosen = self.get_parameter(name)
        if reason := problem(chosen, descriptor, is_declared=True, check_read_only=False):
            if alternative_value is None:
                raise InvalidParameterValueException(name, chosen.value, reason)
            chosen = Parameter.from_parameter_msg(ParameterMsg(name=name, value=alternative_value))
            if reason := problem(chosen, descriptor, is_declared=True, check_read_only=False):
                raise InvalidParameterValueException(name, chosen.value, reason)
        descriptor.name = name
        if descriptor.dynamic_typing:
            descriptor.type = chosen.type_.value
        self._descriptors[name] = descriptor
        self._parameters[name] = chosen
        return chosen.get_parameter_value()

    # Callbacks

    def add_pre_set_parameters_callback(self, callback: PreSetCallback) -> None:
        """Call a function before parameters are checked; it returns the list of those to set instead."""
        self._pre_set_parameters_callbacks.insert(0, callback)

    def add_on_set_parameters_callback(self, callback: OnSetCallback) -> None:
        """Call a function that accepts or rejects parameters, also at their declaration."""
        self._on_set_parameters_callbacks.insert(0, callback)

    def add_post_set_parameters_callback(self, callback: PostSetCallback) -> None:
        """Call a function after parameters were set or declared."""
        self._post_set_parameters_callbacks.insert(0, callback)

    def remove_pre_set_parameters_callback(self, callback: PreSetCallback) -> None:
        """Undo ``add_pre_set_parameters_callback``; ValueError if it was not added."""
        self._pre_set_parameters_callbacks.remove(callback)

    def remove_on_set_parameters_callback(self, callback: OnSetCallback) -> None:
        """Undo ``add_on_set_parameters_callback``; ValueError if it was not added."""
        self._on_set_parameters_callbacks.remove(callback)

    def remove_post_set_parameters_callback(self, callback: PostSetCallback) -> None:
        """Undo ``add_post_set_parameters_callback``; ValueError if it was not added."""
        self._post_set_parameters_callbacks.remove(callback)
