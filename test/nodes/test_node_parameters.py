# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of parameters, and what is made from it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import rclpy
import yaml
from rclpy.node import Node

from neumap_ros.errors import ConfigError
from neumap_ros.localization.localizer import LocalizerSettings
from neumap_ros.localization.settings import load_settings
from neumap_ros.localization.tracker import TrackerSettings
from neumap_ros.nodes import parameters
from neumap_ros.nodes.parameters import LIVE, LOCALIZER, Row

ROOT = Path(__file__).resolve().parents[2]
NODES = sorted(node for node, table in parameters.TABLES.items() if table)


def _flat(group: dict, prefix: str = '') -> dict:
    found = {}
    for key, value in group.items():
        if isinstance(value, dict):
            found |= _flat(value, f'{prefix}{key}.')
        else:
            found[f'{prefix}{key}'] = tuple(value) if isinstance(value, list) else value
    return found


@pytest.mark.parametrize('node', NODES)
def test_file_holds_every_parameter_with_its_default(node: str) -> None:
    document = yaml.safe_load((ROOT / 'config' / 'localization.yaml').read_text())
    given = _flat(document[f'/**/{node}']['ros__parameters'])
    wanted = {row.name: row.default for row in parameters.TABLES[node]}
    assert given == wanted
    assert {name: type(value) for name, value in given.items()} == {n: type(v) for n, v in wanted.items()}


def test_document_and_file_are_up_to_date() -> None:
    assert (ROOT / 'docs' / 'parameters.md').read_text() == parameters.markdown()
    assert (ROOT / 'config' / 'localization.yaml').read_text() == parameters.parameter_file()


@pytest.mark.parametrize('node', NODES)
def test_rows_make_sense(node: str) -> None:
    table = parameters.TABLES[node]
    assert len({row.name for row in table}) == len(table)
    for row in table:
        assert row.problem(row.default) == '', row.name
        assert row.description.endswith('.') and '|' not in row.description, row.name
        if isinstance(row.default, (int, float)) and not isinstance(row.default, bool):
            assert row.low is not None and row.high is not None, row.name
        assert row.default != () and row.default != [], 'an empty list has no type'


def test_every_setting_of_core_and_tracker_is_a_parameter() -> None:
    names = {row.name for row in LOCALIZER}
    assert {f'tracker.{field.name}' for field in dataclasses.fields(TrackerSettings)} <= names
    values = {row.name: row.default for row in LOCALIZER}
    assert parameters.localizer_settings(values) == LocalizerSettings()
    assert parameters.tracker_settings(values) == TrackerSettings()
    assert load_settings(ROOT / 'config' / 'core.yaml') == LocalizerSettings()
    assert names >= LIVE


def test_values_reach_the_settings() -> None:
    values = parameters.values(
        LOCALIZER,
        {'gate.min_inliers': 9, 'guided_radius_px': [5.0], 'tracker.lost_after_s': 3.0, 'tf_mode': 'none'},
    )
    assert parameters.localizer_settings(values).gate.min_inliers == 9
    assert parameters.localizer_settings(values).guided_radius_px == (5.0,)
    weights = parameters.values(LOCALIZER, {'extractor_weights': 'net.onnx'})
    assert parameters.localizer_settings(weights).extractor_weights == 'net.onnx'
    assert 'extractor_weights' not in LIVE, 'a network is loaded with the map'
    session = parameters.session_settings(values)
    assert session.tracker.lost_after_s == 3.0 and not session.require_odometry


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('no_such', 1),
        ('max_keypoints', 9),
        ('max_keypoints', 1500.0),
        ('max_keypoints', True),
        ('tf_rate_hz', 30),
        ('tf_rate_hz', float('nan')),
        ('rectified', 1),
        ('tf_mode', 'both'),
        ('cameras', []),
        ('cameras', 'front'),
        ('cameras', [1]),
        ('guided_radius_px', [16.0, 1000.0]),
    ],
)
def test_unusable_values_are_refused_with_the_name(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=name):
        parameters.values(LOCALIZER, {name: value})


@pytest.mark.parametrize(
    ('argument', 'words'),
    [
        ('tf_rate_hz:=30', 'expected double'),
        ('max_keypoints:=3', 'expected integer from 10 to 100000'),
        ('guided_radius_px:=[0.1]', 'guided_radius_px is 0.1'),
        ('mode:=sometimes', 'expected one of continuous, on_request'),
    ],
)
def test_unusable_values_at_start_are_told_in_one_sentence(argument: str, words: str) -> None:
    rclpy.init(args=['--ros-args', '-p', argument])
    node = Node('localizer')
    try:
        with pytest.raises(ConfigError, match=words.replace('[', r'\[')):
            parameters.declare(node, LOCALIZER)
    finally:
        node.destroy_node()
        rclpy.shutdown()


def test_file_is_read_by_a_node_in_any_namespace() -> None:
    path = ROOT / 'config' / 'localization.yaml'
    rclpy.init(args=['--ros-args', '--params-file', str(path), '-p', 'max_rate_hz:=7.5'])
    node = Node('localizer', namespace='/fleet/robot_7')
    try:
        parameters.declare(node, LOCALIZER)
        values = parameters.read(node, LOCALIZER)
        assert values == {row.name: row.default for row in LOCALIZER} | {'max_rate_hz': 7.5}
        described = node.describe_parameter('tf_rate_hz')
        assert described.floating_point_range[0].to_value == 1000.0 and '[Hz]' in described.description
        assert node.describe_parameter('autostart').read_only
    finally:
        node.destroy_node()
        rclpy.shutdown()


def test_bounds_are_written_as_people_do() -> None:
    assert Row('x', 1, 'A.', low=0, high=2**31 - 1).problem(-1).endswith('from 0 to 2147483647')
    assert '0.9999999' in Row('x', 0.9, 'A.', low=0.5, high=0.9999999).problem(2.0)
