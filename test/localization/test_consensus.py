# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the last fixes together say, and how it tells how good a new one is."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neumap_ros.geometry import Pose
from neumap_ros.localization.consensus import LEAST_OWN, OWN_DIVISOR, OWN_OFFSET, Consensus, Measured
from neumap_ros.localization.motion import Motion, OdometryTrack

MOTION = Motion(0.02, 0.005, 1.5, 1.5)
T_MAP_ODOM = Pose(Rotation.from_euler('z', 50, degrees=True).as_matrix(), (4, -3, 0))


def drive(count, step_m=0.1, sigma_m=0.02, noise=1.0, seed=0, jumps=()):
    """Fixes of a robot that drives a curve with perfect odometry: (moments, fixes, true poses)."""
    rng = np.random.default_rng(seed)
    track, odom = OdometryTrack(), Pose.identity()
    covariance_66 = np.diag([sigma_m**2] * 3 + [0.002**2] * 3)
    moments, fixes, truths = [], [], []
    for i in range(count):
        turn = Rotation.from_euler('z', 2, degrees=True).as_matrix()
        odom = odom @ Pose(turn, (step_m, 0, 0))
        moments.append(track.observe(i * 100_000_000, odom)[0])
        truths.append(T_MAP_ODOM @ odom)
        error_3 = rng.normal(size=3) * sigma_m * noise + (np.array([0.5, 0, 0]) if i in jumps else 0)
        pose = Pose(truths[-1].rotation_33, truths[-1].translation_3 + error_3)
        fixes.append(Measured(pose, moments[-1], covariance_66))
    return moments, fixes, truths


def sigmas(fix, truth, covariance_66):
    offset_3 = fix.T_map_base.translation_3 - truth.translation_3
    return float(np.sqrt(offset_3 @ np.linalg.solve(covariance_66[:3, :3], offset_3)))


def filled(fixes):
    consensus = Consensus(MOTION)
    weighed = []
    for fix in fixes:
        weighed.append(consensus.weigh(fix))
        consensus.add(fix)
    return consensus, weighed


def test_a_first_fix_is_as_good_as_it_says():
    moments, fixes, _ = drive(1)
    consensus = Consensus(MOTION)
    assert consensus.expect(moments[0]) is None
    assert consensus.weigh(fixes[0]) is fixes[0].covariance_66


def test_together_fixes_are_better_than_one():
    moments, fixes, truths = drive(40)
    consensus, _ = filled(fixes[:-1])
    expected = consensus.expect(moments[-1])
    assert expected.fixes == 20
    assert expected.T_map_base.error_to(truths[-1])[0] < 0.02
    assert expected.sigma_m < 0.03
    assert expected.T_map_base.error_to(truths[-1])[1] < 0.1


def test_one_that_is_off_moves_them_little_and_is_said_to_be_bad():
    moments, fixes, truths = drive(30, jumps=(28,))
    consensus, weighed = filled(fixes[:-1])
    assert consensus.expect(moments[-1]).T_map_base.error_to(truths[-1])[0] < 0.03
    assert sigmas(fixes[28], truths[28], fixes[28].covariance_66) > 20
    assert sigmas(fixes[28], truths[28], weighed[28]) < 3
    assert weighed[27][0, 0] < 5 * fixes[27].covariance_66[0, 0]


def test_what_agrees_is_better_than_it_says_but_not_by_much():
    _, fixes, _ = drive(30, noise=0.0)
    _, weighed = filled(fixes)
    ratio = weighed[-1][0, 0] / fixes[-1].covariance_66[0, 0]
    assert ratio == pytest.approx(max(LEAST_OWN, OWN_OFFSET / OWN_DIVISOR))


def test_a_map_that_promises_too_much_is_found_out():
    """Errors of four times what the covariances say: at first most lie far off, later as many as should."""
    _, fixes, truths = drive(400, noise=4.0, seed=3)
    consensus, weighed = filled(fixes)
    assert 2.5 < consensus.scale**0.5 < 6
    before = np.array([sigmas(f, t, f.covariance_66) for f, t in zip(fixes, truths, strict=True)])
    after = np.array([sigmas(f, t, c) for f, t, c in zip(fixes, truths, weighed, strict=True)])[20:]
    assert np.mean(before < 3) < 0.2
    assert np.mean(after < 3) > 0.9


def test_a_map_that_promises_too_little_is_not_believed_to_be_better():
    _, fixes, _ = drive(100, noise=0.2)
    assert filled(fixes)[0].scale == 1.0


def test_fixes_of_long_ago_count_no_more():
    moments, fixes, _ = drive(80)
    consensus, _ = filled(fixes[:10])
    assert consensus.expect(moments[20]) is not None
    assert consensus.expect(moments[79]) is None


def test_without_odometry_nothing_is_expected():
    _, fixes, _ = drive(10)
    consensus, _ = filled(fixes)
    track = OdometryTrack()
    assert consensus.expect(track.observe(10**9, None)[0]) is None


def test_cleared_it_still_knows_how_good_the_map_is():
    moments, fixes, _ = drive(100, noise=4.0)
    consensus, _ = filled(fixes[:-1])
    scale = consensus.scale
    consensus.clear()
    assert (consensus.expect(moments[-1]), consensus.scale) == (None, scale)
    consensus.reset()
    assert consensus.scale == 1.0


@pytest.mark.parametrize('broken', [np.inf, np.nan])
def test_a_covariance_that_is_none_counts_for_nothing(broken):
    moments, fixes, _ = drive(12)
    consensus, _ = filled(fixes[:10])
    before = consensus.expect(moments[11])
    bad = Measured(fixes[10].T_map_base, moments[10], np.full((6, 6), broken))
    assert consensus.weigh(bad) is bad.covariance_66
    consensus.add(bad)
    after = consensus.expect(moments[11])
    assert (after.fixes, after.sigma_m) == (before.fixes, before.sigma_m)
