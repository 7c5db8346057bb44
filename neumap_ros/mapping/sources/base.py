# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every source of mapping images gives: calibrated, posed images that can be read one at a time."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError, SourceError
from neumap_ros.geometry import Camera, Pose
from neumap_ros.images import check_image_size, read_image

DEFAULT_FRAME_ID = 'map'

# An error that lists a thousand names helps nobody.
_NAMES_SHOWN = 5


@dataclass(frozen=True)
class PosedImage:
    """One image of a source, without its pixels.

    Attributes:
        name: unique in the source, for example ``images/0001.jpg``, or ``000123`` in a bag.
        camera: the camera that took it.
        T_map_cam: camera (optical axes) in the map; None only when the source has no poses.
        time_s: stamp in seconds where the source has one.
    """

    name: str
    camera: Camera
    T_map_cam: Pose | None
    time_s: float | None = None


class ImageSource(ABC):
    """Images with cameras and poses, in a fixed order.

    Attributes:
        images: the images, in an order that is the same at every opening.
        metric: whether a map unit is a metre; False means an arbitrary scale, None that nobody said.
        frame_id: name of the frame that the poses refer to.
    """

    def __init__(
        self,
        origin: str,
        images: Sequence[PosedImage],
        *,
        metric: bool | None,
        frame_id: str = DEFAULT_FRAME_ID,
    ) -> None:
        """Keep the images of a source.

        Args:
            origin: where they come from, in words, for example ``COLMAP model /path``.
            images: in order.
            metric: see the class.
            frame_id: see the class.

        Raises:
            SourceError: no images, or two of one name.
        """
        if not images:
            raise SourceError(f'{origin} has no images, expected at least one; check the path and the selection')
        seen: set[str] = set()
        for image in images:
            if image.name in seen:
                raise SourceError(f'{origin} names the image {image.name!r} twice, expected unique names; rename one')
            seen.add(image.name)
        self._origin = origin
        self.images = tuple(images)
        self.metric = metric
        self.frame_id = frame_id

    @property
    def description(self) -> str:
        """One line for people, for example ``COLMAP model /path (38 images)``."""
        return f'{self._origin} ({len(self.images)} image{"s" if len(self.images) != 1 else ""})'

    def __len__(self) -> int:
        return len(self.images)

    @abstractmethod
    def _load(self, image: PosedImage) -> NDArray[np.uint8]:
        """Give the grey pixels (H, W) of an image of this source."""

    @abstractmethod
    def _file_facts(self) -> Iterable[tuple[str, int, int]]:
        """Name, size in bytes and mtime in ns of every file that the images are read from."""

    def read(self, image: PosedImage) -> NDArray[np.uint8]:
        """Read one image of this source; any order, any number of times.

        Args:
            image: one of :attr:`images`.

        Returns:
            Grey, uint8 (H, W).

        Raises:
            ImageError: missing, truncated, or not of its camera's size.
        """
        pixels = self._load(image)
        check_image_size(pixels, image.camera, image.name)
        return pixels

    def fingerprint(self) -> str:
        """Give a short hex digest that changes with the files (name, size, mtime), poses, cameras and their order."""
        digest = hashlib.sha256()
        for image in self.images:
            pose = None if image.T_map_cam is None else image.T_map_cam.matrix_44.tolist()
            facts = [image.name, image.camera.to_json(), pose, image.time_s]
            digest.update(json.dumps(facts, sort_keys=True).encode())
        digest.update(json.dumps([self.metric, self.frame_id, *self._file_facts()]).encode())
        return digest.hexdigest()[:16]

    def subset(self, names: Iterable[str]) -> ImageSource:
        """Select the images of these names, in the source's order.

        Raises:
            SourceError: a name that the source does not have, or no name at all.
        """
        wanted = set(names)
        unknown = sorted(wanted - {image.name for image in self.images})
        if unknown:
            raise SourceError(
                f'{self._origin} has no {_enumerate(unknown)}, expected names like {self.images[0].name!r}; '
                'correct the selection'
            )
        return self._with_images([image for image in self.images if image.name in wanted])

    def _with_images(self, images: Sequence[PosedImage]) -> ImageSource:
        if not images:
            raise SourceError(f'no image of {self._origin} is selected, expected at least one; widen the selection')
        other = copy.copy(self)
        other.images = tuple(images)
        return other


class FileSource(ImageSource):
    """A source whose images are files."""

    def __init__(
        self,
        origin: str,
        images: Sequence[PosedImage],
        paths: Mapping[str, Path],
        *,
        metric: bool | None,
        frame_id: str = DEFAULT_FRAME_ID,
    ) -> None:
        """Keep the images and the file of each name; the files are opened when they are read."""
        super().__init__(origin, images, metric=metric, frame_id=frame_id)
        self._paths = dict(paths)

    def path(self, image: PosedImage) -> Path:
        """Give the file of an image of this source."""
        return self._paths[image.name]

    def _load(self, image: PosedImage) -> NDArray[np.uint8]:
        return read_image(self.path(image))

    def _file_facts(self) -> Iterable[tuple[str, int, int]]:
        return [file_fact(self.path(image)) for image in self.images]


def file_fact(path: Path) -> tuple[str, int, int]:
    """Name, size in bytes and mtime in ns of a file; (-1, -1) where it is missing, so that its arrival counts."""
    try:
        status = path.stat()
    except OSError:
        return path.name, -1, -1
    return path.name, status.st_size, status.st_mtime_ns


def thin(source: ImageSource, min_distance: float, min_angle_deg: float) -> ImageSource:
    """Drop the images of a slow or standing camera.

    An image is kept when it moved more than ``min_distance`` **or** turned more than ``min_angle_deg`` since the last
    one kept; the first is always kept, and so are images without a pose. Two zeros keep all that moved at all.

    Args:
        source: any source, in driving order.
        min_distance: in map units.
        min_angle_deg: in degrees.

    Raises:
        ConfigError: a threshold that is negative or not a number.
    """
    for name, value in (('min_distance', min_distance), ('min_angle_deg', min_angle_deg)):
        if not (math.isfinite(value) and value >= 0):
            raise ConfigError(f'{name} is {value}, expected a number of at least 0; 0 keeps every image that moved')
    kept: list[PosedImage] = []
    last: Pose | None = None
    for image in source.images:
        pose = image.T_map_cam
        if pose is not None:
            if last is not None:
                distance, angle_deg = pose.error_to(last)
                if distance <= min_distance and angle_deg <= min_angle_deg:
                    continue
            last = pose
        kept.append(image)
    return source.subset(image.name for image in kept)


def _enumerate(names: Sequence[str]) -> str:
    shown = ', '.join(repr(name) for name in names[:_NAMES_SHOWN])
    more = f' and {len(names) - _NAMES_SHOWN} more' if len(names) > _NAMES_SHOWN else ''
    return f'image {shown}{more}' if len(names) == 1 else f'images {shown}{more}'
