# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap evaluate ESTIMATE.tum --ground-truth TRUTH.tum``, as users call it."""

import json
import re

import numpy as np
import pytest
from trajectory_files import changed, drive, kept, scalar_first, tum_text, with_errors, write_tum
from typer.testing import CliRunner

from neumap_ros.cli import app
from neumap_ros.cli.evaluate_trajectories import parse_delta
from neumap_ros.errors import ConfigError
from neumap_ros.evaluation.run_folder import read_run
from neumap_ros.evaluation.trajectories import DeltaUnit
from neumap_ros.geometry import Pose


@pytest.fixture
def files(tmp_path):
    truth = drive()
    estimate = kept(with_errors(truth), [index for index in range(120) if index % 10])
    return write_tum(tmp_path / 'estimate.tum', estimate), write_tum(tmp_path / 'truth.tum', truth)


def evaluate(*arguments):
    return CliRunner().invoke(app, ['evaluate', *map(str, arguments)])


def refused(*arguments):
    result = evaluate(*arguments)
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith('error: ') and 'Traceback' not in result.output
    return line


def succeeded(*arguments):
    result = evaluate(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_two_files(files, tmp_path):
    estimate, truth = files
    text = succeeded(estimate, '--ground-truth', truth, '--out', tmp_path / 'run', '--label', 'condition=night')
    assert '108 of 108, with a true pose within 0.01 s' in text
    assert '12 of 120 questions' in text
    assert 'none: poses are compared in the frame of the map' in text
    assert '90.0 %' in text  # of the true poses are answered
    assert 'Note:' not in text
    document = json.loads((tmp_path / 'run' / 'trajectories.json').read_text())
    assert f'{document["ape"]["trans_part"]["rmse"]:.6f}' in text
    run = read_run(tmp_path / 'run')
    assert (run.name, run.labels, len(run.attempts)) == ('run', {'condition': 'night'}, 120)
    assert run.attempts[0].reason == 'no_pose'


def test_the_same_files_give_the_same_bytes(files, tmp_path):
    estimate, truth = files
    for name in 'ab':
        succeeded(estimate, '--ground-truth', truth, '--name', 'x', '--out', tmp_path / name)
    for name in ('run.json', 'attempts.csv', 'trajectories.json', 'trajectory.tum', 'truth.tum'):
        assert (tmp_path / 'a' / name).read_bytes() == (tmp_path / 'b' / name).read_bytes(), name


def test_the_trajectories_of_a_run_give_its_figures_again(files, tmp_path):
    estimate, truth = files
    succeeded(estimate, '--ground-truth', truth, '--out', tmp_path / 'a')
    again = (tmp_path / 'a' / 'trajectory.tum', '--ground-truth', tmp_path / 'a' / 'truth.tum')
    succeeded(*again, '--out', tmp_path / 'b')
    first, second = (json.loads((tmp_path / name / 'run.json').read_text())['summary'] for name in 'ab')
    assert first['recall'] == second['recall'] and first['judged'] == second['judged'] == 120
    assert second['fix_errors']['max_m'] == pytest.approx(first['fix_errors']['max_m'], abs=1e-9)


def test_nothing_is_written_unless_asked_for(files, tmp_path):
    estimate, truth = files
    before = sorted(tmp_path.iterdir())
    succeeded(estimate, '--ground-truth', truth)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--align', 'se3'], 'se3: '),
        (['--align', 'sim3'], r', scale (0\.99|1\.00)\d{4}'),
        (['--align', 'yaw', '--correct-scale'], 'yaw: '),
        (['--align', 'origin', '--align-poses', '20'], 'origin: '),
        (['--rpe-delta', '10f', '--rpe-all-pairs'], r'RPE over 10 frames, \d+ all pairs'),
        (['--rpe-delta', '5 deg', '--rpe-pairs-from-truth'], r'RPE over 5 deg, \d+ consecutive pairs'),
        (['--interpolate', '--max-gap', '2'], 'interpolated at its stamp'),
        (['--rate', '5'], r'not answered +\d+ of '),
        (['--arbitrary-scale'], '1 %, 5 deg'),
        (['--time-offset', '0.1'], '107 of 108'),
        (['--max-time-difference', '0.2'], 'with a true pose within 0.2 s'),
    ],
)
def test_options(files, options, words):
    estimate, truth = files
    assert re.search(words, succeeded(estimate, '--ground-truth', truth, *options))


