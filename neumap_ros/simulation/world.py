# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Worlds from a seed: buildings, squares, and both, with furniture, lamps, ways to drive and a floor plan.

World axes: x and y along the walls, z up, origin in a corner of the walkable part on the floor; metres.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import FloatArray
from neumap_ros.simulation.building import CEILING_M, build_building
from neumap_ros.simulation.lamps import Lamp
from neumap_ros.simulation.site import Area, Obstacle, Site
from neumap_ros.simulation.square import SKY_M, build_square
from neumap_ros.simulation.surfaces import Rectangle
from neumap_ros.simulation.surroundings import surround

KINDS = ('building', 'square', 'mixed')
# Smaller ones have no room for a robot, larger ones no room in memory.
SMALLEST_M: dict[str, tuple[float, float]] = {'building': (6.0, 6.0), 'square': (14.0, 14.0), 'mixed': (14.0, 20.0)}
LARGEST_M = 80.0
# What lies on top of what in the floor plan.
DRAWING_ORDER = ('square', 'room', 'corridor', 'wall', 'door', 'window', 'furniture', 'person')
# Of a mixed world, this share (and at least so many metres) is the square.
SQUARE_SHARE, SQUARE_M = 0.5, 12.0


@dataclass(frozen=True)
class World:
    """A place as it is on one day.

    Attributes:
        seed: that it was made from.
        size_m: of its walkable part, along x and y.
        kind: one of KINDS.
        day: 0 for the first; on others some furniture has moved, posters have changed and people stand about.
        rectangles: all surfaces.
        lamps: all lamps.
        floor_plan: polygons for drawing the world from above, in this order.
        places_N2: waypoints for driving, metres.
        ways: pairs of waypoints that are joined by a free straight line.
        obstacles: what one bumps into.
        bounds: lowest and highest corner of the walkable part, metres.
    """

    seed: int
    size_m: tuple[float, float]
    kind: str
    day: int
    rectangles: tuple[Rectangle, ...]
    lamps: tuple[Lamp, ...]
    floor_plan: tuple[Area, ...]
    places_N2: FloatArray
    ways: tuple[tuple[int, int], ...]
    obstacles: tuple[Obstacle, ...]
    bounds: tuple[tuple[float, float, float], tuple[float, float, float]]

    def free(self, position_N3: ArrayLike, clearance_m: float) -> NDArray[np.bool_]:
        """Whether a robot as high as each position can stand below it.

        Args:
            position_N3: metres; everything between the floor and this height counts, nothing above it.
            clearance_m: the robot's radius.

        Returns:
            (N,) bool; outside the bounds nothing is free.
        """
        positions = np.asarray(position_N3, dtype=np.float64).reshape(-1, 3)
        low, high = np.array(self.bounds)
        inside = np.all(
            (positions[:, :2] >= low[:2] + clearance_m) & (positions[:, :2] <= high[:2] - clearance_m), axis=1
        )
        inside &= (positions[:, 2] >= low[2]) & (positions[:, 2] <= high[2])
        for obstacle in self.obstacles:
            reach = obstacle.radius_m + clearance_m
            near = np.flatnonzero(inside & (np.abs(positions[:, :2] - obstacle.centre_2).max(axis=1) <= reach))
            if len(near):
                blocked = obstacle.distance(positions[near, :2]) < clearance_m
                inside[near] &= ~(blocked & (positions[near, 2] > obstacle.low_m))
        return np.asarray(inside, dtype=bool)


def make_world(seed: int, size_m: tuple[float, float] = (30.0, 20.0), *, kind: str = 'building', day: int = 0) -> World:
    """Make a world; the same arguments give the same one.

    Args:
        seed: decides everything but the size.
        size_m: of the walkable part along x and y, metres.
        kind: ``building``: rooms along a corridor; ``square``: a square among houses; ``mixed``: a building whose
            door leads to a square.
        day: another day of the same place; walls and most things stay.

    Raises:
        ConfigError: impossible size, unknown kind, negative seed or day.
    """
    if kind not in KINDS:
        raise ConfigError(f'there is no kind of world {kind!r}, expected one of {", ".join(KINDS)}')
    least = SMALLEST_M[kind]
    if not all(math.isfinite(s) and low <= s <= LARGEST_M for s, low in zip(size_m, least, strict=True)):
        raise ConfigError(
            f'a {kind} of {size_m[0]:g} x {size_m[1]:g} m is asked for, expected at least {least[0]:g} x {least[1]:g} '
            f'and at most {LARGEST_M:g} x {LARGEST_M:g} m'
        )
    if seed < 0 or day < 0:
        raise ConfigError(f'seed {seed} and day {day} are given, expected both at least 0')
    size = (float(size_m[0]), float(size_m[1]))
    site = Site(seed, day)
    if kind == 'building':
        build_building(site, (0.0, 0.0), size)
    elif kind == 'square':
        build_square(site, (0.0, 0.0), size)
    else:
        yard = max(SQUARE_M, SQUARE_SHARE * size[1])
        entry = build_building(site, (0.0, yard), (size[0], size[1] - yard), exit_south=True)
        build_square(site, (0.0, 0.0), (size[0], yard), entry=entry)
    surround(site, (0.0, 0.0), size, houses=kind == 'building')
    return World(
        seed,
        size,
        kind,
        day,
        tuple(site.rectangles),
        tuple(site.lamps),
        tuple(sorted(site.areas, key=lambda area: DRAWING_ORDER.index(area.kind))),
        np.array(site.places, dtype=np.float64).reshape(-1, 2),
        tuple(sorted(site.ways)),
        tuple(site.obstacles),
        ((0.0, 0.0, 0.0), (*size, SKY_M if kind == 'square' else CEILING_M)),
    )
