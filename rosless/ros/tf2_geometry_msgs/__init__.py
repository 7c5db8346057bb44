# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Teaches tf2_ros to transform messages of geometry_msgs; import it before ``Buffer.transform``."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import (
    PointStamped,
    Pose,
    PoseStamped,
    PoseWithCovarianceStamped,
    TransformStamped,
    Vector3Stamped,
)
from tf2_py._math import Transform, apply, canonical, multiply, rotate
from tf2_ros.buffer_interface import ConvertRegistration, TransformRegistration

__all__ = [
    'do_transform_point',
    'do_transform_pose',
    'do_transform_pose_stamped',
    'do_transform_pose_with_covariance_stamped',
    'do_transform_vector3',
    'from_msg_msg',
    'to_msg_msg',
    'transform_covariance',
]


def _read(message: TransformStamped) -> Transform:
    position, orientation = message.transform.translation, message.transform.rotation
    return Transform(
        (position.x, position.y, position.z),
        canonical((orientation.x, orientation.y, orientation.z, orientation.w)),
    )


def to_msg_msg(msg: object) -> object:
    """Return the message itself: these types are their own messages."""
    return msg


def from_msg_msg(msg: object) -> object:
    """Return the message itself: these types are their own messages."""
    return msg


def do_transform_point(point: PointStamped, transform: TransformStamped) -> PointStamped:
    """Return the point in the frame of the transform's header."""
    result = PointStamped(header=transform.header)
    given = point.point
    result.point.x, result.point.y, result.point.z = apply(_read(transform), (given.x, given.y, given.z))
    return result


def do_transform_vector3(vector3: Vector3Stamped, transform: TransformStamped) -> Vector3Stamped:
    """Return the vector, which is turned but not moved."""
    result = Vector3Stamped(header=transform.header)
    given = vector3.vector
    turned = rotate(_read(transform).rotation, (given.x, given.y, given.z))
    result.vector.x, result.vector.y, result.vector.z = turned
    return result


def do_transform_pose(pose: Pose, transform: TransformStamped) -> Pose:
    """Return the pose in the frame of the transform's header."""
    applied = _read(transform)
    position, orientation = pose.position, pose.orientation
    result = Pose()
    moved = apply(applied, (position.x, position.y, position.z))
    result.position.x, result.position.y, result.position.z = moved
    given = canonical((orientation.x, orientation.y, orientation.z, orientation.w))
    x, y, z, w = canonical(multiply(applied.rotation, given))
    result.orientation.x, result.orientation.y, result.orientation.z, result.orientation.w = x, y, z, w
    return result


def do_transform_pose_stamped(pose: PoseStamped, transform: TransformStamped) -> PoseStamped:
    """Return the pose in the frame of the transform's header."""
    return PoseStamped(header=transform.header, pose=do_transform_pose(pose.pose, transform))


def transform_covariance(cov_in: object, transform: TransformStamped) -> list[float]:
    """Turn a 6x6 covariance of position and rotation, given and returned row by row."""
    rotation = _read(transform).rotation
    turn_33 = np.array([rotate(rotation, axis) for axis in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))]).T
    turn_66 = np.kron(np.eye(2), turn_33)
    covariance_66 = np.asarray(cov_in, dtype=float).reshape(6, 6)
    turned: list[float] = (turn_66 @ covariance_66 @ turn_66.T).ravel().tolist()
    return turned


def do_transform_pose_with_covariance_stamped(
    pose: PoseWithCovarianceStamped, transform: TransformStamped
) -> PoseWithCovarianceStamped:
    """Return the pose and its covariance in the frame of the transform's header."""
    result = PoseWithCovarianceStamped(header=transform.header)
    result.pose.pose = do_transform_pose(pose.pose.pose, transform)
    result.pose.covariance = transform_covariance(pose.pose.covariance, transform)
    return result


for _type, _function in (
    (PointStamped, do_transform_point),
    (Vector3Stamped, do_transform_vector3),
    (PoseStamped, do_transform_pose_stamped),
    (PoseWithCovarianceStamped, do_transform_pose_with_covariance_stamped),
):
    TransformRegistration().add(_type, _function)
    ConvertRegistration().add_to_msg(_type, to_msg_msg)
    ConvertRegistration().add_from_msg(_type, from_msg_msg)
