# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which rectangle a ray meets, and where on it.

Embree answers which rectangle a ray hits; where it hits follows from the plane, so that the pictures, the depths and
the projection of :class:`neumap_ros.geometry.Camera` agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import FloatArray
from neumap_ros.simulation.surfaces import Rectangle

# Rays that leave a surface start so far in front of it, metres.
LIFT_M = 1e-3


class RayCaster:
    """Casts rays against rectangles, with or without the panes of glass among them.

    Args:
        rectangles: what there is to hit.

    Raises:
        ConfigError: the ray caster embreex is not installed.
    """

    def __init__(self, rectangles: Sequence[Rectangle]) -> None:
        self.corner_N3, self.u_N3, self.v_N3 = (
            np.array([getattr(r, key) for r in rectangles], dtype=np.float64).reshape(-1, 3)
            for key in ('corner_3', 'edge_u_3', 'edge_v_3')
        )
        cross = np.cross(self.v_N3, self.u_N3)
        self.normal_N3 = cross / np.linalg.norm(cross, axis=1, keepdims=True)
        self.glass_N = np.array([r.glass for r in rectangles], dtype=bool)
        self._all = _Scene(rectangles, np.arange(len(rectangles)))
        self._opaque = _Scene(rectangles, np.flatnonzero(~self.glass_N)) if self.glass_N.any() else self._all

    def cast(self, origin: NDArray[Any], directions_N3: NDArray[Any], *, glass: bool = True) -> NDArray[np.int32]:
        """First rectangle that each ray hits, -1 for none, (N,).

        Args:
            origin: of all rays (3,) or of each (N, 3).
            directions_N3: of any length.
            glass: whether panes count; otherwise the rays go through.
        """
        return (self._all if glass else self._opaque).first(origin, directions_N3)

    def is_free(self, points_N3: NDArray[Any], ways_N3: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether light passes from each point along its way (points + ways); glass lets it pass, (N,)."""
        return self._opaque.is_free(points_N3, ways_N3)

    def planes(self, origin_3: FloatArray, rotation_33: FloatArray) -> FloatArray:
        """Per rectangle the linear maps of a direction d in the camera to (a / z, b / z, 1 / z), (N + 1, 3, 3).

        a and b are the fractions along the rectangle's edges and z the depth along the axis of d's third coordinate if
        d = (x, y, 1). The last entry, reached by the index -1, is empty space infinitely far away.

        Args:
            origin_3: of the rays in the world, metres.
            rotation_33: from the camera's axes to the world's.
        """
        offset = self.corner_N3 - origin_3
        distance = np.einsum('nj,nj->n', self.normal_N3, offset)
        # A plane through the camera is seen edge-on: no ray hits it, any finite number will do.
        distance = np.where(np.abs(distance) < 1e-9, 1e-9, distance)
        w = self.normal_N3 / distance[:, None]
        table = np.zeros((len(w) + 1, 3, 3))
        table[:-1, 2] = w
        for row, edge in enumerate((self.u_N3, self.v_N3)):
            along = edge / np.einsum('nj,nj->n', edge, edge)[:, None]
            table[:-1, row] = along - np.einsum('nj,nj->n', offset, along)[:, None] * w
        table[:-1] = table[:-1] @ rotation_33
        return table

    def locate(
        self, hits_N: NDArray[np.int32], origins_N3: NDArray[Any], directions_N3: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Where rays meet the rectangles they hit: fractions along the edges and way in lengths of the direction;
        computed as precisely as the directions are given.
        """
        kind = directions_N3.dtype
        offset = self.corner_N3.astype(kind)[hits_N] - origins_N3
        normal = self.normal_N3.astype(kind)[hits_N]
        toward = np.einsum('nj,nj->n', normal, directions_N3)
        # A ray along a plane is none that hits it; any finite number will do.
        toward = np.where(np.abs(toward) < 1e-9, kind.type(1e-9), toward)
        way = np.einsum('nj,nj->n', normal, offset) / toward
        inside = way[:, None] * directions_N3 - offset
        scaled = (e / np.einsum('nj,nj->n', e, e)[:, None] for e in (self.u_N3, self.v_N3))
        a, b = (np.einsum('nj,nj->n', inside, e.astype(kind)[hits_N]) for e in scaled)
        return a, b, way


class _Scene:
    """Embree's triangles of some rectangles."""

    def __init__(self, rectangles: Sequence[Rectangle], indices: NDArray[np.int64]) -> None:
        try:
            from embreex.mesh_construction import TriangleMesh
            from embreex.rtcore_scene import EmbreeScene
        except ImportError as error:
            raise ConfigError(
                f'simulated worlds need the ray caster embreex ({error}); install it with pip install neumap_ros[demo]'
            ) from None
        self._scene = EmbreeScene()
        vertices = [rectangles[i].vertices_43 for i in indices]
        triangles = [v[list(order)] for v in vertices for order in ((0, 1, 2), (0, 2, 3))]
        TriangleMesh(self._scene, np.array(triangles, dtype=np.float32).reshape(-1, 3, 3))
        # Two triangles per rectangle; Embree's -1 reaches the last entry.
        self._rectangle = np.append(np.repeat(indices, 2), -1).astype(np.int32)

    def first(self, origin: NDArray[Any], directions_N3: NDArray[Any]) -> NDArray[np.int32]:
        directions = np.ascontiguousarray(directions_N3, dtype=np.float32)
        origins = np.empty_like(directions)
        origins[:] = origin
        if not len(directions):
            return np.zeros(0, dtype=np.int32)
        return np.asarray(self._rectangle[self._scene.run(origins, directions)], dtype=np.int32)

    def is_free(self, points_N3: NDArray[Any], ways_N3: NDArray[Any]) -> NDArray[np.bool_]:
        if not len(points_N3):
            return np.zeros(0, dtype=bool)
        hits = self._scene.run(
            np.ascontiguousarray(points_N3, dtype=np.float32),
            np.ascontiguousarray(ways_N3, dtype=np.float32),
            query='OCCLUDED',
            dists=np.full(len(points_N3), 1 - 1e-3, dtype=np.float32),
        )
        return np.asarray(hits < 0)
