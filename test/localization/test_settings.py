# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import itertools
from pathlib import Path

import pytest
import yaml

from neumap_ros.errors import ConfigError
from neumap_ros.localization.localizer import LocalizerSettings
from neumap_ros.localization.settings import CHOICES, FREE_TEXT, RANGES, SWITCHES, load_settings

CONFIG = Path(__file__).resolve().parents[2] / 'config' / 'core.yaml'


def flat(data, prefix=''):
    """Values by dotted key, in order."""
    values = {}
    for key, value in data.items():
        if isinstance(value, dict):
            values.update(flat(value, f'{prefix}{key}.'))
        else:
            values[f'{prefix}{key}'] = tuple(value) if isinstance(value, list) else value
    return values


@pytest.fixture
def load(tmp_path):
    def write_and_load(text):
        path = tmp_path / 'settings.yaml'
        path.write_text(text)
        return load_settings(path)

    return write_and_load


def test_the_file_holds_every_default():
    defaults = flat(dataclasses.asdict(LocalizerSettings()))
    written = flat(yaml.safe_load(CONFIG.read_text()))
    assert sorted(written) == sorted(defaults), 'keys'
    for key, default in defaults.items():
        assert written[key] == default, key
    assert list(written) == list(defaults), 'order of the keys'
    assert load_settings(CONFIG) == LocalizerSettings()


def test_every_setting_is_checked():
    names = flat(dataclasses.asdict(LocalizerSettings()))
    assert sorted([*RANGES, *CHOICES, *SWITCHES, *FREE_TEXT]) == sorted(names)


def test_a_switch_is_true_or_false(load):
    assert load('keep_memory: false').keep_memory is False
    with pytest.raises(ConfigError, match='keep_memory is 1, expected true or false'):
        load('keep_memory: 1')


def test_every_key_has_a_comment():
    lines = CONFIG.read_text().splitlines()
    for before, line in itertools.pairwise(lines):
        if line and not line.lstrip().startswith('#') and not line.endswith(':'):
            assert before.lstrip().startswith('# '), line


def test_what_is_left_out_keeps_its_default(load):
    assert load('') == LocalizerSettings()
    settings = load('gate:\n  min_inliers: 9\nguided_radius_px: [8]\n')
    assert settings.gate == dataclasses.replace(LocalizerSettings().gate, min_inliers=9)
    assert settings.guided_radius_px == (8.0,)
    assert settings.solver == LocalizerSettings().solver


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('max_keypoint: 5', "no key 'max_keypoint', expected one of alternatives, extractor_weights, gate"),
        ('gate:\n  inliers: 5', "section 'gate' has no key 'inliers', expected one of max_relative_sigma"),
        ('max_keypoints: many', "max_keypoints is 'many', expected a whole number from 10"),
        ('max_keypoints: 12.5', 'max_keypoints is 12.5, expected a whole number'),
        ('max_keypoints: true', 'max_keypoints is True, expected a whole number'),
        ('max_keypoints: 0', 'max_keypoints is 0, expected a whole number from 10'),
        ('solver:\n  confidence: 1.5', 'solver.confidence is 1.5, expected a number from 0.5'),
        ('gate:\n  min_coverage: .nan', 'gate.min_coverage is nan'),
        ('guided_radius_px: 16', 'guided_radius_px is 16, expected a list of numbers'),
        ('guided_radius_px: [16, -1]', 'guided_radius_px is -1'),
        ('solver:\n  method: opencv', "solver.method is 'opencv', expected one of poselib, pycolmap"),
        ('solver:\n  method: 3', 'solver.method is 3, expected one of poselib, pycolmap'),
        ('solver:\n  method: [poselib]', "solver.method is ['poselib'], expected one of poselib, pycolmap"),
        ('gate: 5', "section 'gate' holds a int"),
        ('[1, 2]', 'the file holds a list'),
        ('gate:\n  - [', 'not valid YAML at line'),
    ],
)
def test_bad_settings_are_refused(load, text, message):
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert message in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match='cannot be read'):
        load_settings(tmp_path / 'no.yaml')
