# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The evaluator over real topics: what a robot says and what is true, as a run with the figures of everything else."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from evaluated_robot import EvaluatedRobot, place
from localizer_robot import wait_until
from rclpy.parameter import Parameter

from neumap_ros.evaluation.run_figures import figures, figures_by
from neumap_ros.evaluation.run_folder import read_run
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources.tum import tum_line
from neumap_ros.nodes import conversions


@pytest.fixture
def evaluated(stage, tmp_path):
    """Makes an evaluator with parameters, and a robot that it hears."""

    def make(robot_options=None, **values):
        running = stage('-p', f'out:={tmp_path / "run"}')
        robot = running.add(EvaluatedRobot(**(robot_options or {})))
        from neumap_ros.nodes.evaluator import Evaluator

        overrides = [Parameter(name, value=value) for name, value in values.items()]
        node = running.add(Evaluator(parameter_overrides=overrides))
        assert node.phase == 'active'
        wait_until(robot.is_evaluated, 'subscriptions of the evaluator')
        robot.tell_tf()
        return running, robot, node

    yield make


def drive(robot, node, count=12, *, error_m=0.02, missing=(), lie=None, truth=True):
    """Attempts 0.1 s apart; some without a pose, one far off."""
    heard = len(node._live.rows)
    for index in range(heard, heard + count):
        if truth:
            robot.say_truth(index)
        robot.attempt(index, error_m=5.0 if index == lie else error_m, accepted=index not in missing)
    wait_until(lambda: len(node._live.rows) == heard + count, 'all attempts')


def finished(running, node, tmp_path):
    running.remove(node)
    return read_run(tmp_path / 'run')


@pytest.mark.parametrize('kind', ['PoseStamped', 'PoseWithCovarianceStamped', 'TransformStamped', 'Odometry'])
def test_true_poses_of_every_type(evaluated, tmp_path, kind):
    running, robot, node = evaluated({'truth': kind}, ground_truth='/truth')
    wait_until(robot.is_truth_heard, 'subscription of the truth')
    drive(robot, node, missing=(0, 1), lie=7)
    wait_until(lambda: node._truth.count == 12, 'all true poses')
    run = finished(running, node, tmp_path)
    found = figures(run)
    assert (found.attempts, found.judged, found.accepted, found.false_fixes) == (12, 12, 10, 1)
    assert found.recall['5 cm, 5 deg'] == pytest.approx(9 / 12)
    assert found.fix_errors.median_m == pytest.approx(0.02)
    assert (run.kind, run.body, run.map_frame, run.name) == ('live', 'base_link', 'map', 'run')
    assert found.first_fix_s == pytest.approx(0.2 + 0.051)
    assert found.latency_ms['p50'] == pytest.approx(51.0)
    assert found.drops == 12
    assert run.attempts[3].reason == 'ok' and run.attempts[0].reason == 'few_inliers'
    assert run.notes == ()


def test_true_poses_of_a_file(evaluated, tmp_path):
    lines = [tum_line(EvaluatedRobot.stamp_ns(index), place(index)) for index in range(0, 12, 2)]
    (tmp_path / 'truth.tum').write_text(''.join(lines))
    running, robot, node = evaluated(ground_truth=str(tmp_path / 'truth.tum'))
    drive(robot, node, truth=False)
    run = finished(running, node, tmp_path)
    # Between two true poses they are interpolated; after the last one nothing is known.
    assert [row.truth is not None for row in run.attempts] == [True] * 11 + [False]
    assert figures(run).fix_errors.max_m == pytest.approx(0.02, abs=1e-6)
    assert len(run.notes) == 1 and '1 of them before its first or after its last pose' in run.notes[0]


def test_true_poses_of_tf_and_of_another_frame_on_the_robot(evaluated, tmp_path):
    """Motion capture sees a marker above the base; TF knows where the marker sits."""
    running, robot, node = evaluated({'truth': 'PoseStamped', 'marker': True}, ground_truth='/truth.marker')
    wait_until(robot.is_truth_heard, 'subscription of the truth')
    drive(robot, node)
    run = finished(running, node, tmp_path)
    assert figures(run).judged == 12
    assert figures(run).fix_errors.max_m == pytest.approx(0.02, abs=1e-6)


def test_true_poses_from_tf_and_the_robot_of_tf(evaluated, tmp_path):
    running, robot, node = evaluated(ground_truth='tf:world')
    for index in range(12):
        robot.move(index)
    drive(robot, node, truth=False)
    wait_until(lambda: all(row.truth is not None for row in node._live.rows), 'true poses')
    wait_until(lambda: all(row.robot is not None for row in node._live.rows), 'poses of TF')
    run = finished(running, node, tmp_path)
    found = figures(run)
    assert found.fix_errors.max_m == pytest.approx(0.02, abs=1e-6)
    # The correction of odometry is off by 0.1 m.
    assert (found.robot_errors.count, found.robot_errors.median_m) == (12, pytest.approx(0.1, abs=1e-6))


