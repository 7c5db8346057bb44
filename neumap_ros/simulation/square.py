# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A square under the sky: paving, houses around it, trees, benches, lamp posts, stalls and vans."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neumap_ros.simulation import materials, textures
from neumap_ros.simulation.decoration import PRINT_TEXELS_PER_M, hang
from neumap_ros.simulation.furnishing import leaves
from neumap_ros.simulation.houses import Row, build_row
from neumap_ros.simulation.light import Lamp
from neumap_ros.simulation.people import populate
from neumap_ros.simulation.rooms import RoomWall
from neumap_ros.simulation.site import TEXELS_PER_M, Obstacle, Site, rectangle_polygon
from neumap_ros.simulation.textures import Size, Texture

# The sky is so high that nothing drives above it: the highest place that World.free knows.
SKY_M = 4.0
# The way around keeps this far from the houses, and the inner one from the middle.
LANE_M, INNER_M = 3.0, 3.4
GARDEN_WALL_M = 2.2
# Things of a kind for so many square metres.
AREA_EACH = {'tree': 90.0, 'bench': 70.0, 'planter': 90.0, 'stall': 160.0, 'column': 330.0, 'van': 260.0}
POST_KLX, POST_M, POST_EVERY_M = 0.55, 4.2, 9.0
ATTEMPTS = 60
MOVED_SHARE = 0.6


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
    _scatter(site, (x0, y0, x1, y1))
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
            site.box(name, (px, py, POST_M / 2), (0.13, 0.13, POST_M), 0, _iron, outdoor=True)
            site.area(name, 'furniture', site.obstacles[-1].corners_42)
            lamp = Lamp(f'{name} lamp', (px, py, POST_M + 0.18), POST_KLX, (0.5, 0.78, 1.0), (0, 0, 0), 0.0)
            for turn in range(4):
                normal = [np.cos(turn * np.pi / 2), np.sin(turn * np.pi / 2), 0]
                centre = [px + 0.16 * normal[0], py + 0.16 * normal[1], POST_M + 0.2]
                site.cover(f'{name} glass {turn}', lamp, centre, normal, (0.32, 0.4), cover)
            site.lamps.append(lamp)


