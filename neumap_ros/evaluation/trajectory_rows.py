# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Two trajectories as attempts: each true pose is a question, and one without an answer is a failure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from neumap_ros.evaluation.run_types import AttemptRow
from neumap_ros.evaluation.trajectories import IntArray
from neumap_ros.geometry import FloatArray, Pose
from neumap_ros.mapping.sources.trajectory import END_SLACK_S, Trajectory

ANSWERED, NOT_ANSWERED, NO_TRUTH = 'ok', 'no_pose', 'no_truth'


@dataclass(frozen=True, eq=False)
class Pairs:
    """Poses that belong together, K of them.

    Attributes:
        of_estimate: indices into the estimate (K,).
        truths: the true pose of each.
        answered_s: stamps of the questions that they answer (K,), on the clock of the truth.
        of_truth: indices into the truth (K,); empty where true poses were interpolated.
    """

    of_estimate: IntArray
    truths: tuple[Pose, ...]
    answered_s: FloatArray
    of_truth: IntArray


def attempts_from(
    estimate: Trajectory,
    truth: Trajectory,
    poses_M44: FloatArray,
    pairs: Pairs,
    offset_s: float,
    period_s: float | None,
) -> tuple[AttemptRow, ...]:
    """Give one row for each answered question, each one without an answer, and each pose whose truth is not known.

    Args:
        estimate: as it was read.
        truth: true poses.
        poses_M44: poses of the estimate as they are judged, aligned maybe.
        pairs: what belongs together.
        offset_s: added to the stamps of the estimate.
        period_s: time between two questions; None: exactly the true poses are the questions.
    """
    poses = [Pose(matrix[:3, :3], matrix[:3, 3]) for matrix in poses_M44]
    stamps_s = [time_s + offset_s for time_s in estimate.times_s]
    rows = [
        _row(stamps_s[index], ANSWERED, '', poses[index], true_pose)
        for index, true_pose in zip(pairs.of_estimate.tolist(), pairs.truths, strict=True)
    ]
    used = set(pairs.of_estimate.tolist())
    for index in range(len(estimate)):
        if index not in used:
            rows.append(_row(stamps_s[index], NO_TRUTH, 'there is no true pose at its stamp', poses[index], None))
    detail = 'the estimate has no pose at the stamp of this true one'
    for index in _unanswered(np.array(truth.times_s), pairs, period_s):
        rows.append(_row(truth.times_s[index], NOT_ANSWERED, detail, None, truth.poses[index]))
    return tuple(sorted(rows, key=lambda row: row.stamp_ns or 0))


def to_ns(time_s: float) -> int:
    """A stamp in nanoseconds."""
    return round(time_s * 1e9)


def _row(time_s: float, reason: str, detail: str, estimate: Pose | None, truth: Pose | None) -> AttemptRow:
    stamp_ns = to_ns(time_s)
    distance = angle_deg = math.nan
    if truth is not None:
        distance, angle_deg = (math.inf, math.inf) if estimate is None else estimate.error_to(truth)
    return AttemptRow(
        f'{stamp_ns // 10**9}.{stamp_ns % 10**9:09d}',
        stamp_ns,
        reason,
        detail,
        accepted=estimate is not None,
        estimate=estimate,
        truth=truth,
        error_m=distance,
        error_deg=angle_deg,
        estimate_error_m=distance,
        estimate_error_deg=angle_deg,
    )


def _unanswered(times_N: FloatArray, pairs: Pairs, period_s: float | None) -> list[int]:
    """Indices of the true poses that count as questions without an answer."""
    if period_s is None:
        return sorted(set(range(len(times_N))) - set(pairs.of_truth.tolist()))
    answered_s = np.unique(pairs.answered_s).tolist()
    first_s, last_s = answered_s[0], answered_s[-1]
    # At the ends only whole periods count, because answers need not begin with the truth.
    before, after = ((gap_s + END_SLACK_S) // period_s for gap_s in (first_s - times_N[0], times_N[-1] - last_s))
    expected_s = [first_s - period_s * step for step in range(1, int(before) + 1)]
    expected_s += [last_s + period_s * step for step in range(1, int(after) + 1)]
    for begin_s, end_s in pairwise(answered_s):
        count = max(0, round((end_s - begin_s) / period_s) - 1)
        expected_s += np.linspace(begin_s, end_s, count + 2)[1:-1].tolist()
    missing = set()
    for time_s in expected_s:
        nearest = int(np.abs(times_N - time_s).argmin())
        if abs(float(times_N[nearest]) - time_s) <= period_s / 2:  # not in a gap of the truth
            missing.add(nearest)
    return sorted(missing)
