# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The simulated inertial unit measures the drive it was on."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neumap_ros.errors import ConfigError
from neumap_ros.simulation.imu import ImuSettings, measured_imu
from neumap_ros.simulation.motion import GRAVITY_M_S2, Motion
from neumap_ros.simulation.steering import Gait, Pause, drive_path

PATH = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 3.0]])
EXACT = ImuSettings(
    gyro_noise=0, accelerometer_noise=0, gyro_bias=0, accelerometer_bias=0, gyro_walk=0, accelerometer_walk=0
)


@pytest.fixture(scope='module')
def motion():
    return Motion([drive_path(PATH, Gait(), np.random.default_rng(0), [Pause(2.0, 2.0, 2 * np.pi)])])


def test_an_exact_unit_integrates_to_the_drive(motion):
    samples = measured_imu(motion, EXACT)
    step_s = 1 / EXACT.rate_hz
    attitude = Rotation.from_matrix(motion.pose(0.0).rotation_33)
    place, speed = motion.pose(0.0).translation_3.copy(), np.zeros(3)
    for number in range(len(samples.times_s_N) - 1):
        # Trapezoids: the mean of both ends of a step.
        turn = (samples.angular_N3[number] + samples.angular_N3[number + 1]) / 2
        following = attitude * Rotation.from_rotvec(turn * step_s)
        pull = (attitude.apply(samples.force_N3[number]) + following.apply(samples.force_N3[number + 1])) / 2
        acceleration = pull - (0, 0, GRAVITY_M_S2)
        place += speed * step_s + acceleration * step_s**2 / 2
        speed += acceleration * step_s
        attitude = following
    end = motion.pose(samples.times_s_N[-1])
    assert np.linalg.norm(place - end.translation_3) < 0.02
    assert np.degrees((attitude.inv() * Rotation.from_matrix(end.rotation_33)).magnitude()) < 0.02


def test_standing_it_feels_gravity_upwards_and_its_biases(motion):
    samples = measured_imu(motion, ImuSettings(seed=3))
    still = samples.times_s_N < 0.8
    assert samples.force_N3[still].mean(axis=0) == pytest.approx([0, 0, GRAVITY_M_S2], abs=0.3)
    bias = samples.angular_N3[still].mean(axis=0)
    assert 1e-4 < np.abs(bias).max() < 0.02


def test_noise_has_the_density_that_was_asked_for(motion):
    settings = ImuSettings(gyro_bias=0, accelerometer_bias=0, gyro_walk=0, accelerometer_walk=0)
    noise = measured_imu(motion, settings).angular_N3 - measured_imu(motion, EXACT).angular_N3
    assert noise.std() == pytest.approx(settings.gyro_noise * np.sqrt(settings.rate_hz), rel=0.05)


def test_the_same_seed_measures_the_same(motion):
    first, again, other = (measured_imu(motion, ImuSettings(seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.angular_N3, again.angular_N3) and np.array_equal(first.force_N3, again.force_N3)
    assert not np.array_equal(first.angular_N3, other.angular_N3)


def test_no_rate_no_samples(motion):
    assert len(measured_imu(motion, ImuSettings(rate_hz=0)).times_s_N) == 0
    with pytest.raises(ConfigError, match='rate of the IMU'):
        ImuSettings(rate_hz=-1)
