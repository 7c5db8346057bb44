# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recordings for the Rerun viewer, read back by Rerun's own tools."""

import importlib.util
import re
import subprocess
import sys

import numpy as np
import pytest
from report_runs import drive, write_drive

from neumap_ros.errors import ConfigError
from neumap_ros.evaluation.html.view import read_views
from neumap_ros.evaluation.rerun_recording import RerunRecording, write_recording
from neumap_ros.evaluation.sights import Sight
from neumap_ros.geometry import Camera, Pose

needs_rerun = pytest.mark.skipif(
    importlib.util.find_spec('rerun') is None,
    reason="rerun-sdk is not installed: pip install 'neumap_ros[rerun]'",
)


def tool(*arguments):
    """Run Rerun's command line."""
    done = subprocess.run(
        [sys.executable, '-m', 'rerun', 'rrd', *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout + done.stderr


def rows_of(path):
    """Rows by entity, as ``rerun rrd print`` counts them."""
    counts = {}
    for count, entity in re.findall(r'with ([\d ]+) rows? \([^)]*\) - (\S.*?) - ', tool('print', str(path))):
        counts[entity] = counts.get(entity, 0) + int(count.replace(' ', ''))
    return counts


@pytest.fixture(autouse=True)
def strict():
    """Rerun warns and goes on unless it is told to raise."""
    rerun = sys.modules.get('rerun')
    if rerun is not None:
        rerun.set_strict_mode(True)
    yield
    if rerun is not None:
        rerun.set_strict_mode(False)


@needs_rerun
def test_a_run_is_read_back_by_reruns_own_tools(tmp_path):
    folder = write_drive(tmp_path / 'run', 0, name='night drive', count=60, false=2, missing=0.2, pictures=4)
    (view,) = read_views([folder])
    path = tmp_path / 'night.rrd'
    write_recording([view.run], [folder], [view.label], path)
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ['night.rrd']
    assert '1 file verified without error' in tool('verify', str(path))
    rows, accepted = rows_of(path), int(view.accepted_N.sum())
    run = r'night\ drive'
    assert rows['/world/floor'] == 1
    assert rows[f'/world/{run}/true_path'] == 1
    assert rows[f'/world/{run}/path_by_tf'] == 1
    assert rows[f'/world/{run}/truth'] == 60
    assert rows[f'/world/{run}/pose'] == 60
    assert rows[f'/world/{run}/pose/camera'] == accepted
    assert rows[f'/world/{run}/trail'] == accepted
    assert rows[f'/log/{run}'] == 60
    assert rows[f'/picture/{run}'] == 60
    assert rows[f'/figures/position_error/{run}'] == accepted
    assert rows[f'/figures/inliers/{run}'] == 60


@needs_rerun
def test_cameras_and_inliers_are_shown_where_they_are_known(tmp_path):
    run, _ = drive(0, count=3, missing=0.0, false=0)
    camera = Camera('PINHOLE', 320, 240, (256.0, 256.0, 160.0, 120.0))
    pixels, points = np.array([[10.0, 20.0], [30.0, 40.0]]), np.array([[1.0, 2, 3], [4, 5, 6]])
    image = np.full((240, 320), 128, np.uint8)
    path = tmp_path / 'live.rrd'
    with RerunRecording(path, 'live', ['live']) as recording:
        for row in run.attempts:
            sights = [Sight(name, camera, Pose.identity(), image, pixels, points) for name in ('front', 'left')]
            recording.add_attempt('live', row, body='base_link', extent=22.0, metric=True, sights=sights)
    rows = rows_of(path)
    for name in ('front', 'left'):
        assert rows[f'/world/live/pose/{name}'] == 3
        assert rows[f'/picture/live/{name}'] == 3
        assert rows[f'/picture/live/{name}/inliers'] == 3
        assert rows[f'/world/live/inliers/{name}'] == 3


@needs_rerun
def test_points_and_regions_of_a_map_are_shown(demo_map, tmp_path):
    from neumap_ros.localization.localizer import Localizer
    from neumap_ros.maps.storage import open_map

    folder = write_drive(tmp_path / 'run', 0, count=5)
    (view,) = read_views([folder])
    localizer = Localizer(open_map(demo_map))
    write_recording([view.run], [folder], [view.label], tmp_path / 'map.rrd', localizer)
    rows = rows_of(tmp_path / 'map.rrd')
    assert rows['/world/map/points'] == rows['/world/map/regions'] == 1


@needs_rerun
@pytest.mark.parametrize(
    'fields', [{'truth': False}, {'missing': 100.0, 'false': 0}, {'stamps': False, 'robot': False, 'floor': ()}]
)
def test_odd_runs_are_recorded(fields, tmp_path):
    run, _ = drive(0, count=6, **fields)
    write_recording([run], [tmp_path], ['a/b "c" é'], tmp_path / 'odd.rrd')
    assert '1 file verified without error' in tool('verify', str(tmp_path / 'odd.rrd'))


@needs_rerun
def test_what_is_interrupted_leaves_no_file(tmp_path):
    with pytest.raises(KeyboardInterrupt), RerunRecording(tmp_path / 'cut.rrd', 'cut', ['cut']):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@needs_rerun
def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='cannot be written'):
        RerunRecording(tmp_path / 'file' / 'out.rrd', 'x', ['x'])


def test_without_rerun_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'rerun', None)
    with pytest.raises(ConfigError, match=r"pip install 'neumap_ros\[rerun\]'"):
        RerunRecording(tmp_path / 'out.rrd', 'x', ['x'])
    assert list(tmp_path.iterdir()) == []
