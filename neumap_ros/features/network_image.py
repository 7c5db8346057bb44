# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An image as networks want it, and keypoints back in the image as it was given."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

# Larger images are shrunk for the network, so that memory stays bounded; 12 megapixels would take gigabytes.
MAX_PIXELS = 2048 * 1536
# Pyramids of networks need some cells at their coarsest level.
SMALLEST_SIDE_PX = 64
LARGEST_ENLARGEMENT = 2.0


@dataclass(frozen=True)
class NetworkImage:
    """An image in the size that a network takes.

    Attributes:
        image: (H, W) or (H, W, 3), as given, scaled, then padded at the right and the bottom.
        content: (width, height) of the scaled image without the padding, pixels.
        scale: (x, y): pixels of the network's image per pixel of the given one.
    """

    image: NDArray[np.uint8]
    content: tuple[int, int]
    scale: tuple[float, float]

    def to_given(self, keypoints_N2: NDArray[np.float32]) -> NDArray[np.float32]:
        """Keypoints of the network's image -> the given image, both in COLMAP's convention."""
        return np.asarray(keypoints_N2 / np.array(self.scale, np.float32), dtype=np.float32)

    def inside(self, keypoints_N2: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which keypoints of the network's image are finite and not in the padding."""
        with np.errstate(invalid='ignore'):
            return np.asarray(((keypoints_N2 >= 0) & (keypoints_N2 <= np.array(self.content))).all(axis=1))


def fit(
    image: NDArray[np.uint8], multiple: int, smallest: tuple[int, int] = (SMALLEST_SIDE_PX, SMALLEST_SIDE_PX)
) -> NetworkImage:
    """Shrink an image that is too large, and pad it so that both sides are multiples of a number.

    The last row and column are repeated: a black border would be full of corners.

    Args:
        image: (H, W) or (H, W, 3).
        multiple: what divides both sides.
        smallest: (width, height) at least, pixels.
    """
    height, width = image.shape[:2]
    shrink = min(1.0, (MAX_PIXELS / (width * height)) ** 0.5)
    size = (max(1, int(width * shrink)), max(1, int(height * shrink)))
    if size != (width, height):
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    right, bottom = (
        -(-max(side, least) // multiple) * multiple - side for side, least in zip(size, smallest, strict=True)
    )
    if right or bottom:
        image = np.asarray(cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8)
    return NetworkImage(image, size, (size[0] / width, size[1] / height))


def enlarge_and_fit(
    image: NDArray[np.uint8],
    multiple: int,
    usual_pixels: int,
    smallest: tuple[int, int] = (SMALLEST_SIDE_PX, SMALLEST_SIDE_PX),
) -> NetworkImage:
    """As :func:`fit`; an image of fewer than the usual pixels is enlarged to about so many, at most twofold.

    Args:
        image: (H, W) or (H, W, 3).
        multiple: what divides both sides.
        usual_pixels: 0: nothing is enlarged.
        smallest: (width, height) at least, pixels.
    """
    height, width = image.shape[:2]
    factor = min(LARGEST_ENLARGEMENT, (usual_pixels / (width * height)) ** 0.5)
    if factor <= 1:
        return fit(image, multiple, smallest)
    size = (round(width * factor), round(height * factor))
    given = fit(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8), multiple, smallest)
    return replace(given, scale=(size[0] / width, size[1] / height))


def stretch(image: NDArray[np.uint8], size: tuple[int, int]) -> NetworkImage:
    """Scale an image to the one size (width, height) that a network takes; proportions may change."""
    height, width = image.shape[:2]
    if size != (width, height):
        smaller = size[0] <= width and size[1] <= height
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
    return NetworkImage(image, size, (size[0] / width, size[1] / height))
