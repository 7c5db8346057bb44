# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""COLMAP models, transforms.json and TUM trajectories."""

from __future__ import annotations

import json
import logging
import math

import numpy as np
import pycolmap
import pytest
import yaml
from test_sources_base import (
    CX,
    CY,
    DISTORTION,
    FX,
    FY,
    HEIGHT,
    NAMES,
    WIDTH,
    assert_same_world,
    poses,
    write_pictures,
)

from neumap_ros.errors import CalibrationError, ImageError, SourceError
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources import open_colmap, open_transforms, open_tum, read_camera_yaml
from neumap_ros.mapping.sources.trajectory import Trajectory, interpolate


def write_colmap(folder, *, binary):
    """The world as COLMAP writes it: world to camera, pixel centres at 0.5."""
    model = pycolmap.Reconstruction()
    params = [FX, FY, CX + 0.5, CY + 0.5, *DISTORTION]
    camera = pycolmap.Camera(model='OPENCV', width=WIDTH, height=HEIGHT, params=params, camera_id=1)
    model.add_camera_with_trivial_rig(camera)
    for index, (name, pose) in enumerate(zip(NAMES, poses(), strict=True)):
        image = pycolmap.Image(name=name, camera_id=1, image_id=index + 1)
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(pose.inverse().matrix_44[:3]))
    folder.mkdir(parents=True)
    (model.write_binary if binary else model.write_text)(folder)


@pytest.mark.parametrize('binary', [True, False])
@pytest.mark.parametrize('place', ['sparse/0', 'sparse', 'model'])
def test_colmap_geometry(tmp_path, binary, place):
    write_pictures(tmp_path / 'images')
    write_colmap(tmp_path / place, binary=binary)
    source = open_colmap(tmp_path / place)
    assert_same_world(source)
    assert source.metric is None and 'COLMAP model' in source.description
    assert_same_world(open_colmap(tmp_path / place, tmp_path / 'images', metric=True))
    if place != 'model':
        assert_same_world(open_colmap(tmp_path))


def test_colmap_rigs_from_pycolmap(tmp_path):
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_cameras_per_rig, options.num_frames_per_rig, options.num_points3D = 1, 2, 3, 20
    truth = pycolmap.synthesize_dataset(options)
    model = tmp_path / 'model'
    model.mkdir()
    truth.write(model)
    (tmp_path / 'images').mkdir()
    source = open_colmap(model, tmp_path / 'images')
    assert len(source.images) == 6
    by_name = {image.name: image for image in truth.images.values()}
    for image in source.images:
        reference = by_name[image.name]
        for point in truth.points3D.values():
            expected = reference.project_point(point.xyz)
            if expected is not None:
                found, _ = image.camera.project(image.T_map_cam.inverse().transform([point.xyz]))
                if np.isfinite(found).all():
                    np.testing.assert_allclose(found[0], expected, atol=1e-6)


def test_colmap_refuses_folders_without_a_model(tmp_path):
    with pytest.raises(SourceError, match='holds no COLMAP model'):
        open_colmap(tmp_path)
    write_colmap(tmp_path / 'model', binary=True)
    with pytest.raises(SourceError, match=r"image 'a\.png' of the COLMAP model"):
        open_colmap(tmp_path / 'model')
    with pytest.raises(SourceError, match='is no folder'):
        open_colmap(tmp_path / 'model', tmp_path / 'nowhere')
    (tmp_path / 'images').mkdir()
    source = open_colmap(tmp_path / 'model', tmp_path / 'images')
    with pytest.raises(ImageError, match=r'a\.png'):
        source.read(source.images[0])


@pytest.mark.parametrize('file', ['images.bin', 'cameras.bin', 'frames.bin'])
@pytest.mark.parametrize('lost_bytes', [1, 20, 60])
def test_colmap_refuses_a_truncated_model(tmp_path, file, lost_bytes):
    write_colmap(tmp_path / 'model', binary=True)
    path = tmp_path / 'model' / file
    path.write_bytes(path.read_bytes()[:-lost_bytes])
    with pytest.raises(SourceError, match='damaged'):
        open_colmap(tmp_path / 'model', tmp_path)


