# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tables of parts of runs: per condition, per map revision, and per part of the pose that covariances are about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from neumap_ros.evaluation import metrics
from neumap_ros.evaluation.consistency import Consistency, run_consistency
from neumap_ros.evaluation.html import words
from neumap_ros.evaluation.html.statistics import share, share_of
from neumap_ros.evaluation.html.summary import Cell, error_cell, recall, share_cell
from neumap_ros.evaluation.html.view import RunView
from neumap_ros.evaluation.run_figures import Figures, figures_by
from neumap_ros.evaluation.run_types import Run


@dataclass(frozen=True)
class Part:
    """The row of one condition or revision of a run.

    Attributes:
        run: index of the run.
        label: of the run.
        name: of the condition or revision.
        cells: by the columns of :data:`PART_COLUMNS`.
    """

    run: int
    label: str
    name: str
    cells: tuple[Cell, ...]


PART_COLUMNS = (
    'images',
    'accepted',
    'recall, fine',
    'recall, middle',
    'recall, coarse',
    'false fixes',
    'median error',
    'within 1 / 2 / 3 sigma',
    'image to answer, 95 %',
    'map',
)


def parts(views: Sequence[RunView], column: str) -> list[Part]:
    """The table per condition or per revision; empty where no run has more than one of them.

    Args:
        views: all runs.
        column: ``condition`` or ``revision``.
    """
    every = [figures_by(view.run, column) for view in views]
    if not any(len(group) > 1 for group in every) and len({name for group in every for name in group}) < 2:
        return []
    return [
        Part(index, view.label, name, _part_cells(view.run, one))
        for index, (view, group) in enumerate(zip(views, every, strict=True))
        for name, one in group.items()
    ]


def _part_cells(run: Run, figures: Figures) -> tuple[Cell, ...]:
    unit = 'm' if run.metric else 'units'
    shares = [recall(figures, threshold.label) for threshold in metrics.default_thresholds(run.metric)[:3]]
    seen = [words.percent(value) for value in figures.coverage]
    return (
        Cell(f'{figures.attempts:,}'),
        share_cell(share(figures.accepted, figures.attempts)),
        *shares,
        Cell(f'{figures.false_fixes}' if figures.judged else words.NOTHING),
        error_cell(figures.fix_errors.median_m, figures.fix_errors.median_deg, unit),
        Cell(
            ' / '.join(text.removesuffix(' %') for text in seen) + ' %' if words.NOTHING not in seen else words.NOTHING
        ),
        Cell(words.milliseconds(figures.latency_ms.get('p95', math.nan))),
        Cell(words.size(figures.map_bytes)),
    )


CONSISTENCY_COLUMNS = ('poses', *(f'within {sigma} sigma' for sigma in metrics.SIGMAS), 'NEES / dof', 'factor')


def consistency_parts(views: Sequence[RunView]) -> list[Part]:
    """The table of the covariances: position, orientation and pose of every run that has some."""
    found = []
    for index, view in enumerate(views):
        for part in run_consistency(view.attempts):
            if part.count:
                found.append(Part(index, view.label, part.part, _consistency_cells(part)))
    return found


def _consistency_cells(part: Consistency) -> tuple[Cell, ...]:
    shares = [
        Cell(words.percent(one.value), f'{words.interval(share_of(one.value, part.count))}; {words.percent(ideal)}')
        for one, ideal in zip(part.coverage, part.expected, strict=True)
    ]
    low, high = part.bounds
    normalised = Cell(f'{part.normalised:.3g}', f'{low:.2f} to {high:.2f}')
    return Cell(f'{part.count:,}'), *shares, normalised, Cell(f'{part.factor:.2f}')
