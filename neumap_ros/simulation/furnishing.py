# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What stands in rooms: shelves, cabinets, desks, sofas, tables with chairs, parcels, plants and people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from neumap_ros.simulation import materials, textures
from neumap_ros.simulation.rooms import Ring, Room, RoomWall
from neumap_ros.simulation.site import Obstacle, Site
from neumap_ros.simulation.textures import Painter, Size, Texture

LANE_M = 1.3
# Things stand this far from the wall behind them.
BEHIND_M = 0.03
# Of the things that are easily moved, this share has moved on another day.
MOVED_SHARE = 0.6


@dataclass(frozen=True)
class Kind:
    """A kind of furniture for along walls.

    Attributes:
        width_m: smallest and largest.
        depth_m: away from the wall.
        height_m: of it.
        build: adds it to the site.
        movable: whether it may stand elsewhere on another day.
    """

    width_m: tuple[float, float]
    depth_m: float
    height_m: float
    build: Callable[[Site, str, FloatPlace], None]
    movable: bool = False


@dataclass(frozen=True)
class FloatPlace:
    """Where a piece stands: middle on the floor, its size, and its yaw (its width runs along the local x axis)."""

    x: float
    y: float
    width_m: float
    depth_m: float
    height_m: float
    yaw: float

    def at(self, along: float, away: float) -> tuple[float, float]:
        """A point beside the middle, along the width and away from the wall."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return self.x + c * along - s * away, self.y + s * along + c * away

    @property
    def obstacle(self) -> Obstacle:
        """Its outline."""
        return Obstacle((self.x, self.y), (self.width_m / 2, self.depth_m / 2), self.yaw, 0.0, self.height_m)


def _block(paint: Painter) -> Callable[[Site, str, FloatPlace], None]:
    def build(site: Site, name: str, at: FloatPlace) -> None:
        size = (at.width_m, at.depth_m, at.height_m)
        site.box(name, (at.x, at.y, at.height_m / 2), size, at.yaw, paint)
        _outline(site, name, at)

    return build


def _desk(site: Site, name: str, at: FloatPlace) -> None:
    top = 0.74
    site.box(f'{name} top', (at.x, at.y, top - 0.02), (at.width_m, at.depth_m, 0.04), at.yaw, textures.wood)
    for side in (-1, 1):
        x, y = at.at(side * (at.width_m / 2 - 0.06), 0)
        site.box(f'{name} leg {side}', (x, y, 0.35), (0.06, at.depth_m - 0.1, 0.7), at.yaw, _grey)
    x, y = at.at(0, -at.depth_m / 4)
    site.box(f'{name} monitor', (x, y, top + 0.28), (0.52, 0.04, 0.34), at.yaw, _screen, solid=False)
    site.box(f'{name} stand', (x, y, top + 0.06), (0.08, 0.08, 0.12), at.yaw, _grey, solid=False)
    rng = site.rng(f'{name} clutter')
    for number in range(int(rng.integers(2, 6))):
        u, v = rng.uniform(-0.4, 0.4) * at.width_m, rng.uniform(0, 0.3) * at.depth_m
        width, depth, height = rng.uniform((0.12, 0.1, 0.03), (0.3, 0.25, 0.16))
        place = (*at.at(u, v), top + height / 2)
        turn = at.yaw + float(rng.uniform(-0.4, 0.4))
        site.box(f'{name} thing {number}', place, (width, depth, height), turn, _motley, resolution=200, solid=False)
    _outline(site, name, at)


def _sofa(site: Site, name: str, at: FloatPlace) -> None:
    x, y = at.at(0, 0.08)
    site.box(name, (x, y, 0.22), (at.width_m, at.depth_m - 0.16, 0.44), at.yaw, _cloth)
    x, y = at.at(0, -at.depth_m / 2 + 0.1)
    site.box(f'{name} back', (x, y, 0.42), (at.width_m, 0.2, 0.84), at.yaw, _cloth)
    _outline(site, name, at)


def _plant(site: Site, name: str, at: FloatPlace) -> None:
    site.box(f'{name} pot', (at.x, at.y, 0.18), (0.32, 0.32, 0.36), at.yaw, textures.speckled)
    for turn in (0.0, np.pi / 4):
        size = (0.4, 0.4, at.height_m - 0.36)
        site.box(f'{name} leaves {turn:.1f}', (at.x, at.y, 0.18 + at.height_m / 2), size, at.yaw + turn, leaves)
    _outline(site, name, at)


def chair(site: Site, name: str, x: float, y: float, yaw: float) -> None:
    """A chair whose back is towards its local -y."""
    at = FloatPlace(x, y, 0.44, 0.44, 0.85, yaw)
    site.box(f'{name} seat', (x, y, 0.44), (0.44, 0.44, 0.05), yaw, _cloth)
    site.box(f'{name} leg', (x, y, 0.2), (0.07, 0.07, 0.4), yaw, _grey)
    back = at.at(0, -0.2)
    site.box(f'{name} back', (*back, 0.66), (0.42, 0.04, 0.38), yaw, _cloth)
    _outline(site, name, at)


def _shelf(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    """Books in front, wood at the narrow sides and on top."""
    return (textures.wood if min(size_m) < 0.5 else textures.books)(size_m, resolution, rng)


def _grey(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    return materials.plain(size_m, resolution, rng, (110, 112, 115))


def _cloth(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    return materials.carpet(size_m, resolution, rng)


def _motley(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    return textures.shapes(
        materials.plain(size_m, resolution, rng, rng.uniform(40, 220, 3).tolist()), resolution, rng, 90
    )


def _screen(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    return materials.plain(size_m, resolution, rng, (28, 26, 26))


def _lockers(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    """Locker doors that all look the same."""
    picture = materials.plain(size_m, resolution, rng, (150, 130, 95))
    rows, columns = picture.shape[:2]
    for edge in np.linspace(0, columns, max(1, round(size_m[0] / 0.35)) + 1)[:-1].astype(int):
        picture[:, edge : edge + 2] = 60
        for level in np.linspace(0.12, 0.2, 4):
            start = edge + round(0.09 * resolution)
            picture[round(level * rows), start : start + round(0.16 * resolution)] = 60
        x = edge + round(0.29 * resolution)
        picture[rows // 2 : rows // 2 + round(0.06 * resolution), x : x + round(0.02 * resolution)] = 30
    return picture


def leaves(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    """Leaves in many greens."""
    shape = textures.canvas(size_m, resolution)
    cells = [(s * resolution, s * resolution) for s in (0.1, 0.04, 0.02)]
    tone = 1 + 0.6 * textures.noise(shape, cells, rng)
    return textures.to_picture(np.array([40, 95, 55], dtype=np.float32) * tone[..., None])


KINDS: dict[str, Kind] = {
    'shelf': Kind((0.9, 1.6), 0.36, 1.9, _block(_shelf)),
    'low shelf': Kind((0.9, 1.8), 0.36, 0.82, _block(_shelf)),
    'cabinet': Kind((0.8, 1.2), 0.45, 1.8, _block(textures.wood)),
    'sideboard': Kind((1.0, 1.8), 0.42, 0.78, _block(textures.wood)),
    'lockers': Kind((1.05, 1.4), 0.45, 1.85, _block(_lockers)),
    'desk': Kind((1.3, 1.6), 0.65, 1.15, _desk),
    'sofa': Kind((1.5, 2.0), 0.75, 0.84, _sofa),
    'parcel': Kind((0.35, 0.6), 0.4, 0.45, _block(textures.cardboard), movable=True),
    'pallet': Kind((0.8, 1.1), 0.6, 0.95, _block(textures.cardboard), movable=True),
    'plant': Kind((0.45, 0.45), 0.45, 1.35, _plant, movable=True),
    'bin': Kind((0.3, 0.3), 0.3, 0.55, _block(_grey), movable=True),
}
CONTENTS: dict[str, tuple[str, ...]] = {
    'corridor': ('plant', 'bin', 'low shelf'),
    'office': ('desk', 'desk', 'shelf', 'cabinet', 'plant', 'bin', 'low shelf', 'parcel'),
    'meeting': ('sideboard', 'plant', 'bin'),
    'workshop': ('desk', 'lockers', 'pallet', 'parcel', 'cabinet', 'bin'),
    'lounge': ('sofa', 'sideboard', 'plant', 'low shelf', 'sofa', 'bin'),
    'library': ('shelf', 'shelf', 'shelf', 'low shelf', 'sofa', 'desk'),
    'store': ('pallet', 'parcel', 'lockers', 'parcel', 'cabinet'),
}


def furnish(site: Site, room: Room) -> None:
    """Put furniture along the walls, and a table with chairs in the middle."""
    for number, wall in enumerate(room.walls):
        _along(site, room, wall, f'{room.name} wall {number}')
    if room.use in ('office', 'meeting', 'lounge', 'workshop', 'library'):
        _table(site, room)


def _along(site: Site, room: Room, wall: RoomWall, name: str) -> None:
    """One thing after the other along a wall, with gaps."""
    rng = site.rng(name)
    sparse = room.use == 'corridor'
    position = float(rng.uniform(0.2, 0.6)) + (2.0 * float(rng.random()) if sparse else 0)
    number = 0
    while position < wall.length_m - 0.5:
        label = CONTENTS[room.use][int(rng.integers(len(CONTENTS[room.use])))]
        kind = KINDS[label]
        width = float(rng.uniform(*kind.width_m))
        gap = float(rng.uniform(0.1, 0.9)) + (float(rng.uniform(2, 5)) if sparse else 0)
        own = site.rng(f'{name} {number} moved', daily=kind.movable)
        along = position + width / 2
        if kind.movable and site.day and own.random() < MOVED_SHARE:
            along += float(own.uniform(-0.6, 0.6))
        if _stand(site, wall, f'{name} {label} {number}', kind, along, width):
            position += width + gap
            number += 1
        else:
            position += 0.25


def _stand(site: Site, wall: RoomWall, name: str, kind: Kind, along: float, width: float) -> bool:
    """Put a thing at a wall if there is room for it."""
    low, high = along - width / 2, along + width / 2
    if not wall.is_free(low, high, 0, kind.height_m):
        return False
    yaw = float(np.arctan2(-wall.normal_2[0], wall.normal_2[1]))
    x, y = (float(v) for v in wall.at(along, kind.depth_m / 2 + BEHIND_M))
    place = FloatPlace(x, y, width, kind.depth_m, kind.height_m, yaw)
    if not (site.off_the_road(place.obstacle) and site.is_clear(place.obstacle, BEHIND_M / 2)):
        return False
    kind.build(site, name, place)
    wall.take(low, high, 0, kind.height_m)
    return True


def _table(site: Site, room: Room) -> None:
    """A table inside the ring, with chairs that somebody pushes about every day."""
    ring = Ring(room, LANE_M)
    space = np.array([ring.x1 - ring.x0, ring.y1 - ring.y0]) - 1.0
    if space.min() < 0.75:
        return
    rng = site.rng(f'{room.name} table')
    turned = space[1] > space[0]
    length, depth = min(2.6, space.max()), min(1.0, space.min())
    seats = space.min() - depth >= 1.1
    x, y = room.middle
    yaw = np.pi / 2 if turned else 0.0
    at = FloatPlace(x, y, float(length), float(depth), 0.74, yaw)
    site.box(f'{room.name} table', (x, y, 0.72), (at.width_m, at.depth_m, 0.04), yaw, textures.wood)
    site.box(f'{room.name} table foot', (x, y, 0.35), (0.6 * at.width_m, 0.3, 0.7), yaw, _grey)
    _outline(site, f'{room.name} table', at)
    for number in range(int(rng.integers(1, 5))):
        u, v = rng.uniform(-0.4, 0.4) * at.width_m, rng.uniform(-0.35, 0.35) * at.depth_m
        size = rng.uniform((0.1, 0.1, 0.02), (0.35, 0.3, 0.22))
        centre = (*at.at(u, v), 0.74 + float(size[2]) / 2)
        turn = float(rng.uniform(0, 3))
        width, deep, high = (float(s) for s in size)
        site.box(
            f'{room.name} table thing {number}', centre, (width, deep, high), turn, _motley, resolution=200, solid=False
        )
    if not seats:
        return
    daily = site.rng(f'{room.name} chairs', daily=True)
    for number, along in enumerate(np.arange(-at.width_m / 2 + 0.35, at.width_m / 2 - 0.3, 0.75)):
        for side in (-1, 1):
            away = side * (at.depth_m / 2 + 0.12 + float(daily.uniform(0, 0.12)))
            px, py = at.at(float(along) + float(daily.uniform(-0.1, 0.1)), away)
            turn = yaw + (0 if side < 0 else np.pi) + float(daily.uniform(-0.3, 0.3))
            chair(site, f'{room.name} chair {number} {side}', px, py, turn)


def _outline(site: Site, name: str, at: FloatPlace) -> None:
    site.area(name, 'furniture', at.obstacle.corners_42)
