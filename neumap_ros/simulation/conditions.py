# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The light of a day: sun, sky, lamps and the robot's own headlight.

Light is counted so that a white surface under 1 klx has the radiance 1: radiance = reflectance * illuminance / klx.
Colours are blue, green, red and multiply the light.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import FloatArray

Colour3 = tuple[float, float, float]


@dataclass(frozen=True)
class Condition:
    """What shines, and how bright.

    Attributes:
        name: of the condition.
        sun_klx: illuminance of a surface that faces the sun; 0 for none.
        sun_azimuth_deg: where the sun stands, about z from the x axis towards y.
        sun_elevation_deg: above the horizon.
        sun_colour: blue, green, red.
        sky_klx: illuminance of the ground under the open sky.
        sky_colour: at the zenith; the horizon is paler.
        lamps: factor on every lamp of the world; 0 for off.
        headlight: factor on the light at the camera; 0 for off.
        leak_klx: light that is everywhere even at night: signs, the moon, stray light.
    """

    name: str
    sun_klx: float = 0.0
    sun_azimuth_deg: float = 0.0
    sun_elevation_deg: float = 30.0
    sun_colour: Colour3 = (1.0, 1.0, 1.0)
    sky_klx: float = 0.0
    sky_colour: Colour3 = (1.0, 1.0, 1.0)
    lamps: float = 0.0
    headlight: float = 0.0
    leak_klx: float = 0.002

    @property
    def to_sun_3(self) -> FloatArray:
        """Unit vector towards the sun in the world."""
        azimuth, elevation = np.radians([self.sun_azimuth_deg, self.sun_elevation_deg])
        flat = np.cos(elevation)
        return np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)])


CONDITIONS: dict[str, Condition] = {
    c.name: c
    for c in (
        Condition('day', 9.0, 238.0, 42.0, (0.88, 0.96, 1.0), 4.0, (1.25, 1.0, 0.82), lamps=0.8),
        Condition('evening', 5.0, 205.0, 9.0, (0.38, 0.68, 1.0), 0.9, (1.2, 0.95, 0.95), lamps=0.25),
        Condition('lamps', sky_klx=0.003, sky_colour=(1.5, 1.0, 0.7), lamps=1.0),
        Condition('night', sky_klx=0.0012, sky_colour=(1.5, 1.0, 0.7), headlight=1.0, leak_klx=0.0004),
    )
}


def condition(name: str) -> Condition:
    """The condition of this name.

    Raises:
        ConfigError: there is none.
    """
    try:
        return CONDITIONS[name]
    except KeyError:
        raise ConfigError(f'there is no condition {name!r}, expected one of {", ".join(CONDITIONS)}') from None
