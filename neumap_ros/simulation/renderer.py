# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of textured rectangles, exact to a fraction of a pixel.

Embree answers which rectangle a ray hits; where it hits follows from the plane in double precision, so that the
pictures, the depths and the projection of :class:`neumap_ros.geometry.Camera` agree. World units are metres, z is up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import CalibrationError, ConfigError
from neumap_ros.geometry import Camera, FloatArray, Pose

# Samples per pixel and axis: 2 x 2 samples keep edges from jumping between neighbouring views.
SUPERSAMPLING = 2
# The texture is stored in halved resolutions (mipmaps) down to 1 / 2**MIP_LEVELS.
MIP_LEVELS = 5
# Texels repeated around every rectangle, so that filtering never reads the neighbour in the atlas.
GUTTER = 2 ** (MIP_LEVELS - 1)
# Spacing of the light map in metres: finer than the soft shadows of the lamps.
LIGHT_SPACING_M = 0.08


@dataclass(frozen=True)
class Rectangle:
    """A textured rectangle in the world: ``corner + a * edge_u + b * edge_v`` for a, b in [0, 1].

    ``edge_u`` runs along the columns of the texture and ``edge_v`` down its rows; the two are orthogonal, in metres.
    ``texture_HW3`` is uint8, blue green red.
    """

    name: str
    corner_3: FloatArray
    edge_u_3: FloatArray
    edge_v_3: FloatArray
    texture_HW3: NDArray[np.uint8]

    @property
    def vertices_43(self) -> FloatArray:
        """The corners (4, 3) in metres: texture origin, end of the first row, last texel, begin of the last row."""
        u, v = self.edge_u_3, self.edge_v_3
        return np.asarray(self.corner_3 + np.array([np.zeros(3), u, u + v, v]), dtype=np.float64)


@dataclass(frozen=True)
class Lights:
    """Small lamps and the light that comes from everywhere; brightness 1 shows a texture as it is painted."""

    positions_N3: FloatArray
    power: float = 1.0
    ambient: float = 1.0


