# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the page says in words, and what it marks as best."""

import dataclasses

import numpy as np
import pytest
from report_runs import drive

from neumap_ros.evaluation.html import parts, summary, verdict
from neumap_ros.evaluation.html.chart_map import map_charts
from neumap_ros.evaluation.html.gallery import FALSE, MISSING, failures, ranks
from neumap_ros.evaluation.html.reasons import reason_bars
from neumap_ros.evaluation.html.view import ground_plane, make_views
from neumap_ros.evaluation.run_types import MapFacts
from neumap_ros.geometry import Pose


def views_of(*fields):
    runs = [drive(seed, **some)[0] for seed, some in enumerate(fields)]
    return make_views(runs, ['.'] * len(runs))


def titles(view):
    return {check.title: check.verdict for check in verdict.checks(view)}


def test_false_fixes_are_counted_and_bounded():
    (view,) = views_of({'false': 3, 'missing': 0.0})
    assert titles(view)['3 false fixes'] == verdict.BAD
    assert '3 of the 240 accepted poses were false (beyond 1 m or 10 deg)' in verdict.paragraph([view])


def test_no_false_fix_rules_a_rate_out():
    (view,) = views_of({'false': 0, 'missing': 0.0})
    assert titles(view)['no false fix'] == verdict.GOOD
    assert 'None of the 240 accepted poses was false (beyond 1 m or 10 deg); a rate above 1.2 % is ruled out.' in (
        verdict.paragraph([view])
    )


@pytest.mark.parametrize(
    ('claimed', 'title', 'kind'),
    [
        (0.01, 'covariance too small', verdict.BAD),
        (0.05, 'covariance too large', verdict.LOOK),
    ],
)
def test_a_dishonest_covariance_is_named(claimed, title, kind):
    (view,) = views_of({'sigma_m': 0.02, 'claimed_m': claimed, 'false': 0})
    assert titles(view)[title] == kind


def test_an_honest_covariance_is_honest():
    (view,) = views_of({'false': 0, 'count': 400})
    # Errors of three axes, drawn as the covariance says.
    sigmas = np.linalg.norm(np.random.default_rng(5).normal(size=(400, 3)), axis=1)
    rows = tuple(
        dataclasses.replace(row, sigmas=sigma) if row.accepted else row
        for row, sigma in zip(view.attempts, sigmas.tolist(), strict=True)
    )
    (honest,) = make_views([dataclasses.replace(view.run, attempts=rows)], ['.'])
    assert titles(honest)['covariance honest'] == verdict.GOOD


def test_few_poses_do_not_judge_a_covariance():
    (view,) = views_of({'count': 20, 'false': 0, 'missing': 0.0})
    assert titles(view)['covariance not judged'] == verdict.LOOK
    assert titles(view)['few images'] == verdict.LOOK


def test_the_worst_checks_come_first():
    (view,) = views_of({'false': 2, 'notes': ('The truth has a gap.',)})
    kinds = [check.verdict for check in verdict.checks(view)]
    assert kinds == sorted(kinds, key=(verdict.BAD, verdict.LOOK, verdict.GOOD).index)
    assert 'The truth has a gap.' in {check.text for check in verdict.checks(view)}


def test_the_same_images_are_compared_in_pairs():
    text = verdict.paragraph(views_of({'false': 0, 'name': 'a'}, {'false': 0, 'missing': 0.5, 'name': 'b'}))
    assert 'more than chance explains (McNemar' in text
    assert text.index('a 9') < text.index('b ')


def test_equal_runs_are_not_told_apart():
    text = verdict.paragraph(views_of({'false': 0, 'name': 'a'}, {'false': 0, 'name': 'b'}))
    assert 'chance explains such a difference' in text


def test_runs_of_different_images_are_compared_with_a_warning():
    views = views_of({'source': 'bag one'}, {'source': 'bag two', 'count': 100})
    assert verdict.cautions(views) == ['The runs answer images of different sources.']
    assert 'McNemar' not in verdict.paragraph(views)
    assert verdict.cautions(views_of({}, {'count': 100})) == ['The runs do not answer the same images.']
    assert verdict.cautions(views_of({}, {})) == []


def row_of(rows, label):
    return next(row for row in rows if row.label == label)


def test_the_best_is_marked_and_what_chance_may_explain():
    rows = summary.summary_rows(
        views_of(
            {'missing': 0.0, 'false': 0, 'latency_ms': 80.0},
            {'missing': 0.03, 'false': 0, 'latency_ms': 40.0},
            {'missing': 0.9, 'false': 5},
        )
    )
    accepted = row_of(rows, 'accepted').cells
    assert [cell.best for cell in accepted] == [True, False, False]
    assert [cell.near for cell in accepted] == [False, False, False]
    assert [cell.best for cell in row_of(rows, 'image to answer, 95 %').cells] == [False, True, False]
    assert [cell.best for cell in row_of(rows, 'false fixes').cells] == [True, True, False]


