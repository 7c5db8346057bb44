# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which points a camera cannot see, told for many of them at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neumap_ros.geometry import Camera, Pose

# Neighbours in a shard lie together: its points are sorted along a Morton curve. In a map of 100,000 points a query had
# 33,000 in regions in view, 15,000 of them in blocks in view (14,000 with 16 points a block), 10,000 in the image.
POINTS_PER_BLOCK = 32


class PointBlocks:
    """Bounding spheres around runs of points.

    Args:
        points_P3: map frame, neighbours next to each other.
    """

    def __init__(self, points_P3: NDArray[np.float64]) -> None:
        self._count = len(points_P3)
        starts = np.arange(0, self._count, POINTS_PER_BLOCK)
        if not len(starts):
            self._centres_B3, self._radii_B = np.zeros((0, 3)), np.zeros(0)
            return
        low_B3 = np.minimum.reduceat(points_P3, starts, axis=0)
        high_B3 = np.maximum.reduceat(points_P3, starts, axis=0)
        self._centres_B3 = (low_B3 + high_B3) / 2
        self._radii_B = np.linalg.norm(high_B3 - low_B3, axis=1) / 2

    def may_be_in_view(self, T_map_cam: Pose, camera: Camera) -> NDArray[np.bool_]:
        """For each point (P,) False if its block lies behind the camera or beyond one side of the image."""
        centres_B3 = T_map_cam.inverse().transform(self._centres_B3)
        seen_B = centres_B3[:, 2] > -self._radii_B
        low, high = camera.field_of_view
        for axis in (0, 1):
            for bound, sign in ((low[axis], -1.0), (high[axis], 1.0)):
                if np.isfinite(bound):
                    beyond_B = sign * (centres_B3[:, axis] - bound * centres_B3[:, 2]) / np.hypot(1.0, bound)
                    seen_B &= beyond_B <= self._radii_B
        return np.repeat(seen_B, POINTS_PER_BLOCK)[: self._count]
