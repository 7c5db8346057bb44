# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs -> one HTML page that needs no network, no server and no other file; the same runs give the same bytes."""

from __future__ import annotations

import base64
import gzip
import importlib.metadata
import json
import math
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from neumap_ros.errors import ConfigError
from neumap_ros.evaluation.files import write_atomically
from neumap_ros.evaluation.html import parts, summary, verdict, words
from neumap_ros.evaluation.html.chart import NO_POSE, NOT_JUDGED, Chart, error_classes, numbers, run_style
from neumap_ros.evaluation.html.chart_errors import recall_charts, time_chart
from neumap_ros.evaluation.html.chart_map import map_charts
from neumap_ros.evaluation.html.chart_quality import coverage_charts, latency_charts
from neumap_ros.evaluation.html.gallery import failures, gallery
from neumap_ros.evaluation.html.reasons import reason_bars
from neumap_ros.evaluation.html.view import RunView, read_views

MOST_RUNS = 12
KINDS = {'images': 'single images', 'replay': 'replay of a bag', 'trajectories': 'two trajectories', 'live': 'live'}
TEMPLATE, STYLE, SCRIPT = 'report.html.jinja', 'report.css', 'report.js'


def write_page(folders: Sequence[Path], out: Path, title: str = '') -> None:
    """Write a page about some runs.

    Args:
        folders: of the runs, in the order of the page.
        out: file to write.
        title: of the page; by default the names of the runs.

    Raises:
        SourceError: a folder is no run.
        ConfigError: too many runs, plotly or jinja2 is missing, or the page cannot be written.
    """
    write_atomically(out, page(read_views(folders), title).encode())


