# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Intervals, curves and the choice of points that stand for many."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neumap_ros.evaluation.html import statistics, words
from neumap_ros.evaluation.metrics import EXPECTED_COVERAGE


def test_shares_have_wilsons_interval():
    """Newcombe 1998, table I: 81 of 263 and 0 of 20."""
    one = statistics.share(81, 263)
    assert (round(one.low, 4), round(one.high, 4)) == (0.2553, 0.3662)
    none = statistics.share(0, 20)
    assert none.low == 0
    assert round(none.high, 4) == 0.1611


def test_a_share_without_cases_is_unknown():
    assert math.isnan(statistics.share(0, 0).value)
    assert math.isnan(statistics.share_of(math.nan, 20).low)
    assert math.isnan(statistics.largest_rate(0, 0))


def test_a_share_that_was_counted_elsewhere_keeps_its_count():
    assert statistics.share_of(7 / 30, 30) == statistics.share(7, 30)


def test_no_event_in_many_cases_rules_out_three_in_as_many():
    """The rule of three."""
    for cases in (100, 1000):
        assert statistics.largest_rate(0, cases) == pytest.approx(3 / cases, rel=0.02)


def test_a_curve_counts_failures():
    values = [0.1, 0.2, math.inf, math.nan]
    assert statistics.curve(values, 4, [0.05, 0.1, 0.15, 5.0]).tolist() == [0, 0.25, 0.25, 0.5]
    assert np.isnan(statistics.curve([], 0, [1.0])).all()


def test_the_band_is_the_interval():
    low, high = statistics.wilson_band(np.array([0.0, 0.3, 1.0]), 40)
    for index, successes in enumerate((0, 12, 40)):
        one = statistics.share(successes, 40)
        assert (low[index], high[index]) == pytest.approx((one.low, one.high))


def test_mcnemars_test_compares_the_same_images():
    """Of 10 images on which two runs differ, 9 to 1: two-sided binomial, 2 (1 + 10) / 1024."""
    first = np.array([True] * 9 + [False] + [True] * 50)
    second = np.array([False] * 9 + [True] + [True] * 50)
    only_first, only_second, chance = statistics.paired_chance(first, second)
    assert (only_first, only_second) == (9, 1)
    assert chance == pytest.approx(22 / 1024)
    assert statistics.paired_chance(first, first) == (0, 0, 1.0)


@pytest.mark.parametrize(('right', 'cases', 'off'), [(74, 100, 0), (73, 100, 0), (40, 100, -1), (99, 100, 1)])
def test_a_coverage_is_off_only_where_chance_does_not_explain_it(right, cases, off):
    assert np.sign(statistics.coverage_off(statistics.share(right, cases), EXPECTED_COVERAGE[1])) == off


def test_a_coverage_within_five_points_is_fine_with_many_samples():
    assert statistics.coverage_off(statistics.share(70_000, 100_000), EXPECTED_COVERAGE[1]) == 0


def test_streaks():
    assert statistics.streaks(np.array([1, 1, 0, 1, 0, 0, 1], dtype=bool)) == [(0, 1), (3, 3), (6, 6)]
    assert statistics.streaks(np.zeros(3, dtype=bool)) == []
    assert statistics.streaks(np.ones(3, dtype=bool)) == [(0, 2)]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 12), st.randoms(use_true_random=False))
def test_a_thinned_line_keeps_its_extremes_and_what_must_stay(count, buckets, random):
    time = np.sort([random.random() for _ in range(count)])
    values = np.array([random.choice([random.random(), math.nan]) for _ in range(count)])
    keep = np.array([random.random() < 0.01 for _ in range(count)])
    chosen = statistics.thin_line(time, values, keep, buckets)
    assert (np.diff(chosen) > 0).all()
    assert len(chosen) <= 4 * buckets + keep.sum()
    assert set(np.flatnonzero(keep)) <= set(chosen) or len(chosen) == count
    if np.isfinite(values).any():
        assert np.nanmax(values[chosen]) == np.nanmax(values)
        assert np.nanmin(values[chosen]) == np.nanmin(values)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(1, 50), st.randoms(use_true_random=False))
def test_thinned_marks_hold_the_worst(count, most, random):
    places = np.array([[random.random(), random.random()] for _ in range(count)])
    badness = np.array([random.random() for _ in range(count)])
    chosen = statistics.thin_marks(places, badness, most, 0.01)
    assert len(chosen) <= max(most, 1)
    assert badness.argmax() in chosen


def test_thinned_marks_take_the_worst_of_every_cell():
    places = np.array([[0.1, 0.1], [0.2, 0.2], [5.1, 5.1], [5.2, 5.2]])
    assert statistics.thin_marks(places, np.array([1, 2, 4, 3.0]), 2, 1.0).tolist() == [1, 2]


@pytest.mark.parametrize(
    ('value', 'text'),
    [(0.0, '0 %'), (0.0004, '<0.1 %'), (0.5, '50 %'), (0.9996, '99.9 %'), (1.0, '100 %'), (math.nan, '–')],  # noqa: RUF001
)
def test_shares_are_never_rounded_to_all_or_nothing(value, text):
    assert words.percent(value) == text


def test_long_names_keep_both_ends():
    assert words.short('a' * 100 + 'b' * 100, 11) == 'aaaaa…bbbbb'
    assert words.for_plotly('<b>&') == '&lt;b&gt;&amp;'
