# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A rosbag2 recording, sqlite3 or mcap, read in order or at a given message."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from neumap_ros.errors import ImageError, SourceError

# Bags older than Iron carry no message definitions; the standard messages have not changed since Humble.
_TYPES_WITHOUT_DEFINITIONS = Stores.ROS2_HUMBLE

# Of damaged bytes rosbags raises whatever its parsers stumble over: struct.error, KeyError, UnicodeDecodeError, apsw's
# and zstd's own, MemoryError for a length that is none.
_READ_ERRORS = Exception


@dataclass(frozen=True)
class BagPosition:
    """Where a message lies.

    Attributes:
        topic: its topic.
        bag_time_ns: when it was recorded, which is not its header's stamp.
        nth: how many messages of this topic with the same time precede it.
    """

    topic: str
    bag_time_ns: int
    nth: int


class BagReader:
    """A recording that opens on first use and stays open; safe in threads, and re-opened in other processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._reader: AnyReader | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {'path': self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state['path'])  # type: ignore[misc]

    def close(self) -> None:
        """Close the files; the next use opens them again."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None

    def topics(self) -> dict[str, str]:
        """Give the message type of every topic that has messages, sorted by topic.

        Raises:
            SourceError: no recording, or a damaged one.
        """
        with self._lock:
            connections = [connection for connection in self._open().connections if connection.msgcount]
            return {c.topic: c.msgtype for c in sorted(connections, key=lambda c: c.topic)}

    def count(self, topics: Collection[str]) -> int:
        """Give how many messages some topics have together."""
        with self._lock:
            return sum(connection.msgcount for connection in self._open().connections if connection.topic in topics)

    def messages(self, topics: Collection[str]) -> Iterator[tuple[BagPosition, Any]]:
        """Read the messages of some topics in recording order; other readers wait meanwhile.

        Raises:
            SourceError: the recording is damaged.
        """
        with self._lock:
            reader = self._open()
            connections = [connection for connection in reader.connections if connection.topic in topics]
            if not connections:
                return
            last: dict[str, BagPosition] = {}
            try:
                for connection, time_ns, data in reader.messages(connections):
                    topic = connection.topic
                    before = last.get(topic)
                    nth = before.nth + 1 if before is not None and before.bag_time_ns == time_ns else 0
                    last[topic] = BagPosition(topic, time_ns, nth)
                    yield last[topic], reader.deserialize(data, connection.msgtype)
            except _READ_ERRORS as error:
                raise self._damaged(error) from None

    def message_at(self, position: BagPosition) -> Any:
        """Read one message again.

        Raises:
            ImageError: it is not there any more.
            SourceError: the recording is damaged.
        """
        with self._lock:
            reader = self._open()
            connections = [connection for connection in reader.connections if connection.topic == position.topic]
            try:
                found = reader.messages(connections, position.bag_time_ns, position.bag_time_ns + 1)
                for nth, (connection, _, data) in enumerate(found):
                    if nth == position.nth:
                        return reader.deserialize(data, connection.msgtype)
            except _READ_ERRORS as error:
                raise self._damaged(error) from None
        raise ImageError(
            f'{self.path} has no message on {position.topic} at {position.bag_time_ns} ns any more; open the bag again'
        )

    def _open(self) -> AnyReader:
        if self._reader is None:
            if not self.path.exists():
                raise SourceError(f'there is no bag {self.path}, expected a rosbag2 folder; check the path')
            try:
                reader = AnyReader([self.path], default_typestore=get_typestore(_TYPES_WITHOUT_DEFINITIONS))
                reader.open()
            except FileNotFoundError:
                raise SourceError(
                    f'{self.path} is no rosbag2 folder (no metadata.yaml), expected what ros2 bag record wrote; '
                    'check the path, or run ros2 bag reindex'
                ) from None
            except _READ_ERRORS as error:
                raise self._damaged(error) from None
            self._reader = reader
        return self._reader

    def _damaged(self, error: Exception) -> SourceError:
        found = str(error) or type(error).__name__
        return SourceError(
            f'the bag {self.path} cannot be read ({found}), expected sqlite3 or mcap; try ros2 bag reindex'
        )
