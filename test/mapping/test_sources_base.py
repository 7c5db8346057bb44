# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What all sources share, and the small world whose geometry every format must reproduce."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from neumap_ros.errors import CalibrationError, ConfigError, ImageError, SourceError
from neumap_ros.geometry import Camera, Pose
from neumap_ros.mapping.sources import ImageSource, open_poses_json, thin

WIDTH, HEIGHT = 96, 64
# Off the middle and not square, so that swapped axes and a half pixel show. OpenCV's convention.
FX, FY, CX, CY = 80.0, 85.0, 44.3, 35.1
DISTORTION = (0.05, -0.02, 0.003, -0.002)
POINTS_N3 = np.array([[0.3, -0.2, 4.0], [-0.9, 0.4, 5.0], [0.1, 0.7, 3.5]])
NAMES = ('a.png', 'b.png', 'c.png', 'd.png')


def poses() -> list[Pose]:
    """Four poses of a camera (optical axes) that moves sideways and turns about all its axes."""
    turns = ((0.0, 0.0, 0.0), (0.05, -0.1, 0.2), (-0.1, 0.12, -0.15), (0.08, 0.1, 0.3))
    places = ((0.0, 0.0, 0.0), (0.3, -0.1, 0.2), (0.6, 0.1, -0.3), (0.9, 0.2, 0.1))
    return [Pose(cv2.Rodrigues(np.array(turn))[0], place) for turn, place in zip(turns, places, strict=True)]


def picture(index: int) -> np.ndarray:
    """A grey picture that differs from image to image."""
    return np.random.default_rng(index).integers(0, 255, (HEIGHT, WIDTH), dtype=np.uint8)


def write_pictures(folder: Path, names=NAMES) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(folder / name), picture(index))


def opencv_pixels(T_map_cam: Pose, distortion=DISTORTION, fisheye: bool = False) -> np.ndarray:
    """The points' pixels by OpenCV itself (top-left pixel's centre at (0, 0)), independent of our cameras."""
    k = np.array([[FX, 0, CX], [0, FY, CY], [0, 0, 1]])
    T_cam_map = T_map_cam.inverse()
    rvec, tvec = cv2.Rodrigues(T_cam_map.rotation_33)[0], T_cam_map.translation_3
    if fisheye:
        points = POINTS_N3.reshape(-1, 1, 3)
        return cv2.fisheye.projectPoints(points, rvec, tvec, k, np.array(distortion))[0].reshape(-1, 2)
    return cv2.projectPoints(POINTS_N3, rvec, tvec, k, np.array(distortion))[0].reshape(-1, 2)


def assert_same_world(source: ImageSource, truth=None, *, distortion=DISTORTION, fisheye=False, pixels=True) -> None:
    """Points land where OpenCV puts them, and the pictures are the written ones, in order."""
    truth = poses() if truth is None else truth
    assert len(source.images) == len(truth)
    for index, (image, T_map_cam) in enumerate(zip(source.images, truth, strict=True)):
        assert image.T_map_cam is not None
        found, inside = image.camera.project(image.T_map_cam.inverse().transform(POINTS_N3))
        assert inside.all()
        np.testing.assert_allclose(found - 0.5, opencv_pixels(T_map_cam, distortion, fisheye), atol=1e-4)
        if pixels:
            np.testing.assert_array_equal(source.read(image), picture(index))


def frame(name: str, pose: Pose, **changes) -> dict:
    entry = {'file': f'images/{name}', 'w': WIDTH, 'h': HEIGHT, 'fx': FX, 'fy': FY, 'cx': CX, 'cy': CY}
    return {**entry, 'dist': list(DISTORTION), 'T_wc': pose.matrix_44.tolist(), **changes}


def write_posed_folder(folder: Path, **first_frame_changes) -> Path:
    write_pictures(folder / 'images')
    frames = [frame(name, pose) for name, pose in zip(NAMES, poses(), strict=True)]
    frames[0].update(first_frame_changes)
    (folder / 'poses.json').write_text(json.dumps({'convention': 'T_wc', 'frames': frames}))
    (folder / 'split.json').write_text(json.dumps({'poses': 'poses.json', 'map': NAMES[:3], 'query': NAMES[3:]}))
    return folder


def data_folder() -> Path:
    default = Path(__file__).resolve().parents[3] / 'shared' / 'data'
    return Path(os.environ.get('NEUMAP_DATA', default))


