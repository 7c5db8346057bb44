# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The rendered world as a robot records it: images behind their stamps, poses of the base, the camera on a mount."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from end_to_end_files import poses_around
from end_to_end_world import DISTORTION, HEIGHT, K_9, WIDTH, ImageFile
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from neumap_ros.geometry import Pose

STORE = get_typestore(Stores.ROS2_HUMBLE)
STORAGES = {'sqlite3': StoragePlugin.SQLITE3, 'mcap': StoragePlugin.MCAP}

Entry = tuple[str, int, Any]  # topic, time of the recording in ns, message
Poses = Literal['odometry', 'pose', 'tf']

# An image is recorded long after its stamp, a pose soon: who goes by the recording's times mixes them up.
IMAGE_LATENCY_NS, POSE_LATENCY_NS = 60_000_000, 2_000_000

# Map, robot and mount: no two of them have a parallel axis. The last is the optical frame of REP-103.
T_MAP_ODOM = Pose.from_quaternion((0.8, 0.0, 0.0, 0.6), (3.0, -2.0, 0.1))
T_BASE_MOUNT = Pose(np.asarray(cv2.Rodrigues(np.array([0.1, 0.2, -0.3]))[0]), np.array([0.25, 0.06, 0.45]))
T_MOUNT_CAM = Pose.from_quaternion((0.5, -0.5, 0.5, -0.5), (0.02, 0.01, 0.0))
T_BASE_CAM = T_BASE_MOUNT @ T_MOUNT_CAM
BASE, MOUNT, CAMERA = 'base_link', 'camera_link', 'camera_optical_frame'


def write_bag(
    folder: Path, images: list[ImageFile], storage: str, poses: Poses, *, compressed: bool, pose_topic: str = '/pose'
) -> Path:
    """Write a recording.

    Args:
        folder: to create.
        images: what the camera saw.
        storage: of :data:`STORAGES`.
        poses: where the poses are: Odometry, PoseStamped, or /tf from map over odom to the base.
        compressed: CompressedImage with the JPEG files' bytes, else Image in bgr8 with padded rows.
        pose_topic: of Odometry and PoseStamped.
    """
    topic = '/front/image_raw' + '/compressed' * compressed
    entries = [_static()]
    for image in images:
        recorded_ns = image.time_ns + IMAGE_LATENCY_NS
        entries.append(('/front/camera_info', recorded_ns, _camera_info(image.time_ns)))
        entries.append((topic, recorded_ns, (_compressed_image if compressed else _raw_image)(image)))
        # Between two poses of the base the camera moves on no straight line, but at the stamp it is where it was.
        for time_ns, T_map_base in poses_around(image.time_ns, image.pose @ T_BASE_CAM.inverse()):
            entries += _pose_entries(poses, pose_topic, time_ns, T_map_base)
    entries.sort(key=lambda entry: entry[1])
    _write(folder, entries, storage)
    return folder


def _write(folder: Path, entries: Iterable[Entry], storage: str) -> None:
    with Writer(folder, version=9, storage_plugin=STORAGES[storage]) as writer:
        connections = {}
        for topic, time_ns, message in entries:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, message.__msgtype__, typestore=STORE)
            writer.write(connections[topic], time_ns, STORE.serialize_cdr(message, message.__msgtype__))


