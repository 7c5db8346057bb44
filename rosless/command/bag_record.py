# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Records topics as they appear."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError

from rosless import interfaces
from rosless.command import qos as qos_options
from rosless.command.bag_topics import Selection
from rosless.command.session import CommandError, open_node

if TYPE_CHECKING:
    from rclpy.node import Node
    from rclpy.qos import QoSProfile

_POLLING_S = 0.1
# Writing to the disk may take a moment.
_DEPTH = 100


class Recorder:
    """Writes a bag until Ctrl-C.

    Args:
        folder: New folder of the bag.
        storage: `mcap` or `sqlite3`.
        selection: The topics; those that appear later are recorded from then on.

    Raises:
        CommandError: The folder exists, or there is no such storage.
    """

    def __init__(self, folder: Path, storage: str, selection: Selection) -> None:
        if storage not in ('mcap', 'sqlite3'):
            raise CommandError(f'the storage is mcap or sqlite3, got {storage}')
        if folder.exists():
            raise CommandError(f'the folder {folder} exists already; choose another one with --output')
        self._writer = Writer(folder, version=9, storage_plugin=StoragePlugin[storage.upper()])
        self._folder = folder
        self._selection = selection
        self._seen: set[tuple[str, str]] = set()
        self.count = 0

    def run(self) -> None:
        """Record."""
        try:
            self._writer.open()
        except (OSError, WriterError) as error:
            raise CommandError(f'the folder {self._folder} cannot be written: {error}') from None
        try:
            with open_node() as node:
                import rclpy

                node.create_timer(_POLLING_S, lambda: self._look_for_topics(node))
                print('Listening for topics...')
                rclpy.spin(node)
        finally:
            self._writer.close()
            print(f'Recorded {self.count} messages to {self._folder}')

    def _look_for_topics(self, node: Node) -> None:
        for topic, types in node.get_topic_names_and_types():
            for name in types:
                if topic in self._selection and (topic, name) not in self._seen and node.count_publishers(topic):
                    self._seen.add((topic, name))
                    self._subscribe(node, topic, name)

    def _subscribe(self, node: Node, topic: str, name: str) -> None:
        try:
            cls = interfaces.load(name)
        except interfaces.InterfaceError as error:
            typer.echo(f'Topic {topic} is not recorded: {error}', err=True)
            return
        offered = [info.qos_profile for info in node.get_publishers_info_by_topic(topic)]
        connection = self._writer.add_connection(
            topic,
            name,
            msgdef=interfaces.definition_text(name),
            rihs01=interfaces.type_hash(name),
            offered_qos_profiles=[_recorded(one) for one in offered],
        )

        def write(data: bytes) -> None:
            self._writer.write(connection, time.time_ns(), data)
            self.count += 1

        qos = qos_options.fitting(node, topic)
        qos = qos_options.changed(qos, depth=max(qos.depth, _DEPTH))
        node.create_subscription(cls, topic, write, qos, raw=True)
        print(f"Subscribed to topic '{topic}'")


def _recorded(qos: QoSProfile) -> Qos:
    def seconds(duration: Any) -> QosTime:
        return QosTime(*divmod(duration.nanoseconds, 10**9))

    return Qos(
        history=QosHistory[qos.history.name],
        depth=qos.depth,
        reliability=QosReliability[qos.reliability.name],
        durability=QosDurability[qos.durability.name],
        deadline=seconds(qos.deadline),
        lifespan=seconds(qos.lifespan),
        liveliness=QosLiveliness[qos.liveliness.name],
        liveliness_lease_duration=seconds(qos.liveliness_lease_duration),
        avoid_ros_namespace_conventions=False,
    )
