# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The place from above: where the robot was, what it was told, and where that went wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neumap_ros.evaluation.html import chart, words
from neumap_ros.evaluation.html.chart import Chart, Trace
from neumap_ros.evaluation.html.statistics import FloatArray, thin_line, thin_marks
from neumap_ros.evaluation.html.view import BoolArray, RunView, ground_plane

MOST_MARKS = 2500
MOST_LINE_POINTS = 4000
# Marks nearer than this share of the plan's width lie on top of each other.
CELL = 1 / 500
# Errors shorter than this share of the plan's width are no visible line.
SHORTEST_LINE = 1 / 150
# What is farther from the robots' places than this share of their spread is not on the plan.
NEAR = 0.5
# A path is broken where nothing is known for longer than this many usual steps.
GAP_STEPS = 8


def map_charts(views: Sequence[RunView]) -> list[Chart]:
    """One plan per run; those of one place have the same axes. Runs that know no place have none."""
    groups: dict[str, list[int]] = {}
    for index, view in enumerate(views):
        groups.setdefault(view.run.map.map_id or view.run.source, []).append(index)
    charts: dict[int, Chart] = {}
    for number, members in enumerate(groups.values()):
        same = [views[index] for index in members]
        plane_23, upright = ground_plane(same)
        box = _box(same, plane_23)
        if box is not None:
            charts |= {index: _plan(index, views[index], plane_23, upright, box, number) for index in members}
    return [charts[index] for index in sorted(charts)]


def places(view: RunView) -> FloatArray:
    """Where each attempt is drawn: the accepted pose, else the truth, else what TF said, else NaN; (N, 3)."""
    robot = np.array([np.full(3, np.nan) if row.robot is None else row.robot.translation_3 for row in view.attempts])
    place_N3 = np.where(np.isfinite(view.estimate_N3), view.estimate_N3, view.truth_N3)
    return np.asarray(np.where(np.isfinite(place_N3), place_N3, robot))


