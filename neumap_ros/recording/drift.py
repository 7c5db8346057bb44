# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Odometry as wheels would have measured a known motion: right over centimetres, wrong over metres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import FloatArray, Pose

REFERENCE_M = 10.0
# Most of a wheel's error is systematic (its radius, the track width), the rest is slip that comes and goes with the
# floor: it changes over a metre or so. Slip that is independent from step to step would be wrong by several percent
# over centimetres, where odometry is at its best.
_BIAS_SHARE = 0.95
SLIP_LENGTH_M = 1.0
# Variance of such a slip's mean over REFERENCE_M (Ornstein-Uhlenbeck process of variance 1).
_RATIO = SLIP_LENGTH_M / REFERENCE_M
_MEAN_VARIANCE = 2 * _RATIO * (1 - _RATIO * (1 - math.exp(-1 / _RATIO)))
# So that the root mean square after REFERENCE_M is the figure that was asked for.
_SLIP_SHARE = math.sqrt((1 - _BIAS_SHARE**2) / _MEAN_VARIANCE)


@dataclass(frozen=True)
class DriftSettings:
    """How odometry goes wrong.

    Attributes:
        m_per_m: error of the distance driven, root mean square after ten metres, as a share of them.
        deg_per_10m: error of the heading after ten metres, root mean square, degrees.
        seed: of signs and slip.
    """

    m_per_m: float = 0.02
    deg_per_10m: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, limit in (('m_per_m', self.m_per_m, 0.5), ('deg_per_10m', self.deg_per_10m, 90.0)):
            if not (math.isfinite(value) and 0 <= value <= limit):
                raise ConfigError(f'the drift {name} is {value}, expected from 0 to {limit:g}; 0 is odometry without')
        if self.seed < 0:
            raise ConfigError(f'the seed is {self.seed}, expected at least 0')


def drifting_odometry(T_map_base: Sequence[Pose], settings: DriftSettings) -> list[Pose]:
    """Integrate a true motion with errors.

    Each step is measured in the base frame: its translation is scaled, and it turns a little too far about the base's
    z axis, both in proportion to the distance driven; standing still, nothing drifts.

    Args:
        T_map_base: the true motion, in order; map units are taken for metres.
        settings: how large the errors are.

    Returns:
        ``T_odom_base``, one for each; the first is the identity.
    """
    rng = np.random.default_rng(settings.seed)
    scale_sign, heading_sign = rng.choice([-1.0, 1.0], size=2)
    heading_rad = math.radians(settings.deg_per_10m)
    slip_2 = rng.standard_normal(2)
    T_odom_base = [Pose.identity()]
    for before, after in pairwise(T_map_base):
        step = before.inverse() @ after
        distance_m = float(np.linalg.norm(step.translation_3))
        kept = math.exp(-distance_m / SLIP_LENGTH_M)
        slip_2 = kept * slip_2 + math.sqrt(1 - kept**2) * rng.standard_normal(2)
        scale, turn = _BIAS_SHARE * np.array([scale_sign, heading_sign]) + _SLIP_SHARE * slip_2
        turn_rad = heading_rad * turn * distance_m / REFERENCE_M
        scaled = step.translation_3 * (1 + settings.m_per_m * scale)
        T_odom_base.append(T_odom_base[-1] @ Pose(_about_z(turn_rad) @ step.rotation_33, scaled))
    return T_odom_base


def measured_drift(T_map_base: Sequence[Pose], T_odom_base: Sequence[Pose]) -> tuple[float, float]:
    """Measure drift over all stretches of ten metres, or over the whole drive where it is shorter.

    Args:
        T_map_base: the true motion.
        T_odom_base: odometry at the same times.

    Returns:
        (error of the position per metre driven, error of the heading in degrees per ten metres), root mean square; NaN
        where nothing moved.
    """
    path_N3 = np.array([pose.translation_3 for pose in T_map_base]).reshape(-1, 3)
    driven_N = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path_N3, axis=0), axis=1))])
    length_m = min(REFERENCE_M, float(driven_N[-1]))
    if not length_m:
        return math.nan, math.nan
    ends = np.searchsorted(driven_N, driven_N + length_m * (1 - 1e-9))
    errors = []
    for start, end in enumerate(ends):
        if end == len(driven_N):
            break
        step = T_odom_base[start].inverse() @ T_odom_base[end]
        errors.append(step.error_to(T_map_base[start].inverse() @ T_map_base[end]))
    error_m, error_deg = np.sqrt(np.mean(np.square(errors), axis=0))
    return float(error_m) / length_m, float(error_deg) * REFERENCE_M / length_m


def _about_z(angle_rad: float) -> FloatArray:
    cosine, sine = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
