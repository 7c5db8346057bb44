# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tracker, one behaviour after the other; priors and whole drives are tested in files of their own."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracker_drive import (
    CONFIRMING,
    INCONSISTENT,
    LOCALIZED,
    LOST,
    OK,
    UNLOCALIZED,
    WAIT,
    Drive,
    S,
    close,
    fix,
    pose,
)

from neumap_ros.errors import ConfigError
from neumap_ros.localization.fix import Reason
from neumap_ros.localization.tracker import TrackerSettings


def test_a_first_pose_needs_three_fixes_that_agree_through_odometry():
    drive = Drive()
    assert drive.tracker.state is UNLOCALIZED
    for count in (1, 2):
        verdict = drive.step(forward=2.0)
        assert (verdict.reason, verdict.state, verdict.confirmations, verdict.required) == (WAIT, CONFIRMING, count, 3)
        assert verdict.T_map_odom is None
        assert drive.tracker.T_map_odom is None
        assert drive.tracker.predict(drive.now, drive.odom) is None, 'a candidate is no prior'
    verdict = drive.step(forward=2.0)
    assert (verdict.reason, verdict.state, verdict.confirmations) == (OK, LOCALIZED, 3)
    assert math.isnan(verdict.correction_m)
    assert close(verdict.T_map_odom, drive.T_map_odom)
    assert close(drive.tracker.T_map_odom, drive.T_map_odom)


def test_fixes_that_odometry_contradicts_confirm_nothing():
    """A picture frozen in the camera gives the same pose again and again while the robot drives."""
    drive = Drive()
    frozen = drive.truth
    reasons = [drive.step(frozen, forward=1.0).reason for _ in range(20)]
    assert reasons == [WAIT] + [INCONSISTENT] * 19
    assert drive.tracker.state is CONFIRMING


def test_three_of_five_suffice():
    drive = Drive()
    verdicts = [drive.step(outcome) for outcome in ('true', pose(-30), 'true', pose(40, 7), 'true')]
    assert [v.reason for v in verdicts] == [WAIT, INCONSISTENT, WAIT, INCONSISTENT, OK]
    drive = Drive()
    outcomes = ('true', pose(-30), pose(3, 9), pose(40, 7), pose(20), 'true', pose(1, 60), 'true')
    verdicts = [drive.step(outcome) for outcome in outcomes]
    assert verdicts[5].confirmations == 1, 'the first is out of the window'
    assert verdicts[-1].confirmations == 2


def test_attempts_without_a_pose_do_not_count():
    drive = Drive()
    outcomes = ('true', 'none', 'none', 'none', 'none', 'true', 'none', 'none', 'true')
    assert [drive.step(outcome).reason for outcome in outcomes][-1] is OK


def test_the_same_images_twice_confirm_nothing():
    drive = Drive()
    for _ in range(10):
        verdict = drive.step(seconds=0)
    assert (verdict.reason, verdict.confirmations) == (WAIT, 1)


def test_small_corrections_are_accepted_at_once():
    drive = Drive().localized()
    verdict = drive.step(drive.truth @ pose(0.2, 0.1, 4))
    assert (verdict.reason, verdict.confirmations, verdict.required) == (OK, 0, 0)
    assert verdict.correction_m == pytest.approx(math.hypot(0.2, 0.1))
    assert verdict.correction_rad == pytest.approx(math.radians(4))
    assert close(drive.tracker.T_map_odom @ drive.odom, drive.truth @ pose(0.2, 0.1, 4))


def test_the_allowed_correction_grows_with_the_way_but_not_for_ever():
    for path, offset, reason in (
        (0, 0.4, INCONSISTENT),
        (3, 0.4, OK),
        (3, 0.7, INCONSISTENT),
        (60, 1.05, INCONSISTENT),
    ):
        drive = Drive(lost_after_s=1e6).localized()
        for _ in range(path * 2):
            drive.step('none', forward=0.5)
        assert drive.step(drive.truth @ pose(0, offset)).reason is reason, (path, offset)


