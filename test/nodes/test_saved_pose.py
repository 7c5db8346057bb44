# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The last pose on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import Pose
from neumap_ros.nodes.saved_pose import SavedPose, initial_radius_m, read_pose, saved_pose_path, write_pose

SAVED = SavedPose('place', Pose(np.eye(3), (1.5, -2.0, 0.1)), 123)


def test_pose_comes_back(tmp_path: Path) -> None:
    path = saved_pose_path(str(tmp_path / 'not' / 'there'), '/fleet/robot_7/localizer')
    assert read_pose(path) is None
    write_pose(path, SAVED)
    again = read_pose(path)
    assert again is not None
    assert (again.map_id, again.stamp_ns) == ('place', 123)
    assert np.array_equal(again.T_map_base.matrix_44, SAVED.T_map_base.matrix_44)
    assert [file.name for file in path.parent.iterdir()] == ['last_pose_fleet__robot_7__localizer.json']


def test_two_robots_of_one_machine_have_two_files(tmp_path: Path) -> None:
    assert saved_pose_path(str(tmp_path), '/a/localizer') != saved_pose_path(str(tmp_path), '/b/localizer')


def test_home_and_variables_are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setenv('ROBOT', 'seven')
    assert saved_pose_path('~/$ROBOT', '/localizer') == tmp_path / 'seven' / 'last_pose_localizer.json'


@pytest.mark.parametrize(
    'text', ['', '{', '[]', '{"format": 9}', '{"format": 1, "map_id": "x"}', '\x00', '{"format": 1, "map_id": "x", '
             '"stamp_ns": 1, "position": [0, 0, 0], "quaternion_wxyz": [0, 0, 0, 0]}'],
)  # fmt: skip
def test_damaged_file_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / 'last_pose_localizer.json'
    path.write_text(text)
    with pytest.raises(ConfigError, match=r'last_pose_localizer\.json'):
        read_pose(path)


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='state_dir'):
        write_pose(tmp_path / 'file' / 'last_pose.json', SAVED)


def test_failed_write_leaves_the_old_pose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'last_pose.json'
    write_pose(path, SAVED)

    def no_space(descriptor: int) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('os.fsync', no_space)
    with pytest.raises(ConfigError, match='No space left'):
        write_pose(path, SavedPose('other', SAVED.T_map_base, 1))
    again = read_pose(path)
    assert again is not None and again.map_id == 'place'
    assert list(tmp_path.iterdir()) == [path]


def test_radius_follows_the_covariance_within_reason() -> None:
    def of(variance: float) -> float:
        return initial_radius_m(np.diag([variance, variance, 0, 0, 0, 0]).reshape(-1))

    assert of(4.0) == pytest.approx(6.0)
    assert of(0.0) == 1.0
    assert of(1e9) == 50.0
    assert of(float('nan')) == 1.0
