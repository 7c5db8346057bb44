# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which regions a robot will need soon, from the poses that it had."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neumap_ros.maps.types import Region
from neumap_ros.nodes.residency import box_distances

# Speed is measured over poses this far apart in time: shorter is noise, longer is another corner of the building.
_MIN_BASE_S, _MAX_BASE_S = 0.3, 3.0
_STEPS = 4


class Prefetcher:
    """Extrapolates the poses of a robot and names the regions around its path.

    Args:
        radius_m: regions this close to the path are wanted, map units.
        horizon_s: how far ahead the path is extrapolated.
    """

    def __init__(self, radius_m: float, horizon_s: float) -> None:
        self.radius_m = radius_m
        self.horizon_s = horizon_s
        self._track: deque[tuple[int, NDArray[np.float64]]] = deque()

    def observe(self, stamp_ns: int, position_3: Sequence[float]) -> None:
        """Take a position in the map frame; time that runs backwards begins a new track, NaN is left out."""
        if not np.isfinite(position_3).all():
            return
        if self._track and stamp_ns <= self._track[-1][0]:
            self._track.clear()
        self._track.append((stamp_ns, np.array(position_3, dtype=np.float64)))
        while len(self._track) > 2 and stamp_ns - self._track[1][0] > _MAX_BASE_S * 1e9:
            self._track.popleft()

    @property
    def velocity_3(self) -> NDArray[np.float64]:
        """Velocity in the map frame, map units a second; zero while unknown."""
        stamp_ns, position_3 = self._track[-1]
        for earlier_ns, earlier_3 in self._track:
            elapsed_s = (stamp_ns - earlier_ns) / 1e9
            if _MIN_BASE_S <= elapsed_s <= 2 * _MAX_BASE_S:
                return (position_3 - earlier_3) / elapsed_s
        return np.zeros(3)

    def regions(self, regions: Sequence[Region]) -> list[str]:
        """Ids of the regions near the path, those that are needed first first; none before the first pose."""
        if not self._track or not regions:
            return []
        _, position_3 = self._track[-1]
        ahead_3 = self.velocity_3 * self.horizon_s
        found: dict[str, None] = {}
        for step in range(_STEPS + 1):
            distance_R = box_distances(regions, position_3 + ahead_3 * step / _STEPS)
            for r in np.argsort(distance_R, kind='stable'):
                if distance_R[r] > self.radius_m:
                    break
                found.setdefault(regions[r].id)
        return list(found)
