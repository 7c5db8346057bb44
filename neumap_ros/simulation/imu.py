# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An inertial measurement unit on a known motion: gyroscope and accelerometer with bias and noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import FloatArray
from neumap_ros.simulation.motion import Motion


@dataclass(frozen=True)
class ImuSettings:
    """A small MEMS unit of the kind that robots carry; the noise figures are those of data sheets.

    Attributes:
        rate_hz: samples per second; 0 records none.
        gyro_noise: white noise, rad/s per square root of Hz.
        accelerometer_noise: white noise, m/s² per square root of Hz.
        gyro_bias: standard deviation of the constant part, rad/s.
        accelerometer_bias: standard deviation of the constant part, m/s².
        gyro_walk: the bias wanders so far, rad/s per square root of a second.
        accelerometer_walk: likewise, m/s².
        seed: of all of them.
    """

    rate_hz: float = 200.0
    gyro_noise: float = 1.5e-4
    accelerometer_noise: float = 2.0e-3
    gyro_bias: float = 5.0e-3
    accelerometer_bias: float = 5.0e-2
    gyro_walk: float = 2.0e-5
    accelerometer_walk: float = 5.0e-4
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.rate_hz) and 0 <= self.rate_hz <= 2000):
            raise ConfigError(f'the rate of the IMU is {self.rate_hz}, expected from 0 (none) to 2000 Hz')
        if self.seed < 0:
            raise ConfigError(f'the seed of the IMU is {self.seed}, expected at least 0')


@dataclass(frozen=True)
class ImuSamples:
    """What was measured, in base axes.

    Attributes:
        times_s_N: since the start of the drive.
        angular_N3: angular velocity, rad/s.
        force_N3: specific force, m/s²; standing level (0, 0, +9.8).
    """

    times_s_N: FloatArray
    angular_N3: FloatArray
    force_N3: FloatArray


def measured_imu(motion: Motion, settings: ImuSettings) -> ImuSamples:
    """Measure a motion.

    Args:
        motion: of the base, in whose origin the unit sits.
        settings: how well.
    """
    count = math.floor(motion.end_s * settings.rate_hz) + 1 if settings.rate_hz else 0
    times = np.arange(count) / (settings.rate_hz or 1)
    truth = np.hstack(motion.rates(times))
    rng = np.random.default_rng([settings.seed, 3])
    root_rate = math.sqrt(settings.rate_hz or 1)
    noise, bias, walk = (
        np.repeat(pair, 3)
        for pair in (
            (settings.gyro_noise, settings.accelerometer_noise),
            (settings.gyro_bias, settings.accelerometer_bias),
            (settings.gyro_walk, settings.accelerometer_walk),
        )
    )
    values = truth + bias * rng.standard_normal(6)
    values = values + np.cumsum(walk / root_rate * rng.standard_normal((count, 6)), axis=0)
    values = values + noise * root_rate * rng.standard_normal((count, 6))
    return ImuSamples(times, values[:, :3], values[:, 3:])
