# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Drives the clock of a node by /clock while the parameter ``use_sim_time`` is true."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from rosgraph_msgs.msg import Clock as ClockMsg

from rclpy.clock import ROSClock
from rclpy.clock_type import ClockType
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.subscription import Subscription

CLOCK_TOPIC = '/clock'
USE_SIM_TIME_NAME = 'use_sim_time'


class TimeSource:
    """Subscribes to /clock when it is needed and sets the time of clocks."""

    def __init__(self, *, node: Node | None = None) -> None:
        self._clock_sub: Subscription | None = None
        # The node owns the time source.
        self._node: weakref.ref[Node] | None = None
        self._clocks: set[ROSClock] = set()
        # Time 0 stands for no time yet.
        self._last_time = Time(clock_type=ClockType.ROS_TIME)
        self._ros_time_is_active = False
        if node is not None:
            self.attach_node(node)

    @property
    def ros_time_is_active(self) -> bool:
        """Whether clocks show the time of /clock."""
        return self._ros_time_is_active

    @ros_time_is_active.setter
    def ros_time_is_active(self, enabled: bool) -> None:
        if self._ros_time_is_active == enabled:
            return
        self._ros_time_is_active = enabled
        for clock in self._clocks:
            clock._set_ros_time_is_active(enabled)
        if enabled:
            self._subscribe()
        else:
            self._unsubscribe()

    def attach_node(self, node: Node) -> None:
        """Follow the parameter ``use_sim_time`` of a node, which is declared if need be."""
        if self._node is not None:
            self.detach_node()
        self._node = weakref.ref(node)
        if not node.has_parameter(USE_SIM_TIME_NAME):
            node.declare_parameter(USE_SIM_TIME_NAME, False)
        node.add_post_set_parameters_callback(self._on_parameters)
        self._on_parameters([node.get_parameter(USE_SIM_TIME_NAME)])

    def detach_node(self) -> None:
        """Follow no node."""
        self._unsubscribe()
        node = self._get_node()
        if node is not None:
            node.remove_post_set_parameters_callback(self._on_parameters)
        self._node = None

    def attach_clock(self, clock: ROSClock) -> None:
        """Drive a clock.

        Raises:
            ValueError: It is not a clock of ROS time.
        """
        if not isinstance(clock, ROSClock):
            raise ValueError(f'only clocks with type ROS_TIME can be attached, got {clock!r}')
        clock.set_ros_time_override(self._last_time)
        clock._set_ros_time_is_active(self.ros_time_is_active)
        self._clocks.add(clock)

    def clock_callback(self, msg: ClockMsg) -> None:
        """Set the time of all clocks."""
        self._last_time = Time.from_msg(msg.clock)
        for clock in self._clocks:
            clock.set_ros_time_override(self._last_time)

    def _on_parameters(self, parameters: list[Parameter]) -> None:
        for parameter in parameters:
            if parameter.name == USE_SIM_TIME_NAME and parameter.type_ is Parameter.Type.BOOL:
                self.ros_time_is_active = parameter.value

    def _subscribe(self) -> None:
        node = self._get_node()
        if node is not None and self._clock_sub is None:
            qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
            self._clock_sub = node.create_subscription(ClockMsg, CLOCK_TOPIC, self.clock_callback, qos)

    def _unsubscribe(self) -> None:
        node = self._get_node()
        if node is not None and self._clock_sub is not None:
            node.destroy_subscription(self._clock_sub)
        self._clock_sub = None

    def _get_node(self) -> Node | None:
        return self._node() if self._node is not None else None
