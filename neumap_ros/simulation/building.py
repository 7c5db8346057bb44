# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A building: a corridor with rooms on both sides, doors, windows to the outside, lamps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from neumap_ros.simulation import materials
from neumap_ros.simulation.decoration import decorate
from neumap_ros.simulation.furnishing import furnish
from neumap_ros.simulation.houses import build_upper_storey
from neumap_ros.simulation.lamps import Lamp
from neumap_ros.simulation.people import populate
from neumap_ros.simulation.rooms import Ring, Room, RoomWall
from neumap_ros.simulation.site import TEXELS_PER_M, Site, rectangle_polygon
from neumap_ros.simulation.textures import Painter, tiles
from neumap_ros.simulation.walls import DOOR_M, THICKNESS_M, Opening, Side, Wall, build_wall

CEILING_M = 2.8
CORRIDOR_M = 2.4
# Rooms are about so wide, and at least so deep and wide.
ROOM_M, SMALLEST_ROOM_M = 6.2, 3.3
WINDOW_SILL_M, WINDOW_TOP_M = 0.9, 2.25
# Width of windows and distance between their middles.
WINDOW_M, WINDOW_EVERY_M = 1.4, 3.0
LAMP_KLX = 1.1
LAMP_EVERY_M = 3.2
# Ways keep this far from the centre lines of walls: furniture, then robots.
LANE_M = 1.3
DOOR_GRID_M = 0.2
USES = ('office', 'meeting', 'workshop', 'lounge', 'library', 'store')
FLOORS: dict[str, Painter] = {
    'corridor': tiles,
    'office': materials.carpet,
    'meeting': materials.carpet,
    'workshop': materials.concrete,
    'lounge': materials.parquet,
    'library': materials.parquet,
    'store': materials.concrete,
}


@dataclass
class _Border:
    """A wall to be, with the rooms on its two sides (None: outdoors)."""

    name: str
    start_2: tuple[float, float]
    end_2: tuple[float, float]
    left: Room | None
    right: Room | None
    openings: tuple[Opening, ...] = ()


def build_building(
    site: Site, origin_2: tuple[float, float], size_m: tuple[float, float], *, exit_south: bool = False
) -> tuple[float, float] | None:
    """Add a building.

    Args:
        site: to build on.
        origin_2: its corner, metres.
        size_m: along x (the corridor's direction) and y.
        exit_south: whether a door leads out to the south, under an upper storey.

    Returns:
        Where that door is, metres.
    """
    corridor, rows = _plan(site, origin_2, size_m)
    rooms = [corridor, *(room for row in rows for room in row)]
    for room in rooms:
        _floor_and_ceiling(site, room)
    exit_2 = _exit(site, rows[0]) if exit_south else None
    _roads(site, corridor, rows, exit_2)
    for border in _borders(site, corridor, rows, exit_2):
        _raise(site, border)
    for room in rooms:
        furnish(site, room)
        decorate(site, room)
    if exit_2 is not None:
        front = np.array([origin_2[0], exit_2[1] - THICKNESS_M / 2])
        facade = RoomWall(front, np.array([1.0, 0]), np.array([0.0, -1]), size_m[0], ())
        build_upper_storey(site, facade, CEILING_M, 'upper storey')
    populate(site, [room.box for room in rooms])
    return exit_2


def _plan(site: Site, origin_2: tuple[float, float], size_m: tuple[float, float]) -> tuple[Room, list[list[Room]]]:
    """The corridor, and the rooms south and north of it; a narrow building has rooms in the south only."""
    rng = site.rng('plan')
    (x0, y0), (length, width) = origin_2, size_m
    both = width >= CORRIDOR_M + 2 * SMALLEST_ROOM_M
    spare = width - CORRIDOR_M - 2 * SMALLEST_ROOM_M
    low = (width - CORRIDOR_M) / 2 + 0.1 * spare * float(rng.uniform(-1, 1)) if both else width - CORRIDOR_M
    corridor = Room('corridor', 'corridor', x0, y0 + low, x0 + length, y0 + low + CORRIDOR_M)
    rows = []
    for label, bottom, top in (('A', y0, corridor.y0), ('B', corridor.y1, y0 + width))[: 2 if both else 1]:
        count = max(1, round(length / ROOM_M))
        widths = rng.uniform(0.75, 1.3, count)
        widths *= length / widths.sum()
        if widths.min() < SMALLEST_ROOM_M:
            widths = np.full(count, length / count)
        cuts = x0 + np.cumsum([0.0, *widths])
        row = []
        for number, (left, right) in enumerate(pairwise(cuts.tolist())):
            name = f'room {label}{number + 1}'
            use = USES[int(site.rng(f'{name} use').integers(len(USES)))]
            row.append(Room(name, use, left, bottom, right, top))
        rows.append(row)
    return corridor, rows


