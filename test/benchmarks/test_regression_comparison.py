# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What counts as better, worse or neither against a baseline."""

import numpy as np
import pytest
from regression_cases import make_case, with_times

from benchmarks.regression.comparison import Verdict, compare, slower
from benchmarks.regression.results import CaseResult

NAME = 'world-flat/night/100kB'
RIGHT = [0.01] * 60


def verdicts(comparison, verdict=Verdict.WORSE):
    return {(change.scope, change.figure) for change in comparison.of(verdict)}


def test_nothing_changes_against_itself():
    case = make_case(NAME, [*RIGHT, None, 0.3, 7.0])
    comparison = compare([case], [case])
    assert not comparison.is_worse
    assert {change.verdict for change in comparison.changes} == {Verdict.SAME}
    assert comparison.notes == ()
    assert all(change.gained == change.lost == 0 for change in comparison.changes if change.gained is not None)


def test_lost_queries_are_worse_and_found_ones_better():
    few, many = make_case(NAME, [*RIGHT[:40], *[None] * 20]), make_case(NAME, RIGHT)
    worse = compare([many], [few])
    assert worse.is_worse
    lost = next(change for change in worse.changes if change.figure == 'recall 0.25 m, 2 deg')
    assert (lost.before, lost.after, lost.gained, lost.lost) == (1.0, pytest.approx(2 / 3), 0, 20)
    assert lost.p == pytest.approx(2 / 2**20)
    better = compare([few], [many])
    assert not better.is_worse
    assert verdicts(better, Verdict.BETTER) == verdicts(worse)


def test_a_few_lost_queries_are_chance():
    """Five of sixty for none: p = 0.06, and many figures are looked at."""
    comparison = compare([make_case(NAME, RIGHT)], [make_case(NAME, [*RIGHT[:55], *[None] * 5])])
    assert not comparison.is_worse
    assert any(change.lost == 5 for change in comparison.changes)


def test_equal_shares_of_other_queries_are_pairs_in_both_directions():
    before = make_case(NAME, [*RIGHT[:30], *[None] * 30])
    after = make_case(NAME, [*[None] * 30, *RIGHT[:30]])
    change = next(c for c in compare([before], [after]).changes if c.figure == 'recall 5 cm, 5 deg')
    assert (change.gained, change.lost, change.direction, change.verdict) == (30, 30, 0, Verdict.SAME)


def test_what_no_case_shows_all_of_them_together_do():
    names = [f'world-{name}/night/100kB' for name in ('a', 'b', 'c', 'd', 'e', 'f')]
    before = [make_case(name, RIGHT) for name in (*names, 'world-a/day/100kB')]
    after = [*(make_case(name, [*RIGHT[:56], *[None] * 4]) for name in names), before[-1]]
    worse = verdicts(compare(before, after))
    assert ('all', 'recall 5 cm, 5 deg') in worse
    assert ('all night', 'recall 5 cm, 5 deg') in worse
    # The group of all worlds would be that of all cases.
    assert {scope for scope, _ in worse} == {'all', 'all night'}


def test_more_false_fixes_are_worse():
    before = make_case(NAME, [*RIGHT, *[None] * 20])
    after = make_case(NAME, [*RIGHT, *[3.0] * 20])
    assert (NAME, 'false fixes') in verdicts(compare([before], [after]))
    assert (NAME, 'false fixes') in verdicts(compare([after], [before]), Verdict.BETTER)


def test_larger_errors_are_worse_beyond_the_tolerance():
    rng = np.random.default_rng(3)
    errors = list(rng.uniform(0.005, 0.015, 60))
    before = make_case(NAME, errors)
    assert (NAME, 'median error, m') in verdicts(compare([before], [make_case(NAME, [1.3 * e for e in errors])]))
    # Surely larger, but by five percent.
    slightly = compare([before], [make_case(NAME, [1.05 * e for e in errors])])
    change = next(c for c in slightly.changes if c.figure == 'median error, m')
    assert change.p < 1e-6
    assert change.verdict is Verdict.SAME


@pytest.mark.parametrize('sigma_m', [0.0005, 5.0])
def test_coverage_away_from_its_nominal_share_is_worse_on_both_sides(sigma_m):
    rng = np.random.default_rng(4)
    # Along one axis only: sigmas of a normal error lie within 1, 2, 3 for 68, 95, 99.7 percent.
    errors = list(0.02 * rng.normal(size=200) * np.sqrt(3))
    before, after = (make_case(NAME, errors, sigma_m=sigma) for sigma in (0.02, sigma_m))
    assert any(figure.startswith('coverage') for _, figure in verdicts(compare([before], [after])))


