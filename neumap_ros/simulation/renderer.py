# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of worlds: linear light and exact depth for every camera model, on the processor.

Rays make fisheye lenses, depth and shadows exact; ``docs/simulation.md`` has the figures that decided for them.
World units are metres, z is up; colours are blue, green, red.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import CalibrationError
from neumap_ros.geometry import Camera, FloatArray, Pose
from neumap_ros.simulation.conditions import Condition
from neumap_ros.simulation.lamps import Lamp
from neumap_ros.simulation.lens import SUPERSAMPLING, Lens, lens_of, rays_of
from neumap_ros.simulation.light import LightMaps
from neumap_ros.simulation.shading import Shader, View
from neumap_ros.simulation.sky import Sky
from neumap_ros.simulation.surfaces import Rectangle

if TYPE_CHECKING:
    from neumap_ros.simulation.world import World


@dataclass(frozen=True)
class Rendering:
    """What a camera sees.

    Attributes:
        radiance_HW3: float32, linear, blue green red; 1 is a white surface under 1 klx (see conditions.py).
        depth_HW: float32, metres along the optical axis at the pixel's centre; 0 where nothing is. Behind glass it is
            the depth of what one sees through it.
    """

    radiance_HW3: NDArray[np.float32]
    depth_HW: NDArray[np.float32]


class Renderer:
    """Renders lit rectangles; the light maps of a condition are baked when it is first seen.

    Args:
        rectangles: what there is to see.
        lamps: that shine.
        srgb: whether textures are painted as screens show them.
        bounce: whether light is passed on between surfaces.

    Raises:
        ConfigError: the ray caster embreex is not installed.
    """

    def __init__(
        self, rectangles: Sequence[Rectangle], lamps: Sequence[Lamp] = (), *, srgb: bool = True, bounce: bool = True
    ) -> None:
        self.rectangles = list(rectangles)
        self.lamps = tuple(lamps)
        self._shader = Shader(self.rectangles, srgb=srgb)
        self._caster = self._shader.caster
        self._bounce = bounce
        self._lit: dict[Condition, tuple[LightMaps, Sky]] = {}

    def prepare(self, condition: Condition) -> None:
        """Bake the light of a condition now instead of at its first picture."""
        if condition not in self._lit:
            reflectance = self._shader.atlas.means_N3
            maps = LightMaps(self._caster, self.rectangles, reflectance, self.lamps, condition, bounce=self._bounce)
            self._lit[condition] = maps, Sky(condition)

    def trace(self, camera: Camera, T_world_cam: Pose, pixels_N2: FloatArray) -> tuple[NDArray[np.int64], FloatArray]:
        """What the camera sees at some pixels; glass is looked through.

        Args:
            camera: of any model.
            T_world_cam: its pose.
            pixels_N2: where to look, pixels in COLMAP's convention (top-left pixel's centre at 0.5, 0.5).

        Returns:
            (index of the rectangle or -1 (N,), depth along the optical axis in metres (N,), infinite where empty).
        """
        pixels = np.asarray(pixels_N2, dtype=np.float64).reshape(-1, 2)
        rays = np.column_stack([rays_of(camera, pixels), np.ones(len(pixels))])
        valid = np.isfinite(rays).all(axis=1)
        rays[~valid] = 0, 0, 1
        hits = self._caster.cast(T_world_cam.translation_3, rays @ T_world_cam.rotation_33.T, glass=False)
        hits[~valid] = -1
        w = self._caster.planes(T_world_cam.translation_3, T_world_cam.rotation_33)[hits, 2]
        with np.errstate(divide='ignore'):
            return hits.astype(np.int64), np.where(hits < 0, np.inf, 1 / np.einsum('nj,nj->n', w, rays))

    def render(
        self, camera: Camera, T_world_cam: Pose, condition: Condition, *, T_world_light: Pose | None = None
    ) -> Rendering:
        """Light and depth at every pixel.

        Args:
            camera: of any model; pixels that its model cannot explain are black and without depth.
            T_world_cam: its pose in the world, metres.
            condition: what shines; the first picture of a condition bakes its light maps (seconds).
            T_world_light: the headlight, which shines along its z axis; a hand above the camera unless told.

        Raises:
            CalibrationError: the pose is not finite.
        """
        if not np.isfinite(T_world_cam.matrix_44).all():
            raise CalibrationError(f'the pose of {camera.name} contains NaN or infinity, expected finite numbers')
        self.prepare(condition)
        maps, sky = self._lit[condition]
        lens = lens_of(camera)
        origin, rotation = T_world_cam.translation_3, T_world_cam.rotation_33
        centres = self._caster.cast(origin, lens.centres_N3 @ rotation.T)
        centres[~lens.valid_N] = -1
        hits = self._samples(lens, centres.reshape(lens.height, lens.width), T_world_cam)
        view = View(self._shader, T_world_cam, condition, maps, sky, T_world_light)
        radiance = view.shade(hits, lens)
        radiance[~lens.valid_HW] = 0
        picture = cv2.resize(radiance, (lens.width, lens.height), interpolation=cv2.INTER_AREA)
        return Rendering(np.asarray(picture, dtype=np.float32), self._depth(lens, centres, T_world_cam))

    def _samples(self, lens: Lens, centres_HW: NDArray[np.int32], T_world_cam: Pose) -> NDArray[np.int32]:
        """Rectangle of every sample; only pixels whose neighbours see something else need rays of their own."""
        mixed = np.zeros(centres_HW.shape, dtype=bool)
        for first, second in (
            (np.s_[:, 1:], np.s_[:, :-1]),
            (np.s_[1:], np.s_[:-1]),
            (np.s_[1:, 1:], np.s_[:-1, :-1]),
            (np.s_[1:, :-1], np.s_[:-1, 1:]),
        ):
            differs = centres_HW[first] != centres_HW[second]
            mixed[first] |= differs
            mixed[second] |= differs
        samples = centres_HW.repeat(SUPERSAMPLING, axis=0).repeat(SUPERSAMPLING, axis=1)
        where = mixed.repeat(SUPERSAMPLING, axis=0).repeat(SUPERSAMPLING, axis=1) & lens.valid_HW
        rays = lens.sample_rays(where) @ T_world_cam.rotation_33.T.astype(np.float32)
        samples[where] = self._caster.cast(T_world_cam.translation_3, rays)
        return samples

    def _depth(self, lens: Lens, centres_N: NDArray[np.int32], T_world_cam: Pose) -> NDArray[np.float32]:
        origin, rotation = T_world_cam.translation_3, T_world_cam.rotation_33
        hits = centres_N.copy()
        panes = np.flatnonzero((hits >= 0) & self._caster.glass_N[hits])
        hits[panes] = self._caster.cast(origin, lens.centres_N3[panes] @ rotation.T, glass=False)
        w = np.einsum('nj,nj->n', self._caster.planes(origin, rotation)[hits, 2], lens.centres_N3)
        with np.errstate(divide='ignore'):
            depth = np.where(hits < 0, 0, 1 / w)
        return depth.astype(np.float32).reshape(lens.height, lens.width)


