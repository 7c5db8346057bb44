# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Nodes."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from rcl_interfaces.msg import ParameterEvent

from rclpy._arguments import NodeArguments, parse_arguments
from rclpy._node_endpoints import NodeEndpoints
from rclpy._node_graph import NodeGraph
from rclpy._parameters import NodeParameters
from rclpy._rclpy_pybind11 import NodeNameNonExistentError
from rclpy._rosout import Rosout
from rclpy.callback_groups import CallbackGroup, MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ROSClock
from rclpy.context import Context
from rclpy.exceptions import NotInitializedException
from rclpy.expand_topic_name import expand_topic_name
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.logging import get_logger
from rclpy.logging_service import LoggingService
from rclpy.parameter import Parameter
from rclpy.parameter_service import ParameterService
from rclpy.qos import qos_profile_parameter_events
from rclpy.time_source import TimeSource
from rclpy.utilities import get_default_context
from rclpy.validate_full_topic_name import validate_full_topic_name
from rclpy.validate_namespace import validate_namespace
from rclpy.validate_node_name import validate_node_name
from rclpy.validate_topic_name import validate_topic_name

if TYPE_CHECKING:
    from rclpy.executors import Executor

__all__ = ['Node', 'NodeNameNonExistentError']


class Node(NodeEndpoints, NodeGraph, NodeParameters):
    """A participant in the ROS graph: has publishers, subscriptions, services, clients, timers and parameters.

    Args:
        node_name: Its name, unless the command line gives another.
        context: What it belongs to; the default context if None.
        cli_args: Arguments as on a command line, for this node only: `--ros-args` and what follows it.
        namespace: Put in front of its name and of relative names, unless the command line gives another.
        use_global_arguments: Whether the command line of the process counts.
        enable_rosout: Whether its log messages are published on /rosout.
        start_parameter_services: Whether other processes can see and set its parameters.
        parameter_overrides: Initial values of parameters; they win over the command line.
        allow_undeclared_parameters: Whether setting a parameter declares it.
        automatically_declare_parameters_from_overrides: Whether all initial values are declared at once.
        enable_logger_service: Whether other processes can see and set the levels of loggers.

    Raises:
        NotInitializedException: The context is not initialized.
        InvalidNodeNameException: The name is invalid.
        InvalidNamespaceException: The namespace is.
    """

    def __init__(
        self,
        node_name: str,
        *,
        context: Context | None = None,
        cli_args: Sequence[str] | None = None,
        namespace: str | None = None,
        use_global_arguments: bool = True,
        enable_rosout: bool = True,
        start_parameter_services: bool = True,
        parameter_overrides: list[Parameter] | None = None,
        allow_undeclared_parameters: bool = False,
        automatically_declare_parameters_from_overrides: bool = False,
        enable_logger_service: bool = False,
    ) -> None:
        self._context = get_default_context() if context is None else context
        if not self._context.ok():
            raise NotInitializedException('cannot create node')
        own_arguments = parse_arguments(cli_args or ())
        self._arguments = NodeArguments(own_arguments, self._context._arguments if use_global_arguments else None)
        validate_node_name(node_name)
        self._name = self._arguments.node_name(node_name)
        validate_node_name(self._name)
        absolute = '/' + (namespace or '').removeprefix('/')
        self._namespace = self._arguments.namespace(self._name, absolute)
        validate_namespace(self._namespace)
        self._executor: weakref.ref[Executor] | None = None
        # Changes with everything that an executor waits for.
        self._version = 0
        self._destroyed = False
        self._default_callback_group = MutuallyExclusiveCallbackGroup()
        self._rate_group = ReentrantCallbackGroup()
        self._logger = get_logger(self.get_fully_qualified_name()[1:].replace('/', '.'))
        self._clock = ROSClock()
        self._participant, self._graph = self._context._connect()
        # Announced once with all that a node has from the start, not once for each of it.
        with self._graph.batch():
            self._entry = self._graph.add_node(self._namespace, self._name)
            self._init_endpoints()
            self._rosout = Rosout(self) if enable_rosout and self._arguments.rosout_enabled else None
            events = self.create_publisher(ParameterEvent, '/parameter_events', qos_profile_parameter_events)
            overrides = self._arguments.parameter_overrides(self.get_fully_qualified_name())
            overrides.update({parameter.name: parameter for parameter in parameter_overrides or ()})
            self._init_parameters(
                self.get_fully_qualified_name(),
                self._clock,
                events.publish,
                overrides,
                allow_undeclared_parameters=allow_undeclared_parameters,
                automatically_declare_parameters_from_overrides=automatically_declare_parameters_from_overrides,
            )
            self._time_source = TimeSource(node=self)
            self._time_source.attach_clock(self._clock)
            self._parameter_service = ParameterService(self) if start_parameter_services else None
            self._logger_service = LoggingService(self) if enable_logger_service else None

    def get_name(self) -> str:
        """Its name, without namespace."""
        return self._name

    def get_namespace(self) -> str:
        """Its namespace, `/` if it has none."""
        return self._namespace

    def get_fully_qualified_name(self) -> str:
        """Its namespace and name."""
        return f'{self._namespace.rstrip("/")}/{self._name}'

    def get_clock(self) -> Clock:
        """Its clock, which shows simulated time if the parameter `use_sim_time` is true."""
        return self._clock

    def get_logger(self) -> RcutilsLogger:
        """Its logger."""
        return self._logger

    @property
    def context(self) -> Context:
        """What it belongs to."""
        return self._context

    @property
    def default_callback_group(self) -> CallbackGroup:
        """The group of callbacks that are given no other; mutually exclusive."""
        return self._default_callback_group

    @property
    def executor(self) -> Executor | None:
        """What runs its callbacks; None before it was added to one."""
        return None if self._executor is None else self._executor()

    @executor.setter
    def executor(self, new_executor: Executor | None) -> None:
        current = self.executor
        if current is new_executor:
            return
        if current is not None:
            current.remove_node(self)
        self._executor = None if new_executor is None else weakref.ref(new_executor)
        if new_executor is not None:
            new_executor.add_node(self)

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        """The full name of a topic after remapping, or before it."""
        return self._resolve(topic, 'topic', only_expand)

    def resolve_service_name(self, service: str, *, only_expand: bool = False) -> str:
        """The full name of a service after remapping, or before it."""
        return self._resolve(service, 'service', only_expand)

    def destroy_node(self) -> None:
        """Destroy it and everything it has; a second time does nothing."""
        if self._destroyed:
            return
        self._destroyed = True
        executor = self.executor
        if executor is not None:
            executor.remove_node(self)
        if self._rosout is not None:
            self._rosout.destroy()
        self._time_source.detach_node()
        with self._graph.batch():
            self._destroy_endpoints()
            self._graph.remove_node(self._entry)

    def _resolve(self, name: str, kind: Literal['topic', 'service'], only_expand: bool = False) -> str:
        is_service = kind == 'service'
        validate_topic_name(name, is_service=is_service)
        expanded = expand_topic_name(name, self._name, self._namespace)
        if not only_expand:
            expanded = self._arguments.resolve(expanded, self._name, self._namespace, kind)
        validate_full_topic_name(expanded, is_service=is_service)
        return expanded

    def _changed(self) -> None:
        """Tell the executor that there is more or less to wait for."""
        self._version += 1
        executor = self.executor
        if executor is not None:
            executor.wake()
