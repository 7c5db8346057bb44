# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Files that are no comparable trajectories, and trajectories in other conventions and frames."""

import math
import re

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from trajectory_files import changed, drive, kept, scalar_first, tum_text, with_errors, write_tum

from neumap_ros.errors import CalibrationError, SourceError
from neumap_ros.evaluation.trajectories import stack
from neumap_ros.evaluation.trajectory_checks import find_gaps, gap_limit_s, no_common_stamps, read_trajectory
from neumap_ros.evaluation.trajectory_diagnosis import both_scalar_first, diagnose
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources.trajectory import Trajectory

GOOD = '1 0 0 0 0 0 0 1\n'


@pytest.mark.parametrize(
    ('text', 'error', 'message'),
    [
        ('# only a comment\n', SourceError, r'has no poses'),
        ('', SourceError, r'has no poses'),
        (GOOD + '3 0 0 0 0 0 0 1\n2 0 0 0 0 0 0 1\n', SourceError, r'line 3 goes back in time from 3\.0+ to 2\.0+ s, '),
        (GOOD * 2 + '2 0 0 0 0 0 0 1\n' * 2, SourceError, r'line 2 repeats the stamp 1\.0+ s of line 1, as 2 lines do'),
        (GOOD + '2 0 0 0 0 0 1\n', SourceError, r'line 2 has 7 columns, expected 8 \(t tx ty tz qx qy qz qw\)'),
        ('1 0 0 0 ' * 3 + '\n', SourceError, r'line 1 has 12 columns as the pose files of KITTI have them'),
        (
            '#timestamp [ns],p_x\n1403636580838555648,4.6,-1.7,0.7,0.5,-0.1,-0.8,-0.1\n',
            SourceError,
            r'line 2 has numbers separated by commas as the CSV files of EuRoC have them.*qw qx qy qz',
        ),
        ('timestamp, p_x, p_y, p_z, q_w, q_x, q_y, q_z\n', SourceError, r'line 1 has numbers separated by commas'),
        ('1403636580838555648 0 0 0 0 0 0 1\n', SourceError, r'1403636580838555648, which look like nanoseconds'),
        ('1403636580838 0 0 0 0 0 0 1\n', SourceError, r'which look like milliseconds, expected seconds'),
        (GOOD + '2 0 nan 0 0 0 0 1\n', CalibrationError, r'line 2 has quaternion .* and translation .*nan.*finite'),
        (GOOD + 'nan 0 0 0 0 0 0 1\n', SourceError, r'line 2 has the stamp nan, expected seconds'),
        (GOOD + '2 0 0 0 0 0 0 0\n', CalibrationError, r'line 2 has a quaternion of norm 0\.000, expected 1'),
        (GOOD + '2 0 0 0 1 0 0 1\n', CalibrationError, r'line 2 has a quaternion of norm 1\.414, expected 1'),
        (GOOD + 'frame2 0 0 0 0 0 0 1\n', SourceError, r'line 2 is not numeric'),
    ],
)
def test_files_that_are_no_trajectory(tmp_path, text, error, message):
    path = tmp_path / 'estimate.tum'
    path.write_text(text)
    with pytest.raises(error, match=message) as caught:
        read_trajectory(path)
    assert str(caught.value).startswith(str(path)) or str(path) in str(caught.value)
    assert '\n' not in str(caught.value)


def test_a_sound_file_is_read_as_it_is(tmp_path):
    truth = drive(20)
    read = read_trajectory(write_tum(tmp_path / 'a.tum', truth))
    assert read.times_s == pytest.approx(truth.times_s, abs=1e-6)
    assert max(max(a.error_to(b)) for a, b in zip(read.poses, truth.poses, strict=True)) < 1e-8


def test_comments_empty_lines_and_a_byte_order_mark_are_no_poses(tmp_path):
    path = tmp_path / 'a.tum'
    path.write_bytes(b'\xef\xbb\xbf# t tx ty tz qx qy qz qw\r\n\r\n1 0 0 0 0 0 0 1\r\n2.5 1 0 0 0 0 0 1 \r\n')
    assert read_trajectory(path).times_s == (1, 2.5)


def test_trajectories_that_do_not_overlap_say_both_spans():
    error = no_common_stamps(drive(start_s=0.0), drive(start_s=100.0), 0.01, 0.5)
    assert 'do not overlap in time: the estimate spans 100.500 to 112.400 s (shifted by 0.5 s), the ground truth ' in (
        str(error)
    )
    assert '0.000 to 11.900 s' in str(error)


def test_overlapping_trajectories_without_common_stamps_say_how_near_they_come():
    error = no_common_stamps(drive(start_s=0.0), drive(start_s=0.04), 0.01, 0.0)
    assert 'the nearest two are 0.040 s apart' in str(error)
    assert '0.960 s apart' in str(
        no_common_stamps(kept(drive(start_s=0.0), [0]), drive(1, start_s=0.96), 1e-3, 0.0)
    ) or ('do not overlap' in str(no_common_stamps(kept(drive(start_s=0.0), [0]), drive(1, start_s=0.96), 1e-3, 0.0)))


def test_gaps_are_long_for_the_rate():
    assert gap_limit_s([0, 0.01, 0.02]) == 0.5
    assert gap_limit_s([0, 1, 2, 9]) == 5.0
    assert gap_limit_s([3]) == 0.5
    assert find_gaps([0, 1, 2, 9, 10], 5.0) == ((2, 9),)


def turned(axis, degrees):
    return Rotation.from_euler(axis, degrees, degrees=True).as_matrix()


