# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Random light, lenses and sensors for photographs: from broad daylight to a dark street seen by a moving camera."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Gray = NDArray[np.float32]

# Shares of the three kinds of picture that a view becomes, for the first and for the second view of a pair: a map is
# made by day more often than its queries.
MILD, DIM, DARK = 0, 1, 2
FIRST_VIEW = (0.6, 0.25, 0.15)
SECOND_VIEW = (0.25, 0.35, 0.4)


def relight(image: NDArray[np.uint8], rng: np.random.Generator, shares: tuple[float, float, float]) -> Gray:
    """An image as a camera would have taken it in some other light.

    Light is multiplied before anything is blurred, blur comes before noise, and noise before quantisation, as in a
    camera. All ranges are wider than those of the benchmarks' evening and night.

    Args:
        image: grey (H, W), uint8.
        rng: decides everything.
        shares: probabilities of a mild, a dim and a dark picture.

    Returns:
        grey values 0..1 in steps of 1/255 (H, W).
    """
    kind = int(rng.choice(3, p=shares))
    curve = (np.arange(256) / 255.0) ** rng.uniform(*((0.7, 1.5), (0.8, 2.2), (1.0, 2.6))[kind])
    light = cv2.LUT(image, curve.astype(np.float32))
    height, width = image.shape
    if rng.random() < (0.3, 0.5, 0.6)[kind]:
        light = light * _uneven_light(height, width, rng)
    exposure = float(np.exp(rng.uniform(*np.log(((0.5, 1.3), (0.2, 0.8), (0.07, 0.4))[kind]))))
    light = light * np.float32(exposure)
    if rng.random() < (0.2, 0.4, 0.5)[kind]:
        light = cv2.GaussianBlur(light, (0, 0), rng.uniform(0.4, (1.0, 1.5, 1.5)[kind]))
    if rng.random() < (0.1, 0.3, 0.6)[kind]:
        light = cv2.filter2D(light, -1, _motion_kernel(rng.uniform(2, (4, 7, 9)[kind]), rng.uniform(0, np.pi)))
    if kind == MILD and rng.random() < 0.3:  # haze, a raised black level, or a stretched contrast
        light = np.float32(rng.uniform(0.6, 1.2)) * light + np.float32(rng.uniform(-0.1, 0.25))
    noise = rng.uniform(0.3, (2.0, 4.0, 4.0)[kind]), rng.uniform(0.0, (0.2, 0.4, 0.5)[kind])
    light = _expose(np.asarray(light * 255, np.float32), *noise, rng)
    if rng.random() < 0.2:
        light = _compressed(light, int(rng.integers(40, 95)))
    if kind != MILD and rng.random() < 0.25:  # what automatic gain makes of a dark picture, noise included
        gain = min(rng.uniform(1.5, 5.0), 255.0 / max(float(np.percentile(light, 99)), 1.0))
        light = np.clip(np.rint(light * max(gain, 1.0)), 0, 255)
    return (light / 255).astype(np.float32)


def _uneven_light(height: int, width: int, rng: np.random.Generator) -> Gray:
    """Gains between the wall and the lamp: smooth patches, a vignette, or the straight edge of a shadow."""
    kind = rng.integers(3)
    rows, columns = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing='ij')
    if kind == 0:
        coarse = np.exp(rng.normal(0, 0.6, (4, 4))).astype(np.float32)
        return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32).clip(0.1, 2.5)
    if kind == 1:
        radius = (columns - rng.uniform(-0.5, 0.5)) ** 2 + (rows - rng.uniform(-0.5, 0.5)) ** 2
        return np.asarray(1.0 / (1.0 + rng.uniform(0.2, 3.0) * radius), np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    side = np.cos(angle) * columns + np.sin(angle) * rows - rng.uniform(-0.5, 0.5)
    edge = 1 / (1 + np.exp(-side * rng.uniform(3, 60)))
    return np.asarray(rng.uniform(0.2, 0.7) + (1 - rng.uniform(0.2, 0.7)) * edge, np.float32)


def _expose(light: Gray, read: float, shot: float, rng: np.random.Generator) -> Gray:
    """Add read noise and shot noise (grey values) and quantise."""
    sigma = np.sqrt(read**2 + shot**2 * np.maximum(light, 0))
    noise = rng.standard_normal(light.shape, dtype=np.float32)
    if rng.random() < 0.3:  # a demosaiced sensor's noise is grainy
        noise = cv2.GaussianBlur(noise, (3, 3), 0.6) * 1.6
    return np.asarray(np.clip(np.rint(light + noise * sigma), 0, 255), np.float32)


def _compressed(light: Gray, quality: int) -> Gray:
    _, data = cv2.imencode('.jpg', light.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32)


def _motion_kernel(length_px: float, angle: float) -> Gray:
    """A straight line of a given length through the middle, sampled finely; sum 1."""
    size = int(np.ceil(length_px)) | 1
    kernel = np.zeros((size + 2, size + 2), np.float32)
    middle = (size + 1) / 2
    for t in np.linspace(-length_px / 2, length_px / 2, 4 * size):
        x, y = middle + t * np.cos(angle), middle + t * np.sin(angle)
        column, row = int(x), int(y)
        dx, dy = x - column, y - row
        for r, c, weight in (
            (row, column, (1 - dx) * (1 - dy)),
            (row, column + 1, dx * (1 - dy)),
            (row + 1, column, (1 - dx) * dy),
            (row + 1, column + 1, dx * dy),
        ):
            if r < size + 2 and c < size + 2:
                kernel[r, c] += weight
    return np.asarray(kernel / kernel.sum(), np.float32)
