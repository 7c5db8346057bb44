# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All runs side by side: one row per figure, the best of them marked, with intervals where chance plays a part."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from neumap_ros.evaluation import metrics
from neumap_ros.evaluation.html import words
from neumap_ros.evaluation.html.statistics import Share, coverage_off, largest_rate, share, share_of
from neumap_ros.evaluation.html.view import RunView
from neumap_ros.evaluation.run_figures import Figures

HIGH, LOW = 'high', 'low'


@dataclass(frozen=True)
class Cell:
    """A figure of a run.

    Attributes:
        text: for people.
        detail: smaller, below it, for example an interval.
        value: what is compared; NaN where there is nothing to compare.
        share: where the figure is one, with its interval.
        best: whether no other run is better.
        near: whether it is not the best but its interval holds the best.
    """

    text: str
    detail: str = ''
    value: float = math.nan
    share: Share | None = None
    best: bool = False
    near: bool = False


@dataclass(frozen=True)
class Row:
    """A figure of all runs.

    Attributes:
        label: its name.
        help: its definition in one sentence.
        cells: one per run.
        group: heading that it stands under.
    """

    label: str
    help: str
    cells: tuple[Cell, ...]
    group: str = ''


def summary_rows(views: Sequence[RunView]) -> list[Row]:
    """Make the rows; those that no run has anything to say about are left out."""
    rows: list[Row] = []

    def add(
        group: str,
        label: str,
        explained: str,
        cell: Callable[[RunView], Cell],
        better: str = '',
        answered: bool = False,
    ) -> None:
        cells = [cell(view) for view in views]
        if all(one.text in (words.NOTHING, '') for one in cells):
            return
        # A run without a single pose has no false ones either; that makes it no winner.
        rivals = [one if view.figures.accepted or not answered else replace(one, value=math.nan)
                  for one, view in zip(cells, views, strict=True)]  # fmt: skip
        rows.append(Row(label, explained, tuple(_marked(cells, rivals, better)), group))

    add('Answers', 'images', 'Attempts to localize, with those whose true pose is known.', _attempts)
    add('Answers', 'accepted', 'Images with an accepted pose.', _accepted, HIGH)
    labels = list(dict.fromkeys(label for view in views for label in view.figures.recall))
    for label in labels:
        add(
            'Answers',
            f'recall at {label}',
            f'Images whose accepted pose is within {label} of the truth. No answer counts as a failure.',
            lambda view, label=label: recall(view.figures, label),  # type: ignore[misc]
            HIGH,
        )
    false = metrics.false_fix_threshold(views[0].run.metric).label.replace(', ', ' or ')
    add('Wrong answers', 'false fixes', f'Accepted poses worse than {false}.', _false, LOW, True)
    add(
        'Wrong answers',
        'jumps',
        'Accepted corrections beyond 0.5 m or 5 degrees after the first fix.',
        _jumps,
        LOW,
        True,
    )
    add('Accuracy of accepted poses', 'median error', 'Half of the accepted poses are better.', _median, LOW)
    add('Accuracy of accepted poses', '95 % are below', '95 of 100 accepted poses are better.', _p95, LOW)
    add('Accuracy of accepted poses', 'largest error', 'The worst accepted pose.', _largest, LOW)
    add('Accuracy of accepted poses', 'pose by TF, median', 'Error of the pose that TF gives at every image.', _tf, LOW)
    for age in views[0].figures.availability:
        add(
            'Time',
            f'pose not older than {age}',
            f'Share of the time with a fix at most {age} old.',
            lambda view, age=age: _plain_share(view.figures.availability.get(age, math.nan)),  # type: ignore[misc]
            HIGH,
        )
    add('Time', 'first fix after', 'From the first image to the first accepted pose.', _first_fix, LOW)
    add('Time', 'found again after kidnapping', 'The true pose jumped; time to the next right fix.', _kidnapped)
    add('Time', 'age of map→odom, 95 %', 'Age of the fix that the correction rests on.', _staleness, LOW)
    add('Time', 'image to answer, median', 'Wall time of an attempt, on the machine of the run.', _latency('p50'), LOW)
    add('Time', 'image to answer, 95 %', '95 of 100 attempts are faster.', _latency('p95'), LOW)
    add('Time', 'image to answer, 99 %', '99 of 100 attempts are faster.', _latency('p99'), LOW)
    add('Time', 'images dropped', 'Skipped because newer ones had arrived.', _drops, LOW)
    for index, sigma in enumerate(metrics.SIGMAS):
        ideal = metrics.EXPECTED_COVERAGE[index]
        add(
            'Honesty of the covariance',
            f'within {sigma} sigma ({words.percent(ideal)} is honest)',
            f'Accepted poses whose position error lies within {sigma} standard deviations.',
            lambda view, index=index: _coverage(view, index),  # type: ignore[misc]
        )
    add('Map', 'bytes of the map', 'Every file of the map.', _bytes, LOW)
    return rows


