# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Walls with a thickness, and doors and windows in them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from neumap_ros.geometry import FloatArray
from neumap_ros.simulation import materials
from neumap_ros.simulation.site import TEXELS_PER_M, Site
from neumap_ros.simulation.surfaces import Rectangle, panel
from neumap_ros.simulation.textures import Painter, Texture

THICKNESS_M = 0.2
DOOR_M = (0.98, 2.08)
FRAME_M = 0.06
# Neighbouring pieces of a wall overlap by this, so that no ray slips through.
SEAM_M = 0.002


@dataclass(frozen=True)
class Opening:
    """A door or a window.

    Attributes:
        at_m: its middle along the wall.
        width_m: of the hole.
        bottom_m: above the floor; 0 for a door.
        top_m: above the floor.
        glazed: whether a pane closes it.
    """

    at_m: float
    width_m: float
    bottom_m: float
    top_m: float
    glazed: bool = False

    @property
    def span(self) -> tuple[float, float]:
        """Begin and end along the wall, metres."""
        return self.at_m - self.width_m / 2, self.at_m + self.width_m / 2


@dataclass(frozen=True)
class Side:
    """What one face of a wall looks like."""

    paint: Painter
    outdoor: bool = False
    resolution: float = TEXELS_PER_M


@dataclass(frozen=True)
class Wall:
    """A wall along x or y.

    Attributes:
        name: of the wall.
        start_2: of its centre line, metres.
        end_2: of its centre line.
        height_m: of the wall.
        left: face on the left, looking from start to end.
        right: face on the right.
        openings: doors and windows.
    """

    name: str
    start_2: tuple[float, float]
    end_2: tuple[float, float]
    height_m: float
    left: Side
    right: Side
    openings: tuple[Opening, ...] = ()

    @property
    def length_m(self) -> float:
        """Of the centre line."""
        return float(np.hypot(self.end_2[0] - self.start_2[0], self.end_2[1] - self.start_2[1]))

    @property
    def along_2(self) -> FloatArray:
        """Unit vector from start to end."""
        return (np.array(self.end_2) - self.start_2) / self.length_m

    @property
    def to_left_2(self) -> FloatArray:
        """Unit vector to the left."""
        return np.array([-self.along_2[1], self.along_2[0]])

    def at(self, along_m: float, left_m: float = 0.0) -> FloatArray:
        """A place (2,) so far along the wall and to its left."""
        return np.asarray(self.start_2 + along_m * self.along_2 + left_m * self.to_left_2, dtype=np.float64)


def build_wall(site: Site, wall: Wall) -> None:
    """Add a wall with its openings, panes, obstacles and its part of the floor plan."""
    half = THICKNESS_M / 2
    for side, sign, label in ((wall.left, 1, 'left'), (wall.right, -1, 'right')):
        _face(site, wall, side, sign, f'{wall.name} {label}')
    for piece in _solid(wall):
        low, high, bottom, top = piece
        middle = wall.at((low + high) / 2)
        extent = np.abs((high - low) * wall.along_2) + np.abs(THICKNESS_M * wall.to_left_2)
        site.obstruct((*middle, (bottom + top) / 2), (*extent, top - bottom))
        if bottom == 0 and top == wall.height_m:
            corners = [wall.at(low, half), wall.at(high, half), wall.at(high, -half), wall.at(low, -half)]
            site.area(wall.name, 'wall', corners)
    for number, opening in enumerate(wall.openings):
        _opening(site, wall, opening, f'{wall.name} opening {number}')


def _solid(wall: Wall) -> list[tuple[float, float, float, float]]:
    """The pieces (begin, end, bottom, top) of the wall around its openings, in metres."""
    pieces = []
    position = 0.0
    for opening in sorted(wall.openings, key=lambda o: o.at_m):
        begin, end = opening.span
        pieces.append((position, begin, 0.0, wall.height_m))
        if opening.bottom_m > 0:
            pieces.append((begin, end, 0.0, opening.bottom_m))
        if opening.top_m < wall.height_m:
            pieces.append((begin, end, opening.top_m, wall.height_m))
        position = end
    pieces.append((position, wall.length_m, 0.0, wall.height_m))
    return [p for p in pieces if p[1] - p[0] > 1e-6]


