# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Trajectory errors equal those of evo, which defines them; its command lines are compared in test_evo_commands.py."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from neumap_ros.errors import ConfigError, SourceError
from neumap_ros.evaluation.alignment import Alignment, Similarity, fit_alignment
from neumap_ros.evaluation.trajectories import (
    Delta,
    DeltaUnit,
    Relation,
    absolute_errors,
    associate,
    delta_pairs,
    relative_errors,
    statistics,
)

evo_metrics = pytest.importorskip('evo.core.metrics', reason='evo is the reference and an optional dependency')
from evo.core import filters, sync  # noqa: E402
from evo.core.trajectory import PoseTrajectory3D  # noqa: E402
from evo.main_ape import ape  # noqa: E402
from evo.main_rpe import rpe  # noqa: E402

RELATIONS = {
    Relation.TRANSLATION: evo_metrics.PoseRelation.translation_part,
    Relation.ROTATION: evo_metrics.PoseRelation.rotation_part,
    Relation.ANGLE_DEG: evo_metrics.PoseRelation.rotation_angle_deg,
    Relation.ANGLE_RAD: evo_metrics.PoseRelation.rotation_angle_rad,
    Relation.FULL: evo_metrics.PoseRelation.full_transformation,
    Relation.POINT_DISTANCE: evo_metrics.PoseRelation.point_distance,
    Relation.POINT_DISTANCE_RATIO: evo_metrics.PoseRelation.point_distance_error_ratio,
}
UNITS = {
    DeltaUnit.FRAMES: evo_metrics.Unit.frames,
    DeltaUnit.METRES: evo_metrics.Unit.meters,
    DeltaUnit.DEGREES: evo_metrics.Unit.degrees,
    DeltaUnit.RADIANS: evo_metrics.Unit.radians,
}

seeds = st.integers(0, 2**32 - 1)


def random_walk(rng, count):
    """Stamps, and poses (N, 4, 4) of something that moves 0.3 m and turns 10 degrees from one to the next."""
    times = np.cumsum(rng.uniform(0.02, 0.2, count)) + 1e5 * rng.random()
    rotation = Rotation.random(random_state=int(rng.integers(2**31)))
    poses = np.tile(np.eye(4), (count, 1, 1))
    position = rng.normal(0, 20, 3)
    for pose in poses:
        rotation = rotation * Rotation.from_rotvec(rng.normal(0, 0.1, 3))
        position = position + rng.normal(0, 0.2, 3)
        pose[:3, :3], pose[:3, 3] = rotation.as_matrix(), position
    return times, poses


def perturbed(rng, poses, scale, angle):
    """The same path with errors, in another frame and of another size."""
    turn = Rotation.from_rotvec(rng.normal(0, angle, 3)).as_matrix()
    other = poses.copy()
    noise = Rotation.from_rotvec(rng.normal(0, 0.05, (len(poses), 3))).as_matrix()
    other[:, :3, :3] = turn @ poses[:, :3, :3] @ noise
    other[:, :3, 3] = scale * (poses[:, :3, 3] + rng.normal(0, 0.1, (len(poses), 3))) @ turn.T + rng.normal(0, angle, 3)
    return other


def pair(seed, count=40):
    rng = np.random.default_rng(seed)
    times, truth = random_walk(rng, count)
    return times, truth, perturbed(rng, truth, float(rng.uniform(0.5, 2)), float(rng.choice([0.01, 1])))


def evo_trajectory(times, poses):
    return PoseTrajectory3D(poses_se3=list(poses.copy()), timestamps=times)


def assert_same_statistics(ours, theirs):
    """Equal as far as evo prints them."""
    names = ('rmse', 'mean', 'median', 'std', 'min', 'max', 'sse')
    assert [f'{getattr(ours, name):.6f}' for name in names] == [f'{theirs[name]:.6f}' for name in names]