def test_colmap_refuses_an_empty_model(tmp_path):
    model = tmp_path / 'model'
    model.mkdir()
    pycolmap.Reconstruction().write_text(model)
    with pytest.raises(SourceError, match='none registered'):
        open_colmap(model, tmp_path)


INTRINSICS = {'w': WIDTH, 'h': HEIGHT, 'fl_x': FX, 'fl_y': FY, 'cx': CX + 0.5, 'cy': CY + 0.5}
DISTORTED = {**INTRINSICS, **dict(zip(('k1', 'k2', 'p1', 'p2'), DISTORTION, strict=True))}


def opengl(pose):
    """The matrix of a camera whose x points right, y up and z back."""
    matrix = pose.matrix_44
    matrix[:3, 1] *= -1
    matrix[:3, 2] *= -1
    return matrix.tolist()


def write_transforms(folder, shared, per_frame=None, suffix='.png', **first_frame):
    write_pictures(folder / 'images')
    frames = [
        {'file_path': f'./images/{name[:-4]}{suffix}', 'transform_matrix': opengl(pose), **(per_frame or {})}
        for name, pose in zip(NAMES, poses(), strict=True)
    ]
    frames[0].update(first_frame)
    (folder / 'transforms.json').write_text(json.dumps({**shared, 'frames': frames}))
    return folder


def test_transforms_geometry_with_shared_and_own_intrinsics(tmp_path):
    source = open_transforms(write_transforms(tmp_path, {**DISTORTED, 'camera_model': 'OPENCV'}))
    assert_same_world(source)
    assert source.images[0].name == 'images/a.png' and source.metric is None
    assert_same_world(open_transforms(write_transforms(tmp_path, {'fl_x': 3.0}, DISTORTED) / 'transforms.json'))
    assert_same_world(open_transforms(write_transforms(tmp_path, DISTORTED, suffix='')))
    assert open_transforms(write_transforms(tmp_path, {**DISTORTED, 'metric': False})).metric is False


def test_transforms_fisheye_and_pinhole(tmp_path):
    coefficients = (0.02, -0.01, 0.004, -0.001)
    lens = dict(zip(('k1', 'k2', 'k3', 'k4'), coefficients, strict=True))
    write_transforms(tmp_path, {**INTRINSICS, **lens, 'camera_model': 'OPENCV_FISHEYE'})
    assert_same_world(open_transforms(tmp_path), distortion=coefficients, fisheye=True)
    write_transforms(tmp_path, {**INTRINSICS, 'camera_model': 'PINHOLE'})
    assert_same_world(open_transforms(tmp_path), distortion=np.zeros(4))


def test_transforms_with_only_a_field_of_view(tmp_path):
    write_transforms(tmp_path, {'camera_angle_x': 2 * math.atan(0.5 * WIDTH / FX)}, suffix='')
    camera = open_transforms(tmp_path).images[0].camera
    assert camera.params == pytest.approx((FX, FX, WIDTH / 2, HEIGHT / 2))
    assert (camera.width, camera.height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ('shared', 'first', 'error', 'words'),
    [
        ({**DISTORTED, 'camera_model': 'EQUIRECTANGULAR'}, {}, SourceError, 'EQUIRECTANGULAR'),
        ({**DISTORTED, 'k4': 0.1}, {}, SourceError, 'k4'),
        ({'w': WIDTH, 'h': HEIGHT}, {}, SourceError, 'fl_x'),
        ({**DISTORTED, 'fl_x': 0}, {}, CalibrationError, 'not calibrated'),
        ({'w': WIDTH, 'h': HEIGHT, 'camera_angle_x': 200}, {}, SourceError, 'camera angle of 200'),
        (DISTORTED, {'file_path': 'images/b.png'}, SourceError, "'images/b.png' twice"),
        (DISTORTED, {'file_path': 3}, SourceError, "frame 0 has no 'file_path'"),
        (DISTORTED, {'transform_matrix': 'x'}, SourceError, 'malformed'),
        (DISTORTED, {'transform_matrix': np.diag([1.0, 1, -1, 1]).tolist()}, CalibrationError, r'a\.png is not rigid'),
    ],
)
def test_transforms_refuses(tmp_path, shared, first, error, words):
    with pytest.raises(error, match=words):
        open_transforms(write_transforms(tmp_path, shared, **first))


