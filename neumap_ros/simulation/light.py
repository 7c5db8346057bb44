# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Light maps: how bright every place of every surface is under one condition, baked once.

Lamps, windows (as panels of sky), the open sky, and light that bounces between surfaces go into a coloured map of
10 cm cells; the sun's direct light, with hard shadows, into one three times as fine. Glass lets all light pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.geometry import FloatArray
from neumap_ros.simulation.atlas import pack, remap
from neumap_ros.simulation.conditions import Condition
from neumap_ros.simulation.lamps import Lamp, all_sources
from neumap_ros.simulation.rays import LIFT_M, RayCaster
from neumap_ros.simulation.sky import Sky
from neumap_ros.simulation.surfaces import Rectangle

# Spacing of the light map in metres: about the penumbra of a ceiling lamp one metre above a table.
SPACING_M = 0.1
# The sun's map is so many times finer; its half-shadow one metre behind an edge is a centimetre wide.
SUN_FINER = 3
# Spacing of the map of bounced light, which has no sharp shadows.
BOUNCE_SPACING_M = 0.35
BOUNCE_RAYS = 36
BOUNCES = 3
# No rectangle gets more cells than this (large grounds); it sets the spacing there.
MOST_CELLS = 160_000
GUTTER = 1
CHUNK = 400_000


