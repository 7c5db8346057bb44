# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Errors over time, and the share of images within a bound against the bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from neumap_ros.evaluation import metrics
from neumap_ros.evaluation.html import chart, words
from neumap_ros.evaluation.html.chart import Axis, Chart, Trace
from neumap_ros.evaluation.html.statistics import (
    FloatArray,
    curve,
    log_bounds,
    streaks,
    thin_line,
    wilson_band,
)
from neumap_ros.evaluation.html.view import RunView

# Drawn points of one run: four a bucket at most.
BUCKETS = 400
BOUNDS_OF_A_CURVE = 240
# Into how many stretches of time running medians cut a run.
STRETCHES = 40
# More bands than this hide each other.
MOST_BANDS = 3
# Errors below are drawn there; a logarithmic axis has no zero.
SMALLEST_M, SMALLEST_DEG = 1e-4, 1e-3


def time_chart(views: Sequence[RunView]) -> Chart | None:
    """Position error, angle, and stretches without a pose, over time; None where no truth is known at all."""
    stamped = all(view.has_stamps for view in views)
    data: list[Trace] = []
    notes: list[str] = []
    for index, view in enumerate(views):
        position_N = view.time_N if stamped else np.arange(len(view.time_N), dtype=np.float64)
        # What TF says is one line too many where runs are compared.
        data += _robot_line(index, view, position_N) if len(views) == 1 else []
        marks, note = _error_marks(index, view, position_N, 0.45 if len(views) > 1 else 0.8)
        data += [*marks, *(_running_median(index, view, position_N) if len(views) > 1 else [])]
        data += _span(index, position_N)
        data += _stretches_without_pose(index, view, position_N, stamped, len(views))
        notes += [f'{view.label}: {note}'] if note and len(views) > 1 else [note] if note else []
    judged = any(view.judged_N.any() for view in views)
    rows = 0.03 + 0.035 * len(views)
    first = {'anchor': 'y3', 'title': {'text': 'time [s]' if stamped else 'image, in order'}, 'zeroline': False}
    layout: dict[str, Any] = {'xaxis': first, 'showlegend': False}
    strip = {'domain': [0, rows if judged else 1], 'range': [len(views) - 0.4, -0.6], 'fixedrange': True}
    strip |= {'tickvals': [], 'title': {'text': 'no pose', 'standoff': 4}, 'zeroline': False, 'showgrid': False}
    layout['yaxis3'] = strip
    if judged:
        false = metrics.false_fix_threshold(views[0].run.metric)
        bounds = (false.distance * (views[0].run.extent if false.relative else 1.0), false.angle_deg)
        distance = Axis(
            f'position error [{views[0].unit}]', True, *_ends(views, 'error_N', bounds[0], SMALLEST_M)
        ).layout
        angle = Axis('angle [°]', True, *_ends(views, 'angle_N', bounds[1], SMALLEST_DEG)).layout
        middle = rows + 0.06 + 0.36 * (1 - rows)
        layout['yaxis'] = {**distance, 'domain': [middle + 0.04, 1]}
        layout['yaxis2'] = {**angle, 'domain': [rows + 0.05, middle]}
        layout['shapes'] = _false_bounds(bounds)
    worst = '; '.join(
        f'{view.label}: median {words.length(view.figures.fix_errors.median_m, view.unit)}, largest '
        f'{words.length(view.figures.fix_errors.max_m, view.unit)}'
        for view in views
    )
    return Chart(
        'errors-over-time',
        'Error over time' if judged else 'Stretches without a pose',
        f'Errors of accepted poses over time, and below it the stretches without a pose. {worst}.',
        data,
        layout,
        height_px=(420 if judged else 60) + 26 * len(views),
        note=' '.join(notes),
    )


def _ends(views: Sequence[RunView], column: str, bound: float, smallest: float) -> tuple[float, float]:
    """Ends of an axis that shows all errors and the bound of false fixes."""
    every = np.concatenate([getattr(view, column) for view in views])
    if len(views) == 1 and column == 'error_N':
        every = np.concatenate([every, [row.robot_error_m for row in views[0].attempts]])
    every = np.maximum(every[np.isfinite(every)], smallest)
    known = [*every.tolist(), bound]
    return min(known) / 1.5, max(known) * 1.5


def _false_bounds(bounds: tuple[float, float]) -> list[dict[str, Any]]:
    """Lines at the bounds of false fixes."""
    line = {'color': '--false', 'width': 1, 'dash': 'dash'}
    common = {'type': 'line', 'xref': 'paper', 'x0': 0, 'x1': 1, 'line': line}
    return [{**common, 'yref': axis, 'y0': at, 'y1': at} for axis, at in zip(('y', 'y2'), bounds, strict=True)]


