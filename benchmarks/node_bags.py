# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Maps, repositories and recordings of the benchmark `nodes`; made once, kept in the cache. No ROS in here."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import Reader

from benchmarks.datasets import by_name, data_root
from benchmarks.scenes import CACHE
from neumap_ros.mapping.sources import ImageSource
from neumap_ros.maps.repository import publish
from neumap_ros.maps.storage import StoredMap, open_map
from neumap_ros.recording.drift import DriftSettings
from neumap_ros.recording.make import BagSettings, make_bag

FOLDER = CACHE / 'nodes'
RATE_HZ = 15.0
IMAGE_TOPICS = ('/camera/image', '/camera/image/compressed')
STATIC_TOPIC = '/tf_static'
# All points, 12 bytes each.
MAP_OPTIONS = ('--parts', '8', '--centroids', '4096')


def map_of(name: str) -> Path:
    """Folder of the map of a data set; built by the command that a user types, if it is not there."""
    folder = FOLDER / 'maps' / name.replace('-', '_')
    if not (folder / 'manifest.json').exists():
        data_set = by_name(name)[0]
        source = ['--dataset', str(data_root() / 'posed' / data_set.folder), '--split', data_set.split]
        folder.parent.mkdir(parents=True, exist_ok=True)
        _neumap('map', 'build', *source, '--out', str(folder), *MAP_OPTIONS)
    return folder


def bag_of(name: str, *, compressed: bool = False) -> Path:
    """A recording of the queries of a data set, as `neumap bag make` makes it by default, at 15 Hz."""
    folder = FOLDER / 'bags' / f'{name}{"_compressed" if compressed else ""}'
    if not (folder / 'metadata.yaml').exists():
        shutil.rmtree(folder, ignore_errors=True)
        data_set = by_name(name)[0]
        source = ['--dataset', str(data_root() / 'posed' / data_set.folder), '--split', data_set.split]
        folder.parent.mkdir(parents=True, exist_ok=True)
        options = ['--rate', str(RATE_HZ), *(['--compressed'] if compressed else [])]
        _neumap('bag', 'make', *source, '--out', str(folder), *options)
    return folder


def long_bag_of(name: str, seconds: float, seed: int) -> Path:
    """The queries forwards and backwards in turn for so long; the odometry drifts on and on. JPEG images."""
    folder = FOLDER / 'bags' / f'{name}_{seconds:g}s_{seed}'
    if not (folder / 'metadata.yaml').exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        source = by_name(name)[0].open('query')
        settings = BagSettings(rate_hz=RATE_HZ, compressed=True, drift=DriftSettings(seed=seed))
        make_bag(to_and_fro(source, round(seconds * RATE_HZ)), folder, settings)
    return folder


def to_and_fro(source: ImageSource, count: int) -> ImageSource:
    """So many images of a source, forwards and backwards in turn; the turning points once."""
    images = list(source.images)
    turn = images + images[-2:0:-1]
    source.images = tuple(turn[number % len(turn)] for number in range(count))
    return source


def repository_of(name: str, *maps: str) -> list[StoredMap]:
    """A repository with these maps as revisions of one place."""
    repository = FOLDER / 'repositories' / name
    if repository.exists() and len(list(repository.glob('*/manifest.json'))) != len(maps):
        shutil.rmtree(repository)
    if not repository.exists():
        repository.parent.mkdir(parents=True, exist_ok=True)
        return [publish(map_of(one), repository) for one in maps]
    return [open_map(path.parent) for path in sorted(repository.glob('*/manifest.json'))]


def _neumap(*arguments: str) -> None:
    print('neumap', *arguments, file=sys.stderr, flush=True)
    subprocess.run([sys.executable, '-m', 'neumap_ros.cli', *arguments], check=True, stdout=subprocess.DEVNULL)


# Recordings as streams of bytes


