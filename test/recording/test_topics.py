# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from neumap_ros.errors import ConfigError, SourceError
from neumap_ros.recording.topics import CameraTopics, camera_topics

BAG = Path('some_bag')
RAW, JPEG, INFO = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage', 'sensor_msgs/msg/CameraInfo'


def test_the_only_camera_is_found_whatever_it_is_called():
    topics = {'/front/image_raw': RAW, '/front/camera_info': INFO, '/odom': 'nav_msgs/msg/Odometry'}
    assert camera_topics(topics, BAG) == (CameraTopics('camera', '/front/image_raw', '/front/camera_info', False),)


def test_depth_and_the_compressed_copy_are_no_second_camera():
    topics = {'/a/image': RAW, '/a/image/compressed': JPEG, '/depth/image': RAW, '/a/camera_info': INFO}
    assert [camera.image for camera in camera_topics(topics, BAG)] == ['/a/image']


def test_the_calibration_of_a_compressed_topic_lies_one_level_up():
    topics = {'/a/image/compressed': JPEG, '/a/camera_info': INFO, '/b/camera_info': INFO}
    assert camera_topics(topics, BAG) == (CameraTopics('camera', '/a/image/compressed', '/a/camera_info', True),)


RIG = {'/left/image': RAW, '/left/camera_info': INFO, '/right/image': RAW, '/right/camera_info': INFO}


def test_named_cameras_have_the_topics_of_the_node():
    cameras = camera_topics(RIG, BAG, names=('left', 'right'))
    assert [(camera.name, camera.image, camera.info) for camera in cameras] == [
        ('left', '/left/image', '/left/camera_info'),
        ('right', '/right/image', '/right/camera_info'),
    ]
    both = {**RIG, '/left/image/compressed': JPEG, '/right/image/compressed': JPEG}
    assert not any(camera.compressed for camera in camera_topics(both, BAG, names=('left', 'right')))
    assert all(camera.compressed for camera in camera_topics(both, BAG, names=('left', 'right'), compressed=True))


def test_given_topics_count_before_all():
    (camera,) = camera_topics(RIG, BAG, given={'front': '/right/image'}, names=('left',))
    assert (camera.name, camera.image) == ('front', '/right/image')


@pytest.mark.parametrize(
    ('topics', 'options', 'message'),
    [
        ({'/odom': 'nav_msgs/msg/Odometry'}, {}, 'has no images, expected Image or CompressedImage; it has /odom'),
        ({'/depth/image': RAW, '/depth/camera_info': INFO}, {}, 'only depth images'),
        (RIG, {}, r'images of 2 cameras \(/left/image, /right/image\).*--camera front=/left/image'),
        (RIG, {'names': ('left', 'top')}, 'expected those of the cameras left, top.*--camera left='),
        (RIG, {'given': {'a': '/top/image'}}, 'camera a: .*no images on /top/image, expected one of /left/image'),
        ({'/a/image': RAW}, {}, r'no camera_info beside /a/image \(CameraInfo on: none at all\)'),
        ({'/a/image': RAW, '/b/camera_info': INFO, '/c/camera_info': INFO}, {}, r'on: /b/camera_info, /c/camera_info'),
    ],
)
def test_what_cannot_be_told_is_an_error(topics, options, message):
    with pytest.raises(SourceError, match=message):
        camera_topics(topics, BAG, **options)


def test_raw_and_compressed_cameras_do_not_mix():
    topics = {**RIG, '/right/image': JPEG}
    with pytest.raises(ConfigError, match='different types'):
        camera_topics(topics, BAG, given={'left': '/left/image', 'right': '/right/image'})
