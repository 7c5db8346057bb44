# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rooms and what their walls look like from inside."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from neumap_ros.geometry import FloatArray
from neumap_ros.simulation import materials
from neumap_ros.simulation.site import Site
from neumap_ros.simulation.textures import Painter, Size, Texture
from neumap_ros.simulation.walls import THICKNESS_M, Opening, Side, Wall

# So many rooms have a wall without texture; stores have one more.
BLANK_SHARE = 0.3


@dataclass
class RoomWall:
    """The inner face of a wall of a room.

    Attributes:
        start_2: where it begins, metres.
        along_2: unit vector along it.
        normal_2: unit vector into the room.
        length_m: of the face.
        openings: doors and windows, measured from the start.
        blank: whether nothing hangs on it.
    """

    start_2: FloatArray
    along_2: FloatArray
    normal_2: FloatArray
    length_m: float
    openings: tuple[Opening, ...]
    blank: bool = False
    taken: list[tuple[float, float, float, float]] = field(default_factory=list)

    def at(self, along_m: float, off_m: float = 0.0) -> FloatArray:
        """A place (2,) so far along the wall and away from it."""
        return np.asarray(self.start_2 + along_m * self.along_2 + off_m * self.normal_2, dtype=np.float64)

    def is_free(self, begin: float, end: float, low: float, high: float, gap_m: float = 0.12) -> bool:
        """Whether a piece of the wall (metres along it, and above the floor) holds nothing and no opening."""
        margin = THICKNESS_M / 2 + 0.03
        if begin < margin or end > self.length_m - margin:
            return False
        holes = [(*o.span, o.bottom_m, o.top_m) for o in self.openings]
        return not any(
            begin < b + gap_m and end > a - gap_m and low < top + 0.04 and high > bottom - 0.04
            for a, b, bottom, top in (*holes, *self.taken)
        )

    def take(self, begin: float, end: float, low: float, high: float) -> None:
        """Mark a piece of the wall as used."""
        self.taken.append((begin, end, low, high))


@dataclass
class Room:
    """A room between centre lines of walls, metres."""

    name: str
    use: str
    x0: float
    y0: float
    x1: float
    y1: float
    walls: list[RoomWall] = field(default_factory=list)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1."""
        return self.x0, self.y0, self.x1, self.y1

    @property
    def size_m(self) -> tuple[float, float]:
        """Along x and y."""
        return self.x1 - self.x0, self.y1 - self.y0

    @property
    def middle(self) -> tuple[float, float]:
        """Of the room."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def side(self, site: Site, number: int) -> Side:
        """How the wall with this number is painted: most are lived with, some are blank."""
        rng = site.rng(f'{self.name} paint')
        colour = tuple(float(v) for v in rng.uniform((165, 185, 190), (225, 228, 230)))
        accent = tuple(float(v) for v in rng.uniform(90, 210, 3))
        if self.is_blank(site, number):
            return Side(materials.plain)
        if self.use in ('workshop', 'store'):
            return Side(materials.concrete)
        return Side(_painted(accent if rng.integers(4) == number else colour))

    def is_blank(self, site: Site, number: int) -> bool:
        """Whether the wall with this number is without texture."""
        rng = site.rng(f'{self.name} blank')
        first = int(rng.integers(4))
        blank = rng.random() < BLANK_SHARE
        return (blank and number == first) or (self.use == 'store' and number == (first + 1) % 4)

    def add_wall(self, wall: Wall, *, left: bool, blank: bool) -> None:
        """Take in a wall whose left (or right) face is this room's.

        Args:
            wall: along the room's border.
            left: which face.
            blank: whether nothing hangs on it.
        """
        normal = wall.to_left_2 * (1 if left else -1)
        start = np.array(wall.start_2) + THICKNESS_M / 2 * normal
        self.walls.append(RoomWall(start, wall.along_2, normal, wall.length_m, wall.openings, blank))


def _painted(colour: tuple[float, ...]) -> Painter:
    def paint(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
        return materials.plaster(size_m, resolution, rng, colour)

    return paint


class Ring:
    """The way around a room, at a distance from its walls; in narrow rooms it is a line, in small ones a point.

    Args:
        room: to go round.
        lane_m: distance from the centre lines of the walls.
    """

    # A ring narrower than this is a line: there would be no room for a table inside.
    NARROWEST_M = 1.8
    # Ways that would join it closer to each other than this join it in one place.
    CLOSE_M = 0.5

    def __init__(self, room: Room, lane_m: float) -> None:
        x, y = room.middle
        half_x, half_y = (s / 2 - lane_m for s in room.size_m)
        half_x, half_y = (h if 2 * h >= self.NARROWEST_M else 0.0 for h in (half_x, half_y))
        self.x0, self.y0, self.x1, self.y1 = x - half_x, y - half_y, x + half_x, y + half_y
        corners = [(self.x0, self.y0), (self.x1, self.y0), (self.x1, self.y1), (self.x0, self.y1)]
        self._points = {(round(a, 3), round(b, 3)) for a, b in corners}

    def attach(self, place: tuple[float, float]) -> tuple[float, float]:
        """The nearest point of the ring, where a way joins it."""
        x, y = min(max(place[0], self.x0), self.x1), min(max(place[1], self.y0), self.y1)
        if self.x0 < x < self.x1 and self.y0 < y < self.y1:
            edges = [(x - self.x0, (self.x0, y)), (self.x1 - x, (self.x1, y)), (y - self.y0, (x, self.y0))]
            x, y = min([*edges, (self.y1 - y, (x, self.y1))])[1]
        point = (round(x, 3), round(y, 3))
        close = [p for p in sorted(self._points) if np.hypot(p[0] - point[0], p[1] - point[1]) < self.CLOSE_M]
        if close:
            return close[0]
        self._points.add(point)
        return point

    def build(self, site: Site) -> None:
        """Add the ring's ways."""
        ordered = sorted(self._points, key=self._turn)
        site.path([*ordered, ordered[0]] if self.x1 > self.x0 and self.y1 > self.y0 else ordered)

    def _turn(self, point: tuple[float, float]) -> float:
        """How far round the ring a point is, from its south-western corner."""
        (x, y), width, height = point, self.x1 - self.x0, self.y1 - self.y0
        if abs(y - self.y0) < 1e-3:
            return x - self.x0
        if abs(x - self.x1) < 1e-3:
            return width + y - self.y0
        if abs(y - self.y1) < 1e-3:
            return width + height + self.x1 - x
        return 2 * width + height + self.y1 - y
