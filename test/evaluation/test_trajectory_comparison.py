# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Two trajectories: which poses count, what is missing, what is said about it."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from trajectory_files import START_S, changed, drive, kept, with_errors

from neumap_ros.errors import ConfigError, SourceError
from neumap_ros.evaluation.alignment import Alignment
from neumap_ros.evaluation.run_figures import figures
from neumap_ros.evaluation.run_folder import read_run, write_run
from neumap_ros.evaluation.trajectories import Delta, DeltaUnit, Relation
from neumap_ros.evaluation.trajectory_comparison import ComparisonSettings, compare_trajectories
from neumap_ros.evaluation.trajectory_report import comparison_document, comparison_tables
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources.trajectory import Trajectory


def shifted(trajectory, seconds):
    return Trajectory(tuple((np.array(trajectory.times_s) + seconds).tolist()), trajectory.poses)


def moved(trajectory, metres):
    return changed(trajectory, lambda pose: Pose(pose.rotation_33, pose.translation_3 + np.array([metres, 0, 0])))


def test_a_perfect_estimate():
    result = compare_trajectories(drive(), drive())
    assert result.pairs == 120
    assert result.ape[Relation.TRANSLATION].max == 0
    assert result.rpe[Relation.ANGLE_DEG].max < 1e-6
    assert result.notes == ()
    overall = figures(result.run)
    assert set(overall.recall.values()) == {1.0}
    assert overall.availability['0.5 s'] == 1.0
    assert overall.false_fixes == 0


def test_missing_answers_are_failures():
    truth = drive()
    result = compare_trajectories(kept(with_errors(truth, 0.01, 0.1), range(60)), truth)
    overall = figures(result.run)
    assert (result.pairs, overall.judged, overall.accepted) == (60, 120, 60)
    assert overall.reasons == {'ok': 60, 'no_pose': 60}
    assert overall.recall['5 m, 10 deg'] == 0.5
    # Poses for 5.9 of 11.9 s, and the last one counts for another second.
    assert overall.availability['1 s'] == pytest.approx(6.9 / 11.9, abs=1e-3)


def test_nothing_is_aligned_unless_it_is_asked_for():
    truth = drive()
    estimate = moved(with_errors(truth, 0.01, 0.1), 0.3)
    assert compare_trajectories(estimate, truth).ape[Relation.TRANSLATION].median == pytest.approx(0.3, abs=0.01)
    aligned = compare_trajectories(estimate, truth, ComparisonSettings(Alignment.SE3))
    assert aligned.ape[Relation.TRANSLATION].median < 0.03
    assert np.linalg.norm(aligned.transform.translation_3 + np.array([0.3, 0, 0])) < 0.02
    assert 'which hides a map that lies' in aligned.notes[0]
    row = aligned.run.attempts[5]
    assert row.error_m == pytest.approx(row.estimate.error_to(row.truth)[0]) and row.error_m < 0.1


def test_an_estimate_in_another_frame_is_pointed_out():
    truth = drive()
    result = compare_trajectories(moved(with_errors(truth, 0.01, 0.1), 0.8), truth)
    assert any('it looks like another map frame' in note for note in result.notes)
    assert result.run.notes == result.notes
    assert result.ape[Relation.TRANSLATION].median > 0.7  # and not repaired


def test_stamps_that_do_not_overlap():
    with pytest.raises(SourceError, match=r'do not overlap in time: the estimate spans 1700000000\.000 to .* 17000'):
        compare_trajectories(drive(), drive(start_s=START_S + 60))
    with pytest.raises(SourceError, match=r'nearest two are 0\.030 s apart'):
        compare_trajectories(drive(), shifted(drive(), 0.03))
    late = compare_trajectories(drive(), shifted(drive(), 0.03), ComparisonSettings(time_offset_s=0.03))
    assert late.pairs == 120 and late.ape[Relation.TRANSLATION].max == 0


def with_gap(trajectory, begin, end):
    return kept(trajectory, [index for index in range(len(trajectory)) if not begin <= index < end])


@pytest.mark.parametrize('interpolate', [False, True])
def test_gaps_of_the_truth_are_counted_and_not_bridged(interpolate):
    truth = drive()
    settings_ = ComparisonSettings(interpolate=interpolate)
    result = compare_trajectories(with_errors(truth), with_gap(truth, 40, 70), settings_)
    assert result.gaps == (pytest.approx((START_S + 3.9, START_S + 7.0)),)
    assert result.pairs == 90
    (gaps, unjudged) = result.notes
    assert 'the ground truth has 1 gap longer than 0.5 s, 3.1 s in all' in gaps
    assert '30 poses of the estimate lie in them' in gaps
    assert unjudged.startswith('30 of 120 poses')
    overall = figures(result.run)
    assert overall.judged == 90 and overall.attempts == 120
    bridged = compare_trajectories(
        with_errors(truth), with_gap(truth, 40, 70), dataclasses.replace(settings_, max_gap_s=5.0)
    )
    assert bridged.pairs == (120 if interpolate else 90)


