# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A replay as files that others can read, and as tables for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from neumap_ros.evaluation import metrics
from neumap_ros.evaluation.ground_truth import TruthAt
from neumap_ros.evaluation.metrics import EXPECTED_COVERAGE, SIGMAS
from neumap_ros.evaluation.replay import Replay, Step, robot_poses
from neumap_ros.evaluation.report import format_length, write_atomically
from neumap_ros.evaluation.run import QueryRecord, Summary, summarize
from neumap_ros.evaluation.status_table import TIMING_FIELDS, csv_text, status_fields, timing_fields
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources.tum import tum_line
from neumap_ros.maps.types import Manifest

STATUS_NAME, TIMINGS_NAME = 'status.csv', 'timings.csv'
TRAJECTORY_NAME, ROBOT_NAME, ERRORS_NAME = 'trajectory.tum', 'robot.tum', 'errors.csv'

_ERROR_COLUMNS = ('stamp', 'reason', 'fix_m', 'fix_deg', 'robot_m', 'robot_deg')


@dataclass(frozen=True)
class ReplaySummary:
    """The figures of a replay.

    Attributes:
        fixes: of the attempts; errors are those of the base's accepted poses.
        first_fix_s: recorded time from the first image to the first accepted pose; NaN without one.
        fix_errors: per attempt, distance (map units) and angle (degrees) of the accepted pose; NaN without pose or
            truth.
        robot_errors: the same of the pose that TF gives, see :func:`neumap_ros.evaluation.replay.robot_poses`.
        p95_ms: 95th percentile of the wall time of an attempt.
        median_ms: the median.
    """

    fixes: Summary
    first_fix_s: float
    fix_errors: tuple[tuple[float, float], ...]
    robot_errors: tuple[tuple[float, float], ...]
    median_ms: float
    p95_ms: float


def summarize_replay(replay: Replay, manifest: Manifest, truth: TruthAt | None) -> ReplaySummary:
    """Judge a replay.

    Args:
        replay: the attempts.
        manifest: of the map.
        truth: true poses of the base; None where they are not known.
    """
    truths = [None if truth is None else truth(step.attempt.stamp_ns) for step in replay.steps]
    records = [_record(index, step, true) for index, (step, true) in enumerate(zip(replay.steps, truths, strict=True))]
    known = manifest.build.get('extent')
    extent = float(known) if isinstance(known, (int, float)) else metrics.scene_extent(truths)
    times = [step.total_ms for step in replay.steps]
    accepted = [step.attempt.stamp_ns for step in replay.steps if step.attempt.accepted]
    first_fix_s = (accepted[0] - replay.steps[0].attempt.stamp_ns) / 1e9 if accepted else math.nan
    return ReplaySummary(
        fixes=summarize(records, metric=manifest.metric, extent=extent),
        first_fix_s=first_fix_s,
        fix_errors=_errors([step.attempt.T_map_base for step in replay.steps], truths),
        robot_errors=_errors(robot_poses(replay.steps), truths),
        median_ms=float(np.median(times)) if times else math.nan,
        p95_ms=float(np.percentile(times, 95)) if times else math.nan,
    )


def write_replay(replay: Replay, summary: ReplaySummary, folder: Path, *, with_truth: bool) -> dict[str, Path]:
    """Write the attempts; a file is replaced whole or not at all. All but the timings are the same in every run.

    ``status.csv`` has the fields of LocalizationStatus, ``trajectory.tum`` the accepted poses of the base,
    ``robot.tum`` where TF put the base at every image, ``errors.csv`` the errors of both, ``timings.csv`` wall times.

    Args:
        replay: the attempts.
        summary: of them.
        folder: where to; created.
        with_truth: whether there are errors to write.

    Returns:
        The path of each file by its name.

    Raises:
        ConfigError: the folder cannot be written.
    """
    settings = replay.settings
    status = [
        status_fields(
            step.attempt,
            map_frame=settings.map_frame,
            base_frame=settings.base_frame,
            camera_frames=step.camera_frames,
        )
        for step in replay.steps
    ]
    timings = [timing_fields(step.attempt, step.total_ms) for step in replay.steps]
    contents = {
        STATUS_NAME: csv_text(status, list(status[0])) if status else '',
        TIMINGS_NAME: csv_text(timings, ['stamp', *TIMING_FIELDS]),
        TRAJECTORY_NAME: _tum_text(replay.steps, [step.attempt.T_map_base for step in replay.steps]),
        ROBOT_NAME: _tum_text(replay.steps, robot_poses(replay.steps)),
    }
    if with_truth:
        errors = [
            dict(zip(_ERROR_COLUMNS, (row['stamp'], row['reason'], *fix, *robot), strict=True))
            for row, fix, robot in zip(status, summary.fix_errors, summary.robot_errors, strict=True)
        ]
        contents[ERRORS_NAME] = csv_text(errors, _ERROR_COLUMNS)
    for name, text in contents.items():
        write_atomically(folder / name, text.encode())
    return {name: folder / name for name in contents}


