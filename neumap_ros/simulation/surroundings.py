# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The land around a building, as seen through its windows."""

from __future__ import annotations

import numpy as np

from neumap_ros.simulation import materials
from neumap_ros.simulation.site import Site

# Land reaches so far from the building.
LAND_M = 45.0


def surround(site: Site, origin_2: tuple[float, float], size_m: tuple[float, float]) -> None:
    """Add the ground around a building.

    Args:
        site: to build on.
        origin_2: the building's corner.
        size_m: its size.
    """
    x, y = (o + s / 2 for o, s in zip(origin_2, size_m, strict=True))
    size = (size_m[0] + 2 * LAND_M, size_m[1] + 2 * LAND_M)
    texture = materials.ground(size, 12, site.rng('land'))
    site.sheet('land', np.array([x, y, -0.1]), [0, 0, 1], size, texture, outdoor=True)
