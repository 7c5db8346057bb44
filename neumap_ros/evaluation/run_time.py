# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a run says about time: how long a pose was known, how old it was, how soon it came back.

A fix is as old as its image. In a live run it is of use only when it has arrived, a latency after its image; a replay
knows no latency, so that its figures are the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neumap_ros.evaluation.metrics import Threshold
from neumap_ros.evaluation.run_types import AttemptRow, Run
from neumap_ros.geometry import FloatArray

Mask = NDArray[np.bool_]

# The true pose jumped if it is this far from where its speed would have brought it, given that nothing on wheels
# accelerates like that.
KIDNAP_M, MAX_ACCELERATION_MPS2 = 1.0, 5.0
# Images farther apart were not taken on one drive.
LONGEST_PAUSE_NS = 10_000_000_000


@dataclass(frozen=True)
class Timeline:
    """Stretches of time, each with the age of the pose that is known in it.

    Attributes:
        owner_S: index of the attempt that a stretch belongs to.
        age_S: of the pose at the beginning of the stretch, seconds; it grows with time. Infinite without a pose.
        length_S: of the stretch, seconds.
    """

    owner_S: FloatArray
    age_S: FloatArray
    length_S: FloatArray

    @staticmethod
    def of(run: Run) -> Timeline:
        """Cut the time of a run into stretches; where stamps go back, a new time begins and no pose is known."""
        stretches: list[tuple[int, float, float]] = []
        for part in _parts(run):
            stretches += _stretches(run, part)
        owner, age, length = np.array(stretches, dtype=np.float64).reshape(-1, 3).T
        return Timeline(owner, age, length)

    def span_s(self, chosen: Mask) -> float:
        """Length of the time that belongs to the chosen attempts (a mask), seconds."""
        return float(self.length_S[self._of(chosen)].sum())

    def availability(self, age_s: float, chosen: Mask) -> float:
        """Share of that time with a pose not older than ``age_s``; NaN if there is no time."""
        mine = self._of(chosen)
        span_s = float(self.length_S[mine].sum())
        if span_s <= 0:
            return float('nan')
        return float(np.clip(age_s - self.age_S[mine], 0, self.length_S[mine]).sum()) / span_s

    def staleness(self, quantile: float, chosen: Mask) -> float:
        """Age of the pose, seconds, that is not exceeded for this share of the time since there is one; NaN without."""
        mine = self._of(chosen) & (self.length_S > 0) & np.isfinite(self.age_S)
        if not mine.any():
            return float('nan')
        age, length = self.age_S[mine], self.length_S[mine]
        return _quantile(age, length, quantile * float(length.sum()))

    def _of(self, chosen: Mask) -> Mask:
        return np.asarray(np.asarray(chosen, dtype=bool)[self.owner_S.astype(int)])


def first_fix_s(run: Run, chosen: Mask) -> float:
    """Time from the beginning of the run, or of the chosen attempts, to their first fix.

    Returns:
        Infinite without a fix, NaN without stamps.
    """
    begin_ns = run.start_ns if len(chosen) and chosen[0] else None
    for row, is_chosen in zip(run.attempts, chosen, strict=True):
        if is_chosen and row.stamp_ns is not None:
            begin_ns = row.stamp_ns if begin_ns is None else begin_ns
            if row.accepted:
                return (row.stamp_ns - begin_ns) / 1e9 + _delay_s(run, row)
    return float('nan') if begin_ns is None else float('inf')


def relocalizations(run: Run, false_fix: Threshold) -> list[tuple[int, float]]:
    """Where the robot was carried off, and how long it took to find out.

    Args:
        run: with true poses.
        false_fix: a fix beyond it does not count.

    Returns:
        (index of the first attempt at the new place, seconds to the first right fix, infinite if none came) each.
    """
    if run.kind == 'images':
        return []
    events = []
    for part in _parts(run):
        known = [index for index in part if run.attempts[index].truth is not None]
        jumps = _jumps(run, known)
        for number, first in enumerate(jumps):
            # What comes after the next kidnapping is no answer to this one.
            end = jumps[number + 1] if number + 1 < len(jumps) else part[-1] + 1
            events.append((first, _time_to_right_s(run, range(first, end), false_fix)))
    return events


def _time_to_right_s(run: Run, attempts: range, false_fix: Threshold) -> float:
    begin_ns = run.attempts[attempts[0]].stamp_ns or 0
    for index in attempts:
        row = run.attempts[index]
        if row.accepted and row.stamp_ns is not None and false_fix.met(row.error_m, row.error_deg, run.extent):
            return (row.stamp_ns - begin_ns) / 1e9 + _delay_s(run, row)
    return float('inf')


