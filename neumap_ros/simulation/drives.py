# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Drives through a world: one that maps all of it, and others of another day that ask where they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import Camera, FloatArray, Pose
from neumap_ros.simulation.motion import Leg, Motion
from neumap_ros.simulation.routes import Free, RoadMap, beside, path_along, tour, wander
from neumap_ros.simulation.steering import Gait, Pause, drive_path
from neumap_ros.simulation.world import World

# Drives start at this time of their day; day 0 is an arbitrary one.
FIRST_STAMP_NS = 1_700_000_000 * 10**9
DAY_NS = 86_400 * 10**9
# Times are whole microseconds, so that images and odometry at the same time have the same stamp.
TIME_DIGITS = 6

# The robot: a cylinder; planned with more room than it needs, because steering cuts corners.
ROBOT_RADIUS_M, PLANNING_RADIUS_M = 0.22, 0.30
ROBOT_HEIGHT_M = 1.1
CAMERA_HEIGHT_M = 1.0
# Mounts: yaw in degrees, and how far the camera stands from the robot's axis.
_DIRECTIONS = {'front': 0.0, 'left': 90.0, 'rear': 180.0, 'right': -90.0}
_ARM_M = 0.15
# 71 degrees across, like the usual depth and webcams of robots; the fisheye sees 127.
_FOCAL_WIDTHS, _FISHEYE_WIDTHS = 0.7, 0.45
_FISHEYE_DISTORTION = (0.02, -0.004, 0.0, 0.0)

# Query drives: limits of what differs from the mapping drive.
QUERY_SPEED_M_S = (0.55, 0.95)
QUERY_LANE_M = 0.5
_STOP_EVERY_M, _STOP_S = 14.0, (1.0, 3.0)
_SPIN_EVERY_M = 30.0


@dataclass(frozen=True)
class Mount:
    """A camera on the robot.

    Attributes:
        name: of the camera.
        camera: its calibration.
        T_base_cam: where it sits, optical axes.
    """

    name: str
    camera: Camera
    T_base_cam: Pose


@dataclass(frozen=True)
class Drive:
    """A robot's way through a world, and when it takes images; all cameras at once.

    Attributes:
        motion: the true motion of the base, over seconds since the start.
        rig: the cameras.
        start_ns: stamp of the start.
        times_s: of the images, since the start.
    """

    motion: Motion
    rig: tuple[Mount, ...]
    start_ns: int
    times_s: tuple[float, ...]

    @property
    def stamps_ns(self) -> tuple[int, ...]:
        """Stamps of the images: the middle of their exposure."""
        return tuple(self.stamp_ns(time_s) for time_s in self.times_s)

    @cached_property
    def T_world_base(self) -> tuple[Pose, ...]:
        """True pose of the base at every image."""
        return tuple(self.motion.pose(time_s) for time_s in self.times_s)

    @cached_property
    def jumps(self) -> tuple[int, ...]:
        """Numbers of images before which somebody carried the robot elsewhere."""
        legs = [self.motion.leg_number(time_s) for time_s in self.times_s]
        return tuple(number for number in range(1, len(legs)) if legs[number] != legs[number - 1])

    @cached_property
    def length_m(self) -> float:
        """Way of the base from the first image to the last; being carried does not count."""
        places_N3 = np.array([pose.translation_3 for pose in self.T_world_base])
        steps = np.linalg.norm(np.diff(places_N3, axis=0), axis=1)
        return float(np.delete(steps, [number - 1 for number in self.jumps]).sum())

    def stamp_ns(self, time_s: float) -> int:
        """Stamp of a time since the start."""
        return self.start_ns + round(time_s * 1e9)

    def camera_motion(self, mount: Mount, number: int) -> Callable[[float], Pose]:
        """``T_world_cam`` of a camera as a function of seconds before or after an image's stamp."""
        time_s = self.times_s[number]
        leg = self.motion.leg_number(time_s)
        return lambda offset_s: self.motion.pose(time_s + offset_s, leg) @ mount.T_base_cam

    def thinned(self, spacing_m: float, angle_deg: float) -> Drive:
        """The same drive with fewer images: each moved or turned so far since the one before.

        Args:
            spacing_m: distance; 0 keeps all.
            angle_deg: or turn.
        """
        kept: list[int] = []
        for number, pose in enumerate(self.T_world_base):
            if kept:
                moved_m, turned_deg = pose.error_to(self.T_world_base[kept[-1]])
                if moved_m < spacing_m and turned_deg < angle_deg:
                    continue
            kept.append(number)
        return replace(self, times_s=tuple(self.times_s[number] for number in kept))