def test_figures_while_it_runs_and_conditions(evaluated, tmp_path):
    running, robot, node = evaluated({'truth': 'PoseStamped'}, ground_truth='/truth', labels='condition=day,seed=7')
    wait_until(robot.is_truth_heard, 'subscription of the truth')
    drive(robot, node, lie=4)
    wait_until(lambda: 'false fixes' in robot.values('evaluation'), 'figures of the evaluator')
    wait_until(lambda: robot.values('evaluation').get('judged') == '12', 'figures of all attempts')
    status = robot.diagnostics['evaluation']
    assert status.level == DiagnosticStatus.ERROR and '1 false fixes' in status.message
    assert robot.values('evaluation')['within 5 cm, 5 deg'] == '91.7 %'
    results = node.set_parameters([Parameter('condition', value='night'), Parameter('out', value='elsewhere')])
    assert [result.successful for result in results] == [True, False]
    assert 'takes effect at configure only' in results[1].reason
    drive(robot, node)
    run = finished(running, node, tmp_path)
    assert run.labels == {'condition': 'day', 'seed': '7'}
    parts = figures_by(run, 'condition')
    assert {name: (part.attempts, part.false_fixes) for name, part in parts.items()} == {
        'day': (12, 1),
        'night': (12, 0),
    }


def test_it_is_written_now_and_then_and_again_after_a_pause(evaluated, tmp_path):
    running, robot, node = evaluated(write_period_s=0.2)
    drive(robot, node, truth=False)
    wait_until(lambda: (tmp_path / 'run' / 'run.json').is_file(), 'the first run')
    wait_until(lambda: len(read_run(tmp_path / 'run').attempts) == 12, 'a run of all attempts')
    node.trigger_deactivate()
    node.trigger_activate()
    wait_until(robot.is_evaluated, 'subscriptions of the evaluator')
    drive(robot, node, 3, truth=False)
    assert len(finished(running, node, tmp_path).attempts) == 15


def test_a_map_that_was_switched_has_figures_for_each_revision(evaluated, demo_map, tmp_path):
    running, robot, node = evaluated()
    robot.say_map(demo_map)
    wait_until(lambda: node._live.has_map, 'the map')
    drive(robot, node, 5, truth=False)
    robot.revision = 4
    drive(robot, node, 5, truth=False)
    run = finished(running, node, tmp_path)
    assert [(name, part.attempts) for name, part in figures_by(run, 'revision').items()] == [('3', 5), ('4', 5)]
    assert run.map.kind == 'dpqed' and run.map.bytes > 10_000
    assert run.extent > 1


def test_a_localizer_that_only_gives_poses_is_judged_by_them(evaluated, tmp_path):
    running, robot, node = evaluated({'truth': 'PoseStamped'}, ground_truth='/truth')
    wait_until(robot.is_truth_heard, 'subscription of the truth')
    for index in range(12):
        robot.say_truth(index)
        robot.say_pose(index, error_m=0.03)
    wait_until(lambda: len(node._live.rows) == 12, 'all poses')
    run = finished(running, node, tmp_path)
    assert figures(run).fix_errors.median_m == pytest.approx(0.03)
    assert run.source == 'live run of /pose'


def test_when_a_status_comes_poses_do_not_count_twice(evaluated, tmp_path):
    running, robot, node = evaluated()
    robot.say_pose(0)
    wait_until(lambda: len(node._live.rows) == 1, 'the pose')
    robot.attempt(0)
    wait_until(lambda: node._has_statuses, 'the status')
    robot.say_pose(1)
    robot.attempt(1)
    wait_until(lambda: len(node._live.rows) == 2, 'both attempts')
    assert [row.reason for row in finished(running, node, tmp_path).attempts] == ['ok', 'ok']


def test_pictures_of_the_worst(evaluated, tmp_path):
    running, robot, node = evaluated({'truth': 'PoseStamped'}, ground_truth='/truth', pictures=2)
    wait_until(robot.is_truth_heard, 'subscription of the truth')
    for index in range(12):
        robot.say_truth(index)
        robot.attempt(index, error_m=5.0 if index == 4 else 0.02, accepted=index != 2)
        robot.show_debug_image(index)
    wait_until(lambda: node._pictures.heard == 12, 'all pictures')
    run = finished(running, node, tmp_path)
    assert {run.attempts[4].picture, run.attempts[2].picture} == {'pictures/000004.jpg', 'pictures/000002.jpg'}
    assert {path.name for path in (tmp_path / 'run' / 'pictures').iterdir()} == {'000002.jpg', '000004.jpg'}


# What goes wrong


def test_nothing_heard_is_one_sentence_and_no_run(evaluated, tmp_path):
    running, robot, node = evaluated()
    wait_until(lambda: 'no attempt yet on /localizer/status' in robot.message('evaluation'), 'diagnostics')
    running.remove(node)
    assert not (tmp_path / 'run').exists()
    wait_until(lambda: 'there is no run: no attempt was heard on /localizer/status' in robot.log, 'the sentence')


