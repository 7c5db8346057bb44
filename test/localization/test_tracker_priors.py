# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tracker with a pose that somebody gives, and without odometry."""

import pytest
from tracker_drive import (
    CONFIRMING,
    INCONSISTENT,
    LOCALIZED,
    OK,
    UNLOCALIZED,
    WAIT,
    Drive,
    S,
    close,
    pose,
)

# Where somebody says that the robot is.


def test_a_given_pose_is_a_prior_and_no_fix():
    drive = Drive()
    told = drive.tracker.initialize(drive.truth @ pose(0.5), 1.0, drive.now, drive.odom)
    assert 'searching within 1.00 m of the given pose at (10.00, 0.50, 0.00)' in told
    assert (drive.tracker.state, drive.tracker.T_map_odom) == (UNLOCALIZED, None)
    drive.step('none', forward=4.0)
    where, radius = drive.tracker.predict(drive.now, drive.odom)
    assert close(where, drive.truth @ pose(0.5))
    assert 1.0 < radius < 2.0
    assert [drive.step().reason for _ in range(3)] == [WAIT, WAIT, OK]
    assert drive.tracker.predict(drive.now, drive.odom)[1] == pytest.approx(1.0), 'the fix took over'


def test_a_given_pose_beside_the_known_one_changes_nothing():
    drive = Drive().localized()
    told = drive.tracker.initialize(drive.truth @ pose(0.4, 0, 20), 0.5, drive.now, drive.odom)
    assert 'the robot stays localized' in told
    assert drive.tracker.state is LOCALIZED
    assert close(drive.tracker.T_map_odom, drive.T_map_odom)


@pytest.mark.parametrize('elsewhere', [pose(-25, 14), pose(10, 0.3, -90)], ids=['far', 'the other way round'])
def test_a_given_pose_elsewhere_drops_the_old_one(elsewhere):
    drive = Drive().localized()
    told = drive.tracker.initialize(elsewhere, 1.0, drive.now, drive.odom)
    assert 'that pose is dropped' in told
    assert (drive.tracker.state, drive.tracker.T_map_odom) == (UNLOCALIZED, None)
    assert close(drive.tracker.predict(drive.now, drive.odom)[0], elsewhere)
    drive.T_map_odom = elsewhere @ pose(0.4) @ drive.odom.inverse()
    assert [drive.step().reason for _ in range(3)] == [WAIT, WAIT, OK]


def test_images_overrule_a_wrong_given_pose_but_not_in_a_hurry():
    drive = Drive()
    drive.tracker.initialize(pose(-25, 14), 1.0, drive.now, drive.odom)
    reasons = [drive.step().reason for _ in range(14)]
    first = reasons.index(OK)
    assert 9 <= first <= 11
    assert set(reasons[first:]) == {OK}


def test_a_saved_pose_waits_for_odometry():
    drive = Drive()
    drive.tracker.initialize(drive.truth, 0.5)
    assert drive.step('none', odometry=False).state is UNLOCALIZED
    drive.step('none')
    drive.step('none', forward=2.0)
    where, radius = drive.tracker.predict(drive.now, drive.odom)
    assert close(where, drive.truth)
    assert radius < 1.5


def test_a_vague_given_pose_is_given_up():
    drive = Drive()
    drive.tracker.initialize(drive.truth, 0.5, drive.now, None)
    assert drive.tracker.predict(drive.now + 5 * S, None)[1] == pytest.approx(0.5 + 5 * 1.5)
    assert drive.tracker.predict(drive.now + 60 * S, None) is None


# Without odometry.


def test_without_odometry_motion_is_bounded():
    drive = Drive()
    reasons = [drive.step(forward=0.1, odometry=False).reason for _ in range(20)]
    assert reasons == [WAIT, WAIT] + [OK] * 18
    assert drive.tracker.state is LOCALIZED
    assert drive.tracker.T_map_odom is None
    assert drive.step(forward=1.0, odometry=False).reason is INCONSISTENT, '10 m/s'
    drive = Drive().localized()
    assert drive.step(forward=1.0, seconds=1, odometry=False).reason is OK


@pytest.mark.parametrize('gap_s', [5, 60])
def test_without_odometry_an_old_pose_proves_little(gap_s):
    """After five seconds the robot may be 7.5 m away, but a fix as far from the old pose could as well be wrong."""
    drive = Drive(lost_after_s=20).localized_blind()
    verdict = drive.step(forward=7.0, seconds=gap_s, odometry=False)
    assert (verdict.reason, verdict.state) == (INCONSISTENT, LOCALIZED)
    assert [drive.step(odometry=False).reason for _ in range(2)] == [WAIT, OK]
    drive = Drive(lost_after_s=20).localized_blind()
    assert drive.step(forward=1.0, seconds=gap_s, odometry=False).reason is (OK if gap_s == 5 else INCONSISTENT)
    assert drive.tracker.predict(drive.now + 60 * S, None) is None


def test_without_odometry_a_slow_camera_confirms_too():
    drive = Drive()
    assert [drive.step(forward=0.5, seconds=4, odometry=False).reason for _ in range(4)] == [WAIT, WAIT, OK, OK]


def test_without_odometry_old_candidates_expire():
    drive = Drive()
    drive.step(odometry=False)
    assert drive.tracker.state is CONFIRMING
    assert drive.step('none', seconds=11, odometry=False).state is UNLOCALIZED


def test_odometry_that_is_missing_for_a_moment():
    drive = Drive().localized()
    assert drive.step(forward=0.1, odometry=False).T_map_odom is None
    assert close(drive.tracker.T_map_odom, drive.T_map_odom), 'the older correction still holds'
    assert drive.step(forward=0.1).reason is OK
    # Carried away meanwhile: the old correction must not survive.
    drive.T_map_odom = pose(-25, 14)
    while drive.step(odometry=False).reason is not OK:
        pass
    assert drive.tracker.state is LOCALIZED
    assert drive.tracker.T_map_odom is None
    assert close(drive.step().T_map_odom, drive.T_map_odom)