def test_another_unit_than_metres_counts_in_shares_of_the_extent():
    """5 % of an extent of 10 units."""
    case = make_case('photo-fox/plain/100kB', [0.45, 0.55], metric=False)
    change = next(c for c in compare([case], [case]).changes if c.figure == 'recall 0.5 m, 5 deg')
    assert change.before == 0.5


def test_of_another_place_only_false_fixes_count():
    name = 'world-flat/elsewhere/100kB'
    comparison = compare([make_case(name, [None] * 30)], [make_case(name, [*[500.0] * 20, *[None] * 10])])
    assert verdicts(comparison) == {(name, 'false fixes')}
    assert {change.figure for change in comparison.changes} == {'false fixes'}


def test_where_tf_puts_the_robot_counts_between_two_fixes_too():
    """The same fixes, but what odometry carries on from them is wrong where there are none."""
    name, fixes = 'world-flat/drive-day/100kB', [*RIGHT, *[None] * 20]
    before = make_case(name, fixes, robot_m=[0.02] * 80)
    after = make_case(name, fixes, robot_m=[*[0.02] * 60, *[0.8] * 10, *[None] * 10])
    comparison = compare([before], [after])
    assert verdicts(comparison) == {(name, 'TF within 0.5 m, 5 deg')}
    change = comparison.of(Verdict.WORSE)[0]
    assert (change.before, change.after, change.gained, change.lost) == (1.0, 0.75, 0, 20)
    # Single images have no TF.
    case = make_case(NAME, RIGHT)
    assert not any(change.figure.startswith('TF') for change in compare([case], [case]).changes)


def test_queries_are_paired_by_what_they_are():
    before = make_case(NAME, [*RIGHT[:30], *[None] * 30])
    names = [f'q{number}' for number in range(60)]
    after = make_case(NAME, [*[None] * 30, *RIGHT[:30]], queries=names[30:] + names[:30])
    change = next(c for c in compare([before], [after]).changes if c.figure == 'recall 5 cm, 5 deg')
    assert (change.gained, change.lost) == (0, 0)


def test_other_queries_are_compared_by_shares_and_said_to_be():
    before = make_case(NAME, RIGHT)
    after = make_case(NAME, [*RIGHT[:20], *[None] * 40], queries=[f'new{number}' for number in range(60)])
    comparison = compare([before], [after])
    assert (NAME, 'recall 5 cm, 5 deg') in verdicts(comparison)
    assert any('no query is the same' in note for note in comparison.notes)
    change = next(c for c in comparison.changes if c.figure == 'recall 5 cm, 5 deg')
    assert change.gained is None


def test_only_the_common_queries_are_compared():
    before = make_case(NAME, RIGHT[:40])
    comparison = compare([before], [make_case(NAME, [*RIGHT[:40], *[None] * 20])])
    assert not comparison.is_worse
    assert any('40 queries are the same, of 40 before and 60 now' in note for note in comparison.notes)


def test_other_pictures_of_the_same_queries_are_said():
    comparison = compare([make_case(NAME, RIGHT)], [make_case(NAME, RIGHT, pictures='others')])
    assert any('pictures differ' in note for note in comparison.notes)


def test_a_case_that_fails_is_worse_unless_it_failed_before():
    sound, broken = make_case(NAME, RIGHT), CaseResult(NAME, error='the disk is full')
    comparison = compare([sound], [broken])
    assert comparison.is_worse
    assert comparison.failed == (f'{NAME} failed: the disk is full',)
    assert not compare([broken], [broken]).is_worse
    assert not compare([broken], [sound]).is_worse
    assert compare([], [broken]).is_worse


def test_cases_that_are_not_in_both_are_named():
    other = make_case('photo-fox/plain/100kB', RIGHT)
    notes = compare([other], [make_case(NAME, RIGHT)]).notes
    assert notes == (f'{NAME} is not in the baseline', '1 cases of the baseline were not run')


def test_times_beyond_the_tolerance_are_found():
    case = make_case(NAME, RIGHT)
    found = slower({NAME: case}, [with_times(case, query_cpu_ms=140.0, build_cpu_s=20.0)])
    assert found == [(NAME, 'query, ms', 100.0, 140.0)]
