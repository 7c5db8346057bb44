# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a bag has."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from rosless.command.bag_topics import open_bag

_STORAGES = {'.mcap': 'mcap', '.db3': 'sqlite3'}


def describe(path: Path) -> str:
    """The text that `rosless bag info` prints.

    Raises:
        CommandError: The bag cannot be read.
    """
    files = [path] if path.is_file() else sorted(one for one in path.glob('*') if _storage(one))
    with open_bag(path) as bag:
        # The end is one nanosecond behind the last message, and an empty bag has none.
        start, end = (bag.start_time, bag.end_time - 1) if bag.message_count else (0, 0)
        lines = [
            ('Files', ' '.join(one.name for one in files)),
            ('Bag size', _size(sum(one.stat().st_size for one in files))),
            ('Storage id', _storage(files[0]) if files else ''),
            ('ROS Distro', bag.storage.metadata.ros_distro or 'unknown'),
            ('Duration', f'{(end - start) / 1e9:.9f}s'),
            ('Start', _date(start)),
            ('End', _date(end)),
            ('Messages', str(bag.message_count)),
        ]
        topics = [
            f'Topic: {one.topic} | Type: {one.msgtype} | Count: {one.msgcount} | Serialization Format: cdr'
            for one in sorted(bag.connections, key=lambda connection: connection.topic)
        ]
    lines += [('Topic information', topics[0] if topics else '')] + [('', topic) for topic in topics[1:]]
    return '\n'.join(f'{name + ":" if name else "":<19}{value}' for name, value in lines)


def _storage(path: Path) -> str:
    return next((name for suffix, name in _STORAGES.items() if suffix in path.suffixes), '')


def _size(count: float) -> str:
    for unit in ('B', 'KiB', 'MiB', 'GiB'):
        if count < 1024 or unit == 'GiB':
            break
        count /= 1024
    return f'{count:.1f} {unit}'


def _date(stamp: int) -> str:
    moment = datetime.fromtimestamp(stamp // 10**9)
    return f'{moment:%b %e %Y %H:%M:%S}.{stamp % 10**9:09d} ({stamp // 10**9}.{stamp % 10**9:09d})'