def write_camera_yaml(path, **changes):
    data = {
        'image_width': WIDTH,
        'image_height': HEIGHT,
        'camera_name': 'front',
        'camera_matrix': {'rows': 3, 'cols': 3, 'data': [FX, 0, CX, 0, FY, CY, 0, 0, 1]},
        'distortion_model': 'plumb_bob',
        'distortion_coefficients': {'rows': 1, 'cols': 5, 'data': [*DISTORTION, 0.0]},
        **changes,
    }
    path.write_text(yaml.safe_dump(data))
    return path


def write_tum(folder, truth, stamps, names):
    write_pictures(folder / 'images', names)
    lines = ['# t tx ty tz qx qy qz qw']
    for stamp, pose in zip(stamps, truth, strict=True):
        w, x, y, z = pose.quaternion_wxyz
        lines.append(' '.join(f'{value:.9f}' for value in (stamp, *pose.translation_3, x, y, z, w)))
    (folder / 'trajectory.txt').write_text('\n'.join(lines) + '\n')
    return folder / 'trajectory.txt', folder / 'images', write_camera_yaml(folder / 'camera.yaml')


STAMPS = (1305031102.25, 1305031102.50, 1305031102.75, 1305031103.0)


@pytest.mark.parametrize('digits', [None, 1, 10**3, 10**6, 10**9])
def test_tum_geometry_with_stamps_in_file_names(tmp_path, digits):
    stamps = STAMPS if digits != 1 else (1000.0, 1001.0, 1002.0, 1003.0)
    names = [f'{stamp:.6f}.png' if digits is None else f'{round(stamp * digits)}.png' for stamp in stamps]
    source = open_tum(*write_tum(tmp_path, poses(), stamps, names))
    assert_same_world(source)
    assert [image.time_s for image in source.images] == pytest.approx(stamps)


def test_tum_with_a_list_and_extrinsics(tmp_path):
    trajectory, images, camera = write_tum(tmp_path, poses(), STAMPS, NAMES)
    lines = [f'{stamp} images/{name} {stamp} depth/{name}' for stamp, name in zip(STAMPS, NAMES, strict=True)]
    (tmp_path / 'rgb.txt').write_text('# stamp file\n' + '\n'.join(reversed(lines)))
    assert_same_world(open_tum(trajectory, tmp_path, camera))
    assert_same_world(open_tum(trajectory, tmp_path / 'rgb.txt', camera))
    T_body_cam = Pose.from_quaternion((0.5, -0.5, 0.5, -0.5), (0.2, 0.0, 0.4))
    bodies = [pose @ T_body_cam.inverse() for pose in poses()]
    trajectory = write_tum(tmp_path, bodies, STAMPS, NAMES)[0]
    assert_same_world(open_tum(trajectory, tmp_path, camera, T_body_cam))
    (tmp_path / 'rgb.txt').write_text('abc images/a.png')
    with pytest.raises(SourceError, match='line 1'):
        open_tum(trajectory, tmp_path, camera)
    assert images.is_dir()


def test_tum_interpolates_and_leaves_out_what_is_not_covered(tmp_path, caplog):
    names = ['10.25.png', '10.99.png', '11.5.png', '13.0.png']
    files = write_tum(tmp_path, poses()[:3], (10.0, 11.0, 12.0), names)
    with caplog.at_level(logging.WARNING):
        source = open_tum(*files, max_time_difference_s=0.3)
    assert [image.name for image in source.images] == names[:2]
    assert '2 of 4 images' in caplog.text
    expected = interpolate(poses()[0], poses()[1], 0.25)
    assert source.images[0].T_map_cam.error_to(expected) == pytest.approx((0, 0), abs=1e-6)
    assert expected.error_to(poses()[0])[1] == pytest.approx(0.25 * poses()[1].error_to(poses()[0])[1])
    with pytest.raises(SourceError, match='covers none of the 4 images'):
        open_tum(*files, max_time_difference_s=0.001)