def _robot_line(index: int, view: RunView, position_N: FloatArray) -> list[Trace]:
    """The error of the pose that TF gives, which is what the robot drives by."""
    error_N = np.array([row.robot_error_m for row in view.attempts])
    if not np.isfinite(error_N).any():
        return []
    chosen = thin_line(position_N, error_N, np.zeros(len(error_N), dtype=bool), BUCKETS)
    return [
        chart.trace(
            index,
            f'{view.label}, by TF',
            mode='lines',
            x=chart.numbers(position_N[chosen], 8),
            y=chart.numbers(np.maximum(error_N[chosen], SMALLEST_M)),
            line={'color': '--truth', 'width': 1.5},
            connectgaps=False,
            hovertemplate='pose by TF: %{y:.3g} ' + view.unit + '<extra></extra>',
        )
    ]


def _running_median(index: int, view: RunView, position_N: FloatArray) -> list[Trace]:
    """Medians of stretches of time as a line that can be followed through the marks of several runs."""
    known_N = view.accepted_N & view.judged_N
    span = float(np.ptp(position_N)) if len(position_N) else 0.0
    if known_N.sum() < 4 * STRETCHES or span <= 0:
        return []
    stretch_N = np.minimum(((position_N - position_N.min()) / span * STRETCHES).astype(int), STRETCHES - 1)
    middles = position_N.min() + (np.arange(STRETCHES) + 0.5) / STRETCHES * span
    style = chart.run_style(index)
    traces = []
    for axis, values_N, unit in (('y', view.error_N, view.unit), ('y2', view.angle_N, '°')):
        medians = [
            float(np.median(values_N[inside])) if (inside := known_N & (stretch_N == number)).any() else np.nan
            for number in range(STRETCHES)
        ]
        hover = f'%{{fullData.name}}<br>median here: %{{y:.3g}} {unit}<extra></extra>'
        line = {'color': style['colour'], 'dash': style['dash'], 'width': 2.5}
        x, y = chart.numbers(middles, 8), chart.numbers(medians)
        traces.append(
            chart.trace(index, view.label, mode='lines', x=x, y=y, yaxis=axis, line=line, hovertemplate=hover)
        )
    return traces


def _error_marks(index: int, view: RunView, position_N: FloatArray, opacity: float) -> tuple[list[Trace], str]:
    known_N = view.accepted_N & view.judged_N
    if not known_N.any():
        return [], ''
    every = np.flatnonzero(known_N)
    keep = view.false_N[every] if view.false_N.sum() <= 4 * BUCKETS else np.zeros(len(every), dtype=bool)
    chosen = every[thin_line(position_N[every], view.error_N[every], keep, BUCKETS)]
    style = chart.run_style(index)
    false = view.false_N[chosen]
    marker = {
        'symbol': ['diamond' if is_false else style['symbol'] for is_false in false],
        'size': [11 if is_false else 5 for is_false in false],
        'opacity': [1.0 if is_false else opacity for is_false in false],
        'color': style['colour'],
        'line': {'color': ['--false' if is_false else style['colour'] for is_false in false], 'width': 1.5},
    }
    common: dict[str, Any] = {
        'mode': 'markers',
        'x': chart.numbers(position_N[chosen], 8),
        'marker': marker,
        'text': [f'{words.for_plotly(view.label)}<br>{text}' for text in chart.attempt_texts(view, chosen)],
        'hovertemplate': '%{text}<extra></extra>',
        'customdata': chosen.tolist(),
    }
    distance = chart.numbers(np.maximum(view.error_N[chosen], SMALLEST_M))
    angle = chart.numbers(np.maximum(view.angle_N[chosen], SMALLEST_DEG))
    rule = 'of every short stretch of time the smallest and the largest error, and every false fix'
    return [
        chart.trace(index, view.label, y=distance, **common),
        chart.trace(index, view.label, y=angle, yaxis='y2', **common),
    ], chart.note_of_thinning(len(chosen), len(every), rule)


def _span(index: int, position_N: FloatArray) -> list[Trace]:
    """A thin line from the first to the last image; the stretches without a pose lie on it."""
    ends = chart.numbers([float(position_N.min()), float(position_N.max())], 8)
    line = {'color': '--line', 'width': 2}
    more: Trace = {'mode': 'lines', 'y': [index, index], 'yaxis': 'y3', 'line': line, 'hoverinfo': 'skip'}
    return [chart.trace(index, 'span', x=ends, **more)]


