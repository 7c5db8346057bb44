# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Quaternions x, y, z, w."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

Array = np.ndarray[Any, np.dtype[np.float64]]

_EPSILON = 4 * np.finfo(float).eps


def vector_norm(data: ArrayLike, axis: int | None = None) -> Any:
    """The length of a vector, or of the vectors along an axis."""
    norm = np.linalg.norm(np.asarray(data, np.float64), axis=axis)
    return float(norm) if axis is None else norm


def unit_vector(data: ArrayLike, axis: int | None = None) -> Array:
    """A vector, or the vectors along an axis, with length 1."""
    array = np.asarray(data, np.float64)
    return np.asarray(array / np.linalg.norm(array, axis=axis, keepdims=axis is not None))


def quaternion_about_axis(angle: float, axis: ArrayLike) -> Array:
    """The rotation by an angle about an axis."""
    return np.array([*(math.sin(angle / 2) * unit_vector(axis)), math.cos(angle / 2)])


def quaternion_multiply(quaternion1: ArrayLike, quaternion0: ArrayLike) -> Array:
    """The rotation that does the second one first."""
    x1, y1, z1, w1 = np.asarray(quaternion1, np.float64)
    x0, y0, z0, w0 = np.asarray(quaternion0, np.float64)
    return np.array(
        [
            w1 * x0 + x1 * w0 + y1 * z0 - z1 * y0,
            w1 * y0 - x1 * z0 + y1 * w0 + z1 * x0,
            w1 * z0 + x1 * y0 - y1 * x0 + z1 * w0,
            w1 * w0 - x1 * x0 - y1 * y0 - z1 * z0,
        ]
    )


def quaternion_conjugate(quaternion: ArrayLike) -> Array:
    """The conjugate, which for a unit quaternion is the inverse rotation."""
    return np.asarray(quaternion, np.float64) * (-1.0, -1.0, -1.0, 1.0)


def quaternion_inverse(quaternion: ArrayLike) -> Array:
    """The inverse, also of a quaternion that has not the length 1."""
    return np.asarray(quaternion_conjugate(quaternion) / np.dot(quaternion, quaternion))


def quaternion_matrix(quaternion: ArrayLike) -> Array:
    """The matrix of a rotation; a quaternion of any length but 0 will do, 0 is no rotation."""
    array = np.asarray(quaternion, np.float64)
    matrix = np.identity(4)
    if np.dot(array, array) > _EPSILON:
        matrix[:3, :3] = Rotation.from_quat(array).as_matrix()
    return matrix


def quaternion_from_matrix(matrix: ArrayLike) -> Array:
    """The rotation of a matrix, with w >= 0; a scale in the matrix does not matter."""
    quaternion = Rotation.from_matrix(np.asarray(matrix, np.float64)[:3, :3]).as_quat()
    return np.asarray(-quaternion if quaternion[3] < 0 else quaternion)


def quaternion_slerp(
    quat0: ArrayLike, quat1: ArrayLike, fraction: float, spin: int = 0, shortestpath: bool = True
) -> Array:
    """The rotation between two, which turns at a constant rate as the fraction goes from 0 to 1.

    Args:
        quat0: The rotation at 0.
        quat1: The rotation at 1.
        fraction: Where between them.
        spin: Half turns on the way.
        shortestpath: Whether to go the shorter way round.
    """
    first, last = unit_vector(quat0), unit_vector(quat1)
    if fraction == 0.0:
        return first
    if fraction == 1.0:
        return last
    cosine = float(np.dot(first, last))
    if abs(abs(cosine) - 1.0) < _EPSILON:
        return first
    if shortestpath and cosine < 0.0:
        cosine, last = -cosine, -last
    angle = math.acos(cosine) + spin * math.pi
    if abs(angle) < _EPSILON:
        return first
    weighted = math.sin((1.0 - fraction) * angle) * first + math.sin(fraction * angle) * last
    return np.asarray(weighted / math.sin(angle))


def random_quaternion(rand: ArrayLike | None = None) -> Array:
    """A random rotation, all alike likely; `rand` are three random numbers from 0 to 1."""
    share, turn0, turn1 = np.random.default_rng().random(3) if rand is None else np.asarray(rand, np.float64)
    turn0, turn1 = 2 * math.pi * turn0, 2 * math.pi * turn1
    short, long = math.sqrt(1.0 - share), math.sqrt(share)
    return np.array([math.sin(turn0) * short, math.cos(turn0) * short, math.sin(turn1) * long, math.cos(turn1) * long])