def test_the_allowed_correction_grows_with_the_uncertainty_of_the_fix():
    drive = Drive().localized()
    assert drive.step(drive.truth @ pose(0.6)).reason is INCONSISTENT
    drive = Drive().localized()
    at = drive.truth @ pose(0.6)
    assert drive.tracker.update(fix(at, sigma_m=0.2), drive.now + 1, drive.odom).reason is OK
    drive = Drive().localized()
    at = drive.truth @ pose(1.2)
    assert drive.tracker.update(fix(at, sigma_m=100.0), drive.now + 1, drive.odom).reason is INCONSISTENT
    for broken in (np.full((6, 6), np.nan), None):
        vague = replace(fix(drive.truth @ pose(0.8)), covariance_66=broken)
        assert drive.tracker.update(vague, drive.now + 2, drive.odom).reason is not OK


def test_a_stray_fix_is_refused_and_the_pose_stays():
    drive = Drive().localized()
    verdict = drive.step(pose(-20, 3))
    assert (verdict.reason, verdict.state, verdict.T_map_odom) == (INCONSISTENT, LOCALIZED, None)
    assert (verdict.confirmations, verdict.required) == (1, 3)
    assert close(drive.tracker.T_map_odom, drive.T_map_odom)
    assert drive.step().reason is OK


def test_a_bad_fix_that_slipped_in_is_corrected_at_once():
    """0.35 m off was within the limits; the next good fix is as far from it, but the fixes before speak for it."""
    drive = Drive(agreement_m=0.4)

    def step(offset_m=0.0):
        drive.odom = drive.odom @ pose(0.1)
        drive.now += S // 10
        return drive.tracker.update(fix(drive.truth @ pose(offset_m), sigma_m=0.02), drive.now, drive.odom)

    for _ in range(10):
        step()
    bad = step(0.35)
    assert (bad.reason, drive.tracker.T_map_odom.error_to(drive.T_map_odom)[0]) == (OK, pytest.approx(0.35))
    assert bad.covariance_66[0, 0] > 10 * 0.02**2  # it does not go without a word
    verdict = step()
    assert (verdict.reason, verdict.required) == (OK, 0)
    assert verdict.correction_m < 0.05  # from what all of them say, not from the one that was off
    assert close(drive.tracker.T_map_odom, drive.T_map_odom)


def test_a_kidnapped_robot_is_found_when_nothing_speaks_for_the_old_pose_any_more():
    drive = Drive().localized()
    drive.T_map_odom = pose(-25, 14, -60)
    verdicts = [drive.step(forward=0.1) for _ in range(15)]
    reasons = [v.reason for v in verdicts]
    first = reasons.index(OK)
    assert reasons[:first] == [INCONSISTENT] + [WAIT] * (first - 1)
    assert first * 0.1 == pytest.approx(TrackerSettings().contradiction_s, abs=0.11)
    assert verdicts[first].confirmations >= 3
    assert verdicts[first].correction_m > 20
    assert reasons[first:] == [OK] * (15 - first)
    assert close(drive.tracker.T_map_odom, drive.T_map_odom)


def test_what_looks_like_another_place_for_a_moment_does_not_move_the_robot():
    drive = Drive().localized()
    alias = pose(-25, 14, -60) @ drive.odom
    for _ in range(20):
        verdicts = [drive.step(alias) for _ in range(4)]
        assert {v.reason for v in verdicts} <= {INCONSISTENT, WAIT}
        assert drive.step().reason is OK


def test_a_slow_camera_confirms_by_majority():
    """One image in two seconds: as many fixes elsewhere as there were before."""
    drive = Drive()
    for _ in range(5):
        drive.step(seconds=2)
    drive.T_map_odom = pose(-25, 14)
    assert [drive.step(seconds=2, forward=0.3).reason for _ in range(4)] == [INCONSISTENT, WAIT, WAIT, WAIT]
    # By then the five before have been outvoted.
    assert drive.step(seconds=2, forward=0.3).reason is OK


def test_a_minority_does_not_move_the_robot():
    """Two confirmations may suffice, but not against three fixes that speak for the present pose."""
    drive = Drive(confirmations=2, contradiction_s=0.0).localized()
    drive.T_map_odom = pose(-25, 14)
    assert [drive.step().reason for _ in range(4)] == [INCONSISTENT, WAIT, OK, OK]


def test_what_was_outvoted_does_not_come_back_by_itself():
    drive = Drive(confirmation_window=10, contradiction_s=0.0).localized()
    old, drive.T_map_odom = drive.T_map_odom, pose(-25, 14)
    assert [drive.step().reason for _ in range(4)] == [INCONSISTENT, WAIT, WAIT, OK]
    drive.T_map_odom = old
    assert [drive.step().confirmations for _ in range(3)] == [1, 2, 3]


