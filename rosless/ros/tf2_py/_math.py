# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms on plain floats; numpy would spend its time on arrays of three."""

from __future__ import annotations

import math
from typing import NamedTuple

Vector = tuple[float, float, float]
# x, y, z, w, as in geometry_msgs/msg/Quaternion.
Quaternion = tuple[float, float, float, float]


class Transform(NamedTuple):
    """Takes coordinates of one frame to those of another: rotates, then moves."""

    translation: Vector
    rotation: Quaternion


IDENTITY = Transform((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


def multiply(a: Quaternion, b: Quaternion) -> Quaternion:
    """Return the rotation that does b first, then a."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by + ay * bw + az * bx - ax * bz,
        aw * bz + az * bw + ax * by - ay * bx,
        aw * bw - ax * bx - ay * by - az * bz,
    )


def rotate(rotation: Quaternion, vector: Vector) -> Vector:
    """Rotate a vector."""
    x, y, z, w = rotation
    vx, vy, vz = vector
    # v + 2 w (q x v) + 2 q x (q x v)
    tx, ty, tz = 2 * (y * vz - z * vy), 2 * (z * vx - x * vz), 2 * (x * vy - y * vx)
    return vx + w * tx + y * tz - z * ty, vy + w * ty + z * tx - x * tz, vz + w * tz + x * ty - y * tx


def apply(transform: Transform, point: Vector) -> Vector:
    """Transform a point."""
    x, y, z = rotate(transform.rotation, point)
    dx, dy, dz = transform.translation
    return x + dx, y + dy, z + dz


def compose(second: Transform, first: Transform) -> Transform:
    """Return the transform that does the first, then the second."""
    return Transform(apply(second, first.translation), multiply(second.rotation, first.rotation))


def inverse(transform: Transform) -> Transform:
    """Return the transform that goes back."""
    x, y, z, w = transform.rotation
    back = (-x, -y, -z, w)
    dx, dy, dz = transform.translation
    return Transform(rotate(back, (-dx, -dy, -dz)), back)


def interpolate(a: Transform, b: Transform, ratio: float) -> Transform:
    """Return the transform between two; 0 is the first, 1 the second."""
    translation = tuple(start + ratio * (end - start) for start, end in zip(a.translation, b.translation, strict=True))
    return Transform((translation[0], translation[1], translation[2]), slerp(a.rotation, b.rotation, ratio))


def slerp(a: Quaternion, b: Quaternion, ratio: float) -> Quaternion:
    """Interpolate between two rotations along the shorter way."""
    dot = sum(p * q for p, q in zip(a, b, strict=True))
    sign = -1.0 if dot < 0 else 1.0
    angle = math.acos(min(abs(dot), 1.0))
    if angle < 1e-6:
        # The sine below would be lost in rounding; so small an arc is straight.
        weight_a, weight_b = 1 - ratio, sign * ratio
    else:
        weight_a = math.sin((1 - ratio) * angle) / math.sin(angle)
        weight_b = sign * math.sin(ratio * angle) / math.sin(angle)
    x, y, z, w = (weight_a * p + weight_b * q for p, q in zip(a, b, strict=True))
    return x, y, z, w


def canonical(rotation: Quaternion) -> Quaternion:
    """Return the unit quaternion of a rotation, of the two signs the one that tf2 returns."""
    length = math.sqrt(sum(component * component for component in rotation))
    if length == 0:
        # What nobody filled in: tf2 takes it for no rotation.
        return IDENTITY.rotation
    x, y, z, w = (component / length for component in rotation)
    # tf2 goes through a rotation matrix: w is positive, or the largest of the others for turns above 120 degrees.
    leading = w if 4 * w * w > 1 else max((x, y, z), key=abs)
    return (x, y, z, w) if leading > 0 else (-x, -y, -z, -w)
