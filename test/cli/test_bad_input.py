# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bad input is exit code 2 and one sentence, never a traceback."""

import dataclasses
import json

import cv2
import numpy as np
import pytest

from neumap_ros.maps.manifest import manifest_to_bytes
from neumap_ros.maps.storage import open_map

CAMERA = 'PINHOLE,320,240,256,256,160,120'


@pytest.fixture
def rewrite_manifest(random_map):
    """Replace fields of the map's manifest, with a correct digest of itself."""

    def rewrite(**changes):
        manifest = dataclasses.replace(open_map(random_map).manifest, **changes)
        (random_map / 'manifest.json').write_bytes(manifest_to_bytes(manifest))

    return rewrite


def test_a_missing_image(refused, random_map):
    line = refused('localize', 'no.png', '--map', random_map, '--camera', CAMERA)
    assert 'image no.png cannot be read (No such file or directory)' in line


def test_a_truncated_image(refused, random_map, tmp_path):
    _, data = cv2.imencode('.jpg', np.random.default_rng(0).integers(0, 256, (240, 320), dtype=np.uint8))
    (tmp_path / 'cut.jpg').write_bytes(data.tobytes()[:5000])
    assert 'is truncated' in refused('localize', tmp_path / 'cut.jpg', '--map', random_map, '--camera', CAMERA)


def test_an_empty_query(refused, random_map, tmp_path):
    (tmp_path / 'empty.jpg').write_bytes(b'')
    assert 'is empty (0 bytes)' in refused('localize', tmp_path / 'empty.jpg', '--map', random_map, '--camera', CAMERA)


def test_no_image(neumap, random_map):
    result = neumap('localize', '--map', random_map, '--camera', CAMERA)
    assert result.exit_code == 2
    assert 'IMAGE' in result.stderr and 'Traceback' not in result.output


def test_a_size_that_contradicts_the_camera(refused, random_map, noise):
    line = refused('localize', noise, '--map', random_map, '--camera', 'PINHOLE,640,480,500,500,320,240')
    assert '320x240, expected 640x480' in line


def test_an_uncalibrated_camera(refused, random_map, noise, tmp_path):
    text = '{image_width: 320, image_height: 240, camera_matrix: {data: [0, 0, 0, 0, 0, 0, 0, 0, 1]}}'
    (tmp_path / 'camera.yaml').write_text(text)
    line = refused('localize', noise, '--map', random_map, '--camera-yaml', tmp_path / 'camera.yaml')
    assert 'is not calibrated' in line


def test_no_camera(refused, random_map, noise):
    assert 'neither of --camera-yaml and --camera' in refused('localize', noise, '--map', random_map)


@pytest.mark.parametrize('command', ['localize', 'info'])
def test_a_missing_map(refused, noise, tmp_path, command):
    arguments = ['localize', noise, '--camera', CAMERA, '--map'] if command == 'localize' else ['map', 'info']
    assert 'there is no map at' in refused(*arguments, tmp_path / 'nowhere')


def test_a_map_of_another_format(refused, noise, random_map):
    path = random_map / 'manifest.json'
    data = path.read_bytes()
    assert b'"format":1' in data
    path.write_bytes(data.replace(b'"format":1', b'"format":9'))
    assert 'format 9' in refused('localize', noise, '--map', random_map, '--camera', CAMERA)


def test_a_map_of_another_extractor(refused, noise, random_map, rewrite_manifest):
    extractor = open_map(random_map).manifest.extractor
    rewrite_manifest(extractor={**extractor, 'version': 77})
    line = refused('localize', noise, '--map', random_map, '--camera', CAMERA)
    assert 'version 77' in line and 'rebuild the map' in line
    rewrite_manifest(extractor={**extractor, 'name': 'superpoint'})
    assert "'superpoint'" in refused('localize', noise, '--map', random_map, '--camera', CAMERA)


def test_a_map_of_another_kind(refused, noise, random_map, rewrite_manifest):
    rewrite_manifest(kind='hologram')
    assert "kind 'hologram'" in refused('localize', noise, '--map', random_map, '--camera', CAMERA)


def test_a_manifest_edited_by_hand(refused, noise, random_map):
    path = random_map / 'manifest.json'
    path.write_bytes(path.read_bytes().replace(b'"revision":1', b'"revision":2'))
    assert 'edited' in refused('localize', noise, '--map', random_map, '--camera', CAMERA)


