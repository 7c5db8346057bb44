# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The gate, without a word on its thresholds: they are found by measurement."""

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neumap_ros.localization.fix import Evidence, Fix, Reason
from neumap_ros.localization.gate import GateSettings, confidence, judge, surplus

GOOD = Evidence(
    keypoints=2000,
    matches=1000,
    inliers=800,
    guided_inliers=1200,
    chance_inliers=2.0,
    inlier_ratio=0.8,
    residual_px=0.5,
    coverage=1.0,
    position_sigma=0.001,
    relative_sigma=0.0002,
    rotation_sigma_deg=0.01,
)

evidences = st.builds(
    Evidence,
    keypoints=st.just(2000),
    matches=st.just(1000),
    inliers=st.integers(0, 60),
    guided_inliers=st.integers(0, 100),
    chance_inliers=st.floats(0, 60),
    inlier_ratio=st.floats(0, 1),
    residual_px=st.floats(0, 10),
    coverage=st.floats(0, 1),
    position_sigma=st.just(0.01),
    relative_sigma=st.floats(0, 0.2),
    rotation_sigma_deg=st.floats(0, 10),
)


def test_overwhelming_evidence_is_accepted():
    assert judge(GOOD, GateSettings()) is Reason.OK


def test_no_evidence_is_not():
    assert judge(Evidence(), GateSettings()) is Reason.FEW_INLIERS


@pytest.mark.parametrize(
    ('flaw', 'reason'),
    [
        ({'inliers': 0}, Reason.FEW_INLIERS),
        ({'guided_inliers': 0}, Reason.FEW_INLIERS),
        ({'chance_inliers': 1200.0}, Reason.AMBIGUOUS),
        ({'relative_sigma': math.inf}, Reason.BAD_GEOMETRY),
        ({'rotation_sigma_deg': 180.0}, Reason.BAD_GEOMETRY),
        ({'coverage': 0.0}, Reason.BAD_GEOMETRY),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value.name,
)
def test_each_flaw_alone_rejects_with_its_reason(flaw, reason):
    assert judge(replace(GOOD, **flaw), GateSettings()) is reason


@pytest.mark.parametrize('field', ['relative_sigma', 'rotation_sigma_deg', 'coverage', 'chance_inliers'])
def test_an_unknown_quantity_is_no_good_evidence(field):
    assert judge(replace(GOOD, **{field: math.nan}), GateSettings()) is not Reason.OK


@settings(deadline=None, max_examples=300)
@given(evidences, st.data())
def test_better_evidence_is_never_rejected_where_worse_is_accepted(evidence, data):
    better = replace(
        evidence,
        inliers=evidence.inliers + data.draw(st.integers(0, 50)),
        guided_inliers=evidence.guided_inliers + data.draw(st.integers(0, 50)),
        chance_inliers=evidence.chance_inliers * data.draw(st.floats(0, 1)),
        coverage=min(1.0, evidence.coverage + data.draw(st.floats(0, 1))),
        relative_sigma=evidence.relative_sigma * data.draw(st.floats(0, 1)),
        rotation_sigma_deg=evidence.rotation_sigma_deg * data.draw(st.floats(0, 1)),
    )
    if judge(evidence, GateSettings()) is Reason.OK:
        assert judge(better, GateSettings()) is Reason.OK
    assert surplus(better) >= surplus(evidence) - 1e-9 or evidence.guided_inliers < evidence.chance_inliers


def test_the_surplus_counts_standard_deviations_of_chance():
    assert surplus(replace(GOOD, guided_inliers=36, chance_inliers=16.0)) == pytest.approx(5)
    assert surplus(replace(GOOD, guided_inliers=16, chance_inliers=16.0)) == 0
    assert surplus(replace(GOOD, guided_inliers=10, chance_inliers=0.0)) == 10, 'no division by zero'


def test_confidence_is_a_probability_that_grows_with_every_kind_of_evidence():
    weak = Evidence(inliers=8, inlier_ratio=0.03, guided_inliers=12, chance_inliers=4.0, coverage=0.25)
    certain = confidence(GOOD)
    assert 0 <= confidence(Evidence()) < 0.01 < confidence(weak) < 0.8 < 0.999 < certain <= 1
    for change in ({'inliers': 16}, {'inlier_ratio': 0.1}, {'guided_inliers': 30}, {'coverage': 0.5}):
        assert confidence(replace(weak, **change)) > confidence(weak) + 0.05, change
    assert confidence(replace(weak, guided_inliers=0)) == confidence(replace(weak, guided_inliers=4)), 'below chance'


def test_the_smallest_confidence_decides():
    weak = replace(GOOD, inliers=8, inlier_ratio=0.03, guided_inliers=12, chance_inliers=4.0, coverage=0.25)
    just = confidence(weak)
    assert judge(weak, GateSettings(min_confidence=just - 1e-6)) is Reason.OK
    assert judge(weak, GateSettings(min_confidence=just + 1e-6)) is Reason.FEW_INLIERS


def test_reasons_are_those_of_the_message():
    message = Path(__file__).parents[2] / 'msg' / 'LocalizationStatus.msg'
    constants = dict(re.findall(r'^string REASON_(\w+) = "(\w+)"', message.read_text(), re.MULTILINE))
    assert constants == {reason.name: reason.value for reason in Reason}


def test_a_fix_without_pose_is_not_accepted():
    assert not Fix(Reason.FEW_INLIERS).accepted
