# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rotations as three angles about axes."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike

from tf_transformations._quaternions import Array, quaternion_about_axis, quaternion_matrix, quaternion_multiply

_EPSILON = 4 * np.finfo(float).eps
_AXES = 'xyz'


def quaternion_from_euler(ai: float, aj: float, ak: float, axes: str = 'sxyz') -> Array:
    """The rotation by three angles, by default roll, pitch and yaw."""
    fixed, order = _parse(axes)
    units = np.identity(3)[list(order)]
    turns = [quaternion_about_axis(angle, unit) for angle, unit in zip((ai, aj, ak), units, strict=True)]
    return reduce(quaternion_multiply, reversed(turns) if fixed else turns)


def euler_matrix(ai: float, aj: float, ak: float, axes: str = 'sxyz') -> Array:
    """The matrix of a rotation by three angles."""
    return quaternion_matrix(quaternion_from_euler(ai, aj, ak, axes))


def euler_from_quaternion(quaternion: ArrayLike, axes: str = 'sxyz') -> tuple[float, float, float]:
    """The three angles of a rotation, by default roll, pitch and yaw."""
    return euler_from_matrix(quaternion_matrix(quaternion), axes)


def euler_from_matrix(matrix: ArrayLike, axes: str = 'sxyz') -> tuple[float, float, float]:
    """The three angles of a rotation.

    Where two axes coincide, so that only the sum of two angles is known, the last one is 0 for fixed axes and the first
    one for rotating ones.
    """
    fixed, order = _parse(axes)
    # Rotations about fixed axes are those about rotating ones, done in the reverse order.
    i, j, last = reversed(order) if fixed else order
    k = 3 - i - j
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    m = np.asarray(matrix, np.float64)
    if last == i:
        sine, cosine = sign * math.hypot(m[i, j], m[i, k]), m[i, i]
        degenerate = abs(sine) <= _EPSILON
        outer, inner = math.atan2(sign * m[j, i], -m[k, i]), math.atan2(sign * m[i, j], m[i, k])
        if degenerate:
            inner = math.atan2(-sign * m[j, k], m[j, j])
    else:
        sine, cosine = sign * m[i, k], math.hypot(m[i, i], m[i, j])
        degenerate = cosine <= _EPSILON
        outer, inner = math.atan2(-sign * m[j, k], m[k, k]), math.atan2(-sign * m[i, j], m[i, i])
        if degenerate:
            inner = math.atan2(sign * m[j, i], m[j, j])
    angles = (0.0 if degenerate else outer, math.atan2(sine, cosine), inner)
    return (angles[2], angles[1], angles[0]) if fixed else angles


def _parse(axes: str) -> tuple[bool, tuple[int, int, int]]:
    """Whether the axes are fixed, and their indices in order."""
    order = [_AXES.find(axis) for axis in axes[1:]]
    if axes[:1] not in ('s', 'r') or len(order) != 3 or -1 in order or order[0] == order[1] or order[1] == order[2]:
        raise ValueError(f'expected axes like sxyz (fixed) or rzyx (rotating), got {axes!r}')
    return axes[0] == 's', (order[0], order[1], order[2])
