# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A furnished room of 6 x 5 x 3 metres: the world of the demonstration.

World axes: x along the long walls, y along the short ones, z up, origin in a corner on the floor; metres.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neumap_ros.geometry import FloatArray
from neumap_ros.simulation import textures
from neumap_ros.simulation.lamps import Lamp
from neumap_ros.simulation.surfaces import Box, Rectangle, box_panels, panel

ROOM_M = (6.0, 5.0, 3.0)
# Walls reach a little beyond their neighbours, so that no ray slips through a seam.
SEAM_M = 0.01
# Sheets hang this far in front of what they hang on.
POSTER_GAP_M = 0.01
# Posters are printed finer than walls are painted.
PRINT_FACTOR = 1.8

# Brightness of the light from everywhere, and of all lamps together at a metre.
AMBIENT, LAMP_POWER = 0.6, 2.8


def _wall(size_m: tuple[float, float], resolution: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    colour = tuple(rng.uniform(150, 215, 3))
    return textures.shapes(textures.speckled(size_m, resolution, rng, colour), resolution, rng)


def _fabric(size_m: tuple[float, float], resolution: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    return textures.speckled(size_m, resolution, rng, (120, 90, 60), 18)


def _walls(resolution: float, rng: np.random.Generator) -> list[Rectangle]:
    length, width, height = ROOM_M
    middle = np.array(ROOM_M) / 2
    result = []
    for name, axis, sign, span in (
        ('wall west', 0, 1, width),
        ('wall east', 0, -1, width),
        ('wall south', 1, 1, length),
        ('wall north', 1, -1, length),
    ):
        normal = np.zeros(3)
        normal[axis] = sign
        size = (span + 2 * SEAM_M, height + 2 * SEAM_M)
        centre = middle - normal * ROOM_M[axis] / 2
        result.append(panel(name, centre, normal, size, _wall(size, resolution, rng)))
    size = (length + 2 * SEAM_M, width + 2 * SEAM_M)
    floor = textures.tiles(size, resolution, rng)
    ceiling = textures.speckled(size, resolution / 2, rng, (205, 210, 212), 7)
    result.append(panel('floor', (middle[0], middle[1], 0), (0, 0, 1), size, floor))
    result.append(panel('ceiling', (middle[0], middle[1], height), (0, 0, -1), size, ceiling))
    return result


def _posters(resolution: float, rng: np.random.Generator) -> list[Rectangle]:
    """Posters on every wall; one print hangs three times, because real rooms repeat themselves."""
    length, width, _ = ROOM_M
    gap = POSTER_GAP_M
    places: list[tuple[FloatArray, tuple[float, float, float]]] = []
    for along in (0.9, 2.3, 3.7, 5.1):
        places.append((np.array([along, gap, 1.75]), (0, 1, 0)))
        places.append((np.array([along, width - gap, 1.85]), (0, -1, 0)))
    for along in (0.9, 2.5, 4.1):
        places.append((np.array([gap, along, 1.8]), (1, 0, 0)))
        places.append((np.array([length - gap, along, 1.7]), (-1, 0, 0)))
    repeated = (1, 8, 11)
    size = (0.6, 0.84)
    print_resolution = PRINT_FACTOR * resolution
    copy = textures.poster(size, print_resolution, rng)
    result = []
    for index, (place, normal) in enumerate(places):
        if index in repeated:
            result.append(panel(f'poster {index} (copy)', place, normal, size, copy))
            continue
        own = (float(rng.uniform(0.5, 1.0)), float(rng.uniform(0.5, 0.9)))
        centre = place + np.array([0, 0, rng.uniform(-0.15, 0.15)])
        result.append(panel(f'poster {index}', centre, normal, own, textures.poster(own, print_resolution, rng)))
    return result


def furniture(rng: np.random.Generator) -> list[Box]:
    """What stands in the room: cabinets, shelves, a sofa, a table in the middle and parcels in odd directions."""
    boxes = [
        Box('shelf north', (1.2, 4.80, 0.6), (1.4, 0.36, 1.2), 0, textures.books),
        Box('shelf north 2', (3.0, 4.80, 0.6), (1.4, 0.36, 1.2), 0, textures.books),
        Box('cabinet east', (5.76, 1.4, 0.5), (0.42, 1.2, 1.0), 0, textures.wood),
        Box('cabinet east 2', (5.76, 3.6, 0.5), (0.42, 1.2, 1.0), 0, textures.wood),
        Box('sofa', (3.0, 0.4, 0.25), (1.9, 0.7, 0.5), 0, _fabric),
        Box('sofa back', (3.0, 0.14, 0.5), (1.9, 0.22, 1.0), 0, _fabric),
        Box('table', (3.0, 2.5, 0.71), (1.2, 0.7, 0.05), 0.2, textures.wood),
        Box('table foot', (3.0, 2.5, 0.343), (0.5, 0.3, 0.685), 0.2, textures.wood),
    ]
    for name, x, y, z, size in (
        ('parcel corner', 0.45, 0.45, 0, 0.55),
        ('parcel corner 2', 0.42, 0.47, 0.55, 0.35),
        ('parcel west', 0.3, 2.2, 0, 0.4),
        ('parcel north', 4.5, 4.65, 0, 0.5),
        ('parcel south', 5.0, 0.4, 0, 0.45),
        ('parcel table', 2.75, 2.45, 0.735, 0.24),
        ('parcel table 2', 3.25, 2.6, 0.735, 0.3),
    ):
        height = size * float(rng.uniform(0.7, 1.0)) if z == 0 and name != 'parcel corner' else size
        yaw = float(rng.uniform(-0.5, 0.5))
        boxes.append(Box(name, (x, y, z + height / 2), (size, 0.8 * size, height), yaw, textures.cardboard))
    return boxes


def furnished_room(resolution: float, rng: np.random.Generator) -> tuple[list[Rectangle], list[Lamp], float]:
    """The room with everything in it.

    Args:
        resolution: texels per metre of walls and furniture; posters get more.
        rng: decides every texture and the parcels' directions.

    Returns:
        (all rectangles, the lamps, the ambient light).
    """
    rectangles = _walls(resolution, rng) + _posters(resolution, rng)
    for box in furniture(rng):
        rectangles += box_panels(box, 1.3 * resolution, rng)
    lamps = np.array([[x, y, 2.8] for x in (1.5, 4.5) for y in (1.3, 3.7)])
    spread = rng.uniform(-0.2, 0.2, (3, 3)) * (1, 1, 0.3)
    places = (lamps[:, None] + spread).reshape(-1, 3)
    bulbs = [
        Lamp(f'lamp {i}', (float(x), float(y), float(z)), LAMP_POWER / len(places), (1, 1, 1), (0, 0, 0), 0)
        for i, (x, y, z) in enumerate(places)
    ]
    return rectangles, bulbs, AMBIENT
