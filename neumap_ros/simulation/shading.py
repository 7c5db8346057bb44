# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From hits to light: textures, light maps, glass, the sky and the headlight of one view."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neumap_ros.geometry import Pose
from neumap_ros.simulation.atlas import Atlas
from neumap_ros.simulation.conditions import Condition
from neumap_ros.simulation.lens import SUPERSAMPLING, Lens
from neumap_ros.simulation.light import LightMaps
from neumap_ros.simulation.rays import LIFT_M, RayCaster
from neumap_ros.simulation.sky import Sky
from neumap_ros.simulation.surfaces import Rectangle

Array = NDArray[np.float32]

# What a pane reflects at right angles (both faces together), and what it absorbs.
GLASS_REFLECTS, GLASS_ABSORBS = 0.08, 0.06
# The headlight gives so many klx one metre in front of it; most of its light stays within the angle.
HEADLIGHT_KLX, HEADLIGHT_DEG, HEADLIGHT_SPILL = 0.3, 24.0, 0.06
# It sits so far from the camera (x right, y down, z forward).
HEADLIGHT_OFFSET_3 = (0.0, -0.07, 0.0)


class Shader:
    """Rectangles prepared for looking up what a hit looks like.

    Args:
        rectangles: of the world.
        srgb: whether textures are painted as screens show them.
    """

    def __init__(self, rectangles: Sequence[Rectangle], *, srgb: bool) -> None:
        self.caster = RayCaster(rectangles)
        self.atlas = Atlas([r.texture_HW3 for r in rectangles], srgb=srgb)
        windows = np.array([r.window for r in rectangles])
        self.texels_N2 = self.atlas.sizes_N2 * (windows[:, 2:] - windows[:, :2])
        self.texel0_N2 = self.atlas.origins_N2 + self.atlas.sizes_N2 * windows[:, :2]
        # One entry more for empty space, which is reached by the index -1.
        self._glow_N = np.append([r.glow for r in rectangles], 0).astype(np.float32)
        self._lamp_N = np.append([r.lamp for r in rectangles], False)
        self.glass_N = np.append(self.caster.glass_N, False)

    def glow_N(self, condition: Condition) -> Array:
        """Own light of every rectangle, and at last of empty space."""
        return np.where(self._lamp_N, np.float32(condition.lamps), np.float32(1)) * self._glow_N

    def to_cells(self, maps: LightMaps) -> Array:
        """(scale x, shift x, scale y, shift y) from texels of the atlas to cells of the light map, (N + 1, 4)."""
        scale = maps.sizes_N2 / self.texels_N2
        shift = maps.origins_N2 - scale * self.texel0_N2
        table = np.stack([scale[:, 0], shift[:, 0], scale[:, 1], shift[:, 1]], axis=1)
        return np.append(table, np.zeros((1, 4)), axis=0).astype(np.float32)


