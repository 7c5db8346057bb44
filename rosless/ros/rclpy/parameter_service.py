# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The services by which other processes read and set the parameters of a node."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import ListParametersResult, SetParametersResult
from rcl_interfaces.srv import (
    DescribeParameters,
    GetParameters,
    GetParameterTypes,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)

from rclpy.exceptions import ParameterNotDeclaredException, ParameterUninitializedException
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_parameters

if TYPE_CHECKING:
    from rclpy.node import Node


class ParameterService:
    """Offers ``<node>/get_parameters``, ``set_parameters`` and four more."""

    def __init__(self, node: Node) -> None:
        # The node owns its services.
        self._node = weakref.ref(node)
        for service_type, name, callback in (
            (DescribeParameters, 'describe_parameters', self._describe_parameters),
            (GetParameters, 'get_parameters', self._get_parameters),
            (GetParameterTypes, 'get_parameter_types', self._get_parameter_types),
            (ListParameters, 'list_parameters', self._list_parameters),
            (SetParameters, 'set_parameters', self._set_parameters),
            (SetParametersAtomically, 'set_parameters_atomically', self._set_parameters_atomically),
        ):
            node.create_service(service_type, f'~/{name}', callback, qos_profile=qos_profile_parameters)

    def _get_node(self) -> Node:
        node = self._node()
        if node is None:
            raise ReferenceError('the node of this parameter service no longer exists')
        return node

    def _describe_parameters(self, request: Any, response: Any) -> Any:
        try:
            response.descriptors = self._get_node().describe_parameters(request.names)
        except ParameterNotDeclaredException:
            # An empty answer is how ROS 2 says that one of the names is unknown.
            response.descriptors = []
        return response

    def _get_parameters(self, request: Any, response: Any) -> Any:
        try:
            parameters = self._get_node().get_parameters(request.names)
            response.values = [parameter.get_parameter_value() for parameter in parameters]
        except (ParameterNotDeclaredException, ParameterUninitializedException):
            response.values = []
        return response

    def _get_parameter_types(self, request: Any, response: Any) -> Any:
        try:
            response.types = [type_.value for type_ in self._get_node().get_parameter_types(request.names)]
        except ParameterNotDeclaredException:
            response.types = []
        return response

    def _list_parameters(self, request: Any, response: Any) -> Any:
        try:
            response.result = self._get_node().list_parameters(list(request.prefixes), request.depth)
        except (TypeError, ValueError):
            response.result = ListParametersResult()
        return response

    def _set_parameters(self, request: Any, response: Any) -> Any:
        response.results = [self._set([message]) for message in request.parameters]
        return response

    def _set_parameters_atomically(self, request: Any, response: Any) -> Any:
        response.result = self._set(request.parameters)
        return response

    def _set(self, messages: Any) -> SetParametersResult:
        try:
            return self._get_node().set_parameters_atomically(
                [Parameter.from_parameter_msg(message) for message in messages]
            )
        except ParameterNotDeclaredException as error:
            return SetParametersResult(successful=False, reason=str(error))
