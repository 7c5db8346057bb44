# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Publishes the messages of a bag."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rosbags.interfaces import QosDurability, QosReliability

from rosless import interfaces
from rosless.command.bag_topics import Selection, load_type, open_bag
from rosless.command.session import CommandError, open_node

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.publisher import Publisher
    from rclpy.qos import QoSProfile
    from rosbags.rosbag2 import Reader

_DEPTH, _MAX_LATCHED = 10, 1000
# Subscriptions that exist are met before the first message, so that they get it.
_LEAST_MEETING_S, _MOST_MEETING_S = 0.3, 2.0
_LONGEST_SLEEP_S = 0.1


class Player:
    """Plays a bag.

    Args:
        path: The bag.
        selection: Which topics.
        remapping: Other names of topics.
        rate: Times as fast as recorded.
        clock_hz: How often the time of the bag is published on /clock; None for never.
        loop: Whether to begin again at the end.
        start_offset: Seconds of the bag to leave out at the start.
        duration: Seconds of the bag to play; None for all.
    """

    def __init__(
        self, path: Path, selection: Selection, remapping: Mapping[str, str], *, rate: float, clock_hz: float | None,
        loop: bool, start_offset: float, duration: float | None,
    ) -> None:  # fmt: skip
        self._path, self._selection, self._remapping = path, selection, remapping
        self._rate, self._clock_hz, self._loop = rate, clock_hz, loop
        self._offset_ns = round(start_offset * 1e9)
        self._duration_ns = None if duration is None else round(duration * 1e9)

    def run(self, delay: float) -> None:
        """Play, after a delay in seconds.

        Raises:
            CommandError: The bag cannot be read, or has none of the topics.
        """
        with open_bag(self._path) as bag, open_node() as node:
            import rclpy
            from rosgraph_msgs.msg import Clock

            publishers = self._make_publishers(node, bag)
            clock = node.create_publisher(Clock, '/clock', 10) if self._clock_hz else None
            start = bag.start_time + self._offset_ns
            end = bag.end_time if self._duration_ns is None else min(bag.end_time, start + self._duration_ns + 1)
            self._meet_subscriptions(node, list(publishers.values()))
            time.sleep(delay)
            while rclpy.ok():
                for stamp, event in self._events(bag, publishers, start, end):
                    if not rclpy.ok():
                        return
                    if event is not None:
                        publisher, data = event
                        publisher.publish(data)
                    elif clock is not None:
                        clock.publish(Clock(clock=_time(stamp)))
                if not self._loop:
                    break
            for publisher in publishers.values():
                publisher.wait_for_all_acked(_timeout())

    def _make_publishers(self, node: Node, bag: Reader) -> dict[int, Publisher]:
        publishers: dict[int, Publisher] = {}
        for connection in bag.connections:
            if connection.topic not in self._selection:
                continue
            # Its own clock would contradict the one that is published.
            if connection.topic == '/clock' and self._clock_hz:
                continue
            topic = self._remapping.get(connection.topic, connection.topic)
            try:
                cls = load_type(connection)
            except interfaces.InterfaceError as error:
                typer.echo(f'Topic {connection.topic} is not played: {error}', err=True)
                continue
            publishers[connection.id] = node.create_publisher(cls, topic, _profile(connection))
        if not publishers:
            known = ', '.join(sorted({connection.topic for connection in bag.connections})) or 'none'
            raise CommandError(f'{self._path} has none of the topics; it has {known}')
        return publishers

    def _meet_subscriptions(self, node: Node, publishers: list[Publisher]) -> None:
        start = time.monotonic()
        while (waited := time.monotonic() - start) < _MOST_MEETING_S:
            if waited > _LEAST_MEETING_S and all(
                one.get_subscription_count() >= node.count_subscribers(one.topic_name) for one in publishers
            ):
                return
            time.sleep(0.02)

    def _events(
        self, bag: Reader, publishers: Mapping[int, Publisher], start: int, end: int
    ) -> Iterator[tuple[int, tuple[Publisher, bytes] | None]]:
        """Messages, and None where the clock ticks, each when it is due."""
        connections = [connection for connection in bag.connections if connection.id in publishers]
        began = time.monotonic()
        tick_ns = 1e9 * self._rate / self._clock_hz if self._clock_hz else None
        ticks = 0

        def wait_until(stamp: int) -> Iterator[tuple[int, None]]:
            nonlocal ticks
            while tick_ns is not None and (due := start + round(ticks * tick_ns)) <= stamp:
                ticks += 1
                _sleep_until(began + (due - start) / 1e9 / self._rate)
                yield due, None
            _sleep_until(began + (stamp - start) / 1e9 / self._rate)

        for connection, stamp, data in bag.messages(connections, start, end):
            yield from wait_until(stamp)
            yield stamp, (publishers[connection.id], bytes(data))
        yield from wait_until(end - 1)


def _sleep_until(moment: float) -> None:
    import rclpy

    while rclpy.ok() and (left := moment - time.monotonic()) > 0:
        time.sleep(min(left, _LONGEST_SLEEP_S))


def _profile(connection: Any) -> QoSProfile:
    """What the recorded publishers offered, if they agreed; otherwise the default."""
    from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

    offered = connection.ext.offered_qos_profiles
    lossy = offered and all(one.reliability is QosReliability.BEST_EFFORT for one in offered)
    latched = offered and all(one.durability is QosDurability.TRANSIENT_LOCAL for one in offered)
    return QoSProfile(
        reliability=ReliabilityPolicy.BEST_EFFORT if lossy else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        # Several publishers, each with a message of its own, have become one.
        depth=min(max(_DEPTH, connection.msgcount), _MAX_LATCHED) if latched else _DEPTH,
    )


def _time(stamp: int) -> Any:
    from builtin_interfaces.msg import Time

    return Time(sec=stamp // 10**9, nanosec=stamp % 10**9)


def _timeout() -> Any:
    from rclpy.duration import Duration

    return Duration(seconds=1)