class View:
    """The shading of one picture.

    Args:
        shader: of the world.
        T_world_cam: the camera.
        condition: what shines.
        maps: its light.
        sky: its sky.
        T_world_light: the headlight; None for a hand above the camera.
    """

    def __init__(
        self,
        shader: Shader,
        T_world_cam: Pose,
        condition: Condition,
        maps: LightMaps,
        sky: Sky,
        T_world_light: Pose | None = None,
    ) -> None:
        self._shader, self._maps, self._sky, self._condition = shader, maps, sky, condition
        self._cells, self._glow_N = shader.to_cells(maps), shader.glow_N(condition)
        self._origin = T_world_cam.translation_3
        self._rotation = T_world_cam.rotation_33.astype(np.float32)
        planes = shader.caster.planes(self._origin, T_world_cam.rotation_33)
        texels = np.zeros_like(planes)
        w = planes[:-1, 2]
        for row in range(2):
            scale, start = shader.texels_N2[:, row, None], shader.texel0_N2[:, row, None]
            texels[:-1, row] = scale * planes[:-1, row] + start * w
        texels[:, 2] = planes[:, 2]
        texels[-1, 2, 2] = 1
        self._texels = texels.astype(np.float32)
        # A sample covers an area of the texture: the Jacobian of a homography is det(H) / w**3.
        self._detail = (0.5 * np.log2(np.maximum(np.abs(np.linalg.det(texels)), 1e-20))).astype(np.float32)
        if T_world_light is None:
            T_world_light = T_world_cam @ Pose(np.eye(3), np.array(HEADLIGHT_OFFSET_3))
        self._light = T_world_light

    def shade(self, hits_HW: NDArray[np.int32], lens: Lens) -> Array:
        """Radiance (H, W, 3) of samples that hit these rectangles."""
        panes = self._shader.glass_N[hits_HW]
        behind = hits_HW
        any_glass = bool(panes.any())
        if any_glass:
            rays = lens.sample_rays(panes) @ self._rotation.T
            behind = hits_HW.copy()
            behind[panes] = self._shader.caster.cast(self._origin, rays, glass=False)
        s, t, w = (_linear(self._texels[:, row], behind, lens.x_HW, lens.y_HW) for row in range(3))
        np.maximum(w, 1e-6, out=w)
        s /= w
        t /= w
        level = self._detail[behind] + lens.size_HW - np.float32(1.5) * np.log2(w)
        own = self._glow_N[behind]
        if self._condition.headlight:
            own += self._headlight(behind, lens, w)
        result = self._surfaces(behind, s, t, level, own)
        empty = behind < 0
        if empty.any():
            result[empty] = self._sky.radiance(lens.sample_rays(empty) @ self._rotation.T)
        if any_glass:
            result[panes] = self._reflections(hits_HW[panes], rays, result[panes])
        return result

    def _surfaces(self, hits: NDArray[np.int32], s: Array, t: Array, level: Array, more: Array) -> Array:
        """What surfaces send out under the light of the maps and some more."""
        cells = self._cells
        x = cells[:, 0][hits] * s + cells[:, 1][hits]
        y = cells[:, 2][hits] * t + cells[:, 3][hits]
        light = self._maps.lookup(x, y, self._condition)
        light += more[..., None]
        light *= self._shader.atlas.lookup(s, t, level)
        return light

    def _reflections(self, panes_N: NDArray[np.int32], rays_N3: Array, behind_N3: Array) -> Array:
        """What a pane shows: some of what is behind it and a mirror image of what is before it."""
        caster = self._shader.caster
        normal = caster.normal_N3.astype(np.float32)[panes_N]
        toward = np.einsum('nj,nj->n', normal, rays_N3)
        length = np.linalg.norm(rays_N3, axis=1)
        cosine = np.minimum(np.abs(toward) / length, 1)
        share = (GLASS_REFLECTS + (1 - GLASS_REFLECTS) * (1 - cosine) ** 5).astype(np.float32)[:, None]
        _, _, way = caster.locate(panes_N, self._origin[None], rays_N3.astype(np.float64))
        mirrored = rays_N3 - 2 * toward[:, None] * normal
        points = self._origin + way[:, None] * rays_N3 - LIFT_M * np.sign(toward)[:, None] * normal
        hits = caster.cast(points, mirrored, glass=False)
        a, b, _ = caster.locate(hits, points, mirrored.astype(np.float64))
        texels, start = self._shader.texels_N2[hits], self._shader.texel0_N2[hits]
        s, t = (texels[:, 0] * a + start[:, 0]).astype(np.float32), (texels[:, 1] * b + start[:, 1]).astype(np.float32)
        level = np.full(len(s), 1.5, dtype=np.float32)
        seen = self._surfaces(hits, s, t, level, self._glow_N[hits])
        empty = hits < 0
        seen[empty] = self._sky.radiance(mirrored[empty])
        return np.asarray((1 - GLASS_ABSORBS) * (1 - share) * behind_N3 + share * seen, dtype=np.float32)

    def _headlight(self, hits: NDArray[np.int32], lens: Lens, w: Array) -> Array:
        """Illuminance of every sample by the headlight, with shadows."""
        caster = self._shader.caster
        to_camera = self._rotation.T
        position = to_camera @ (self._light.translation_3 - self._origin).astype(np.float32)
        axis = to_camera @ self._light.rotation_33[:, 2].astype(np.float32)
        normals = np.append(caster.normal_N3 @ self._rotation, np.zeros((1, 3)), axis=0).astype(np.float32)
        depth = 1 / w
        x, y, z = lens.x_HW * depth - position[0], lens.y_HW * depth - position[1], depth - position[2]
        square = np.maximum(x * x + y * y + z * z, np.float32(0.02))
        distance = np.sqrt(square)
        nx, ny, nz = (normals[:, i][hits] for i in range(3))
        cosine = np.abs(nx * x + ny * y + nz * z) / distance
        angle = np.arccos(np.clip((x * axis[0] + y * axis[1] + z * axis[2]) / distance, -1, 1))
        beam = np.exp(-0.5 * (angle / np.float32(np.radians(HEADLIGHT_DEG))) ** 2) + np.float32(HEADLIGHT_SPILL)
        beam[angle > np.pi / 2] = 0
        light = np.float32(HEADLIGHT_KLX * self._condition.headlight) * beam * cosine / square
        return np.asarray(light * self._lit_samples(hits, x, y, z), dtype=np.float32)

    def _lit_samples(self, hits: NDArray[np.int32], x: Array, y: Array, z: Array) -> Array:
        """1 where the headlight reaches a sample, 0 in shadow; one ray per pixel, more where surfaces meet."""
        n = SUPERSAMPLING
        free = self._reaches(x[::n, ::n], y[::n, ::n], z[::n, ::n]).repeat(n, axis=0).repeat(n, axis=1)
        first = hits[::n, ::n].repeat(n, axis=0).repeat(n, axis=1)
        others = hits != first
        free[others] = self._reaches(x[others], y[others], z[others])
        return free

    def _reaches(self, x: Array, y: Array, z: Array) -> Array:
        ways = np.stack([x, y, z], axis=-1).reshape(-1, 3) @ self._rotation.T
        # Ends a little before the surface, whose own plane must not hide it.
        ways *= 1 - LIFT_M
        start = np.broadcast_to(self._light.translation_3.astype(np.float32), ways.shape)
        return self._shader.caster.is_free(start, ways).reshape(x.shape).astype(np.float32)


def _linear(rows_N3: Array, index_HW: NDArray[np.int32], x: Array, y: Array) -> Array:
    """``rows[index] @ (x, y, 1)`` for every sample."""
    a, b, c = np.ascontiguousarray(rows_N3.T)
    result: Array = a[index_HW] * x + b[index_HW] * y + c[index_HW]
    return result
