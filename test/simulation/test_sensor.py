# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The camera's electronics: exposure follows the light within limits, noise has the right size, all can be left out."""

from dataclasses import replace

import numpy as np
import pytest

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import Camera
from neumap_ros.simulation.sensor import (
    ELECTRONS_PER_UNIT_S,
    EXPOSURE_LAG_S,
    FULL_WELL_E,
    MID_GREY,
    READ_NOISE_E,
    Exposure,
    SensorSettings,
    auto_exposure,
    developed,
    metered,
    through_lens,
)

CAMERA = Camera('PINHOLE', 160, 120, (112.0, 112.0, 80.0, 60.0))
PLAIN = SensorSettings(noise=False, response=False, dirt=False, vignetting=False, white_balance=False)


def grey(level, size=(120, 160)):
    return np.full((*size, 3), level, dtype=np.float32)


def exposures(levels, settings=PLAIN, step_s=0.1, restarts=()):
    light = np.array([[level] * 3 for level in levels])
    return auto_exposure(light, step_s * np.arange(len(levels)), settings, restarts)


@pytest.mark.parametrize('level', [0.02, 0.1, 1.0, 20.0])
def test_whatever_the_light_the_picture_is_mid_grey(level):
    (exposure,) = exposures([level])
    pixels = developed(grey(level), exposure, PLAIN, 0)
    assert np.abs(pixels / 255 - MID_GREY).max() < 0.01


def test_in_little_light_the_shutter_stays_open_and_then_the_gain_rises_to_its_limit():
    bright, dim, dark, black = (exposures([level])[0] for level in (1.0, 0.05, 0.01, 1e-6))
    assert bright.time_s < dim.time_s < PLAIN.max_exposure_s and bright.gain == dim.gain == 1
    assert dark.time_s == black.time_s == PLAIN.max_exposure_s
    assert 1 < dark.gain < black.gain == PLAIN.max_gain
    (sun,) = exposures([1e6])
    assert sun.time_s == PLAIN.min_exposure_s and developed(grey(1e6), sun, PLAIN, 0).min() == 255


def test_exposure_follows_a_change_of_the_light_with_a_lag():
    (before, *after) = exposures([1.0] + [0.1] * 20, step_s=EXPOSURE_LAG_S / 3)
    times = np.array([exposure.time_s for exposure in after])
    assert np.all(np.diff(times) > 0)
    assert times[0] < 3 * before.time_s
    # After the lag, 63 % of the way in stops is done.
    assert np.log(times[2] / before.time_s) / np.log(10) == pytest.approx(1 - np.exp(-1), abs=1e-6)
    assert times[-1] == pytest.approx(10 * before.time_s, rel=0.01)


def test_a_camera_carried_elsewhere_remembers_nothing():
    jumped = exposures([1.0, 1.0, 0.1], restarts=(2,))
    assert jumped[2] == exposures([0.1])[0]


def test_without_auto_exposure_the_time_is_fixed():
    fixed = replace(PLAIN, auto_exposure=False, exposure_s=0.004)
    assert exposures([1.0, 0.001], fixed) == [Exposure(0.004), Exposure(0.004)]


def test_white_balance_takes_most_of_the_colour_of_the_light_away():
    light = np.array([[0.4, 0.8, 1.2]])
    balanced, raw = (
        auto_exposure(light, np.zeros(1), replace(PLAIN, white_balance=on))[0].balance_3 for on in (True, False)
    )
    assert raw == (1.0, 1.0, 1.0)
    seen = light[0] * balanced
    assert 1.1 < seen.max() / seen.min() < 1.5


def test_noise_is_that_of_photons_and_of_reading_out():
    settings = replace(PLAIN, noise=True)
    for level, gain in ((0.5, 1.0), (0.05, 1.0), (0.004, 16.0)):
        exposure = Exposure(0.005, gain)
        pixels = developed(grey(level, (300, 300)), exposure, settings, 3).astype(float)
        electrons = level * ELECTRONS_PER_UNIT_S * exposure.time_s
        expected = np.sqrt(electrons + READ_NOISE_E**2) * gain / FULL_WELL_E * 255
        rounding = 1 / 12
        assert pixels.std() == pytest.approx(np.sqrt(expected**2 + rounding), rel=0.1)
        assert pixels.mean() == pytest.approx(electrons * gain / FULL_WELL_E * 255, abs=0.6)


def test_the_same_seed_and_frame_give_the_same_noise_and_others_do_not():
    settings, exposure = replace(PLAIN, noise=True, seed=4), Exposure(0.005)
    first = developed(grey(0.2), exposure, settings, 7)
    assert np.array_equal(first, developed(grey(0.2), exposure, settings, 7))
    assert not np.array_equal(first, developed(grey(0.2), exposure, settings, 8))
    assert not np.array_equal(first, developed(grey(0.2), exposure, replace(settings, seed=5), 7))


def test_the_curve_brightens_the_shadows():
    exposure = Exposure(MID_GREY * FULL_WELL_E / ELECTRONS_PER_UNIT_S)
    linear = developed(grey(1.0), exposure, PLAIN, 0)
    curved = developed(grey(1.0), exposure, replace(PLAIN, response=True), 0)
    assert linear.mean() == pytest.approx(255 * MID_GREY, abs=1)
    assert curved.mean() == pytest.approx(124, abs=1)  # sRGB of 20 % grey


def test_vignetting_darkens_the_corners_only():
    seen = through_lens(grey(1.0), CAMERA, replace(PLAIN, vignetting=True))
    assert seen[60, 80].min() > 0.99
    assert 0.4 < seen[0, 0].max() < 0.6
    assert np.array_equal(through_lens(grey(1.0), CAMERA, PLAIN), grey(1.0))


def test_dirt_scatters_light_and_stays_where_it_is():
    checks = (np.indices((120, 160)).sum(axis=0) // 4 % 2)[..., None].repeat(3, axis=2).astype(np.float32)
    dirty = replace(PLAIN, dirt=True, seed=1)
    lost = np.abs(through_lens(checks, CAMERA, dirty) - checks).mean(axis=2)
    assert 0.1 < lost.max() < 0.4
    assert (lost < 0.01).mean() > 0.3
    again = np.abs(through_lens(1 - checks, CAMERA, dirty) - (1 - checks)).mean(axis=2)
    assert np.corrcoef(lost.ravel(), again.ravel())[0, 1] > 0.9
    elsewhere = np.abs(through_lens(checks, CAMERA, replace(dirty, seed=2)) - checks).mean(axis=2)
    assert np.corrcoef(lost.ravel(), elsewhere.ravel())[0, 1] < 0.7
    assert np.allclose(through_lens(grey(0.7), CAMERA, dirty), 0.7, atol=1e-5)


def test_a_lamp_in_view_counts_no_more_than_a_white_wall():
    room = grey(0.1)
    room[:6, :6] = 1000
    assert metered(room) == pytest.approx([0.1] * 3, rel=0.01)


@pytest.mark.parametrize(
    'bad',
    [{'max_gain': 0.5}, {'exposure_s': 0.0}, {'max_exposure_s': 1e-6}, {'readout_s': -1.0}, {'seed': -1}],
    ids=lambda bad: next(iter(bad)),
)
def test_impossible_cameras_are_refused(bad):
    with pytest.raises(ConfigError, match='expected'):
        SensorSettings(**bad)
