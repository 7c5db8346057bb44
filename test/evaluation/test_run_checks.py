# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""True poses with gaps, of another time or in another frame are pointed out in one sentence each."""

from dataclasses import replace

import numpy as np
import pytest
from runs import new_row, pose_at

from neumap_ros.evaluation.run_checks import notes
from neumap_ros.evaluation.run_rows import judged
from neumap_ros.geometry import Pose

FIXES = 40


def drive(change=lambda pose: pose, *, noise_m=0.01):
    """A drive on a curve whose true poses are changed; the fixes have noise, and one of them is a lie."""
    generator = np.random.default_rng(3)
    rows = []
    for index in range(FIXES):
        true = pose_at(20 + 0.1 * index, 5 + 0.002 * index**2, 4.0 * index)
        estimate = Pose(true.rotation_33, true.translation_3 + generator.normal(0, noise_m, 3))
        if index == 7:
            estimate = pose_at(-30, 2)
        rows.append(judged(replace(new_row(index), truth=None, estimate=estimate), change(true)))
    return rows


def told(rows, **more):
    return notes(rows, **{'metric': True, 'extent': 10.0, 'expected': True, **more})


def test_a_sound_truth_is_not_worth_a_word():
    assert told(drive()) == ()


def test_no_truth_at_any_stamp():
    rows = drive(lambda pose: None)
    (sentence,) = told(rows)
    assert 'no pose at any of the 40 stamps (t = 1700000000.000 to 1700000003.900 s)' in sentence
    assert told(rows, expected=False) == ()
    assert told([]) == ()


def test_gaps_are_measured():
    rows = drive()
    for index in (0, 1, *range(10, 20), 39):
        rows[index] = replace(rows[index], truth=None)
    (sentence,) = told(rows)
    assert 'no pose for 13 of 40 attempts' in sentence
    assert '10 of them in gaps of up to 1.10 s' in sentence
    assert '3 of them before its first or after its last pose' in sentence


@pytest.mark.parametrize(
    'offset', [pose_at(3.0, 1.0), pose_at(0.0, 0.0, 90.0), pose_at(-2.0, 0.5, 30.0)], ids=['moved', 'turned', 'both']
)
def test_a_truth_in_another_map_frame_is_found(offset):
    (sentence,) = told(drive(lambda pose: offset @ pose))
    assert 'in another frame than the map' in sentence
    distance, angle = offset.error_to(Pose.identity())
    assert f'{angle:.1f} deg lies between' in sentence
    assert (
        f'{distance:.2f} m' in sentence
        or f'{distance + 0.01:.2f} m' in sentence
        or f'{distance - 0.01:.2f} m' in sentence
    )


def test_a_truth_of_another_part_of_the_robot_is_found():
    optical = Pose(np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]]), (0.3, 0.0, 0.4))
    (sentence,) = told(drive(lambda pose: pose @ optical))
    assert 'of another part of the robot: a constant transform of 0.50 m and 120.0 deg' in sentence


def test_false_fixes_are_no_offset():
    """Errors as large, but every one in another direction."""
    rows = drive(noise_m=3.0)
    assert told(rows) == ()