class Renderer:
    """Renders rectangles; building it takes a second, a 640x480 picture about a tenth.

    Args:
        rectangles: what there is to see.
        lights: lamps whose light and shadows are painted onto the rectangles once; they do not move.

    Raises:
        ConfigError: the ray caster embreex is not installed.
    """

    def __init__(self, rectangles: Sequence[Rectangle], lights: Lights | None = None) -> None:
        self.rectangles = list(rectangles)
        self._scene = _embree_scene(self.rectangles)
        textures = [r.texture_HW3 for r in self.rectangles]
        if lights is not None:
            textures = [self._lit(r, lights) for r in self.rectangles]
        self._atlas, self._origins_N2, self._level_x = _build_atlas(textures)
        self._sizes_N2 = np.array([t.shape[1::-1] for t in textures], dtype=np.float64)

    def trace(self, camera: Camera, T_world_cam: Pose, pixels_N2: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
        """What the camera sees at some pixels.

        Args:
            camera: a pinhole camera.
            T_world_cam: its pose.
            pixels_N2: where to look, pixels in COLMAP's convention (top-left pixel's centre at 0.5, 0.5).

        Returns:
            (index of the rectangle or -1 (N,), depth along the optical axis in metres (N,), infinite where empty).
        """
        to_ray = T_world_cam.rotation_33 @ np.linalg.inv(_intrinsics(camera))
        pixels = np.asarray(pixels_N2, dtype=np.float64).reshape(-1, 2)
        hits = self._cast(T_world_cam.translation_3, _homogeneous(pixels) @ to_ray.T)
        w = self._homographies(to_ray, T_world_cam.translation_3)[hits, 2]
        with np.errstate(divide='ignore'):
            return hits, np.where(hits < 0, np.inf, 1 / np.einsum('nj,nj->n', w, _homogeneous(pixels)))

    def render(self, camera: Camera, T_world_cam: Pose) -> NDArray[np.uint8]:
        """The picture (H, W, 3), uint8, blue green red, black where nothing is.

        Args:
            camera: a pinhole camera.
            T_world_cam: its pose in the world, metres.

        Raises:
            CalibrationError: the camera is not a pinhole.
        """
        to_ray = T_world_cam.rotation_33 @ np.linalg.inv(_intrinsics(camera))
        origin = T_world_cam.translation_3
        hits = self._sample_hits(camera, to_ray, origin)
        rows, columns = hits.shape
        x = ((np.arange(columns) + 0.5) / SUPERSAMPLING).astype(np.float32)[None, :]
        y = ((np.arange(rows) + 0.5) / SUPERSAMPLING).astype(np.float32)[:, None]
        table = self._homographies(to_ray, origin)
        s, t, w = (_linear(table[:, row], hits, x, y) for row in range(3))
        s /= w
        t /= w
        # The area that one sample covers on the texture: the Jacobian of a homography is det(H) / w**3.
        area = np.abs(np.linalg.det(table)) / SUPERSAMPLING**2
        level = (0.5 * np.log2(np.maximum(area, 1e-12))).astype(np.float32)[hits] - 1.5 * np.log2(w)
        np.clip(level, 0, MIP_LEVELS - 1, out=level)
        fine = level.astype(np.int32)
        weight = (level - fine)[..., None]
        coarse = np.minimum(fine + 1, MIP_LEVELS - 1)
        samples = self._lookup(s, t, fine).astype(np.float32)
        samples += weight * (self._lookup(s, t, coarse) - samples)
        picture = cv2.resize(samples, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
        return np.clip(np.rint(picture), 0, 255).astype(np.uint8)

    def _sample_hits(self, camera: Camera, to_ray: FloatArray, origin: FloatArray) -> NDArray[np.int64]:
        """Rectangle of every sample, (H * SUPERSAMPLING, W * SUPERSAMPLING).

        A ray goes through every pixel's corner; only pixels whose corners disagree need rays of their own.
        """
        width, height = camera.width, camera.height
        along_row, along_column, middle = to_ray.astype(np.float32).T
        x, y = np.arange(width + 1, dtype=np.float32), np.arange(height + 1, dtype=np.float32)
        rays = (x[:, None] * along_row + middle) + (y[:, None] * along_column)[:, None]
        corners = self._cast(origin, rays.reshape(-1, 3)).reshape(height + 1, width + 1)
        hits = corners[:-1, :-1].copy()
        mixed = (hits != corners[1:, :-1]) | (hits != corners[:-1, 1:]) | (hits != corners[1:, 1:])
        samples = hits.repeat(SUPERSAMPLING, axis=0).repeat(SUPERSAMPLING, axis=1)
        where = np.argwhere(mixed.repeat(SUPERSAMPLING, axis=0).repeat(SUPERSAMPLING, axis=1))
        if len(where):
            pixels = (where[:, ::-1] + 0.5) / SUPERSAMPLING
            samples[where[:, 0], where[:, 1]] = self._cast(origin, _homogeneous(pixels) @ to_ray.T)
        return samples

    def _cast(self, origin: FloatArray, directions_N3: NDArray[Any]) -> NDArray[np.int64]:
        directions = np.ascontiguousarray(directions_N3, dtype=np.float32)
        origins = np.empty_like(directions)
        origins[:] = origin
        triangles: NDArray[np.int64] = self._scene.run(origins, directions).astype(np.int64)
        return np.where(triangles < 0, -1, triangles // 2)

    def _homographies(self, to_ray: FloatArray, origin: FloatArray) -> FloatArray:
        """Per rectangle the map from (x, y, 1) in pixels to (s / z, t / z, 1 / z): atlas texels and depth.

        The last entry, reached by the index -1, is empty space: a black texel.
        """
        corner, u, v = (np.array([getattr(r, key) for r in self.rectangles]) for key in ('corner_3', *_EDGES))
        normal = np.cross(u, v)
        offset = corner - origin
        distance = np.einsum('nj,nj->n', normal, offset)
        # A plane through the camera is seen edge-on: no ray hits it, any finite number will do.
        distance = np.where(np.abs(distance) < 1e-12, 1e-12, distance)
        w = normal / distance[:, None]
        table = np.zeros((len(corner) + 1, 3, 3))
        table[:-1, 2] = w
        for row, edge in enumerate((u, v)):
            along = edge / np.einsum('nj,nj->n', edge, edge)[:, None]
            fraction = along - np.einsum('nj,nj->n', offset, along)[:, None] * w
            table[:-1, row] = fraction * self._sizes_N2[:, row, None] + self._origins_N2[:-1, row, None] * w
        table[:-1] = table[:-1] @ to_ray
        table[-1, :, 2] = (*self._origins_N2[-1], 1)
        return table

    def _lookup(self, s: NDArray[np.float32], t: NDArray[np.float32], level: NDArray[np.int32]) -> NDArray[np.uint8]:
        scale = (0.5 ** np.arange(MIP_LEVELS)).astype(np.float32)[level]
        x = s * scale + (self._level_x - 0.5).astype(np.float32)[level]
        y = t * scale - np.float32(0.5)
        return np.asarray(cv2.remap(self._atlas, x, y, cv2.INTER_LINEAR), dtype=np.uint8)

    def _lit(self, rectangle: Rectangle, lights: Lights) -> NDArray[np.uint8]:
        """The rectangle's texture under the lamps, with their shadows."""
        u, v = rectangle.edge_u_3, rectangle.edge_v_3
        columns, rows = (max(2, int(np.ceil(np.linalg.norm(edge) / LIGHT_SPACING_M))) for edge in (u, v))
        a, b = np.meshgrid((np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows)
        points = rectangle.corner_3 + a.reshape(-1, 1) * u + b.reshape(-1, 1) * v
        normal = np.cross(v, u) / np.linalg.norm(np.cross(v, u))
        points = points + 1e-3 * normal
        light = np.full(len(points), lights.ambient)
        for lamp in lights.positions_N3:
            way = lamp - points
            square = np.einsum('nj,nj->n', way, way)
            cosine = np.maximum(way @ normal, 0) / np.sqrt(square)
            rays = self._scene.run(points.astype(np.float32), way.astype(np.float32), output=1)
            free = (rays['primID'] < 0) | (rays['tfar'] > 1 - 1e-3)
            light += lights.power / len(lights.positions_N3) * free * cosine / square
        height, width = rectangle.texture_HW3.shape[:2]
        grid = light.reshape(rows, columns).astype(np.float32)
        light_map = cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
        return np.asarray(np.clip(rectangle.texture_HW3 * light_map, 0, 255), dtype=np.uint8)


_EDGES = ('edge_u_3', 'edge_v_3')


def _embree_scene(rectangles: Sequence[Rectangle]) -> Any:
    try:
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene
    except ImportError as error:
        raise ConfigError(
            f'the demo world needs the ray caster embreex ({error}); install it with pip install neumap_ros[demo]'
        ) from None
    scene = EmbreeScene()
    triangles = [r.vertices_43[list(order)] for r in rectangles for order in ((0, 1, 2), (0, 2, 3))]
    TriangleMesh(scene, np.array(triangles, dtype=np.float32))
    return scene


def _build_atlas(textures: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.uint8], FloatArray, FloatArray]:
    """Put all textures into one picture, halved resolutions to the right.

    Returns:
        (atlas (H, W, 3), origin of every texture in texels and at last that of a black one (N + 1, 2),
        column where each resolution begins (MIP_LEVELS,)).
    """
    border = (GUTTER, GUTTER)
    tiles = [np.pad(t, (border, border, (0, 0)), mode='edge') for t in textures]
    tiles.append(np.zeros((2 * GUTTER + 1, 2 * GUTTER + 1, 3), dtype=np.uint8))
    unit = 2**MIP_LEVELS
    width = max(-(-max(t.shape[1] for t in tiles) // unit) * unit, 1024)
    origins = np.zeros((len(tiles), 2), dtype=np.int64)
    x = y = shelf = 0
    for index in sorted(range(len(tiles)), key=lambda i: (-tiles[i].shape[0], i)):
        rows, columns = tiles[index].shape[:2]
        if x + columns > width:
            x, y, shelf = 0, y + shelf, 0
        origins[index] = x, y
        x += -(-columns // unit) * unit
        shelf = max(shelf, -(-rows // unit) * unit)
    base = np.zeros((y + shelf, width, 3), dtype=np.uint8)
    for tile, (left, top) in zip(tiles, origins, strict=True):
        base[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    levels = [base]
    for _ in range(MIP_LEVELS - 1):
        rows, columns = levels[-1].shape[:2]
        half = cv2.resize(levels[-1], (columns // 2, rows // 2), interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, dtype=np.uint8))
    starts = np.cumsum([0, *(level.shape[1] for level in levels[:-1])])
    atlas = np.zeros((len(base), sum(level.shape[1] for level in levels), 3), dtype=np.uint8)
    for level, start in zip(levels, starts, strict=True):
        atlas[: level.shape[0], start : start + level.shape[1]] = level
    return atlas, np.asarray(origins + GUTTER, dtype=np.float64), starts.astype(np.float64)


def _intrinsics(camera: Camera) -> FloatArray:
    if camera.model != 'PINHOLE':
        raise CalibrationError(f'{camera.name} uses the model {camera.model}, expected PINHOLE to render pictures')
    fx, fy, cx, cy = camera.params
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])


def _homogeneous(pixels_N2: FloatArray) -> FloatArray:
    return np.column_stack([pixels_N2, np.ones(len(pixels_N2))])


def _linear(
    rows_N3: FloatArray, index_HW: NDArray[np.int64], x: NDArray[np.float32], y: NDArray[np.float32]
) -> NDArray[np.float32]:
    """``rows[index] @ (x, y, 1)`` for every sample."""
    a, b, c = rows_N3.astype(np.float32).T
    result: NDArray[np.float32] = a[index_HW] * x + b[index_HW] * y + c[index_HW]
    return result