def make_rig(
    size: tuple[int, int] = (320, 240), cameras: Sequence[str] = ('front',), *, fisheye: bool = False
) -> tuple[Mount, ...]:
    """Cameras on the robot, a metre above the floor.

    Args:
        size: of the images, width and height in pixels.
        cameras: of front, left, rear and right.
        fisheye: 127 degrees across instead of 71.

    Returns:
        One mount each; a single camera is called ``camera``.

    Raises:
        ConfigError: no camera, or one of another name.
    """
    unknown = [name for name in cameras if name not in _DIRECTIONS]
    if unknown or not cameras or len(set(cameras)) != len(cameras):
        raise ConfigError(f'the cameras are {list(cameras)}, expected different ones of {", ".join(_DIRECTIONS)}')
    width, height = size
    if min(size) < 32:
        raise ConfigError(f'the images have {width}x{height} pixels, expected at least 32x32')
    focal = width * (_FISHEYE_WIDTHS if fisheye else _FOCAL_WIDTHS)
    params = (focal, focal, width / 2, height / 2)
    rig = []
    for name in cameras:
        yaw = math.radians(_DIRECTIONS[name])
        ahead = np.array([math.cos(yaw), math.sin(yaw), 0.0])
        right, down = np.array([math.sin(yaw), -math.cos(yaw), 0.0]), np.array([0.0, 0.0, -1.0])
        mount = Pose(np.column_stack([right, down, ahead]), _ARM_M * ahead + (0, 0, CAMERA_HEIGHT_M))
        label = name if len(cameras) > 1 else 'camera'
        camera = (
            Camera('OPENCV_FISHEYE', width, height, (*params, *_FISHEYE_DISTORTION), label)
            if fisheye
            else Camera('PINHOLE', width, height, params, label)
        )
        rig.append(Mount(label, camera, mount))
    return tuple(rig)


def mapping_drive(
    world: World, seed: int, *, rate_hz: float = 10.0, rig: tuple[Mount, ...] | None = None, day: int = 0
) -> Drive:
    """Drive every way of a world once in each direction, so that a later drive sees what this one saw.

    Args:
        world: to map.
        seed: decides the order of the ways.
        rate_hz: images per second.
        rig: the cameras; None takes one that looks ahead.
        day: of the stamps.

    Raises:
        ConfigError: the robot finds no way without a collision.
    """
    _check_rate(rate_hz)
    rng = np.random.default_rng([seed, 10])
    roads = _road_map(world)
    path = path_along(roads, tour(roads, rng))
    leg = _collision_free(world, [path], Gait(), rng, (), 0.0)
    return _drive([leg], rate_hz, rig, day)


