# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every figure against runs of which it is known."""

import math
from dataclasses import replace

import numpy as np
import pytest
from runs import START_NS, STEP_NS, new_row, new_run, pose_at

from neumap_ros.evaluation.run_figures import figures, figures_by
from neumap_ros.evaluation.run_rows import judged
from neumap_ros.evaluation.run_types import AttemptRow

S = 1_000_000_000


def at(second, *, accepted=True, **more):
    """An attempt at a second after the start."""
    return replace(new_row(round(second * 10), accepted=accepted, **more), stamp_ns=START_NS + round(second * S))


def refused(index, off_m):
    """An attempt whose pose was not accepted, off by so much."""
    row = new_row(index, error_m=off_m)
    return replace(row, accepted=False, reason='ambiguous', error_m=math.inf, error_deg=math.inf, sigmas=math.nan)


def test_missing_answers_are_failures():
    rows = [new_row(0, error_m=0.01), new_row(1, error_m=0.09), new_row(2, error_m=2.0)]
    rows += [refused(3, 0.02), refused(4, 3.0), new_row(5, accepted=False)]
    found = figures(new_run(rows))
    assert (found.attempts, found.judged, found.accepted, found.map_bytes) == (6, 6, 3, 1234)
    assert found.reasons == {'ok': 3, 'ambiguous': 2, 'few_inliers': 1}
    assert list(found.recall) == ['5 cm, 5 deg', '0.25 m, 2 deg', '0.5 m, 5 deg', '5 m, 10 deg']
    assert list(found.recall.values()) == pytest.approx([1 / 6, 2 / 6, 2 / 6, 3 / 6])
    assert (found.fine_recall, found.coarse_recall) == pytest.approx((1 / 6, 2 / 6))
    assert (found.wrong, found.false_fixes) == (1, 1)
    assert (found.right_estimates, found.kept) == (3, pytest.approx(2 / 3))
    assert found.median_error_m == math.inf
    assert (found.fix_errors.count, found.fix_errors.median_m, found.fix_errors.max_m) == (3, 0.09, 2.0)
    # errors of 0.5, 4.5 and 100 standard deviations
    assert found.coverage == pytest.approx((1 / 3, 1 / 3, 1 / 3))


@pytest.mark.parametrize(
    ('error_m', 'error_deg', 'false', 'wrong'), [(0.9, 9, 0, 1), (1.1, 0, 1, 1), (0, 11, 1, 1), (0.4, 4, 0, 0)]
)
def test_a_false_fix_is_worse_than_a_metre_or_ten_degrees(error_m, error_deg, false, wrong):
    found = figures(new_run([replace(new_row(0), error_m=error_m, error_deg=error_deg)]))
    assert (found.false_fixes, found.wrong) == (false, wrong)


def test_thresholds_follow_the_scale():
    run = new_run([new_row(0, error_m=2.0)], metric=False, extent=100.0)
    found = figures(run)
    assert (found.wrong, found.false_fixes, found.fine_recall) == (0, 0, 0)
    assert list(found.recall) == ['1 %, 5 deg', '3 %, 2 deg', '5 %, 5 deg']
    assert list(found.recall.values()) == [0, 1, 1]
    assert figures(replace(run, extent=10.0)).false_fixes == 1


def test_attempts_without_truth_are_not_judged():
    unknown = AttemptRow(name='x', stamp_ns=START_NS, reason='ok', accepted=True, estimate=pose_at(1))
    found = figures(new_run([unknown, new_row(1)]))
    assert (found.attempts, found.judged, found.accepted) == (2, 1, 2)
    assert found.recall['5 cm, 5 deg'] == 1


def test_figures_of_nothing():
    found = figures(new_run([]))
    assert found.attempts == found.false_fixes == found.jumps == found.drops == 0
    assert math.isnan(found.kept) and math.isnan(found.median_error_m) and math.isnan(found.first_fix_s)
    assert all(math.isnan(share) for share in found.availability.values())
    assert figures_by(new_run([]), 'revision') == {}


def test_availability_counts_the_time_and_not_the_attempts():
    # Ten seconds: fixes at 2 and 3 s, then attempts without one.
    rows = [at(0, accepted=False), at(2), at(3), at(4, accepted=False), at(10, accepted=False)]
    found = figures(new_run(rows))
    assert found.span_s == 10
    # A pose not older than 0.5 s: from 2 to 2.5 and from 3 to 3.5; than 5 s: from 2 to 8.
    assert found.availability == pytest.approx({'0.5 s': 0.1, '1 s': 0.2, '2 s': 0.3, '5 s': 0.6})
    assert found.first_fix_s == 2
    # Since the first fix the age runs from 0 to 1 and then from 0 to 7 s.
    assert found.staleness_s == pytest.approx({'p50': 3.0, 'p95': 6.6, 'p100': 7.0})


def test_a_localizer_that_has_died_is_missing_until_the_end():
    run = new_run([at(0), at(1)])
    assert figures(run).availability['1 s'] == 1
    longer = replace(run, start_ns=START_NS - 2 * S, end_ns=START_NS + 8 * S)
    found = figures(longer)
    assert (found.span_s, found.first_fix_s) == (10, 2)
    assert found.availability['1 s'] == pytest.approx(0.2)


