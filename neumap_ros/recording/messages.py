# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Our values as ROS 2 messages for a bag, without ROS; the reverse of ``mapping/sources/bag_messages.py``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.typesys import Stores, get_typestore

from neumap_ros.errors import CalibrationError
from neumap_ros.geometry import PIXEL_CENTRE, Camera, FloatArray, Pose

# The standard messages have not changed since Humble, so that these bags play on every ROS 2 in use.
STORE = get_typestore(Stores.ROS2_HUMBLE)

IMAGE, COMPRESSED_IMAGE = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO, TF_MESSAGE = 'sensor_msgs/msg/CameraInfo', 'tf2_msgs/msg/TFMessage'
POSE_STAMPED, ODOMETRY = 'geometry_msgs/msg/PoseStamped', 'nav_msgs/msg/Odometry'
IMU = 'sensor_msgs/msg/Imu'


def image(stamp_ns: int, frame_id: str, pixels: NDArray[np.uint8]) -> Any:
    """Make a sensor_msgs/Image: mono8 of (H, W), bgr8 of (H, W, 3)."""
    height, width = pixels.shape[:2]
    return _message(
        IMAGE,
        header=header(stamp_ns, frame_id),
        height=height,
        width=width,
        encoding=encoding_of(pixels),
        is_bigendian=0,
        step=pixels.size // height,
        data=np.ascontiguousarray(pixels).reshape(-1),
    )


def depth_image(stamp_ns: int, frame_id: str, depth_HW: NDArray[np.float32]) -> Any:
    """Make a sensor_msgs/Image of depths in metres (32FC1), NaN where there is none (REP-118)."""
    height, width = depth_HW.shape
    depth = np.where(depth_HW > 0, depth_HW, np.nan).astype('<f4')
    return _message(
        IMAGE,
        header=header(stamp_ns, frame_id),
        height=height,
        width=width,
        encoding='32FC1',
        is_bigendian=0,
        step=4 * width,
        data=depth.view(np.uint8).reshape(-1),
    )


def compressed_image(stamp_ns: int, frame_id: str, data: bytes, encoding: str) -> Any:
    """Make a sensor_msgs/CompressedImage of the bytes of a JPEG file; ``format`` reads as image_transport writes it."""
    return _message(
        COMPRESSED_IMAGE,
        header=header(stamp_ns, frame_id),
        format=f'{encoding}; jpeg compressed {encoding}',
        data=np.frombuffer(data, np.uint8),
    )


def encoding_of(pixels: NDArray[np.uint8]) -> str:
    """Name the encoding of grey (H, W) or blue-green-red (H, W, 3) pixels."""
    return 'mono8' if pixels.ndim == 2 else 'bgr8'