def test_what_looks_wrong_is_said_and_nothing_is_repaired(files, tmp_path):
    truth = files[1]
    (tmp_path / 'wxyz.tum').write_text(scalar_first(tum_text(with_errors(drive()))))
    text = succeeded(tmp_path / 'wxyz.tum', '--ground-truth', truth)
    assert 'the quaternions of the estimate were read as qw qx qy qz' in text
    inverse = write_tum(tmp_path / 'inverse.tum', changed(with_errors(drive()), Pose.inverse))
    assert 'the poses of the estimate were inverted' in succeeded(inverse, '--ground-truth', truth)
    other = changed(with_errors(drive()), lambda pose: Pose(pose.rotation_33, pose.translation_3 + np.array([9, 0, 0])))
    text = succeeded(write_tum(tmp_path / 'other.tum', other), '--ground-truth', truth)
    assert 'another map frame' in text
    assert re.search(r'median +│ +(9\.0|8\.9)', text)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('', 'has no poses'),
        ('5 0 0 0 0 0 0 1\n4 0 0 0 0 0 0 1\n', 'goes back in time'),
        ('5 0 0 0 0 0 0 1\n5 0 0 0 0 0 0 1\n', 'repeats the stamp'),
        ('5 0 0 0 0 0 0 1\n', 'do not overlap in time: the estimate spans 5.000 to 5.000 s, the ground truth'),
        ('1,2,3,4,5,6,7,8\n', 'EuRoC'),
        ('1 0 0 0 0 1 0 0 0 0 1 0\n', 'KITTI'),
    ],
)
@pytest.mark.parametrize('whose', ['estimate', 'truth'])
def test_files_that_cannot_be_compared(files, tmp_path, text, words, whose):
    bad = tmp_path / 'bad.tum'
    bad.write_text(text)
    estimate, truth = files
    arguments = (bad, '--ground-truth', truth) if whose == 'estimate' else (estimate, '--ground-truth', bad)
    line = refused(*arguments)
    assert words in line or (whose == 'truth' and 'the ground truth 5.000 to 5.000 s' in line)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (['--align', 'sim'], "--align is 'sim', expected one of none, se3, sim3, yaw, origin"),
        (['--rpe-delta', '1'], "--rpe-delta is '1', expected a number with a unit"),
        (['--rpe-delta', '0.5f'], '0.5 frames, expected a whole number'),
        (['--align', 'se3', '--align-poses', '0'], 'number of poses to align is 0'),
        (['--max-time-difference', '-1'], 'largest time difference is -1 s'),
        (['--map', 'somewhere'], '--map is given with the trajectory'),
        (['--dataset', 'somewhere'], '--dataset is given with the trajectory'),
        (['--tum', 'somewhere'], '--tum is given with the trajectory'),
        (['--config', 'somewhere'], '--config is given with the trajectory'),
        (['--label', 'night'], 'expected'),
    ],
)
def test_options_that_make_no_sense(files, options, words):
    estimate, truth = files
    assert words in refused(estimate, '--ground-truth', truth, *options)


def test_trajectories_and_images_are_told_apart(files, tmp_path):
    estimate, truth = files
    assert 'is given without --ground-truth' in refused(estimate)
    line = refused('--map', tmp_path, '--dataset', tmp_path, '--out', tmp_path, '--ground-truth', truth)
    assert '--ground-truth is given without a trajectory to judge' in line
    assert '--map is missing' in refused('--dataset', tmp_path, '--out', tmp_path)
    assert '--out is missing' in refused('--dataset', tmp_path, '--map', tmp_path)
    assert '--map is missing' in refused()
    assert 'cannot be read' in refused(tmp_path / 'nothing.tum', '--ground-truth', truth)


@pytest.mark.parametrize(
    ('text', 'value', 'unit'),
    [
        ('1m', 1, DeltaUnit.METRES),
        ('10 f', 10, DeltaUnit.FRAMES),
        ('3 frames', 3, DeltaUnit.FRAMES),
        ('2.5deg', 2.5, DeltaUnit.DEGREES),
        ('0.1 rad', 0.1, DeltaUnit.RADIANS),
        ('1e2m', 100, DeltaUnit.METRES),
    ],
)
def test_deltas(text, value, unit):
    delta = parse_delta(text)
    assert (delta.value, delta.unit) == (value, unit)


@pytest.mark.parametrize('text', ['', 'm', '1 km', '1 - 2 m', '-1m', '0m', 'nan m', '..m'])
def test_deltas_that_are_none(text):
    with pytest.raises(ConfigError):
        parse_delta(text)
