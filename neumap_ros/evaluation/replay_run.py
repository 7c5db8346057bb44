# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A recording, replayed -> a run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neumap_ros.evaluation.ground_truth import TruthAt
from neumap_ros.evaluation.pictures import draw_views
from neumap_ros.evaluation.replay import Progress, Replayer, Step, robot_pose
from neumap_ros.evaluation.run import CONDITION, scene_extent
from neumap_ros.evaluation.run_checks import notes
from neumap_ros.evaluation.run_folder import plain
from neumap_ros.evaluation.run_pictures import Draw, WorstAttempts
from neumap_ros.evaluation.run_rows import judged, map_facts, row_of_attempt
from neumap_ros.evaluation.run_types import AttemptRow, Run
from neumap_ros.evaluation.sights import OnSights, sights_of_attempt
from neumap_ros.localization.attempt import FrameSet
from neumap_ros.localization.localizer import Localizer


def replay_run(
    replayer: Replayer,
    localizer: Localizer,
    *,
    truth: TruthAt | None = None,
    progress: Progress | None = None,
    name: str = 'replay',
    labels: Mapping[str, str] | None = None,
    worst: WorstAttempts | None = None,
    on_sights: OnSights | None = None,
) -> Run:
    """Replay a recording and compare with the true poses. Everything but wall times is the same in every run.

    Args:
        replayer: of the recording.
        localizer: with its map.
        truth: true poses of the base; None where they are not known.
        progress: called with (images read, images).
        name: of the run.
        labels: of the run; ``condition`` is that of every attempt.
        worst: hears of every attempt, for pictures of the worst.
        on_sights: called with every attempt and its images, for recordings.

    Raises:
        SourceError: the recording is damaged.
    """
    manifest, condition = localizer.manifest, (labels or {}).get(CONDITION, '')
    if worst is not None:
        worst.set_scale(manifest.metric, scene_extent(manifest, ()))
    rows: list[AttemptRow] = []

    def on_step(step: Step, frames: FrameSet) -> None:
        row = row_of_attempt(
            step.attempt,
            robot=robot_pose(step),
            camera_frames=step.camera_frames,
            condition=condition,
            latency_ms=step.total_ms,
        )
        rows.append(judged(row, None if truth is None else truth(step.attempt.stamp_ns)))
        if worst is not None and frames.views:
            worst.offer(len(rows) - 1, rows[-1], _drawing(localizer, step, frames), tracked=True)
        if on_sights is not None:
            on_sights(rows[-1], sights_of_attempt(step.attempt, frames))

    replay = replayer.run(localizer, progress, on_step)
    extent = scene_extent(manifest, [row.truth for row in rows])
    settings = replay.settings
    return Run(
        name=name,
        kind='replay',
        source=f'replay of {replay.bag}',
        attempts=tuple(rows),
        labels=dict(labels or {}),
        map=map_facts(manifest, localizer.map_sha256),
        metric=manifest.metric,
        extent=extent,
        map_frame=settings.map_frame,
        body=settings.base_frame,
        start_ns=replay.start_ns,
        end_ns=replay.end_ns,
        settings={'localizer': plain(localizer.settings), 'replay': plain(settings)},
        notes=notes(rows, metric=manifest.metric, extent=extent, expected=truth is not None),
        timings={'wall_s': replay.wall_s},
    )


def _drawing(localizer: Localizer, step: Step, frames: FrameSet) -> Draw:
    def keypoints(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        return localizer.extractor.extract(image, localizer.settings.max_keypoints).keypoints_N2

    def draw() -> NDArray[np.uint8]:
        return draw_views(step.attempt, frames.views, [keypoints(view.image) for view in frames.views])

    return draw
