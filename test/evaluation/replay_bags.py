# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings changed message by message."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader

from neumap_ros.recording.bag_writer import BagWriter

Entry = tuple[str, int, Any]  # topic, time of the recording in ns, message


def entries_of(bag: Path) -> list[Entry]:
    """All messages of a recording."""
    with AnyReader([bag]) as reader:
        return [(c.topic, time_ns, reader.deserialize(data, c.msgtype)) for c, time_ns, data in reader.messages()]


def write_entries(bag: Path, entries: Iterable[Entry]) -> Path:
    """Write messages in the order of their times."""
    with BagWriter(bag) as writer:
        for topic, time_ns, message in sorted(entries, key=lambda entry: entry[1]):
            if topic not in writer.counts:
                writer.add_topic(topic, message.__msgtype__)
            writer.write(topic, time_ns, message)
    return bag


def changed(bag: Path, out: Path, change: Callable[[str, int, Any], Entry | list[Entry] | None]) -> Path:
    """Write a recording with every message changed, left out (None) or replaced by several."""

    def every() -> Iterator[Entry]:
        for entry in entries_of(bag):
            outcome = change(*entry)
            if isinstance(outcome, list):
                yield from outcome
            elif outcome is not None:
                yield outcome

    return write_entries(out, every())


def stamp_ns(message: Any) -> int:
    """Stamp of a message with a header."""
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def move_stamp(message: Any, by_ns: int) -> Any:
    """Move the stamps of a message, in place."""
    headers = [item.header for item in message.transforms] if hasattr(message, 'transforms') else [message.header]
    for header in headers:
        moved_ns = header.stamp.sec * 10**9 + header.stamp.nanosec + by_ns
        header.stamp.sec, header.stamp.nanosec = divmod(moved_ns, 10**9)
    return message
