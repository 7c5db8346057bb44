# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which topics of a recording are the cameras."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from neumap_ros.errors import ConfigError, SourceError
from neumap_ros.mapping.sources.bag_messages import CAMERA_INFO
from neumap_ros.ros_values import COMPRESSED_IMAGE, IMAGE

_IMAGE_TYPES = (IMAGE, COMPRESSED_IMAGE)


@dataclass(frozen=True)
class CameraTopics:
    """The topics of one camera.

    Attributes:
        name: of the camera.
        image: topic of its images.
        info: topic of its calibration.
        compressed: whether the images are compressed.
    """

    name: str
    image: str
    info: str
    compressed: bool


def camera_topics(
    topics: Mapping[str, str],
    bag: Path,
    *,
    given: Mapping[str, str] | None = None,
    names: Sequence[str] = ('camera',),
    compressed: bool | None = None,
) -> tuple[CameraTopics, ...]:
    """Find the cameras of a recording.

    Args:
        topics: message type of every topic of the recording that has messages.
        bag: for errors.
        given: image topic by camera; where it is empty, ``names`` are looked for.
        names: of cameras, whose topics are ``NAME/image`` or ``NAME/image/compressed``; the name of the only camera
            where the recording has one under another name.
        compressed: which of both topics is meant where both are there; None takes the one that is not compressed.

    Raises:
        SourceError: no images, no calibration, or no way to tell which topics are meant.
        ConfigError: raw and compressed images mixed.
    """
    images = {topic: msgtype for topic, msgtype in topics.items() if msgtype in _IMAGE_TYPES}
    if not images:
        listed = ', '.join(topics) or 'nothing'
        raise SourceError(f'the bag {bag} has no images, expected Image or CompressedImage; it has {listed}')
    chosen = dict(given or {})
    for name, topic in chosen.items():
        if topic not in images:
            raise SourceError(
                f'camera {name}: the bag {bag} has no images on {topic}, expected one of {", ".join(images)}'
            )
    chosen = chosen or _named(images, names, compressed) or {names[0]: _only(images, bag, names)}
    cameras = tuple(
        CameraTopics(name, topic, _info_topic(topics, topic, name, bag), images[topic] == COMPRESSED_IMAGE)
        for name, topic in chosen.items()
    )
    if len({camera.compressed for camera in cameras}) > 1:
        listed = ', '.join(f'{camera.image} ({images[camera.image]})' for camera in cameras)
        raise ConfigError(f'the cameras send different types of images ({listed}), expected one type for all')
    return cameras


def _named(images: Mapping[str, str], names: Sequence[str], compressed: bool | None) -> dict[str, str]:
    """The topics of these cameras; empty unless all are there."""
    endings = ('image/compressed', 'image') if compressed else ('image', 'image/compressed')
    found: dict[str, str] = {}
    for name in names:
        for ending in endings:
            topic = f'/{name.strip("/")}/{ending}'
            if topic in images:
                found[name] = topic
                break
    return found if len(found) == len(names) else {}


def _only(images: Mapping[str, str], bag: Path, names: Sequence[str]) -> str:
    # A depth image is no photograph, and the compressed copy of a recorded topic is no second camera.
    found = [topic for topic in images if 'depth' not in topic.lower()]
    found = [topic for topic in found if posixpath.dirname(topic) not in found]
    if len(found) == 1 and len(names) == 1:
        return found[0]
    listed = ', '.join(images)
    if not found:
        raise SourceError(f'the bag {bag} has only depth images ({listed}), expected photographs')
    if len(names) > 1:
        raise SourceError(
            f'the bag {bag} has images on {listed}, expected those of the cameras {", ".join(names)}; name the topic '
            f'of each, such as --camera {names[0]}={found[0]}'
        )
    raise SourceError(
        f'the bag {bag} has images of {len(found)} cameras ({listed}), expected one; name the one to use, or several '
        f'for a rig, such as --camera front={found[0]}'
    )


def _info_topic(topics: Mapping[str, str], image: str, name: str, bag: Path) -> str:
    """The calibration beside the images, or the only one."""
    found = [topic for topic, msgtype in topics.items() if msgtype == CAMERA_INFO]
    folder = posixpath.dirname(image)
    for parent in (folder, posixpath.dirname(folder)):
        if (sibling := posixpath.join(parent, 'camera_info')) in found:
            return sibling
    if len(found) == 1:
        return found[0]
    listed = ', '.join(found) or 'none at all'
    raise SourceError(
        f'camera {name}: the bag {bag} has no camera_info beside {image} (CameraInfo on: {listed}), expected the '
        'calibration of the camera; record that topic too'
    )
