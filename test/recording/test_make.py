# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bags made from posed images, read back with rosbags and with our own reader."""

import json

import cv2
import numpy as np
import pytest
import yaml
from rosbags.highlevel import AnyReader

from neumap_ros.errors import CalibrationError, ConfigError, ImageError, SourceError
from neumap_ros.geometry import Camera, Pose
from neumap_ros.images import read_image
from neumap_ros.mapping.sources import open_bag, open_poses_json
from neumap_ros.mapping.sources.base import FileSource, PosedImage
from neumap_ros.mapping.sources.tum import read_tum
from neumap_ros.recording import make
from neumap_ros.recording.bag_writer import BagWriter
from neumap_ros.recording.drift import DriftSettings
from neumap_ros.recording.make import BagSettings, make_bag
from neumap_ros.recording.messages import ros_calibration

WIDTH, HEIGHT = 96, 64
CAMERA = Camera.from_opencv(WIDTH, HEIGHT, 80.0, 82.0, 47.0, 31.5, (-0.1, 0.02, 0.003, -0.004))
# Of each image: what it is written as. A robot's recordings know no WebP, but folders of images do.
NAMES = ('0.jpg', '1.png', '2.jpg', '3.png', '4.jpg')


def pose_of(index):
    rotation, _ = cv2.Rodrigues(np.array([0.1 * index, -0.2, 0.3 + 0.05 * index]))
    return Pose(rotation, np.array([0.5 * index, 0.1 * index**2, -0.2 * index]))


@pytest.fixture
def folder(tmp_path):
    """Five images, one of them grey, with JPEG and PNG mixed."""
    folder = tmp_path / 'set'
    (folder / 'images').mkdir(parents=True)
    rng = np.random.default_rng(0)
    frames = []
    for index, name in enumerate(NAMES):
        picture = cv2.resize(rng.integers(0, 256, (16, 24, 3), dtype=np.uint8), (WIDTH, HEIGHT))
        cv2.imwrite(str(folder / 'images' / name), picture[..., 0] if index == 3 else picture)
        intrinsics = {'w': WIDTH, 'h': HEIGHT, 'fx': 80, 'fy': 82, 'cx': 47, 'cy': 31.5}
        intrinsics['dist'] = [-0.1, 0.02, 0.003, -0.004]
        frames.append({'file': f'images/{name}', **intrinsics, 'T_wc': pose_of(index).matrix_44.tolist()})
    (folder / 'poses.json').write_text(json.dumps({'frames': frames}))
    return folder


@pytest.fixture
def source(folder):
    return open_poses_json(folder)


def with_times(source, times):
    images = [
        PosedImage(image.name, image.camera, image.T_map_cam, time)
        for image, time in zip(source.images, times, strict=True)
    ]
    return FileSource('stamped', images, {image.name: source.path(image) for image in source.images}, metric=True)


def read(bag):
    """Messages by topic as (time of the recording, message)."""
    found = {}
    with AnyReader([bag]) as reader:
        for connection, time_ns, data in reader.messages():
            found.setdefault(connection.topic, []).append((time_ns, reader.deserialize(data, connection.msgtype)))
    return found


def stamp_ns(message):
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
@pytest.mark.parametrize('compressed', [False, True])
def test_our_own_reader_finds_the_images_the_camera_and_the_true_poses(source, tmp_path, storage, compressed):
    bag = tmp_path / 'bag'
    make_bag(source, bag, BagSettings(storage=storage, compressed=compressed))
    opened = open_bag(bag, pose='/ground_truth.base_link')
    assert len(opened) == len(NAMES)
    for image, original in zip(opened.images, source.images, strict=True):
        assert image.camera.model == CAMERA.model
        assert np.allclose(image.camera.params, CAMERA.params, rtol=0, atol=1e-9)
        distance, angle_deg = image.T_map_cam.error_to(original.T_map_cam)
        assert distance < 1e-9
        assert angle_deg < 1e-6
        grey = read_image(source.path(original))
        jpeg = original.name.endswith('.jpg')
        difference = np.abs(opened.read(image).astype(int) - grey)
        # The bytes of a JPEG file are not touched; what becomes a JPEG, and grey by another formula, is near.
        assert difference.max() == 0 if compressed and jpeg else difference.mean() < 2


