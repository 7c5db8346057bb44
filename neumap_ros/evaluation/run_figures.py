# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All figures of a run, in one place: for tables, run.json, reports, the regression suite and the evaluator node.

A missing answer is a failure: it stands in the denominator of every share and counts as an infinite error. Shares are
between 0 and 1; what could not be counted is NaN, what never came infinite.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from neumap_ros.evaluation import metrics
from neumap_ros.evaluation.run_time import Timeline, first_fix_s, relocalizations
from neumap_ros.evaluation.run_types import STAGES, AttemptRow, Run
from neumap_ros.geometry import FloatArray

# Ages of a pose that robots ask for, seconds.
AVAILABILITY_AGES_S = (0.5, 1.0, 2.0, 5.0)
LATENCY_PERCENTILES = (50, 95, 99)
STALENESS_PERCENTILES = (50, 95, 100)
# An accepted correction beyond either is a jump of map->odom that planners and costmaps feel.
JUMP_M, JUMP_DEG = 0.5, 5.0

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Errors:
    """Errors of the poses that there are, NaN without any.

    Attributes:
        count: how many have a pose and a true pose.
        median_m: map units, as the others in ``_m``.
        p95_m: 95th percentile.
        max_m: the largest.
        median_deg: degrees, as the others in ``_deg``.
        p95_deg: 95th percentile.
        max_deg: the largest.
    """

    count: int
    median_m: float
    p95_m: float
    max_m: float
    median_deg: float
    p95_deg: float
    max_deg: float


@dataclass(frozen=True)
class Figures:
    """The figures of a run, of one map revision of it, or of one condition.

    Attributes:
        attempts: all of them.
        judged: those with a true pose, which recall, errors and coverage are about.
        accepted: those with a fix.
        reasons: how many ended for which reason, most frequent first.
        recall: share of the judged within each threshold, by label.
        fine_recall: share within 5 cm (or 1 % of the extent) and 5 degrees.
        coarse_recall: share within 0.5 m (or 5 % of the extent) and 5 degrees.
        median_error_m: over all judged, infinite when at least half of them failed; map units.
        median_error_deg: likewise.
        fix_errors: of the accepted poses.
        robot_errors: of the poses that TF gave at the stamps of the images.
        false_fixes: accepted poses worse than 1 m (or 10 % of the extent) or 10 degrees.
        wrong: accepted poses worse than 0.5 m (or 5 % of the extent) or 5 degrees.
        right_estimates: best poses, accepted or not, within that.
        kept: share of those that were accepted.
        coverage: share of fixes with a position error within 1, 2, 3 standard deviations.
        rotation_coverage: the same of the orientation.
        span_s: time that the availability is about; 0 where images have no stamps or come in no order.
        availability: share of that time with a pose not older than an age, by its label such as ``0.5 s``.
        first_fix_s: time until the first fix.
        kidnappings: how often the true pose jumped.
        relocalized: how many of them ended with a right fix.
        relocalization_s: time from each of them to the first right fix.
        jumps: accepted corrections beyond 0.5 m or 5 degrees; the first fix is none.
        staleness_s: age of the fix that map->odom rests on: ``p50``, ``p95``, ``p100`` of the time since the first fix.
        drops: images skipped because newer ones had arrived.
        map_bytes: every byte of the map.
        latency_ms: wall time from image to answer, by ``p50``, ``p95``, ``p99``.
        stages_ms: (median, 95th percentile) of the wall time per stage.
    """

    # What differs from run to run.
    WALL_TIMES: ClassVar[tuple[str, ...]] = ('latency_ms', 'stages_ms')

    attempts: int
    judged: int
    accepted: int
    reasons: Mapping[str, int]
    recall: Mapping[str, float]
    fine_recall: float
    coarse_recall: float
    median_error_m: float
    median_error_deg: float
    fix_errors: Errors
    robot_errors: Errors
    false_fixes: int
    wrong: int
    right_estimates: int
    kept: float
    coverage: tuple[float, ...]
    rotation_coverage: tuple[float, ...]
    span_s: float
    availability: Mapping[str, float]
    first_fix_s: float
    kidnappings: int
    relocalized: int
    relocalization_s: tuple[float, ...]
    jumps: int
    staleness_s: Mapping[str, float]
    drops: int
    map_bytes: int
    latency_ms: Mapping[str, float]
    stages_ms: Mapping[str, tuple[float, float]]


def figures(run: Run) -> Figures:
    """The figures of a whole run, also of one without attempts."""
    return _figures(run, np.ones(len(run.attempts), dtype=bool), run.map.bytes)