def test_directions_have_to_agree_too():
    drive = Drive()
    for turn in (0, 20, 40, 60, 80):
        verdict = drive.step(drive.truth @ pose(deg=turn))
    assert (verdict.confirmations, drive.tracker.state) == (1, CONFIRMING)
    drive = Drive().localized()
    assert drive.step(drive.truth @ pose(deg=5.5)).reason is INCONSISTENT
    assert drive.step(drive.truth @ pose(deg=4.5)).reason is OK


def test_turning_on_the_spot_wears_on_odometry():
    drive = Drive(lost_after_s=1e6).localized()
    for _ in range(12):
        drive.odom = drive.odom @ pose(deg=30)
        drive.step('none')
    assert drive.step(drive.truth @ pose(deg=14)).reason is OK


def test_one_confirmation_accepts_everything():
    drive = Drive(confirmations=1)
    assert drive.step().reason is OK
    verdict = drive.step(pose(-30, 5))
    assert (verdict.reason, verdict.state) == (OK, LOCALIZED)
    assert verdict.correction_m > 30


def test_lost_after_ten_seconds_of_refusals_and_back_at_once():
    drive = Drive().localized()
    for i in range(101):
        verdict = drive.step('none')
        assert (verdict.reason, verdict.state) == (Reason.FEW_INLIERS, LOST if i == 100 else LOCALIZED)
    assert 'lost: no fix was accepted for 10.0 s' in verdict.detail
    assert close(drive.tracker.T_map_odom, drive.T_map_odom), 'for the node to hold'
    verdict = drive.step()
    assert (verdict.reason, verdict.state, verdict.required) == (OK, LOCALIZED, 0)


def test_a_lost_robot_elsewhere_needs_confirmation():
    drive = Drive().localized()
    for _ in range(102):
        drive.step('none')
    drive.T_map_odom = pose(-25, 14)
    verdicts = [drive.step(forward=0.2) for _ in range(5)]
    assert [v.reason for v in verdicts] == [INCONSISTENT, WAIT, WAIT, OK, OK]
    assert [v.state for v in verdicts] == [LOST, LOST, LOST, LOCALIZED, LOCALIZED]


def test_a_robot_that_is_not_asked_does_not_get_lost():
    drive = Drive().localized()
    assert drive.step('none', seconds=3600).state is LOCALIZED
    assert drive.step(seconds=3600).reason is OK


def test_a_lost_robot_is_searched_everywhere_every_other_time():
    drive = Drive().localized()
    priors = []
    for _ in range(110):
        drive.step('none')
        priors.append(drive.tracker.predict(drive.now, drive.odom) is not None)
    assert priors == [True] * 100 + [False, True] * 5


def test_the_prior_follows_odometry_and_widens():
    drive = Drive().localized()
    _, before = drive.tracker.predict(drive.now, drive.odom)
    assert before == pytest.approx(TrackerSettings().max_correction_m)
    ahead = drive.odom @ pose(10)
    where, radius = drive.tracker.predict(drive.now + 10 * S, ahead)
    assert close(where, drive.T_map_odom @ ahead)
    assert 1.4 < radius < 3
    assert drive.tracker.predict(drive.now + 10 * S, drive.odom @ pose(300)) is None
    assert close(drive.tracker.predict(drive.now, drive.odom)[0], drive.truth), 'asking changes nothing'


def test_odometry_that_is_restarted_leaves_a_prior_only():
    drive = Drive().localized()
    for _ in range(20):
        drive.step(forward=1.0)
    truth = drive.truth
    drive.T_map_odom, drive.odom = truth, pose()
    verdict = drive.step()
    assert (verdict.reason, verdict.state, drive.tracker.T_map_odom) == (WAIT, CONFIRMING, None)
    assert 'odometry jumped by 20.30 m' in verdict.detail
    where, _ = drive.tracker.predict(drive.now, drive.odom)
    assert close(where, truth, 1e-6)
    assert [drive.step().reason for _ in range(2)] == [WAIT, OK]
    assert close(drive.tracker.T_map_odom, truth, 1e-6)