def _face(site: Site, wall: Wall, side: Side, sign: int, name: str) -> None:
    """One face, cut from one picture so that pieces fit together."""
    length, height = wall.length_m, wall.height_m
    picture = side.paint((length, height), side.resolution, site.rng(name))
    # Upright pictures run to the right as seen from in front: against the wall's direction on its left face.
    right = -sign * wall.along_2
    for number, (low, high, bottom, top) in enumerate(_solid(wall)):
        low, high = max(0.0, low - SEAM_M), min(length, high + SEAM_M)
        bottom, top = max(0.0, bottom - SEAM_M), min(height, top + SEAM_M)
        first, last = (length - high, length - low) if sign > 0 else (low, high)
        corner = wall.at(high if sign > 0 else low, sign * THICKNESS_M / 2)
        window = (first / length, 1 - top / height, last / length, 1 - bottom / height)
        site.rectangles.append(
            Rectangle(
                f'{name} {number}',
                np.array([*corner, top]),
                np.array([*((high - low) * right), 0]),
                np.array([0, 0, bottom - top]),
                picture,
                window,
                outdoor=side.outdoor,
            )
        )


def _opening(site: Site, wall: Wall, opening: Opening, name: str) -> None:
    """The reveal around an opening, and its pane and floor plan."""
    begin, end = opening.span
    along, left = np.array([*wall.along_2, 0]), np.array([*wall.to_left_2, 0])
    paint = materials.plain((0.2, 0.2), 60, site.rng(name), (205, 210, 212))
    middle = np.array([*wall.at(opening.at_m), (opening.bottom_m + opening.top_m) / 2])
    tall = opening.top_m - opening.bottom_m
    for position, normal in ((begin, along), (end, -along)):
        site.sheet(f'{name} jamb', [*wall.at(position), middle[2]], normal, (THICKNESS_M, tall), paint)
    size = opening.width_m * np.abs(along) + THICKNESS_M * np.abs(left)
    for level, up in ((opening.top_m, -1), (opening.bottom_m, 1)):
        if level > 0:
            site.sheet(f'{name} level', [*middle[:2], level], [0, 0, up], (size[0], size[1]), paint)
    half = THICKNESS_M / 2
    outline = [wall.at(begin, half), wall.at(end, half), wall.at(end, -half), wall.at(begin, -half)]
    site.area(name, 'window' if opening.glazed else 'door', outline)
    if not opening.glazed:
        return
    site.obstruct(middle.tolist(), (float(size[0]), float(size[1]), tall))
    inward = left if wall.right.outdoor else -left
    _frame(site, name, middle, inward, opening.width_m, tall)
    dark = np.zeros((8, 8, 3), dtype=np.uint8)
    pane = panel(f'{name} pane', middle, inward, (opening.width_m, tall), dark, glass=True)
    site.rectangles.append(replace(pane, daylight=wall.left.outdoor or wall.right.outdoor))


def _frame(site: Site, name: str, middle_3: FloatArray, inward_3: FloatArray, width: float, height: float) -> None:
    """White bars around and between the panes, on both sides of the glass."""
    white: Texture = np.full((8, 8, 3), (225, 230, 232), dtype=np.uint8)
    across = np.cross([0.0, 0, 1], inward_3)
    count = max(1, round(width / 1.1))
    bars = [(x * across, (FRAME_M, height)) for x in np.linspace(-width / 2, width / 2, count + 1)]
    bars += [(np.array([0, 0, z]), (width, FRAME_M)) for z in (-height / 2, height / 2)]
    for offset, size in bars:
        for sign in (1, -1):
            at = middle_3 + offset + sign * 0.02 * inward_3
            site.sheet(f'{name} bar', at, sign * inward_3, size, white, outdoor=sign < 0)
