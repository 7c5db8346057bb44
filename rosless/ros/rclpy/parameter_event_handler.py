# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Calls back when parameters of this or another node change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterEvent

from rclpy.node import Node
from rclpy.qos import QoSProfile, qos_profile_parameter_events


@dataclass(eq=False)
class ParameterCallbackHandle:
    """A callback for one parameter."""

    parameter_name: str
    node_name: str
    callback: Callable[[ParameterMsg], None]


@dataclass(eq=False)
class ParameterEventCallbackHandle:
    """A callback for all events."""

    callback: Callable[[ParameterEvent], None]


class ParameterEventHandler:
    """Subscribes to /parameter_events; the callback that was added last is called first."""

    def __init__(self, node: Node, qos_profile: QoSProfile = qos_profile_parameter_events, **kwargs: Any) -> None:
        """Subscribe.

        Args:
            node: Node that subscribes.
            qos_profile: Quality of service of the subscription.
            **kwargs: More options of ``Node.create_subscription``.
        """
        self.node = node
        self.qos_profile = qos_profile
        self._lock = threading.Lock()
        self._parameter_handles: list[ParameterCallbackHandle] = []
        self._event_handles: list[ParameterEventCallbackHandle] = []
        self.parameter_event_subscription = node.create_subscription(
            ParameterEvent, '/parameter_events', self._on_event, qos_profile, **kwargs
        )

    def destroy(self) -> None:
        """End the subscription."""
        self.node.destroy_subscription(self.parameter_event_subscription)

    def add_parameter_callback(
        self, parameter_name: str, node_name: str, callback: Callable[[ParameterMsg], None]
    ) -> ParameterCallbackHandle:
        """Call a function with each new value of a parameter.

        Args:
            parameter_name: Name of the parameter.
            node_name: Name of its node; relative to this node's namespace, or this node if empty.
            callback: Gets the message ``rcl_interfaces/msg/Parameter``.
        """
        handle = ParameterCallbackHandle(parameter_name, self._absolute(node_name), callback)
        with self._lock:
            self._parameter_handles.insert(0, handle)
        return handle

    def add_parameter_event_callback(self, callback: Callable[[ParameterEvent], None]) -> ParameterEventCallbackHandle:
        """Call a function with each event."""
        handle = ParameterEventCallbackHandle(callback)
        with self._lock:
            self._event_handles.insert(0, handle)
        return handle

    def remove_parameter_callback(self, handle: ParameterCallbackHandle) -> None:
        """Undo ``add_parameter_callback``."""
        with self._lock:
            _remove(self._parameter_handles, handle)

    def remove_parameter_event_callback(self, handle: ParameterEventCallbackHandle) -> None:
        """Undo ``add_parameter_event_callback``."""
        with self._lock:
            _remove(self._event_handles, handle)

    @staticmethod
    def get_parameter_from_event(event: ParameterEvent, parameter_name: str, node_name: str) -> ParameterMsg | None:
        """Return a parameter of a node if the event is about it."""
        if event.node != node_name:
            return None
        parameters = ParameterEventHandler.get_parameters_from_event(event)
        return next((parameter for parameter in parameters if parameter.name == parameter_name), None)

    @staticmethod
    def get_parameters_from_event(event: ParameterEvent) -> Iterator[ParameterMsg]:
        """Return the new and changed parameters of an event."""
        return chain(event.new_parameters, event.changed_parameters)

    def _on_event(self, event: ParameterEvent) -> None:
        # Callbacks run without the lock: they may add and remove others.
        with self._lock:
            parameter_handles, event_handles = self._parameter_handles.copy(), self._event_handles.copy()
        for handle in parameter_handles:
            parameter = self.get_parameter_from_event(event, handle.parameter_name, handle.node_name)
            if parameter is not None:
                handle.callback(parameter)
        for event_handle in event_handles:
            event_handle.callback(event)

    def _absolute(self, node_name: str) -> str:
        if not node_name:
            return str(self.node.get_fully_qualified_name())
        if node_name.startswith('/'):
            return node_name
        return f'{self.node.get_namespace().rstrip("/")}/{node_name}'


def _remove(handles: list[Any], handle: object) -> None:
    if handle not in handles:
        raise RuntimeError("Callback doesn't exist: it was removed before, or belongs to another handler")
    handles.remove(handle)
