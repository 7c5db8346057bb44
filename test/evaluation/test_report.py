# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import io
import json

import numpy as np
import pytest
from rich.console import Console

from neumap_ros.errors import ConfigError
from neumap_ros.evaluation import report
from neumap_ros.geometry import Pose
from neumap_ros.localization.fix import Reason
from neumap_ros.mapping.sources.tum import read_tum


@pytest.fixture
def result(new_record, new_result):
    stamp = 1305031102.175304
    return new_result(
        [new_record(0, 0.01, time_s=stamp), new_record(1, reason=Reason.FEW_INLIERS), new_record(2, 0.02)]
    )


def test_the_files(result, tmp_path):
    paths = report.write_report(result, tmp_path / 'a' / 'b')
    assert sorted(path.name for path in (tmp_path / 'a' / 'b').iterdir()) == sorted(paths)
    document = json.loads(paths['results.json'].read_text())
    assert document['map']['sha256'] == 'ab' * 32
    assert (document['map']['revision'], document['map']['bytes']) == (3, 1234)
    assert document['settings']['gate']['min_inliers'] == result.settings.gate.min_inliers
    assert document['summary']['reasons'] == {'ok': 2, 'few_inliers': 1}
    assert [record['reason'] for record in document['records']] == ['ok', 'few_inliers', 'ok']
    assert document['records'][1]['distance'] is None
    assert np.array(document['records'][0]['T_map_cam']).shape == (4, 4)


def test_the_trajectory_maps_camera_to_map(result, tmp_path):
    path = report.write_report(result, tmp_path)['trajectory.tum']
    rows = [line.split() for line in path.read_text().splitlines()]
    assert [float(row[0]) for row in rows] == [1305031102.175304, 2.0]
    assert [float(v) for v in rows[0][1:]] == pytest.approx([1.01, 2, 3, 0.5, -0.5, 0.5, 0.5])
    assert len(read_tum(path).times_s) == 2


def test_the_poses_map_map_to_camera(result, tmp_path):
    path = report.write_report(result, tmp_path)['poses.txt']
    rows = [line.split() for line in path.read_text().splitlines()]
    assert [row[0] for row in rows] == ['0000.jpg', '0002.jpg']
    values = [float(v) for v in rows[0][1:]]
    T_cam_map = Pose.from_quaternion(values[:4], values[4:])
    assert T_cam_map.inverse().error_to(result.records[0].T_map_cam) == pytest.approx((0, 0), abs=1e-6)


def test_no_fixes_are_empty_files(new_record, new_result, tmp_path):
    paths = report.write_report(new_result([new_record(0, reason=Reason.NO_REGIONS)]), tmp_path)
    assert paths['poses.txt'].read_text() == paths['trajectory.tum'].read_text() == ''


def test_a_failed_write_keeps_the_old_file(tmp_path):
    (tmp_path / 'file').write_text('old')
    with pytest.raises(ConfigError, match='cannot be written'):
        report.write_atomically(tmp_path / 'file' / 'below', b'new')
    assert [path.name for path in tmp_path.iterdir()] == ['file']
    report.write_atomically(tmp_path / 'file', b'new')
    assert (tmp_path / 'file').read_text() == 'new'


@pytest.mark.parametrize('metric', [True, False])
def test_the_tables(result, new_record, new_result, metric):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(report.summary_tables(new_result(result.records, metric=metric)))
    text = console.export_text()
    assert 'made [up]' in text
    assert '2 ok, 1 few_inliers' in text
    assert ('5 cm, 5 deg' if metric else '1 %, 5 deg') in text
    assert '66.7 %' in text
    assert '1,234 bytes' in text


def test_tables_without_fixes(new_record, new_result):
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(report.summary_tables(new_result([new_record(0, reason=Reason.FEW_MATCHES)])))
    assert 'no fixes with a true pose' in console.export_text()


def test_lengths_for_people():
    assert [report.format_length(v, 'm') for v in (0.0012, 0.034, 2.5)] == ['1.2 mm', '3.4 cm', '2.5 m']
    assert report.format_length(0.01234, 'units') == '0.0123 units'
