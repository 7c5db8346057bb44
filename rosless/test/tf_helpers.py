# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Transforms for tests."""

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.time import Time
from scipy.spatial.transform import Rotation

LATEST = Time()


def at(seconds):
    """Return a time."""
    return Time(seconds=seconds)


def transform(parent, child, stamp=0.0, xyz=(0, 0, 0), rpy=(0, 0, 0)):
    """Return a transform to a frame from its child, in metres and radians."""
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id = parent
    message.header.stamp = at(stamp).to_msg()
    part = message.transform
    part.translation.x, part.translation.y, part.translation.z = map(float, xyz)
    quaternion = Rotation.from_euler('xyz', rpy).as_quat()
    part.rotation.x, part.rotation.y, part.rotation.z, part.rotation.w = map(float, quaternion)
    return message


def matrix(message):
    """Return the 4x4 matrix of a transform."""
    part = message.transform
    result = np.eye(4)
    rotation = (part.rotation.x, part.rotation.y, part.rotation.z, part.rotation.w)
    result[:3, :3] = Rotation.from_quat(rotation).as_matrix()
    result[:3, 3] = part.translation.x, part.translation.y, part.translation.z
    return result


def xyz(vector):
    """Return the coordinates of a vector or point."""
    return vector.x, vector.y, vector.z
