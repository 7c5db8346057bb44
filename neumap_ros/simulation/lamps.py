# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Lamps and windows as points of light, and how they light surfaces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neumap_ros.geometry import FloatArray
from neumap_ros.simulation.conditions import Colour3, Condition
from neumap_ros.simulation.rays import RayCaster
from neumap_ros.simulation.surfaces import Rectangle

# A lamp or window does not reach places where it would give less than this share of its light at one metre.
FAINT_SHARE = 0.011
# Light from below the horizon through a window, compared with the sky.
GROUND_SHARE = 0.25
# Panes shine from points so far apart.
WINDOW_POINTS_M = 1.3


@dataclass(frozen=True)
class Lamp:
    """A lamp: a small panel that shines along its normal, or a bulb that shines everywhere.

    Attributes:
        name: of the lamp.
        position_3: metres.
        intensity: illuminance in klx one metre in front of it.
        colour: blue, green, red.
        normal_3: where the panel shines; zeros for a bulb.
        radius_m: half its size; larger lamps have softer shadows.
    """

    name: str
    position_3: tuple[float, float, float]
    intensity: float
    colour: Colour3 = (0.85, 0.95, 1.0)
    normal_3: tuple[float, float, float] = (0.0, 0.0, -1.0)
    radius_m: float = 0.2


@dataclass(frozen=True)
class Source:
    """A point of light; ``strength`` is the illuminance in klx at one metre on its axis."""

    position_3: FloatArray
    normal_3: FloatArray
    strength_3: NDArray[np.float32]
    reach_m: float
    window: bool = False

    def add_light(
        self,
        caster: RayCaster,
        light_M3: NDArray[np.float32],
        where_K: NDArray[np.int64],
        points_M3: NDArray[np.float32],
        normals_M3: NDArray[np.float32],
    ) -> None:
        """Add the illuminance of some cells, with shadows, in place."""
        ways = self.position_3.astype(np.float32) - points_M3[where_K]
        square = np.einsum('nj,nj->n', ways, ways)
        close = square < np.float32(self.reach_m**2)
        where, ways, square = where_K[close], ways[close], np.maximum(square[close], np.float32(0.01))
        cosine = np.einsum('nj,nj->n', ways, normals_M3[where]) / square
        if self.normal_3.any():
            cosine *= -(ways @ self.normal_3.astype(np.float32))
        else:
            cosine *= np.sqrt(square)
        if self.window:
            # Looking up through the window one sees the sky, looking down the ground.
            upward = np.clip(np.float32(0.5) + 2 * ways[:, 2] / np.sqrt(square), 0, 1)
            cosine *= GROUND_SHARE + (1 - GROUND_SHARE) * upward
        fade = (1 - (square / np.float32(self.reach_m**2)) ** 2) ** 2
        value = cosine / square * fade
        # What makes no difference to an eye needs no shadow either.
        lit = np.flatnonzero(value > np.float32(0.05 * FAINT_SHARE))
        lit = lit[caster.is_free(points_M3[where[lit]], ways[lit])]
        light_M3[where[lit]] += value[lit, None] * self.strength_3


def all_sources(lamps: Sequence[Lamp], rectangles: Sequence[Rectangle], condition: Condition) -> list[Source]:
    """Every point of light of a condition: of lamps that are on, and of windows under a sky."""
    sources = [s for lamp in lamps for s in lamp_sources(lamp, condition.lamps)] if condition.lamps else []
    if condition.sky_klx:
        sources += [s for pane in rectangles if pane.daylight for s in window_sources(pane, condition)]
    return sources


def lamp_sources(lamp: Lamp, factor: float) -> list[Source]:
    """Two points on a lamp, or one if it is small."""
    strength = np.asarray(factor * lamp.intensity * np.array(lamp.colour), dtype=np.float32)
    reach = float(np.sqrt(1 / FAINT_SHARE)) * max(1.0, lamp.intensity**0.5)
    normal = np.asarray(lamp.normal_3)
    if lamp.radius_m < 0.05:
        return [Source(np.array(lamp.position_3), normal, strength, reach)]
    offsets = lamp.radius_m * np.array([[1, 1, 0], [-1, -1, 0]]) / 2
    strength *= np.float32(0.5)
    return [Source(np.array(lamp.position_3) + o, normal, strength, reach) for o in offsets]


def window_sources(pane: Rectangle, condition: Condition) -> list[Source]:
    """Points on a pane that shine into the room that it faces like the sky behind it."""
    area = float(np.linalg.norm(np.cross(pane.edge_u_3, pane.edge_v_3)))
    normal = np.cross(pane.edge_v_3, pane.edge_u_3) / area
    columns, rows = (max(1, round(float(np.linalg.norm(e)) / WINDOW_POINTS_M)) for e in (pane.edge_u_3, pane.edge_v_3))
    share = condition.sky_klx * area / (np.pi * columns * rows)
    strength = (share * np.array(condition.sky_colour)).astype(np.float32)
    reach = float(np.sqrt(1 / FAINT_SHARE))
    return [
        Source(
            pane.corner_3 + (i + 0.5) / columns * pane.edge_u_3 + (j + 0.5) / rows * pane.edge_v_3 + 0.05 * normal,
            normal,
            strength,
            reach,
            window=True,
        )
        for i in range(columns)
        for j in range(rows)
    ]
