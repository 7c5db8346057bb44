# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All textures in one picture, at halved resolutions too, so that one lookup serves a whole image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import FloatArray

# The textures are stored in halved resolutions (mipmaps) down to 1 / 2**(MIP_LEVELS - 1).
MIP_LEVELS = 5
# Texels repeated around every texture, so that filtering never reads its neighbour.
GUTTER = 2 ** (MIP_LEVELS - 1)
# OpenCV's lookup holds coordinates in 16 bits.
LARGEST_SIDE = 32766
# Lookups of scattered samples are arranged in rows of so many.
ROW = 1024


class Atlas:
    """Textures (H, W, 3) uint8, looked up at texels and resolution levels.

    Args:
        textures: one per rectangle; arrays that are the same object are stored once.
        srgb: whether the textures are painted as screens show them and lookups give linear light; otherwise lookups
            give value / 255.

    Raises:
        ConfigError: more texture than one picture can hold.
    """

    def __init__(self, textures: Sequence[NDArray[np.uint8]], *, srgb: bool) -> None:
        order = {id(texture): index for index, texture in reversed(list(enumerate(textures)))}
        kinds = sorted(set(order.values()))
        self.image_HW3, origins, self._level_xy = _build([textures[k] for k in kinds])
        place = {kind: position for position, kind in enumerate(kinds)}
        self.origins_N2 = origins[[place[order[id(texture)]] for texture in textures]]
        self.sizes_N2 = np.array([t.shape[1::-1] for t in textures], dtype=np.float64)
        value = np.arange(256, dtype=np.float64) / 255
        linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4) if srgb else value
        self._linear = linear.astype(np.float32)
        self.means_N3 = np.array([self._mean(texture) for texture in textures])

    def lookup(self, s: NDArray[np.float32], t: NDArray[np.float32], level: NDArray[np.float32]) -> NDArray[np.float32]:
        """Reflectance at texels, linear, blue green red, filtered between texels and between levels.

        Args:
            s: columns of the atlas at full resolution, (H, W) or (N,).
            t: rows.
            level: 0 for full resolution, 1 for half, and so on.

        Returns:
            (H, W, 3) or (N, 3) float32.
        """
        level = np.clip(level, 0, MIP_LEVELS - 1)
        fine = level.astype(np.int32)
        result = self._at(s, t, fine)
        weight = (level - fine)[..., None]
        result += weight * (self._at(s, t, np.minimum(fine + 1, MIP_LEVELS - 1)) - result)
        return result

    def _at(self, s: NDArray[np.float32], t: NDArray[np.float32], level: NDArray[np.int32]) -> NDArray[np.float32]:
        scale = (0.5 ** np.arange(MIP_LEVELS)).astype(np.float32)[level]
        x0, y0 = (self._level_xy - 0.5).astype(np.float32).T
        texels = remap(self.image_HW3, s * scale + x0[level], t * scale + y0[level])
        if texels.ndim == 3:
            return np.asarray(cv2.LUT(texels, self._linear), dtype=np.float32)
        return np.asarray(self._linear[texels], dtype=np.float32)

    def _mean(self, texture: NDArray[np.uint8]) -> FloatArray:
        small = cv2.resize(texture, (8, 8), interpolation=cv2.INTER_AREA)
        return np.asarray(self._linear[small].reshape(-1, 3).mean(axis=0), dtype=np.float64)


def remap(image: NDArray[Any], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[Any]:
    """Look up an image at pixels (centre of the first at 0, 0) given as (H, W) or (N,), between pixels linearly."""
    if x.ndim == 2:
        return np.asarray(cv2.remap(image, x, y, cv2.INTER_LINEAR))
    rows = -(-len(x) // ROW)
    columns_, rows_ = (np.pad(a, (0, rows * ROW - len(a)), mode='edge').reshape(rows, ROW) for a in (x, y))
    values = np.asarray(cv2.remap(image, columns_, rows_, cv2.INTER_LINEAR))
    return values.reshape(-1, *image.shape[2:])[: len(x)]


def pack(sizes_N2: NDArray[np.int64], width: int) -> tuple[NDArray[np.int64], int]:
    """Arrange rectangles on shelves, tallest first.

    Args:
        sizes_N2: columns and rows of each.
        width: of the sheet, at least the widest one.

    Returns:
        (left and top of each (N, 2), height of the sheet).
    """
    origins = np.zeros((len(sizes_N2), 2), dtype=np.int64)
    x = y = shelf = 0
    for index in sorted(range(len(sizes_N2)), key=lambda i: (-int(sizes_N2[i, 1]), i)):
        columns, rows = (int(n) for n in sizes_N2[index])
        if x + columns > width:
            x, y, shelf = 0, y + shelf, 0
        origins[index] = x, y
        x += columns
        shelf = max(shelf, rows)
    return origins, y + shelf


def _build(textures: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], FloatArray, FloatArray]:
    """One picture with halved resolutions beside it.

    Returns:
        (atlas (H, W, 3), origin of every texture in texels (N, 2), where each resolution begins (MIP_LEVELS, 2)).
    """
    unit = 2**MIP_LEVELS
    shapes = np.array([t.shape[1::-1] for t in textures]) + 2 * GUTTER
    sizes = -(-shapes // unit) * unit
    width = max(int(sizes[:, 0].max()), 1024, int(np.sqrt(0.7 * sizes.prod(axis=1).sum())) // unit * unit)
    origins, height = pack(sizes, width)
    if max(height, width + width // 2) > LARGEST_SIDE:
        raise ConfigError(
            f'the textures fill a sheet of {width}x{height} texels, expected at most {LARGEST_SIDE} per side; '
            'make the world smaller or its textures coarser'
        )
    atlas = np.zeros((height, width + width // 2, 3), dtype=np.uint8)
    border = (GUTTER, GUTTER)
    for texture, (left, top) in zip(textures, origins, strict=True):
        tile = np.pad(texture, (border, border, (0, 0)), mode='edge')
        atlas[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    corners = [(0, 0)]
    level, top = atlas[:, :width], 0
    for _ in range(MIP_LEVELS - 1):
        level = cv2.resize(level, (level.shape[1] // 2, level.shape[0] // 2), interpolation=cv2.INTER_AREA)
        atlas[top : top + level.shape[0], width : width + level.shape[1]] = level
        corners.append((width, top))
        top += level.shape[0]
    return atlas, np.asarray(origins + GUTTER, dtype=np.float64), np.array(corners, dtype=np.float64)
