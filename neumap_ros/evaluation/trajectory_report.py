# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A comparison of two trajectories as tables for the terminal and as a JSON object."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from neumap_ros.evaluation.alignment import Alignment
from neumap_ros.evaluation.consistency import wilson_interval
from neumap_ros.evaluation.run_figures import Figures, figures
from neumap_ros.evaluation.run_folder import plain
from neumap_ros.evaluation.trajectories import Relation, Statistics
from neumap_ros.evaluation.trajectory_comparison import Comparison

COMPARISON_NAME = 'trajectories.json'
COMPARISON_FORMAT = 1

_STATISTICS = tuple(field.name for field in dataclasses.fields(Statistics) if field.name != 'count')


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """Everything but the single poses, as JSON knows it: APE and RPE of all relations by evo's names."""
    document = {
        'format': COMPARISON_FORMAT,
        'what': 'neumap_trajectories',
        'source': comparison.run.source,
        'settings': comparison.settings,
        'pairs': comparison.pairs,
        'estimate_poses': comparison.estimate_poses,
        'truth_poses': comparison.truth_poses,
        'gaps_s': comparison.gaps,
        'alignment': comparison.transform,
        'ape': {relation.value: part for relation, part in comparison.ape.items()},
        'rpe': {relation.value: part for relation, part in comparison.rpe.items()},
        'notes': comparison.notes,
    }
    result = plain(document)
    assert isinstance(result, dict)
    return result


def comparison_tables(comparison: Comparison) -> Group:
    """Make the tables of a comparison: what was compared, APE and RPE with the digits of evo, recall."""
    overall = figures(comparison.run)
    return Group(_outcome(comparison, overall), _errors(comparison), _recall(overall))


def _outcome(comparison: Comparison, overall: Figures) -> Table:
    settings, transform = comparison.settings, comparison.transform
    unit = _unit(comparison)
    how = 'interpolated at its stamp' if settings.interpolate else f'within {settings.max_time_difference_s:g} s'
    if settings.alignment is Alignment.NONE and not settings.correct_scale:
        aligned = 'none: poses are compared in the frame of the map'
    else:
        length = math.dist(transform.translation_3, (0, 0, 0))
        aligned = f'{settings.alignment.value}: {length:.6f} {unit}, {transform.angle_deg:.6f} deg'
        aligned += f', scale {transform.scale:.6f}' if transform.scale != 1 else ''
    unanswered = overall.judged - comparison.pairs
    rows = {
        'poses compared': f'{comparison.pairs} of {comparison.estimate_poses}, with a true pose {how}',
        'true poses': f'{comparison.truth_poses}, {len(comparison.gaps)} gaps',
        'not answered': f'{unanswered} of {overall.judged} questions',
        'alignment': aligned,
        'availability': ', '.join(f'{_percent(share)} within {age}' for age, share in overall.availability.items())
        + f' of {overall.span_s:.1f} s',
        'false poses': f'{overall.false_fixes} worse than '
        + ('1 m or 10 deg' if settings.metric else '10 % of the extent or 10 deg'),
    }
    table = Table(title=escape(comparison.run.source), title_justify='left', show_header=False, box=None)
    table.add_column(style='bold')
    table.add_column(overflow='fold')
    for key, value in rows.items():
        table.add_row(key, escape(value))
    return table


def _errors(comparison: Comparison) -> Table:
    unit, delta = _unit(comparison), comparison.settings.delta
    parts: list[tuple[str, Mapping[Relation, Statistics]]] = [('APE', comparison.ape), ('RPE', comparison.rpe)]
    pairs = 'all pairs' if delta.all_pairs else 'consecutive pairs'
    count = comparison.rpe[Relation.TRANSLATION].count if comparison.rpe else 0
    table = Table(title=f'errors; RPE over {delta.label}, {count} {pairs}', title_justify='left')
    table.add_column('')
    columns = []
    for name, part in parts:
        for relation, what in ((Relation.TRANSLATION, unit), (Relation.ANGLE_DEG, 'deg')):
            table.add_column(f'{name}, {what}', justify='right')
            columns.append(part.get(relation))
    for figure in _STATISTICS:
        cells = ['none' if column is None else f'{getattr(column, figure):.6f}' for column in columns]
        table.add_row(figure, *cells, style='bold' if figure == 'rmse' else None)
    return table


def _recall(overall: Figures) -> Table:
    table = Table(title='share of questions answered within (95 % interval below)', title_justify='left')
    for label in overall.recall:
        table.add_column(label, justify='right')
    table.add_row(*(_percent(share) for share in overall.recall.values()))
    intervals = [wilson_interval(round(share * overall.judged), overall.judged) for share in overall.recall.values()]
    table.add_row(*(f'{100 * share.low:.1f} to {100 * share.high:.1f} %' for share in intervals))
    return table


def _unit(comparison: Comparison) -> str:
    return 'm' if comparison.settings.metric else 'units'


def _percent(share: float) -> str:
    return 'none' if math.isnan(share) else f'{100 * share:.1f} %'
