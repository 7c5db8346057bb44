# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How long answers take, and whether covariances mean what they say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from neumap_ros.evaluation import metrics
from neumap_ros.evaluation.html import chart, words
from neumap_ros.evaluation.html.chart import Axis, Chart, Trace
from neumap_ros.evaluation.html.statistics import FloatArray, curve, share
from neumap_ros.evaluation.html.view import RunView
from neumap_ros.evaluation.run_types import STAGES

BINS = 40
QUANTILES = 200
# A position has three degrees of freedom: its error in standard deviations follows a chi distribution.
FREEDOM = 3
# More standard deviations than this are drawn here.
MOST_SIGMAS = 100.0


def latency_charts(views: Sequence[RunView]) -> list[Chart]:
    """A histogram of the times of attempts, and where the time went; empty where no time is known."""
    known = [view for view in views if np.isfinite(view.latency_N).any()]
    if not known:
        return []
    return [_histogram(views), *_stages(views)]


def _histogram(views: Sequence[RunView]) -> Chart:
    every = np.concatenate([view.latency_N[np.isfinite(view.latency_N)] for view in views])
    every = every[every > 0]
    low, high = (float(every.min()) * 0.95, float(every.max()) * 1.05) if len(every) else (1.0, 10.0)
    edges = np.geomspace(low, max(high, low * 1.2), BINS + 1)
    data: list[Trace] = []
    told = []
    for index, view in enumerate(views):
        latency = view.latency_N[np.isfinite(view.latency_N)]
        if not len(latency):
            continue
        counts = np.histogram(np.clip(latency, edges[0], edges[-1]), edges)[0]
        shares = 100 * counts / len(latency)
        style = chart.run_style(index)
        hover = f'%{{fullData.name}}<br>%{{y:.1f}} % of {len(latency):,} attempts near %{{x:.0f}} ms<extra></extra>'
        data.append(
            chart.trace(
                index,
                view.label,
                mode='lines',
                x=chart.numbers(np.repeat(edges, 2), 4),
                y=chart.numbers(np.concatenate([[0], np.repeat(shares, 2), [0]]), 4),
                line={'color': style['colour'], 'dash': style['dash'], 'width': 2},
                fill='tozeroy',
                fillcolor=f'{style["colour"]}/0.15',
                hovertemplate=hover,
            )
        )
        p50, p95 = (float(np.percentile(latency, p)) for p in (50, 95))
        data.append(
            chart.trace(
                index,
                view.label,
                mode='markers',
                x=chart.numbers([p50, p95], 4),
                y=[0, 0],
                marker={'symbol': ['triangle-up', 'triangle-up-open'], 'size': 13, 'color': style['colour']},
                text=['median', '95 % are below'],
                hovertemplate='%{fullData.name}<br>%{text}: %{x:.0f} ms<extra></extra>',
                cliponaxis=False,
            )
        )
        told.append(f'{view.label}: median {words.milliseconds(p50)}, 95 % below {words.milliseconds(p95)}')
    layout = {
        'xaxis': Axis('milliseconds', True, float(edges[0]), float(edges[-1])).layout,
        'yaxis': Axis('attempts [%]', more={'rangemode': 'tozero'}).layout,
    }
    alt = f'Histogram of the time from image to answer. {"; ".join(told)}.'
    note = 'Full triangle: median. Open triangle: 95 % are below.'
    return Chart('latency', 'Time from image to answer', alt, data, layout, note=note)


def _stages(views: Sequence[RunView]) -> list[Chart]:
    """Median time per stage, one bar a run."""
    names = [view.label for view in views]
    medians = np.array([[view.figures.stages_ms.get(stage, (0.0, 0.0))[0] for stage in STAGES] for view in views])
    if not medians.any():
        return []
    data = []
    for number, stage in enumerate(STAGES):
        data.append(
            {
                'type': 'bar',
                'orientation': 'h',
                'name': stage.removesuffix('_ms'),
                'y': list(range(len(names))),
                'x': chart.numbers(medians[:, number], 4),
                'marker': {'color': f'--stage-{number}', 'line': {'color': '--card', 'width': 1}},
                'text': [stage.removesuffix('_ms')] * len(names),
                'hovertext': [words.for_plotly(name) for name in names],
                'textposition': 'inside',
                'textangle': 0,
                'insidetextanchor': 'middle',
                'hovertemplate': '%{hovertext}<br>%{fullData.name}: %{x:.1f} ms<extra></extra>',
            }
        )
    layout = {
        'barmode': 'stack',
        'uniformtext': {'mode': 'hide', 'minsize': 10},
        'xaxis': Axis('median milliseconds', more={'rangemode': 'tozero'}).layout,
        'yaxis': {
            'range': [len(names) - 0.5, -0.5],
            'fixedrange': True,
            'showgrid': False,
            'tickvals': list(range(len(names))),
            'ticktext': [words.for_plotly(name, 18) for name in names],
        },
    }
    told = '; '.join(
        f'{view.label}: '
        + ', '.join(
            f'{stage.removesuffix("_ms")} {words.milliseconds(ms)}' for stage, ms in zip(STAGES, row, strict=True)
        )
        for view, row in zip(views, medians.tolist(), strict=True)
    )
    alt = f'Median time of each stage of an attempt. {told}.'
    return [Chart('stages', 'Where the time goes', alt, data, layout, height_px=120 + 44 * len(views))]


def coverage_charts(views: Sequence[RunView]) -> list[Chart]:
    """Observed against nominal shares, and quantiles of the errors in standard deviations; empty without any."""
    known = [(index, view, view.sigmas_N[~np.isnan(view.sigmas_N)]) for index, view in enumerate(views)]
    known = [item for item in known if len(item[2])]
    return [_shares(known), _quantiles(known)] if known else []


