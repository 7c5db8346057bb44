# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Motion blur and rolling shutter by warping one rendering with its depth.

A rendering at the stamp says for every pixel how far the scene is. From it follows where each point of the scene is
seen a moment earlier and later, exactly; between the three moments a parabola is drawn. A row that was exposed at
another time, and the moments while the shutter is open, are looked up along these parabolas. That costs a tenth of
rendering the scene several times, and differs from it only where something comes out from behind something else.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.geometry import Camera, FloatArray, Pose

# The flow is smooth but for the borders of things: it is computed at every second pixel.
_STEP = 2
# Points without depth are the sky; so far away only turns move them.
_SKY_M = 1e4
# The shutter's time is sampled so that neighbouring samples lie a pixel apart, within these limits.
_MAX_SAMPLES = 24
# Borders rendered around the image, so that what moves into it is there; multiples of it, up to the largest.
_MARGIN_PX, _MAX_MARGIN_PX = 8, 48
_FIXED_POINT_STEPS = 2
# Blur shorter than this is none.
_SHARP_PX = 0.25
_SOFT_SAMPLES = 4


def padded(camera: Camera, margin_px: int) -> Camera:
    """The same camera with a larger sensor.

    Args:
        camera: of any model.
        margin_px: pixels more on every side.
    """
    if not margin_px:
        return camera
    params = list(camera.params)
    centre = 1 if camera.model in _ONE_FOCAL_LENGTH else 2
    params[centre] += margin_px
    params[centre + 1] += margin_px
    size = (camera.width + 2 * margin_px, camera.height + 2 * margin_px)
    return dataclasses.replace(camera, width=size[0], height=size[1], params=tuple(params))


_ONE_FOCAL_LENGTH = ('SIMPLE_PINHOLE', 'SIMPLE_RADIAL', 'RADIAL', 'SIMPLE_RADIAL_FISHEYE', 'RADIAL_FISHEYE')


def margin_px(camera: Camera, T_world_cam_at: Callable[[float], Pose], reach_s: float, nearest_m: float = 0.5) -> int:
    """How much border a rendering needs so that its warp has something at its edges.

    Args:
        camera: of the image.
        T_world_cam_at: pose of the camera at an offset in seconds from the stamp.
        reach_s: the warp looks so far back and ahead.
        nearest_m: distance of the scene at the edges.
    """
    if not reach_s:
        return 0
    before, after = T_world_cam_at(-reach_s), T_world_cam_at(reach_s)
    moved_m, turned_deg = before.error_to(after)
    largest_px = max(camera.focal_lengths) * (math.radians(turned_deg) + moved_m / nearest_m) / 2
    return min(_MARGIN_PX * math.ceil(largest_px / _MARGIN_PX), _MAX_MARGIN_PX)


def exposed_in_motion(
    radiance_HW3: NDArray[np.float32],
    depth_HW: NDArray[np.float32],
    camera: Camera,
    T_world_cam_at: Callable[[float], Pose],
    *,
    margin_px: int = 0,
    exposure_s: float = 0.0,
    readout_s: float = 0.0,
) -> NDArray[np.float32]:
    """Give the light that a moving camera gathers.

    Args:
        radiance_HW3: rendered with :func:`padded` at the pose of the stamp.
        depth_HW: along the optical axis, metres; 0 where nothing is.
        camera: of the image wanted, without the border.
        T_world_cam_at: pose of the camera at an offset in seconds from the stamp.
        margin_px: border of the rendering.
        exposure_s: each row gathers light so long; 0 is an instant.
        readout_s: from the first row to the last; 0 is a global shutter.

    Returns:
        Radiance (height, width, 3) of the image.
    """
    reach_s = (exposure_s + readout_s) / 2
    if not reach_s:
        return radiance_HW3[margin_px : margin_px + camera.height, margin_px : margin_px + camera.width]
    large = padded(camera, margin_px)
    here = T_world_cam_at(0.0)
    late, early = (_backward_flow(depth_HW, large, T_world_cam_at(t).inverse() @ here) for t in (reach_s, -reach_s))
    inner = slice(margin_px, margin_px + camera.height), slice(margin_px, margin_px + camera.width)
    slope, bend = ((late - early) / 2)[inner], ((late + early) / 2)[inner]
    blur_px = float(np.quantile(np.linalg.norm(slope[::4, ::4], axis=2), 0.99)) * exposure_s / reach_s
    samples = 1 if blur_px < _SHARP_PX else min(_MAX_SAMPLES, 1 + math.ceil(blur_px))
    row = (np.arange(camera.height, dtype=np.float32) + 0.5) / camera.height - 0.5
    place = _pixels(camera) + np.float32(margin_px)
    # Bilinear lookups would soften a sharp image; the mean of many hides the difference.
    how = cv2.INTER_CUBIC if samples < _SOFT_SAMPLES else cv2.INTER_LINEAR
    light = np.zeros((camera.height, camera.width, 3), dtype=np.float32)
    for sample in range(samples):
        moment = (sample + 0.5) / samples - 0.5
        share = ((moment * exposure_s + row * readout_s) / reach_s).astype(np.float32)[:, None, None]
        source = place + share * (slope + share * bend)
        light += _looked_up(radiance_HW3, source, how)
    light /= np.float32(samples)
    return np.maximum(light, 0, out=light)


def _backward_flow(depth_HW: NDArray[np.float32], camera: Camera, T_then_now: Pose) -> NDArray[np.float32]:
    """Where, relative to itself, each pixel of the image taken then finds its content in the rendering (H, W, 2)."""
    rays_N3, grid = _rays(camera)
    depth = depth_HW[::_STEP, ::_STEP].reshape(-1, 1)
    points = rays_N3 * np.where(depth > 0, depth, _SKY_M)
    pixels, _ = camera.project(T_then_now.transform(points))
    shape = (*grid.shape[:2], 2)
    forward = pixels.reshape(shape) - grid
    forward = np.nan_to_num(forward, nan=0.0)
    backward = -forward.astype(np.float32)
    index = _grid_index(shape[0], shape[1])
    for _ in range(_FIXED_POINT_STEPS):
        backward = -_looked_up(forward, index + backward / _STEP, cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(backward, (camera.width, camera.height)), dtype=np.float32)


def _looked_up(values_HWC: NDArray[Any], places_HW2: NDArray[Any], how: int) -> NDArray[np.float32]:
    x, y = (places_HW2[..., axis].astype(np.float32) for axis in (0, 1))
    values = values_HWC.astype(np.float32, copy=False)
    return np.asarray(cv2.remap(values, x, y, how, borderMode=cv2.BORDER_REPLICATE), dtype=np.float32)


@lru_cache(maxsize=16)
def _rays(camera: Camera) -> tuple[FloatArray, FloatArray]:
    """Rays (N, 3) with z = 1 through the pixels where the flow is computed, and these pixels (h, w, 2)."""
    x = np.arange(0, camera.width, _STEP) + _STEP / 2
    y = np.arange(0, camera.height, _STEP) + _STEP / 2
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    rays = camera.normalize(grid.reshape(-1, 2))
    return np.column_stack([rays, np.ones(len(rays))]), grid


@lru_cache(maxsize=16)
def _grid_index(rows: int, columns: int) -> NDArray[np.float32]:
    return np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).astype(np.float32)


def _pixels(camera: Camera) -> NDArray[np.float32]:
    return _grid_index(camera.height, camera.width)