MAP_FRAME = Pose(turned('z', 70) @ turned('x', 8), np.array([3.0, -20.0, 1.0]))
BODY = Pose(turned('x', -90) @ turned('y', 90), np.array([0.3, 0.05, 0.4]))


def read_scalar_first(trajectory, tmp_path):
    """As it is read from a file whose quaternions were written scalar first."""
    path = tmp_path / 'wxyz.tum'
    path.write_text(scalar_first(tum_text(trajectory)))
    return read_trajectory(path)


def findings(truth, estimate):
    return diagnose(stack(truth.poses), stack(estimate.poses), np.array(truth.times_s))


@pytest.mark.parametrize('seed', range(3))
def test_sound_estimates_raise_no_suspicion(seed):
    truth = drive()
    assert findings(truth, truth) is None
    for metres, degrees in ((0.02, 0.5), (0.5, 5), (5, 40)):
        assert findings(truth, with_errors(truth, metres, degrees, seed)) is None


def test_estimates_that_are_noise_raise_no_suspicion():
    truth, rng = drive(), np.random.default_rng(0)
    noise = changed(truth, lambda _: Pose(Rotation.random(random_state=rng).as_matrix(), rng.uniform(-10, 10, 3)))
    assert findings(truth, noise) is None


@pytest.mark.parametrize('frame', [Pose.identity(), MAP_FRAME])
@pytest.mark.parametrize('whose', ['estimate', 'ground truth'])
def test_quaternions_written_scalar_first(tmp_path, frame, whose):
    truth = drive()
    estimate = changed(with_errors(truth), lambda pose: frame @ pose)
    if whose == 'estimate':
        estimate = read_scalar_first(estimate, tmp_path)
    else:
        truth = read_scalar_first(truth, tmp_path)
    sentence = findings(truth, estimate)
    assert f'the quaternions of the {whose} were read as qw qx qy qz' in sentence
    assert ('another map frame' in sentence) == (frame is MAP_FRAME)
    assert 'nothing was changed' in sentence
    before, after = (float(part.split(' deg')[0]) for part in sentence.split(' and ')[1:3])
    assert before > 30 * after > 0


def test_quaternions_of_a_robot_that_hardly_turns(tmp_path):
    truth = changed(drive(), lambda pose: Pose(np.eye(3), pose.translation_3))
    assert 'estimate were read as qw' in findings(truth, read_scalar_first(with_errors(truth), tmp_path))


@pytest.mark.parametrize('frame', [Pose.identity(), MAP_FRAME])
@pytest.mark.parametrize('whose', ['estimate', 'ground truth'])
def test_inverse_poses(frame, whose):
    truth = drive()
    estimate = changed(with_errors(truth), lambda pose: frame @ pose)
    if whose == 'estimate':
        estimate = changed(estimate, Pose.inverse)
    else:
        truth = changed(truth, Pose.inverse)
    sentence = findings(truth, estimate)
    assert f'the poses of the {whose} were inverted' in sentence
    assert 'qw qx qy qz' not in sentence


def test_another_map_frame():
    truth = drive()
    estimate = changed(with_errors(truth), lambda pose: MAP_FRAME @ pose)
    sentence = findings(truth, estimate)
    assert 'it looks like another map frame' in sentence
    assert 'another body' not in sentence
    assert 'inverted' not in sentence
    angle = float(sentence.split('units and ')[1].split(' deg')[0])
    assert angle == pytest.approx(math.degrees(Rotation.from_matrix(MAP_FRAME.rotation_33).magnitude()), abs=1)


def test_another_scale():
    truth = drive()
    estimate = changed(with_errors(truth), lambda pose: Pose(pose.rotation_33, 2.5 * pose.translation_3))
    assert 'scaled by 0.4' in findings(truth, estimate)


def test_the_camera_instead_of_the_base():
    truth = drive()
    sentence = findings(truth, changed(with_errors(truth), lambda pose: pose @ BODY))
    assert re.search(r'pose of another body, 0\.50?\d* map units and 120 deg away', sentence)
    assert 'another map frame' not in sentence


@pytest.mark.parametrize('late', [-7, 3, 6])
def test_another_clock(late):
    """Poses at 20 Hz, each with the stamp of the one some steps before or behind it."""
    whole = drive(300, 20.0)
    truth = kept(whole, range(10, 290))
    estimate = with_errors(kept(whole, range(10 + late, 290 + late)))
    sentence = findings(truth, Trajectory(truth.times_s, estimate.poses))
    assert 'it looks like another clock' in sentence and 'body' not in sentence
    assert float(re.search(r'if (-?[\d.]+) s were added', sentence)[1]) == pytest.approx(late / 20, abs=0.006)


def test_a_clock_that_cannot_be_read_from_poses():
    truth = changed(drive(), lambda _: Pose.identity())
    assert findings(truth, with_errors(truth, 0.3, 5)) is None


def test_few_poses_or_a_line_are_no_ground_for_frames():
    truth = kept(drive(), range(9))
    assert findings(truth, changed(truth, lambda pose: MAP_FRAME @ pose)) is None
    line = changed(drive(), lambda pose: Pose(np.eye(3), np.array([pose.translation_3[0], 0, 0])))
    assert findings(line, with_errors(line)) is None


def test_both_files_scalar_first(tmp_path):
    truth = read_scalar_first(drive(), tmp_path)
    sentence = both_scalar_first(stack(truth.poses), stack(with_errors(truth).poses))
    assert 'in both files' in sentence
    assert both_scalar_first(stack(truth.poses), stack(drive().poses)) is None