def _shares(known: Sequence[tuple[int, RunView, FloatArray]]) -> Chart:
    nominal = np.linspace(0, 1, 101)
    radii = stats.chi.ppf(nominal, FREEDOM)
    data: list[Trace] = [_diagonal([0, 100], 'as it should be')]
    told = []
    for index, view, sigmas in known:
        style = chart.run_style(index)
        observed = curve(sigmas, len(sigmas), radii)
        observed[-1] = 1.0
        line = {'color': style['colour'], 'dash': style['dash'], 'width': 2}
        hover = '%{fullData.name}<br>%{y:.1f} % lie where %{x:.0f} % should<extra></extra>'
        x, y = chart.numbers(100 * nominal, 4), chart.numbers(100 * observed, 4)
        data.append(chart.trace(index, view.label, mode='lines', x=x, y=y, line=line, hovertemplate=hover))
        data.append(_sigma_marks(index, view, sigmas))
        told.append(
            f'{view.label}: '
            + ', '.join(
                f'{words.percent(seen)} within {sigma} sigma instead of {words.percent(ideal)}'
                for seen, sigma, ideal in zip(
                    metrics.coverage(sigmas), metrics.SIGMAS, metrics.EXPECTED_COVERAGE, strict=True
                )
            )
        )
    ends: dict[str, Any] = {'low': -1, 'high': 101}
    layout = {
        'xaxis': Axis('should lie within [%]', **ends).layout,
        'yaxis': Axis('lie within [%]', **ends).layout,
        'annotations': [
            _remark(0.03, 0.97, 'left', 'too cautious'),
            _remark(0.97, 0.03, 'right', 'too sure of itself'),
        ],
    }
    alt = f'Coverage of the covariance, observed against nominal. {"; ".join(told)}.'
    note = 'Marks: 1, 2 and 3 sigma with their 95 % intervals.'
    return Chart('coverage', 'Coverage of the covariance', alt, data, layout, note=note, height_px=360)


def _sigma_marks(index: int, view: RunView, sigmas: FloatArray) -> Trace:
    style = chart.run_style(index)
    shares = [share(int((sigmas <= sigma).sum()), len(sigmas)) for sigma in metrics.SIGMAS]
    bars = {
        'type': 'data',
        'symmetric': False,
        'array': chart.numbers([100 * (one.high - one.value) for one in shares], 4),
        'arrayminus': chart.numbers([100 * (one.value - one.low) for one in shares], 4),
        'color': style['colour'],
        'thickness': 1.5,
    }
    return chart.trace(
        index,
        view.label,
        mode='markers',
        x=chart.numbers([100 * ideal for ideal in metrics.EXPECTED_COVERAGE], 4),
        y=chart.numbers([100 * one.value for one in shares], 4),
        error_y=bars,
        marker={'color': style['colour'], 'size': 8, 'symbol': style['symbol']},
        text=[f'{sigma} sigma' for sigma in metrics.SIGMAS],
        hovertemplate='%{fullData.name}<br>%{text}: %{y:.1f} % instead of %{x:.1f} %<extra></extra>',
    )


def _quantiles(known: Sequence[tuple[int, RunView, FloatArray]]) -> Chart:
    data: list[Trace] = [_diagonal([0.05, 10], 'as it should be')]
    told = []
    largest = 5.0
    for index, view, sigmas in known:
        count = min(len(sigmas), QUANTILES)
        at = (np.arange(count) + 0.5) / count
        ordered = np.minimum(np.quantile(np.nan_to_num(sigmas, posinf=MOST_SIGMAS), at), MOST_SIGMAS)
        ideal = stats.chi.ppf(at, FREEDOM)
        largest = max(largest, float(ordered.max()) * 1.1)
        style = chart.run_style(index)
        data.append(
            chart.trace(
                index,
                view.label,
                mode='markers',
                x=chart.numbers(ideal, 4),
                y=chart.numbers(np.maximum(ordered, 0.01), 4),
                marker={'color': style['colour'], 'size': 5, 'symbol': style['symbol']},
                hovertemplate='%{fullData.name}<br>%{y:.2f} where %{x:.2f} should be<extra></extra>',
            )
        )
        told.append(f'{view.label}: median {np.median(sigmas):.2f} sigma instead of {stats.chi.median(FREEDOM):.2f}')
    layout = {
        'xaxis': Axis('error that should be [sigma]', True, 0.2, 5).layout,
        'yaxis': Axis('error that is [sigma]', True, 0.1, largest).layout,
    }
    alt = f'Quantiles of position errors in standard deviations against those of a Gaussian. {"; ".join(told)}.'
    note = 'Above the line errors are larger than the covariance says.'
    return Chart('sigmas', 'Errors in standard deviations', alt, data, layout, note=note, height_px=360)


def _diagonal(ends: Sequence[float], name: str) -> Trace:
    line = {'color': '--muted', 'width': 1, 'dash': 'dash'}
    both = list(ends)
    return chart.trace(None, name, mode='lines', x=both, y=both, line=line, hoverinfo='skip')


def _remark(x: float, y: float, side: str, text: str) -> dict[str, Any]:
    return {
        'x': x,
        'y': y,
        'xref': 'paper',
        'yref': 'paper',
        'xanchor': side,
        'yanchor': 'top' if y > 0.5 else 'bottom',
        'text': text,
        'showarrow': False,
        'font': {'color': '--muted'},
    }
