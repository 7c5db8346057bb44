# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Publishes messages whose values were typed."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from rosless import interfaces
from rosless.command.session import CommandError
from rosless.interfaces import registry

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.qos import QoSProfile

_HEADER, _TIME = 'std_msgs/msg/Header', 'builtin_interfaces/msg/Time'
_POLL_S = 0.1


def read_values(text: str, *, stdin: bool) -> dict[str, Any]:
    """The values of a message, from the command line or the standard input.

    Raises:
        CommandError: They are no YAML with the names of fields.
    """
    try:
        values = yaml.safe_load(sys.stdin if stdin else text)
    except yaml.YAMLError as error:
        raise CommandError(f'the values are no YAML: {error}') from None
    if not isinstance(values, dict):
        raise CommandError('The passed value needs to be a dictionary in YAML format')
    return values


def stamped(cls: type[Any], values: Mapping[str, Any], now: Any) -> dict[str, Any]:
    """The values with the present time where they say `auto` for a header or `now` for a time."""
    result = dict(values)
    present = {'sec': now.sec, 'nanosec': now.nanosec}
    for field in cls._DEFINITION.fields:
        value, base = values.get(field.name), field.type.base
        if value == 'auto' and base == _HEADER:
            result[field.name] = {'stamp': present}
        elif value == 'now' and base == _TIME:
            result[field.name] = present
        elif isinstance(value, Mapping) and field.type.is_message:
            result[field.name] = stamped(registry.load(base), value, now)
    return result


def publish(
    node: Node, cls: type[Any], topic: str, values: Mapping[str, Any], qos: QoSProfile, *, period: float, times: int,
    print_nth: int, subscriptions: int, max_wait: float | None, keep_alive: float,
) -> None:  # fmt: skip
    """Publish, as `rosless topic pub` describes it.

    Raises:
        CommandError: Subscriptions do not appear in time.
        InterfaceError: The values are not those of such a message.
    """
    import rclpy

    def message() -> Any:
        return interfaces.from_dict(cls, stamped(cls, values, node.get_clock().now().to_msg()))

    message()  # Before it waits for others: the values may be wrong.
    publisher = node.create_publisher(cls, topic, qos)
    waited = 0.0
    while publisher.get_subscription_count() < subscriptions and rclpy.ok():
        if round(waited / _POLL_S) % 10 == 0:
            print(f'Waiting for at least {subscriptions} matching subscription(s)...')
        if max_wait is not None and waited >= max_wait:
            raise CommandError(
                f'Timed out waiting for subscribers: expected {subscriptions}, '
                f'got {publisher.get_subscription_count()} within {max_wait} s'
            )
        time.sleep(_POLL_S)
        waited += _POLL_S
    print('publisher: beginning loop')
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1
        sent = message()
        if print_nth and count % print_nth == 0:
            print(f'publishing #{count}: {sent!r}\n')
        publisher.publish(sent)

    tick()
    if times != 1:
        node.create_timer(period, tick)
        while (times == 0 or count < times) and rclpy.ok():
            rclpy.spin_once(node)
    # A reliable message needs an answer before the publisher may go.
    time.sleep(keep_alive)