def test_poses_json_geometry_and_split(tmp_path):
    folder = write_posed_folder(tmp_path)
    source = open_poses_json(folder)
    assert_same_world(source)
    assert [image.name for image in source.images] == list(NAMES)
    assert source.metric is True and source.frame_id == 'map'
    assert '(4 images)' in source.description
    assert [image.name for image in open_poses_json(folder, 'query').images] == ['d.png']
    assert len(open_poses_json(folder, 'map').images) == 3


def test_poses_json_may_have_stamps_and_fisheye_lenses(tmp_path):
    lens = {'fisheye': True, 'dist': [0.02, -0.004, 0.0, 0.0], 'stamp_ns': 1_700_000_000_250_000_000}
    image = open_poses_json(write_posed_folder(tmp_path, **lens)).images[0]
    assert image.camera.model == 'OPENCV_FISHEYE' and image.camera.params[4:] == (0.02, -0.004, 0.0, 0.0)
    assert image.time_s == 1_700_000_000.25


@pytest.mark.parametrize(('file', 'expected'), [('poses.json', False), ('split.json', False)])
def test_poses_json_says_that_it_is_not_metric(tmp_path, file, expected):
    path = write_posed_folder(tmp_path) / file
    path.write_text(json.dumps({**json.loads(path.read_text()), 'metric': False}))
    assert open_poses_json(tmp_path).metric is expected


@pytest.mark.parametrize(
    ('changes', 'error', 'words'),
    [
        ({'file': 'images/b.png'}, SourceError, "'b.png' twice"),
        ({'T_wc': np.full((4, 4), np.nan).tolist()}, CalibrationError, 'pose of image a.png contains NaN'),
        ({'T_wc': np.diag([2.0, 2, 2, 1]).tolist()}, CalibrationError, 'pose of image a.png is not rigid'),
        ({'T_wc': [[1, 2], [3]]}, SourceError, 'malformed'),
        ({'fx': 0.0}, CalibrationError, 'camera of image a.png is not calibrated'),
        ({'fx': 'wide'}, SourceError, "'fx' = 'wide'"),
        ({'file': None}, SourceError, "no 'file'"),
        ({'fisheye': 'yes'}, SourceError, "'fisheye' = 'yes', expected true, false or null"),
        ({'stamp_ns': 1.5}, SourceError, "'stamp_ns' = 1.5, expected whole nanoseconds"),
    ],
)
def test_poses_json_refuses_bad_frames(tmp_path, changes, error, words):
    with pytest.raises(error, match=words):
        open_poses_json(write_posed_folder(tmp_path, **changes))


@pytest.mark.parametrize('key', ['w', 'fx', 'cy', 'T_wc'])
def test_poses_json_names_the_missing_key_and_the_frame(tmp_path, key):
    path = write_posed_folder(tmp_path) / 'poses.json'
    data = json.loads(path.read_text())
    del data['frames'][2][key]
    path.write_text(json.dumps(data))
    with pytest.raises(SourceError, match=rf"frame 2 \(c.png\) has no '{key}'"):
        open_poses_json(tmp_path)


def test_poses_json_refuses_missing_and_broken_files(tmp_path):
    with pytest.raises(SourceError, match=r'poses\.json cannot be read'):
        open_poses_json(tmp_path)
    (tmp_path / 'poses.json').write_text('{"frames": [\n{"file": }\n]}')
    with pytest.raises(SourceError, match='line 2'):
        open_poses_json(tmp_path)
    (tmp_path / 'poses.json').write_text('{"frames": []}')
    with pytest.raises(SourceError, match='no images'):
        open_poses_json(tmp_path)
    (tmp_path / 'poses.json').write_text('[]')
    with pytest.raises(SourceError, match='JSON object'):
        open_poses_json(tmp_path)


def test_split_names_that_do_not_exist(tmp_path):
    folder = write_posed_folder(tmp_path)
    (folder / 'split.json').write_text(json.dumps({'map': ['a.png', 'zebra.png']}))
    with pytest.raises(SourceError, match=r"no image 'zebra.png'"):
        open_poses_json(folder, 'map')
    with pytest.raises(SourceError, match="no list 'query'"):
        open_poses_json(folder, 'query')
    with pytest.raises(SourceError, match=r'other\.json cannot be read'):
        open_poses_json(folder, 'map', 'other.json')


