# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from neumap_ros.cli.sources import SourceOptions, open_camera, parse_camera
from neumap_ros.errors import CalibrationError, ConfigError, NeumapError

A, B = Path('a'), Path('b')

CAMERA_YAML = """
image_width: 320
image_height: 240
camera_name: front
camera_matrix: {rows: 3, cols: 3, data: [%s, 0, 159.5, 0, %s, 119.5, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}
"""


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / 'set'
    (folder / 'images').mkdir(parents=True)
    frames = []
    for index in range(4):
        cv2.imwrite(str(folder / 'images' / f'{index}.png'), np.zeros((24, 32), np.uint8))
        T_wc = np.eye(4)
        T_wc[:3, 3] = [3 * (index == 3), 4 * (index == 3), 0]
        intrinsics = {'w': 32, 'h': 24, 'fx': 30, 'fy': 30, 'cx': 16, 'cy': 12}
        frames.append({'file': f'images/{index}.png', **intrinsics, 'T_wc': T_wc.tolist()})
    (folder / 'poses.json').write_text(json.dumps({'frames': frames}))
    return folder


def add_split(folder, name='split.json', **split):
    (folder / name).write_text(json.dumps({'map': ['0.png', '3.png'], 'query': ['1.png'], **split}))


def names(source):
    return [image.name for image in source.images]


@pytest.mark.parametrize(
    ('options', 'kind'),
    [
        ({'dataset': A, 'split': 's.json'}, 'dataset'),
        ({'colmap': A, 'images': B}, 'colmap'),
        ({'transforms': A, 'metric': False}, 'transforms'),
        ({'tum': A, 'images': B, 'camera_yaml': A}, 'tum'),
        ({'bag': A, 'image_topic': '/i', 'camera_info_topic': '/c', 'pose': 'tf:map', 'every': 2}, 'bag'),
        ({'images': A, 'camera_yaml': B}, 'images'),
    ],
)
def test_what_goes_together(options, kind):
    assert SourceOptions(**options).check() == kind


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({}, 'no source of images is given, expected one of --dataset, --colmap'),
        ({'dataset': A, 'bag': B}, '--dataset and --bag are given, expected one source'),
        ({'colmap': A, 'tum': A, 'bag': B}, '--colmap and --tum and --bag'),
        ({'dataset': A, 'images': B}, '--images is given with --dataset, expected --colmap or --tum'),
        ({'colmap': A, 'split': 's'}, '--split is given with --colmap, expected --dataset'),
        ({'colmap': A, 'camera_yaml': B}, '--camera-yaml is given with --colmap'),
        ({'dataset': A, 'pose': 'tf:map'}, '--pose is given with --dataset, expected --bag'),
        ({'dataset': A, 'every': 2}, '--every is given with --dataset'),
        ({'tum': A, 'images': B}, '--tum is given without --images or --camera-yaml'),
        ({'images': A, 'metric': True}, 'whose scale is arbitrary'),
    ],
)
def test_what_does_not(options, message):
    with pytest.raises(ConfigError) as caught:
        SourceOptions(**options).check()
    assert message in str(caught.value)


def test_a_split_is_used_where_there_is_one(dataset):
    options = SourceOptions(dataset=dataset)
    assert names(options.open('map')) == names(options.open('query')) == ['0.png', '1.png', '2.png', '3.png']
    add_split(dataset)
    assert names(options.open('map')) == ['0.png', '3.png']
    assert names(options.open('query')) == ['1.png']
    add_split(dataset, 'other.json', query=['2.png'])
    other = SourceOptions(dataset=dataset, split='other.json')
    assert names(other.open('query')) == ['2.png']


def test_a_split_that_was_named_must_exist(dataset):
    with pytest.raises(NeumapError, match=r'no\.json'):
        SourceOptions(dataset=dataset, split='no.json').open('map')


def test_the_scale_can_be_overruled(dataset):
    assert SourceOptions(dataset=dataset).open('map').metric is True
    assert SourceOptions(dataset=dataset, metric=False).open('map').metric is False


def test_images_without_poses_cannot_be_compared(dataset):
    with pytest.raises(ConfigError, match='use neumap localize'):
        SourceOptions(images=dataset / 'images').open('query')


def test_cameras(tmp_path):
    camera = parse_camera('PINHOLE, 320, 240, 250, 251, 160, 120')
    assert (camera.model, camera.width, camera.height, camera.params) == ('PINHOLE', 320, 240, (250, 251, 160, 120))
    path = tmp_path / 'camera.yaml'
    path.write_text(CAMERA_YAML % (250, 251))
    assert open_camera(path, None) == camera


@pytest.mark.parametrize('text', ['', 'PINHOLE', 'PINHOLE,320', 'PINHOLE,a,b,1,1,1,1', 'PINHOLE,320,240,x,1,1,1'])
def test_malformed_cameras(text):
    with pytest.raises(ConfigError, match='expected MODEL,width,height,params'):
        parse_camera(text)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('PINHOLE,320,240,250', 'has 1 parameters, expected 4'),
        ('HOLE,320,240,250', "uses the camera model 'HOLE'"),
        ('PINHOLE,320,240,0,0,160,120', 'is not calibrated'),
    ],
)
def test_cameras_that_are_none(text, message):
    with pytest.raises(CalibrationError, match=message):
        parse_camera(text)


def test_exactly_one_camera():
    with pytest.raises(ConfigError, match='neither of'):
        open_camera(None, None)
    with pytest.raises(ConfigError, match='both of'):
        open_camera(A, 'PINHOLE,1,1,1,1,1,1')
