# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What every keypoint extractor gives, and the registry that finds one by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError, ImageError


@dataclass(frozen=True)
class Features:
    """The local features of one image, best first, and one descriptor of the whole image.

    Attributes:
        keypoints_N2: sub-pixel positions in COLMAP's convention (top-left pixel's centre at (0.5, 0.5)), float32.
        scales_N: radius of each keypoint's patch in pixels, float32; the localization noise grows with it.
        descriptors_ND: L2-normalised, float32.
        scores_N: detector response, larger is better, float32.
        global_descriptor_G: L2-normalised descriptor of the image for retrieval, float32.
        image_size: (width, height) of the image in pixels.
        context_NC: what the extractor's trunk knows about each keypoint's surroundings, for decoders that need more
            than a descriptor; not normalised, float32. None where the extractor has no trunk.
    """

    keypoints_N2: NDArray[np.float32]
    scales_N: NDArray[np.float32]
    descriptors_ND: NDArray[np.float32]
    scores_N: NDArray[np.float32]
    global_descriptor_G: NDArray[np.float32]
    image_size: tuple[int, int]
    context_NC: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.keypoints_N2)

    def best(self, count: int) -> Features:
        """The first ``count`` keypoints, which are the best ones; the global descriptor stays that of all."""
        return replace(
            self,
            keypoints_N2=self.keypoints_N2[:count],
            scales_N=self.scales_N[:count],
            descriptors_ND=self.descriptors_ND[:count],
            scores_N=self.scores_N[:count],
            context_NC=None if self.context_NC is None else self.context_NC[:count],
        )


@dataclass(frozen=True)
class ExtractorInfo:
    """What a map must know about the extractor that built it; a map refuses another one.

    Attributes:
        name: registry name, for example ``rootsift``.
        version: grows whenever the same image gives other descriptors.
        weights_sha256: digest of the weights file, empty if there is none.
        descriptor_size: length of a descriptor.
        global_size: length of the global descriptor.
    """

    name: str
    version: int
    weights_sha256: str
    descriptor_size: int
    global_size: int


class Extractor(Protocol):
    """Turns an image into features. Deterministic: the same image gives the same features."""

    info: ExtractorInfo

    def extract(self, image: NDArray[np.uint8], max_keypoints: int) -> Features:
        """Extract features.

        Args:
            image: grey (H, W) or BGR (H, W, 3), uint8.
            max_keypoints: keep at most so many, best scores first.

        Raises:
            ImageError: not an image of that kind.
        """
        ...


ExtractorFactory = Callable[..., Extractor]
_factories: dict[str, ExtractorFactory] = {}


def register_extractor(name: str) -> Callable[[ExtractorFactory], ExtractorFactory]:
    """Class decorator: make an extractor known by ``name``."""

    def register(factory: ExtractorFactory) -> ExtractorFactory:
        _factories[name] = factory
        return factory

    return register


def extractor_names() -> tuple[str, ...]:
    """The names that :func:`create_extractor` knows."""
    return tuple(sorted(_factories))


def extractor_factory(name: str) -> ExtractorFactory:
    """What makes an extractor.

    Raises:
        ConfigError: unknown name.
    """
    if name not in _factories:
        raise ConfigError(f'there is no extractor {name!r}, expected one of {", ".join(extractor_names())}')
    return _factories[name]


def create_extractor(name: str, **options: Any) -> Extractor:
    """Create an extractor by its registry name.

    Raises:
        ConfigError: unknown name, or an option that it cannot have.
    """
    return extractor_factory(name)(**options)


def to_gray(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A grey copy or view of a grey or BGR image.

    Raises:
        ImageError: empty, or not uint8 with one or three channels.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.size == 0:
        got = f'{image.dtype} {image.shape}' if isinstance(image, np.ndarray) else type(image).__name__
        raise ImageError(f'the image is {got}, expected a non-empty uint8 array (H, W) or (H, W, 3)')
    if image.ndim == 2:
        return image
    if image.ndim == 3 and image.shape[2] == 3:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    raise ImageError(f'the image has shape {image.shape}, expected (H, W) grey or (H, W, 3) BGR')
