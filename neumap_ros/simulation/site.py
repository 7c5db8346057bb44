# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A world under construction: surfaces, obstacles, lamps and ways are added piece by piece."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neumap_ros.geometry import FloatArray
from neumap_ros.simulation.lamps import Lamp
from neumap_ros.simulation.surfaces import Box, Rectangle, box_panels, panel
from neumap_ros.simulation.textures import Painter

# Texels per metre of walls and furniture: at two metres, one fills about a pixel of a 320 pixel image.
TEXELS_PER_M = 110.0
# Things keep this far from the lines that robots drive along.
ROAD_CLEARANCE_M = 0.45
# Waypoints closer than this are one.
SAME_PLACE_M = 0.15


@dataclass(frozen=True)
class Area:
    """A polygon of the floor plan.

    Attributes:
        name: of what it is.
        kind: ``room``, ``corridor``, ``square``, ``wall``, ``window``, ``door``, ``furniture`` or ``person``.
        polygon_N2: corners in metres.
    """

    name: str
    kind: str
    polygon_N2: FloatArray


@dataclass(frozen=True)
class Obstacle:
    """A box on the floor or above it: centre and half sizes in metres, turned by yaw (radians)."""

    centre_2: tuple[float, float]
    half_2: tuple[float, float]
    yaw: float
    low_m: float
    high_m: float

    @property
    def radius_m(self) -> float:
        """Of the circle around it."""
        return float(np.hypot(*self.half_2))

    @property
    def corners_42(self) -> FloatArray:
        """Its outline from above."""
        signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * self.half_2
        return np.asarray(signs @ _turn(self.yaw).T + self.centre_2, dtype=np.float64)

    def distance(self, places_N2: FloatArray) -> FloatArray:
        """Distance from above of each place, 0 inside, metres."""
        local = np.abs((np.asarray(places_N2) - self.centre_2) @ _turn(self.yaw)) - self.half_2
        return np.asarray(np.linalg.norm(np.maximum(local, 0), axis=1), dtype=np.float64)


