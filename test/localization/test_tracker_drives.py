# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tracker on drives of 200 m: odometry that drifts, noisy fixes, wrong ones, gaps, a robot that is carried away."""

import itertools
from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import RigFix, TrackingState
from neumap_ros.localization.fix import Reason
from neumap_ros.localization.tracker import Tracker, TrackerSettings, Verdict

RATE_HZ, LENGTH_M, SPEED_MPS = 10, 200.0, 1.0
NOISE_M, NOISE_DEG = 0.03, 0.3
DRIFT_M_PER_M, DRIFT_DEG_PER_M = 0.02, 0.1


def planar(x, y, yaw):
    return Pose(Rotation.from_euler('z', yaw).as_matrix(), (x, y, 0.0))


def course():
    """Poses of the robot along a figure of eight in a hall of 40 m x 30 m, every 0.1 s."""
    s = np.linspace(0, 2 * np.pi, 200_001)
    x, y = 18 * np.sin(s), 13 * np.sin(2 * s)
    length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    where = np.arange(0, LENGTH_M, SPEED_MPS / RATE_HZ) % length[-1]
    at = np.interp(where, length, s)
    heading = np.arctan2(26 * np.cos(2 * at), 18 * np.cos(at))
    return [planar(18 * np.sin(a), 13 * np.sin(2 * a), h) for a, h in zip(at, heading, strict=True)]


def drifting(truth, rng):
    """Odometry of a drive: 2 % too long, and a degree to one side every ten metres, with some noise."""
    odom = [planar(3.0, -2.0, 1.0)]
    for before, after in itertools.pairwise(truth):
        step = before.inverse() @ after
        length = float(np.linalg.norm(step.translation_3))
        turn = np.radians(DRIFT_DEG_PER_M) * length + rng.normal(0, 2e-4)
        moved = step.translation_3 * (1 + DRIFT_M_PER_M) + rng.normal(0, 5e-4, 3) * (1, 1, 0)
        odom.append(odom[-1] @ Pose(planar(0, 0, turn).rotation_33 @ step.rotation_33, moved))
    return odom


def noisy(pose, rng):
    turn = Rotation.from_rotvec(rng.normal(0, np.radians(NOISE_DEG) / np.sqrt(3), 3)).as_matrix()
    seen = Pose(turn @ pose.rotation_33, pose.translation_3 + rng.normal(0, NOISE_M / np.sqrt(3), 3))
    covariance = np.diag([NOISE_M**2 / 3] * 3 + [np.radians(NOISE_DEG) ** 2 / 3] * 3)
    return RigFix(Reason.OK, T_map_base=seen, covariance_66=covariance)


def anywhere(rng):
    return noisy(planar(rng.uniform(-20, 20), rng.uniform(-15, 15), rng.uniform(-np.pi, np.pi)), rng)


@dataclass
class Log:
    """What came of a drive."""

    verdicts: list[Verdict] = field(default_factory=list)
    wrong: list[bool] = field(default_factory=list)
    tf_error_m: list[float] = field(default_factory=list)
    fix_error_m: list[float] = field(default_factory=list)

    def accepted(self):
        return [i for i, verdict in enumerate(self.verdicts) if verdict.accepted]


