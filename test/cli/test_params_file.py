# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from neumap_ros.cli.params_file import parse_assignments, read_params_file
from neumap_ros.cli.replay import settings_from
from neumap_ros.errors import ConfigError
from neumap_ros.evaluation.replay import ReplaySettings
from neumap_ros.localization.localizer import LocalizerSettings

ROOT = Path(__file__).resolve().parents[2]


def read(tmp_path, text):
    (tmp_path / 'params.yaml').write_text(text)
    return read_params_file(tmp_path / 'params.yaml', 'localizer')


@pytest.mark.parametrize('key', ['localizer', '/localizer', '/**', '/*', '/**/localizer', '/robot/localizer', 'local*'])
def test_sections_of_the_node_are_found(tmp_path, key):
    parameters = '{frames: {base: base_footprint}, frames.odom: wheels, max_rate_hz: 5.0}'
    text = f'"{key}":\n  ros__parameters: {parameters}\n'
    assert read(tmp_path, text) == {'frames.base': 'base_footprint', 'frames.odom': 'wheels', 'max_rate_hz': 5.0}


def test_namespaces_nest_and_other_nodes_are_passed_over(tmp_path):
    text = (
        'robot:\n  localizer: {ros__parameters: {max_rate_hz: 5.0}}\n  map_server: {ros__parameters: {map.uri: x}}\n'
        '/**:\n  ros__parameters: {max_rate_hz: 6.0}\nlocalizer_2: {ros__parameters: {max_rate_hz: 7.0}}\n'
    )
    assert read(tmp_path, text) == {'max_rate_hz': 6.0}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('a: [', 'is not valid YAML at line'),
        ('- 1', 'holds no sections'),
        ('localizer: 5', "has 'localizer' where a node is expected"),
        ('localizer: {ros__parameters: 5}', 'holds no names with values'),
    ],
)
def test_files_of_another_layout_are_refused(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match='No such file'):
        read_params_file(tmp_path / 'none.yaml', 'localizer')


def test_assignments_are_read_as_yaml():
    texts = ['max_rate_hz:=5.0', 'cameras:=[left, right]', 'rectified:=true', 'frames.base:=base']
    assert parse_assignments(texts) == {
        'max_rate_hz': 5.0, 'cameras': ['left', 'right'], 'rectified': True, 'frames.base': 'base',
    }  # fmt: skip
    for text in ('max_rate_hz=5', ':=5', 'a:=[1'):
        with pytest.raises(ConfigError, match='-p is'):
            parse_assignments([text])


def test_without_parameters_the_defaults_of_the_core_and_of_the_node_are_the_same():
    settings, core = settings_from({}, {})
    assert settings == ReplaySettings()
    assert core == LocalizerSettings()


def test_the_robots_own_file_can_be_replayed():
    given = read_params_file(ROOT / 'config' / 'localization.yaml', 'localizer')
    settings, core = settings_from(given, {})
    assert core == LocalizerSettings()
    assert settings == ReplaySettings(compressed=False, rectified=False)


def test_parameters_reach_tracker_gate_and_solver():
    given = {
        'tracker.confirmations': 1, 'gate.min_inliers': 21, 'solver.seed': 5, 'tf_mode': 'map_to_base',
        'max_rate_hz': 2.0, 'use_sim_time': True, 'qos_overrides./camera/image.subscription.reliability': 'reliable',
    }  # fmt: skip
    settings, core = settings_from(given, {'front': '/f/image'})
    assert settings.session.tracker.confirmations == 1
    assert (settings.session.require_odometry, settings.session.max_rate_hz) == (False, 2.0)
    assert (core.gate.min_inliers, core.solver.seed) == (21, 5)
    assert settings.image_topics == {'front': '/f/image'}


@pytest.mark.parametrize('given', [{'nonsense': 1}, {'max_rate_hz': -1.0}, {'tf_mode': 'both'}, {'max_rate_hz': 'x'}])
def test_parameters_that_cannot_be_are_refused(given):
    with pytest.raises(ConfigError, match='parameter'):
        settings_from(given, {})