def _jumps(run: Run, known: list[int]) -> list[int]:
    """Attempts at which the true pose is not where its speed before or after explains."""
    if len(known) < 3 or not run.metric:
        return []
    first_ns = run.attempts[known[0]].stamp_ns or 0
    times = np.array([((run.attempts[index].stamp_ns or 0) - first_ns) / 1e9 for index in known])
    places = np.array([pose.translation_3 for index in known if (pose := run.attempts[index].truth) is not None])
    steps_s = np.diff(times)
    with np.errstate(divide='ignore', invalid='ignore'):
        speed = np.nan_to_num(np.diff(places, axis=0) / steps_s[:, None], posinf=0.0, neginf=0.0)
    moved = np.diff(places, axis=0)
    before = np.concatenate([speed[1:2], speed[:-1]])
    after = np.concatenate([speed[1:], speed[-2:-1]])
    surprise = np.minimum(*(np.linalg.norm(moved - other * steps_s[:, None], axis=1) for other in (before, after)))
    limit = KIDNAP_M + MAX_ACCELERATION_MPS2 * steps_s**2
    return [known[step + 1] for step in np.flatnonzero(surprise > limit)]


def _parts(run: Run) -> list[list[int]]:
    """Indices of attempts with stamps, cut where time goes back, as it does when a bag is played in a loop.

    Images that are each localized by itself are no drive: a pause between them says nothing about availability.
    """
    longest_ns = LONGEST_PAUSE_NS if run.kind == 'images' else None
    parts: list[list[int]] = []
    latest_ns = None
    for index, row in enumerate(run.attempts):
        if row.stamp_ns is None:
            continue
        if (
            latest_ns is None
            or row.stamp_ns < latest_ns
            or (longest_ns is not None and row.stamp_ns - latest_ns > longest_ns)
        ):
            parts.append([])
        parts[-1].append(index)
        latest_ns = row.stamp_ns
    return parts


def _stretches(run: Run, part: list[int]) -> list[tuple[int, float, float]]:
    """(attempt, age of the pose, length) of the stretches of one part, seconds."""
    rows = [run.attempts[index] for index in part]
    first_ns = rows[0].stamp_ns or 0
    # Seconds of today's stamps as floats would only be good to a fraction of a microsecond.
    stamps = [((row.stamp_ns or 0) - first_ns) / 1e9 for row in rows]
    begin, end = stamps[0], stamps[-1]
    if part[0] == 0 and run.start_ns is not None:
        begin = min(begin, (run.start_ns - first_ns) / 1e9)
    if part[-1] == len(run.attempts) - 1 and run.end_ns is not None:
        end = max(end, (run.end_ns - first_ns) / 1e9)
    # (when, attempt from then on or None, stamp of the pose known from then on or None)
    events: list[tuple[float, int | None, float | None]] = [
        (stamp, index, None) for index, stamp in zip(part, stamps, strict=True)
    ]
    events += [(s + _delay_s(run, r), None, s) for r, s in zip(rows, stamps, strict=True) if r.accepted]
    events.sort(key=lambda event: event[0])
    result, owner, pose_s, now_s = [], part[0], -np.inf, begin
    for when_s, index, fixed_s in events:
        when_s = min(max(when_s, begin), end)
        if when_s > now_s:
            result.append((owner, now_s - pose_s, when_s - now_s))
            now_s = when_s
        owner = owner if index is None else index
        pose_s = pose_s if fixed_s is None else max(pose_s, fixed_s)
    if end > now_s:
        result.append((owner, now_s - pose_s, end - now_s))
    return result


def _delay_s(run: Run, row: AttemptRow) -> float:
    return row.latency_ms / 1e3 if run.kind == 'live' and row.latency_ms > 0 else 0.0


def _quantile(age_S: FloatArray, length_S: FloatArray, seconds: float) -> float:
    """The age below which a pose is for so many seconds; ages grow from ``age_S`` for ``length_S``."""
    edges = np.unique(np.concatenate([age_S, age_S + length_S]))
    begun, ended = np.sort(age_S), np.sort(age_S + length_S)
    if seconds >= length_S.sum():
        return float(edges[-1])
    # Seconds below an edge: sum of max(0, edge - age) - max(0, edge - age - length).
    below = _sum_below(begun, edges) - _sum_below(ended, edges)
    return float(np.interp(seconds, below, edges))


def _sum_below(sorted_N: FloatArray, edges_E: FloatArray) -> FloatArray:
    """Sum of ``edge - value`` over the values below each edge."""
    count = np.searchsorted(sorted_N, edges_E)
    sums = np.concatenate([[0.0], np.cumsum(sorted_N)])
    return np.asarray(count * edges_E - sums[count])
