# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tables of a suite run, for the terminal and as Markdown: one content, two looks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from benchmarks.regression.comparison import LEVELS, TF_FIGURE, Change, Comparison, Verdict, tf_is_right, within_level
from benchmarks.regression.results import ELSEWHERE, CaseResult
from neumap_ros.evaluation.metrics import EXPECTED_COVERAGE

# Columns of the table of figures.
FIGURES = 13
_COLOURS = {Verdict.BETTER: 'green', Verdict.WORSE: 'bold red', Verdict.SAME: ''}


@dataclass(frozen=True)
class Sheet:
    """A table.

    Attributes:
        title: above it.
        head: names of the columns.
        rows: cells.
        colours: of each row, for the terminal.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    colours: tuple[str, ...] = ()

    def markdown(self) -> str:
        """As Markdown."""
        lines = ['| ' + ' | '.join(self.head) + ' |', '|' + '---|' * len(self.head)]
        lines += ['| ' + ' | '.join(cell.replace('|', '\\|') for cell in row) + ' |' for row in self.rows]
        return f'## {self.title}\n\n' + '\n'.join(lines) + '\n'

    def rich(self) -> Table:
        """For the terminal."""
        table = Table(title=self.title, title_justify='left')
        for index, name in enumerate(self.head):
            table.add_column(escape(name), justify='left' if index == 0 else 'right', no_wrap=True)
        for index, row in enumerate(self.rows):
            table.add_row(*map(escape, row), style=self.colours[index] if self.colours else '')
        return table


def figures_sheet(cases: Sequence[CaseResult], baseline: Mapping[str, CaseResult], comparison: Comparison) -> Sheet:
    """A row per case: the figures now, and in brackets by how much they differ from the baseline.

    Args:
        cases: now.
        baseline: by the name of the case; empty without one.
        comparison: for the colours.
    """
    rows, colours = [], []
    worse = {change.scope for change in comparison.of(Verdict.WORSE)}
    better = {change.scope for change in comparison.of(Verdict.BETTER)}
    for case in cases:
        old = baseline.get(case.case)
        rows.append(_case_row(case, None if old is None or old.error else old))
        failed = bool(case.error) or case.case in worse
        colours.append('bold red' if failed else 'green' if case.case in better else '')
    bounds = [level.removeprefix('recall ').split(', ') for level in LEVELS]
    head = (
        *('case', 'queries', *(distance for distance, _ in bounds), 'false', 'median m', 'deg', '1/2/3 sigma'),
        *('map kB', 'query ms', 'build s'),
    )
    nominal = '/'.join(f'{100 * share:.0f}' for share in EXPECTED_COVERAGE)
    title = (
        f'percent of the queries within {", ".join(" ".join(bound) for bound in bounds)}; false fixes; median error of '
        f'the fixes; percent of them within sigmas (nominal {nominal}); times of the processor'
    )
    return Sheet(title, head, tuple(rows), tuple(colours))


def _case_row(case: CaseResult, old: CaseResult | None) -> tuple[str, ...]:
    if case.error:
        return (case.case, 'failed', *['-'] * (FIGURES - 2))
    now, then = case.figures, {} if old is None else old.figures
    recalls = ['-'] * len(LEVELS)
    if case.condition != ELSEWHERE:
        recalls = [_recall_cell(case, old, level) for level in LEVELS]
    coverage = '/'.join('-' if share is None else f'{100 * share:.0f}' for share in now['coverage'])
    return (
        case.case,
        str(now['attempts']),
        *recalls,
        _difference(now['false_fixes'], then.get('false_fixes'), '{:.0f}'),
        _number(now['fix_errors']['median_m']),
        _number(now['fix_errors']['median_deg']),
        coverage,
        _difference(now['map_bytes'] / 1000, then['map_bytes'] / 1000 if then else None, '{:.0f}'),
        f'{case.times["query_cpu_ms"]:.0f}',
        f'{case.times["build_cpu_s"]:.0f}',
    )


def _recall_cell(case: CaseResult, old: CaseResult | None, level: str) -> str:
    then = None if old is None or not old.outcomes.queries else 100 * float(within_level(old, level).mean())
    return _difference(100 * float(within_level(case, level).mean()), then, '{:.1f}')


def drives_sheet(cases: Sequence[CaseResult], baseline: Mapping[str, CaseResult]) -> Sheet:
    """A row per replayed drive: what only time and odometry show; differences as in the table of figures.

    Args:
        cases: now.
        baseline: by the name of the case; empty without one.
    """
    rows = [_drive_row(case, baseline.get(case.case)) for case in cases if case.is_drive]
    head = ('drive', 'first fix s', 'relocalized s', 'jumps', 'age s', '1 s old', TF_FIGURE, 'TF m', 'TF deg')
    title = (
        'drives: seconds to the first fix; from each kidnapping to the first right one; jumps of map->odom; age of the '
        'pose in 95 percent of the time; percent of the time with a pose not older than 1 s; percent of the images '
        'where TF is right; median error of TF'
    )
    return Sheet(title, head, tuple(rows))


def _drive_row(case: CaseResult, old: CaseResult | None) -> tuple[str, ...]:
    known = old if old is not None and old.is_drive else None
    now, then = case.figures, {} if known is None else known.figures
    answers = [_number(seconds) if seconds is not None else 'never' for seconds in now['relocalization_s']]
    robot_before = None if known is None or not known.outcomes.queries else 100 * float(tf_is_right(known).mean())
    return (
        case.case,
        'never' if now['first_fix_s'] is None else _difference(now['first_fix_s'], then.get('first_fix_s'), '{:.1f}'),
        ' '.join(answers) or '-',
        _difference(now['jumps'], then.get('jumps'), '{:.0f}'),
        _number(now['staleness_s']['p95']),
        _percent(now['availability']['1 s']),
        _difference(100 * float(tf_is_right(case).mean()), robot_before, '{:.1f}'),
        _number(now['robot_errors']['median_m']),
        _number(now['robot_errors']['median_deg']),
    )


def changes_sheet(comparison: Comparison, *, everything: bool) -> Sheet:
    """What differs from the baseline: what is more than chance, and the groups.

    Args:
        comparison: with the baseline.
        everything: every figure that differs at all.
    """
    chosen = [
        change
        for change in comparison.changes
        if change.verdict is not Verdict.SAME
        or (change.before != change.after and not _both_nan(change) and (everything or change.scope.startswith('all')))
    ]
    order = {Verdict.WORSE: 0, Verdict.BETTER: 1, Verdict.SAME: 2}
    chosen.sort(key=lambda change: order[change.verdict])
    rows = tuple(
        (
            change.scope,
            change.figure,
            _change_number(change, change.before),
            _change_number(change, change.after),
            '-' if change.gained is None else f'+{change.gained} -{change.lost}',
            f'{change.p:.2g}',
            change.verdict.value if change.verdict is not Verdict.SAME else 'not more than chance',
        )
        for change in chosen
    )
    head = ('where', 'what', 'before', 'after', 'queries', 'p', 'verdict')
    return Sheet('changes', head, rows, tuple(_COLOURS[change.verdict] for change in chosen))


def times_sheet(rows: Sequence[tuple[str, str, float, float]]) -> Sheet:
    """Times of the processor that differ from those of the baseline on the same machine."""
    cells = tuple((case, what, _number(then), _number(now), f'x {now / then:.2f}') for case, what, then, now in rows)
    return Sheet('times beyond the tolerance, of the processor', ('case', 'what', 'before', 'after', 'factor'), cells)


def markdown_page(title: str, facts: Mapping[str, Any], sheets: Sequence[Sheet], sentences: Sequence[str]) -> str:
    """The page that a run writes.

    Args:
        title: of the page.
        facts: of the run, see :func:`benchmarks.regression.records.facts_of_now`.
        sheets: tables.
        sentences: failures and notes.
    """
    machine = facts['machine']
    changed = ' with changes' if facts['changed'] else ''
    about = (
        f'{facts["date"]}, commit {facts["commit"][:12] or "unknown"}{changed}, {machine["processor"]}, '
        f'{machine["cores"]} cores, {facts["seconds"] / 60:.1f} min.'
    )
    parts = [f'# {title}', about, '\n'.join(f'* {sentence}' for sentence in sentences)]
    parts += [sheet.markdown() for sheet in sheets if sheet.rows]
    return '\n\n'.join(part.rstrip('\n') for part in parts if part) + '\n'


def _both_nan(change: Change) -> bool:
    return math.isnan(change.before) and math.isnan(change.after)


def _change_number(change: Change, value: float) -> str:
    if change.figure.startswith(('recall', 'coverage', TF_FIGURE)):
        return f'{_percent(value)} %'
    if change.figure == 'false fixes':
        return f'{value:.0f}'
    return _number(value)


def _difference(now: float, then: float | None, form: str) -> str:
    """A number, and its difference where it shows."""
    text = form.format(now)
    if then is None or form.format(then) == text:
        return text
    return f'{text} ({"+" if now > then else ""}{form.format(now - then)})'


def _percent(share: float | None) -> str:
    return '-' if share is None or math.isnan(share) else f'{100 * share:.1f}'


def _number(value: float | None) -> str:
    return '-' if value is None or not np.isfinite(value) else f'{value:.3g}'