@dataclass(frozen=True)
class _Grid:
    """Cells of all rectangles, one after the other."""

    columns_N: NDArray[np.int64]
    rows_N: NDArray[np.int64]
    offsets_N: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        counts = self.columns_N * self.rows_N
        object.__setattr__(self, 'offsets_N', np.cumsum([0, *counts]))

    @staticmethod
    def of(caster: RayCaster, spacing_m: float) -> _Grid:
        width, height = (np.linalg.norm(e, axis=1) for e in (caster.u_N3, caster.v_N3))
        spacing = np.maximum(spacing_m, np.sqrt(width * height / MOST_CELLS))
        columns, rows = (np.maximum(1, np.ceil(size / spacing)).astype(np.int64) for size in (width, height))
        return _Grid(columns, rows)

    def cells(self, caster: RayCaster, chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(rectangle of each cell (M,), its middle a little before the surface (M, 3)) of some rectangles."""
        counts = self.columns_N[chosen] * self.rows_N[chosen]
        index = np.repeat(chosen, counts)
        local = np.arange(len(index)) - np.repeat(np.cumsum([0, *counts[:-1]]), counts)
        a = ((local % self.columns_N[index] + 0.5) / self.columns_N[index])[:, None]
        b = ((local // self.columns_N[index] + 0.5) / self.rows_N[index])[:, None]
        start = caster.corner_N3 + LIFT_M * caster.normal_N3
        return index, (start[index] + a * caster.u_N3[index] + b * caster.v_N3[index]).astype(np.float32)

    def indices(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """The cells of some rectangles."""
        counts = self.columns_N[chosen] * self.rows_N[chosen]
        shift = self.offsets_N[chosen] - np.cumsum([0, *counts[:-1]])[: len(chosen)]
        return np.repeat(shift, counts) + np.arange(counts.sum())

    def sheet(self, index: int, values_M: NDArray[Any]) -> NDArray[Any]:
        """The values of one rectangle as (rows, columns, ...), a view."""
        part = values_M[self.offsets_N[index] : self.offsets_N[index + 1]]
        return part.reshape(int(self.rows_N[index]), int(self.columns_N[index]), *values_M.shape[1:])


class LightMaps:
    """The light of a condition on the rectangles of a world.

    Args:
        caster: of the world's rectangles.
        rectangles: the same ones.
        reflectance_N3: mean colour of each, linear.
        lamps: of the world.
        condition: what shines.
        bounce: whether light is passed on between surfaces.
    """

    def __init__(
        self,
        caster: RayCaster,
        rectangles: Sequence[Rectangle],
        reflectance_N3: FloatArray,
        lamps: Sequence[Lamp],
        condition: Condition,
        *,
        bounce: bool = True,
    ) -> None:
        self._caster = caster
        self._grid = _Grid.of(caster, SPACING_M)
        self._outdoor_N = np.array([r.outdoor for r in rectangles], dtype=bool)
        index, points = self._grid.cells(caster, np.arange(len(rectangles)))
        normals = caster.normal_N3.astype(np.float32)[index]
        light = np.full((len(points), 3), condition.leak_klx, dtype=np.float32)
        if condition.sky_klx and not (condition.lamps or condition.sun_klx):
            # So little that its shadows are not seen.
            light[self._outdoor_N[index]] += condition.sky_klx
        sources = all_sources(lamps, rectangles, condition)
        centres = caster.corner_N3 + (caster.u_N3 + caster.v_N3) / 2
        radii = np.linalg.norm(caster.u_N3 + caster.v_N3, axis=1) / 2
        for source in sources:
            near = np.linalg.norm(centres - source.position_3, axis=1) - radii < source.reach_m
            near &= np.einsum('nj,nj->n', source.position_3 - centres, caster.normal_N3) > 0
            where = self._grid.indices(np.flatnonzero(near))
            source.add_light(caster, light, where, points, normals)
        sun_M = self._sun(condition)
        if bounce and (condition.lamps or condition.sun_klx):
            self._bounce(light, sun_M, rectangles, reflectance_N3, condition)
        self._pack(light, sun_M)

    def _sun(self, condition: Condition) -> NDArray[np.uint8] | None:
        """Share of the sun's light on every cell of the fine grid, in 255ths, or None without sun."""
        if not condition.sun_klx:
            return None
        self._fine = fine = _Grid(SUN_FINER * self._grid.columns_N, SUN_FINER * self._grid.rows_N)
        cosine_N = self._caster.normal_N3 @ condition.to_sun_3
        result = np.zeros(fine.offsets_N[-1], dtype=np.uint8)
        way = (1e3 * condition.to_sun_3).astype(np.float32)
        lit = np.flatnonzero(cosine_N > 0)
        chunk = np.cumsum(np.diff(fine.offsets_N)[lit]) // CHUNK
        for number in np.unique(chunk):
            chosen = lit[chunk == number]
            index, points = fine.cells(self._caster, chosen)
            free = self._caster.is_free(points, np.broadcast_to(way, points.shape))
            values = np.rint(255 * cosine_N[index] * free).astype(np.uint8)
            result[fine.indices(chosen)] = values
        return result

    def _bounce(
        self,
        light: NDArray[np.float32],
        sun_M: NDArray[np.uint8] | None,
        rectangles: Sequence[Rectangle],
        reflectance_N3: FloatArray,
        condition: Condition,
    ) -> None:
        """Add the light of the open sky and what surfaces pass on to each other, in place."""
        coarse = _Grid.of(self._caster, BOUNCE_SPACING_M)
        index, points = coarse.cells(self._caster, np.arange(len(rectangles)))
        directions = _hemispheres(self._caster.normal_N3[index], np.random.default_rng(0))
        origins = np.repeat(points, BOUNCE_RAYS, axis=0)
        flat = directions.reshape(-1, 3)
        hits = self._caster.cast(origins, flat, glass=False)
        a, b, _ = self._caster.locate(hits, origins, flat)
        column = np.clip(a * coarse.columns_N[hits], 0, coarse.columns_N[hits] - 1).astype(np.int64)
        row = np.clip(b * coarse.rows_N[hits], 0, coarse.rows_N[hits] - 1).astype(np.int64)
        cell = np.where(hits < 0, len(points), coarse.offsets_N[hits] + row * coarse.columns_N[hits] + column)
        colour = reflectance_N3[index].astype(np.float32)
        direct = np.empty((len(points), 3), dtype=np.float32)
        sunlight = np.asarray(condition.sun_colour, dtype=np.float32) * np.float32(condition.sun_klx / 255)
        for i in range(len(rectangles)):
            size = (int(coarse.columns_N[i]), int(coarse.rows_N[i]))
            mean = cv2.resize(self._grid.sheet(i, light), size, interpolation=cv2.INTER_AREA)
            sheet = coarse.sheet(i, direct)
            sheet[:] = mean.reshape(sheet.shape)
            if sun_M is not None:
                share = cv2.resize(self._fine.sheet(i, sun_M).astype(np.float32), size, interpolation=cv2.INTER_AREA)
                sheet += share.reshape(*sheet.shape[:2], 1) * sunlight
        sky = np.zeros((len(points), 3), dtype=np.float32)
        if condition.sky_klx:
            missed = np.flatnonzero((hits < 0) & np.repeat(self._outdoor_N[index], BOUNCE_RAYS))
            seen = np.zeros((len(hits), 3), dtype=np.float32)
            seen[missed] = Sky(condition).radiance(flat[missed], sun=False)
            sky = seen.reshape(-1, BOUNCE_RAYS, 3).mean(axis=1)
        bounced = sky
        for _ in range(BOUNCES):
            radiosity = np.concatenate([colour * (direct + bounced), np.zeros((1, 3), dtype=np.float32)])
            bounced = sky + radiosity[cell].reshape(-1, BOUNCE_RAYS, 3).mean(axis=1)
        for i in range(len(rectangles)):
            soft = cv2.blur(coarse.sheet(i, bounced), (3, 3), borderType=cv2.BORDER_REPLICATE)
            sheet = self._grid.sheet(i, light)
            sheet += cv2.resize(soft, sheet.shape[1::-1], interpolation=cv2.INTER_LINEAR).reshape(sheet.shape)

    def _pack(self, light: NDArray[np.float32], sun_M: NDArray[np.uint8] | None) -> None:
        sizes = np.column_stack([self._grid.columns_N, self._grid.rows_N])
        width = int(max(sizes[:, 0].max() + 2 * GUTTER, 256, np.sqrt(sizes.prod(axis=1).sum())))
        origins, height = pack(sizes + 2 * GUTTER, width)
        self.origins_N2, self.sizes_N2 = origins + GUTTER, sizes
        self._light = np.zeros((height, width, 3), dtype=np.float32)
        self._sun_map = None if sun_M is None else np.zeros((SUN_FINER * height, SUN_FINER * width), dtype=np.uint8)
        for i, (left, top) in enumerate(origins):
            tile = np.pad(self._grid.sheet(i, light), ((GUTTER, GUTTER), (GUTTER, GUTTER), (0, 0)), mode='edge')
            self._light[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
            if sun_M is not None and self._sun_map is not None:
                sheet = self._fine.sheet(i, sun_M)
                if sheet.any():
                    tile = np.pad(sheet, SUN_FINER * GUTTER, mode='edge')
                    y, x = SUN_FINER * int(top), SUN_FINER * int(left)
                    self._sun_map[y : y + tile.shape[0], x : x + tile.shape[1]] = tile

    def lookup(self, x: NDArray[np.float32], y: NDArray[np.float32], condition: Condition) -> NDArray[np.float32]:
        """Light at cells of the map (column, row; the first cell begins at 0), (..., 3), blue green red, klx."""
        half = np.float32(0.5)
        light = np.array(remap(self._light, x - half, y - half), dtype=np.float32)
        if self._sun_map is not None:
            scale = np.float32(SUN_FINER)
            share = np.asarray(remap(self._sun_map, x * scale - half, y * scale - half))
            colour = np.asarray(condition.sun_colour, dtype=np.float32) * np.float32(condition.sun_klx / 255)
            light += share[..., None] * colour
        return light


# Any direction that is not along a normal.
_X, _Y = np.eye(3, dtype=np.float32)[:2]


def _hemispheres(normals_M3: FloatArray, rng: np.random.Generator) -> NDArray[np.float32]:
    """Cosine-distributed directions around each normal, spread evenly and turned at random, (M, BOUNCE_RAYS, 3)."""
    k = np.arange(BOUNCE_RAYS) + 0.5
    radius = np.sqrt(k / BOUNCE_RAYS).astype(np.float32)
    turn = (np.pi * (1 + 5**0.5) * k).astype(np.float32) + 2 * np.pi * rng.random(
        (len(normals_M3), 1), dtype=np.float32
    )
    normals_M3 = normals_M3.astype(np.float32)
    other = np.where(np.abs(normals_M3[:, :1]) > 0.9, _Y, _X)
    x = np.cross(normals_M3, other)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y = np.cross(normals_M3, x)
    up = np.sqrt(1 - radius**2)
    directions = (
        (radius * np.cos(turn))[..., None] * x[:, None]
        + (radius * np.sin(turn))[..., None] * y[:, None]
        + up[:, None] * normals_M3[:, None]
    )
    return np.asarray(directions, dtype=np.float32)