def test_interpolation_between_stamps():
    truth = drive(240, 20.0)
    estimate = shifted(kept(truth, range(1, 239, 2)), 0.0)
    half = Trajectory(tuple((np.array(truth.times_s) + 0.025).tolist()), truth.poses)
    with pytest.raises(SourceError, match='interpolate the ground truth'):
        compare_trajectories(estimate, half)
    result = compare_trajectories(shifted(estimate, 0.025), truth, ComparisonSettings(interpolate=True))
    # The robot drives at 1.5 to 2.4 m/s, and the estimate is 25 ms late.
    assert result.pairs == 119
    assert result.ape[Relation.TRANSLATION].max == pytest.approx(0.0585, abs=0.003)
    exact = compare_trajectories(estimate, kept(truth, range(0, 240, 2)), ComparisonSettings(interpolate=True))
    assert exact.ape[Relation.TRANSLATION].max < 2e-3


def test_a_dense_truth_asks_as_often_as_it_is_said_to():
    truth = drive(1200, 100.0)
    estimate = kept(with_errors(truth, 0.01, 0.1), [index for index in range(0, 1200, 10) if not 400 <= index < 700])
    every = compare_trajectories(estimate, truth)
    assert figures(every.run).judged == 1200
    assert any('is 10 times as dense as the estimate, and each true pose counts' in note for note in every.notes)
    ten = compare_trajectories(estimate, truth, ComparisonSettings(rate_hz=10.0))
    overall = figures(ten.run)
    assert (overall.judged, overall.accepted) == (120, 90)
    assert not any('dense' in note for note in ten.notes)


def test_no_pair_is_one_delta_apart():
    truth = drive()
    result = compare_trajectories(truth, truth, ComparisonSettings(delta=Delta(1000, DeltaUnit.METRES)))
    assert result.rpe == {}
    assert any('no two poses are 1000 m apart' in note for note in result.notes)
    assert compare_trajectories(kept(truth, [3]), truth).rpe == {}


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'max_time_difference_s': -1}, 'largest time difference is -1 s'),
        ({'max_time_difference_s': float('nan')}, 'largest time difference is nan s'),
        ({'time_offset_s': float('inf')}, 'time offset is inf s'),
        ({'max_gap_s': 0.0}, 'largest gap is 0, expected a positive number'),
        ({'rate_hz': -2.0}, 'rate is -2, expected a positive number'),
    ],
)
def test_settings_that_are_none(options, message):
    with pytest.raises(ConfigError, match=message):
        ComparisonSettings(**options)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([None, 5.0, 10.0, 40.0]))
def test_every_pose_is_one_attempt_and_questions_are_no_more_than_true_poses(seed, interpolate, rate_hz):
    rng = np.random.default_rng(seed)
    truth = drive()
    chosen = sorted(rng.choice(120, int(rng.integers(1, 120)), replace=False).tolist())
    true_chosen = sorted({*rng.choice(120, int(rng.integers(1, 120)), replace=False).tolist(), chosen[0]})
    estimate, known = kept(with_errors(truth, seed=seed), chosen), kept(truth, true_chosen)
    result = compare_trajectories(estimate, known, ComparisonSettings(interpolate=interpolate, rate_hz=rate_hz))
    rows = result.run.attempts
    given_rows = [row for row in rows if row.accepted]
    assert sorted({row.stamp_ns for row in given_rows}) == [round(t * 1e9) for t in estimate.times_s]
    assert sum(row.truth is not None for row in given_rows) == result.pairs
    missing = [row for row in rows if not row.accepted]
    assert len({row.stamp_ns for row in missing}) == len(missing) <= len(known)
    assert all(row.error_m == float('inf') for row in missing)
    assert [row.stamp_ns for row in rows] == sorted(row.stamp_ns for row in rows)
    if rate_hz is None and not interpolate:
        assert figures(result.run).judged == len(known)


def test_the_run_and_the_document_can_be_written(tmp_path):
    truth = drive()
    result = compare_trajectories(kept(with_errors(truth), range(100)), truth, labels={'condition': 'night'})
    write_run(result.run, tmp_path / 'run')
    assert figures(read_run(tmp_path / 'run')).recall == figures(result.run).recall
    document = json.loads(json.dumps(comparison_document(result), allow_nan=False))
    assert document['ape']['trans_part']['rmse'] == result.ape[Relation.TRANSLATION].rmse
    assert set(document['rpe']) == {relation.value for relation in Relation}
    assert document['settings']['alignment'] == 'none'
    console = Console(width=100, record=True)
    console.print(comparison_tables(result))
    text = console.export_text()
    assert f'{result.ape[Relation.TRANSLATION].rmse:.6f}' in text
    assert 'none: poses are compared in the frame of the map' in text
    assert '20 of 120 questions' in text