def test_in_a_live_run_a_fix_counts_when_it_has_arrived():
    rows = [replace(at(second), latency_ms=250.0) for second in range(11)]
    assert figures(new_run(rows)).availability['0.5 s'] == pytest.approx(0.5)
    found = figures(new_run(rows, kind='live'))
    assert found.first_fix_s == 0.25
    # Of each second from 0.25 to 0.5.
    assert found.availability['0.5 s'] == pytest.approx(0.25)
    assert found.staleness_s['p100'] == pytest.approx(1.25)


def test_a_bag_in_a_loop_is_two_drives():
    rows = [at(0), at(1), at(2, accepted=False), at(0, accepted=False), at(1), at(2)]
    found = figures(new_run(rows))
    assert found.span_s == 4
    # In the second drive nothing is known until its own first fix.
    assert found.availability['5 s'] == pytest.approx(3 / 4)


def test_photographs_of_several_days_are_no_drive():
    rows = [at(0), at(1), at(86_400), at(86_401), at(200_000)]
    assert figures(new_run(rows, kind='images')).span_s == 2
    assert figures(new_run(rows, kind='images')).availability['1 s'] == 1
    assert figures(new_run(rows, kind='replay')).span_s == 200_000


def test_the_time_until_the_robot_knows_that_it_was_carried_off():
    rows = [at(second / 10) for second in range(50)]
    there = [replace(at(5 + second / 10), truth=pose_at(20 + second / 10)) for second in range(50)]
    lies = [judged(replace(row, estimate=pose_at(5)), row.truth) for row in there[:10]]
    lost = [judged(replace(row, estimate=None, accepted=False), row.truth) for row in there[10:13]]
    back = [judged(replace(row, estimate=row.truth), row.truth) for row in there[13:]]
    found = figures(new_run([*rows, *lies, *lost, *back]))
    assert (found.kidnappings, found.relocalized, found.false_fixes) == (1, 1, 10)
    assert found.relocalization_s == pytest.approx((1.3,))
    never = figures(new_run([*rows, *lies]))
    assert (never.kidnappings, never.relocalized, never.relocalization_s) == (1, 0, (math.inf,))


def test_a_fast_robot_is_not_carried_off():
    """At 10 m/s an image a second is ten metres from the one before; braking hard is no jump either."""
    places = np.cumsum([0, 10, 10, 10, 10, 6, 2, 0, 0, 4, 8, 10])
    rows = [replace(at(second), truth=pose_at(x)) for second, x in enumerate(places)]
    assert figures(new_run(rows)).kidnappings == 0


def test_jumps_and_drops():
    rows = [
        replace(new_row(0), correction_m=math.nan, dropped=2),
        replace(new_row(1), correction_m=0.4, correction_rad=0.01, dropped=1),
        replace(new_row(2), correction_m=0.6, correction_rad=0.0),
        replace(new_row(3), correction_m=0.0, correction_rad=math.radians(6)),
        replace(new_row(4, accepted=False), correction_m=9.0),
    ]
    found = figures(new_run(rows))
    assert (found.jumps, found.drops) == (2, 3)


def test_latency_percentiles_and_stages():
    rows = [replace(new_row(i), latency_ms=float(i), stages_ms={'features_ms': i / 2}) for i in range(101)]
    found = figures(new_run(rows))
    assert found.latency_ms == {'p50': 50, 'p95': 95, 'p99': 99}
    assert found.stages_ms == {'features_ms': (25, 47.5)}


def test_figures_of_each_revision_and_condition_add_up():
    rows = [replace(new_row(i, error_m=0.01 if i < 30 else 0.3), revision=1 if i < 30 else 2) for i in range(60)]
    rows = [replace(row, condition='night' if 20 <= i < 50 else 'day') for i, row in enumerate(rows)]
    run = new_run(rows)
    run = replace(run, map=replace(run.map, bytes_by_revision={1: 1000, 2: 900}))
    revisions, conditions = figures_by(run, 'revision'), figures_by(run, 'condition')
    assert [(name, part.attempts, part.map_bytes) for name, part in revisions.items()] == [
        ('1', 30, 1000),
        ('2', 30, 900),
    ]
    assert revisions['1'].fine_recall == 1 and revisions['2'].fine_recall == 0
    assert {name: part.attempts for name, part in conditions.items()} == {'day': 30, 'night': 30}
    assert sum(part.span_s for part in revisions.values()) == pytest.approx(figures(run).span_s) == 59 * STEP_NS / S
    assert revisions['2'].first_fix_s == 0


def test_the_rotation_has_a_coverage_of_its_own():
    rows = [judged(replace(new_row(i), estimate=pose_at(0.1 * i, 0.02, yaw)), pose_at(0.1 * i)) for i, yaw in
            enumerate((0.0, 0.5, 1.0, 1.5, 5.0))]  # fmt: skip
    # A standard deviation is 0.01 rad, 0.573 degrees.
    assert figures(new_run(rows)).rotation_coverage == pytest.approx((2 / 5, 3 / 5, 4 / 5))
    assert figures(new_run(rows)).coverage == (1, 1, 1)