def test_a_jpeg_file_keeps_its_bytes(source, tmp_path):
    make_bag(source, tmp_path / 'bag', BagSettings(compressed=True))
    recorded = [bytes(message.data) for _, message in read(tmp_path / 'bag')[make.COMPRESSED_TOPIC]]
    for data, image in zip(recorded, source.images, strict=True):
        assert data.startswith(b'\xff\xd8\xff')
        assert (data == source.path(image).read_bytes()) is image.name.endswith('.jpg')


def test_colours_stay_and_grey_stays_grey(source, tmp_path):
    make_bag(source, tmp_path / 'bag')
    recorded = [message for _, message in read(tmp_path / 'bag')[make.IMAGE_TOPIC]]
    assert [message.encoding for message in recorded] == ['bgr8', 'bgr8', 'bgr8', 'mono8', 'bgr8']
    for message, image in zip(recorded, source.images, strict=True):
        pixels = cv2.imread(str(source.path(image)), cv2.IMREAD_ANYCOLOR)
        assert np.array_equal(
            message.data.reshape(HEIGHT, message.step)[:, : pixels[0].size], pixels.reshape(HEIGHT, -1)
        )


def test_transforms_lead_from_odometry_to_the_camera(source, tmp_path):
    make_bag(source, tmp_path / 'bag', BagSettings(drift=DriftSettings(0, 0)))
    messages = read(tmp_path / 'bag')
    assert {m.header.frame_id for _, m in messages[make.IMAGE_TOPIC]} == {make.CAMERA_FRAME}
    opened = open_bag(tmp_path / 'bag', pose='tf:odom')
    first = source.images[0].T_map_cam @ make.T_BASE_CAM.inverse()
    for image, original in zip(opened.images, source.images, strict=True):
        distance, angle_deg = (first @ image.T_map_cam).error_to(original.T_map_cam)
        assert distance < 1e-9
        assert angle_deg < 1e-6


def test_the_base_follows_rep_103(source):
    """The camera looks along the base's x; up in the picture is the base's z; left is y."""
    assert np.allclose(make.T_BASE_CAM.rotation_33 @ [0, 0, 1], [1, 0, 0])
    assert np.allclose(make.T_BASE_CAM.rotation_33 @ [0, -1, 0], [0, 0, 1])
    assert np.allclose(make.T_BASE_CAM.rotation_33 @ [-1, 0, 0], [0, 1, 0])
    assert np.linalg.det(make.T_BASE_CAM.rotation_33) == pytest.approx(1)


def test_odometry_comes_often_and_at_the_images(source, tmp_path):
    report = make_bag(source, tmp_path / 'bag', BagSettings(rate_hz=10, odometry_rate_hz=30))
    messages = read(tmp_path / 'bag')
    stamps = [stamp_ns(message) for _, message in messages[make.ODOMETRY_TOPIC]]
    assert max(np.diff(stamps)) <= 1e9 / 30 + 1
    assert {stamp_ns(message) for _, message in messages[make.IMAGE_TOPIC]} <= set(stamps)
    assert [stamp_ns(m.transforms[0]) for _, m in messages[make.TF_TOPIC]] == stamps
    assert report.counts[make.ODOMETRY_TOPIC] == len(stamps) == 3 * 4 + 1
    speeds = [m.twist.twist.linear for _, m in messages[make.ODOMETRY_TOPIC][1:]]
    travelled = sum(np.linalg.norm([v.x, v.y, v.z]) for v in speeds) / 30
    assert travelled == pytest.approx(report.distance_m, rel=0.1)


def test_without_odometry_there_is_no_moving_transform(source, tmp_path):
    make_bag(source, tmp_path / 'bag', BagSettings(odometry_rate_hz=0))
    assert not {make.TF_TOPIC, make.ODOMETRY_TOPIC} & set(read(tmp_path / 'bag'))


