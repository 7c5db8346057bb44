# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The table of a replay holds what the node publishes: the same columns, the same values."""

import csv
import importlib.util
import io
import math
import re
from pathlib import Path

import numpy as np
import pytest

from neumap_ros.evaluation.run_csv import TIMING_COLUMNS
from neumap_ros.evaluation.run_rows import row_of_attempt
from neumap_ros.evaluation.status_table import STATUS_COLUMNS, status_fields, status_text
from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import Attempt, RigFix, TrackingState
from neumap_ros.localization.fix import Evidence, Reason

if importlib.util.find_spec('rclpy') is None:
    import rosless

    rosless.activate()

POSE = Pose.from_quaternion((0.5, 0.5, -0.5, 0.5), (1.0, 2.0, 3.0))
EVIDENCE = Evidence(
    keypoints=900, matches=300, inliers=120, guided_inliers=200, chance_inliers=5.0, inlier_ratio=0.4, residual_px=0.7,
    coverage=0.5,
)  # fmt: skip
TIMINGS = {
    'features': 10.0,
    'retrieval': 1.0,
    'matching': 4.0,
    'pose': 2.0,
    'guided': 3.0,
    'tracking': 0.1,
    'total': 21.0,
}
STAMP_NS = 1_700_000_000_000_000_007
COVARIANCE = np.diag([0.1, 0.2, 0.3, 0.01, 0.02, 0.03])

FIX = RigFix(Reason.OK, POSE, COVARIANCE, EVIDENCE, 0.97, POSE, None, ('r1', 'r2'), (), TIMINGS)
REFUSED = RigFix(Reason.FEW_INLIERS, None, None, EVIDENCE, 0.2, POSE, None, ('r1',), (), TIMINGS)
NOTHING = RigFix(Reason.FEW_KEYPOINTS, evidence=Evidence(keypoints=3), timings_ms={'features': 9.0})
MAP = {'map_id': 'some-uuid', 'revision': 4, 'map_sha256': 'ab' * 32, 'frame_id': 'map'}
ATTEMPTS = {
    'accepted': Attempt(
        STAMP_NS, Reason.OK, 'all, "well"', TrackingState.LOCALIZED, FIX, POSE, COVARIANCE, POSE, 0.1, 0.02, 3, 3, 2,
        ('front', 'left'), **MAP,
    ),
    'confirming': Attempt(
        STAMP_NS, Reason.CONFIRMING, 'wait', TrackingState.CONFIRMING, FIX, confirmations=1, confirmations_required=3,
        cameras=('front',), **MAP,
    ),
    'refused': Attempt(STAMP_NS, Reason.FEW_INLIERS, 'few', TrackingState.LOST, REFUSED, cameras=('front',), **MAP),
    'nothing': Attempt(STAMP_NS, Reason.FEW_KEYPOINTS, 'dark', TrackingState.UNLOCALIZED, NOTHING),
    'no map': Attempt(STAMP_NS, Reason.NO_MAP, 'none', TrackingState.UNLOCALIZED, RigFix(Reason.NO_MAP)),
}  # fmt: skip
FRAMES = {'map_frame': 'map', 'base_frame': 'base_link', 'camera_frames': {'front': 'front_optical', 'left': ''}}


def row_of(attempt):
    return row_of_attempt(attempt, camera_frames=FRAMES['camera_frames'], latency_ms=25.0)


def fields_of(attempt):
    return status_fields(row_of(attempt), 'map', 'base_link')


def message_fields():
    text = (Path(__file__).resolve().parents[2] / 'msg' / 'LocalizationStatus.msg').read_text()
    return re.findall(r'^(?!#)[\w/]+(?:\[\])? (\w+)(?!\s*=)\s*(?:#.*)?$', text, re.MULTILINE)


def test_all_fields_of_the_message_have_a_column():
    row = fields_of(ATTEMPTS['accepted'])
    fields = message_fields()
    assert len(fields) > 30
    instead = {'header': ['stamp', 'frame_id'], 'pose': [*(f'position_{a}' for a in 'xyz'), 'covariance']}
    instead['pose'][3:3] = [f'orientation_{a}' for a in 'xyzw']
    # How old an image was and how long it took are one figure.
    instead |= {'age_ms': [], 'total_ms': ['latency_ms']}
    columns = [column for field in fields for column in instead.get(field, [field])]
    assert sorted(columns) == sorted([*row, *TIMING_COLUMNS[2:]])
    assert [column for column in columns if column in row] == list(row) == list(STATUS_COLUMNS)


@pytest.mark.parametrize('name', ATTEMPTS)
def test_the_values_are_those_of_the_message(name):
    from neumap_ros.nodes.conversions import status_message

    attempt = ATTEMPTS[name]
    message = status_message(attempt, age_ms=1.0, total_ms=25.0, **FRAMES)
    attempted = row_of(attempt)
    row = {**fields_of(attempt), 'total_ms': attempted.latency_ms}
    row |= {stage: attempted.stages_ms.get(stage, math.nan) for stage in TIMING_COLUMNS[2:-1]}
    states = {0: 'unlocalized', 1: 'confirming', 2: 'localized', 3: 'lost'}
    for field in message_fields():
        if field in ('header', 'pose', 'age_ms'):
            continue
        expected, found = getattr(message, field), row[field]
        if field == 'state':
            expected = states[expected]
        if isinstance(found, tuple):
            assert tuple(expected) == found, field
        elif isinstance(found, float):
            assert found == pytest.approx(expected, rel=1e-6, nan_ok=True), field
        else:
            assert found == expected, field
    assert (row['stamp'], row['frame_id']) == ('1700000000.000000007', message.header.frame_id)
    if message.has_pose:
        pose = message.pose.pose
        assert [row[f'position_{axis}'] for axis in 'xyz'] == [getattr(pose.position, axis) for axis in 'xyz']
        assert [row[f'orientation_{axis}'] for axis in 'xyzw'] == [getattr(pose.orientation, axis) for axis in 'xyzw']
    covariance = list(message.pose.covariance)
    assert list(row['covariance']) == (covariance if covariance[0] >= 0 else [])


def test_the_table_can_be_read_again():
    rows = [fields_of(attempt) for attempt in ATTEMPTS.values()]
    text = status_text([row_of(attempt) for attempt in ATTEMPTS.values()], 'map', 'base_link')
    read = list(csv.DictReader(io.StringIO(text)))
    assert len(read) == len(rows)
    for cells, row in zip(read, rows, strict=True):
        assert cells['detail'] == row['detail']
        assert cells['accepted'] == str(row['accepted']).lower()
        assert cells['regions'].split() == list(row['regions'])
        assert [float(value) for value in cells['covariance'].split()] == list(row['covariance'])
        for column in ('confidence', 'position_x', 'correction_m'):
            assert cells[column] == '' if math.isnan(row[column]) else float(cells[column]) == row[column]
