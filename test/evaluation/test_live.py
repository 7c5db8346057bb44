# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""True poses that come late, in any order or never."""

from dataclasses import replace

import numpy as np
import pytest
from runs import START_NS, STEP_NS, new_row, pose_at

from neumap_ros.evaluation.live import LiveRun, TruePoses
from neumap_ros.evaluation.run_figures import figures

S = 1_000_000_000


def test_poses_between_true_poses():
    poses = TruePoses(0.5)
    for second in (3, 1, 2, 2):
        poses.add(second * S, pose_at(second))
    assert len(poses) == 3 and poses.span_ns == (S, 3 * S)
    assert poses.at(1_500_000_000).translation_3[0] == pytest.approx(1.5)
    assert poses.at(S).translation_3[0] == 1
    assert poses.at(S - 1) is None and poses.at(3 * S + 1) is None
    poses.add(5 * S, pose_at(5))
    assert poses.at(4 * S) is None, 'in a gap'
    assert poses.at(3_400_000_000).translation_3[0] == pytest.approx(3.4)
    poses.add(2 * S, pose_at(20))
    assert poses.at(2 * S).translation_3[0] == 20, 'the last one counts'


def live_with(count, *, accepted=True):
    live = LiveRun()
    for index in range(count):
        row = new_row(index, accepted=accepted)
        live.add(replace(row, truth=None, error_m=np.nan, error_deg=np.nan))
    return live


def run_of(live, **more):
    known = {'name': 'x', 'source': 'y', 'map_frame': 'map', 'body': 'base', 'labels': {}, 'truth_expected': True}
    return live.run(**{**known, **more})


def test_attempts_are_judged_when_their_truth_comes():
    live, poses = live_with(10), TruePoses(0.5)
    live.judge(poses.at)
    assert figures(run_of(live)).judged == 0
    for index in range(0, 8):
        poses.add(START_NS + index * STEP_NS, pose_at(0.1 * index))
    live.judge(poses.at, last=5)
    assert [row.truth is not None for row in live.rows] == [False] * 5 + [True] * 3 + [False] * 2
    live.judge(poses.at)
    found = figures(run_of(live))
    assert found.judged == 8 and found.fix_errors.max_m == pytest.approx(0.02)


def test_where_tf_put_the_robot_may_be_known_before_or_after_the_truth():
    live = live_with(4)
    live.place(
        lambda stamp_ns: pose_at(0.1 * (stamp_ns - START_NS) / STEP_NS, 0.3) if stamp_ns % (2 * STEP_NS) else None
    )
    live.judge(lambda stamp_ns: pose_at(0.1 * (stamp_ns - START_NS) / STEP_NS))
    live.place(lambda stamp_ns: pose_at(0.1 * (stamp_ns - START_NS) / STEP_NS, 0.3))
    assert [row.robot_error_m for row in live.rows] == pytest.approx([0.3] * 4)


def test_a_run_lasts_as_long_as_its_truth_unless_that_has_another_clock():
    live = live_with(3)
    later = (START_NS - 5 * S, START_NS + 20 * S)
    assert figures(run_of(live, truth_span_ns=later)).span_s == 25
    other_clock = (0, 20 * S)
    assert figures(run_of(live, truth_span_ns=other_clock)).span_s == pytest.approx(0.2)


def test_a_run_of_nothing():
    run = run_of(LiveRun())
    assert run.attempts == () and run.start_ns is None and figures(run).attempts == 0
