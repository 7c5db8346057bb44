# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Houses around a square: facades with rows of equal windows, doors, shop windows and signs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neumap_ros.geometry import FloatArray
from neumap_ros.simulation import materials, textures
from neumap_ros.simulation.decoration import hang
from neumap_ros.simulation.rooms import RoomWall
from neumap_ros.simulation.site import TEXELS_PER_M, Site
from neumap_ros.simulation.surfaces import panel
from neumap_ros.simulation.textures import Texture

STOREY_M, GROUND_FLOOR_M = 3.1, 3.8
FACADE_TEXELS_PER_M = 0.55 * TEXELS_PER_M
# In the evening and at night, this share of the windows is lit, so bright (klx).
LIT_SHARE, LIT_KLX = 0.3, 0.12
SHOPS = ('BAKERY', 'BOOKS', 'PHARMACY', 'CAFE', 'TAILOR', 'FLOWERS', 'CYCLES', 'TOYS', 'OPTICIAN', 'BARBER')
# What stands before a facade plane: window, glass, in metres.
WINDOW_GAP_M, GLASS_GAP_M = 0.01, 0.04


@dataclass(frozen=True)
class Row:
    """Where a row of houses stands: a line, and where its houses look.

    Attributes:
        name: of the row.
        start_2: metres.
        along_2: unit vector.
        normal_2: unit vector in front of the houses.
        length_m: of the row.
        storeys: fewest and most.
        detail: texture compared with houses that one can walk up to.
    """

    name: str
    start_2: tuple[float, float]
    along_2: tuple[float, float]
    normal_2: tuple[float, float]
    length_m: float
    storeys: tuple[int, int] = (2, 4)
    detail: float = 1.0


def build_row(site: Site, row: Row) -> list[RoomWall]:
    """Add houses wall to wall.

    Returns:
        Their facades, for hanging things on.
    """
    rng = site.rng(row.name)
    count = max(1, round(row.length_m / 8.5))
    widths = rng.uniform(0.7, 1.35, count)
    widths *= row.length_m / widths.sum()
    facades = []
    position = 0.0
    for number, width in enumerate(widths.tolist()):
        storeys = int(rng.integers(row.storeys[0], row.storeys[1] + 1))
        start = np.array(row.start_2) + position * np.array(row.along_2)
        facade = RoomWall(start, np.array(row.along_2), np.array(row.normal_2), width, ())
        _house(site, facade, f'{row.name} house {number}', storeys, row.detail)
        facades.append(facade)
        position += width
    return facades


def build_upper_storey(site: Site, facade: RoomWall, low_m: float, name: str) -> None:
    """Add a storey of brick with windows above a wall.

    Args:
        site: to build on.
        facade: where, metres.
        low_m: its lower edge above the ground.
        name: of the storey.
    """
    rng = site.rng(name)
    size = (facade.length_m, STOREY_M + 0.4)
    picture = materials.brick(size, FACADE_TEXELS_PER_M, rng)
    centre = [*facade.at(facade.length_m / 2), low_m + size[1] / 2]
    site.sheet(name, centre, [*facade.normal_2, 0], size, picture, outdoor=True)
    columns = max(1, int(facade.length_m / 2.3))
    for number, along in enumerate(((np.arange(columns) + 0.5) * facade.length_m / columns).tolist()):
        _window(site, facade, f'{name} window {number}', along, low_m + 1.5, (1.1, 1.5), 1.0)


def _house(site: Site, facade: RoomWall, name: str, storeys: int, detail: float) -> None:
    rng = site.rng(name)
    height = GROUND_FLOOR_M + (storeys - 1) * STOREY_M + float(rng.uniform(0.4, 1.2))
    resolution = detail * FACADE_TEXELS_PER_M
    size = (facade.length_m, height)
    normal = np.array([*facade.normal_2, 0])
    middle = facade.at(facade.length_m / 2)
    picture = _facade(size, resolution, rng)
    site.sheet(name, [*middle, height / 2], normal, size, picture, outdoor=True)
    depth = 6.0
    behind = facade.at(facade.length_m / 2, -depth / 2)
    extent = np.abs(facade.length_m * facade.along_2) + np.abs(depth * facade.normal_2)
    site.obstruct((*behind, height / 2), (*extent, height))
    roof = materials.plain((4, 4), 10, rng, (70, 75, 95))
    site.sheet(f'{name} roof', [*behind, height], [0, 0, 1], (extent[0], extent[1]), roof, outdoor=True)
    corners = [facade.at(a, b) for a, b in ((0, 0), (facade.length_m, 0), (facade.length_m, -0.6), (0, -0.6))]
    site.area(name, 'wall', corners)
    columns = max(1, int((facade.length_m - 0.8) / float(rng.uniform(1.9, 2.8))))
    places = (np.arange(columns) + 0.5) * facade.length_m / columns
    window = (float(rng.uniform(0.9, 1.25)), float(rng.uniform(1.3, 1.75)))
    for storey in range(1, storeys):
        level = GROUND_FLOOR_M + (storey - 1) * STOREY_M + 0.75 + window[1] / 2
        for number, along in enumerate(places.tolist()):
            _window(site, facade, f'{name} window {storey} {number}', along, level, window, detail)
    _ground_floor(site, facade, name, places, detail)


