# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A run that grows while a robot drives: attempts come first, what was true about them later."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping
from dataclasses import replace

from neumap_ros.evaluation.ground_truth import TruthAt
from neumap_ros.evaluation.run import scene_extent
from neumap_ros.evaluation.run_checks import notes
from neumap_ros.evaluation.run_rows import judged, map_facts
from neumap_ros.evaluation.run_types import AttemptRow, MapFacts, Run
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources.trajectory import interpolate
from neumap_ros.maps.types import Manifest

# Clocks of which one counts from its start and one from 1970 share no time; true poses so far away are of another one.
SAME_CLOCK_NS = 3600 * 10**9

PoseAt = Callable[[int], Pose | None]


class TruePoses:
    """True poses as they come, in any order; between two of them they are interpolated.

    Args:
        max_time_difference_s: a stamp without a pose so near has none.
    """

    def __init__(self, max_time_difference_s: float) -> None:
        self._reach_ns = round(max_time_difference_s * 1e9)
        self._stamps: list[int] = []
        self._poses: list[Pose] = []

    def __len__(self) -> int:
        return len(self._stamps)

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """Stamps of the first and the last one."""
        return (self._stamps[0], self._stamps[-1]) if self._stamps else None

    def add(self, stamp_ns: int, pose: Pose) -> None:
        """Take a pose; of two at one time the last counts."""
        place = bisect.bisect_left(self._stamps, stamp_ns)
        if place < len(self._stamps) and self._stamps[place] == stamp_ns:
            self._poses[place] = pose
            return
        self._stamps.insert(place, stamp_ns)
        self._poses.insert(place, pose)

    def at(self, stamp_ns: int) -> Pose | None:
        """The pose at a stamp; None before the first, after the last, and inside a gap."""
        after = bisect.bisect_left(self._stamps, stamp_ns)
        if after == len(self._stamps):
            return None
        if self._stamps[after] == stamp_ns:
            return self._poses[after]
        if after == 0:
            return None
        first_ns, last_ns = self._stamps[after - 1], self._stamps[after]
        if min(stamp_ns - first_ns, last_ns - stamp_ns) > self._reach_ns:
            return None
        share = (stamp_ns - first_ns) / (last_ns - first_ns)
        return interpolate(self._poses[after - 1], self._poses[after], share)


class LiveRun:
    """Attempts of a live run. Not for several threads at once; what :meth:`run` gives may go to any."""

    def __init__(self) -> None:
        self.rows: list[AttemptRow] = []
        self.problems: dict[str, str] = {}
        self._unjudged: list[int] = []
        self._unplaced: list[int] = []
        self._map = MapFacts()
        self._manifest: Manifest | None = None

    def add(self, row: AttemptRow) -> None:
        """Take an attempt, not judged yet."""
        self._unjudged.append(len(self.rows))
        self._unplaced.append(len(self.rows))
        self.rows.append(row)

    def forget_attempts(self) -> None:
        """Begin anew; the map is still known."""
        self.rows, self._unjudged, self._unplaced = [], [], []

    def use_map(self, manifest: Manifest, sha256: str) -> None:
        """Hear of the active revision; the first one is the run's, later ones are remembered by their size."""
        facts = map_facts(manifest, sha256)
        if self._manifest is None or self._map.map_id != facts.map_id:
            self._map = facts
        else:
            sizes = {**self._map.bytes_by_revision, **facts.bytes_by_revision}
            self._map = replace(self._map, bytes_by_revision=sizes)
        self._manifest = manifest

    @property
    def has_map(self) -> bool:
        """Whether an active map was heard of."""
        return self._manifest is not None

    @property
    def metric(self) -> bool:
        """Whether a map unit is a metre."""
        return self._manifest is None or self._manifest.metric

    def place(self, robot_at: PoseAt, last: int | None = None) -> None:
        """Ask where TF put the robot at the stamps of attempts that do not know it.

        Args:
            robot_at: ``T_map_base`` at a stamp.
            last: only of so many attempts, because TF forgets; None: all.
        """
        self._unplaced = self._try(self._unplaced, last, robot_at, _placed)

    def judge(self, truth_at: TruthAt, last: int | None = None) -> None:
        """Compare attempts that are not judged yet with true poses that may have come meanwhile; as :meth:`place`."""
        self._unjudged = self._try(self._unjudged, last, truth_at, judged)

    def _try(
        self, waiting: list[int], last: int | None, at: PoseAt, use: Callable[[AttemptRow, Pose], AttemptRow]
    ) -> list[int]:
        kept = [] if last is None else waiting[:-last] if last else waiting
        for index in waiting[len(kept) :]:
            row = self.rows[index]
            pose = at(row.stamp_ns or 0)
            if pose is None:
                kept.append(index)
            else:
                self.rows[index] = use(row, pose)
        return kept

    def run(
        self,
        *,
        name: str,
        source: str,
        map_frame: str,
        body: str,
        labels: Mapping[str, str],
        truth_expected: bool,
        truth_span_ns: tuple[int, int] | None = None,
        timings: Mapping[str, object] | None = None,
    ) -> Run:
        """What is known by now.

        Args:
            name: of the run.
            source: where the attempts come from, in words.
            map_frame: that poses refer to.
            body: frame whose pose it is.
            labels: of the run.
            truth_expected: whether true poses were asked for.
            truth_span_ns: stamps of the first and the last true pose; the run lasts as long as they come, so that a
                localizer that has died is seen to be missing.
            timings: wall times.
        """
        rows = tuple(self.rows)
        extent = 0.0
        if self._manifest is not None:
            extent = scene_extent(self._manifest, [row.truth for row in rows])
        stamps = [row.stamp_ns for row in rows if row.stamp_ns is not None]
        if stamps and truth_span_ns is not None:
            stamps += [ns for ns in truth_span_ns if min(stamps) - SAME_CLOCK_NS < ns < max(stamps) + SAME_CLOCK_NS]
        found = notes(rows, metric=self.metric, extent=extent, expected=truth_expected)
        return Run(
            name=name,
            kind='live',
            source=source,
            attempts=rows,
            labels=dict(labels),
            map=self._map,
            metric=self.metric,
            extent=extent,
            map_frame=map_frame,
            body=body,
            start_ns=min(stamps, default=None),
            end_ns=max(stamps, default=None),
            notes=(*self.problems.values(), *found),
            timings=dict(timings or {}),
        )


def _placed(row: AttemptRow, robot: Pose) -> AttemptRow:
    # Judged again, because the truth may have come before TF.
    return judged(replace(row, robot=robot), row.truth)