@settings(max_examples=60, deadline=None)
@given(
    seeds,
    st.sampled_from([relation for relation in Relation if relation is not Relation.POINT_DISTANCE_RATIO]),
    st.sampled_from([Alignment.NONE, Alignment.SE3, Alignment.SIM3, Alignment.ORIGIN]),
    st.booleans(),
    st.none() | st.integers(4, 50),
)
def test_absolute_errors_equal_those_of_evo(seed, relation, alignment, correct_scale, poses_to_align):
    times, truth, estimate = pair(seed)
    transform = fit_alignment(estimate, truth, alignment, correct_scale=correct_scale, poses_to_align=poses_to_align)
    errors = absolute_errors(truth, transform.apply(estimate), relation)
    result = ape(
        evo_trajectory(times, truth),
        evo_trajectory(times, estimate),
        RELATIONS[relation],
        align=alignment in (Alignment.SE3, Alignment.SIM3),
        correct_scale=correct_scale or alignment is Alignment.SIM3,
        align_origin=alignment is Alignment.ORIGIN,
        n_to_align=poses_to_align or -1,
    )
    np.testing.assert_allclose(errors, result.np_arrays['error_array'], rtol=1e-9, atol=1e-10)
    assert_same_statistics(statistics(errors), result.stats)


@settings(max_examples=120, deadline=None)
@given(
    seeds,
    st.sampled_from(list(Relation)),
    st.sampled_from(list(DeltaUnit)),
    st.floats(0.05, 1),
    st.booleans(),
    st.booleans(),
    st.sampled_from([Alignment.NONE, Alignment.SE3, Alignment.SIM3, Alignment.ORIGIN]),
)
def test_relative_errors_equal_those_of_evo(seed, relation, unit, size, all_pairs, from_truth, alignment):
    value = {
        DeltaUnit.FRAMES: round(10 * size),
        DeltaUnit.METRES: 4 * size,
        DeltaUnit.DEGREES: 60 * size,
        DeltaUnit.RADIANS: size,
    }
    delta = Delta(max(1, value[unit]) if unit is DeltaUnit.FRAMES else value[unit], unit, all_pairs, 0.2, from_truth)
    times, truth, estimate = pair(seed)
    moved = fit_alignment(estimate, truth, alignment).apply(estimate)
    pairs = delta_pairs(truth if from_truth else moved, delta)

    def evo_rpe():
        return rpe(
            evo_trajectory(times, truth),
            evo_trajectory(times, estimate),
            RELATIONS[relation],
            delta=delta.value,
            delta_unit=UNITS[unit],
            rel_delta_tol=0.2,
            all_pairs=all_pairs,
            pairs_from_reference=from_truth,
            align=alignment in (Alignment.SE3, Alignment.SIM3),
            correct_scale=alignment is Alignment.SIM3,
            align_origin=alignment is Alignment.ORIGIN,
            support_loop=True,
        )

    if not len(pairs):
        with pytest.raises(filters.FilterException):
            evo_rpe()
        return
    result = evo_rpe()
    errors = relative_errors(truth, moved, pairs, relation)
    np.testing.assert_allclose(errors, result.np_arrays['error_array'], rtol=1e-9, atol=1e-10)
    assert_same_statistics(statistics(errors), result.stats)


@settings(max_examples=200, deadline=None)
@given(seeds, st.integers(1, 30), st.integers(1, 30), st.floats(-0.3, 0.3), st.floats(0, 0.3))
def test_association_equals_that_of_evo(seed, truths, estimates, offset, difference):
    rng = np.random.default_rng(seed)
    grid = rng.choice([0.0, 0.1])  # stamps on a grid bring differences that are equal
    times = [np.unique(np.round(rng.uniform(0, 3, n) / 0.1) * 0.1 if grid else rng.uniform(0, 3, n))
             for n in (truths, estimates)]  # fmt: skip
    if grid:  # whether a difference of exactly the largest one counts, versions of evo round otherwise
        offset, difference = round(offset, 1), round(difference, 1) + 0.03
    of_truth, of_estimate = associate(*times, difference, offset)
    trajectories = [evo_trajectory(t, np.tile(np.eye(4), (len(t), 1, 1))) for t in times]
    if not len(of_truth):
        with pytest.raises(sync.SyncException):
            sync.associate_trajectories(*trajectories, max_diff=difference, offset_2=offset)
        return
    first, second = sync.associate_trajectories(*trajectories, max_diff=difference, offset_2=offset)
    assert list(times[0][of_truth]) == list(first.timestamps)
    assert list(times[1][of_estimate]) == list(second.timestamps)