def test_a_share_whose_interval_holds_the_best_is_marked_as_near():
    cells = [summary.share_cell(summary.share(successes, 20)) for successes in (19, 18, 5)]
    marked = summary._marked(cells, cells, summary.HIGH)
    assert [(cell.best, cell.near) for cell in marked] == [(True, False), (False, True), (False, False)]


def test_nothing_is_best_where_all_are_equal_or_alone():
    assert not any(cell.best for row in summary.summary_rows(views_of({})) for cell in row.cells)
    rows = summary.summary_rows(make_views([drive(0)[0]] * 2, ['.'] * 2))
    assert not any(cell.best or cell.near for row in rows for cell in row.cells)


def test_parts_are_those_of_the_run():
    (view,) = views_of({})
    tables = parts.parts([view], 'condition')
    assert [(part.name, part.cells[0].text) for part in tables] == [('day', '121'), ('night', '119')]
    assert (
        parts.parts([make_views([dataclasses.replace(view.run, attempts=view.attempts[:100])], ['.'])[0]], 'condition')
        == []
    )


def test_bars_count_every_attempt_once():
    views = views_of({'false': 4}, {'false': 0, 'missing': 0.5})
    bars = reason_bars(views)
    for view, segments in zip(views, bars.runs, strict=True):
        assert sum(segment.count for segment in segments) == len(view.attempts)
        assert sum(segment.share for segment in segments) == pytest.approx(1)
    assert {segment.name: segment.count for segment in bars.runs[0]}['false fix'] == 4
    assert all(meaning for _, _, meaning in bars.legend)


def test_false_fixes_are_the_worst_answers():
    (view,) = views_of({'false': 4})
    kind_N, size_N = ranks(view)
    order = sorted(range(240), key=lambda index: (kind_N[index], -size_N[index]))
    assert view.false_N[order[:4]].all()
    assert view.error_N[order[0]] == view.error_N[view.false_N].max()
    assert kind_N[order[4]] == MISSING
    assert FALSE < MISSING
    assert failures(view) == 4 + int((~view.accepted_N).sum())


def test_plans_of_cameras_without_gravity_turn_upright():
    """A map whose y axis points down, as structure from motion leaves it."""
    turn = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    (view,) = views_of({'floor': (), 'body': 'camera', 'stamps': False})
    rows = []
    for row in view.attempts:
        pose = row.truth
        upright = np.stack([-pose.rotation_33[:, 1], -pose.rotation_33[:, 2], pose.rotation_33[:, 0]], axis=1)
        rows.append(dataclasses.replace(row, truth=Pose(turn.T @ upright, turn.T @ pose.translation_3)))
    (turned,) = make_views([dataclasses.replace(view.run, attempts=tuple(rows))], ['.'])
    plane_23, plain = ground_plane([turned])
    assert not plain
    flat = turned.truth_N3 @ plane_23.T
    straight = view.truth_N3[:, :2]
    assert np.allclose(
        np.linalg.norm(flat - flat[0], axis=1), np.linalg.norm(straight - straight[0], axis=1), atol=1e-6
    )
    assert ground_plane([view])[1] in (True, False)


def test_a_far_facade_and_a_far_pose_do_not_shrink_the_plan():
    facade = ((-300.0, 400.0), (300.0, 400.0), (300.0, 401.0))
    near, far = views_of({'false': 0}, {'false': 0, 'floor': (*drive(0)[0].floor, facade)})
    rows = list(far.attempts)
    lost = Pose(rows[0].estimate.rotation_33, np.array([5000.0, 0, 0]))
    rows[0] = dataclasses.replace(rows[0], estimate=lost, error_m=5000.0)
    (far,) = make_views([dataclasses.replace(far.run, attempts=tuple(rows))], ['.'])
    (one,), (two,) = map_charts([near]), map_charts([far])
    for axis in ('xaxis', 'yaxis'):
        assert one.layout[axis]['range'] == pytest.approx(two.layout[axis]['range'], abs=0.5)
    assert '1 pose beyond the edge, drawn at the edge' in two.note
    assert len({str(chart.layout) for chart in map_charts([near, far])}) == 1


def test_plans_of_different_places_have_axes_of_their_own():
    one, two = views_of({'false': 0}, {'false': 0, 'map': MapFacts('elsewhere')})
    moved = Pose(np.eye(3), np.array([500.0, 0, 0]))
    rows = [
        dataclasses.replace(row, truth=moved @ row.truth, estimate=row.estimate and moved @ row.estimate)
        for row in two.attempts
    ]
    run = dataclasses.replace(two.run, attempts=tuple(rows), floor=())
    first, second = map_charts(make_views([one.run, run], ['.'] * 2))
    assert first.place != second.place
    assert first.layout['xaxis']['range'][1] < 100 < second.layout['xaxis']['range'][0]
