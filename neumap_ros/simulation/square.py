# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A square under the sky: paving, houses around it, trees, benches, lamp posts, stalls and vans."""

from __future__ import annotations

import numpy as np

from neumap_ros.simulation import materials, textures
from neumap_ros.simulation.decoration import PRINT_TEXELS_PER_M, hang
from neumap_ros.simulation.houses import Row, build_row
from neumap_ros.simulation.lamps import Lamp
from neumap_ros.simulation.people import populate
from neumap_ros.simulation.rooms import RoomWall
from neumap_ros.simulation.site import TEXELS_PER_M, Obstacle, Site, rectangle_polygon
from neumap_ros.simulation.street import iron, scatter

# The sky is so high that nothing drives above it: the highest place that World.free knows.
SKY_M = 4.0
# The way around keeps this far from the houses, and the inner one from the middle.
LANE_M, INNER_M = 3.0, 3.4
GARDEN_WALL_M = 2.2
POST_KLX, POST_M, POST_EVERY_M = 0.55, 4.2, 9.0


def build_square(
    site: Site,
    origin_2: tuple[float, float],
    size_m: tuple[float, float],
    *,
    entry: tuple[float, float] | None = None,
) -> None:
    """Add a square.

    Args:
        site: to build on.
        origin_2: its south-western corner, metres.
        size_m: along x and y.
        entry: the door of a building on its northern side; None for houses there too.
    """
    (x0, y0), (length, width) = origin_2, size_m
    x1, y1 = x0 + length, y0 + width
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    paving = materials.paving(size_m, 0.6 * TEXELS_PER_M, site.rng('paving'))
    site.sheet('paving', [*middle, 0], [0, 0, 1], size_m, paving, outdoor=True)
    site.area('square', 'square', rectangle_polygon(x0, y0, x1, y1))
    _roads(site, (x0, y0, x1, y1), entry)
    rows = [
        Row('south', (x0, y0), (1, 0), (0, 1), length),
        Row('east', (x1, y0), (0, 1), (-1, 0), width),
    ]
    if entry is None:
        rows.append(Row('north', (x0, y1), (1, 0), (0, -1), length))
    for row in rows:
        for number, facade in enumerate(build_row(site, row)):
            _bills(site, facade, f'{row.name} {number}')
    _garden_wall(site, RoomWall(np.array([x0, y0]), np.array([0.0, 1]), np.array([1.0, 0]), width, ()))
    _fountain(site, middle)
    _posts(site, (x0, y0, x1, y1))
    scatter(site, (x0, y0, x1, y1))
    populate(site, [(x0 + 0.8, y0 + 0.8, x1 - 0.8, y1 - 0.8)], outdoor=True)


def _roads(site: Site, box: tuple[float, float, float, float], entry: tuple[float, float] | None) -> None:
    """A way around along the houses, one around the middle, and four between them."""
    x0, y0, x1, y1 = box[0] + LANE_M, box[1] + LANE_M, box[2] - LANE_M, box[3] - LANE_M
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    north = sorted({x} if entry is None else {x, min(max(entry[0], x0), x1)})
    around = [(x0, y0), (x, y0), (x1, y0), (x1, y), (x1, y1), *((n, y1) for n in reversed(north)), (x0, y1), (x0, y)]
    site.path([*around, around[0]])
    if entry is not None:
        # Straight out of the door first.
        site.path([entry, (entry[0], entry[1] - 1.0), (min(max(entry[0], x0), x1), y1)])
    if min(x1 - x0, y1 - y0) > 2 * INNER_M + 1:
        inner = [(x, y - INNER_M), (x + INNER_M, y), (x, y + INNER_M), (x - INNER_M, y)]
        corners = [(x + a * INNER_M, y + b * INNER_M) for a, b in ((1, -1), (1, 1), (-1, 1), (-1, -1))]
        ring = [p for pair in zip(inner, corners, strict=True) for p in pair]
        site.path([*ring, ring[0]])
        for inside, outside in zip(inner, ((x, y0), (x1, y), (x, y1), (x0, y)), strict=True):
            site.path([inside, outside])


def _bills(site: Site, facade: RoomWall, name: str) -> None:
    """Bills on the walls of houses; some hang in several places."""
    rng = site.rng(f'{name} bills')
    for number in range(int(facade.length_m / 2)):
        size = (0.6, 0.84)
        along, level = float(rng.uniform(0.5, facade.length_m - 0.5)), float(rng.uniform(1.3, 1.9))
        if facade.is_free(along - 0.3, along + 0.3, level - 0.42, level + 0.42):
            own = site.rng(f'{name} bill {number}', daily=rng.random() < 0.2)
            print_rng = site.rng(f'print {own.integers(3)}') if own.random() < 0.4 else own
            picture = textures.poster(size, 0.7 * PRINT_TEXELS_PER_M, print_rng)
            hang(site, facade, f'{name} bill {number}', along, level, size, picture, outdoor=True)