@dataclass
class Site:
    """What has been built so far.

    Args:
        seed: of the world.
        day: 0 for the first.
    """

    seed: int
    day: int
    rectangles: list[Rectangle] = field(default_factory=list)
    lamps: list[Lamp] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)
    areas: list[Area] = field(default_factory=list)
    places: list[tuple[float, float]] = field(default_factory=list)
    ways: set[tuple[int, int]] = field(default_factory=set)

    def rng(self, name: str, *, daily: bool = False) -> np.random.Generator:
        """A generator of its own for everything with a name, so that a change here changes nothing there.

        Args:
            name: of the thing.
            daily: whether it gives other numbers on another day.
        """
        return np.random.default_rng([self.seed, zlib.crc32(name.encode()), self.day if daily else 0])

    def sheet(
        self,
        name: str,
        centre_3: ArrayLike,
        normal_3: ArrayLike,
        size_m: tuple[float, float],
        texture: NDArray[np.uint8],
        *,
        glass: bool = False,
        glow: float = 0.0,
        outdoor: bool = False,
    ) -> None:
        """Add an upright or level rectangle, see :func:`neumap_ros.simulation.surfaces.panel`."""
        self.rectangles.append(
            panel(name, centre_3, normal_3, size_m, texture, glass=glass, glow=glow, outdoor=outdoor)
        )

    def box(
        self,
        name: str,
        centre_3: tuple[float, float, float],
        size_3: tuple[float, float, float],
        yaw: float,
        paint: Painter,
        *,
        resolution: float = 1.2 * TEXELS_PER_M,
        outdoor: bool = False,
        solid: bool = True,
    ) -> None:
        """Add a box with a top and no bottom.

        Args:
            name: of the box; decides its paint.
            centre_3: metres.
            size_3: width, depth and height in metres.
            yaw: about the vertical, radians.
            paint: of its faces.
            resolution: texels per metre.
            outdoor: under the sky.
            solid: whether robots bump into it.
        """
        self.rectangles += box_panels(
            Box(name, centre_3, size_3, yaw, paint), resolution, self.rng(f'{name} paint'), outdoor=outdoor
        )
        if solid:
            self.obstruct(centre_3, size_3, yaw)

    def obstruct(self, centre_3: Sequence[float], size_3: Sequence[float], yaw: float = 0.0) -> None:
        """Add an obstacle without surfaces."""
        half = (size_3[0] / 2, size_3[1] / 2)
        x, y, z = centre_3
        self.obstacles.append(Obstacle((x, y), half, yaw, z - size_3[2] / 2, z + size_3[2] / 2))

    def area(self, name: str, kind: str, polygon_N2: ArrayLike) -> None:
        """Add a polygon to the floor plan."""
        self.areas.append(Area(name, kind, np.asarray(polygon_N2, dtype=np.float64).reshape(-1, 2)))

    def place(self, x: float, y: float) -> int:
        """Add a waypoint, or find the one that is there already.

        Returns:
            Its index.
        """
        for index, there in enumerate(self.places):
            if np.hypot(there[0] - x, there[1] - y) < SAME_PLACE_M:
                return index
        self.places.append((round(float(x), 3), round(float(y), 3)))
        return len(self.places) - 1

    def way(self, a: int, b: int) -> None:
        """Join two waypoints."""
        if a != b:
            self.ways.add((min(a, b), max(a, b)))

    def path(self, points: Sequence[tuple[float, float]]) -> None:
        """Join places one after the other."""
        indices = [self.place(*point) for point in points]
        for a, b in pairwise(indices):
            self.way(a, b)

    def lamp(
        self,
        lamp: Lamp,
        centre_3: ArrayLike,
        normal_3: ArrayLike,
        size_m: tuple[float, float],
        cover: NDArray[np.uint8],
    ) -> None:
        """Add a lamp and the panel that one sees of it."""
        self.lamps.append(lamp)
        self.cover(lamp.name, lamp, centre_3, normal_3, size_m, cover)

    def cover(
        self,
        name: str,
        lamp: Lamp,
        centre_3: ArrayLike,
        normal_3: ArrayLike,
        size_m: tuple[float, float],
        texture: NDArray[np.uint8],
    ) -> None:
        """Add a shining panel of a lamp."""
        glow = lamp.intensity / (size_m[0] * size_m[1])
        self.rectangles.append(panel(name, centre_3, normal_3, size_m, texture, glow=glow, lamp=True))

    def off_the_road(self, obstacle: Obstacle, clearance_m: float = ROAD_CLEARANCE_M) -> bool:
        """Whether a thing leaves all ways free."""
        ends = np.array([(self.places[a], self.places[b]) for a, b in sorted(self.ways)]).reshape(-1, 2, 2)
        if not len(ends):
            return True
        steps = max(2, int(np.ceil(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).max() / 0.1)))
        share = np.linspace(0, 1, steps)[:, None, None]
        points = ends[:, 0] * (1 - share) + ends[:, 1] * share
        return bool((obstacle.distance(points.reshape(-1, 2)) >= clearance_m).all())

    def is_clear(self, obstacle: Obstacle, gap_m: float = 0.05) -> bool:
        """Whether a thing overlaps nothing that stands there already."""
        grown = [_samples(obstacle)]
        for other in self.obstacles:
            apart = np.hypot(other.centre_2[0] - obstacle.centre_2[0], other.centre_2[1] - obstacle.centre_2[1])
            if apart > other.radius_m + obstacle.radius_m + gap_m:
                continue
            if other.low_m >= obstacle.high_m or other.high_m <= obstacle.low_m:
                continue
            if (other.distance(grown[0]) < gap_m).any() or (obstacle.distance(_samples(other)) < gap_m).any():
                return False
        return True


def rectangle_polygon(x0: float, y0: float, x1: float, y1: float) -> FloatArray:
    """The corners of a rectangle along the axes, (4, 2)."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64)


def _samples(obstacle: Obstacle) -> FloatArray:
    """Points in its outline, every quarter metre or closer, (N, 2)."""
    steps = [np.linspace(-h, h, max(3, int(np.ceil(8 * h)) + 1)) for h in obstacle.half_2]
    grid = np.stack(np.meshgrid(*steps), axis=-1).reshape(-1, 2)
    return np.asarray(grid @ _turn(obstacle.yaw).T + obstacle.centre_2, dtype=np.float64)


def _turn(yaw: float) -> FloatArray:
    return np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