def test_images_that_are_missing_truncated_or_of_another_size(tmp_path):
    source = open_poses_json(write_posed_folder(tmp_path))
    missing, truncated, other, _ = source.images
    (tmp_path / 'images/a.png').unlink()
    with pytest.raises(ImageError, match=r'a\.png cannot be read'):
        source.read(missing)
    jpeg = cv2.imencode('.jpg', picture(0))[1].tobytes()
    (tmp_path / 'images/b.png').write_bytes(jpeg[: len(jpeg) // 2])
    with pytest.raises(ImageError, match='truncated'):
        source.read(truncated)
    cv2.imwrite(str(tmp_path / 'images/c.png'), picture(0)[:, :50])
    with pytest.raises(ImageError, match=r'50x64, expected 96x64'):
        source.read(other)


def test_subset_keeps_the_order_and_refuses_unknown_names(tmp_path):
    source = open_poses_json(write_posed_folder(tmp_path))
    part = source.subset(['c.png', 'a.png'])
    assert [image.name for image in part.images] == ['a.png', 'c.png']
    assert '(2 images)' in part.description and len(source.images) == 4
    np.testing.assert_array_equal(part.read(part.images[1]), picture(2))
    with pytest.raises(SourceError, match="images 'x', 'y'"):
        source.subset(['y', 'x', 'a.png'])
    with pytest.raises(SourceError, match='no image'):
        source.subset([])


def test_fingerprint_changes_with_files_poses_and_cameras_only(tmp_path):
    folder = write_posed_folder(tmp_path)
    source = open_poses_json(folder)
    seen = [source.fingerprint()]
    assert open_poses_json(folder).fingerprint() == seen[0]
    assert pickle.loads(pickle.dumps(source)).fingerprint() == seen[0]
    seen.append(source.subset(NAMES[:2]).fingerprint())
    os.utime(folder / 'images/b.png', ns=(1, 1))
    seen.append(open_poses_json(folder).fingerprint())
    write_posed_folder(tmp_path, fx=81.0)
    seen.append(open_poses_json(folder).fingerprint())
    write_posed_folder(tmp_path, T_wc=poses()[1].matrix_44.tolist())
    seen.append(open_poses_json(folder).fingerprint())
    (folder / 'images/d.png').unlink()
    seen.append(open_poses_json(folder).fingerprint())
    assert len(set(seen)) == len(seen)


def test_thin_keeps_what_moved_or_turned(tmp_path):
    write_pictures(tmp_path / 'images')
    turned = Pose(cv2.Rodrigues(np.array([0, 0.2, 0]))[0], (0.1, 0, 0))
    track = [Pose(np.eye(3), (x, 0, 0)) for x in (0.0, 0.05, 0.1)]
    frames = [frame(name, pose) for name, pose in zip(NAMES, [*track, turned], strict=True)]
    (tmp_path / 'poses.json').write_text(json.dumps({'frames': frames}))
    source = open_poses_json(tmp_path)
    assert [image.name for image in thin(source, 0.08, 5).images] == ['a.png', 'c.png', 'd.png']
    assert [image.name for image in thin(source, 0.08, 30).images] == ['a.png', 'c.png']
    assert len(thin(source, 0, 0).images) == 4
    with pytest.raises(ConfigError, match='min_angle_deg is -1'):
        thin(source, 0.1, -1)


def test_camera_of_the_world_agrees_with_opencv():
    camera = Camera.from_opencv(WIDTH, HEIGHT, FX, FY, CX, CY, DISTORTION)
    pixels, _ = camera.project(POINTS_N3)
    np.testing.assert_allclose(pixels - 0.5, opencv_pixels(Pose.identity()), atol=1e-6)


@pytest.mark.data
@pytest.mark.parametrize('name', ['fox', 'redkitchen_tsdf', 'kitti_seq1', 'hololens000'])
def test_real_folders(name):
    folder = data_folder() / 'posed' / name
    if not folder.is_dir():
        pytest.skip(f'no {folder}: set NEUMAP_DATA to the folder of real photographs')
    both = [open_poses_json(folder, 'map'), open_poses_json(folder, 'query')]
    for source in both:
        source.read(source.images[0])
    assert not {i.name for i in both[0].images} & {i.name for i in both[1].images}
