# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What stands on squares: trees, advertising columns, stalls, benches, planters and vans."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neumap_ros.simulation import materials, textures
from neumap_ros.simulation.decoration import PRINT_TEXELS_PER_M
from neumap_ros.simulation.furnishing import leaves
from neumap_ros.simulation.site import TEXELS_PER_M, Obstacle, Site
from neumap_ros.simulation.textures import Size, Texture

# Things of a kind for so many square metres.
AREA_EACH = {'tree': 90.0, 'bench': 70.0, 'planter': 90.0, 'stall': 160.0, 'column': 330.0, 'van': 260.0}
ATTEMPTS = 60
MOVED_SHARE = 0.6


def scatter(site: Site, box: tuple[float, float, float, float]) -> None:
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
    _box(site, f'{name} hat', thing, (0, 0), (1.15, 1.15, 0.15), height, iron)


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
            _box(site, f'{name} pole {side} {front}', thing, (1.0 * side, 0.58 * front), (0.06, 0.06, 2.1), 0, iron)
    _box(site, f'{name} roof', thing, (0, 0), (2.2, 1.3, 0.2), 2.1, _awning)


def _bench(site: Site, name: str, thing: Obstacle) -> None:
    _box(site, f'{name} seat', thing, (0, 0), (1.7, 0.45, 0.06), 0.42, textures.wood)
    _box(site, f'{name} back', thing, (0, -0.22), (1.7, 0.05, 0.4), 0.48, textures.wood)
    for side in (-1, 1):
        _box(site, f'{name} leg {side}', thing, (0.7 * side, 0), (0.08, 0.4, 0.42), 0, iron)


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
        _box(site, f'{name} wheel {number}', thing, (u, v), (0.6, 0.25, 0.6), 0, iron)


def iron(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    """Dark paint."""
    return materials.plain(size_m, resolution, rng, (52, 55, 52))


def _bark(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    return textures.wood((size_m[1], size_m[0]), resolution, rng, (55, 75, 95)).transpose(1, 0, 2).copy()


def _awning(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
    """Stripes."""
    rows, columns = textures.canvas(size_m, resolution)
    picture = np.full((rows, columns, 3), 232, dtype=np.uint8)
    picture[:, np.arange(columns) // max(2, round(0.2 * resolution)) % 2 == 0] = textures.random_colour(rng, 30, 170)
    return picture