def drive(truth, odom, rng, wrong=0.01, missing=0.2, gaps=(), use_odometry=True, tracker=None):
    tracker, log = tracker or Tracker(), Log()
    for i, (pose, T_odom_base) in enumerate(zip(truth, odom, strict=True)):
        is_wrong = rng.random() < wrong
        fix = anywhere(rng) if is_wrong else noisy(pose, rng)
        if rng.random() < missing or any(start <= i < end for start, end in gaps):
            fix, is_wrong = RigFix(Reason.FEW_INLIERS), False
        verdict = tracker.update(fix, i * 1_000_000_000 // RATE_HZ, T_odom_base if use_odometry else None)
        log.verdicts.append(verdict)
        log.wrong.append(is_wrong)
        if verdict.accepted:
            log.fix_error_m.append(fix.T_map_base.error_to(pose)[0])
        if tracker.T_map_odom is not None:
            log.tf_error_m.append((tracker.T_map_odom @ T_odom_base).error_to(pose)[0])
    return log


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


@pytest.fixture(scope='module')
def truth():
    return course()


@pytest.mark.parametrize('seed', range(5))
def test_two_hundred_metres(truth, seed):
    rng = np.random.default_rng(seed)
    odom = drifting(truth, rng)
    start = truth[0] @ odom[0].inverse()
    assert max((start @ o).error_to(t)[0] for o, t in zip(odom, truth, strict=True)) > 3, 'odometry alone strays'
    log = drive(truth, odom, rng)
    accepted = log.accepted()
    assert accepted[0] < RATE_HZ, 'localized within a second'
    assert sum(log.wrong) > 5
    assert not any(log.wrong[i] for i in accepted)
    right = [i for i, v in enumerate(log.verdicts) if v.reason is not Reason.FEW_INLIERS and not log.wrong[i]]
    assert len(right) - len(accepted) == 2, 'only the first two of the right fixes had to wait'
    assert rms(log.tf_error_m) < 1.2 * rms(log.fix_error_m)
    assert max(log.tf_error_m) < 0.25
    assert all(log.verdicts[i].required == 0 for i in accepted[1:])


@pytest.mark.parametrize('seed', range(3))
def test_a_way_without_any_fix(truth, seed):
    """25 s and 25 m of darkness: lost meanwhile, and back within a second, whether or not odometry strayed too far."""
    rng = np.random.default_rng(seed)
    log = drive(truth, drifting(truth, rng), rng, gaps=[(500, 750), (1200, 1600)])
    for start, end in ((500, 750), (1200, 1600)):
        assert [v.state for v in log.verdicts[start + 110 : end]] == [TrackingState.LOST] * (end - start - 110)
        assert any(v.accepted for v in log.verdicts[end : end + RATE_HZ])
    assert not any(log.wrong[i] for i in log.accepted())
    jumps = [v for v in map(log.verdicts.__getitem__, log.accepted()[1:]) if v.correction_m > 1.0]
    assert all(v.confirmations >= v.required == 3 for v in jumps)


@pytest.mark.parametrize('seed', range(3))
def test_a_robot_that_is_carried_away(truth, seed):
    """At 60 m somebody puts it down elsewhere; odometry notices nothing."""
    rng = np.random.default_rng(seed)
    odom = drifting(truth, rng)
    moved = truth[:600] + truth[1300:]
    log = drive(moved, odom[:600] + [odom[599] @ truth[1300].inverse() @ pose for pose in truth[1300:]], rng)
    after = [i for i in log.accepted() if i >= 600]
    assert 600 + RATE_HZ <= after[0] + 1 <= 600 + 2 * RATE_HZ, 'after a second without support for the old pose'
    verdict = log.verdicts[after[0]]
    assert verdict.confirmations >= verdict.required == 3
    assert verdict.correction_m > 3
    assert not any(log.wrong[i] for i in log.accepted())
    assert max(log.tf_error_m[-50:]) < 0.2


@pytest.mark.parametrize('seed', range(3))
def test_a_place_that_is_not_in_the_map(truth, seed):
    """Nothing but wrong fixes, all over the map, one attempt in ten: never a pose."""
    rng = np.random.default_rng(seed)
    log = drive(truth, drifting(truth, rng), rng, wrong=1.0, missing=0.9)
    assert sum(log.wrong) > 150
    assert log.accepted() == []
    assert log.tf_error_m == []


@pytest.mark.parametrize('seed', range(3))
def test_many_wrong_fixes_while_localized(truth, seed):
    rng = np.random.default_rng(seed)
    log = drive(truth, drifting(truth, rng), rng, wrong=0.4)
    assert sum(log.wrong) > 500
    # One in thousands falls beside the right pose by chance.
    assert sum(log.wrong[i] for i in log.accepted()) <= 1
    assert max(log.tf_error_m) < 1.2


@pytest.mark.parametrize('seed', range(3))
def test_without_odometry(truth, seed):
    rng = np.random.default_rng(seed)
    log = drive(truth, drifting(truth, rng), rng, use_odometry=False)
    assert log.accepted()[0] < RATE_HZ
    assert len(log.accepted()) > 0.75 * len(truth)
    assert sum(log.wrong[i] for i in log.accepted()) == 0
    assert log.tf_error_m == []


def test_odometry_far_worse_than_the_settings_say(truth):
    """Ten times the drift allowed for: confirmation finds the robot again and again, every jump confirmed."""
    rng = np.random.default_rng(0)
    settings = TrackerSettings(odometry_drift_m_per_m=0.002, odometry_drift_deg_per_m=0.01, agreement_m=0.1)
    log = drive(
        truth, drifting(truth, rng), rng, gaps=[(i, i + 80) for i in range(100, 2000, 200)], tracker=Tracker(settings)
    )
    assert all(any(v.accepted for v in log.verdicts[i + 80 : i + 110]) for i in range(100, 1900, 200))
    assert max(log.tf_error_m) < 1.5
