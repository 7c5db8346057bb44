# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A robot that follows paths: within its limits, smooth, with stops and turns."""

from itertools import pairwise

import numpy as np
import pytest

from neumap_ros.errors import ConfigError
from neumap_ros.simulation import steering
from neumap_ros.simulation.motion import GRAVITY_M_S2, Motion
from neumap_ros.simulation.steering import Gait, Pause, drive_path

L_PATH = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 3.0], [1.0, 3.0], [4.0, 3.0], [6.0, 3.0]])


def driven(path=L_PATH, gait=Gait(), pauses=(), start_s=0.0):  # noqa: B008 - frozen
    leg = drive_path(path, gait, np.random.default_rng(0), pauses, start_s)
    times = np.arange(leg.start_s, leg.end_s, 0.01)
    return leg, times, leg.curves(times), leg.curves(times, 1), leg.curves(times, 2)


def test_the_robot_arrives_within_its_limits():
    gait = Gait(0.8, 0.5, 45.0, 100.0)
    _, _, places, rates, accelerations = driven(gait=gait)
    assert np.hypot(*(places[0, :2] - L_PATH[0])) < 0.01
    assert np.hypot(*(places[-1, :2] - L_PATH[-1])) < 0.1
    speed = np.hypot(rates[:, 0], rates[:, 1])
    assert speed.max() == pytest.approx(0.8, abs=0.01)
    assert speed[[0, -1]].max() < 1e-3
    assert np.degrees(np.abs(rates[:, 3])).max() < 45.5
    forward = rates[:, 0] * np.cos(places[:, 3]) + rates[:, 1] * np.sin(places[:, 3])
    assert np.abs(np.gradient(forward, 0.01)).max() < 0.55
    assert np.degrees(np.abs(accelerations[:, 3])).max() < 110
    # A differential drive does not slide sideways; smoothing lets it a little.
    sideways = rates[:, 1] * np.cos(places[:, 3]) - rates[:, 0] * np.sin(places[:, 3])
    assert np.abs(sideways).max() < 0.06


def test_the_robot_stays_near_its_path():
    _, _, places, _, _ = driven()
    along = np.concatenate([np.linspace(a, b, 100) for a, b in pairwise(L_PATH)])
    distance = np.linalg.norm(places[:, None, :2] - along, axis=2).min(axis=1)
    assert distance.max() < 0.25


def test_pauses_stop_it_and_turn_it_round():
    _, times, places, rates, _ = driven(pauses=[Pause(2.0, stand_s=3.0), Pause(5.5, 0.0, turn_rad=2 * np.pi)])
    standing = np.hypot(rates[:, 0], rates[:, 1]) < 1e-4
    at_two_metres = standing & (np.abs(places[:, 0] - 2.0) < 0.3) & (places[:, 1] < 0.5)
    assert np.ptp(times[at_two_metres]) > 2.2  # smoothing takes a little off both ends
    turning = standing & (np.abs(places[:, 0] - 4.0) < 0.3) & (np.abs(places[:, 1] - 1.5) < 0.4)
    assert np.ptp(places[turning, 3]) == pytest.approx(2 * np.pi, abs=0.35)


def test_the_floor_shakes_a_robot_only_while_it_drives():
    _, _, places, rates, _ = driven(pauses=[Pause(2.0, stand_s=3.0)])
    assert 0.1 < np.degrees(places[:, 4].std()) < 0.6
    standing = np.hypot(rates[:, 0], rates[:, 1]) < 1e-6
    assert standing.sum() > 100
    assert np.abs(rates[standing][:, [2, 4, 5]]).max() < 1e-3


@pytest.mark.parametrize('dead_end_m', [0.3, 0.5, 0.8])
def test_short_dead_ends_are_driven_to_their_end(dead_end_m):
    path = np.array([[0.0, 0.0], [3.0, 0.0], [3.0 + dead_end_m, 0.0], [3.0, 0.0], [3.0, 2.0]])
    leg, _, places, _, _ = driven(path)
    assert places[:, 0].max() == pytest.approx(3.0 + dead_end_m, abs=0.1)
    assert places[-1, 1] == pytest.approx(2.0, abs=0.1)
    assert leg.end_s < 40


def test_a_robot_that_cannot_arrive_gives_up(monkeypatch):
    monkeypatch.setattr(steering, '_MAX_S', 5.0)
    with pytest.raises(ConfigError, match='did not arrive'):
        driven()


def test_motion_is_continuous_and_jumps_only_between_legs():
    first, *_ = driven(L_PATH[:3])
    second, *_ = driven(L_PATH[::-1][:3], start_s=first.end_s)
    motion = Motion([first, second])
    assert motion.leg_number(first.end_s - 1e-9) == 0 and motion.leg_number(first.end_s) == 1
    before, after = motion.pose(first.end_s - 1e-6), motion.pose(first.end_s)
    assert before.error_to(after)[0] > 1
    # A camera that exposes around the jump sees the motion of its own leg.
    assert before.error_to(motion.pose(first.end_s + 0.01, leg=0))[0] < 1e-3
    assert motion.end_s == second.end_s


def test_rates_are_the_derivatives_of_the_pose():
    leg, *_ = driven()
    motion = Motion([leg])
    times = np.linspace(1.5, leg.end_s - 1.5, 23)
    angular, force = motion.rates(times)
    h = 1e-4
    for time_s, w, f in zip(times, angular, force, strict=True):
        here, then, earlier = (motion.pose(t) for t in (time_s, time_s + h, time_s - h))
        turn = here.rotation_33.T @ (then.rotation_33 - earlier.rotation_33) / (2 * h)
        assert np.allclose([turn[2, 1], turn[0, 2], turn[1, 0]], w, atol=1e-5)
        acceleration = (then.translation_3 - 2 * here.translation_3 + earlier.translation_3) / h**2
        assert np.allclose(here.rotation_33.T @ (acceleration + np.array([0, 0, GRAVITY_M_S2])), f, atol=1e-3)
