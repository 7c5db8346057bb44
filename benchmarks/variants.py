# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Harder versions of a data set: evening and night queries, sparse maps. One definition for every benchmark."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.geometry import Camera

VARIANTS = ('plain', 'evening', 'sparse', 'night', 'hard')

T = TypeVar('T')


def sparse_subset(images: Sequence[T]) -> list[T]:
    """Every 10th mapping image; every 5th of fewer than 80; every 2nd of fewer than 30."""
    step = 10 if len(images) >= 80 else 5 if len(images) >= 30 else 2
    return list(images[::step])


def has_sparse_map(variant: str) -> bool:
    """Whether the variant is localized against the sparse map."""
    return variant in ('sparse', 'hard')


def query_image(image: NDArray[np.uint8], camera: Camera, variant: str, name: str) -> tuple[NDArray[np.uint8], Camera]:
    """The query as the variant shows it, and its camera (night and hard have half the resolution).

    Noise and the direction of the motion blur depend on ``name`` only, so that every benchmark sees the same pictures.

    Args:
        image: grey (H, W), uint8.
        camera: its camera.
        variant: one of :data:`VARIANTS`.
        name: of the image; seeds the noise.
    """
    rng = np.random.default_rng(zlib.crc32(f'{variant}/{name}'.encode()))
    if variant in ('plain', 'sparse'):
        return image, camera
    if variant == 'evening':
        light = 0.45 * 255 * (cv2.GaussianBlur(image, (0, 0), 0.8) / 255.0) ** 1.8
        return _expose(light, 3.0, rng), camera
    if variant in ('night', 'hard'):
        half = camera.scaled(0.5)
        small = cv2.resize(image, (half.width, half.height), interpolation=cv2.INTER_AREA)
        light = 0.25 * 255 * (small / 255.0) ** 2.0
        angle = rng.uniform(0, np.pi)
        kernel = _motion_kernel(length_px=5, angle_rad=angle)
        return _expose(cv2.filter2D(light, -1, kernel), 2.5, rng), half
    raise ValueError(f'unknown variant {variant!r}, expected one of {VARIANTS}')


def _expose(light: NDArray[np.float64], noise: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Add read noise and shot noise (grey values) and quantise."""
    shot = np.sqrt(np.maximum(light, 0)) * 0.3
    noisy = light + rng.normal(size=light.shape) * np.sqrt(noise**2 + shot**2)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _motion_kernel(length_px: int, angle_rad: float) -> NDArray[np.float32]:
    """A line of ``length_px`` through the middle of a square kernel, sum 1."""
    size = length_px + (1 - length_px % 2)
    kernel = np.zeros((size, size), np.float32)
    centre = size // 2
    half = (length_px - 1) / 2
    dx, dy = np.cos(angle_rad) * half, np.sin(angle_rad) * half
    shift = 4  # sub-pixel bits of cv2.line
    scale = 1 << shift
    start = (round((centre - dx) * scale), round((centre - dy) * scale))
    end = (round((centre + dx) * scale), round((centre + dy) * scale))
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_8, shift)
    return kernel / kernel.sum()