def _pose_entries(poses: Poses, topic: str, time_ns: int, T_map_base: Pose) -> list[Entry]:
    recorded_ns = time_ns + POSE_LATENCY_NS
    if poses == 'tf':
        moving = _transform(time_ns, 'odom', BASE, T_MAP_ODOM.inverse() @ T_map_base)
        drift = _transform(time_ns, 'map', 'odom', T_MAP_ODOM)
        return [('/tf', recorded_ns, _message('tf2_msgs/msg/TFMessage', transforms=[item])) for item in (drift, moving)]
    point, quaternion = _point('Point', T_map_base), _quaternion(T_map_base)
    pose = _message('geometry_msgs/msg/Pose', position=point, orientation=quaternion)
    if poses == 'pose':
        message = _message('geometry_msgs/msg/PoseStamped', header=_header(time_ns, 'map'), pose=pose)
    else:
        zero = _message('geometry_msgs/msg/Vector3', x=0.0, y=0.0, z=0.0)
        twist = _message('geometry_msgs/msg/Twist', linear=zero, angular=zero)
        message = _message(
            'nav_msgs/msg/Odometry',
            header=_header(time_ns, 'map'),
            child_frame_id=BASE,
            pose=_message('geometry_msgs/msg/PoseWithCovariance', pose=pose, covariance=np.zeros(36)),
            twist=_message('geometry_msgs/msg/TwistWithCovariance', twist=twist, covariance=np.zeros(36)),
        )
    return [(topic, recorded_ns, message)]


def _static() -> Entry:
    transforms = [_transform(0, BASE, MOUNT, T_BASE_MOUNT), _transform(0, MOUNT, CAMERA, T_MOUNT_CAM)]
    return '/tf_static', 1, _message('tf2_msgs/msg/TFMessage', transforms=transforms)


def _raw_image(image: ImageFile) -> Any:
    # Rows end in bytes that belong to no pixel, as drivers align them.
    picture = np.pad(cv2.imread(str(image.path)).reshape(HEIGHT, -1), ((0, 0), (0, 64)), constant_values=255)
    return _message(
        'sensor_msgs/msg/Image',
        header=_header(image.time_ns, CAMERA),
        height=HEIGHT,
        width=WIDTH,
        encoding='bgr8',
        is_bigendian=0,
        step=picture.shape[1],
        data=picture.reshape(-1),
    )


def _compressed_image(image: ImageFile) -> Any:
    data = np.frombuffer(image.path.read_bytes(), np.uint8)
    return _message(
        'sensor_msgs/msg/CompressedImage',
        header=_header(image.time_ns, CAMERA),
        format='bgr8; jpeg compressed bgr8',
        data=data,
    )


def _camera_info(time_ns: int) -> Any:
    roi = _message('sensor_msgs/msg/RegionOfInterest', x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    return _message(
        'sensor_msgs/msg/CameraInfo',
        header=_header(time_ns, CAMERA),
        height=HEIGHT,
        width=WIDTH,
        distortion_model='plumb_bob',
        d=np.array([*DISTORTION, 0.0]),
        k=np.array(K_9),
        r=np.eye(3).reshape(-1),
        # Of the rectified image, which this is not.
        p=np.array([200.0, 0.0, 150.0, 0.0, 0.0, 200.0, 100.0, 0.0, 0.0, 0.0, 1.0, 0.0]),
        binning_x=0,
        binning_y=0,
        roi=roi,
    )


def _transform(time_ns: int, parent: str, child: str, T_parent_child: Pose) -> Any:
    transform = _message(
        'geometry_msgs/msg/Transform',
        translation=_point('Vector3', T_parent_child),
        rotation=_quaternion(T_parent_child),
    )
    return _message(
        'geometry_msgs/msg/TransformStamped',
        header=_header(time_ns, parent),
        child_frame_id=child,
        transform=transform,
    )


def _header(time_ns: int, frame_id: str) -> Any:
    stamp = _message('builtin_interfaces/msg/Time', sec=time_ns // 10**9, nanosec=time_ns % 10**9)
    return _message('std_msgs/msg/Header', stamp=stamp, frame_id=frame_id)


def _point(kind: str, pose: Pose) -> Any:
    x, y, z = map(float, pose.translation_3)
    return _message(f'geometry_msgs/msg/{kind}', x=x, y=y, z=z)


def _quaternion(pose: Pose) -> Any:
    w, x, y, z = map(float, pose.quaternion_wxyz)
    return _message('geometry_msgs/msg/Quaternion', x=x, y=y, z=z, w=w)


def _message(name: str, **fields: Any) -> Any:
    return STORE.types[name](**fields)