def replay_tables(replay: Replay, summary: ReplaySummary, manifest: Manifest, *, with_truth: bool) -> Group:
    """Make the tables of a replay: outcome, and accuracy where the truth is known."""
    fixes, unit = summary.fixes, 'm' if manifest.metric else 'units'
    share = fixes.accepted / fixes.queries if fixes.queries else math.nan
    speed = replay.duration_s / replay.wall_s if replay.wall_s else math.nan
    rows = {
        'attempts': f'{fixes.queries}, {fixes.accepted} accepted ({_percent(share)})',
        'outcome': ', '.join(f'{count} {reason}' for reason, count in fixes.reasons.items()) or 'no images',
        'first fix': f'after {summary.first_fix_s:.2f} s' if fixes.accepted else 'none',
        'last state': replay.steps[-1].attempt.state.value if replay.steps else 'none',
        'map': f'{manifest.map_id}, revision {manifest.revision}',
    }
    if replay.steps:
        rows['time'] = (
            f'{summary.median_ms:.0f} ms an attempt, 95 % are below {summary.p95_ms:.0f} ms; '
            f'{replay.duration_s:.1f} s recorded, {replay.wall_s:.1f} s replayed ({speed:.1f} x)'
        )
    if with_truth and fixes.queries_with_truth:
        rows['wrong fixes accepted'] = str(fixes.wrong)
        rows['covariance'] = _coverage(fixes)
    outcome = Table(title=escape(f'replay of {replay.bag}'), title_justify='left', show_header=False, box=None)
    outcome.add_column(style='bold')
    outcome.add_column(overflow='fold')
    for key, value in rows.items():
        outcome.add_row(key, escape(value))
    if not (with_truth and fixes.queries_with_truth):
        return Group(outcome)
    accuracy = Table(title='error of the base', title_justify='left')
    for column in ('pose', 'of', 'median', '95 % are below', 'largest'):
        accuracy.add_column(column, justify='left' if column == 'pose' else 'right')
    for name, errors in (('accepted fixes', summary.fix_errors), ('from TF at every image', summary.robot_errors)):
        accuracy.add_row(name, *_error_cells(errors, unit))
    return Group(outcome, accuracy)


def failures(replay: Replay) -> list[str]:
    """One line per reason that no pose came, with the sentence of its first attempt, most frequent first."""
    first: dict[str, str] = {}
    counts: dict[str, int] = {}
    for step in replay.steps:
        reason = step.attempt.reason.value
        if not step.attempt.accepted:
            counts[reason] = counts.get(reason, 0) + 1
            first.setdefault(reason, step.attempt.detail)
    ordered = sorted(counts, key=lambda reason: (-counts[reason], reason))
    return [f'{counts[reason]} x {reason}' + (f': {first[reason]}' if first[reason] else '') for reason in ordered]


def _record(index: int, step: Step, truth: Pose | None) -> QueryRecord:
    attempt = step.attempt
    hypothesis = attempt.fix.hypothesis or attempt.T_map_base
    distance = angle = hypothesis_distance = hypothesis_angle = math.nan
    sigmas = None
    if truth is not None:
        distances, angles = metrics.pose_errors([attempt.T_map_base, hypothesis], [truth, truth])
        distance, hypothesis_distance = map(float, distances)
        angle, hypothesis_angle = map(float, angles)
        if attempt.T_map_base is not None and attempt.covariance_66 is not None:
            sigmas = metrics.mahalanobis(attempt.T_map_base, truth, attempt.covariance_66)
    return QueryRecord(
        name=str(index),
        index=index,
        time_s=attempt.stamp_ns / 1e9,
        reason=attempt.reason,
        T_map_cam=attempt.T_map_base,  # the base stands for the camera here
        hypothesis=hypothesis,
        truth=truth,
        distance=distance,
        angle_deg=angle,
        hypothesis_distance=hypothesis_distance,
        hypothesis_angle_deg=hypothesis_angle,
        sigmas=sigmas,
        evidence=attempt.fix.evidence,
        timings_ms={},
        detail=attempt.detail,
    )


def _errors(poses: Sequence[Pose | None], truths: Sequence[Pose | None]) -> tuple[tuple[float, float], ...]:
    return tuple(
        (math.nan, math.nan) if pose is None or truth is None else pose.error_to(truth)
        for pose, truth in zip(poses, truths, strict=True)
    )


def _error_cells(errors: Sequence[tuple[float, float]], unit: str) -> list[str]:
    known = np.array([error for error in errors if math.isfinite(error[0])]).reshape(-1, 2)
    if not len(known):
        return ['0', '', '', '']
    figures = (np.median(known, axis=0), np.percentile(known, 95, axis=0), known.max(axis=0))
    return [str(len(known)), *(f'{format_length(float(m), unit)}, {deg:.2f} deg' for m, deg in figures)]


def _coverage(fixes: Summary) -> str:
    if not np.isfinite(fixes.coverage).all():
        return 'no fixes with a true pose'
    return ', '.join(
        f'{_percent(share)} within {sigma} sigma (ideal {_percent(ideal)})'
        for share, sigma, ideal in zip(fixes.coverage, SIGMAS, EXPECTED_COVERAGE, strict=True)
    )


def _tum_text(steps: Sequence[Step], poses: Sequence[Pose | None]) -> str:
    return ''.join(
        tum_line(step.attempt.stamp_ns, pose) for step, pose in zip(steps, poses, strict=True) if pose is not None
    )


def _percent(share: float) -> str:
    return 'none' if math.isnan(share) else f'{100 * share:.1f} %'
