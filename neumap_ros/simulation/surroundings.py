# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The land around a world, as seen through windows and over walls."""

from __future__ import annotations

import numpy as np

from neumap_ros.simulation import materials
from neumap_ros.simulation.houses import Row, build_row
from neumap_ros.simulation.site import Site

# Land reaches so far from the world, and the houses across the street stand so far away.
LAND_M, STREET_M = 45.0, 16.0


def surround(site: Site, origin_2: tuple[float, float], size_m: tuple[float, float], *, houses: bool) -> None:
    """Add the ground around a world.

    Args:
        site: to build on.
        origin_2: the world's corner.
        size_m: its size.
        houses: whether houses stand across the street, in the north and east where they hide no sun.
    """
    (x0, y0), (length, width) = origin_2, size_m
    size = (length + 2 * LAND_M, width + 2 * LAND_M)
    texture = materials.ground(size, 12, site.rng('land'))
    site.sheet('land', np.array([x0 + length / 2, y0 + width / 2, -0.1]), [0, 0, 1], size, texture, outdoor=True)
    if houses:
        north = (x0 - 12, y0 + width + STREET_M)
        build_row(site, Row('street north', north, (1, 0), (0, -1), length + 40, (1, 3), 0.4))
        east = (x0 + length + STREET_M, y0 - 12)
        build_row(site, Row('street east', east, (0, 1), (-1, 0), width + 28, (1, 3), 0.4))
