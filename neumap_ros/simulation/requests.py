# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What somebody asks of a simulated drive, and the key under which its pictures are kept."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from neumap_ros.errors import ConfigError
from neumap_ros.simulation.conditions import condition
from neumap_ros.simulation.drives import Drive, make_rig, mapping_drive, query_drive
from neumap_ros.simulation.sensor import SensorSettings
from neumap_ros.simulation.world import KINDS, World, make_world

DRIVES = ('mapping', 'query')
# Turning by so many degrees shows as much that is new as driving a metre.
_DEG_PER_M = 40.0


@dataclass(frozen=True)
class DriveRequest:
    """A drive through a world; the same request gives the same pictures.

    Attributes:
        seed: of the world and of all that happens in it.
        size_m: of the world.
        kind: of world.
        condition: name of the light.
        drive: ``mapping`` or ``query``.
        day: moved furniture, people and another query drive; 0 is the day of the mapping.
        rate_hz: images per second and camera.
        spacing_m: images are at least so far apart, or turned by 40 degrees for each metre; 0 keeps all.
        length_m: of a query drive.
        kidnaps: of a query drive.
        image_size: width and height in pixels.
        cameras: which, see :func:`neumap_ros.simulation.drives.make_rig`.
        fisheye: wide lenses.
        depth: store depth too.
        sensor: what the camera does to the light; its seed is added to the world's.
    """

    seed: int = 7
    size_m: tuple[float, float] = (30.0, 20.0)
    kind: str = 'building'
    condition: str = 'day'
    drive: str = 'mapping'
    day: int = 0
    rate_hz: float = 10.0
    spacing_m: float = 0.0
    length_m: float = 60.0
    kidnaps: int = 0
    image_size: tuple[int, int] = (320, 240)
    cameras: tuple[str, ...] = ('front',)
    fisheye: bool = False
    depth: bool = False
    sensor: SensorSettings = field(default_factory=SensorSettings)

    def __post_init__(self) -> None:
        condition(self.condition)
        if self.drive not in DRIVES:
            raise ConfigError(f'the drive is {self.drive!r}, expected {" or ".join(DRIVES)}')
        if self.kind not in KINDS:
            raise ConfigError(f'the kind of world is {self.kind!r}, expected one of {", ".join(KINDS)}')
        if self.seed < 0 or self.day < 0:
            raise ConfigError(f'seed {self.seed} and day {self.day} are given, expected both at least 0')
        if not (math.isfinite(self.spacing_m) and self.spacing_m >= 0):
            raise ConfigError(f'the spacing of the images is {self.spacing_m} m, expected at least 0; 0 keeps all')
        if self.kidnaps and self.drive == 'mapping':
            raise ConfigError('a mapping drive with kidnappings is asked for, expected none; make a query drive')

    def make_world(self) -> World:
        """The world as it is on that day."""
        return make_world(self.seed, self.size_m, kind=self.kind, day=self.day)

    def make_drive(self, world: World) -> Drive:
        """The drive.

        Raises:
            ConfigError: the robot finds no way.
        """
        rig = make_rig(self.image_size, self.cameras, fisheye=self.fisheye)
        if self.drive == 'mapping':
            drive = mapping_drive(world, self.seed, rate_hz=self.rate_hz, rig=rig, day=self.day)
        else:
            drive = query_drive(
                world,
                self.seed,
                rate_hz=self.rate_hz,
                rig=rig,
                day=self.day,
                length_m=self.length_m,
                kidnaps=self.kidnaps,
            )
        return drive.thinned(self.spacing_m, self.spacing_m * _DEG_PER_M) if self.spacing_m else drive

    def to_json(self) -> dict[str, Any]:
        """All parameters, and under ``key`` their digest with the version of the simulation."""
        parameters: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        text = json.dumps([parameters, simulation_version()], sort_keys=True)
        return parameters | {'key': hashlib.sha256(text.encode()).hexdigest()[:20]}


@lru_cache(maxsize=1)
def simulation_version() -> str:
    """A digest of everything that decides a pixel: this package's own code, NumPy and OpenCV."""
    digest = hashlib.sha256(f'{np.__version__} {cv2.__version__}'.encode())
    for path in sorted(Path(__file__).parent.glob('*.py')):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]
