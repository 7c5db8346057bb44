# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms as 4 x 4 matrices."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tf_transformations._quaternions import Array, quaternion_about_axis, quaternion_matrix


def identity_matrix() -> Array:
    """The transform that changes nothing."""
    return np.identity(4)


def translation_matrix(direction: ArrayLike) -> Array:
    """The transform that moves by a vector."""
    matrix = np.identity(4)
    matrix[:3, 3] = np.asarray(direction, np.float64)[:3]
    return matrix


def translation_from_matrix(matrix: ArrayLike) -> Array:
    """The vector by which a transform moves."""
    return np.array(matrix, np.float64)[:3, 3]


def rotation_matrix(angle: float, direction: ArrayLike, point: ArrayLike | None = None) -> Array:
    """The transform that turns by an angle about the axis in a direction, through the origin or a point."""
    matrix = quaternion_matrix(quaternion_about_axis(angle, np.asarray(direction, np.float64)[:3]))
    if point is not None:
        center = np.asarray(point, np.float64)[:3]
        matrix[:3, 3] = center - matrix[:3, :3] @ center
    return matrix


def inverse_matrix(matrix: ArrayLike) -> Array:
    """The transform that undoes another."""
    return np.asarray(np.linalg.inv(np.asarray(matrix, np.float64)))


def concatenate_matrices(*matrices: Any) -> Array:
    """The product of transforms; the last one is done first."""
    return reduce(np.matmul, matrices, np.identity(4))


def is_same_transform(matrix0: ArrayLike, matrix1: ArrayLike) -> bool:
    """Whether two matrices do the same, up to rounding."""
    first, second = np.asarray(matrix0, np.float64), np.asarray(matrix1, np.float64)
    return bool(np.allclose(first / first[3, 3], second / second[3, 3]))
