# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tests that tell a change from chance: known values, and what they do under pure chance."""

import math

import numpy as np
import pytest

from benchmarks.regression.statistics import holm, ratio_test, share_test, sign_test


@pytest.mark.parametrize(
    ('gained', 'lost', 'p'),
    [(0, 0, 1.0), (1, 0, 1.0), (5, 5, 1.0), (0, 5, 2 / 2**5), (10, 0, 2 / 2**10), (1, 7, 2 * 9 / 2**8)],
)
def test_the_sign_test_counts_coins(gained, lost, p):
    assert sign_test(gained, lost) == pytest.approx(p)
    assert sign_test(lost, gained) == pytest.approx(p)


def test_the_share_test_is_fishers():
    # The tea of the lady: 3 of 4 against 1 of 4.
    assert share_test(3, 4, 1, 4) == pytest.approx(34 / 70)
    assert share_test(0, 0, 3, 4) == 1.0
    assert share_test(50, 50, 25, 50) < 1e-6


def test_the_ratio_of_medians_and_its_certainty():
    rng = np.random.default_rng(1)
    before = rng.lognormal(size=60)
    ratio, p = ratio_test(before, 1.5 * before * rng.lognormal(sigma=0.2, size=60))
    assert ratio == pytest.approx(1.5, rel=0.1)
    assert p < 1e-6
    assert ratio_test(before, before) == (1.0, 1.0)


def test_a_few_differences_say_nothing():
    before = np.ones(50)
    after = before.copy()
    after[:9] = 3.0
    assert ratio_test(before, after)[1] == 1.0
    after[:10] = 3.0
    assert ratio_test(before, after)[1] < 0.01


def test_no_pairs_have_no_ratio():
    ratio, p = ratio_test(np.zeros(0), np.zeros(0))
    assert math.isnan(ratio)
    assert p == 1.0


def test_holm_by_its_definition():
    # 0.01 <= 0.05/4, 0.013 <= 0.05/3, 0.03 > 0.05/2: the third and all larger ones are not.
    assert holm([0.03, 0.01, 0.04, 0.013], 0.05) == [False, True, False, True]
    assert holm([], 0.05) == []


def test_many_comparisons_of_chance_seldom_cry_wolf():
    """Forty cases without any difference, five hundred times: alpha is that of all forty together."""
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(500):
        gained = rng.binomial(20, 0.5, size=40)
        alarms += any(holm([sign_test(int(g), 20 - int(g)) for g in gained], 0.05))
    assert alarms / 500 < 0.07
