# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""People who stand about: they hide what is behind them and are elsewhere on another day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neumap_ros.simulation import materials, textures
from neumap_ros.simulation.site import Obstacle, Site
from neumap_ros.simulation.textures import Painter, Size, Texture

WIDTH_M, DEPTH_M = 0.44, 0.26
# One person for so many square metres, on every day but the first.
SQUARE_METRES_EACH = 45.0
ATTEMPTS = 40


def populate(site: Site, boxes: Sequence[tuple[float, float, float, float]], *, outdoor: bool = False) -> None:
    """Let people stand in places (x0, y0, x1, y1) where nothing else is and no robot drives; nobody on the first day.

    Args:
        site: to populate.
        boxes: where.
        outdoor: under the sky.
    """
    if site.day == 0:
        return
    rng = site.rng('people', daily=True)
    for box, (x0, y0, x1, y1) in enumerate(boxes):
        expected = (x1 - x0) * (y1 - y0) / SQUARE_METRES_EACH
        for number in range(int(rng.poisson(expected))):
            for _ in range(ATTEMPTS):
                x, y = (float(v) for v in rng.uniform((x0 + 0.4, y0 + 0.4), (x1 - 0.4, y1 - 0.4)))
                yaw = float(rng.uniform(0, 2 * np.pi))
                outline = Obstacle((x, y), (WIDTH_M / 2, DEPTH_M / 2), yaw, 0.0, 1.8)
                if site.off_the_road(outline) and site.is_clear(outline):
                    person(site, f'person {box} {number}', x, y, yaw, outdoor=outdoor)
                    break


def person(site: Site, name: str, x: float, y: float, yaw: float, *, outdoor: bool = False) -> None:
    """Add somebody who stands.

    Args:
        site: to add to.
        name: decides the clothes.
        x: metres.
        y: metres.
        yaw: where the chest points is the local y axis.
        outdoor: under the sky.
    """
    rng = site.rng(name, daily=True)
    tall = float(rng.uniform(1.58, 1.9))
    coat, trousers = (_cloth(textures.random_colour(rng, 20, 200)) for _ in range(2))
    skin = _cloth(rng.uniform((90, 120, 150), (170, 195, 230)).tolist())
    hair = _cloth(rng.uniform(15, 90, 3).tolist())
    parts: list[tuple[str, float, float, tuple[float, float], Painter]] = [
        ('legs', 0.0, 0.47 * tall, (0.32, 0.2), trousers),
        ('body', 0.47 * tall, 0.83 * tall, (WIDTH_M, DEPTH_M), coat),
        ('head', 0.85 * tall, 0.96 * tall, (0.17, 0.2), skin),
        ('hair', 0.96 * tall, tall, (0.19, 0.22), hair),
    ]
    for part, low, high, (width, depth), paint in parts:
        size = (width, depth, high - low)
        site.box(f'{name} {part}', (x, y, (low + high) / 2), size, yaw, paint, outdoor=outdoor, solid=False)
    site.obstruct((x, y, tall / 2), (WIDTH_M, DEPTH_M, tall), yaw)
    site.area(name, 'person', site.obstacles[-1].corners_42)


def _cloth(colour: Sequence[float]) -> Painter:
    def paint(size_m: Size, resolution: float, rng: np.random.Generator) -> Texture:
        return materials.carpet(size_m, resolution, rng, colour)

    return paint
