# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From linear radiance to the picture that a robot's camera would have sent.

In the order of the light: the scene smears while the shutter is open and the robot moves, the lens darkens the corners
and scatters light at its dirt, photons and electronics add noise, the converter clips, and a curve makes eight bits of
it. The stamp of an image is the middle of the exposure of its middle row: then neither motion blur nor the rolling
shutter shifts the picture against the true pose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import Camera, FloatArray

Image = NDArray[np.float32]

# Photoelectrons that radiance 1 (a white wall beside a bright lamp) frees in a pixel in a second: a small industrial
# camera with an f/2 lens sees such a room at gain 1 with some 5 ms.
ELECTRONS_PER_UNIT_S = 1.6e6
# Electrons that a pixel holds, and noise of reading it out (EMVA 1288 figures of usual 1/3 inch sensors).
FULL_WELL_E, READ_NOISE_E = 8_000.0, 6.0
ADC_LEVELS = 4096
# Metered light is put at this share of full scale; the curve makes 48 % of it.
MID_GREY, METERING_POWER = 0.2, 0.3
# A camera that follows the light changes its exposure over some tenths of a second.
EXPOSURE_LAG_S = 0.3
# How much of the colour of the light the white balance takes away.
BALANCE_SHARE = 0.7
# Brightness in the corners of the image in units of the middle, and how much light a smudge scatters at most.
CORNER_LIGHT = 0.55
SMUDGE_COUNT, SMUDGE_SHARE = 7, 0.35
# The lens scatters light over this share of the image's width.
SCATTER_WIDTH = 0.12


@dataclass(frozen=True)
class SensorSettings:
    """What the camera does to the light; everything can be switched off.

    Attributes:
        auto_exposure: follow the light; otherwise exposure_s and gain 1 always.
        exposure_s: without auto exposure.
        min_exposure_s: shortest exposure.
        max_exposure_s: longest exposure; a camera that must keep its rate has no more.
        max_gain: largest amplification, applied when the longest exposure is too short.
        white_balance: take the colour of the light away, mostly.
        response: sRGB's curve; otherwise the grey values are linear in the light.
        noise: photon noise, read noise.
        motion_blur: the scene moves while the shutter is open.
        rolling_shutter: the rows are exposed one after the other.
        readout_s: from the first row to the last.
        vignetting: corners darker than the middle.
        dirt: smudges on the lens, the same all day.
        seed: of noise and dirt.
    """

    auto_exposure: bool = True
    exposure_s: float = 0.005
    min_exposure_s: float = 20e-6
    max_exposure_s: float = 0.030
    max_gain: float = 16.0
    white_balance: bool = True
    response: bool = True
    noise: bool = True
    motion_blur: bool = True
    rolling_shutter: bool = True
    readout_s: float = 0.016
    vignetting: bool = True
    dirt: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        times = (self.min_exposure_s, self.exposure_s, self.max_exposure_s)
        if not (min(times) > 0 and max(times) <= 1 and self.min_exposure_s <= self.max_exposure_s):
            raise ConfigError(f'the exposure times are {times} s, expected positive ones of at most 1 s, ascending')
        if not (math.isfinite(self.max_gain) and self.max_gain >= 1):
            raise ConfigError(f'max_gain is {self.max_gain}, expected at least 1')
        if not 0 <= self.readout_s <= 0.2:
            raise ConfigError(f'readout_s is {self.readout_s}, expected from 0 to 0.2 s')
        if self.seed < 0:
            raise ConfigError(f'the seed of the sensor is {self.seed}, expected at least 0')


@dataclass(frozen=True)
class Exposure:
    """How one image is exposed.

    Attributes:
        time_s: the shutter is open.
        gain: amplification before the converter.
        balance_3: factors of the channels after it.
    """

    time_s: float
    gain: float = 1.0
    balance_3: tuple[float, float, float] = (1.0, 1.0, 1.0)


def metered(radiance_HW3: Image) -> FloatArray:
    """What the exposure control sees of an image: the channels' mean light, the middle counting more.

    Args:
        radiance_HW3: linear; a small image of the scene is enough.
    """
    height, width = radiance_HW3.shape[:2]
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)[:, None]
    weight = np.exp(-(x**2 + y**2))
    # A lamp in view counts as a white wall would: it must not make all else black.
    light = np.minimum(radiance_HW3, np.quantile(radiance_HW3, 0.95))
    # Cameras meter grey values, not light: a bright window counts less than its light would.
    mean = np.einsum('hw,hwc->c', weight, light**METERING_POWER) / weight.sum()
    return np.asarray(mean ** (1 / METERING_POWER), dtype=np.float64)