@pytest.mark.parametrize('unit', [DeltaUnit.METRES, DeltaUnit.DEGREES])
@pytest.mark.parametrize('all_pairs', [False, True])
def test_regular_steps_that_reach_the_delta_exactly(unit, all_pairs):
    """Steps of 0.1 m or 1 degree: sums of them round, and the pairs must still be those of evo."""
    poses = np.tile(np.eye(4), (60, 1, 1))
    poses[:, 0, 3] = 0.1 * np.arange(60)
    poses[:, :3, :3] = Rotation.from_euler('z', np.arange(60)[:, None], degrees=True).as_matrix()
    delta = Delta(1.0 if unit is DeltaUnit.METRES else 10.0, unit, all_pairs)
    expected = evo_metrics.id_pairs_from_delta(list(poses), delta.value, UNITS[unit], 0.1, all_pairs)
    if unit is DeltaUnit.DEGREES and all_pairs:  # whether 9 and 11 degrees are within 10 % is a matter of rounding
        assert {(a, b) for a, b in delta_pairs(poses, delta).tolist() if b - a == 10} <= set(expected)
    else:
        assert [tuple(p) for p in delta_pairs(poses, delta).tolist()] == expected


def test_a_standing_robot_has_no_distance_to_compare():
    poses = np.tile(np.eye(4), (5, 1, 1))
    pairs = delta_pairs(poses, Delta())
    assert len(relative_errors(poses, poses, pairs, Relation.POINT_DISTANCE_RATIO)) == 0
    assert not delta_pairs(poses, Delta(1, DeltaUnit.METRES)).size
    with pytest.raises(SourceError, match='no errors to sum up'):
        statistics([])


@settings(max_examples=30, deadline=None)
@given(seeds, st.booleans())
def test_yaw_finds_the_turn_about_z_and_nothing_else(seed, correct_scale):
    rng = np.random.default_rng(seed)
    _, truth = random_walk(rng, 20)
    turn = Rotation.from_euler('z', rng.uniform(-math.pi, math.pi)).as_matrix()
    made = Similarity(float(rng.uniform(0.5, 2)) if correct_scale else 1.0, turn, rng.normal(0, 3, 3))
    estimate = made.apply(truth)
    found = fit_alignment(estimate, truth, Alignment.YAW, correct_scale=correct_scale)
    assert absolute_errors(truth, found.apply(estimate), Relation.FULL).max() < 1e-9
    assert found.rotation_33[2] == pytest.approx([0, 0, 1])


def test_yaw_is_the_best_turn_about_z():
    _, truth, estimate = pair(4)
    found = fit_alignment(estimate, truth, Alignment.YAW)
    best = statistics(absolute_errors(truth, found.apply(estimate), Relation.TRANSLATION)).sse
    for nudge in (-0.01, 0.01):
        rotation = Rotation.from_euler('z', nudge).as_matrix() @ found.rotation_33
        shift = truth[:, :3, 3].mean(axis=0) - rotation @ estimate[:, :3, 3].mean(axis=0)
        other = Similarity(1.0, rotation, shift).apply(estimate)
        assert statistics(absolute_errors(truth, other, Relation.TRANSLATION)).sse > best
    assert fit_alignment(estimate, truth, Alignment.SE3).angle_deg >= 0


@pytest.mark.parametrize('alignment', [Alignment.SE3, Alignment.SIM3])
@pytest.mark.parametrize('count', [1, 2, 30])
def test_positions_on_a_line_are_not_aligned(alignment, count):
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, 3] = np.outer(np.arange(count), [0.3, 0.1, -0.7])
    with pytest.raises(SourceError, match=r'lie in a point or on a line.*align with yaw or origin'):
        fit_alignment(poses, poses, alignment)
    fit_alignment(poses, poses, Alignment.ORIGIN)


def test_yaw_needs_motion_in_the_plane():
    poses = np.tile(np.eye(4), (9, 1, 1))
    poses[:, 2, 3] = np.arange(9)
    with pytest.raises(SourceError, match='do not move in x and y'):
        fit_alignment(poses, poses, Alignment.YAW)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((0,), 'is 0, expected a positive number'),
        ((math.nan,), 'expected a positive number'),
        ((1.5,), '1.5 frames, expected a whole number'),
        ((200, DeltaUnit.DEGREES), '200 deg, expected at most 180'),
        ((4, DeltaUnit.RADIANS), '4 rad, expected at most 3.14'),
        ((1, DeltaUnit.METRES, True, -0.1), 'tolerance of the delta is -0.1'),
    ],
)
def test_deltas_that_are_none(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Delta(*arguments)


def test_options_that_make_no_sense():
    _, truth, estimate = pair(0)
    with pytest.raises(ConfigError, match='number of poses to align is 0'):
        fit_alignment(estimate, truth, Alignment.SE3, poses_to_align=0)
    with pytest.raises(ConfigError, match='between two poses'):
        absolute_errors(truth, estimate, Relation.POINT_DISTANCE_RATIO)
