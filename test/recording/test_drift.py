# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import Pose
from neumap_ros.recording.drift import DriftSettings, drifting_odometry, measured_drift

NONE = DriftSettings(0.0, 0.0)


def about_z(angle_rad):
    c, s = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def straight(metres, steps):
    start = Pose(about_z(0.7), np.array([3.0, -2.0, 1.0]))
    return [start @ Pose(np.eye(3), np.array([metres * i / steps, 0, 0])) for i in range(steps + 1)]


def circle(radius, steps):
    return [
        Pose(about_z(a), radius * np.array([math.sin(a), 1 - math.cos(a), 0]))
        for a in np.linspace(0, 2 * math.pi, steps)
    ]


def test_without_drift_odometry_is_the_motion_from_the_start():
    truth = circle(4.0, 300)
    odometry = drifting_odometry(truth, NONE)
    assert np.array_equal(odometry[0].matrix_44, np.eye(4))
    for measured, true in zip(odometry, truth, strict=True):
        distance, angle_deg = measured.error_to(truth[0].inverse() @ true)
        assert distance < 1e-9
        assert angle_deg < 1e-6
    assert measured_drift(truth, odometry) == pytest.approx((0, 0), abs=1e-9)


@pytest.mark.parametrize('steps', [50, 1000])
def test_after_ten_metres_the_error_is_what_was_asked_for_however_fine_the_steps(steps):
    truth = straight(10.0, steps)
    along_m, turned_deg = [], []
    for seed in range(200):
        end = drifting_odometry(truth, DriftSettings(0.02, 1.0, seed))[-1]
        along_m.append(end.translation_3[0] - 10.0)
        turned_deg.append(math.degrees(math.atan2(end.rotation_33[1, 0], end.rotation_33[0, 0])))
    assert np.sqrt(np.mean(np.square(along_m))) == pytest.approx(0.2, rel=0.1)
    assert np.sqrt(np.mean(np.square(turned_deg))) == pytest.approx(1.0, rel=0.1)
    assert {np.sign(error) for error in turned_deg} == {-1.0, 1.0}


def test_the_error_grows_with_the_distance():
    truth = straight(40.0, 400)
    figures = [measured_drift(truth, drifting_odometry(truth, DriftSettings(0.02, 1.0, seed))) for seed in range(50)]
    per_m, per_10m = np.sqrt(np.mean(np.square(figures), axis=0))
    assert 0.02 < per_m < 0.03  # a turn of a degree on the way adds to the two per cent
    assert per_10m == pytest.approx(1.0, rel=0.1)
    ends = [drifting_odometry(truth, DriftSettings(0.02, 1.0, seed))[-1] for seed in range(50)]
    turned = [math.degrees(math.atan2(end.rotation_33[1, 0], end.rotation_33[0, 0])) for end in ends]
    assert 3.2 < np.sqrt(np.mean(np.square(turned))) < 4.2


def test_standing_still_nothing_drifts():
    pose = straight(1.0, 1)[0]
    odometry = drifting_odometry([pose] * 100, DriftSettings(0.5, 90.0))
    assert all(np.allclose(sample.matrix_44, np.eye(4), rtol=0, atol=1e-9) for sample in odometry)
    assert all(math.isnan(figure) for figure in measured_drift([pose] * 100, odometry))


def test_the_same_seed_gives_the_same_drift():
    truth = circle(4.0, 100)
    first, second, other = (
        np.array([pose.matrix_44 for pose in drifting_odometry(truth, DriftSettings(seed=seed))]) for seed in (5, 5, 6)
    )
    assert np.array_equal(first, second)
    assert not np.allclose(first, other)


@pytest.mark.parametrize('values', [(-0.1, 1.0), (0.02, math.nan), (0.9, 1.0), (0.02, 91.0)])
def test_drift_out_of_range_is_refused(values):
    with pytest.raises(ConfigError, match='expected from 0'):
        DriftSettings(*values)