def _ground_floor(site: Site, facade: RoomWall, name: str, places: FloatArray, detail: float) -> None:
    """A door, and shop windows or ordinary ones."""
    rng = site.rng(f'{name} ground floor')
    door_at = int(rng.integers(len(places)))
    shop = rng.random() < 0.55
    for number, along in enumerate(places.tolist()):
        if number == door_at:
            colour = tuple(float(c) for c in rng.uniform(40, 150, 3))
            leaf = materials.door((1.1, 2.3), 130 * detail, site.rng(f'{name} door'), colour)
            hang(site, facade, f'{name} door', along, 1.15, (1.1, 2.3), leaf, outdoor=True)
            plate = materials.sign(str(int(rng.integers(1, 60))), (240, 240, 240), (150, 60, 30))
            hang(site, facade, f'{name} number', along + 0.75, 1.9, (0.2, 0.16), plate, outdoor=True)
        elif shop:
            width = min(1.8, 0.85 * facade.length_m / len(places))
            _window(site, facade, f'{name} shop window {number}', along, 1.5, (width, 1.9), detail, shop=True)
        else:
            _window(site, facade, f'{name} window 0 {number}', along, 1.75, (1.0, 1.4), detail)
    if shop and facade.length_m > 4:
        text = str(rng.choice(SHOPS))
        colours = rng.permutation([[40, 40, 40], [60, 40, 150], [120, 70, 20], [50, 100, 40], [30, 120, 190]])
        plate = materials.sign(f' {text} ', (235, 240, 240), colours[0].tolist())
        height = 0.55
        width = min(facade.length_m - 0.8, height * plate.shape[1] / plate.shape[0])
        hang(site, facade, f'{name} sign', facade.length_m / 2, 3.0, (width, height), plate, outdoor=True)


def _window(
    site: Site,
    facade: RoomWall,
    name: str,
    along: float,
    level: float,
    size_m: tuple[float, float],
    detail: float,
    *,
    shop: bool = False,
) -> None:
    """A window: what one sees in it, painted, and a reflecting pane before it."""
    rng = site.rng(name)
    style = site.rng(f'curtain {rng.integers(4)}')
    inside = _shop_window(size_m, 110 * detail, rng) if shop else _curtains(size_m, 90 * detail, style)
    lit = rng.random() < (0.7 if shop else LIT_SHARE)
    normal = [*facade.normal_2, 0]
    centre = [*facade.at(along, WINDOW_GAP_M), level]
    glow = LIT_KLX if lit else 0.0
    site.rectangles.append(panel(name, centre, normal, size_m, inside, glow=glow, lamp=True, outdoor=True))
    if detail >= 1:
        pane = [*facade.at(along, GLASS_GAP_M), level]
        dark = np.zeros((8, 8, 3), dtype=np.uint8)
        glass = (size_m[0] - 0.12, size_m[1] - 0.12)
        site.rectangles.append(panel(f'{name} pane', pane, normal, glass, dark, glass=True, outdoor=True))
    facade.take(along - size_m[0] / 2, along + size_m[0] / 2, level - size_m[1] / 2, level + size_m[1] / 2)


def _curtains(size_m: tuple[float, float], resolution: float, rng: np.random.Generator) -> Texture:
    """A dark room behind curtains, in a white frame with bars and a sill."""
    rows, columns = textures.canvas(size_m, resolution)
    picture = np.full((rows, columns, 3), 38, dtype=np.uint8)
    width = round(float(rng.uniform(0.12, 0.4)) * columns)
    cloth = np.asarray(textures.random_colour(rng, 120, 235))
    folds = 0.8 + 0.2 * np.sin(np.arange(width) * 60.0 / resolution)
    for left in (0, columns - width):
        picture[:, left : left + width] = (cloth * folds[:, None])[None].astype(np.uint8)
    bar = max(1, round(0.06 * resolution))
    picture[:, :bar] = picture[:, -bar:] = picture[:bar] = picture[-bar:] = 225
    picture[:, columns // 2 - bar // 2 : columns // 2 + bar // 2 + 1] = 225
    if rng.random() < 0.6:
        picture[rows // 3 : rows // 3 + bar] = 225
    picture[-2 * bar :] = 150
    return picture


def _shop_window(size_m: tuple[float, float], resolution: float, rng: np.random.Generator) -> Texture:
    """Goods on boards in a dark frame."""
    picture = textures.books(size_m, resolution, rng)
    picture = textures.shapes(picture, resolution, rng, 14)
    bar = max(1, round(0.07 * resolution))
    picture[:, :bar] = picture[:, -bar:] = picture[:bar] = picture[-bar:] = 40
    return picture


def _facade(size_m: tuple[float, float], resolution: float, rng: np.random.Generator) -> Texture:
    """Brick or rough plaster in a colour, with a plinth, cornices and rain marks."""
    kind = rng.integers(3)
    if kind == 0:
        picture = materials.brick(size_m, resolution, rng, tuple(rng.uniform((50, 65, 120), (90, 110, 170))))
    elif kind == 1:
        picture = textures.speckled(size_m, resolution, rng, tuple(rng.uniform((120, 150, 160), (200, 220, 235))), 7)
    else:
        picture = materials.concrete(size_m, resolution, rng, tuple(rng.uniform(120, 190, 3)))
    rows, columns = picture.shape[:2]
    streaks = textures.noise((rows, columns), [(0.15 * resolution, 3 * resolution)], rng)
    picture = textures.to_picture(picture * (1 - 0.05 * np.clip(streaks, 0, 3))[..., None])
    picture[-round(0.6 * resolution) :] = (0.6 * picture[-round(0.6 * resolution) :]).astype(np.uint8)
    for level in (size_m[1] - GROUND_FLOOR_M, 0.25):
        row = round(level * resolution)
        band = max(1, round(0.18 * resolution))
        picture[row : row + band] = (np.minimum(255, 1.25 * picture[row : row + band])).astype(np.uint8)
        picture[row + band : row + band + max(1, band // 4)] = 60
    return picture