def _box(views: Sequence[RunView], plane_23: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Corners of what all plans show: the robots' places with the rooms around.

    One far away pose, or a facade across the square, must not shrink everything else to a dot.
    """
    sure = [view.truth_N3 for view in views] + [view.estimate_N3 for view in views if not view.judged_N.any()]
    known = np.concatenate(sure) @ plane_23.T
    known = known[np.isfinite(known).all(axis=1)]
    floors = [np.array(polygon) for view in views for polygon in view.run.floor]
    if not len(known):
        known = np.concatenate([np.zeros((0, 2)), *floors])
    if not len(known):
        return None
    low, high = known.min(axis=0), known.max(axis=0)
    reach = NEAR * max(float((high - low).max()), 1e-3)
    estimates = np.concatenate([view.estimate_N3 for view in views]) @ plane_23.T
    corners = np.concatenate([known, estimates, *(f for f in floors if _touches(f, low - reach / 4, high + reach / 4))])
    # Comparisons with NaN are false.
    near = ((corners > low - reach) & (corners < high + reach)).all(axis=1)
    low, high = corners[near].min(axis=0), corners[near].max(axis=0)
    margin = 0.05 * max(float((high - low).max()), 1e-3)
    return low - margin, high + margin


def _touches(polygon_N2: FloatArray, low: FloatArray, high: FloatArray) -> bool:
    """Whether the box around a polygon overlaps another box."""
    return bool((polygon_N2.max(axis=0) > low).all() and (polygon_N2.min(axis=0) < high).all())


def _plan(
    index: int,
    view: RunView,
    plane_23: FloatArray,
    upright: bool,
    box: tuple[FloatArray, FloatArray],
    place: int,
) -> Chart:
    low, high = box
    width, height = (high - low).tolist()
    place_N2, truth_N2 = places(view) @ plane_23.T, view.truth_N3 @ plane_23.T
    # What lies outside is drawn at the edge, and says where it is.
    outside_N = np.any(np.isfinite(place_N2) & ((place_N2 < low) | (place_N2 > high)), axis=1)
    drawn_N2 = np.clip(place_N2, low, high)
    data: list[Trace] = [*_floor(index, view), *_paths(index, view, plane_23)]
    data += _error_lines(index, view, drawn_N2, truth_N2, width)
    marks, notes = _marks(index, view, drawn_N2, outside_N, width)
    axis = {'zeroline': False, 'constrain': 'domain'}
    unit = view.unit
    names = ('x', 'y') if upright else ('to the right', 'upwards')
    layout = {
        'xaxis': {**axis, 'title': {'text': f'{names[0]} [{unit}]'}, 'range': [low[0], high[0]]},
        'yaxis': {
            **axis,
            'title': {'text': f'{names[1]} [{unit}]'},
            'range': [low[1], high[1]],
            'scaleanchor': 'x',
            'scaleratio': 1,
        },
    }
    layout['xaxis']['range'] = chart.numbers([low[0], high[0]])
    layout['yaxis']['range'] = chart.numbers([low[1], high[1]])
    if outside_N.any():
        notes.append(f'{words.number(int(outside_N.sum()), "pose")} beyond the edge, drawn at the edge.')
    if homeless := int((~np.isfinite(place_N2).all(axis=1)).sum()):
        notes.append(f'{words.number(homeless, "attempt")} at a place that nobody knows, not drawn.')
    if not upright:
        notes.append('Up is where the tops of the images point on average: the map does not know gravity.')
    figures = view.figures
    alt = (
        f'Map from above of the run {view.label}: {figures.accepted} poses and '
        f'{figures.attempts - figures.accepted} images without a pose along the path, '
        f'{words.number(figures.false_fixes, "false fix", "false fixes")}.'
    )
    return Chart(
        f'map-{index}',
        view.label,
        alt,
        [*data, *marks],
        layout,
        height_px=0,
        aspect=min(max(height / width, 0.2), 1.3),
        note=' '.join(notes),
        run=index,
        place=place,
    )


def _floor(index: int, view: RunView) -> list[Trace]:
    if not view.run.floor:
        return []
    x: list[float | None] = []
    y: list[float | None] = []
    for polygon in view.run.floor:
        closed = np.array([*polygon, polygon[0]])
        x += [*chart.numbers(closed[:, 0]), None]
        y += [*chart.numbers(closed[:, 1]), None]
    style = {'line': {'color': '--wall', 'width': 1}, 'fill': 'toself', 'fillcolor': '--floor', 'hoverinfo': 'skip'}
    return [chart.trace(index, 'floor plan', mode='lines', x=x, y=y, **style)]


def _paths(index: int, view: RunView, plane_23: FloatArray) -> list[Trace]:
    if not view.has_stamps:
        return []
    robot = np.array([np.full(3, np.nan) if row.robot is None else row.robot.translation_3 for row in view.attempts])
    traces = []
    for name, path_N3, line in (
        ('true path', view.truth_N3, {'color': '--truth', 'width': 2}),
        ('path by TF', robot, {'color': chart.run_style(index)['colour'], 'width': 1, 'dash': 'dot'}),
    ):
        path_N2 = path_N3 @ plane_23.T
        if not np.isfinite(path_N2).any():
            continue
        keep = np.zeros(len(path_N2), dtype=bool)
        chosen = thin_line(view.time_N, path_N2[:, 0], keep, MOST_LINE_POINTS // 4)
        x, y = _broken(view.time_N[chosen], path_N2[chosen])
        traces.append(chart.trace(index, name, mode='lines', x=x, y=y, line=line, hoverinfo='skip'))
    return traces


def _broken(time_N: FloatArray, path_N2: FloatArray) -> tuple[list[float | None], list[float | None]]:
    """A path with gaps where time or place leap."""
    steps_s = np.diff(time_N)
    moved = np.linalg.norm(np.diff(path_N2, axis=0), axis=1)
    usual_s = float(np.median(steps_s)) if len(steps_s) else 0.0
    usual_m = float(np.nanmedian(moved)) if np.isfinite(moved).any() else 0.0
    leap = (steps_s > GAP_STEPS * usual_s) | (steps_s < 0) | (moved > max(20 * usual_m, 1e-9))
    gaps = np.flatnonzero(leap) + 1
    both = np.insert(path_N2, gaps, np.nan, axis=0)
    return chart.numbers(both[:, 0]), chart.numbers(both[:, 1])


def _error_lines(index: int, view: RunView, drawn_N2: FloatArray, truth_N2: FloatArray, width: float) -> list[Trace]:
    """Lines from the true place to the pose, where they are long enough to be seen."""
    apart = np.linalg.norm(np.nan_to_num(drawn_N2 - truth_N2), axis=1)
    chosen = np.flatnonzero(view.accepted_N & view.judged_N & (apart > SHORTEST_LINE * width))
    chosen = chosen[np.argsort(-apart[chosen], kind='stable')][:MOST_MARKS]
    traces = []
    for name, colour, of in (
        ('error', '--error-line', ~view.false_N),
        ('error of a false fix', '--false', view.false_N),
    ):
        ends = [(truth_N2[i], drawn_N2[i]) for i in np.sort(chosen[of[chosen]])]
        if ends:
            points = np.array([[start, end, (np.nan, np.nan)] for start, end in ends]).reshape(-1, 2)
            x, y = chart.numbers(points[:, 0]), chart.numbers(points[:, 1])
            line = {'color': colour, 'width': 1.5}
            traces.append(chart.trace(index, name, mode='lines', x=x, y=y, line=line, hoverinfo='skip'))
    return traces


def _marks(
    index: int, view: RunView, drawn_N2: FloatArray, outside_N: BoolArray, width: float
) -> tuple[list[Trace], list[str]]:
    """One trace per band of errors, the worst on top."""
    bands = [*chart.error_classes(view.run), chart.NO_POSE, chart.NOT_JUDGED]
    band_N = chart.class_of_attempts(view)
    placed_N = np.isfinite(drawn_N2).all(axis=1)
    false, missing, unknown = len(bands) - 3, len(bands) - 2, len(bands) - 1
    traces, shown = [], 0
    # False fixes lie above everything, and none of them is left out before all others are.
    for number in (unknown, missing, *range(false + 1)):
        every = np.flatnonzero(placed_N & (band_N == number))
        badness = np.nan_to_num(view.error_N[every], posinf=0.0)
        most = MOST_MARKS if number == false else MOST_MARKS // 3
        chosen = every[thin_marks(drawn_N2[every], badness, most, CELL * width)]
        if not len(chosen):
            continue
        shown += len(chosen)
        band = bands[number]
        marker = {'color': band.variable, 'symbol': band.symbol, 'size': 10 if number == false else 6}
        marker['line'] = (
            {'width': 1.5, 'color': band.variable} if number == missing else {'width': 0.5, 'color': '--card'}
        )
        texts = [
            text + (f'<br>beyond the edge of the plan, at {_where(view, i)}' if outside_N[i] else '')
            for text, i in zip(chart.attempt_texts(view, chosen), chosen, strict=True)
        ]
        traces.append(
            chart.trace(
                index,
                band.label,
                mode='markers',
                x=chart.numbers(drawn_N2[chosen, 0]),
                y=chart.numbers(drawn_N2[chosen, 1]),
                marker=marker,
                text=texts,
                hovertemplate='%{text}<extra></extra>',
                customdata=chosen.tolist(),
            )
        )
    rule = 'where several of one colour lie on top of each other, the worst of them'
    note = chart.note_of_thinning(shown, int(placed_N.sum()), rule)
    return traces, [note] if note else []


def _where(view: RunView, index: int) -> str:
    return ', '.join(f'{value:.1f}' for value in view.estimate_N3[index])