def figures_by(run: Run, column: str) -> dict[str, Figures]:
    """The figures per map revision or per condition.

    Args:
        run: the run.
        column: ``revision`` or ``condition``.

    Returns:
        By the value as text, in the order of their appearance; attempts without a condition are left out.
    """
    values = [str(getattr(row, column)) for row in run.attempts]
    parts = {}
    for value in dict.fromkeys(values):
        if value:
            known = run.map.bytes_by_revision.get(int(value), run.map.bytes) if column == 'revision' else run.map.bytes
            parts[value] = _figures(run, np.array([other == value for other in values]), known)
    return parts


def _figures(run: Run, chosen: Mask, map_bytes: int) -> Figures:
    """The figures of some attempts of a run; what happens between two attempts belongs to the former."""
    rows = [row for row, is_chosen in zip(run.attempts, chosen, strict=True) if is_chosen]
    judged = [row for row in rows if row.truth is not None]
    distance, angle = _pairs(judged, 'error_m', 'error_deg')
    accepted = np.array([row.accepted for row in judged], dtype=bool)
    coarse, false = metrics.coarse_threshold(run.metric), metrics.false_fix_threshold(run.metric)
    right = coarse.met(*_pairs(judged, 'estimate_error_m', 'estimate_error_deg'), run.extent)
    kidnapped = [seconds for index, seconds in relocalizations(run, false) if chosen[index]]
    timeline = Timeline.of(run)

    def share(threshold: metrics.Threshold) -> float:
        return metrics.recall(distance, angle, threshold, run.extent)

    return Figures(
        attempts=len(rows),
        judged=len(judged),
        accepted=sum(row.accepted for row in rows),
        reasons=_reasons(rows),
        recall={threshold.label: share(threshold) for threshold in metrics.default_thresholds(run.metric)},
        fine_recall=share(metrics.fine_threshold(run.metric)),
        coarse_recall=share(coarse),
        median_error_m=metrics.median(distance),
        median_error_deg=metrics.median(angle),
        fix_errors=_errors(distance, angle),
        robot_errors=_errors(*_pairs([r for r in judged if r.robot is not None], 'robot_error_m', 'robot_error_deg')),
        false_fixes=int((accepted & ~false.met(distance, angle, run.extent)).sum()),
        wrong=int((accepted & ~coarse.met(distance, angle, run.extent)).sum()),
        right_estimates=int(right.sum()),
        kept=float(accepted[right].mean()) if right.any() else float('nan'),
        coverage=metrics.coverage(_known(judged, 'sigmas')),
        rotation_coverage=metrics.coverage(_known(judged, 'rotation_sigmas')),
        span_s=timeline.span_s(chosen),
        availability={f'{age:g} s': timeline.availability(age, chosen) for age in AVAILABILITY_AGES_S},
        first_fix_s=first_fix_s(run, chosen),
        kidnappings=len(kidnapped),
        relocalized=int(np.isfinite(kidnapped).sum()),
        relocalization_s=tuple(kidnapped),
        jumps=sum(1 for row in rows if row.accepted and _is_jump(row, run.metric)),
        staleness_s={f'p{p}': timeline.staleness(p / 100, chosen) for p in STALENESS_PERCENTILES},
        drops=sum(row.dropped for row in rows),
        map_bytes=map_bytes,
        latency_ms=_percentiles(_known(rows, 'latency_ms')),
        stages_ms=_stages(rows),
    )


def _pairs(rows: Sequence[AttemptRow], distance: str, angle: str) -> tuple[FloatArray, FloatArray]:
    return (
        np.array([getattr(row, distance) for row in rows], dtype=np.float64),
        np.array([getattr(row, angle) for row in rows], dtype=np.float64),
    )


def _known(rows: Sequence[AttemptRow], name: str) -> FloatArray:
    values = np.array([getattr(row, name) for row in rows], dtype=np.float64)
    return np.asarray(values[~np.isnan(values)])


def _errors(distance: FloatArray, angle: FloatArray) -> Errors:
    known = np.isfinite(distance)
    if not known.any():
        return Errors(0, *[float('nan')] * 6)
    parts = [
        float(figure(values[known]))
        for values in (distance, angle)
        for figure in (np.median, lambda v: np.percentile(v, 95), np.max)
    ]
    return Errors(int(known.sum()), *parts)


def _reasons(rows: Sequence[AttemptRow]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.reason] = counts.get(row.reason, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _is_jump(row: AttemptRow, metric: bool) -> bool:
    # Comparisons with NaN, where nothing was predicted, are false.
    return (metric and row.correction_m > JUMP_M) or row.correction_rad > math.radians(JUMP_DEG)


def _percentiles(values: FloatArray) -> dict[str, float]:
    return {f'p{p}': float(np.percentile(values, p)) if len(values) else float('nan') for p in LATENCY_PERCENTILES}


def _stages(rows: Sequence[AttemptRow]) -> dict[str, tuple[float, float]]:
    result = {}
    for stage in STAGES:
        values = [row.stages_ms[stage] for row in rows if stage in row.stages_ms]
        if values:
            result[stage] = (float(np.median(values)), float(np.percentile(values, 95)))
    return result
