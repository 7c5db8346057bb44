# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The surfaces that a world is made of: flat rectangles with a texture. Metres, z up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neumap_ros.geometry import FloatArray
from neumap_ros.simulation.textures import Painter

WHOLE = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class Rectangle:
    """A textured rectangle in the world: ``corner + a * edge_u + b * edge_v`` for a, b in [0, 1].

    ``edge_u`` runs along the columns of the texture and ``edge_v`` down its rows; the two are orthogonal, in metres.
    ``texture_HW3`` is uint8, blue green red; rectangles that share the same array share its memory.

    Attributes:
        window: which part of the texture the rectangle shows: left, top, right, bottom as fractions.
        glass: whether one looks through it and sees a reflection; its texture is not shown.
        daylight: whether it is a window through which the sky lights the room that it faces.
        glow: light that the surface sends out itself, times its texture (klx, see conditions.py).
        lamp: whether that light goes on and off with the lamps.
        outdoor: whether the sky may light it.
    """

    name: str
    corner_3: FloatArray
    edge_u_3: FloatArray
    edge_v_3: FloatArray
    texture_HW3: NDArray[np.uint8]
    window: tuple[float, float, float, float] = WHOLE
    glass: bool = False
    daylight: bool = False
    glow: float = 0.0
    lamp: bool = False
    outdoor: bool = False

    @property
    def vertices_43(self) -> FloatArray:
        """The corners (4, 3) in metres: texture origin, end of the first row, last texel, begin of the last row."""
        u, v = self.edge_u_3, self.edge_v_3
        return np.asarray(self.corner_3 + np.array([np.zeros(3), u, u + v, v]), dtype=np.float64)


@dataclass(frozen=True)
class Box:
    """A piece of furniture: centre and size in metres, turned by yaw (radians) about the vertical."""

    name: str
    centre_3: tuple[float, float, float]
    size_3: tuple[float, float, float]
    yaw: float
    paint: Painter


def panel(
    name: str,
    centre_3: ArrayLike,
    normal_3: ArrayLike,
    size_m: tuple[float, float],
    texture: NDArray[np.uint8],
    *,
    window: tuple[float, float, float, float] = WHOLE,
    glass: bool = False,
    glow: float = 0.0,
    lamp: bool = False,
    outdoor: bool = False,
) -> Rectangle:
    """A rectangle that faces ``normal_3``; the texture is upright, on a horizontal one its top points to +y or -y.

    Args:
        name: of the rectangle.
        centre_3: its middle in metres.
        normal_3: unit vector towards the viewer.
        size_m: width and height in metres.
        texture: (H, W, 3).
        window: see :class:`Rectangle`, as the other arguments.
        glass: one looks through it.
        glow: own light.
        lamp: whether it goes on and off with the lamps.
        outdoor: under the sky.
    """
    normal = np.asarray(normal_3, dtype=np.float64)
    down = np.array([0.0, 0, -1]) if abs(normal[2]) < 0.5 else np.array([0.0, -normal[2], 0])
    right = np.cross(normal, down)
    u, v = size_m[0] * right, size_m[1] * down
    corner = np.asarray(centre_3, dtype=np.float64) - u / 2 - v / 2
    return Rectangle(name, corner, u, v, texture, window, glass=glass, glow=glow, lamp=lamp, outdoor=outdoor)


def box_panels(box: Box, resolution: float, rng: np.random.Generator, *, outdoor: bool = False) -> list[Rectangle]:
    """The four sides and the top of a box, each painted anew.

    Args:
        box: to build.
        resolution: texels per metre.
        rng: for the painter.
        outdoor: under the sky.
    """
    width, depth, height = box.size_3
    centre = np.array(box.centre_3)
    x = np.array([np.cos(box.yaw), np.sin(box.yaw), 0])
    y = np.array([-np.sin(box.yaw), np.cos(box.yaw), 0])
    panels = [
        panel(
            f'{box.name} side {i}',
            centre + s * e * axis / 2,
            s * axis,
            (w, height),
            box.paint((w, height), resolution, rng),
            outdoor=outdoor,
        )
        for i, (axis, s, e, w) in enumerate(
            [(x, 1, width, depth), (x, -1, width, depth), (y, 1, depth, width), (y, -1, depth, width)]
        )
    ]
    top = box.paint((width, depth), resolution, rng)
    corner = centre + np.array([0, 0, height / 2]) - width * x / 2 + depth * y / 2
    panels.append(Rectangle(f'{box.name} top', corner, width * x, -depth * y, top, outdoor=outdoor))
    return panels
