# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Moving a trajectory onto another one before they are compared.

Poses in a map are compared without alignment: an alignment hides a map that lies, turned or scaled wrongly. It belongs
to odometry and SLAM, whose frame and scale are free.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from neumap_ros.errors import ConfigError, SourceError
from neumap_ros.geometry import FloatArray

# Positions whose second-largest variance is below this share of the largest one lie on a line, but for rounding.
LINE_TOLERANCE = 1e-13


class Alignment(Enum):
    """How much of a similarity transform is fitted."""

    NONE = 'none'
    SE3 = 'se3'
    SIM3 = 'sim3'
    YAW = 'yaw'
    ORIGIN = 'origin'


@dataclass(frozen=True, eq=False)
class Similarity:
    """A transform ``x_truth = scale * rotation_33 @ x_estimate + translation_3`` of the frame of the estimate."""

    scale: float
    rotation_33: FloatArray
    translation_3: FloatArray

    @staticmethod
    def identity() -> Similarity:
        """The transform that changes nothing."""
        return Similarity(1.0, np.eye(3), np.zeros(3))

    @property
    def angle_deg(self) -> float:
        """Angle of the rotation."""
        cosine = (float(np.trace(self.rotation_33)) - 1) / 2
        return math.degrees(math.acos(min(1.0, max(-1.0, cosine))))

    def apply(self, poses_N44: FloatArray) -> FloatArray:
        """Move poses (N, 4, 4); their orientations stay rotations whatever the scale."""
        moved_N44 = poses_N44.copy()
        moved_N44[:, :3, :3] = self.rotation_33 @ poses_N44[:, :3, :3]
        moved_N44[:, :3, 3] = (self.scale * poses_N44[:, :3, 3]) @ self.rotation_33.T + self.translation_3
        return moved_N44


def fit_alignment(
    estimate_N44: FloatArray,
    truth_N44: FloatArray,
    alignment: Alignment,
    *,
    correct_scale: bool = False,
    poses_to_align: int | None = None,
) -> Similarity:
    """Find the transform that brings an estimate closest to the truth, as evo_ape and evo_rpe do.

    ``none`` changes nothing; ``se3`` and ``sim3`` minimise the squared distances of the positions (Umeyama, PAMI 1991);
    ``yaw`` does so with a rotation about z only, for frames that know gravity; ``origin`` puts the first pose onto the
    first true one, position and orientation. ``correct_scale`` adds a scale: ``se3`` becomes ``sim3``; with ``none``
    and ``origin`` only the scale is taken from the fit over all poses.

    Args:
        estimate_N44: poses that belong to the true ones one by one.
        truth_N44: true poses.
        alignment: what is fitted.
        correct_scale: whether the scale is fitted too.
        poses_to_align: only so many of the first poses count for the fit; None: all.

    Raises:
        ConfigError: ``poses_to_align`` is not positive.
        SourceError: too few poses, or positions on a line, which leave the rotation open.
    """
    if poses_to_align is not None and poses_to_align < 1:
        raise ConfigError(
            f'the number of poses to align is {poses_to_align}, expected at least 1; leave it out for all'
        )
    used = slice(poses_to_align)
    estimate_N3, truth_N3 = estimate_N44[used, :3, 3], truth_N44[used, :3, 3]
    if alignment is Alignment.SIM3 or (alignment is Alignment.SE3 and correct_scale):
        return _umeyama(estimate_N3, truth_N3, with_scale=True)
    if alignment is Alignment.SE3:
        return _umeyama(estimate_N3, truth_N3, with_scale=False)
    if alignment is Alignment.YAW:
        return _yaw(estimate_N3, truth_N3, correct_scale)
    scale = _umeyama(estimate_N3, truth_N3, with_scale=True).scale if correct_scale else 1.0
    if alignment is Alignment.NONE:
        return Similarity(scale, np.eye(3), np.zeros(3))
    rotation_33 = truth_N44[0, :3, :3] @ estimate_N44[0, :3, :3].T
    return Similarity(scale, rotation_33, truth_N44[0, :3, 3] - rotation_33 @ (scale * estimate_N44[0, :3, 3]))


def _umeyama(estimate_N3: FloatArray, truth_N3: FloatArray, *, with_scale: bool) -> Similarity:
    """Least-squares transform between matched points; numbers of equations are those of the paper."""
    centre_estimate_3, centre_truth_3 = estimate_N3.mean(axis=0), truth_N3.mean(axis=0)
    from_N3, to_N3 = estimate_N3 - centre_estimate_3, truth_N3 - centre_truth_3
    covariance_33 = to_N3.T @ from_N3 / len(from_N3)  # (38)
    left_33, spread_3, right_33 = np.linalg.svd(covariance_33)
    if spread_3[1] <= max(np.finfo(float).eps, LINE_TOLERANCE * spread_3[0]):
        raise SourceError(
            f'the positions of the {len(from_N3)} poses to align lie in a point or on a line, which leaves a rotation '
            'open, expected at least three that do not; align with yaw or origin, or not at all'
        )
    signs_3 = np.ones(3)
    if np.linalg.det(left_33) * np.linalg.det(right_33) < 0:  # (39): a reflection would fit better
        signs_3[2] = -1
    rotation_33 = left_33 @ np.diag(signs_3) @ right_33  # (40)
    variance = float((from_N3**2).sum()) / len(from_N3)  # (36)
    scale = float(spread_3 @ signs_3) / variance if with_scale else 1.0  # (42)
    return Similarity(scale, rotation_33, centre_truth_3 - scale * (rotation_33 @ centre_estimate_3))  # (41)


def _yaw(estimate_N3: FloatArray, truth_N3: FloatArray, with_scale: bool) -> Similarity:
    """As :func:`_umeyama` with rotations about z only: the best angle has a closed form."""
    centre_estimate_3, centre_truth_3 = estimate_N3.mean(axis=0), truth_N3.mean(axis=0)
    from_N3, to_N3 = estimate_N3 - centre_estimate_3, truth_N3 - centre_truth_3
    sine = float((from_N3[:, 0] * to_N3[:, 1] - from_N3[:, 1] * to_N3[:, 0]).sum())
    cosine = float((from_N3[:, :2] * to_N3[:, :2]).sum())
    size = float((from_N3[:, :2] ** 2).sum() + (to_N3[:, :2] ** 2).sum())
    if math.hypot(sine, cosine) <= LINE_TOLERANCE * size or size == 0:
        raise SourceError(
            f'the positions of the {len(from_N3)} poses to align do not move in x and y, which leaves the yaw open, '
            'expected some that do; align with origin, or not at all'
        )
    yaw = math.atan2(sine, cosine)
    rotation_33 = np.array([[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1]])
    scale = float((to_N3 * (from_N3 @ rotation_33.T)).sum() / (from_N3**2).sum()) if with_scale else 1.0
    return Similarity(scale, rotation_33, centre_truth_3 - scale * (rotation_33 @ centre_estimate_3))