@dataclass(frozen=True)
class Event:
    """A message of a recording.

    Attributes:
        topic: of it.
        msgtype: of the topic.
        stamp_ns: of its header.
        publish_ns: when it was recorded, or when it is due.
        data: serialised.
        index: images are counted from 0 in each recording; -1 for other messages.
    """

    topic: str
    msgtype: str
    stamp_ns: int
    publish_ns: int
    data: bytes
    index: int = -1


def read_events(bag: Path) -> list[Event]:
    """All messages whose header can be stamped anew."""
    events, images = [], 0
    with Reader(bag) as reader:
        for connection, time_ns, raw in reader.messages():
            data, index = bytes(raw), -1
            if connection.topic in IMAGE_TOPICS:
                index, images = images, images + 1
            stamp_ns = _stamp_ns(data, _stamp_offset(connection.msgtype, data))
            events.append(Event(connection.topic, connection.msgtype, stamp_ns, time_ns, data, index))
    return events


def images_of(bag: Path) -> Iterator[tuple[int, str, Any, Any]]:
    """Stamp, type, image and calibration of each image of a recording, in order."""
    from neumap_ros.recording.messages import STORE

    with Reader(bag) as reader:
        info = None
        for connection, _, raw in reader.messages():
            if connection.topic.endswith('/camera_info'):
                info = STORE.deserialize_cdr(raw, connection.msgtype)
            elif connection.topic in IMAGE_TOPICS:
                message: Any = STORE.deserialize_cdr(raw, connection.msgtype)
                stamp = message.header.stamp
                yield stamp.sec * 10**9 + stamp.nanosec, connection.msgtype, message, info


class Replayed:
    """Messages of a recording forwards and backwards in turn, without end, stamped from a given time on.

    Poses and odometry are continuous at the turning points, so that a tracker sees a robot that drives back.

    Args:
        events: of the recording.
        start_ns: stamp of the first one.
    """

    def __init__(self, events: Sequence[Event], start_ns: int) -> None:
        self._events = events
        self._start_ns = start_ns

    def __iter__(self) -> Iterator[Event]:
        moving = [event for event in self._events if event.topic != STATIC_TOPIC]
        for event in self._events:
            if event.topic == STATIC_TOPIC:
                yield _moved(event, self._start_ns, self._start_ns)
        first_ns, last_ns = min(e.stamp_ns for e in moving), max(e.stamp_ns for e in moving)
        base_ns, forwards = self._start_ns, True
        while True:
            leg = []
            for event in moving:
                past_ns = event.stamp_ns - first_ns if forwards else last_ns - event.stamp_ns
                if past_ns == 0 and base_ns > self._start_ns:
                    continue  # the turning point was the end of the leg before
                stamp_ns = base_ns + past_ns
                leg.append(_moved(event, stamp_ns, stamp_ns + event.publish_ns - event.stamp_ns))
            yield from sorted(leg, key=lambda event: event.publish_ns)
            base_ns += last_ns - first_ns
            forwards = not forwards


def _moved(event: Event, stamp_ns: int, publish_ns: int) -> Event:
    offset = _stamp_offset(event.msgtype, event.data)
    data = bytearray(event.data)
    struct.pack_into('<iI', data, offset, stamp_ns // 10**9, stamp_ns % 10**9)
    return replace(event, stamp_ns=stamp_ns, publish_ns=publish_ns, data=bytes(data))


def _stamp_offset(msgtype: str, data: bytes) -> int:
    """Where the stamp lies: first in messages with a header, after the count in a list of transforms."""
    if data[1] != 1:
        raise ValueError(f'a message of {msgtype} is not little-endian CDR; make the recording anew')
    if msgtype != 'tf2_msgs/msg/TFMessage':
        return 4
    if struct.unpack_from('<I', data, 4)[0] != 1:
        raise ValueError('a TF message holds several transforms, expected one as `neumap bag make` writes')
    return 8


def _stamp_ns(data: bytes, offset: int) -> int:
    seconds, nanoseconds = struct.unpack_from('<iI', data, offset)
    return int(seconds) * 10**9 + int(nanoseconds)
