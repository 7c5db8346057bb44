# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rotations and rigid transforms as arrays: quaternions are x, y, z, w, matrices 4 x 4.

Angles are radians. `axes` names a sequence of three rotations: `s` about the fixed or `r` about the rotating axes,
then the axes in their order. The usual roll, pitch and yaw are `sxyz`.
"""

from tf_transformations._euler import euler_from_matrix, euler_from_quaternion, euler_matrix, quaternion_from_euler
from tf_transformations._matrices import (
    concatenate_matrices,
    identity_matrix,
    inverse_matrix,
    is_same_transform,
    rotation_matrix,
    translation_from_matrix,
    translation_matrix,
)
from tf_transformations._quaternions import (
    quaternion_about_axis,
    quaternion_conjugate,
    quaternion_from_matrix,
    quaternion_inverse,
    quaternion_matrix,
    quaternion_multiply,
    quaternion_slerp,
    random_quaternion,
    unit_vector,
    vector_norm,
)

__all__ = [
    'concatenate_matrices',
    'euler_from_matrix',
    'euler_from_quaternion',
    'euler_matrix',
    'identity_matrix',
    'inverse_matrix',
    'is_same_transform',
    'quaternion_about_axis',
    'quaternion_conjugate',
    'quaternion_from_euler',
    'quaternion_from_matrix',
    'quaternion_inverse',
    'quaternion_matrix',
    'quaternion_multiply',
    'quaternion_slerp',
    'random_quaternion',
    'rotation_matrix',
    'translation_from_matrix',
    'translation_matrix',
    'unit_vector',
    'vector_norm',
]