def _floor_and_ceiling(site: Site, room: Room) -> None:
    rng, size = site.rng(f'{room.name} floor'), room.size_m
    texture = FLOORS[room.use](size, 0.75 * TEXELS_PER_M, rng)
    site.sheet(f'{room.name} floor', [*room.middle, 0], [0, 0, 1], size, texture)
    above = materials.ceiling(size, 0.45 * TEXELS_PER_M, rng)
    site.sheet(f'{room.name} ceiling', [*room.middle, CEILING_M], [0, 0, -1], size, above)
    site.area(room.name, 'corridor' if room.use == 'corridor' else 'room', rectangle_polygon(*room.box))
    cover = np.full((16, 16, 3), 240, dtype=np.uint8)
    columns, rows = (max(1, round(s / LAMP_EVERY_M)) for s in size)
    for i in range(columns):
        for j in range(rows):
            x, y = room.x0 + (i + 0.5) * size[0] / columns, room.y0 + (j + 0.5) * size[1] / rows
            name = f'{room.name} lamp {i} {j}'
            lamp = Lamp(name, (x, y, CEILING_M - 0.06), LAMP_KLX, (0.86, 0.96, 1.0), (0, 0, -1), 0.3)
            site.lamp(lamp, [x, y, CEILING_M - 0.02], [0, 0, -1], (0.6, 0.6), cover)


def _snapped(metres: float) -> float:
    """To the grid of doors: ways from opposite rooms meet in one place rather than in two close ones."""
    return round(round(metres / DOOR_GRID_M) * DOOR_GRID_M, 3)


def _door_x(site: Site, room: Room) -> float:
    """Where the door to the corridor is."""
    return _snapped(float(site.rng(f'{room.name} door').uniform(room.x0 + 1.1, room.x1 - 1.1)))


def _passage_y(site: Site, room: Room) -> float | None:
    """Where the door to the next room is, if there is one."""
    rng = site.rng(f'{room.name} passage')
    if rng.random() > 0.55 or room.size_m[1] < 3.2:
        return None
    return _snapped(float(rng.uniform(room.y0 + 1.3, room.y1 - 1.3)))


def _roads(site: Site, corridor: Room, rows: list[list[Room]], exit_2: tuple[float, float] | None) -> None:
    """Ways along the corridor, through every door and around every room."""
    middle = corridor.middle[1]
    stops = [(x, middle) for x in (corridor.x0 + 1.0, corridor.x1 - 1.0)]
    for row in rows:
        rings = [Ring(room, LANE_M) for room in row]
        for room, ring in zip(row, rings, strict=True):
            x = _door_x(site, room)
            stops.append((x, middle))
            below = room.y1 <= corridor.y0 + 1e-6
            entry = (x, room.y1 - LANE_M if below else room.y0 + LANE_M)
            site.path([(x, middle), (x, corridor.y0 if below else corridor.y1), entry, ring.attach(entry)])
        for (first, ring), (_, other) in pairwise(zip(row, rings, strict=True)):
            y = _passage_y(site, first)
            if y is not None:
                ends = (first.x1 - LANE_M, y), (first.x1 + LANE_M, y)
                site.path([ring.attach(ends[0]), ends[0], (first.x1, y), ends[1], other.attach(ends[1])])
        for room, ring in zip(row, rings, strict=True):
            if exit_2 is not None and room.y0 == exit_2[1] and room.x0 < exit_2[0] < room.x1:
                inside = (exit_2[0], exit_2[1] + LANE_M)
                site.path([exit_2, inside, ring.attach(inside)])
            ring.build(site)
    site.path(sorted(stops))


