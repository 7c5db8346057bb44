# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fields of ROS messages as our own values, whoever read the message: rclpy or a reader of bags.

Messages are taken as they come, by their fields; no message package is imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neumap_ros.geometry import Camera
from neumap_ros.images import decode_image
from neumap_ros.ros_images import grey_from_ros

IMAGE, COMPRESSED_IMAGE = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'


def quaternion_wxyz(rotation: Any) -> tuple[float, float, float, float]:
    """Give a geometry_msgs/Quaternion with the scalar first."""
    return rotation.w, rotation.x, rotation.y, rotation.z


def xyz(vector: Any) -> tuple[float, float, float]:
    """Give a geometry_msgs/Point or Vector3 as a tuple."""
    return vector.x, vector.y, vector.z


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


def clean_frame(frame_id: str) -> str:
    """Drop the leading slash that old recordings carry."""
    return frame_id.lstrip('/')
