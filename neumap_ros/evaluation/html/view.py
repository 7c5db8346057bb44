# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A run as columns, which is what charts are drawn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neumap_ros.evaluation.html.statistics import FloatArray
from neumap_ros.evaluation.metrics import false_fix_threshold
from neumap_ros.evaluation.run_figures import Figures, figures
from neumap_ros.evaluation.run_folder import read_run
from neumap_ros.evaluation.run_types import STAGES, AttemptRow, Run
from neumap_ros.geometry import Pose

BoolArray = NDArray[np.bool_]

# Up is the z axis where the tops of the images agree with it so well.
UPRIGHT_COSINE = 0.97


@dataclass(frozen=True)
class RunView:
    """A run and its columns; N attempts, in order.

    Attributes:
        run: as it was read.
        folder: that it was read from; pictures lie there.
        label: its name, made unique among the runs of a page.
        figures: of all its attempts.
        has_stamps: whether the attempts have stamps; if not, ``time_N`` counts images.
        time_N: seconds since ``zero_ns``, or the number of the image.
        accepted_N: whether there is a pose.
        judged_N: whether the truth is known.
        false_N: accepted and worse than the bound of false fixes.
        error_N: of the accepted pose, map units; infinite without one, NaN without truth.
        angle_N: degrees, likewise.
        estimate_N3: accepted position, NaN without one.
        truth_N3: true position, NaN where it is not known.
        sigmas_N: position error in standard deviations, NaN where there is none.
        latency_N: milliseconds.
        stages_NS: milliseconds per stage of STAGES, NaN where it was not reached.
    """

    run: Run
    folder: Path
    label: str
    figures: Figures
    has_stamps: bool
    time_N: FloatArray
    accepted_N: BoolArray
    judged_N: BoolArray
    false_N: BoolArray
    error_N: FloatArray
    angle_N: FloatArray
    estimate_N3: FloatArray
    truth_N3: FloatArray
    sigmas_N: FloatArray
    latency_N: FloatArray
    stages_NS: FloatArray

    @property
    def attempts(self) -> tuple[AttemptRow, ...]:
        """The rows themselves."""
        return self.run.attempts

    @property
    def unit(self) -> str:
        """Of lengths."""
        return 'm' if self.run.metric else 'units'

    @property
    def place_N3(self) -> FloatArray:
        """Where each attempt happened: the true position, else the estimate, else NaN."""
        return np.where(np.isfinite(self.truth_N3), self.truth_N3, self.estimate_N3)


def read_views(folders: Sequence[Path]) -> list[RunView]:
    """Read runs.

    Raises:
        SourceError: a folder is no run.
    """
    return make_views([read_run(folder) for folder in folders], folders)


def make_views(runs: Sequence[Run], folders: Sequence[Path]) -> list[RunView]:
    """The same from runs that were read before.

    Args:
        runs: with at least one attempt each.
        folders: of them, where pictures lie.
    """
    labels = _unique([run.name for run in runs])
    stamps = [row.stamp_ns for run in runs for row in run.attempts if row.stamp_ns is not None]
    # Runs of one recording share their clock; those of different ones would lie apart by days.
    shared = min(stamps) if stamps and len({run.source for run in runs}) == 1 else None
    return [_view(run, folder, label, shared) for run, folder, label in zip(runs, folders, labels, strict=True)]


def _view(run: Run, folder: Path, label: str, zero_ns: int | None) -> RunView:
    rows = run.attempts
    has_stamps = all(row.stamp_ns is not None for row in rows)
    if has_stamps:
        stamps = np.array([row.stamp_ns for row in rows], dtype=np.int64)
        time_N = (stamps - (int(stamps.min()) if zero_ns is None else zero_ns)) / 1e9
    else:
        time_N = np.arange(len(rows), dtype=np.float64)
    accepted_N = np.array([row.accepted for row in rows], dtype=bool)
    judged_N = np.array([row.truth is not None for row in rows], dtype=bool)
    error_N, angle_N = _column(rows, lambda row: row.error_m), _column(rows, lambda row: row.error_deg)
    return RunView(
        run=run,
        folder=folder,
        label=label,
        figures=figures(run),
        has_stamps=has_stamps,
        time_N=time_N,
        accepted_N=accepted_N,
        judged_N=judged_N,
        false_N=accepted_N & judged_N & ~false_fix_threshold(run.metric).met(error_N, angle_N, run.extent),
        error_N=error_N,
        angle_N=angle_N,
        estimate_N3=_positions([row.pose for row in rows]),
        truth_N3=_positions([row.truth for row in rows]),
        sigmas_N=_column(rows, lambda row: row.sigmas),
        latency_N=_column(rows, lambda row: row.latency_ms),
        stages_NS=np.array([[row.stages_ms.get(stage, np.nan) for stage in STAGES] for row in rows]),
    )


def _column(rows: Sequence[AttemptRow], value: Callable[[AttemptRow], float]) -> FloatArray:
    return np.array([value(row) for row in rows], dtype=np.float64)


def _positions(poses: Sequence[Pose | None]) -> FloatArray:
    unknown = np.full(3, np.nan)
    return np.array([unknown if pose is None else pose.translation_3 for pose in poses]).reshape(-1, 3)


def _unique(names: Sequence[str]) -> list[str]:
    """The names, with a number behind those that occur twice."""
    labels: list[str] = []
    for name in names:
        label, number = name, 2
        while label in labels:
            label, number = f'{name} ({number})', number + 1
        labels.append(label)
    return labels


def ground_plane(views: Sequence[RunView]) -> tuple[FloatArray, bool]:
    """Axes (2, 3) of a plan from above in the map frame, to the right and upwards on the paper.

    Robots' maps have z up. Other maps need not know gravity; there up is where the tops of the images point on
    average, and the plan turns accordingly.

    Returns:
        The axes, and whether they are x and y of the map.
    """
    plain = np.eye(3)[:2]
    if any(view.run.floor or view.run.body != 'camera' for view in views):
        return plain, True
    poses = [row.truth or row.pose for view in views for row in view.attempts]
    tops = np.array([-pose.rotation_33[:, 1] for pose in poses if pose is not None]).reshape(-1, 3)
    if not len(tops):
        return plain, True
    up = tops.mean(axis=0)
    length = float(np.linalg.norm(up))
    if length < 0.1 or up[2] / length > UPRIGHT_COSINE:
        return plain, True
    up = up / length
    right = np.eye(3)[0 if abs(up[0]) < 0.8 else 1]
    right = right - up * (right @ up)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(up, right)]), False
