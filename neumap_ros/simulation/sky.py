# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The sky of a condition: brighter towards the horizon and the sun, with clouds."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.geometry import FloatArray
from neumap_ros.simulation.atlas import remap
from neumap_ros.simulation.conditions import Condition

# Columns around the horizon and rows from zenith to nadir.
COLUMNS, ROWS = 1024, 512
CLOUD_SEED = 20
SUN_RADIUS_DEG = 0.8


class Sky:
    """Radiance of every direction, from a table.

    Args:
        condition: decides colours, clouds' brightness and the sun.
    """

    def __init__(self, condition: Condition) -> None:
        azimuth = 2 * np.pi * (np.arange(COLUMNS) + 0.5) / COLUMNS - np.pi
        elevation = np.pi / 2 - np.pi * (np.arange(ROWS) + 0.5) / ROWS
        up = np.sin(elevation)[:, None, None]
        zenith = np.asarray(condition.sky_colour)
        horizon = 0.35 * zenith + 0.65 * zenith.mean()
        high = np.clip(up, 0, 1) ** 0.5
        colour = 0.85 * high * zenith + 1.25 * (1 - high) * horizon
        flat = np.cos(elevation)[:, None]
        direction = np.stack(
            [
                flat * np.cos(azimuth),
                flat * np.sin(azimuth),
                np.broadcast_to(np.sin(elevation)[:, None], (ROWS, COLUMNS)),
            ],
            axis=-1,
        )
        near_sun = np.clip(direction @ condition.to_sun_3, -1, 1)[..., None]
        sunny = 1.0 if condition.sun_klx else 0.0
        glow = sunny * (0.9 * np.exp((near_sun - 1) * 14) + 0.35 * np.exp((near_sun - 1) * 2.2))
        colour = colour * (1 + glow * np.asarray(condition.sun_colour))
        clouds = _clouds() * np.clip(4 * up, 0, 1)
        white = 0.75 + 0.75 * sunny * np.asarray(condition.sun_colour) * (0.6 + 0.4 * near_sun)
        colour = colour * (1 - 0.7 * clouds) + 0.7 * clouds * white * zenith.mean()
        # Below the horizon lies land in the haze.
        ground = np.where(up < 0, np.clip(1 + 6 * up, 0.25, 1) * np.array([0.45, 0.5, 0.45]), 1.0)
        self._table = (condition.sky_klx * colour * ground).astype(np.float32)
        self._to_sun = condition.to_sun_3
        self._sun = np.float32(condition.sun_klx * 40) * np.asarray(condition.sun_colour, dtype=np.float32)

    def radiance(self, directions_N3: NDArray[np.float32] | FloatArray, *, sun: bool = True) -> NDArray[np.float32]:
        """Light from directions of any length, (N, 3), blue green red; ``sun`` shows its disc too."""
        if not len(directions_N3):
            return np.zeros((0, 3), dtype=np.float32)
        x, y, z = np.asarray(directions_N3, dtype=np.float32).T
        column = (np.arctan2(y, x) + np.float32(np.pi)) * np.float32(COLUMNS / (2 * np.pi)) - np.float32(0.5)
        row = np.float32(ROWS / 2) - np.arctan2(z, np.hypot(x, y)) * np.float32(ROWS / np.pi) - np.float32(0.5)
        values = np.asarray(remap(self._table, np.clip(column, 0, COLUMNS - 1), row), dtype=np.float32)
        if sun and self._sun.any():
            toward = (np.stack([x, y, z], axis=1) @ self._to_sun) / np.sqrt(x * x + y * y + z * z)
            values[toward > np.cos(np.radians(SUN_RADIUS_DEG))] = self._sun
        return np.asarray(values, dtype=np.float32)


def _clouds() -> NDArray[np.float32]:
    """How cloudy each direction is, 0 to 1, (ROWS, COLUMNS, 1); the same sky in every world."""
    rng = np.random.default_rng(CLOUD_SEED)
    total = np.zeros((ROWS, COLUMNS), dtype=np.float32)
    for cells, weight in ((6, 1.0), (14, 0.6), (32, 0.35), (80, 0.2)):
        grains = rng.standard_normal((cells, cells), dtype=np.float32)
        grains[:, -1] = grains[:, 0]
        total += np.float32(weight) * cv2.resize(grains, (COLUMNS, ROWS), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(0.5 + 0.9 * total, 0, 1)[..., None], dtype=np.float32)
