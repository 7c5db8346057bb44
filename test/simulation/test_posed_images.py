# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Folders of posed images of a drive: readable, exact, the same every time, resumed and cached."""

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip('embreex', reason='the ray caster of simulated worlds is an optional dependency')

from neumap_ros.errors import ConfigError, SourceError
from neumap_ros.evaluation.run_folder import read_floor
from neumap_ros.mapping.sources import open_poses_json
from neumap_ros.mapping.sources.tum import read_tum
from neumap_ros.simulation.photographer import Photographer, photograph
from neumap_ros.simulation.posed_images import make_posed_images
from neumap_ros.simulation.requests import DriveRequest, simulation_version
from neumap_ros.simulation.sensor import Exposure, SensorSettings

REQUEST = DriveRequest(
    seed=3,
    size_m=(8.0, 6.0),
    condition='lamps',
    drive='query',
    day=1,
    rate_hz=1.0,
    length_m=3.0,
    image_size=(160, 120),
    depth=True,
)
CLEAN = SensorSettings(noise=False, dirt=False, vignetting=False, motion_blur=False, rolling_shutter=False)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp('worlds') / 'query'
    make_posed_images(REQUEST, out)
    return out


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def test_the_folder_is_read_as_any_data_set(folder):
    source = open_poses_json(folder, 'query')
    assert source.metric is True
    assert 10 < len(source) < 60
    pixels = source.read(source.images[0])
    assert pixels.shape == (120, 160) and 15 < pixels.mean() < 230
    with pytest.raises(SourceError, match='no image'):
        open_poses_json(folder, 'map')
    truth = read_tum(folder / 'truth.tum')
    assert len(truth) == len(source)
    for image, time_s, T_world_base in zip(source.images, truth.times_s, truth.poses, strict=True):
        assert image.time_s == pytest.approx(time_s, abs=1e-6)
        assert T_world_base.inverse().transform(image.T_map_cam.translation_3[None])[0] == pytest.approx(
            [0.15, 0, 1], abs=1e-6
        )
    plan = json.loads((folder / 'floor.json').read_text())
    assert {'room', 'wall', 'furniture'} <= {area['kind'] for area in plan['areas']}
    assert read_floor(folder / 'floor.json') == tuple(
        tuple(tuple(corner) for corner in area['polygon']) for area in plan['areas']
    )
    document = json.loads((folder / 'world.json').read_text())
    assert document['condition'] == 'lamps' and document['summary']['jumps_ns'] == []


def test_depth_and_poses_agree_between_images(folder):
    """A point seen in one image lies where the depth of the next one says."""
    source = open_poses_json(folder)
    agreed, compared = 0, 0
    for before, after in zip(source.images, source.images[1:], strict=False):
        depths = [
            cv2.imread(str(folder / 'depth' / image.name.replace('.jpg', '.png')), cv2.IMREAD_UNCHANGED) / 1000
            for image in (before, after)
        ]
        u, v = (axis.ravel() for axis in np.meshgrid(np.arange(4, 160, 8), np.arange(4, 120, 8)))
        rays = np.column_stack([before.camera.normalize(np.column_stack([u, v]) + 0.5), np.ones(len(u))])
        known = depths[0][v, u] > 0
        points = before.T_map_cam.transform(rays[known] * depths[0][v, u][known, None])
        local = after.T_map_cam.inverse().transform(points)
        pixels, inside = after.camera.project(local)
        x, y = np.floor(pixels[inside]).astype(int).T
        agreed += int((np.abs(depths[1][y, x] - local[inside, 2]) < 0.05).sum())
        compared += int(inside.sum())
    assert compared > 500
    assert agreed > 0.85 * compared  # the rest is hidden, or at the border of something