def _borders(site: Site, corridor: Room, rows: list[list[Room]], exit_2: tuple[float, float] | None) -> list[_Border]:
    """All walls of the building, west to east or south to north."""
    walls = []
    west, east = (corridor.x0, corridor.x1)
    for row in rows:
        below = row[0].y1 <= corridor.y0 + 1e-6
        inner, outer = (row[0].y1, row[0].y0) if below else (row[0].y0, row[0].y1)
        for room in row:
            door = (Opening(_door_x(site, room) - room.x0, DOOR_M[0], 0.0, DOOR_M[1]),)
            left, right = (corridor, room) if below else (room, corridor)
            doors = door + _indoor_window(site, room, door[0])
            walls.append(_Border(f'{room.name} door', (room.x0, inner), (room.x1, inner), left, right, doors))
            glazing = _windows(room.size_m[0])
            if exit_2 is not None and below and room.x0 < exit_2[0] < room.x1:
                way_out = Opening(exit_2[0] - room.x0, DOOR_M[0], 0.0, DOOR_M[1])
                apart = (DOOR_M[0] + WINDOW_M) / 2 + 0.2
                glazing = (way_out, *(o for o in glazing if abs(o.at_m - way_out.at_m) > apart))
            inner_left, inner_right = (room, None) if below else (None, room)
            ends = (room.x0, outer), (room.x1, outer)
            walls.append(_Border(f'{room.name} outer', *ends, inner_left, inner_right, glazing))
        for first, second in pairwise(row):
            y = _passage_y(site, first)
            passage = () if y is None else (Opening(y - first.y0, DOOR_M[0], 0.0, DOOR_M[1]),)
            walls.append(
                _Border(f'{first.name} party', (first.x1, first.y0), (first.x1, first.y1), first, second, passage)
            )
        for room, x in ((row[0], west), (row[-1], east)):
            panes = _windows(room.size_m[1]) if site.rng(f'{room.name} gable').random() < 0.6 else ()
            left_room, right_room = _gable_sides(room, x)
            ends = (x, room.y0), (x, room.y1)
            walls.append(_Border(f'{room.name} gable {x:g}', *ends, left_room, right_room, panes))
    for x in (west, east):
        pane = (Opening(CORRIDOR_M / 2, 1.3, WINDOW_SILL_M, WINDOW_TOP_M, True),)
        left_room, right_room = _gable_sides(corridor, x)
        ends = (x, corridor.y0), (x, corridor.y1)
        walls.append(_Border(f'corridor end {x:g}', *ends, left_room, right_room, pane))
    if len(rows) == 1:
        start, end = (west, corridor.y1), (east, corridor.y1)
        walls.append(_Border('corridor outer', start, end, None, corridor, _windows(east - west, 4.5)))
    return walls


def _exit(site: Site, row: list[Room]) -> tuple[float, float]:
    """Where the door out of the southern rooms is."""
    rng = site.rng('exit')
    room = row[int(rng.integers(len(row)))]
    return _snapped(float(rng.uniform(room.x0 + 1.2, room.x1 - 1.2))), room.y0


def _gable_sides(room: Room, x: float) -> tuple[Room | None, Room | None]:
    """What lies left and right of a wall at x that runs north, at an end of the building."""
    return (None, room) if x == room.x0 else (room, None)


def _windows(length: float, every: float = WINDOW_EVERY_M) -> tuple[Opening, ...]:
    """Windows along an outer wall."""
    count = int((length - 0.6) / every)
    places = (np.arange(count) + 0.5) * length / max(count, 1)
    return tuple(Opening(float(x), WINDOW_M, WINDOW_SILL_M, WINDOW_TOP_M, True) for x in places)


def _indoor_window(site: Site, room: Room, door: Opening) -> tuple[Opening, ...]:
    """A pane between corridor and room, in meeting rooms."""
    if room.use != 'meeting':
        return ()
    length = room.size_m[0]
    begin, end = (0.5, door.span[0] - 0.4) if door.at_m > length / 2 else (door.span[1] + 0.4, length - 0.5)
    if end - begin < 0.8:
        return ()
    width = min(2.4, end - begin)
    return (Opening((begin + end) / 2, width, 0.85, 2.1, True),)


def _raise(site: Site, border: _Border) -> None:
    """Build a wall and tell its rooms."""
    brick = Side(materials.brick, outdoor=True, resolution=0.6 * TEXELS_PER_M)
    numbers = [len(room.walls) if room else 0 for room in (border.left, border.right)]
    left, right = (
        room.side(site, number) if room else brick
        for room, number in zip((border.left, border.right), numbers, strict=True)
    )
    wall = Wall(border.name, border.start_2, border.end_2, CEILING_M, left, right, border.openings)
    build_wall(site, wall)
    for room, number, is_left in ((border.left, numbers[0], True), (border.right, numbers[1], False)):
        if room is not None:
            room.add_wall(wall, left=is_left, blank=room.is_blank(site, number))
