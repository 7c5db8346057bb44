# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Reads and sets the parameters of another node."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterEvent
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_dict_from_yaml_file
from rclpy.qos import QoSProfile, qos_profile_parameter_events, qos_profile_services_default
from rclpy.subscription import Subscription
from rclpy.task import Future

Callback = Callable[[Future], None]

_POLL_SECONDS = 0.05


class AsyncParameterClient:
    """Calls the parameter services of another node; each call returns a future of the response."""

    def __init__(
        self,
        node: Node,
        remote_node_name: str,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> None:
        """Create the clients.

        Args:
            node: Node that calls.
            remote_node_name: Name of the other node; relative names are in the namespace of the calling one.
            qos_profile: Quality of service of the clients.
            callback_group: Callback group of the clients; the node's default group if None.
        """
        self.remote_node_name = remote_node_name
        self.node = node
        self._clients = {
            service_type: node.create_client(
                service_type, f'{remote_node_name}/{name}', qos_profile=qos_profile, callback_group=callback_group
            )
            for service_type, name in (
                (GetParameters, 'get_parameters'),
                (ListParameters, 'list_parameters'),
                (SetParameters, 'set_parameters'),
                (GetParameterTypes, 'get_parameter_types'),
                (DescribeParameters, 'describe_parameters'),
                (SetParametersAtomically, 'set_parameters_atomically'),
            )
        }

    def services_are_ready(self) -> bool:
        """Tell whether all services are there."""
        return all(client.service_is_ready() for client in self._clients.values())

    def wait_for_services(self, timeout_sec: float | None = None) -> bool:
        """Wait until all services are there, for ever if the timeout is None; return whether they are."""
        deadline = math.inf if timeout_sec is None else time.monotonic() + timeout_sec
        while not self.services_are_ready() and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return self.services_are_ready()

    def _call(self, service_type: Any, request: Any, callback: Callback | None) -> Future:
        future: Future = self._clients[service_type].call_async(request)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def list_parameters(
        self, prefixes: list[str] | None = None, depth: int | None = None, callback: Callback | None = None
    ) -> Future:
        """Ask for the names below prefixes, all if None, to a depth, any if None."""
        return self._call(ListParameters, ListParameters.Request(prefixes=prefixes or [], depth=depth or 0), callback)

    def get_parameters(self, names: list[str], callback: Callback | None = None) -> Future:
        """Ask for values."""
        return self._call(GetParameters, GetParameters.Request(names=names), callback)

    def get_parameter_types(self, names: list[str], callback: Callback | None = None) -> Future:
        """Ask for types."""
        return self._call(GetParameterTypes, GetParameterTypes.Request(names=names), callback)

    def describe_parameters(self, names: list[str], callback: Callback | None = None) -> Future:
        """Ask for descriptors."""
        return self._call(DescribeParameters, DescribeParameters.Request(names=names), callback)

    def set_parameters(
        self, parameters: Sequence[Parameter | ParameterMsg], callback: Callback | None = None
    ) -> Future:
        """Set parameters one by one."""
        return self._call(SetParameters, SetParameters.Request(parameters=_messages(parameters)), callback)

    def set_parameters_atomically(
        self, parameters: Sequence[Parameter | ParameterMsg], callback: Callback | None = None
    ) -> Future:
        """Set all parameters or none."""
        request = SetParametersAtomically.Request(parameters=_messages(parameters))
        return self._call(SetParametersAtomically, request, callback)

    def delete_parameters(self, names: list[str], callback: Callback | None = None) -> Future:
        """Remove parameters; only those with dynamic typing can be."""
        return self.set_parameters([Parameter(name) for name in names], callback)

    def load_parameter_file(
        self, parameter_file: str | Path, use_wildcard: bool = False, callback: Callback | None = None
    ) -> Future:
        """Set the parameters of a YAML file one by one."""
        parameters = parameter_dict_from_yaml_file(parameter_file, use_wildcard)
        return self.set_parameters(list(parameters.values()), callback)

    def load_parameter_file_atomically(
        self, parameter_file: str | Path, use_wildcard: bool = False, callback: Callback | None = None
    ) -> Future:
        """Set all parameters of a YAML file or none."""
        parameters = parameter_dict_from_yaml_file(parameter_file, use_wildcard)
        return self.set_parameters_atomically(list(parameters.values()), callback)

    def on_parameter_event(
        self,
        callback: Callable[[ParameterEvent], None],
        qos_profile: QoSProfile = qos_profile_parameter_events,
        **kwargs: Any,
    ) -> Subscription:
        """Subscribe to the changes of parameters of all nodes; options as of ``Node.create_subscription``."""
        return self.node.create_subscription(ParameterEvent, '/parameter_events', callback, qos_profile, **kwargs)


def _messages(parameters: Sequence[Parameter | ParameterMsg]) -> list[ParameterMsg]:
    return [one.to_parameter_msg() if isinstance(one, Parameter) else one for one in parameters]