def _scatter(site: Site, box: tuple[float, float, float, float]) -> None:
    """Things where they leave the ways free; some stand elsewhere on another day."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    things: dict[str, tuple[Callable[[Site, str, Obstacle], None], Size, float, bool]] = {
        'tree': (_tree, (0.5, 0.5), 3.0, False),
        'column': (_column, (1.1, 1.1), 2.6, False),
        'stall': (_stall, (2.2, 1.3), 2.3, False),
        'bench': (_bench, (1.7, 0.5), 0.85, False),
        'planter': (_planter, (1.1, 0.6), 1.0, True),
        'van': (_van, (4.2, 1.8), 2.1, True),
    }
    for label, (build, (width, depth), height, movable) in things.items():
        for number in range(round(area / AREA_EACH[label])):
            name = f'{label} {number}'
            rng = site.rng(name, daily=movable and site.rng(f'{name} moved').random() < MOVED_SHARE)
            for _ in range(ATTEMPTS):
                x, y = (float(v) for v in rng.uniform((box[0] + 1.2, box[1] + 1.2), (box[2] - 1.2, box[3] - 1.2)))
                yaw = float(rng.choice([0, np.pi / 2]) + rng.uniform(-0.15, 0.15))
                outline = Obstacle((x, y), (width / 2, depth / 2), yaw, 0.0, height)
                if site.off_the_road(outline, 0.7) and site.is_clear(outline, 0.5):
                    build(site, name, outline)
                    site.area(name, 'furniture', outline.corners_42)
                    break


def _box(
    site: Site,
    name: str,
    thing: Obstacle,
    offset: Size,
    size: tuple[float, float, float],
    low: float,
    paint: textures.Painter,
) -> None:
    """A part of a thing, so far from its middle."""
    c, s = np.cos(thing.yaw), np.sin(thing.yaw)
    x = thing.centre_2[0] + c * offset[0] - s * offset[1]
    y = thing.centre_2[1] + s * offset[0] + c * offset[1]
    site.box(name, (float(x), float(y), low + size[2] / 2), size, thing.yaw, paint, outdoor=True)


def _tree(site: Site, name: str, thing: Obstacle) -> None:
    rng = site.rng(name)
    trunk, crown = float(rng.uniform(1.9, 2.6)), float(rng.uniform(1.8, 2.8))
    _box(site, f'{name} trunk', thing, (0, 0), (0.26, 0.26, trunk), 0, _bark)
    for turn, size in ((0.0, crown), (0.5, 0.92 * crown), (1.0, 0.85 * crown)):
        low = trunk - 0.2 + 0.35 * turn
        centre = (*thing.centre_2, low + 0.5 * size)
        site.box(
            f'{name} crown {turn}', centre, (size, size, size), turn, leaves, outdoor=True, resolution=70, solid=False
        )


def _column(site: Site, name: str, thing: Obstacle) -> None:
    """An advertising column of eight sides."""
    radius, height = 0.52, 2.5
    side = 2 * radius * np.tan(np.pi / 8)
    for number in range(8):
        normal = np.array([np.cos(number * np.pi / 4), np.sin(number * np.pi / 4), 0])
        centre = np.array([*thing.centre_2, height / 2]) + radius * normal
        grey = materials.concrete((side, height), TEXELS_PER_M, site.rng(f'{name} side {number}'))
        site.sheet(f'{name} side {number}', centre, normal, (side, height), grey, outdoor=True)
        for level in (0.85, 1.75):
            rng = site.rng(f'{name} bill {number} {level}')
            picture = textures.poster((0.4, 0.75), 0.8 * PRINT_TEXELS_PER_M, rng)
            place = centre + 0.01 * normal
            site.sheet(f'{name} bill {number} {level}', [*place[:2], level], normal, (0.4, 0.75), picture, outdoor=True)
    _box(site, f'{name} hat', thing, (0, 0), (1.15, 1.15, 0.15), height, _iron)


def _stall(site: Site, name: str, thing: Obstacle) -> None:
    _box(site, f'{name} counter', thing, (0, -0.3), (2.0, 0.6, 0.9), 0, textures.wood)
    for number in range(3):
        _box(
            site,
            f'{name} crate {number}',
            thing,
            (0.62 * (number - 1), -0.3),
            (0.5, 0.4, 0.25),
            0.9,
            textures.cardboard,
        )
    for side in (-1, 1):
        for front in (-1, 1):
            _box(site, f'{name} pole {side} {front}', thing, (1.0 * side, 0.58 * front), (0.06, 0.06, 2.1), 0, _iron)
    _box(site, f'{name} roof', thing, (0, 0), (2.2, 1.3, 0.2), 2.1, _awning)


def _bench(site: Site, name: str, thing: Obstacle) -> None:
    _box(site, f'{name} seat', thing, (0, 0), (1.7, 0.45, 0.06), 0.42, textures.wood)
    _box(site, f'{name} back', thing, (0, -0.22), (1.7, 0.05, 0.4), 0.48, textures.wood)
    for side in (-1, 1):
        _box(site, f'{name} leg {side}', thing, (0.7 * side, 0), (0.08, 0.4, 0.42), 0, _iron)


def _planter(site: Site, name: str, thing: Obstacle) -> None:
    _box(site, f'{name} pot', thing, (0, 0), (1.1, 0.6, 0.5), 0, materials.concrete)
    _box(site, f'{name} bush', thing, (0, 0), (1.0, 0.5, 0.5), 0.5, leaves)


def _van(site: Site, name: str, thing: Obstacle) -> None:
    rng = site.rng(name)
    colour = rng.uniform(40, 220, 3).tolist()
    text = str(rng.choice(textures.WORDS))

    def side(size_m: Size, resolution: float, own: np.random.Generator) -> Texture:
        picture = materials.plain(size_m, resolution, own, colour)
        rows, columns = picture.shape[:2]
        materials.write(picture, text, (round(0.15 * columns), round(0.45 * rows)), 0.25 * resolution, (240, 240, 240))
        picture[round(0.75 * rows) : round(0.8 * rows)] = 40
        return picture

    _box(site, f'{name} body', thing, (-0.4, 0), (3.4, 1.75, 1.7), 0.35, side)
    _box(site, f'{name} cab', thing, (1.7, 0), (0.8, 1.7, 0.85), 0.35, side)
    for number, (u, v) in enumerate(((-1.4, 0.7), (-1.4, -0.7), (1.4, 0.7), (1.4, -0.7))):
        _box(site, f'{name} wheel {number}', thing, (u, v), (0.6, 0.25, 0.6), 0, _iron)


def _iron(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    return materials.plain(size_m, resolution, rng, (52, 55, 52))


def _bark(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    return textures.wood((size_m[1], size_m[0]), resolution, rng, (55, 75, 95)).transpose(1, 0, 2).copy()


def _awning(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    """Stripes."""
    rows, columns = textures.canvas(size_m, resolution)
    picture = np.full((rows, columns, 3), 232, dtype=np.uint8)
    picture[:, np.arange(columns) // max(2, round(0.2 * resolution)) % 2 == 0] = textures.random_colour(rng, 30, 170)
    return picture
