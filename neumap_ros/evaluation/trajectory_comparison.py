# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An estimated trajectory against a true one: APE, RPE, and a run with the figures that every evaluation has.

The files hold no attempts. Each true pose is taken as a question; one that the estimate does not answer is a failure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from neumap_ros.errors import ConfigError
from neumap_ros.evaluation import metrics
from neumap_ros.evaluation.alignment import Alignment, Similarity, fit_alignment
from neumap_ros.evaluation.run_types import Run
from neumap_ros.evaluation.trajectories import (
    MAX_TIME_DIFFERENCE_S,
    Delta,
    DeltaUnit,
    Relation,
    Statistics,
    absolute_errors,
    associate,
    delta_pairs,
    relative_errors,
    stack,
    statistics,
)
from neumap_ros.evaluation.trajectory_checks import (
    find_gaps,
    gap_limit_s,
    no_common_stamps,
)
from neumap_ros.evaluation.trajectory_diagnosis import both_scalar_first, diagnose
from neumap_ros.evaluation.trajectory_rows import Pairs, attempts_from, to_ns
from neumap_ros.mapping.sources.trajectory import END_SLACK_S, Trajectory, interpolate

# A truth this many times as dense as the estimate was not meant as that many questions, perhaps.
DENSE_TRUTH = 1.5