def test_messages_are_recorded_after_their_stamps_and_in_order(source, tmp_path):
    make_bag(source, tmp_path / 'bag')
    with AnyReader([tmp_path / 'bag']) as reader:
        recorded = [(c.topic, t, reader.deserialize(d, c.msgtype)) for c, t, d in reader.messages()]
    assert recorded[0][0] == make.TF_STATIC_TOPIC
    assert [time for _, time, _ in recorded] == sorted(time for _, time, _ in recorded)
    # TF at an image's stamp is there before the image.
    for index, (topic, time, message) in enumerate(recorded):
        if topic == make.IMAGE_TOPIC:
            assert time > stamp_ns(message)
            known = [stamp_ns(m.transforms[0]) for t, _, m in recorded[:index] if t == make.TF_TOPIC]
            assert known[-1] >= stamp_ns(message)


def test_stamps_of_the_source_count_unless_a_rate_is_given(source, tmp_path):
    times = [100.25, 100.5, 100.75, 101.5, 101.0]  # the last two images lie in the wrong order
    stamped = with_times(source, times)
    make_bag(stamped, tmp_path / 'own')
    make_bag(stamped, tmp_path / 'rate', BagSettings(rate_hz=20))
    own = [stamp_ns(m) for _, m in read(tmp_path / 'own')[make.IMAGE_TOPIC]]
    assert own == sorted(round(time * 1e9) for time in times)
    assert read_tum(tmp_path / 'own' / make.TRUTH_FILE).times_s == tuple(sorted(times))
    rate = [stamp_ns(m) for _, m in read(tmp_path / 'rate')[make.IMAGE_TOPIC]]
    assert rate == [make.FIRST_STAMP_NS + index * 50_000_000 for index in range(5)]


def test_the_truth_file_says_where_the_base_was(source, tmp_path):
    make_bag(source, tmp_path / 'bag')
    truth = read_tum(tmp_path / 'bag' / make.TRUTH_FILE)
    for pose, image in zip(truth.poses, source.images, strict=True):
        distance, angle_deg = (pose @ make.T_BASE_CAM).error_to(image.T_map_cam)
        assert distance < 1e-9
        assert angle_deg < 1e-6


def test_rosbag2_finds_what_it_needs(source, tmp_path):
    make_bag(source, tmp_path / 'bag')
    info = yaml.safe_load((tmp_path / 'bag' / 'metadata.yaml').read_text())['rosbag2_bagfile_information']
    assert info['version'] == 9
    assert info['relative_file_paths'] == ['bag.mcap']
    assert (tmp_path / 'bag' / 'bag.mcap').is_file()
    topics = {entry['topic_metadata']['name']: entry['topic_metadata'] for entry in info['topics_with_message_count']}
    (latched,) = topics['/tf_static']['offered_qos_profiles']
    (plain,) = topics['/camera/image']['offered_qos_profiles']
    assert (latched['durability'], plain['durability']) == ('transient_local', 'volatile')
    assert {latched['reliability'], plain['reliability']} == {'reliable'}
    assert all(entry['type_description_hash'].startswith('RIHS01_') for entry in topics.values())


def test_two_runs_write_the_same_messages(source, tmp_path):
    bags = []
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
        make_bag(source, tmp_path / name / 'bag')
        bags.append((tmp_path / name / 'bag' / 'bag.mcap').read_bytes())
    assert bags[0] == bags[1]