def test_a_reset_forgets_everything_and_says_why():
    drive = Drive().localized()
    drive.tracker.reset('the map changed')
    assert (drive.tracker.state, drive.tracker.T_map_odom) == (UNLOCALIZED, None)
    assert drive.tracker.predict(drive.now, drive.odom) is None
    assert 'started anew: the map changed' in drive.step().detail
    assert 'started anew' not in drive.step().detail


def test_settings_can_change_while_a_pose_is_known():
    drive = Drive().localized()
    drive.tracker.use_settings(TrackerSettings(agreement_m=0.1))
    assert drive.tracker.state is LOCALIZED
    assert drive.step(drive.truth @ pose(0.3)).reason is INCONSISTENT
    drive.tracker.use_settings(TrackerSettings(confirmations=1, confirmation_window=1))
    assert drive.step(pose(-20, 3)).reason is OK


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'confirmations': 0}, 'confirmations is 0'),
        ({'confirmations': 4, 'confirmation_window': 3}, 'confirmation_window 3'),
        ({'max_correction_m': 0}, 'max_correction_m is 0'),
        ({'lost_after_s': math.nan}, 'lost_after_s is nan'),
        ({'max_speed_mps': -1}, 'max_speed_mps is -1'),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, words):
    with pytest.raises(ConfigError, match=words):
        TrackerSettings(**changes)


events = st.lists(
    st.tuples(
        st.sampled_from(['true', 'true', 'true', 'none', 'stray', 'alias', 'near']),
        st.sampled_from([0.0, 0.05, 0.1, 0.5, 3.0, 12.0]),
        st.floats(0, 1.4),
        st.sampled_from([True, True, True, False]),
        st.floats(-1.5, 1.5),
        st.sampled_from(['', '', '', '', '', '', 'reset', 'give', 'move']),
    ),
    max_size=60,
)


@settings(deadline=None, max_examples=300)
@given(events, st.sampled_from([(2, 3), (3, 5), (4, 10)]))
def test_invariants(events, votes):
    """Whatever happens: no pose before confirmation, no unconfirmed jump, and the same answers every time."""
    runs = [list(run(events, votes)) for _ in range(2)]
    assert [repr(v) for v in runs[0]] == [repr(v) for v in runs[1]]


def run(events, votes):
    drive = Drive(confirmations=votes[0], confirmation_window=votes[1])
    tracker, limits = drive.tracker, drive.tracker.settings
    rng = np.random.default_rng(0)
    for outcome, seconds, forward, odometry, offset, extra in events:
        if extra == 'reset':
            tracker.reset('a test')
        elif extra == 'give':
            tracker.initialize(pose(*rng.uniform(-20, 20, 2)), 1.0, drive.now, drive.odom)
        elif extra == 'move':
            drive.T_map_odom = pose(*rng.uniform(-20, 20, 2), rng.uniform(-180, 180))
        known, held = tracker.state in (LOCALIZED, LOST), tracker.T_map_odom
        ahead = drive.odom @ pose(forward)
        at = {
            'stray': pose(*rng.uniform(-20, 20, 2), rng.uniform(-180, 180)),
            'alias': pose(33, -7, 50) @ ahead,
            'near': drive.T_map_odom @ ahead @ pose(offset, 0, offset * 10),
        }.get(outcome, outcome)
        verdict = drive.step(at, forward, seconds, odometry)
        assert verdict.accepted == (verdict.reason is OK)
        assert (verdict.T_map_odom is not None) == (verdict.accepted and odometry)
        assert verdict.state is tracker.state
        assert verdict.detail or outcome == 'none'
        if tracker.T_map_odom is not None:
            assert tracker.state in (LOCALIZED, LOST)
        if verdict.accepted:
            assert tracker.state is LOCALIZED
            confirmed = verdict.required == votes[0] <= verdict.confirmations
            assert known or confirmed
            if held is not None and odometry and not confirmed:
                metres, degrees = (held @ drive.odom).error_to(verdict.T_map_odom @ drive.odom)
                assert metres <= limits.max_correction_m + 1e-9
                assert degrees <= limits.max_correction_deg + 1e-6
        elif held is not None and tracker.T_map_odom is not None:
            assert close(held, tracker.T_map_odom), 'nothing moves without an accepted fix'
        yield verdict