class WorldRenderer(Renderer):
    """Renders a world.

    Args:
        world: to look at.

    Raises:
        ConfigError: the ray caster embreex is not installed.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world.rectangles, world.lamps)
        self.world = world


class PictureRenderer:
    """Renders rectangles under fixed lamps to 8-bit pictures, without the steps of a real camera.

    Args:
        rectangles: what there is to see; a texture under brightness 1 appears as it is painted.
        lamps: that shine; none means brightness 1 everywhere.
        ambient: brightness that is everywhere.

    Raises:
        ConfigError: the ray caster embreex is not installed.
    """

    def __init__(self, rectangles: Sequence[Rectangle], lamps: Sequence[Lamp] = (), ambient: float = 1.0) -> None:
        self._renderer = Renderer(rectangles, lamps, srgb=False, bounce=False)
        self._condition = Condition('fixed', lamps=1.0, leak_klx=ambient)
        self.rectangles = self._renderer.rectangles
        self.trace = self._renderer.trace

    def render(self, camera: Camera, T_world_cam: Pose) -> NDArray[np.uint8]:
        """The picture (H, W, 3), uint8, blue green red, black where nothing is.

        Args:
            camera: of any model.
            T_world_cam: its pose in the world, metres.
        """
        radiance = self._renderer.render(camera, T_world_cam, self._condition).radiance_HW3
        return np.clip(np.rint(255 * radiance), 0, 255).astype(np.uint8)
