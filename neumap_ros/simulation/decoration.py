# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What hangs on walls: posters, boards, signs, and doors that stay shut."""

from __future__ import annotations

import numpy as np

from neumap_ros.simulation import materials, textures
from neumap_ros.simulation.rooms import Room, RoomWall
from neumap_ros.simulation.site import Site
from neumap_ros.simulation.textures import Texture
from neumap_ros.simulation.walls import DOOR_M

# Sheets hang this far in front of the wall.
GAP_M = 0.008
PRINT_TEXELS_PER_M = 260.0
# A print run: these posters hang in several places.
PRINTS = 3
# Of the posters, this share is another one on another day.
CHANGED_SHARE = 0.15


def decorate(site: Site, room: Room) -> None:
    """Hang posters, boards and signs where walls are free."""
    for number, wall in enumerate(room.walls):
        if wall.blank:
            continue
        name = f'{room.name} wall {number}'
        if room.use == 'corridor':
            _door_sign(site, wall, name)
            _shut_doors(site, wall, name)
        elif site.rng(f'{name} board').random() < 0.5:
            _hang_board(site, wall, f'{name} board')
        _posters(site, wall, name, 0.8 if room.use == 'corridor' else 0.6)


def _posters(site: Site, wall: RoomWall, name: str, every_m: float) -> None:
    rng = site.rng(f'{name} posters')
    for number in range(int(wall.length_m / every_m)):
        own = site.rng(f'{name} poster {number}')
        centre = float(rng.uniform(0.4, wall.length_m - 0.4))
        size = (0.6, 0.84) if own.random() < 0.5 else (float(own.uniform(0.4, 1.0)), float(own.uniform(0.4, 0.85)))
        height = float(own.uniform(1.45, 1.75))
        if not wall.is_free(centre - size[0] / 2, centre + size[0] / 2, height - size[1] / 2, height + size[1] / 2):
            continue
        daily = site.rng(f'{name} poster {number}', daily=True)
        changed = bool(site.day) and daily.random() < CHANGED_SHARE
        if own.random() < 0.3 and not changed and size == (0.6, 0.84):
            print_rng = site.rng(f'print {own.integers(PRINTS)}')
        else:
            print_rng = daily if changed else own
        hang(
            site,
            wall,
            f'{name} poster {number}',
            centre,
            height,
            size,
            textures.poster(size, PRINT_TEXELS_PER_M, print_rng),
        )


def _hang_board(site: Site, wall: RoomWall, name: str) -> None:
    rng = site.rng(name)
    size = (float(rng.uniform(1.2, 2.0)), 1.0)
    paint = materials.board if rng.random() < 0.6 else materials.notices
    for centre in np.arange(0.9, wall.length_m - 0.8, 0.3):
        if wall.is_free(centre - size[0] / 2, centre + size[0] / 2, 0.95, 1.95):
            hang(site, wall, name, float(centre), 1.45, size, paint(size, 180, rng))
            return


def _door_sign(site: Site, wall: RoomWall, name: str) -> None:
    """The number of the room beside its door."""
    for opening in wall.openings:
        if opening.glazed:
            continue
        number = site.rng(f'{name} number').integers(100, 999)
        texture = materials.sign(f'{number}')
        centre = opening.span[1] + 0.28
        if wall.is_free(centre - 0.11, centre + 0.11, 1.5, 1.6):
            hang(site, wall, f'{name} sign', centre, 1.55, (0.22, 0.09), texture)


def _shut_doors(site: Site, wall: RoomWall, name: str) -> None:
    """Doors of cupboards along the corridor, all alike."""
    rng = site.rng(f'{name} shut')
    leaf = materials.door((DOOR_M[0], DOOR_M[1]), 150, site.rng('door leaf'))
    if not rng.random() < 0.7:
        return
    for centre in (1.0, wall.length_m - 1.0, wall.length_m / 2):
        low, high = centre - DOOR_M[0] / 2, centre + DOOR_M[0] / 2
        if wall.length_m > 3 and wall.is_free(low, high, 0, DOOR_M[1]):
            hang(site, wall, f'{name} shut door {centre:.1f}', float(centre), DOOR_M[1] / 2, DOOR_M, leaf)
            return


def hang(
    site: Site,
    wall: RoomWall,
    name: str,
    along: float,
    height: float,
    size_m: tuple[float, float],
    texture: Texture,
    *,
    outdoor: bool = False,
) -> None:
    """Fix a sheet to a wall."""
    site.sheet(name, [*wall.at(along, GAP_M), height], [*wall.normal_2, 0], size_m, texture, outdoor=outdoor)
    wall.take(along - size_m[0] / 2, along + size_m[0] / 2, height - size_m[1] / 2, height + size_m[1] / 2)