def test_interpolation_takes_the_short_way():
    half = math.sin(math.radians(85))
    first = Pose.from_quaternion((math.cos(math.radians(85)), 0, 0, half), (0, 0, 0))
    second = Pose.from_quaternion((math.cos(math.radians(85)), 0, 0, -half), (2, 0, 0))
    middle = interpolate(first, second, 0.5)
    assert middle.translation_3 == pytest.approx([1, 0, 0])
    assert middle.error_to(first)[1] == pytest.approx(10)
    assert interpolate(first, first, 0.3).error_to(first) == pytest.approx((0, 0), abs=1e-6)
    assert Trajectory.from_samples([]).at(0.0, 1.0) is None


@pytest.mark.parametrize(
    ('line', 'error', 'words'),
    [
        ('1 2 3', SourceError, 'line 3 has 3 columns, expected 8'),
        ('1 0 0 0 ' * 3, SourceError, 'line 3 has 12 columns as the pose files of KITTI have them'),
        ('1403636580838555648,4.6,-1.7,0.7,0,0,0,1', SourceError, 'line 3 has numbers separated by commas as .* EuRoC'),
        ('inf 0 0 0 0 0 0 1', SourceError, 'line 3 has the stamp inf'),
        ('1 0 0 0 0 0 0 x', SourceError, 'line 3 is not numeric'),
        ('1 nan 0 0 0 0 0 1', CalibrationError, 'line 3'),
        ('1 0 0 0 0 0 0 9', CalibrationError, 'line 3 has a quaternion of norm 9'),
    ],
)
def test_tum_refuses_bad_lines(tmp_path, line, error, words):
    trajectory, images, camera = write_tum(tmp_path, poses(), STAMPS, NAMES)
    trajectory.write_text(f'# header\n\n{line}\n')
    with pytest.raises(error, match=words):
        open_tum(trajectory, images, camera)


def test_tum_refuses_missing_files_and_unstamped_images(tmp_path):
    trajectory, images, camera = write_tum(tmp_path, poses(), STAMPS, NAMES)
    with pytest.raises(SourceError, match='holds no stamp'):
        open_tum(trajectory, images, camera)
    with pytest.raises(SourceError, match='is no folder'):
        open_tum(trajectory, tmp_path / 'nowhere', camera)
    with pytest.raises(SourceError, match='cannot be read'):
        open_tum(tmp_path / 'nothing.txt', images, camera)
    trajectory.write_text('# nothing\n')
    with pytest.raises(SourceError, match='has no poses'):
        open_tum(trajectory, images, camera)


def test_camera_yaml(tmp_path):
    path = tmp_path / 'camera.yaml'
    assert read_camera_yaml(write_camera_yaml(path)).params == pytest.approx((FX, FY, CX + 0.5, CY + 0.5, *DISTORTION))
    fisheye = {'distortion_model': 'equidistant', 'distortion_coefficients': {'data': [0.1, 0, 0, 0]}}
    assert read_camera_yaml(write_camera_yaml(path, **fisheye)).model == 'OPENCV_FISHEYE'
    with pytest.raises(CalibrationError, match='not calibrated'):
        read_camera_yaml(write_camera_yaml(path, camera_matrix={'data': [0.0] * 9}))
    with pytest.raises(CalibrationError, match='no camera calibration'):
        read_camera_yaml(write_camera_yaml(path, camera_matrix=None))
    path.write_text('just text')
    with pytest.raises(CalibrationError, match='no camera calibration'):
        read_camera_yaml(path)
    path.write_text('a: [1, 2\nb: }')
    with pytest.raises(SourceError, match='line 2'):
        read_camera_yaml(path)
    with pytest.raises(SourceError, match='cannot be read'):
        read_camera_yaml(tmp_path / 'none.yaml')
