# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Places of the suite: each gives images that map it, and queries under its conditions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import DataSet
from benchmarks.regression.trials import ImageTrial, Trial
from benchmarks.variants import query_image
from neumap_ros.evaluation.run_types import Run
from neumap_ros.geometry import Camera, Pose
from neumap_ros.mapping.sources import ImageSource, PosedImage

Progress = Callable[[str, int, int], None]
Floor = tuple[tuple[tuple[float, float], ...], ...]


class Scene(ABC):
    """A place.

    Attributes:
        name: first part of the names of its cases; up to the first dash it is the kind of scene.
        conditions: of its queries.
        is_photographed: whether it needs the folder of photographs.
    """

    name: str
    conditions: tuple[str, ...]
    is_photographed: bool = False

    @abstractmethod
    def mapping(self, cache: Path, progress: Progress) -> ImageSource:
        """The images that map the place.

        Args:
            cache: folder for what is made on the way.
            progress: called with (stage, done, total).
        """

    @abstractmethod
    def queries(self, condition: str, cache: Path, progress: Progress) -> ImageSource:
        """The images that are asked about under a condition, with true poses; arguments as of :meth:`mapping`."""

    def trial(self, condition: str, cache: Path, progress: Progress) -> Trial:
        """What is asked under a condition and how: by default images one by one; arguments as of :meth:`mapping`."""
        return ImageTrial(self.queries(condition, cache, progress))

    def finish(self, run: Run, cache: Path) -> Run:
        """Add to a run what only the scene knows, for example the floor plan."""
        return run


class PhotoScene(Scene):
    """A set of real photographs.

    Args:
        data_set: see there.
    """

    conditions = ('plain', 'night')
    is_photographed = True

    def __init__(self, data_set: DataSet) -> None:
        self.name = f'photo-{data_set.name}'
        self._set = data_set

    def mapping(self, cache: Path, progress: Progress) -> ImageSource:
        """As photographed."""
        return self._set.open('map')

    def queries(self, condition: str, cache: Path, progress: Progress) -> ImageSource:
        """As photographed, or darkened, blurred and halved as by night."""
        source = self._set.open('query')
        return source if condition == 'plain' else ChangedSource.by_variant(source, condition)


class ChangedSource(ImageSource):
    """Images of another source, changed when they are read.

    Args:
        source: the other one.
        images: of this source; names are those of the other one.
        change: pixels (H, W) of the other image, to those of this one.
        word: what was changed, for descriptions.
    """

    def __init__(
        self,
        source: ImageSource,
        images: Iterable[PosedImage],
        change: Callable[[NDArray[np.uint8], PosedImage], NDArray[np.uint8]],
        word: str,
    ) -> None:
        super().__init__(f'{source.description}, {word}', list(images), metric=source.metric, frame_id=source.frame_id)
        self._source, self._change, self._word = source, change, word
        self._originals = {image.name: image for image in source.images}

    @staticmethod
    def by_variant(source: ImageSource, variant: str) -> ChangedSource:
        """A harder version, see :mod:`benchmarks.variants`."""

        def camera(image: PosedImage) -> Camera:
            # The change of the camera does not depend on the pixels.
            blank = np.zeros((image.camera.height, image.camera.width), dtype=np.uint8)
            return query_image(blank, image.camera, variant, image.name)[1]

        def change(pixels: NDArray[np.uint8], image: PosedImage) -> NDArray[np.uint8]:
            return query_image(pixels, image.camera, variant, image.name)[0]

        cameras: dict[Camera, Camera] = {}
        for image in source.images:
            if image.camera not in cameras:
                cameras[image.camera] = camera(image)
        images = [replace(image, camera=cameras[image.camera]) for image in source.images]
        return ChangedSource(source, images, change, variant)

    @staticmethod
    def moved(source: ImageSource, offset_m: float) -> ChangedSource:
        """The same images taken so far away along x: of a place that the map does not know."""
        offset = np.array([offset_m, 0.0, 0.0])

        def there(pose: Pose | None) -> Pose | None:
            return None if pose is None else replace(pose, translation_3=pose.translation_3 + offset)

        images = [replace(image, T_map_cam=there(image.T_map_cam)) for image in source.images]
        return ChangedSource(source, images, lambda pixels, image: pixels, f'{offset_m:g} m away')

    def _load(self, image: PosedImage) -> NDArray[np.uint8]:
        original = self._originals[image.name]
        return self._change(self._source.read(original), original)

    def _file_facts(self) -> Iterable[tuple[str, int, int]]:
        return [(self._source.fingerprint(), 0, 0), (self._word, 0, 0)]