@pytest.mark.slow
def test_the_same_request_gives_the_same_bytes_whatever_the_number_of_workers(folder, tmp_path):
    out = tmp_path / 'again'
    seen = []
    make_posed_images(REQUEST, out, workers=2, progress=lambda done, total: seen.append((done, total)))
    assert files(out) == files(folder)
    count = len(open_poses_json(folder))
    assert seen[-1] == (count, count)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_where_it_was(folder, tmp_path):
    out = tmp_path / 'out'

    def interrupt(done, total):
        if done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_posed_images(REQUEST, out, progress=interrupt)
    assert not out.exists()
    (work,) = tmp_path.iterdir()
    first = min((work / 'images').iterdir())
    stamp = first.stat().st_mtime_ns
    make_posed_images(REQUEST, out)
    assert files(out) == files(folder)
    assert (out / 'images' / first.name).stat().st_mtime_ns == stamp


def test_the_cache_gives_the_same_and_every_parameter_counts(folder, tmp_path):
    cache = tmp_path / 'cache'
    cache.mkdir()
    shutil.copytree(folder, cache / REQUEST.to_json()['key'])  # as if it had been made with it
    summary = make_posed_images(
        REQUEST, tmp_path / 'out', cache=cache, progress=lambda done, total: pytest.fail('rendered')
    )
    assert files(tmp_path / 'out') == files(folder)
    assert summary.images == len(open_poses_json(folder)) and 2 < summary.length_m < 10
    changes = [
        {'seed': 4},
        {'size_m': (8.0, 7.0)},
        {'condition': 'night'},
        {'day': 2},
        {'rate_hz': 2.0},
        {'spacing_m': 0.1},
        {'length_m': 4.0},
        {'kidnaps': 1},
        {'image_size': (160, 121)},
        {'cameras': ('left',)},
        {'fisheye': True},
        {'depth': False},
        {'sensor': SensorSettings(noise=False)},
    ]
    keys = {replace(REQUEST, **change).to_json()['key'] for change in changes}
    assert len(keys) == len(changes) and REQUEST.to_json()['key'] not in keys


def test_the_key_changes_with_the_code(monkeypatch):
    before = REQUEST.to_json()['key']
    assert before == REQUEST.to_json()['key'] and len(simulation_version()) == 16
    monkeypatch.setattr('neumap_ros.simulation.requests.simulation_version', lambda: 'other')
    assert REQUEST.to_json()['key'] != before


def test_another_folder_is_not_overwritten(folder, tmp_path):
    (tmp_path / 'mine').mkdir()
    with pytest.raises(ConfigError, match='something else'):
        make_posed_images(replace(REQUEST, length_m=2.0), tmp_path / 'mine')


@pytest.mark.slow
def test_effects_change_the_picture_each_in_its_way():
    request = replace(REQUEST, sensor=CLEAN)
    world = request.make_world()
    drive = request.make_drive(world)
    plain = Photographer(request, drive)
    speeds = [a.error_to(b)[1] for a, b in zip(drive.T_world_base, drive.T_world_base[1:], strict=False)]
    number = int(np.argmax(speeds)) + 1  # turning
    exposure = Exposure(0.02)
    still, _ = plain.take(0, number, exposure)
    for effect in ('noise', 'dirt', 'vignetting', 'motion_blur', 'rolling_shutter'):
        changed = Photographer(replace(request, sensor=replace(CLEAN, **{effect: True})), drive, plain.renderer)
        pixels, _ = changed.take(0, number, exposure)
        assert np.abs(pixels.astype(int) - still).mean() > 0.3, effect


def test_impossible_requests_are_refused():
    for changes in (
        {'drive': 'tour'},
        {'kind': 'castle'},
        {'condition': 'fog'},
        {'seed': -1},
        {'spacing_m': float('nan')},
        {'drive': 'mapping', 'kidnaps': 1},
    ):
        with pytest.raises(ConfigError, match='expected'):
            replace(REQUEST, **changes)


@pytest.mark.slow
def test_a_rig_is_photographed_together(tmp_path):
    request = replace(REQUEST, cameras=('front', 'left'), fisheye=True, rate_hz=0.3, depth=False)
    drive = request.make_drive(request.make_world())
    photograph(request, drive, tmp_path)
    names = sorted(path.name for path in (tmp_path / 'images').iterdir())
    assert len(names) == 2 * len(drive.times_s)
    assert names[0] == 'query_front_00000.jpg' and names[-1].startswith('query_left_')
