# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A run as tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table

from neumap_ros.evaluation.consistency import consistency_table, run_consistency
from neumap_ros.evaluation.metrics import EXPECTED_COVERAGE, SIGMAS
from neumap_ros.evaluation.run_figures import Errors, Figures, figures, figures_by
from neumap_ros.evaluation.run_types import Run


def run_tables(run: Run) -> Group:
    """Make the tables of a run: outcome, accuracy and recall where the truth is known, time."""
    overall = figures(run)
    tables: list[RenderableType] = [_outcome(run, overall)]
    if overall.judged:
        tables += [_accuracy(run, overall), _recall(run, overall)]
        parts = run_consistency(run.attempts)
        if parts[0].count:
            tables.append(consistency_table(parts))
    return Group(*tables, _times(overall))


def print_run(console: Console, run: Run) -> None:
    """Print the tables, a line for each reason that no pose came, and what to know about the true poses."""
    console.print(run_tables(run))
    for line in failures(run):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    for note in run.notes:
        console.print(f'Note: {note}', highlight=False, markup=False, soft_wrap=True)


def failures(run: Run) -> list[str]:
    """One line per reason that no pose came, with the sentence of its first attempt, most frequent first."""
    first: dict[str, str] = {}
    counts: dict[str, int] = {}
    for row in run.attempts:
        if not row.accepted:
            counts[row.reason] = counts.get(row.reason, 0) + 1
            first.setdefault(row.reason, row.detail)
    ordered = sorted(counts, key=lambda reason: (-counts[reason], reason))
    return [f'{counts[reason]} x {reason}' + (f': {first[reason]}' if first[reason] else '') for reason in ordered]


def format_length(value: float, unit: str) -> str:
    """A length for people: metres below 1 m as centimetres or millimetres, other units with three digits."""
    if unit == 'm' and value < 1:
        return f'{100 * value:.1f} cm' if value >= 0.01 else f'{1000 * value:.1f} mm'
    return f'{value:.3g} {unit}'


def _outcome(run: Run, overall: Figures) -> Table:
    unit = _unit(run)
    share = overall.accepted / overall.attempts if overall.attempts else math.nan
    rows = {
        'attempts': f'{overall.attempts}, {overall.accepted} accepted ({_percent(share)}), '
        f'{overall.judged} with a true pose',
        'outcome': ', '.join(f'{count} {reason}' for reason, count in overall.reasons.items()) or 'no images',
    }
    if overall.span_s > 0:
        rows |= _in_time(run, overall)
    if overall.judged:
        rows |= {
            'median error': f'{format_length(overall.median_error_m, unit)}, {overall.median_error_deg:.2f} deg',
            'false fixes': f'{overall.false_fixes}, {overall.wrong} worse than {_coarse(run)}',
            'right poses kept': f'{_percent(overall.kept)} of {overall.right_estimates}',
            'covariance': _coverage(overall),
        }
        if overall.kidnappings:
            times = ', '.join('never' if math.isinf(s) else f'{s:.1f} s' for s in overall.relocalization_s)
            rows['kidnapped'] = f'{overall.kidnappings}, right again after {times}'
    if run.kind != 'images' and run.attempts:
        rows['last state'] = run.attempts[-1].state
    rows['extent of the scene'] = f'{run.extent:.3g} {unit}'
    facts = run.map
    revisions = ', '.join(dict.fromkeys(str(row.revision) for row in run.attempts if row.map_id)) or str(facts.revision)
    rows['map'] = f'{facts.map_id}, revision {revisions}, {facts.bytes:,} bytes, {facts.kind}'
    table = Table(title=escape(run.source), title_justify='left', show_header=False, box=None)
    table.add_column(style='bold')
    table.add_column(overflow='fold')
    for key, value in rows.items():
        table.add_row(key, escape(value))
    return table


def _in_time(run: Run, overall: Figures) -> dict[str, str]:
    ages = ', '.join(f'{_percent(share)} within {age}' for age, share in overall.availability.items())
    median, most = overall.staleness_s['p50'], overall.staleness_s['p100']
    rows = {
        'first fix': f'after {overall.first_fix_s:.2f} s' if overall.accepted else 'none',
        'availability': f'{ages} of {overall.span_s:.1f} s',
        'age of the correction': 'there is none'
        if math.isnan(median)
        else f'{median:.2f} s in the median, at most {most:.2f} s',
    }
    if run.kind != 'images':
        rows['jumps, drops'] = f'{overall.jumps} corrections beyond 0.5 m or 5 deg, {overall.drops} images dropped'
    return rows


def _accuracy(run: Run, overall: Figures) -> Table:
    table = Table(title=f'error of the {"camera" if run.kind == "images" else "base"}', title_justify='left')
    for column in ('pose', 'of', 'median', '95 % are below', 'largest'):
        table.add_column(column, justify='left' if column == 'pose' else 'right')
    parts = {'accepted fixes': overall.fix_errors}
    if overall.robot_errors.count:
        parts['from TF at every image'] = overall.robot_errors
    for name, errors in parts.items():
        table.add_row(name, *_error_cells(errors, _unit(run)))
    return table


def _recall(run: Run, overall: Figures) -> Table:
    table = Table(title='share of attempts within', title_justify='left')
    several: dict[str, Figures] = {}
    for column in ('revision', 'condition'):
        parts = figures_by(run, column)
        if len(parts) > 1:
            several |= {f'{column} {name}': part for name, part in parts.items()}
    if several:
        table.add_column('')
    for label in overall.recall:
        table.add_column(label, justify='right')
    for name, part in {'all': overall, **several}.items():
        table.add_row(*([name] if several else []), *(_percent(share) for share in part.recall.values()))
    return table


def _times(overall: Figures) -> Table:
    table = Table(title='milliseconds per attempt', title_justify='left')
    table.add_column('stage')
    for column in ('median', '95 % are below', '99 % are below'):
        table.add_column(column, justify='right')
    for stage, (median, p95) in overall.stages_ms.items():
        table.add_row(stage.removesuffix('_ms'), f'{median:.1f}', f'{p95:.1f}', '')
    if overall.attempts:
        table.add_row('total', *(f'{value:.1f}' for value in overall.latency_ms.values()), style='bold')
    return table


def _error_cells(errors: Errors, unit: str) -> list[str]:
    if not errors.count:
        return ['0', '', '', '']
    figures_of: Sequence[tuple[float, float]] = (
        (errors.median_m, errors.median_deg),
        (errors.p95_m, errors.p95_deg),
        (errors.max_m, errors.max_deg),
    )
    return [str(errors.count), *(f'{format_length(m, unit)}, {deg:.2f} deg' for m, deg in figures_of)]


def _coverage(overall: Figures) -> str:
    if any(math.isnan(share) for share in overall.coverage):
        return 'no fixes with a true pose'
    return ', '.join(
        f'{_percent(share)} within {sigma} sigma (ideal {_percent(ideal)})'
        for share, sigma, ideal in zip(overall.coverage, SIGMAS, EXPECTED_COVERAGE, strict=True)
    )


def _coarse(run: Run) -> str:
    return '0.5 m or 5 deg' if run.metric else '5 % of the extent or 5 deg'


def _unit(run: Run) -> str:
    return 'm' if run.metric else 'units'


def _percent(share: float) -> str:
    return 'none' if math.isnan(share) else f'{100 * share:.1f} %'
