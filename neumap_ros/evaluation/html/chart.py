# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What charts have in common: colours of runs and of errors, marks of attempts, axes.

Charts are plain objects in the schema of plotly.js, which the page carries. Colours are names of the page's own
variables (``--run-0``), so that they follow light, dark and paper.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neumap_ros.evaluation import metrics
from neumap_ros.evaluation.html import words
from neumap_ros.evaluation.html.statistics import FloatArray, IndexArray
from neumap_ros.evaluation.html.view import RunView
from neumap_ros.evaluation.run_types import Run

# As many colours as the palette has (Okabe and Ito, without the two that vanish on white or black).
COLOURS = 7
DASHES = ('solid', 'dash', 'dot', 'dashdot', 'longdash', 'longdashdot', 'solid')
SYMBOLS = ('circle', 'square', 'triangle-up', 'diamond', 'triangle-down', 'pentagon', 'star')

Trace = dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """A chart of the page.

    Attributes:
        key: unique on the page.
        title: above it.
        alt: what it shows, for those who do not see it.
        data: traces of plotly.js; ``meta.run`` names the run that a trace belongs to.
        layout: of plotly.js.
        height_px: of the chart; 0 if it follows from ``aspect``.
        aspect: height / width.
        note: below it, one or two sentences.
        run: the only run that it is about; None if it compares.
        place: number of the place that a plan shows; plans of one place zoom together.
    """

    key: str
    title: str
    alt: str
    data: Sequence[Trace]
    layout: Mapping[str, Any]
    height_px: int = 320
    aspect: float = 0.0
    note: str = ''
    run: int | None = None
    place: int = 0

    @property
    def figure(self) -> dict[str, Any]:
        """The part that plotly.js draws."""
        return {
            'data': list(self.data),
            'layout': dict(self.layout),
            'aspect': self.aspect,
            'height': self.height_px,
            'place': self.place,
        }


@dataclass(frozen=True)
class ErrorClass:
    """A band of errors with one colour.

    Attributes:
        label: for the legend.
        variable: of the page, its colour.
        symbol: of plotly.js.
        glyph: the same symbol as text.
    """

    label: str
    variable: str
    symbol: str = 'circle'
    glyph: str = '●'


NO_POSE = ErrorClass('no pose', '--no-pose', 'x-thin-open', '×')  # noqa: RUF001
NOT_JUDGED = ErrorClass('pose, truth unknown', '--not-judged')


def error_classes(run: Run) -> list[ErrorClass]:
    """Bands of errors from good to false; the bounds are those of recall and of false fixes."""
    bounds = error_bounds(run)
    labels = [f'within {_bound(bound, run)}' for bound in bounds]
    classes = [ErrorClass(label, f'--error-{index}') for index, label in enumerate(labels)]
    false = metrics.false_fix_threshold(run.metric)
    return [*classes, ErrorClass(f'false: beyond {false.label.replace(", ", " or ")}', '--false', 'diamond', '◆')]


def error_bounds(run: Run) -> list[float]:
    """Upper ends of the bands before the last one, map units."""
    fine, coarse = metrics.fine_threshold(run.metric), metrics.coarse_threshold(run.metric)
    middle = metrics.default_thresholds(run.metric)[1]
    every = (fine, middle, coarse, metrics.false_fix_threshold(run.metric))
    return [bound.distance * (run.extent if bound.relative else 1.0) for bound in every]


def _bound(value: float, run: Run) -> str:
    return f'{100 * value:g} cm' if run.metric and value < 1 else f'{value:.3g} {"m" if run.metric else "units"}'


def class_of_attempts(view: RunView) -> IndexArray:
    """Index of each attempt's band; one beyond the last without a pose, two beyond without a truth."""
    bounds = error_bounds(view.run)
    band_N = np.searchsorted(bounds, np.nan_to_num(view.error_N, nan=0.0, posinf=0.0), side='left')
    band_N = np.minimum(band_N, len(bounds) - 1)  # what is false by its angle alone is so too
    band_N = np.where(view.false_N, len(bounds), band_N)
    band_N = np.where(view.accepted_N & ~view.judged_N, len(bounds) + 2, band_N)
    return np.asarray(np.where(view.accepted_N, band_N, len(bounds) + 1), dtype=np.int64)


def attempt_texts(view: RunView, indices: IndexArray) -> list[str]:
    """What hovering over an attempt shows."""
    texts = []
    for index in indices:
        row = view.attempts[int(index)]
        when = words.seconds(float(view.time_N[index])) if view.has_stamps else f'image {index + 1}'
        lines = [f'<b>{words.for_plotly(row.name)}</b>', f'{when} · reason {words.for_plotly(row.reason)}']
        if row.accepted and row.truth is not None:
            lines.append(f'error {words.length(row.error_m, view.unit)}, {words.angle(row.error_deg)}')
        counts = [f'{row.evidence.guided_inliers} inliers'] if row.evidence.keypoints else []
        counts += [f'confidence {row.confidence:.2f}'] if math.isfinite(row.confidence) else []
        counts += [f'revision {row.revision}'] if row.revision else []
        lines += [' · '.join(counts)] if counts else []
        texts.append('<br>'.join(lines))
    return texts


def numbers(values: Sequence[float] | FloatArray, digits: int = 5) -> list[float | None]:
    """Numbers with as many digits as a chart can show; what is not finite is a gap."""
    return [float(f'{value:.{digits}g}') if math.isfinite(value) else None for value in map(float, values)]


def run_style(index: int) -> dict[str, str]:
    """Colour, dash and symbol of a run."""
    return {
        'colour': f'--run-{index % COLOURS}',
        'dash': DASHES[(index // COLOURS + index) % len(DASHES)] if index else 'solid',
        'symbol': SYMBOLS[index % len(SYMBOLS)],
    }


def trace(run: int | None, name: str, **rest: Any) -> Trace:
    """A trace of a run; without one it belongs to all."""
    named = {'type': 'scatter', 'name': words.for_plotly(name), **rest}
    return named if run is None else {**named, 'meta': {'run': run}}


def note_of_thinning(drawn: int, total: int, rule: str) -> str:
    """A sentence where a chart leaves something out; empty where it does not."""
    return '' if drawn >= total else f'Drawn are {drawn:,} of {total:,} attempts: {rule}.'


@dataclass(frozen=True)
class Axis:
    """An axis of plotly.js in the few ways that the page needs."""

    title: str
    log: bool = False
    low: float | None = None
    high: float | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def layout(self) -> dict[str, Any]:
        """As plotly.js takes it."""
        result: dict[str, Any] = {'title': {'text': self.title}, **self.more}
        if self.log:
            result['type'] = 'log'
        if self.low is not None and self.high is not None:
            ends = [self.low, self.high]
            result['range'] = [math.log10(end) for end in ends] if self.log else ends
            if self.log:
                ticks = log_ticks(self.low, self.high)
                result |= {'tickvals': ticks, 'ticktext': [f'{tick:g}' for tick in ticks]}
        return result


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers on a logarithmic axis: powers of ten, with 2 and 5 between them where there is room."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if math.log10(high / low) < 2.5 else (1,)
    every = [float(f'{step}e{decade}') for decade in decades for step in steps]
    return [tick for tick in every if low * 0.999 <= tick <= high * 1.001]
