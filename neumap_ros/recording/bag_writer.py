# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A rosbag2 recording that appears complete or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.interfaces import Connection, Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError

from neumap_ros.errors import ConfigError
from neumap_ros.recording.messages import STORE

STORAGES = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}

# What rosbag2 writes for "no deadline".
_FOREVER = QosTime(2147483647, 4294967295)


def quality_of_service(depth: int = 10, *, latched: bool = False) -> Qos:
    """Give what a publisher offers: reliable, which suits every subscription; ``latched`` for /tf_static."""
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=depth,
        reliability=QosReliability.RELIABLE,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=_FOREVER,
        lifespan=_FOREVER,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=_FOREVER,
        avoid_ros_namespace_conventions=False,
    )


class BagWriter:
    """Writes messages in the order given; the folder appears when the ``with`` block ends without an error.

    Args:
        folder: to create.
        storage: one of :data:`STORAGES`.

    Raises:
        ConfigError: the folder exists already or cannot be written, or there is no such storage.
    """

    def __init__(self, folder: Path, storage: str = 'mcap') -> None:
        if storage not in STORAGES:
            raise ConfigError(f'the storage is {storage!r}, expected {" or ".join(STORAGES)}')
        if folder.exists():
            raise ConfigError(f'{folder} exists already, expected a new folder; choose another one or remove it')
        if not folder.absolute().parent.is_dir():
            raise ConfigError(f'the folder {folder.absolute().parent} of the bag does not exist; create it first')
        self._final = folder.absolute()
        # The files in a bag are named after its folder, so that it has its own name from the start.
        self._work = self._final.with_name(f'.{self._final.name}.partial')
        self.folder = self._work / self._final.name
        self._storage = STORAGES[storage]
        self._connections: dict[str, Connection] = {}
        self.counts: dict[str, int] = {}

    def __enter__(self) -> BagWriter:
        try:
            shutil.rmtree(self._work, ignore_errors=True)  # of a run that was killed
            self._work.mkdir()
            self._writer = Writer(self.folder, version=9, storage_plugin=self._storage)
            self._writer.open()
        except (OSError, WriterError) as error:
            raise self._unwritable(error) from None
        return self

    def add_topic(self, topic: str, msgtype: str, qos: Qos | None = None) -> None:
        """Declare a topic before its first message."""
        profiles = [quality_of_service() if qos is None else qos]
        self._connections[topic] = self._writer.add_connection(
            topic, msgtype, typestore=STORE, offered_qos_profiles=profiles
        )
        self.counts[topic] = 0

    def write(self, topic: str, bag_time_ns: int, message: Any) -> None:
        """Write one message, recorded at ``bag_time_ns``.

        Raises:
            ConfigError: the disk is full.
        """
        try:
            self._writer.write(self._connections[topic], bag_time_ns, STORE.serialize_cdr(message, message.__msgtype__))
        except OSError as error:
            raise self._unwritable(error) from None
        self.counts[topic] += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._writer.__exit__(kind, error, traceback)
            if kind is None:
                self.folder.rename(self._final)
        except (OSError, WriterError) as problem:
            raise self._unwritable(problem) from None
        finally:
            shutil.rmtree(self._work, ignore_errors=True)

    def _unwritable(self, error: Exception) -> ConfigError:
        return ConfigError(
            f'the bag {self._final} cannot be written ({getattr(error, "strerror", None) or error}), expected a folder '
            'with free space and write permission; choose another one'
        )