def _marked(cells: Sequence[Cell], rivals: Sequence[Cell], better: str) -> list[Cell]:
    """Mark the best of two or more different ones."""
    values = [one.value for one in rivals if not math.isnan(one.value)]
    if not better or len(values) < 2 or min(values) == max(values):
        return list(cells)
    best = max(values) if better == HIGH else min(values)
    marked = []
    for cell, rival in zip(cells, rivals, strict=True):
        near = False
        if cell.share is not None and rival.value != best and not math.isnan(rival.value):
            winner = next(one for one in rivals if one.value == best)
            near = winner.share is not None and cell.share.low <= winner.share.value <= cell.share.high
        marked.append(replace(cell, best=rival.value == best, near=near))
    return marked


def share_cell(one: Share) -> Cell:
    """A share with its interval."""
    return Cell(words.percent(one.value), words.interval(one), one.value, one)


def _attempts(view: RunView) -> Cell:
    figures = view.figures
    detail = f'{figures.judged:,} with truth' if figures.judged < figures.attempts else ''
    return Cell(f'{figures.attempts:,}', detail)


def _accepted(view: RunView) -> Cell:
    return share_cell(share(view.figures.accepted, view.figures.attempts))


def recall(figures: Figures, label: str) -> Cell:
    """Recall at one of the thresholds, by its label."""
    return share_cell(share_of(figures.recall.get(label, math.nan), figures.judged))


def _false(view: RunView) -> Cell:
    figures = view.figures
    known = int((view.accepted_N & view.judged_N).sum())
    if not known:
        return Cell(words.NOTHING if not figures.judged else '0', value=0.0 if figures.judged else math.nan)
    detail = f'of {known:,}; rate below {words.rate(largest_rate(figures.false_fixes, known))}'
    return Cell(f'{figures.false_fixes}', detail, figures.false_fixes / known)


def _jumps(view: RunView) -> Cell:
    if view.run.kind == 'images':
        return Cell(words.NOTHING)
    return Cell(f'{view.figures.jumps}', value=float(view.figures.jumps))


def error_cell(metres: float, degrees: float, unit: str) -> Cell:
    """A distance, in map units, and an angle below it."""
    if math.isnan(metres):
        return Cell(words.NOTHING)
    return Cell(words.length(metres, unit), words.angle(degrees), metres)


def _median(view: RunView) -> Cell:
    errors = view.figures.fix_errors
    return error_cell(errors.median_m, errors.median_deg, view.unit)


def _p95(view: RunView) -> Cell:
    errors = view.figures.fix_errors
    return error_cell(errors.p95_m, errors.p95_deg, view.unit)


def _largest(view: RunView) -> Cell:
    errors = view.figures.fix_errors
    return error_cell(errors.max_m, errors.max_deg, view.unit)


def _tf(view: RunView) -> Cell:
    errors = view.figures.robot_errors
    cell = error_cell(errors.median_m, errors.median_deg, view.unit)
    return replace(cell, detail=f'95 %: {words.length(errors.p95_m, view.unit)}') if errors.count else cell


def _plain_share(value: float) -> Cell:
    return Cell(words.percent(value), value=value)


def _time_cell(value: float) -> Cell:
    return Cell(words.seconds(value), value=value)


def _first_fix(view: RunView) -> Cell:
    return _time_cell(view.figures.first_fix_s)


def _kidnapped(view: RunView) -> Cell:
    figures = view.figures
    if not figures.kidnappings:
        return Cell(words.NOTHING)
    known = [value for value in figures.relocalization_s if math.isfinite(value)]
    text = words.seconds(float(np.median(known))) if known else 'never'
    return Cell(text, f'{figures.relocalized} of {figures.kidnappings} times')


def _staleness(view: RunView) -> Cell:
    return _time_cell(view.figures.staleness_s.get('p95', math.nan))


def _latency(key: str) -> Callable[[RunView], Cell]:
    def cell(view: RunView) -> Cell:
        value = view.figures.latency_ms.get(key, math.nan)
        return Cell(words.milliseconds(value), value=value)

    return cell


def _drops(view: RunView) -> Cell:
    if view.run.kind == 'images':
        return Cell(words.NOTHING)
    return Cell(f'{view.figures.drops:,}', value=float(view.figures.drops))


def _coverage(view: RunView, index: int) -> Cell:
    cases = int((~np.isnan(view.sigmas_N)).sum())
    one, ideal = share_of(view.figures.coverage[index], cases), metrics.EXPECTED_COVERAGE[index]
    side = '' if not coverage_off(one, ideal) else ', too few' if one.value < ideal else ', too many'
    return Cell(words.percent(one.value), words.interval(one) + side)


def _bytes(view: RunView) -> Cell:
    count = view.figures.map_bytes
    return Cell(words.size(count), value=float(count) if count else math.nan)