def _stretches_without_pose(index: int, view: RunView, position_N: FloatArray, stamped: bool, runs: int) -> list[Trace]:
    """A bar for every row of neighbours without a pose, from the image before it to the image after it."""
    x: list[float] = []
    texts: list[str] = []
    last = len(position_N) - 1
    for first, end in streaks(~view.accepted_N):
        begin_x = position_N[first]
        end_x = position_N[min(end + 1, last)] if stamped else position_N[end] + 1
        if end_x <= begin_x:  # the last image, or time that goes back
            end_x = position_N[end]
        text = _words_of_stretch(view, first, end)
        x += [float(begin_x), float((begin_x + end_x) / 2), float(end_x), float('nan')]
        texts += [text, text, text, '']
    if not x:
        return []
    colour = '--no-pose' if runs == 1 else chart.run_style(index)['colour']
    return [
        chart.trace(
            index,
            f'{view.label}, no pose',
            mode='lines+markers',
            x=chart.numbers(x, 8),
            y=[None if np.isnan(value) else index for value in x],
            yaxis='y3',
            line={'color': colour, 'width': 9},
            marker={'color': colour, 'size': 5, 'symbol': 'line-ns-open', 'line': {'width': 2, 'color': colour}},
            text=texts,
            hovertemplate='%{text}<extra></extra>',
        )
    ]


def _words_of_stretch(view: RunView, first: int, end: int) -> str:
    counts: dict[str, int] = {}
    for row in view.attempts[first : end + 1]:
        counts[row.reason] = counts.get(row.reason, 0) + 1
    reasons = ', '.join(f'{count} {words.for_plotly(reason)}' for reason, count in counts.items())
    when = f' from {words.seconds(float(view.time_N[first]))}' if view.has_stamps else f' from image {first + 1}'
    return (
        f'{words.for_plotly(view.label)}<br>{words.number(end - first + 1, "image")} without a pose{when}<br>{reasons}'
    )


def recall_charts(views: Sequence[RunView]) -> list[Chart]:
    """Share of all images within a distance, and within an angle; empty where no truth is known."""
    judged = [view for view in views if view.judged_N.any()]
    if not judged:
        return []
    extent = max(view.run.extent for view in judged)
    unit, span = judged[0].unit, (1e-3, 10.0) if judged[0].run.metric else (1e-4 * extent, extent)
    thresholds = metrics.default_thresholds(judged[0].run.metric)
    distances = [t.distance * (extent if t.relative else 1.0) for t in thresholds]
    angles = sorted({t.angle_deg for t in thresholds})
    return [
        _recall(views, 'distance', f'position error [{unit}]', span, distances),
        _recall(views, 'angle', 'angle [°]', (0.01, 30.0), angles),
    ]


def _recall(
    views: Sequence[RunView], what: str, title: str, span: tuple[float, float], marked: Sequence[float]
) -> Chart:
    bounds = log_bounds(*span, BOUNDS_OF_A_CURVE, marked)
    data: list[Trace] = []
    sums = []
    for index, view in enumerate(views):
        cases = int(view.judged_N.sum())
        if not cases:
            continue
        # A pose must be accepted to count, whatever its error.
        values = np.where(view.accepted_N, view.error_N if what == 'distance' else view.angle_N, np.inf)[view.judged_N]
        shares = curve(values, cases, bounds)
        style = chart.run_style(index)
        x = chart.numbers(bounds)
        if len(views) <= MOST_BANDS:
            low, high = wilson_band(shares, cases)
            around = {'mode': 'lines', 'line': {'width': 0}, 'hoverinfo': 'skip'}
            data.append(chart.trace(index, f'{view.label}, lower end', x=x, y=_percents(low), **around))
            fill = {'fill': 'tonexty', 'fillcolor': f'{style["colour"]}/0.15'}
            data.append(chart.trace(index, f'{view.label}, upper end', x=x, y=_percents(high), **around, **fill))
        line = {'color': style['colour'], 'dash': style['dash'], 'width': 2}
        unit = view.unit if what == 'distance' else '°'
        hover = f'%{{fullData.name}}<br>%{{y:.1f}} % within %{{x:.3g}} {unit}<extra></extra>'
        data.append(
            chart.trace(index, view.label, mode='lines', x=x, y=_percents(shares), line=line, hovertemplate=hover)
        )
        sums.append(f'{view.label}: {words.percent(float(shares[-1]))} within the widest bound')
    dotted = {'color': '--muted', 'width': 1, 'dash': 'dot'}
    layout = {
        'xaxis': Axis(title, True, *span).layout,
        'yaxis': Axis('images within [%]', low=0, high=101, more={'fixedrange': True}).layout,
        'shapes': [
            {'type': 'line', 'x0': value, 'x1': value, 'yref': 'paper', 'y0': 0, 'y1': 1, 'line': dotted}
            for value in marked
        ],
    }
    alt = f'Share of all images whose accepted pose lies within a bound on the {what}. {"; ".join(sums)}.'
    return Chart(f'recall-{what}', f'Recall against {what}', alt, data, layout)


def _percents(shares: FloatArray) -> list[float | None]:
    return chart.numbers(100 * shares, 4)