def camera_info(stamp_ns: int, frame_id: str, camera: Camera) -> Any:
    """Make a sensor_msgs/CameraInfo of an unrectified camera.

    Raises:
        CalibrationError: ROS has no name for the camera's distortion.
    """
    k_9, distortion_model, coefficients = ros_calibration(camera)
    fx, cx, fy, cy = k_9[0], k_9[2], k_9[4], k_9[5]
    return _message(
        CAMERA_INFO,
        header=header(stamp_ns, frame_id),
        height=camera.height,
        width=camera.width,
        distortion_model=distortion_model,
        d=coefficients,
        k=k_9,
        r=np.eye(3).reshape(-1),
        p=np.array([fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]),
        binning_x=0,
        binning_y=0,
        roi=_message('sensor_msgs/msg/RegionOfInterest', x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
    )


def ros_calibration(camera: Camera) -> tuple[FloatArray, str, FloatArray]:
    """Give K (row by row, the top-left pixel's centre at (0, 0)), distortion model and coefficients D as ROS has them.

    The reverse of :meth:`neumap_ros.geometry.Camera.from_ros`.

    Raises:
        CalibrationError: ROS has no name for the camera's distortion.
    """
    model, params = camera.model, camera.params
    if model.startswith('SIMPLE_') or model in ('RADIAL', 'RADIAL_FISHEYE'):
        (f, cx, cy), rest = params[:3], params[3:]
        fx = fy = f
    else:
        (fx, fy, cx, cy), rest = params[:4], params[4:]
    # How many numbers D has, and how many of them COLMAP's model gives: the others are zero.
    coefficients = {
        'SIMPLE_PINHOLE': ('plumb_bob', 5),
        'PINHOLE': ('plumb_bob', 5),
        'SIMPLE_RADIAL': ('plumb_bob', 5),
        'RADIAL': ('plumb_bob', 5),
        'OPENCV': ('plumb_bob', 5),
        'FULL_OPENCV': ('rational_polynomial', 8),
        'SIMPLE_RADIAL_FISHEYE': ('equidistant', 4),
        'RADIAL_FISHEYE': ('equidistant', 4),
        'OPENCV_FISHEYE': ('equidistant', 4),
    }
    if model not in coefficients:
        raise CalibrationError(
            f'{camera.name} uses the camera model {model}, which CameraInfo cannot express, expected one of '
            f'{", ".join(coefficients)}; undistort the images or calibrate again'
        )
    name, count = coefficients[model]
    k_9 = np.array([fx, 0.0, cx - PIXEL_CENTRE, 0.0, fy, cy - PIXEL_CENTRE, 0.0, 0.0, 1.0])
    return k_9, name, np.pad(np.array(rest, dtype=np.float64), (0, count - len(rest)))


def transform(stamp_ns: int, parent: str, child: str, T_parent_child: Pose) -> Any:
    """Make a geometry_msgs/TransformStamped."""
    return _message(
        'geometry_msgs/msg/TransformStamped',
        header=header(stamp_ns, parent),
        child_frame_id=child,
        transform=_message(
            'geometry_msgs/msg/Transform',
            translation=_xyz('Vector3', T_parent_child.translation_3),
            rotation=_quaternion(T_parent_child),
        ),
    )


def tf_message(transforms: Sequence[Any]) -> Any:
    """Make a tf2_msgs/TFMessage."""
    return _message(TF_MESSAGE, transforms=list(transforms))


def pose_stamped(stamp_ns: int, parent: str, T_parent_child: Pose) -> Any:
    """Make a geometry_msgs/PoseStamped; the message does not name the child."""
    return _message(POSE_STAMPED, header=header(stamp_ns, parent), pose=_pose(T_parent_child))


def odometry(stamp_ns: int, parent: str, child: str, T_parent_child: Pose, step: Pose, step_s: float) -> Any:
    """Make a nav_msgs/Odometry.

    Args:
        stamp_ns: of the pose.
        parent: frame of the pose.
        child: frame whose pose it is; the twist is in it.
        T_parent_child: the pose.
        step: motion since the sample before, in the child's frame of that time; gives the twist.
        step_s: how long it took; 0 for the first.
    """
    rate = 1 / step_s if step_s else 0.0
    w, x, y, z = step.quaternion_wxyz
    sine = float(np.linalg.norm((x, y, z)))
    angle_per_axis = 2 * np.arctan2(sine, w) / sine if sine else 2.0
    twist = _message(
        'geometry_msgs/msg/Twist',
        linear=_xyz('Vector3', step.translation_3 * rate),
        angular=_xyz('Vector3', np.array([x, y, z]) * angle_per_axis * rate),
    )
    return _message(
        ODOMETRY,
        header=header(stamp_ns, parent),
        child_frame_id=child,
        pose=_message('geometry_msgs/msg/PoseWithCovariance', pose=_pose(T_parent_child), covariance=np.zeros(36)),
        twist=_message('geometry_msgs/msg/TwistWithCovariance', twist=twist, covariance=np.zeros(36)),
    )


def imu(
    stamp_ns: int,
    frame_id: str,
    angular_3: FloatArray,
    force_3: FloatArray,
    variances: tuple[float, float] = (0.0, 0.0),
) -> Any:
    """Make a sensor_msgs/Imu of a unit that estimates no orientation.

    Args:
        stamp_ns: of the measurement.
        frame_id: axes of the unit.
        angular_3: angular velocity, rad/s.
        force_3: specific force, m/s²; at rest it points up.
        variances: of one component of either; 0 is unknown.
    """
    no_orientation = np.zeros(9)
    no_orientation[0] = -1.0  # sensor_msgs/Imu: there is no estimate
    return _message(
        IMU,
        header=header(stamp_ns, frame_id),
        orientation=_quaternion(Pose.identity()),
        orientation_covariance=no_orientation,
        angular_velocity=_xyz('Vector3', angular_3),
        angular_velocity_covariance=variances[0] * np.eye(3).reshape(-1),
        linear_acceleration=_xyz('Vector3', force_3),
        linear_acceleration_covariance=variances[1] * np.eye(3).reshape(-1),
    )


def header(stamp_ns: int, frame_id: str) -> Any:
    """Make a std_msgs/Header."""
    stamp = _message('builtin_interfaces/msg/Time', sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    return _message('std_msgs/msg/Header', stamp=stamp, frame_id=frame_id)


def _pose(pose: Pose) -> Any:
    return _message('geometry_msgs/msg/Pose', position=_xyz('Point', pose.translation_3), orientation=_quaternion(pose))


def _xyz(kind: str, xyz_3: FloatArray) -> Any:
    x, y, z = map(float, xyz_3)
    return _message(f'geometry_msgs/msg/{kind}', x=x, y=y, z=z)


def _quaternion(pose: Pose) -> Any:
    w, x, y, z = map(float, pose.quaternion_wxyz)
    return _message('geometry_msgs/msg/Quaternion', x=x, y=y, z=z, w=w)


def _message(name: str, **fields: Any) -> Any:
    return STORE.types[name](**fields)
