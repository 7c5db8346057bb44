# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""tf_transformations, on rosless and on ROS 2 alike."""

import itertools
import math

import numpy as np
import pytest
import tf_transformations as tft

AXES = [
    frame + ''.join(order)
    for frame in 'sr'
    for order in itertools.product('xyz', repeat=3)
    if order[0] != order[1] != order[2]
]


def turn(axis, angle):
    return tft.rotation_matrix(angle, np.identity(3)['xyz'.index(axis)])


def test_known_values():
    """From the documentation of the package."""
    assert np.allclose(tft.quaternion_from_euler(1, 2, 3, 'ryxz'), [0.310622, -0.718287, 0.444435, 0.435953], atol=1e-6)
    assert np.allclose(tft.euler_from_quaternion([0.06146124, 0, 0, 0.99810947]), [0.123, 0, 0])
    assert np.allclose(tft.quaternion_about_axis(0.123, (1, 0, 0)), [0.06146124, 0, 0, 0.99810947])
    assert np.allclose(tft.quaternion_multiply([1, -2, 3, 4], [-5, 6, 7, 8]), [-44, -14, 48, 28])
    matrix = tft.rotation_matrix(0.123, (1, 2, 3))
    assert np.allclose(tft.quaternion_from_matrix(matrix), [0.0164262, 0.0328524, 0.0492786, 0.9981095])
    assert np.isclose(np.sum(tft.euler_matrix(1, 2, 3, 'syxz')[0]), -1.34786452)


@pytest.mark.parametrize('axes', AXES)
def test_euler_angles(axes):
    even = axes[1:3] in ('xy', 'yz', 'zx')
    middle = 0.7 if axes[1] == axes[3] and even else -0.7
    angles = (0.4, middle, -2.1)
    turns = [turn(axis, angle) for axis, angle in zip(axes[1:], angles, strict=True)]
    expected = tft.concatenate_matrices(*(turns if axes[0] == 'r' else reversed(turns)))
    assert np.allclose(tft.euler_matrix(*angles, axes), expected)
    quaternion = tft.quaternion_from_euler(*angles, axes)
    assert np.allclose(tft.quaternion_matrix(quaternion), expected)
    assert np.allclose(tft.euler_from_matrix(expected, axes), angles)
    assert np.allclose(tft.euler_from_matrix(expected[:3, :3], axes), angles)
    assert np.allclose(tft.euler_from_quaternion(quaternion, axes), angles)


@pytest.mark.parametrize('axes', AXES)
def test_where_two_axes_coincide(axes):
    for middle in (0.0, math.pi) if axes[1] == axes[3] else (math.pi / 2, -math.pi / 2):
        expected = tft.euler_matrix(0.4, middle, 0.3, axes)
        assert np.allclose(tft.euler_matrix(*tft.euler_from_matrix(expected, axes), axes), expected, atol=1e-6)


def test_yaw():
    x, y, z, w = tft.quaternion_from_euler(0.0, 0.0, math.pi / 2)
    assert np.allclose((x, y, z, w), [0, 0, math.sqrt(0.5), math.sqrt(0.5)])
    assert isinstance(float(z), float)
    # The sign goes on: it is not chosen anew.
    assert np.allclose(tft.quaternion_from_euler(0, 0, 2 * math.pi), [0, 0, 0, -1])


def test_order_of_multiplication():
    first, second = tft.quaternion_from_euler(0.3, 0, 0), tft.quaternion_from_euler(0, 0.5, 0)
    product = tft.quaternion_matrix(tft.quaternion_multiply(second, first))
    assert np.allclose(product, tft.quaternion_matrix(second) @ tft.quaternion_matrix(first))


def test_inverse():
    quaternion = np.array([1.0, -2.0, 3.0, 4.0])
    assert np.allclose(tft.quaternion_multiply(quaternion, tft.quaternion_inverse(quaternion)), [0, 0, 0, 1])
    assert np.allclose(tft.quaternion_conjugate(quaternion), [-1, 2, -3, 4])
    matrix = tft.concatenate_matrices(tft.translation_matrix((1, 2, 3)), tft.euler_matrix(0.1, 0.2, 0.3))
    assert np.allclose(tft.inverse_matrix(matrix) @ matrix, tft.identity_matrix())


def test_quaternions_of_other_lengths():
    assert np.allclose(tft.quaternion_matrix([0, 0, 2, 0]), np.diag([-1, -1, 1, 1]))
    assert np.allclose(tft.quaternion_matrix([0, 0, 0, 0]), np.identity(4))


def test_quaternion_of_matrix():
    for angles in ((3, 0.1, -3), (-0.5, 1.2, 2.8), (0, 0, math.pi - 1e-3)):
        matrix = tft.euler_matrix(*angles)
        quaternion = np.array(tft.quaternion_from_matrix(matrix))
        assert quaternion[3] >= 0
        assert np.allclose(tft.quaternion_matrix(quaternion), matrix)


def test_slerp():
    first, last = tft.quaternion_from_euler(0, 0, 0.2), tft.quaternion_from_euler(0, 0, 1.0)
    assert np.allclose(tft.quaternion_slerp(first, last, 0.0), first)
    assert np.allclose(tft.quaternion_slerp(first, last, 1.0), last)
    assert np.allclose(tft.quaternion_slerp(first, last, 0.25), tft.quaternion_from_euler(0, 0, 0.4))
    assert np.allclose(tft.quaternion_slerp(first, -np.array(last), 0.5), tft.quaternion_from_euler(0, 0, 0.6))
    around = tft.quaternion_slerp(first, -np.array(last), 0.5, shortestpath=False)
    assert np.allclose(np.abs(np.dot(around, tft.quaternion_from_euler(0, 0, 0.6 + math.pi))), 1.0)
    assert np.allclose(tft.quaternion_slerp(first, last, 1.0, 1), last)
    assert np.allclose(tft.quaternion_slerp(first, first, 0.5), first)


def test_translations():
    matrix = tft.translation_matrix((1.0, 2.0, 3.0))
    assert np.allclose(matrix @ [0, 0, 0, 1], [1, 2, 3, 1])
    assert np.allclose(tft.translation_from_matrix(matrix), [1, 2, 3])
    assert np.allclose(tft.concatenate_matrices(matrix, turn('z', math.pi / 2)) @ [1, 0, 0, 1], [1, 3, 3, 1])


def test_rotation_about_a_point():
    matrix = tft.rotation_matrix(math.pi / 2, (0, 0, 2), (1, 0, 0))
    assert np.allclose(matrix @ [2, 0, 0, 1], [1, 1, 0, 1])


def test_random_quaternion():
    quaternions = np.array([tft.random_quaternion() for _ in range(200)])
    assert np.allclose(np.linalg.norm(quaternions, axis=1), 1.0)
    assert np.abs(quaternions.mean(axis=0)).max() < 0.2
    assert np.allclose(tft.random_quaternion((0.0, 0.0, 0.0)), [0, 1, 0, 0])


def test_vectors():
    assert tft.vector_norm([3.0, 4.0]) == 5.0
    assert np.allclose(tft.vector_norm(np.ones((2, 4)), axis=1), [2, 2])
    assert np.allclose(tft.unit_vector([3.0, 4.0]), [0.6, 0.8])
    assert np.allclose(tft.unit_vector(np.full((2, 4), 3.0), axis=1), np.full((2, 4), 0.5))


def test_same_transform():
    assert tft.is_same_transform(tft.identity_matrix(), 2 * tft.identity_matrix())
    assert not tft.is_same_transform(tft.identity_matrix(), tft.translation_matrix((1, 0, 0)))
