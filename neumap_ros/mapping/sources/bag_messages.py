# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Stamps and poses of recorded messages as our own values."""

from __future__ import annotations

from typing import Any, NamedTuple

from neumap_ros.geometry import Pose
from neumap_ros.ros_values import clean_frame, quaternion_wxyz, xyz

CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'
TF_MESSAGE = 'tf2_msgs/msg/TFMessage'
POSE, POSE_WITH_COVARIANCE = 'geometry_msgs/msg/PoseStamped', 'geometry_msgs/msg/PoseWithCovarianceStamped'
TRANSFORM, ODOMETRY = 'geometry_msgs/msg/TransformStamped', 'nav_msgs/msg/Odometry'
POSE_TYPES = (POSE, POSE_WITH_COVARIANCE, TRANSFORM, ODOMETRY)


class StampedPose(NamedTuple):
    """A pose of one of :data:`POSE_TYPES`; ``child`` is None where the message does not say whose pose it is."""

    time_s: float
    parent: str
    child: str | None
    T_parent_child: Pose


def stamp_s(header: Any, bag_time_ns: int) -> float:
    """Give a header's stamp in seconds; the recording time where the driver left it at zero."""
    nanoseconds = header.stamp.sec * 10**9 + header.stamp.nanosec
    return (nanoseconds or bag_time_ns) / 10**9


def pose_from_message(message: Any, msgtype: str, bag_time_ns: int, topic: str) -> StampedPose:
    """Read a message of one of :data:`POSE_TYPES`.

    Raises:
        CalibrationError: NaN, or a quaternion that is none.
    """
    time_s = stamp_s(message.header, bag_time_ns)
    child = clean_frame(message.child_frame_id) or None if msgtype in (TRANSFORM, ODOMETRY) else None
    name = f'the pose on {topic} at t = {time_s:.6f} s'
    if msgtype == TRANSFORM:
        rotation, translation = message.transform.rotation, message.transform.translation
    else:
        pose = message.pose if msgtype == POSE else message.pose.pose
        rotation, translation = pose.orientation, pose.position
    T_parent_child = Pose.from_quaternion(quaternion_wxyz(rotation), xyz(translation), name)
    return StampedPose(time_s, clean_frame(message.header.frame_id), child, T_parent_child)