@dataclass(frozen=True)
class ComparisonSettings:
    """How trajectories are compared.

    Attributes:
        alignment: what is fitted before; ``none`` for poses in a map.
        correct_scale: whether the scale is fitted too.
        poses_to_align: only so many of the first poses count for the fit; None: all.
        delta: of the relative errors.
        max_time_difference_s: stamps farther apart do not belong together.
        time_offset_s: added to the stamps of the estimate.
        interpolate: whether the truth is interpolated at the stamps of the estimate; otherwise the nearest true pose
            counts, as evo does.
        max_gap_s: the truth is never interpolated over longer stretches without true poses; None: see ``gap_limit_s``.
        rate_hz: how often answers were expected; None: as often as there are true poses.
        metric: whether a map unit is a metre.
    """

    alignment: Alignment = Alignment.NONE
    correct_scale: bool = False
    poses_to_align: int | None = None
    delta: Delta = field(default_factory=lambda: Delta(1.0, DeltaUnit.METRES))
    max_time_difference_s: float = MAX_TIME_DIFFERENCE_S
    time_offset_s: float = 0.0
    interpolate: bool = False
    max_gap_s: float | None = None
    rate_hz: float | None = None
    metric: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.max_time_difference_s) and self.max_time_difference_s >= 0):
            raise ConfigError(f'the largest time difference is {self.max_time_difference_s:g} s, expected 0 or more')
        if not math.isfinite(self.time_offset_s):
            raise ConfigError(f'the time offset is {self.time_offset_s:g} s, expected a finite number')
        for name, value in (('largest gap', self.max_gap_s), ('rate', self.rate_hz)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ConfigError(f'the {name} is {value:g}, expected a positive number')


@dataclass(frozen=True, eq=False)
class Comparison:
    """What came of it.

    Attributes:
        settings: how it was done.
        pairs: poses of the estimate with a true pose.
        estimate_poses: all poses of the estimate.
        truth_poses: all true poses.
        gaps: (begin, end) of stretches without true poses, seconds.
        transform: that was applied to the estimate.
        ape: absolute errors by relation (see :class:`Relation`), map units, degrees, radians or none.
        rpe: relative errors likewise; empty where no two poses are one delta apart.
        notes: sentences that whoever reads the figures must know.
        run: the same as attempts, with recall, availability and all other figures.
    """

    settings: ComparisonSettings
    pairs: int
    estimate_poses: int
    truth_poses: int
    gaps: tuple[tuple[float, float], ...]
    transform: Similarity
    ape: Mapping[Relation, Statistics]
    rpe: Mapping[Relation, Statistics]
    notes: tuple[str, ...]
    run: Run


def compare_trajectories(
    estimate: Trajectory,
    truth: Trajectory,
    settings: ComparisonSettings | None = None,
    *,
    name: str = 'estimate',
    source: str = 'trajectory',
    labels: Mapping[str, str] | None = None,
) -> Comparison:
    """Compare an estimate with the truth.

    Args:
        estimate: poses of the body in the map.
        truth: true ones.
        settings: how; by default without alignment.
        name: of the run.
        source: what is compared, in words.
        labels: of the run.

    Raises:
        SourceError: no stamps belong together, or the positions do not determine the alignment.
    """
    settings = settings or ComparisonSettings()
    limit_s = gap_limit_s(truth.times_s) if settings.max_gap_s is None else settings.max_gap_s
    gaps = find_gaps(truth.times_s, limit_s)
    pairs = (
        _interpolated(estimate, truth, settings, limit_s)
        if settings.interpolate
        else _nearest(estimate, truth, settings)
    )
    if not len(pairs.of_estimate):
        raise no_common_stamps(truth, estimate, settings.max_time_difference_s, settings.time_offset_s)
    truth_K44, estimate_K44 = stack(pairs.truths), stack([estimate.poses[index] for index in pairs.of_estimate])
    transform = fit_alignment(
        estimate_K44,
        truth_K44,
        settings.alignment,
        correct_scale=settings.correct_scale,
        poses_to_align=settings.poses_to_align,
    )
    aligned_K44 = transform.apply(estimate_K44)
    notes = _notes(estimate, truth, settings, pairs, gaps, limit_s)
    times_s_J, once_J = np.unique(pairs.answered_s, return_index=True)  # one true pose may be the nearest of two
    found = diagnose(truth_K44[once_J], aligned_K44[once_J], times_s_J)
    notes += [note for note in (found, both_scalar_first(truth_K44, estimate_K44)) if note]
    ape: dict[Relation, Statistics] = {
        relation: statistics(absolute_errors(truth_K44, aligned_K44, relation))
        for relation in Relation
        if relation is not Relation.POINT_DISTANCE_RATIO
    }
    delta_P2 = delta_pairs(truth_K44 if settings.delta.from_truth else aligned_K44, settings.delta)
    rpe: dict[Relation, Statistics] = {}
    for relation in Relation:
        if len(errors := relative_errors(truth_K44, aligned_K44, delta_P2, relation)):
            rpe[relation] = statistics(errors)
    if not len(delta_P2):
        notes.append(
            f'no two poses are {settings.delta.label} apart, so there are no relative errors; try a lower delta'
        )
    moved_M44 = transform.apply(stack(estimate.poses))
    run = Run(
        name=name,
        kind='trajectories',
        source=source,
        attempts=attempts_from(estimate, truth, moved_M44, pairs, settings.time_offset_s, _period_s(truth, settings)),
        labels=labels or {},
        metric=settings.metric,
        extent=metrics.scene_extent(truth.poses),
        body='body',
        start_ns=to_ns(truth.times_s[0]),
        end_ns=to_ns(truth.times_s[-1]),
        notes=tuple(notes),
    )
    return Comparison(
        settings, len(pairs.of_estimate), len(estimate), len(truth), gaps, transform, ape, rpe, tuple(notes), run
    )


def _period_s(truth: Trajectory, settings: ComparisonSettings) -> float | None:
    """Time between two questions; None if exactly the true poses are the questions."""
    if settings.rate_hz is not None:
        return 1 / settings.rate_hz
    return float(np.median(np.diff(truth.times_s))) if settings.interpolate and len(truth) > 1 else None


def _nearest(estimate: Trajectory, truth: Trajectory, settings: ComparisonSettings) -> Pairs:
    of_truth, of_estimate = associate(
        truth.times_s, estimate.times_s, settings.max_time_difference_s, settings.time_offset_s
    )
    return Pairs(of_estimate, tuple(truth.poses[i] for i in of_truth), np.array(truth.times_s)[of_truth], of_truth)


def _interpolated(estimate: Trajectory, truth: Trajectory, settings: ComparisonSettings, limit_s: float) -> Pairs:
    """The truth between its neighbours at the stamps of the estimate, never over a gap or beyond the ends."""
    times_N = np.array(truth.times_s)
    indices, truths, answered = [], [], []
    for index, stamp_s in enumerate(estimate.times_s):
        time_s = stamp_s + settings.time_offset_s
        after = int(np.searchsorted(times_N, time_s))
        if after == len(times_N) or times_N[after] == time_s or after == 0:
            near = min(after, len(times_N) - 1)
            if abs(times_N[near] - time_s) > END_SLACK_S:
                continue
            truths.append(truth.poses[near])
        else:
            begin_s, end_s = times_N[after - 1], times_N[after]
            if end_s - begin_s > limit_s:
                continue
            fraction = float((time_s - begin_s) / (end_s - begin_s))
            truths.append(interpolate(truth.poses[after - 1], truth.poses[after], fraction))
        indices.append(index)
        answered.append(time_s)
    nothing = np.zeros(0, dtype=np.int64)
    return Pairs(np.array(indices, dtype=np.int64), tuple(truths), np.array(answered), nothing)


def _notes(
    estimate: Trajectory,
    truth: Trajectory,
    settings: ComparisonSettings,
    pairs: Pairs,
    gaps: tuple[tuple[float, float], ...],
    limit_s: float,
) -> list[str]:
    notes = []
    if settings.alignment is not Alignment.NONE or settings.correct_scale:
        notes.append('the estimate was aligned to the truth, which hides a map that lies, turned or scaled wrongly')
    if gaps:
        begin_s, end_s = max(gaps, key=lambda gap: gap[1] - gap[0])
        times_M = np.array(estimate.times_s) + settings.time_offset_s
        inside = sum(int(((times_M > a) & (times_M < b)).sum()) for a, b in gaps)
        notes.append(
            f'the ground truth has {len(gaps)} gap{"s" * (len(gaps) > 1)} longer than {limit_s:g} s, '
            f'{sum(b - a for a, b in gaps):.3g} s in all, the longest from {begin_s:.3f} to {end_s:.3f} s; '
            f'{inside} poses of the estimate lie in them, and nothing is interpolated there'
        )
    if unjudged := len(estimate) - len(set(pairs.of_estimate.tolist())):
        notes.append(f'{unjudged} of {len(estimate)} poses of the estimate have no true pose at their stamp')
    dense = len(estimate) > 1 and len(truth) > 1
    if dense and settings.rate_hz is None:
        ratio = float(np.median(np.diff(estimate.times_s)) / np.median(np.diff(truth.times_s)))
        if ratio > DENSE_TRUTH:
            notes.append(
                f'the ground truth is {ratio:.3g} times as dense as the estimate, and each true pose counts as a '
                'question; give the rate at which answers were expected if it was lower'
            )
    return notes