def auto_exposure(
    light_N3: FloatArray, times_s: FloatArray, settings: SensorSettings, restarts: Sequence[int] = ()
) -> list[Exposure]:
    """Follow the light along a drive.

    Args:
        light_N3: :func:`metered` of every image, in order.
        times_s: of the images.
        settings: of the camera.
        restarts: numbers of images before which the camera was carried elsewhere, so that nothing is remembered.

    Returns:
        One exposure for each image.
    """
    light = np.maximum(np.asarray(light_N3, dtype=np.float64).reshape(-1, 3), 1e-9)
    wanted = np.log(MID_GREY * FULL_WELL_E / ELECTRONS_PER_UNIT_S / light.mean(axis=1))
    exposures = []
    value, before_s, balance = 0.0, 0.0, np.ones(3)
    for number, time_s in enumerate(times_s):
        grey = light[number].mean() / light[number]
        target = grey**BALANCE_SHARE if settings.white_balance else np.ones(3)
        if number == 0 or number in restarts:
            value, balance = float(wanted[number]), target
        else:
            share = 1 - math.exp(-(time_s - before_s) / EXPOSURE_LAG_S)
            value += share * (float(wanted[number]) - value)
            balance = balance + share * (target - balance)
        before_s = float(time_s)
        product_s = math.exp(value) if settings.auto_exposure else settings.exposure_s
        open_s = min(max(product_s, settings.min_exposure_s), settings.max_exposure_s)
        gain = min(max(product_s / open_s, 1.0), settings.max_gain) if settings.auto_exposure else 1.0
        blue, green, red = (float(factor) for factor in balance)
        exposures.append(Exposure(open_s, gain, (blue, green, red)))
    return exposures


def through_lens(radiance_HW3: Image, camera: Camera, settings: SensorSettings) -> Image:
    """Darken the corners and scatter light at the dirt.

    Args:
        radiance_HW3: of the scene, in the camera's size.
        camera: whose lens it is; its size and the seed decide the smudges.
        settings: which of both.
    """
    height, width = camera.height, camera.width
    light = radiance_HW3
    if settings.dirt:
        share = _smudges(width, height, settings.seed)
        # Scattered light is smooth: an eighth of the size is enough.
        small = cv2.resize(light, (max(4, width // 8), max(4, height // 8)), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), max(1.0, SCATTER_WIDTH * width / 8))
        scattered = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
        light = light + share * (scattered - light)
    if settings.vignetting:
        light = light * _corners(width, height)
    return np.asarray(light, dtype=np.float32)


def developed(light_HW3: Image, exposure: Exposure, settings: SensorSettings, frame: int) -> NDArray[np.uint8]:
    """Count photons, amplify, convert, and draw the curve.

    Args:
        light_HW3: radiance on the sensor.
        exposure: of this image.
        settings: of the camera.
        frame: number of the image; with the seed it decides the noise.

    Returns:
        (H, W, 3), uint8.
    """
    electrons = light_HW3 * np.float32(ELECTRONS_PER_UNIT_S * exposure.time_s)
    if settings.noise:
        rng = np.random.default_rng([settings.seed, 1, frame])
        spread = np.sqrt(np.minimum(electrons, FULL_WELL_E) + np.float32(READ_NOISE_E**2))
        spread *= rng.standard_normal(electrons.shape, dtype=np.float32)
        electrons += spread
    scale = ADC_LEVELS * exposure.gain / FULL_WELL_E * np.asarray(exposure.balance_3)
    levels = electrons * scale.astype(np.float32) + np.float32(0.5)
    codes = np.clip(levels, 0, ADC_LEVELS - 1).astype(np.uint16)
    return np.asarray(_curve(settings.response)[codes], dtype=np.uint8)


@lru_cache(maxsize=2)
def _curve(response: bool) -> NDArray[np.uint8]:
    """Grey value of every level of the converter."""
    linear = np.arange(ADC_LEVELS) / (ADC_LEVELS - 1)
    if response:
        # IEC 61966-2-1
        linear = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * linear), dtype=np.uint8)


@lru_cache(maxsize=16)
def _corners(width: int, height: int) -> Image:
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)[:, None]
    fall = (x**2 + (y * height / width) ** 2) / (1 + (height / width) ** 2)
    return (1 - (1 - CORNER_LIGHT) * fall**1.5).astype(np.float32)[..., None]


@lru_cache(maxsize=16)
def _smudges(width: int, height: int, seed: int) -> Image:
    """How much of the light is scattered at every pixel, from 0 to 1."""
    rng = np.random.default_rng([seed, 2])
    share = np.zeros((height, width), dtype=np.float32)
    for _ in range(SMUDGE_COUNT):
        centre = rng.uniform((0, 0), (width, height))
        axes = rng.uniform(0.02, 0.09, 2) * width
        spot = np.zeros_like(share)
        middle = (round(float(centre[0])), round(float(centre[1])))
        radii = (max(1, round(float(axes[0]))), max(1, round(float(axes[1]))))
        cv2.ellipse(spot, middle, radii, float(rng.uniform(0, 180)), 0, 360, float(rng.uniform(0.3, 1)), -1)
        # Dirt on the lens is far out of focus.
        share += np.asarray(cv2.GaussianBlur(spot, (0, 0), 0.025 * width), dtype=np.float32)
    return np.asarray(SMUDGE_SHARE * np.minimum(share, 1), dtype=np.float32)[..., None]
