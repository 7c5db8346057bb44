# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""When the tracker gives up a known pose: never for what looks alike from one spot, at last for a kidnapping."""

import pytest
from tracker_drive import INCONSISTENT, OK, WAIT, Drive, S, fix, pose


def test_a_place_that_looks_alike_from_one_spot_does_not_move_the_robot():
    """Four images of another place in a row, as often as the robot stands there; driving on shows which is right."""
    drive = Drive()
    for _ in range(30):
        drive.step(forward=0.1)
    alias = pose(-25, 14, 180)
    verdicts = [drive.step(alias @ drive.odom, seconds=0.5) for _ in range(15)]
    assert {v.reason for v in verdicts} == {INCONSISTENT, WAIT}
    assert '10 over 0.50 m, or 10 s, are needed' in verdicts[-1].detail
    assert drive.step(forward=0.1).reason is OK
    assert drive.step(alias @ drive.odom, seconds=0.5).reason is WAIT


def test_a_robot_that_stands_elsewhere_is_believed_in_the_end():
    drive = Drive().localized()
    drive.T_map_odom = pose(-25, 14, -60)
    reasons = [drive.step(seconds=0.5).reason for _ in range(25)]
    assert reasons.index(OK) * 0.5 == pytest.approx(10.0, abs=0.51)


def test_a_pose_of_long_standing_is_given_up_for_many_fixes_only():
    """Few led to the pose after three; after thirty it takes ten, and half as many for a smaller correction."""
    for before, shift, expected in ((3, 9.0, 3), (30, 9.0, 9), (30, 0.8, 4)):
        drive = Drive()
        for _ in range(before):
            drive.step(forward=0.2)
        drive.T_map_odom = drive.T_map_odom @ pose(0, shift)
        reasons = [drive.step(forward=0.2, seconds=0.4).reason for _ in range(15)]
        assert reasons.index(OK) == expected, (before, shift)


def test_what_was_learned_of_covariances_in_one_map_is_forgotten_with_it():
    """Fixes that jitter by 5 cm and promise 1 mm are found out; another map starts with trust."""
    drive = Drive()

    def weighed(count):
        covariance_66 = None
        for number in range(count):
            drive.odom = drive.odom @ pose(0.1)
            drive.now += S // 10
            at = drive.truth @ pose(0, 0.05 * (-1) ** number)
            covariance_66 = drive.tracker.update(fix(at, sigma_m=0.001), drive.now, drive.odom).covariance_66
        return covariance_66

    assert weighed(30)[0, 0] > 4 * 0.001**2
    drive.tracker.reset('another map')
    assert weighed(3)[0, 0] == pytest.approx(0.001**2)  # the first that is accepted, and nothing before it
