# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings written by rosbags' own writer, in both storages."""

from __future__ import annotations

import logging
import pickle

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from test_sources_base import CX, CY, DISTORTION, FX, FY, HEIGHT, WIDTH, assert_same_world, picture, poses

from neumap_ros.errors import CalibrationError, ConfigError, ImageError, SourceError
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources import open_bag
from neumap_ros.mapping.sources.tf_tree import TfTree
from neumap_ros.ros_values import camera_from_info

STORE = get_typestore(Stores.ROS2_HUMBLE)
TYPES = STORE.types
STORAGES = {'sqlite3': StoragePlugin.SQLITE3, 'mcap': StoragePlugin.MCAP}
# Images lie between the poses in time, and everything is recorded a bit after its stamp.
IMAGE_TIMES_NS = (1_000_000_000, 1_200_000_000, 1_400_000_000, 1_600_000_000)
LATENCY_NS = 30_000_000
CAMERA, BODY = 'camera_optical', 'base_link'
T_BODY_CAM = Pose.from_quaternion((0.5, -0.5, 0.5, -0.5), (0.2, 0.05, 0.4))


def message(name, **fields):
    return TYPES[name](**fields)


def header(time_ns, frame_id):
    stamp = message('builtin_interfaces/msg/Time', sec=time_ns // 10**9, nanosec=time_ns % 10**9)
    return message('std_msgs/msg/Header', stamp=stamp, frame_id=frame_id)


def image(index, time_ns, encoding='mono8', frame_id=CAMERA):
    grey = picture(index)
    data = grey if encoding == 'mono8' else cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    fields = {'height': HEIGHT, 'width': WIDTH, 'encoding': encoding, 'is_bigendian': 0}
    return message(
        'sensor_msgs/msg/Image',
        header=header(time_ns, frame_id),
        step=data[0].nbytes,
        data=np.ascontiguousarray(data).reshape(-1),
        **fields,
    )


def compressed(index, time_ns):
    data = np.frombuffer(cv2.imencode('.png', picture(index))[1].tobytes(), np.uint8)
    return message(
        'sensor_msgs/msg/CompressedImage', header=header(time_ns, CAMERA), format='mono8; png compressed', data=data
    )


def info(time_ns=0, fx=FX, **changes):
    roi = message('sensor_msgs/msg/RegionOfInterest', x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
    fields = {
        'height': HEIGHT,
        'width': WIDTH,
        'distortion_model': 'plumb_bob',
        'd': np.array([*DISTORTION, 0.0]),
        'k': np.array([fx, 0, CX, 0, FY, CY, 0, 0, 1.0]),
        'r': np.eye(3).reshape(-1),
        'p': np.array([FX, 0, CX, 0, 0, FY, CY, 0, 0, 0, 1, 0.0]),
        'binning_x': 0,
        'binning_y': 0,
        'roi': roi,
        **changes,
    }
    return message('sensor_msgs/msg/CameraInfo', header=header(time_ns, CAMERA), **fields)


def point(pose, kind='Point'):
    x, y, z = pose.translation_3
    return message(f'geometry_msgs/msg/{kind}', x=x, y=y, z=z)


def quaternion(pose):
    w, x, y, z = pose.quaternion_wxyz
    return message('geometry_msgs/msg/Quaternion', x=x, y=y, z=z, w=w)


def pose_message(kind, pose, time_ns, parent='map', child=BODY):
    head = header(time_ns, parent)
    if kind in ('geometry_msgs/msg/TransformStamped',):
        body = message('geometry_msgs/msg/Transform', translation=point(pose, 'Vector3'), rotation=quaternion(pose))
        return message(kind, header=head, child_frame_id=child, transform=body)
    body = message('geometry_msgs/msg/Pose', position=point(pose), orientation=quaternion(pose))
    if kind == 'geometry_msgs/msg/PoseStamped':
        return message(kind, header=head, pose=body)
    with_covariance = message('geometry_msgs/msg/PoseWithCovariance', pose=body, covariance=np.zeros(36))
    if kind == 'geometry_msgs/msg/PoseWithCovarianceStamped':
        return message(kind, header=head, pose=with_covariance)
    zero = message('geometry_msgs/msg/Vector3', x=0.0, y=0.0, z=0.0)
    twist = message('geometry_msgs/msg/Twist', linear=zero, angular=zero)
    twist = message('geometry_msgs/msg/TwistWithCovariance', twist=twist, covariance=np.zeros(36))
    return message(kind, header=head, child_frame_id=child, pose=with_covariance, twist=twist)


def tf(*transforms):
    return message('tf2_msgs/msg/TFMessage', transforms=list(transforms))


def transform(pose, time_ns, parent, child):
    return pose_message('geometry_msgs/msg/TransformStamped', pose, time_ns, parent, child)


def write_bag(path, entries, storage='sqlite3'):
    """Write (topic, time in ns, message)."""
    with Writer(path, version=9, storage_plugin=STORAGES[storage]) as writer:
        connections = {}
        for topic, time_ns, item in entries:
            msgtype = item.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, msgtype, typestore=STORE)
            writer.write(connections[topic], time_ns, STORE.serialize_cdr(item, msgtype))
    return path


def pictures(topic='/cam/image_raw', make=image):
    return [(topic, time_ns + LATENCY_NS, make(i, time_ns)) for i, time_ns in enumerate(IMAGE_TIMES_NS)]


INFO = ('/cam/camera_info', IMAGE_TIMES_NS[0], info())


def body_poses(T_body_cam=T_BODY_CAM):
    return [pose @ T_body_cam.inverse() for pose in poses()]


def topic_poses(kind='nav_msgs/msg/Odometry', topic='/pose', truth=None, **options):
    truth = body_poses() if truth is None else truth
    return [
        (topic, t + 1, pose_message(kind, pose, t, **options)) for t, pose in zip(IMAGE_TIMES_NS, truth, strict=True)
    ]


STATIC = ('/tf_static', 1, tf(transform(T_BODY_CAM, 0, BODY, CAMERA)))


def tf_poses():
    """map -> odom -> base_link, the first slow and constant, and a frame with a broken transform that nobody needs."""
    T_map_odom = Pose.from_quaternion((0.8, 0, 0, 0.6), (3.0, -2.0, 0.0))
    entries = [STATIC]
    for t, pose in zip(IMAGE_TIMES_NS, body_poses(), strict=True):
        broken = transform(Pose.identity(), t, BODY, 'wheel')
        broken.transform.rotation.w = 0.0
        moving = transform(T_map_odom.inverse() @ pose, t, 'odom', BODY)
        entries.append(('/tf', t + 2, tf(moving, transform(T_map_odom, t, 'map', 'odom'), broken)))
    return entries


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('make', [image, compressed, lambda i, t: image(i, t, 'bgr8')], ids=['raw', 'png', 'bgr8'])
def test_geometry_from_odometry_with_static_extrinsics(tmp_path, storage, make):
    path = write_bag(tmp_path / 'bag', [STATIC, INFO, *pictures(make=make), *topic_poses()], storage)
    source = open_bag(path)
    assert_same_world(source)
    assert [image.name for image in source.images] == ['000000', '000001', '000002', '000003']
    assert [image.time_s for image in source.images] == pytest.approx([1.0, 1.2, 1.4, 1.6])
    assert source.frame_id == 'map' and source.metric is True and '(4 images)' in source.description
    np.testing.assert_array_equal(source.read(source.images[2]), picture(2))
    np.testing.assert_array_equal(source.read(source.images[0]), picture(0))
    again = pickle.loads(pickle.dumps(source))
    assert again.fingerprint() == source.fingerprint() == open_bag(path).fingerprint()
    np.testing.assert_array_equal(again.read(again.images[3]), picture(3))
    source.close()
    np.testing.assert_array_equal(source.subset(['000001']).read(source.images[1]), picture(1))


@pytest.mark.parametrize('storage', STORAGES)
@pytest.mark.parametrize('pose', [None, 'tf:map', '/tf:map.base_link', 'tf:map.camera_optical'])
def test_geometry_from_tf(tmp_path, storage, pose):
    path = write_bag(tmp_path / 'bag', [*tf_poses(), INFO, *pictures()], storage)
    assert_same_world(open_bag(path, pose=pose))


@pytest.mark.parametrize('kind', ['PoseStamped', 'PoseWithCovarianceStamped', 'TransformStamped'])
def test_geometry_from_other_pose_messages(tmp_path, kind):
    kind = f'geometry_msgs/msg/{kind}'
    path = write_bag(tmp_path / 'bag', [STATIC, INFO, *pictures(), *topic_poses(kind)])
    assert_same_world(open_bag(path, body_frame=BODY))
    assert_same_world(open_bag(path, T_body_cam=T_BODY_CAM))
    assert_same_world(open_bag(path, pose=f'/pose.{BODY}'))
    if kind.endswith('TransformStamped'):
        assert_same_world(open_bag(path))
    else:
        with pytest.raises(SourceError, match=r"do not say whose pose .* give '/pose\.base_link', or '/pose\.cam"):
            open_bag(path)
        with pytest.raises(SourceError, match=r"where the camera 'camera_optical' sits on 'nobody'"):
            open_bag(path, pose='/pose.nobody')


def test_pose_of_the_camera_itself_and_frame_of_the_odometry(tmp_path):
    own = topic_poses(truth=poses(), parent='odom', child=CAMERA)
    source = open_bag(write_bag(tmp_path / 'bag', [INFO, *pictures(), *own]))
    assert_same_world(source)
    assert source.frame_id == 'odom'


def test_every_nth_image_and_interpolation(tmp_path, caplog):
    sparse = [entry for i, entry in enumerate(topic_poses()) if i != 1]
    path = write_bag(tmp_path / 'bag', [STATIC, INFO, *pictures(), *sparse])
    assert [image.name for image in open_bag(path, every=2).images] == ['000000', '000002']
    with caplog.at_level(logging.WARNING):
        assert [image.name for image in open_bag(path).images] == ['000000', '000002', '000003']
    assert '1 of 4 images have no pose' in caplog.text
    between = open_bag(path, max_time_difference_s=0.25).images[1].T_map_cam
    halfway = (body_poses()[0].translation_3 + body_poses()[2].translation_3) / 2
    assert (between @ T_BODY_CAM.inverse()).translation_3 == pytest.approx(halfway)
    with pytest.raises(ConfigError, match='every is 0'):
        open_bag(path, every=0)


def test_poses_that_do_not_cover_the_images(tmp_path):
    late = [(topic, t, item) for topic, t, item in topic_poses()]
    for _, _, item in late:
        item.header.stamp.sec += 100
    path = write_bag(tmp_path / 'bag', [STATIC, INFO, *pictures(), *late])
    with pytest.raises(SourceError, match='gives no pose within'):
        open_bag(path)
    source = open_bag(path, pose='none')
    assert len(source.images) == 4 and source.images[0].T_map_cam is None


def test_images_recorded_at_one_time_and_without_stamps(tmp_path):
    same = [('/cam/image_raw', 5_000, image(i, t)) for i, t in enumerate(IMAGE_TIMES_NS)]
    path = write_bag(tmp_path / 'same', [STATIC, INFO, *same, *topic_poses()])
    assert_same_world(open_bag(path))
    unstamped = [('/cam/image_raw', t, image(i, 0)) for i, t in enumerate(IMAGE_TIMES_NS)]
    assert_same_world(open_bag(write_bag(tmp_path / 'unstamped', [STATIC, INFO, *unstamped, *topic_poses()])))


def test_candidates_are_listed(tmp_path):
    entries = [STATIC, INFO, *pictures()]
    with pytest.raises(SourceError, match=r'more than one image topic: /cam/image_raw, /right/image_raw'):
        open_bag(write_bag(tmp_path / 'a', [*entries, *pictures('/right/image_raw'), *topic_poses()]))
    with pytest.raises(SourceError, match=r'more than one source of poses .*: /odom, /pose'):
        open_bag(write_bag(tmp_path / 'b', [*entries, *topic_poses(topic='/odom'), *topic_poses()]))
    both = write_bag(tmp_path / 'c', [*tf_poses(), *topic_poses(), *entries[1:]])
    with pytest.raises(SourceError, match=r'/pose, tf:map\.camera_optical'):
        open_bag(both)
    assert_same_world(open_bag(both, pose='/pose'))
    with pytest.raises(SourceError, match='no source of poses'):
        open_bag(write_bag(tmp_path / 'd', entries))
    with pytest.raises(SourceError, match='/nothing, expected one of'):
        open_bag(both, '/nothing')
    with pytest.raises(SourceError, match=r'is a nav_msgs/msg/Odometry, expected sensor_msgs'):
        open_bag(both, '/pose')
    infos = [('/x/camera_info', 1, info()), ('/y/camera_info', 1, info())]
    with pytest.raises(SourceError, match='more than one CameraInfo topic'):
        open_bag(write_bag(tmp_path / 'e', [*infos, *pictures(), *topic_poses()]))


def test_compressed_copies_and_depth_are_no_other_cameras(tmp_path):
    entries = [STATIC, INFO, *pictures(), *pictures('/cam/image_raw/compressed', compressed)]
    entries += [*pictures('/cam/depth/image_rect_raw'), *topic_poses()]
    path = write_bag(tmp_path / 'bag', entries)
    assert_same_world(open_bag(path))
    other = open_bag(path, '/cam/image_raw/compressed')
    assert_same_world(other)
    assert other.fingerprint() != open_bag(path).fingerprint()


def test_rectified_images_use_the_projection_matrix(tmp_path):
    rectified = ('/cam/camera_info', 1, info(fx=3.0))
    path = write_bag(tmp_path / 'bag', [STATIC, rectified, *pictures('/cam/image_rect'), *topic_poses()])
    assert_same_world(open_bag(path), distortion=np.zeros(4))
    assert open_bag(path, rectified=False).images[0].camera.params[0] == 3.0


def test_region_of_interest_and_binning():
    roi = message('sensor_msgs/msg/RegionOfInterest', x_offset=16, y_offset=8, height=32, width=48, do_rectify=False)
    camera = camera_from_info(info(roi=roi, binning_x=2, binning_y=2), 'camera', rectified=False)
    assert (camera.width, camera.height) == (24, 16)
    assert camera.params[:4] == pytest.approx((FX / 2, FY / 2, (CX + 0.5 - 16) / 2, (CY + 0.5 - 8) / 2))


def test_refuses_bags_that_are_missing_empty_or_damaged(tmp_path):
    with pytest.raises(SourceError, match='there is no bag'):
        open_bag(tmp_path / 'nowhere')
    (tmp_path / 'folder').mkdir()
    with pytest.raises(SourceError, match=r'no metadata\.yaml'):
        open_bag(tmp_path / 'folder')
    for storage in STORAGES:
        with pytest.raises(SourceError, match='is empty'):
            open_bag(write_bag(tmp_path / f'empty_{storage}', [], storage))
        path = write_bag(tmp_path / f'cut_{storage}', [STATIC, INFO, *pictures(), *topic_poses()], storage)
        file = next(file for file in path.iterdir() if file.suffix in ('.db3', '.mcap'))
        file.write_bytes(file.read_bytes()[:3000])
        with pytest.raises(SourceError, match='cannot be read'):
            open_bag(path)


def test_refuses_cameras_that_are_missing_uncalibrated_or_changing(tmp_path):
    others = [STATIC, *pictures(), *topic_poses()]
    with pytest.raises(SourceError, match='has no CameraInfo'):
        open_bag(write_bag(tmp_path / 'a', others))
    zero = info(k=np.zeros(9), d=np.zeros(0), distortion_model='')
    with pytest.raises(CalibrationError, match=r'camera on /cam/camera_info is not calibrated'):
        open_bag(write_bag(tmp_path / 'b', [('/cam/camera_info', 1, zero), *others]))
    two = [('/cam/camera_info', t, info(fx=fx)) for t, fx in ((1, FX), (2, FX + 1))]
    with pytest.raises(CalibrationError, match='changes its calibration'):
        open_bag(write_bag(tmp_path / 'c', [*two, *others]))


def test_refuses_bad_poses_and_unconnected_frames(tmp_path):
    bad = topic_poses()
    bad[2][2].pose.pose.position.x = float('nan')
    with pytest.raises(CalibrationError, match=r'pose on /pose at t = 1\.4'):
        open_bag(write_bag(tmp_path / 'a', [STATIC, INFO, *pictures(), *bad]))
    with pytest.raises(SourceError, match=r"where the camera 'camera_optical' sits on 'base_link'"):
        open_bag(write_bag(tmp_path / 'b', [INFO, *pictures(), *topic_poses()]))
    path = write_bag(tmp_path / 'c', [*tf_poses(), INFO, *pictures()])
    with pytest.raises(SourceError, match="do not connect 'world' and 'base_link'"):
        open_bag(path, pose='tf:world.base_link')
    nameless = pictures(make=lambda i, t: image(i, t, frame_id=''))
    with pytest.raises(SourceError, match='name no frame'):
        open_bag(write_bag(tmp_path / 'd', [STATIC, INFO, *nameless, *topic_poses()]))


def test_image_that_contradicts_its_camera_info(tmp_path):
    wide = ('/cam/camera_info', 1, info(width=2 * WIDTH))
    source = open_bag(write_bag(tmp_path / 'bag', [STATIC, wide, *pictures(), *topic_poses()]))
    with pytest.raises(ImageError, match='96x64, expected 192x64'):
        source.read(source.images[0])


def test_tf_loops_are_refused():
    tree = TfTree()
    tree.add('a', 'b', (1, 0, 0, 0), (0, 0, 0), None)
    tree.add('b', 'a', (1, 0, 0, 0), (0, 0, 0), None)
    with pytest.raises(SourceError, match='loop'):
        tree.lookup('a', 'b', 0.0, 1.0)