def query_drive(
    world: World,
    seed: int,
    *,
    rate_hz: float = 10.0,
    rig: tuple[Mount, ...] | None = None,
    day: int = 1,
    length_m: float = 60.0,
    kidnaps: int = 0,
) -> Drive:
    """Wander through a world on lanes beside the mapping drive's, at another speed, with stops and turns in place.

    Args:
        world: of that day.
        seed: with the day it decides everything.
        rate_hz: images per second.
        rig: the cameras; None takes one that looks ahead.
        day: of the stamps, and another drive each day.
        length_m: about so far, all stretches together.
        kidnaps: how often somebody carries the robot to a far place; it notices nothing of it.

    Raises:
        ConfigError: impossible numbers, or the robot finds no way without a collision.
    """
    _check_rate(rate_hz)
    if not (math.isfinite(length_m) and length_m >= 2):
        raise ConfigError(f'the length of the drive is {length_m} m, expected at least 2 m')
    if not 0 <= kidnaps <= 100:
        raise ConfigError(f'the number of kidnappings is {kidnaps}, expected from 0 to 100')
    rng = np.random.default_rng([seed, 11, day])
    roads = _road_map(world)
    gait = Gait(speed_m_s=float(rng.uniform(*QUERY_SPEED_M_S)), turn_deg_s=55.0)
    legs: list[Leg] = []
    start: int | None = None
    for _ in range(kidnaps + 1):
        route = wander(roads, length_m / (kidnaps + 1), rng, start)
        path = path_along(roads, route)
        lane = beside(path, _fits(world, PLANNING_RADIUS_M), QUERY_LANE_M, rng)
        start_s = legs[-1].end_s if legs else 0.0
        legs.append(_collision_free(world, [lane, path], gait, rng, _pauses(path, rng), start_s))
        start = _far_place(roads, roads.places_N2[route[-1]], rng)
    return _drive(legs, rate_hz, rig, day)


def _check_rate(rate_hz: float) -> None:
    if not (math.isfinite(rate_hz) and 0 < rate_hz <= 200):
        raise ConfigError(f'the rate is {rate_hz}, expected more than 0 and at most 200 images per second')


def _road_map(world: World) -> RoadMap:
    return RoadMap(world.places_N2, world.ways).passable(_fits(world, PLANNING_RADIUS_M))


def _fits(world: World, radius_m: float) -> Free:
    return lambda places_N2: world.free(np.column_stack([places_N2, np.full(len(places_N2), ROBOT_HEIGHT_M)]), radius_m)


def _pauses(path_N2: FloatArray, rng: np.random.Generator) -> list[Pause]:
    """Stops, some with a look all round."""
    length = float(np.linalg.norm(np.diff(path_N2, axis=0), axis=1).sum())
    pauses = []
    for _ in range(int(length / _STOP_EVERY_M)):
        pauses.append(Pause(float(rng.uniform(1, length - 1)), float(rng.uniform(*_STOP_S))))
    for _ in range(math.ceil(length / _SPIN_EVERY_M - 0.5)):
        turn = 2 * math.pi * float(rng.choice([-1, 1]))
        pauses.append(Pause(float(rng.uniform(1, length - 1)), 0.5, turn))
    return pauses


def _far_place(roads: RoadMap, here_2: FloatArray, rng: np.random.Generator) -> int:
    """A place among the farther half of all."""
    places = np.array(list(roads.neighbours()))
    distance = np.linalg.norm(roads.places_N2[places] - here_2, axis=1)
    return int(rng.choice(places[distance >= np.median(distance)]))


def _collision_free(
    world: World,
    paths: Sequence[FloatArray],
    gait: Gait,
    rng: np.random.Generator,
    pauses: Sequence[Pause],
    start_s: float,
) -> Leg:
    """Drive the first of the paths that goes without a collision, more carefully if need be."""
    free = _fits(world, ROBOT_RADIUS_M)
    seed = int(rng.integers(2**32))
    for path in paths:
        for lookahead_m in (gait.lookahead_m, 0.35, 0.25):
            careful = replace(gait, lookahead_m=lookahead_m)
            leg = drive_path(path, careful, np.random.default_rng(seed), pauses, start_s)
            places = leg.curves(np.arange(leg.start_s, leg.end_s, 0.05))[:, :2]
            if free(places).all():
                return leg
    worst = places[~free(places)][0]
    raise ConfigError(
        f'the robot would hit something at ({worst[0]:.2f}, {worst[1]:.2f}) m, expected a free way; use another seed'
    )


def _drive(legs: Sequence[Leg], rate_hz: float, rig: tuple[Mount, ...] | None, day: int) -> Drive:
    motion = Motion(legs)
    times = tuple(float(time_s) for time_s in np.round(np.arange(0, motion.end_s, 1 / rate_hz), TIME_DIGITS))
    return Drive(motion, make_rig() if rig is None else rig, FIRST_STAMP_NS + day * DAY_NS, times)