@pytest.mark.parametrize(
    ('model', 'params', 'name', 'coefficients'),
    [
        ('PINHOLE', (80, 82, 48, 32), 'plumb_bob', [0] * 5),
        ('SIMPLE_PINHOLE', (80, 48, 32), 'plumb_bob', [0] * 5),
        ('SIMPLE_RADIAL', (80, 48, 32, -0.1), 'plumb_bob', [-0.1, 0, 0, 0, 0]),
        ('RADIAL', (80, 48, 32, -0.1, 0.02), 'plumb_bob', [-0.1, 0.02, 0, 0, 0]),
        ('OPENCV', (80, 82, 48, 32, -0.1, 0.02, 0.01, 0.03), 'plumb_bob', [-0.1, 0.02, 0.01, 0.03, 0]),
        (
            'FULL_OPENCV',
            (80, 82, 48, 32, 0.1, 0.2, 0.01, 0.02, 0.3, 0.4, 0.05, 0.06),
            'rational_polynomial',
            [0.1, 0.2, 0.01, 0.02, 0.3, 0.4, 0.05, 0.06],
        ),
        ('OPENCV_FISHEYE', (80, 82, 48, 32, 0.1, 0.2, 0.3, 0.4), 'equidistant', [0.1, 0.2, 0.3, 0.4]),
        ('SIMPLE_RADIAL_FISHEYE', (80, 48, 32, 0.1), 'equidistant', [0.1, 0, 0, 0]),
    ],
)
def test_calibrations_survive_the_way_to_ros_and_back(model, params, name, coefficients):
    camera = Camera(model, WIDTH, HEIGHT, params)
    k_9, distortion_model, d = ros_calibration(camera)
    assert (distortion_model, d.tolist()) == (name, coefficients)
    back = Camera.from_ros(WIDTH, HEIGHT, k_9, distortion_model, d)
    points = np.random.default_rng(0).uniform([-0.4, -0.3, 1], [0.4, 0.3, 1.0001], (50, 3))
    assert np.allclose(back.project(points)[0], camera.project(points)[0], rtol=0, atol=1e-9)


def test_a_camera_that_ros_does_not_know_is_refused_before_anything_is_written(source, tmp_path):
    images = [
        PosedImage(i.name, Camera('FOV', WIDTH, HEIGHT, (80, 80, 48, 32, 0.9)), i.T_map_cam) for i in source.images
    ]
    other = FileSource('fov', images, {image.name: source.path(image) for image in source.images}, metric=True)
    with pytest.raises(CalibrationError, match='FOV, which CameraInfo cannot express'):
        make_bag(other, tmp_path / 'bag')
    assert [path.name for path in tmp_path.iterdir()] == ['set']


def test_an_image_that_breaks_off_leaves_nothing_behind(source, tmp_path):
    path = source.path(source.images[2])
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ImageError, match='truncated'):
        make_bag(source, tmp_path / 'bag')
    assert [path.name for path in tmp_path.iterdir()] == ['set']


def test_an_existing_folder_is_never_replaced(source, tmp_path):
    (tmp_path / 'bag').mkdir()
    with pytest.raises(ConfigError, match='exists already'):
        make_bag(source, tmp_path / 'bag')
    with pytest.raises(ConfigError, match='create it first'):
        make_bag(source, tmp_path / 'nowhere' / 'bag')
    with pytest.raises(ConfigError, match='mcap or sqlite3'):
        BagWriter(tmp_path / 'other', 'bag')


@pytest.mark.parametrize(
    ('times', 'message'),
    [((1.0, 2.0, 2.0, 3.0, 4.0), 'same stamp 2.0'), ((0.0, 1.0, 2.0, 3.0, 4.0), 'expected a positive one')],
)
def test_stamps_that_cannot_be_are_refused(source, tmp_path, times, message):
    with pytest.raises(SourceError, match=message):
        make_bag(with_times(source, times), tmp_path / 'bag')


def test_an_image_without_a_pose_is_refused(source, tmp_path):
    images = [PosedImage(image.name, image.camera, None) for image in source.images]
    other = FileSource('unposed', images, {image.name: source.path(image) for image in source.images}, metric=True)
    with pytest.raises(SourceError, match='has no pose'):
        make_bag(other, tmp_path / 'bag')


@pytest.mark.parametrize('rate', [0.0, -1.0, float('nan'), 5000.0])
def test_rates_that_cannot_be_are_refused(rate):
    with pytest.raises(ConfigError, match='images per second'):
        BagSettings(rate_hz=rate)