def test_a_damaged_shard(refused, noise, random_map):
    path = next((random_map / 'shards').iterdir())
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert 'sha256' in refused('localize', noise, '--map', random_map, '--camera', CAMERA)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ([], 'no source of images'),
        (['--dataset', 'a', '--colmap', 'b'], '--dataset and --colmap are given'),
        (['--dataset', 'a', '--budget', 'lots'], "the size is 'lots'"),
        (['--dataset', 'a', '--budget', '0'], "the size is '0'"),
        (['--dataset', 'a', '--parts', '5'], '--parts is 5, expected 2, 4, 8 or 16'),
        (['--dataset', 'a'], 'cannot be read'),
        (['--colmap', 'a'], 'COLMAP'),
        (['--transforms', 'a'], 'a cannot be read'),
        (['--bag', 'a'], 'bag'),
        (['--images', 'a'], 'a is no folder'),
        (['--tum', 'a', '--images', 'a', '--camera-yaml', 'a'], 'a cannot be read'),
    ],
)
def test_bad_sources(refused, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused('map', 'build', '--out', 'map', *arguments)
    assert not (tmp_path / 'map').exists()


@pytest.fixture
def flat_dataset(tmp_path):
    """Three grey images with poses; ``edit`` changes their entries in poses.json."""

    def make(edit=lambda frames: None):
        (tmp_path / 'images').mkdir()
        frames = []
        for index in range(3):
            cv2.imwrite(str(tmp_path / 'images' / f'{index}.png'), np.full((48, 64), 128, np.uint8))
            T_wc = np.eye(4)
            T_wc[0, 3] = index
            intrinsics = {'w': 64, 'h': 48, 'fx': 50, 'fy': 50, 'cx': 32, 'cy': 24}
            frames.append({'file': f'images/{index}.png', **intrinsics, 'T_wc': T_wc.tolist()})
        edit(frames)
        (tmp_path / 'poses.json').write_text(json.dumps({'frames': frames}))
        return tmp_path

    return make


@pytest.mark.parametrize(
    ('edit', 'message'),
    [
        (lambda frames: frames[1].update(T_wc=np.full((4, 4), np.nan).tolist()), 'contains NaN'),
        (lambda frames: frames[1].update(T_wc=(2 * np.eye(4)).tolist()), 'is not rigid'),
        (lambda frames: frames[1].update(file=frames[0]['file']), "'0.png' twice"),
        (lambda frames: frames[1].update(fx=0), 'is not calibrated'),
        (lambda frames: frames[1].update(w=65), '64x48, expected 65x48'),
        (lambda frames: frames[1].update(file='images/x.png'), 'x.png cannot be read'),
        (lambda frames: None, ''),  # nothing to triangulate
    ],
)
def test_bad_posed_images(refused, flat_dataset, edit, message):
    folder = flat_dataset(edit)
    assert message in refused('map', 'build', '--dataset', folder, '--out', folder / 'map')
    assert not (folder / 'map').exists()


def test_a_map_is_not_overwritten(refused, random_map):
    assert 'add --overwrite' in refused('map', 'build', '--dataset', 'a', '--out', random_map)


def test_a_map_in_a_folder_that_does_not_exist(refused, tmp_path):
    line = refused('map', 'build', '--dataset', 'a', '--out', tmp_path / 'no' / 'map')
    assert 'does not exist' in line


def test_evaluation_without_poses(refused, random_map, tmp_path):
    line = refused('evaluate', '--map', random_map, '--images', tmp_path, '--out', tmp_path / 'o')
    assert 'use neumap localize' in line


def test_bad_settings(refused, random_map, noise, tmp_path):
    (tmp_path / 's.yaml').write_text('max_keypoint: 4')
    line = refused('localize', noise, '--map', random_map, '--camera', CAMERA, '--config', tmp_path / 's.yaml')
    assert "no key 'max_keypoint'" in line


def test_photographs_to_train_from(refused, tmp_path):
    assert '0 photographs' in refused('train', 'basis', '--images', tmp_path, '--out', tmp_path / 'b.safetensors')
    line = refused('train', 'basis', '--images', tmp_path, '--extractor', 'x', '--out', tmp_path / 'b.safetensors')
    assert "no extractor 'x'" in line


def test_unknown_data_of_the_demo(tmp_path, monkeypatch):
    from neumap_ros.demo import photographs

    monkeypatch.setenv(photographs.DATA_VARIABLE, str(tmp_path))
    with pytest.raises(photographs.ConfigError, match='there is no data set'):
        photographs.find_data('moon')