def page(views: Sequence[RunView], title: str = '') -> str:
    """Make the page.

    Args:
        views: of the runs.
        title: of the page; by default the names of the runs.

    Raises:
        ConfigError: too many runs, or plotly or jinja2 is missing.
    """
    if not 1 <= len(views) <= MOST_RUNS:
        raise ConfigError(
            f'got {len(views)} runs, expected 1 to {MOST_RUNS}: more cannot be told apart; write several reports'
        )
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ConfigError(
            f'the report needs plotly and jinja2, {error.name} is missing; '
            "install them: pip install 'neumap_ros[report]'"
        ) from None
    plotly = get_plotlyjs()
    charts = _charts(views)
    payload = {
        'figures': {chart.key: chart.figure for group in charts.values() for chart in group},
        'runs': [_columns(view) for view in views],
    }
    environment = Environment(
        loader=PackageLoader('neumap_ros.evaluation.html'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {'percent': words.percent, 'size': words.size}
    loader = environment.loader
    assert loader is not None
    style, script = (loader.get_source(environment, name)[0] for name in (STYLE, SCRIPT))
    return environment.get_template(TEMPLATE).render(
        title=title or f'Localization report: {_names(views)}',
        views=views,
        styles=[run_style(index) for index in range(len(views))],
        paragraph=verdict.paragraph(views),
        checks=[verdict.checks(view) for view in views],
        cautions=verdict.cautions(views),
        groups=[(name, list(rows)) for name, rows in groupby(summary.summary_rows(views), key=attrgetter('group'))],
        classes=[*error_classes(views[0].run), NO_POSE, *([NOT_JUDGED] if _unjudged(views) else [])],
        charts=charts,
        bars=reason_bars(views),
        shots=gallery(views),
        failures=[failures(view) for view in views],
        part_columns=parts.PART_COLUMNS,
        consistency_columns=parts.CONSISTENCY_COLUMNS,
        consistency=parts.consistency_parts(views),
        conditions=parts.parts(views, 'condition'),
        revisions=parts.parts(views, 'revision'),
        facts=_facts(views),
        settings=_settings(views),
        versions=_versions(plotly),
        style=style,
        script=script,
        payload=_packed(json.dumps(payload, separators=(',', ':'), allow_nan=False).encode()),
        plotly=_packed(plotly.encode()),
    )


def _names(views: Sequence[RunView]) -> str:
    return ', '.join(words.short(view.label) for view in views) if len(views) <= 3 else f'{len(views)} runs'


def _charts(views: Sequence[RunView]) -> dict[str, list[Chart]]:
    over_time = time_chart(views)
    return {
        'maps': map_charts(views),
        'time': [over_time] if over_time else [],
        'recall': recall_charts(views),
        'latency': latency_charts(views),
        'coverage': coverage_charts(views),
    }


def _unjudged(views: Sequence[RunView]) -> bool:
    return any((view.accepted_N & ~view.judged_N).any() for view in views)


def _columns(view: RunView) -> dict[str, Any]:
    """Every attempt, as columns: the table of the page and what it saves as CSV."""
    rows = view.attempts
    poses = [row.pose for row in rows]
    truths = [row.truth for row in rows]
    columns: dict[str, Any] = {
        'name': [row.name for row in rows],
        'stamp_ns': ['' if row.stamp_ns is None else str(row.stamp_ns) for row in rows],
        'time_s': numbers(view.time_N, 9),
        'reason': [row.reason for row in rows],
        'detail': [row.detail for row in rows],
        'condition': [row.condition for row in rows],
        'accepted': [row.accepted for row in rows],
        'false_fix': [bool(value) for value in view.false_N],
        'revision': [row.revision for row in rows],
        'error_m': numbers(view.error_N, 6),
        'error_deg': numbers(view.angle_N, 6),
        'sigmas': numbers(view.sigmas_N, 4),
        'confidence': numbers([row.confidence for row in rows], 4),
        'inliers': [row.evidence.guided_inliers for row in rows],
        'latency_ms': numbers(view.latency_N, 5),
    }
    for prefix, of in (('', poses), ('truth_', truths)):
        for axis, name in enumerate('xyz'):
            values = [math.nan if pose is None else float(pose.translation_3[axis]) for pose in of]
            columns[prefix + name] = numbers(values, 8)
    # Columns that say nothing, such as conditions that nobody named, are left out; the table itself needs some.
    needed = ('name', 'reason', 'accepted', 'false_fix')
    said = {key for key, values in columns.items() if key in needed or any(v not in ('', None, 0) for v in values)}
    return {
        'label': view.label,
        'unit': view.unit,
        'count': len(rows),
        'columns': {key: values for key, values in columns.items() if key in said},
    }


def _facts(views: Sequence[RunView]) -> list[tuple[str, list[str]]]:
    """Where each run comes from."""

    def fact(view: RunView) -> dict[str, str]:
        run = view.run
        return {
            'kind': KINDS.get(run.kind, run.kind),
            'source': run.source,
            'labels': ', '.join(f'{key}={value}' for key, value in run.labels.items()) or words.NOTHING,
            'pose of': f'{run.body} in {run.map_frame}',
            'map': run.map.map_id or words.NOTHING,
            'kind of map': run.map.kind or words.NOTHING,
            'revision': str(run.map.revision),
            'sha256 of the map': run.map.sha256 or words.NOTHING,
            'bytes of the map': f'{run.map.bytes:,}' if run.map.bytes else words.NOTHING,
            'extent of the scene': f'{run.extent:.3g} {view.unit}',
        }

    facts = [fact(view) for view in views]
    return [(key, [one[key] for one in facts]) for key in facts[0]]


def _settings(views: Sequence[RunView]) -> list[tuple[str, list[str], bool]]:
    """(Name, value per run, whether they differ), those that differ first."""
    flat = [dict(_flattened(view.run.settings)) for view in views]
    names = sorted({name for one in flat for name in one})
    rows = [(name, [one.get(name, words.NOTHING) for one in flat]) for name in names]
    marked = [(name, values, len(set(values)) > 1) for name, values in rows]
    return sorted(marked, key=lambda row: not row[2])


def _flattened(settings: Mapping[str, Any], prefix: str = '') -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            pairs += _flattened(value, f'{prefix}{key}.')
        else:
            pairs.append((f'{prefix}{key}', value if isinstance(value, str) else json.dumps(value, default=str)))
    return pairs


def _versions(plotly: str) -> str:
    try:
        own = importlib.metadata.version('neumap_ros')
    except importlib.metadata.PackageNotFoundError:
        own = 'of unknown version'
    match = re.search(r'plotly\.js v([\d.]+)', plotly[:500])
    return f'neumap_ros {own}, plotly.js {match[1] if match else "of unknown version"}'


def _packed(data: bytes) -> str:
    """Compressed without a time, as text."""
    return base64.b64encode(gzip.compress(data, compresslevel=9, mtime=0)).decode()