def _garden_wall(site: Site, wall: RoomWall) -> None:
    """A low wall in the west, so that the evening sun comes in; a hedge and land behind it."""
    rng = site.rng('garden wall')
    middle = wall.at(wall.length_m / 2)
    size = (wall.length_m, GARDEN_WALL_M)
    picture = materials.brick(size, 0.9 * TEXELS_PER_M, rng, (85, 105, 135))
    site.sheet('garden wall', [*middle, GARDEN_WALL_M / 2], [*wall.normal_2, 0], size, picture, outdoor=True)
    site.obstruct((*wall.at(wall.length_m / 2, -0.3), 1.1), (0.6, wall.length_m, GARDEN_WALL_M))
    corners = [wall.at(a, b) for a, b in ((0, 0), (wall.length_m, 0), (wall.length_m, -0.4), (0, -0.4))]
    site.area('garden wall', 'wall', corners)
    _bills(site, wall, 'garden wall')


def _fountain(site: Site, middle_2: tuple[float, float]) -> None:
    """A basin of eight sides with a column in the middle."""
    x, y = middle_2
    radius, height = 1.5, 0.55
    rng = site.rng('fountain')
    side = 2 * radius * np.tan(np.pi / 8)
    for number in range(8):
        turn = number * np.pi / 4
        normal = np.array([np.cos(turn), np.sin(turn), 0])
        stone = materials.concrete((side, height), TEXELS_PER_M, rng)
        site.sheet(
            f'fountain {number}',
            np.array([x, y, height / 2]) + radius * normal,
            normal,
            (side, height),
            stone,
            outdoor=True,
        )
    water = textures.speckled((2.6, 2.6), 40, rng, (110, 90, 60), 6)
    site.sheet('water', [x, y, height - 0.1], [0, 0, 1], (2.6, 2.6), water, outdoor=True)
    site.box('fountain column', (x, y, 1.1), (0.45, 0.45, 2.2), 0.4, materials.concrete, outdoor=True)
    site.box('fountain head', (x, y, 2.45), (0.7, 0.7, 0.5), 0.1, textures.speckled, outdoor=True, solid=False)
    site.obstruct((x, y, 0.3), (2 * radius, 2 * radius, 0.6))
    site.obstruct((x, y, 0.3), (2 * radius, 2 * radius, 0.6), np.pi / 4)
    angles = np.arange(8) * np.pi / 4 + np.pi / 8
    ring = radius / np.cos(np.pi / 8) * np.column_stack([np.cos(angles), np.sin(angles)])
    site.area('fountain', 'furniture', ring + middle_2)


def _posts(site: Site, box: tuple[float, float, float, float]) -> None:
    """Lamp posts in a grid."""
    x0, y0, x1, y1 = box
    columns, rows = (max(2, round((b - a) / POST_EVERY_M)) for a, b in ((x0, x1), (y0, y1)))
    cover = np.full((8, 8, 3), 240, dtype=np.uint8)
    for i in range(columns):
        for j in range(rows):
            x, y = x0 + (i + 0.5) * (x1 - x0) / columns, y0 + (j + 0.5) * (y1 - y0) / rows
            post = Obstacle((x, y), (0.07, 0.07), 0.0, 0.0, POST_M)
            for shift in (0.0, 0.9, -0.9, 1.8, -1.8):
                post = Obstacle((x + shift, y + 0.5 * shift), (0.07, 0.07), 0.0, 0.0, POST_M)
                if site.off_the_road(post) and site.is_clear(post):
                    break
            else:
                continue
            px, py = post.centre_2
            name = f'post {i} {j}'
            site.box(name, (px, py, POST_M / 2), (0.13, 0.13, POST_M), 0, iron, outdoor=True)
            site.area(name, 'furniture', site.obstacles[-1].corners_42)
            lamp = Lamp(f'{name} lamp', (px, py, POST_M + 0.18), POST_KLX, (0.5, 0.78, 1.0), (0, 0, 0), 0.0)
            for turn in range(4):
                normal = [np.cos(turn * np.pi / 2), np.sin(turn * np.pi / 2), 0]
                centre = [px + 0.16 * normal[0], py + 0.16 * normal[1], POST_M + 0.2]
                site.cover(f'{name} glass {turn}', lamp, centre, normal, (0.32, 0.4), cover)
            site.lamps.append(lamp)
