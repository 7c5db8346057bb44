# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bags of simulated drives: everything that a robot records, and the truth, in agreement with one another."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip('embreex', reason='the ray caster of simulated worlds is an optional dependency')

from rosbags.highlevel import AnyReader

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import Camera, Pose
from neumap_ros.mapping.sources import open_bag
from neumap_ros.mapping.sources.tum import read_tum
from neumap_ros.recording.drift import DriftSettings
from neumap_ros.recording.messages import STORE
from neumap_ros.simulation.imu import ImuSettings
from neumap_ros.simulation.requests import DriveRequest
from neumap_ros.simulation.world_bag import WorldBagSettings, make_world_bag, wheel_odometry

REQUEST = DriveRequest(
    seed=3,
    size_m=(8.0, 6.0),
    condition='lamps',
    drive='query',
    day=1,
    rate_hz=1.5,
    length_m=4.0,
    kidnaps=1,
    image_size=(96, 72),
    cameras=('front', 'left'),
    fisheye=True,
    depth=True,
)


@pytest.fixture(scope='module')
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp('bags')
    stages = []
    drive, counts = make_world_bag(
        REQUEST, folder / 'bag', progress=lambda stage, done, total: stages.append((stage, done, total))
    )
    assert {path.name for path in folder.iterdir()} == {'bag'}  # no work is left behind
    total = 2 * len(drive.times_s)
    assert stages[-1] == ('recording', total, total) and ('images', total, total) in stages
    return folder / 'bag', drive, counts


@pytest.fixture(scope='module')
def content(recorded):
    topics: dict = {}
    with AnyReader([recorded[0]], default_typestore=STORE) as reader:
        for connection, _, raw in reader.messages():
            topics.setdefault(connection.topic, []).append(reader.deserialize(raw, connection.msgtype))
    return topics


def stamp_ns(message):
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def test_the_bag_has_what_a_robot_records(recorded, content):
    _, drive, counts = recorded
    images = len(drive.times_s)
    assert {topic: len(messages) for topic, messages in content.items()} == counts
    for camera in ('front', 'left'):
        for topic in ('image', 'camera_info', 'depth'):
            assert counts[f'/{camera}/{topic}'] == images
    assert counts['/ground_truth'] == images
    assert counts['/imu'] == pytest.approx(200 * drive.motion.end_s, abs=2)
    assert counts['/odom'] == counts['/tf'] >= 50 * drive.motion.end_s
    (static,) = content['/tf_static']
    children = {transform.child_frame_id for transform in static.transforms}
    assert children == {'front_optical', 'left_optical', 'imu_link'}
    picture = content['/front/image'][0]
    assert (picture.width, picture.height, picture.encoding) == (96, 72, 'bgr8')
    depth = content['/left/depth'][0]
    metres = depth.data.view(np.float32)
    assert depth.encoding == '32FC1' and 0.1 < np.nanmin(metres) < np.nanmax(metres) < 60


def test_images_poses_and_cameras_come_back(recorded):
    bag, drive, _ = recorded
    source = open_bag(bag, '/left/image', '/left/camera_info', '/ground_truth.base_link')
    assert [round(image.time_s * 1e9) for image in source.images] == pytest.approx(drive.stamps_ns, abs=1000)
    camera = drive.rig[1].camera
    assert source.images[0].camera.model == camera.model
    assert source.images[0].camera.params == pytest.approx(camera.params)
    for image, T_world_base in zip(source.images, drive.T_world_base, strict=True):
        assert max(image.T_map_cam.error_to(T_world_base @ drive.rig[1].T_base_cam)) < 1e-5
    truth = read_tum(bag / 'ground_truth.tum')
    assert len(truth) == len(drive.times_s)
    assert (bag / 'floor.json').is_file() and (bag / 'world.json').is_file()


def test_every_image_has_odometry_at_its_stamp(recorded, content):
    stamps = {stamp_ns(message) for message in content['/odom']}
    assert {stamp_ns(message) for message in content['/front/image']} <= stamps


def test_odometry_does_not_notice_a_kidnapping_and_drifts_as_asked(recorded):
    _, drive, _ = recorded
    (jump,) = drive.jumps
    stamps, exact = wheel_odometry(drive, 50.0, DriftSettings(0.0, 0.0))
    for before, after in pairwise(exact):
        assert before.error_to(after)[0] < 0.03
    start = drive.T_world_base[0]
    last = stamps.index(drive.stamps_ns[jump - 1])
    assert (start @ exact[last]).error_to(drive.T_world_base[jump - 1])[0] < 1e-6
    assert (start @ exact[-1]).error_to(drive.T_world_base[-1])[0] > 0.5
    end_m = [wheel_odometry(drive, 50.0, DriftSettings(0.1, 0.0, seed))[1][last].translation_3 for seed in (1, 2)]
    driven_m = np.linalg.norm(exact[last].translation_3)
    for place_3 in end_m:
        assert 0.0 < np.linalg.norm(place_3 - exact[last].translation_3) < 0.4 * max(driven_m, 2)


def test_the_imu_turns_with_the_robot(recorded, content):
    _, drive, _ = recorded
    first = content['/imu'][0]
    assert first.orientation_covariance[0] == -1
    assert first.header.frame_id == 'imu_link'
    rates = np.array([message.angular_velocity.z for message in content['/imu']])
    times = np.array([stamp_ns(message) - drive.start_ns for message in content['/imu']]) / 1e9
    jump_s = drive.motion.legs[0].end_s
    leg = times < jump_s
    turned = np.sum(rates[leg]) / 200
    yaw = drive.motion.legs[0].curves(np.array([0.0, jump_s]))[:, 3]
    assert turned == pytest.approx(yaw[1] - yaw[0], abs=0.02 * jump_s)


def test_what_is_not_wanted_is_left_out(tmp_path):
    request = replace(REQUEST, length_m=2.0, kidnaps=0, rate_hz=0.2, cameras=('front',), depth=False, fisheye=False)
    settings = WorldBagSettings(compressed=True, odometry_rate_hz=0, imu=ImuSettings(rate_hz=0), storage='sqlite3')
    drive, counts = make_world_bag(request, tmp_path / 'bag', settings)
    assert set(counts) == {'/tf_static', '/ground_truth', '/camera/camera_info', '/camera/image/compressed'}
    source = open_bag(tmp_path / 'bag', pose='/ground_truth.base_link')
    assert source.images[0].camera == Camera('PINHOLE', 96, 72, drive.rig[0].camera.params)
    assert source.read(source.images[0]).shape == (72, 96)
    with pytest.raises(ConfigError, match='exists already'):
        make_world_bag(request, tmp_path / 'bag', settings)


def test_pose_of_the_base_is_on_the_floor(recorded):
    _, drive, _ = recorded
    for pose in drive.T_world_base:
        assert abs(pose.translation_3[2]) < 0.02
        assert Pose(pose.rotation_33, np.zeros(3)).transform([[0, 0, 1]])[0, 2] > 0.999


def test_nothing_is_rendered_for_a_bag_that_cannot_be_written(tmp_path):
    with pytest.raises(ConfigError, match='create it first'):
        make_world_bag(REQUEST, tmp_path / 'no' / 'bag')
    assert not list(tmp_path.iterdir())
