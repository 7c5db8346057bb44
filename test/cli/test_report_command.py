# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""neumap report, from folders that the other commands wrote."""

import importlib.util
import subprocess
import sys

import pytest

from neumap_ros.evaluation.run import evaluate
from neumap_ros.evaluation.run_folder import write_run


@pytest.fixture(scope='module')
def run_folder(demo_folder, demo_map, tmp_path_factory):
    from neumap_ros.localization.localizer import Localizer
    from neumap_ros.mapping.sources import open_poses_json
    from neumap_ros.maps.storage import open_map

    run = evaluate(Localizer(open_map(demo_map)), open_poses_json(demo_folder, 'query'), name='room')
    folder = tmp_path_factory.mktemp('runs') / 'room'
    write_run(run, folder)
    return folder


def test_a_page_is_written_and_the_verdict_printed(neumap, run_folder, tmp_path):
    result = neumap('report', run_folder, '--out', tmp_path / 'out' / 'room.html', '--title', 'A room')
    assert result.exit_code == 0, result.output
    text = ' '.join(result.output.split())
    assert text.startswith('room answered ')
    assert 'Written: ' in text
    page = (tmp_path / 'out' / 'room.html').read_text()
    assert '<h1>A room</h1>' in page


def test_runs_side_by_side(neumap, run_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert neumap('report', run_folder, run_folder).exit_code == 0
    assert 'room (2)' in (tmp_path / 'report.html').read_text()


@pytest.mark.skipif(importlib.util.find_spec('rerun') is None, reason="pip install 'neumap_ros[rerun]'")
def test_a_recording_for_the_rerun_viewer(neumap, run_folder, demo_map, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = neumap('report', run_folder, '--rerun', 'room.rrd', '--map', demo_map)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ['room.rrd']


@pytest.mark.skipif(importlib.util.find_spec('rerun') is None, reason="pip install 'neumap_ros[rerun]'")
def test_an_evaluation_records_what_its_camera_saw(neumap, demo_folder, demo_map, tmp_path):
    path = tmp_path / 'room.rrd'
    result = neumap(
        'evaluate', '--map', demo_map, '--dataset', demo_folder, '--out', tmp_path / 'room', '--rerun', path
    )
    assert result.exit_code == 0, result.output
    command = [sys.executable, '-m', 'rerun', 'rrd', 'print', str(path)]
    text = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    for entity in ('/picture/room/camera/inliers', '/world/room/inliers/camera', '/world/room/pose/camera'):
        assert f' - {entity} - ' in text
    assert '/world/map/points' in text


def test_bad_input_is_one_line(refused, run_folder, tmp_path):
    assert 'is no run' in refused('report', tmp_path)
    assert 'run.json' in refused('report', tmp_path / 'nothing')
    assert '--rerun' in refused('report', run_folder, '--map', tmp_path, '--out', tmp_path / 'x.html')
    (tmp_path / 'file').write_text('')
    assert 'cannot be written' in refused('report', run_folder, '--out', tmp_path / 'file' / 'x.html')