def test_a_truth_that_nobody_publishes(evaluated, tmp_path):
    running, robot, node = evaluated(ground_truth='/mocap')
    drive(robot, node, truth=False)
    wait_until(
        lambda: (
            'nobody publishes true poses on /mocap' in robot.diagnostics.get('evaluation', DiagnosticStatus()).message
        ),
        'the sentence',
    )
    run = finished(running, node, tmp_path)
    assert any('nobody publishes true poses on /mocap' in note for note in run.notes)
    assert any('no pose at any of the 12 stamps' in note for note in run.notes)


def test_a_truth_in_another_frame(evaluated, tmp_path):
    offset = Pose(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), (3.0, 1.0, 0.0))
    running, robot, node = evaluated(
        {'truth': 'PoseStamped', 'truth_frame': 'mocap', 'T_truth_map': offset}, ground_truth='/truth'
    )
    wait_until(robot.is_truth_heard, 'subscription of the truth')
    drive(robot, node, 20)
    wait_until(lambda: node._truth.count == 20, 'all true poses')
    run = finished(running, node, tmp_path)
    assert any("are in the frame 'mocap' and those of the localizer in 'map'" in note for note in run.notes)
    assert any('in another frame than the map: a constant transform of 3.1' in note for note in run.notes)


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({'ground_truth': '/nowhere/truth.tum.none'}, None),
        ({'ground_truth': 'nowhere.tum'}, 'cannot configure: '),
        ({'ground_truth': 'tf:'}, 'expected tf:FRAME such as tf:world'),
        ({'labels': 'night'}, 'expected key=value such as condition=night'),
    ],
)
def test_parameters_that_cannot_be_used(stage, tmp_path, values, words):
    from neumap_ros.nodes.evaluator import Evaluator

    running = stage('-p', f'out:={tmp_path / "run"}')
    robot = running.add(EvaluatedRobot())
    node = running.add(Evaluator(parameter_overrides=[Parameter(name, value=v) for name, v in values.items()]))
    assert node.phase == ('active' if words is None else 'unconfigured')
    if words is not None:
        wait_until(lambda: words in robot.log, 'the sentence')


def test_a_folder_that_cannot_be_written(evaluated, tmp_path):
    (tmp_path / 'run').write_text('a file')
    running, robot, node = evaluated(write_period_s=0.1)
    drive(robot, node, truth=False)
    wait_until(lambda: 'cannot be written' in robot.message('evaluation'), 'the sentence')
    running.remove(node)
    wait_until(lambda: 'the run cannot be written to' in robot.log, 'the sentence')
    assert (tmp_path / 'run').read_text() == 'a file'


def test_a_broken_pose_of_the_truth_is_left_out(evaluated, tmp_path):
    running, robot, node = evaluated({'truth': 'PoseStamped'}, ground_truth='/truth')
    wait_until(robot.is_truth_heard, 'subscription of the truth')
    robot.say_broken_truth(3)
    drive(robot, node)
    wait_until(lambda: node._truth.count == 12, 'all true poses')
    run = finished(running, node, tmp_path)
    assert figures(run).judged == 12
    assert any('quaternion' in note for note in run.notes)


def test_the_message_gives_back_the_attempt():
    """But for what it does not say: guided inliers and what they tell."""
    from evaluated_robot import attempt_and_message

    from neumap_ros.evaluation.run_rows import row_of_attempt
    from neumap_ros.nodes.evaluator_rows import row_of_status

    rclpy.init()
    try:
        for accepted in (True, False):
            attempt, message = attempt_and_message(7, accepted=accepted)
            row, wanted = row_of_status(message), row_of_attempt(attempt, camera_frames={'front': 'eye'})
            same = ('name', 'stamp_ns', 'reason', 'detail', 'state', 'accepted', 'map_id', 'revision', 'map_sha256')
            for name in (*same, 'regions', 'cameras', 'dropped', 'confirmations'):
                assert getattr(row, name) == getattr(wanted, name), name
            if accepted:
                assert row.estimate.error_to(wanted.estimate) == pytest.approx((0, 0), abs=1e-9)
                assert (row.covariance_66 == wanted.covariance_66).all()
                assert row.confidence == pytest.approx(wanted.confidence)
            assert row.evidence.inliers == wanted.evidence.inliers
            assert row.stages_ms == pytest.approx(wanted.stages_ms)
    finally:
        rclpy.shutdown()


def test_the_same_figures_as_a_replay_of_the_same_attempts(evaluated, tmp_path):
    """One code path: what differs is only what the messages do not carry."""
    from dataclasses import replace

    running, robot, node = evaluated({'truth': 'PoseStamped'}, ground_truth='/truth')
    wait_until(robot.is_truth_heard, 'subscription of the truth')
    drive(robot, node, missing=(3,), lie=5)
    wait_until(lambda: node._truth.count == 12, 'all true poses')
    run = finished(running, node, tmp_path)
    document = json.loads((tmp_path / 'run' / 'run.json').read_text())
    assert document['summary']['recall'] == dict(figures(run).recall)
    rows = tuple(replace(row, latency_ms=0.0) for row in run.attempts)
    live, replayed = (figures(replace(run, kind=kind, attempts=rows)) for kind in ('live', 'replay'))
    assert live.availability == replayed.availability
    assert conversions.nanoseconds(conversions.time_message(run.start_ns)) == run.attempts[0].stamp_ns
