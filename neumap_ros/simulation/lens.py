# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The rays of a camera's pixels, worked out once per camera."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from neumap_ros.geometry import Camera

# Samples per pixel and axis: 2 x 2 samples keep edges from jumping between neighbouring views.
SUPERSAMPLING = 2
CAMERAS_KEPT = 8
# Undistorting a pixel and projecting it again must lead back this closely.
SLACK_PX = 0.02


class Lens:
    """Normalized image coordinates (x / z, y / z) of every pixel's centre and of its samples.

    Args:
        camera: of any model.

    Attributes:
        centres_N3: (x / z, y / z, 1) of the pixels' centres, row by row.
        valid_N: which of them the camera's model explains.
        x_HW: of the samples, SUPERSAMPLING per pixel and axis; ``y_HW`` likewise.
        size_HW: log2 of the side of the area that a sample covers at depth 1.
    """

    def __init__(self, camera: Camera) -> None:
        self.width, self.height = camera.width, camera.height
        centres = _normalized(camera, 1).reshape(-1, 2)
        self.valid_N = np.isfinite(centres).all(axis=1)
        centres[~self.valid_N] = 0
        self.centres_N3 = np.column_stack([centres, np.ones(len(centres))])
        samples = _normalized(camera, SUPERSAMPLING)
        along_row, along_column = (np.gradient(samples, axis=axis) for axis in (1, 0))
        area = np.abs(along_row[..., 0] * along_column[..., 1] - along_row[..., 1] * along_column[..., 0])
        area[~np.isfinite(area)] = 1
        self.size_HW = (0.5 * np.log2(np.maximum(area, 1e-20))).astype(np.float32)
        self.valid_HW = np.isfinite(samples).all(axis=-1)
        samples[~self.valid_HW] = 0
        self.x_HW, self.y_HW = np.ascontiguousarray(np.moveaxis(samples, -1, 0), dtype=np.float32)

    def sample_rays(self, where_HW: NDArray[np.bool_]) -> NDArray[np.float32]:
        """(x / z, y / z, 1) of the chosen samples, (N, 3)."""
        x, y = self.x_HW[where_HW], self.y_HW[where_HW]
        return np.stack([x, y, np.ones_like(x)], axis=1)


@lru_cache(maxsize=CAMERAS_KEPT)
def lens_of(camera: Camera) -> Lens:
    """The rays of a camera, remembered for the cameras used last."""
    return Lens(camera)


def _normalized(camera: Camera, per_pixel: int) -> NDArray[np.float64]:
    x, y = ((np.arange(per_pixel * n) + 0.5) / per_pixel for n in (camera.width, camera.height))
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    return rays_of(camera, grid.reshape(-1, 2)).reshape(grid.shape)


def rays_of(camera: Camera, pixels_N2: NDArray[np.float64]) -> NDArray[np.float64]:
    """(x / z, y / z) of what pixels show; NaN where no ray in front of the camera leads to the pixel, (N, 2).

    Distortion models answer for every pixel, even beyond half a turn of a fisheye lens; only what they project back to
    the pixel counts.
    """
    rays = camera.normalize(pixels_N2)
    finite = np.asarray(np.isfinite(rays).all(axis=1), dtype=bool)
    points = np.column_stack([np.nan_to_num(rays, nan=0.0, posinf=0.0, neginf=0.0), np.ones(len(rays))])
    back, _ = camera.project(points)
    with np.errstate(invalid='ignore'):
        kept = finite & (np.abs(back - pixels_N2).max(axis=1) < SLACK_PX)
    rays[~kept] = np.nan
    return rays
