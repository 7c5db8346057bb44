# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The same truth from every place where it can stand."""

import json

import cv2
import numpy as np
import pytest
from replay_bags import changed, stamp_ns

from neumap_ros.errors import NeumapError
from neumap_ros.evaluation.ground_truth import open_truth
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources import open_poses_json
from neumap_ros.recording import make
from neumap_ros.recording.drift import DriftSettings
from neumap_ros.recording.make import BagSettings, make_bag
from neumap_ros.recording.messages import pose_stamped, transform

IMAGES = 4


def pose_of(index):
    return Pose(np.asarray(cv2.Rodrigues(np.array([0.1 * index, 0.2, -0.1]))[0]), np.array([index, 0.5 * index, 1.0]))


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    folder = tmp_path_factory.mktemp('truth')
    (folder / 'images').mkdir()
    frames = []
    for index in range(IMAGES):
        cv2.imwrite(str(folder / 'images' / f'{index}.png'), np.zeros((24, 32), np.uint8))
        intrinsics = {'w': 32, 'h': 24, 'fx': 30, 'fy': 30, 'cx': 16, 'cy': 12}
        frames.append({'file': f'images/{index}.png', **intrinsics, 'T_wc': pose_of(index).matrix_44.tolist()})
    (folder / 'poses.json').write_text(json.dumps({'frames': frames}))
    make_bag(open_poses_json(folder), folder / 'bag', BagSettings(drift=DriftSettings(0, 0)))
    return folder / 'bag'


def check(truth):
    for index in range(IMAGES):
        stamp = make.FIRST_STAMP_NS + round(index * 1e9 / make.DEFAULT_RATE_HZ)
        distance, angle_deg = truth(stamp).error_to(pose_of(index) @ make.T_BASE_CAM.inverse())
        assert distance < 1e-5  # stamps in seconds are good for a quarter of a microsecond
        assert angle_deg < 1e-4
    assert truth(make.FIRST_STAMP_NS - 10**9) is None


def test_a_topic_of_the_base(bag):
    check(open_truth('/ground_truth', bag, 'base_link', 'map'))
    check(open_truth('/ground_truth.base_link', bag, 'base_link', 'map'))


def test_a_file(bag):
    check(open_truth(str(bag / make.TRUTH_FILE), bag, 'base_link', 'map'))


def test_a_topic_of_the_camera(bag, tmp_path):
    def camera(topic, time, message):
        if topic != make.TRUTH_TOPIC:
            return topic, time, message
        index = round((stamp_ns(message) - make.FIRST_STAMP_NS) * 1e-9 * make.DEFAULT_RATE_HZ)
        return topic, time, pose_stamped(stamp_ns(message), 'map', pose_of(index))

    other = changed(bag, tmp_path / 'bag', camera)
    check(open_truth('/ground_truth.camera_optical', other, 'base_link', 'map'))


@pytest.mark.parametrize('text', ['tf:map', '/tf:map'])
def test_the_transforms_of_another_localizer(bag, tmp_path, text):
    start = pose_of(0) @ make.T_BASE_CAM.inverse()

    def with_map(topic, time, message):
        if topic == make.TF_STATIC_TOPIC:
            message.transforms.append(transform(0, 'map', 'odom', start))
        return topic, time, message

    check(open_truth(text, changed(bag, tmp_path / 'bag', with_map), 'base_link', 'map'))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('/pose', 'has no poses on /pose, expected one of /ground_truth, /odom, tf:map, or a TUM file'),
        ('/camera/image', 'has no poses on /camera/image'),
        ('/ground_truth.head', "do not connect 'head'"),
        ('tf:map', "do not connect 'map'"),
        ('missing.tum', r'missing\.tum cannot be read'),
    ],
)
def test_what_is_not_there_is_said(bag, text, message):
    with pytest.raises(NeumapError, match=message):
        open_truth(text, bag, 'base_link', 'map')
