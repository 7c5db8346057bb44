# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fields of recorded messages as our own values: cameras, poses, grey images."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neumap_ros.geometry import Camera, Pose
from neumap_ros.images import decode_image
from neumap_ros.mapping.sources.ros_images import grey_from_ros
from neumap_ros.mapping.sources.tf_tree import clean_frame

IMAGE, COMPRESSED_IMAGE = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
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


def quaternion_wxyz(rotation: Any) -> tuple[float, float, float, float]:
    """Give a geometry_msgs/Quaternion with the scalar first."""
    return rotation.w, rotation.x, rotation.y, rotation.z


def xyz(vector: Any) -> tuple[float, float, float]:
    """Give a geometry_msgs/Point or Vector3 as a tuple."""
    return vector.x, vector.y, vector.z


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


def camera_from_info(info: Any, name: str, *, rectified: bool) -> Camera:
    """Build the camera of a sensor_msgs/CameraInfo, its region of interest and binning included.

    Args:
        info: the message.
        name: what to call the camera in an error.
        rectified: whether the images are rectified: then P counts instead of K and D. As stereo_image_proc does, the
            frame of the message is taken for the rectified camera's.

    Raises:
        CalibrationError: not calibrated (zero focal length), or a distortion that is none.
    """
    width, height = int(info.width), int(info.height)
    k = np.array(info.p, dtype=np.float64).reshape(3, 4)[:, :3] if rectified else np.array(info.k, dtype=np.float64)
    k = k.reshape(3, 3).copy()
    roi = info.roi
    if roi.width and roi.height:
        width, height = int(roi.width), int(roi.height)
        k[0, 2] -= roi.x_offset
        k[1, 2] -= roi.y_offset
    if rectified:
        camera = Camera.from_ros(width, height, k, name=f'{name} (rectified)')
    else:
        camera = Camera.from_ros(width, height, k, info.distortion_model, info.d, name)
    binning_x, binning_y = max(1, int(info.binning_x)), max(1, int(info.binning_y))
    return camera if binning_x == binning_y == 1 else camera.scaled(1 / binning_x, 1 / binning_y)


def pixels_from_message(message: Any, msgtype: str, name: str) -> NDArray[np.uint8]:
    """Decode a sensor_msgs/Image or CompressedImage to grey, uint8 (H, W).

    Raises:
        ImageError: unknown encoding or truncated data.
    """
    if msgtype == COMPRESSED_IMAGE:
        return decode_image(np.asarray(message.data, dtype=np.uint8), name)
    return grey_from_ros(
        int(message.height),
        int(message.width),
        message.encoding,
        int(message.step),
        message.data,
        is_bigendian=bool(message.is_bigendian),
        name=name,
    )
