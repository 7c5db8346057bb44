# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a map is asked under one condition, and how: images one by one, or a recorded drive through the tracker."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.regression.digests import (
    DRIVES,
    SourceDigest,
    decisive_files,
    digest_drive,
    digest_files,
    digest_source,
)
from neumap_ros.evaluation.ground_truth import TRUTH_TOPIC, open_truth
from neumap_ros.evaluation.replay import Replayer, ReplaySettings
from neumap_ros.evaluation.replay_run import replay_run
from neumap_ros.evaluation.run import evaluate
from neumap_ros.evaluation.run_folder import plain
from neumap_ros.evaluation.run_pictures import WorstAttempts
from neumap_ros.evaluation.run_types import Run
from neumap_ros.localization.localizer import Localizer, LocalizerSettings
from neumap_ros.mapping.sources import ImageSource


class Trial(ABC):
    """The queries of a scene under one condition."""

    @abstractmethod
    def digest(self) -> SourceDigest:
        """What is asked; reads everything once."""

    @abstractmethod
    def settings(self) -> Any:
        """How it is asked, beside the code that decides every case; for keys."""

    @abstractmethod
    def run(
        self,
        localizer: Localizer,
        progress: Callable[[int, int], None],
        *,
        name: str,
        labels: Mapping[str, str],
        worst: WorstAttempts,
    ) -> Run:
        """Ask.

        Args:
            localizer: with its map.
            progress: called with (images done, images).
            name: of the run.
            labels: of the run.
            worst: hears of every attempt.
        """

    @abstractmethod
    def queries_of(self, run: Run, digest: SourceDigest) -> tuple[str, ...]:
        """The query behind each attempt of a run, as the digest names them."""


class ImageTrial(Trial):
    """Images, each localized by itself.

    Args:
        source: with true poses.
    """

    def __init__(self, source: ImageSource) -> None:
        self._source = source

    def digest(self) -> SourceDigest:
        """Of pictures, poses and cameras."""
        return digest_source(self._source)

    def settings(self) -> Any:
        """Of the localizer."""
        return plain(LocalizerSettings())

    def run(
        self,
        localizer: Localizer,
        progress: Callable[[int, int], None],
        *,
        name: str,
        labels: Mapping[str, str],
        worst: WorstAttempts,
    ) -> Run:
        """Localize every image."""
        return evaluate(localizer, self._source, progress, name=name, labels=labels, worst=worst)

    def queries_of(self, run: Run, digest: SourceDigest) -> tuple[str, ...]:
        """Every image is an attempt."""
        return digest.queries


class DriveTrial(Trial):
    """A recorded drive with the true poses, replayed through the localizer of the robot with its tracker and odometry.

    Args:
        bag: folder of the recording.
    """

    def __init__(self, bag: Path) -> None:
        self._bag = bag
        self._settings = ReplaySettings()
        frames = self._settings.base_frame, self._settings.map_frame
        self._truth = open_truth(TRUTH_TOPIC, bag, *frames)

    def digest(self) -> SourceDigest:
        """Of pictures, true poses, calibration and odometry."""
        return digest_drive(self._bag, self._truth)

    def settings(self) -> Any:
        """Of localizer and replay, and the code that only a drive needs."""
        return [plain(LocalizerSettings()), plain(self._settings), digest_files(decisive_files(DRIVES))]

    def run(
        self,
        localizer: Localizer,
        progress: Callable[[int, int], None],
        *,
        name: str,
        labels: Mapping[str, str],
        worst: WorstAttempts,
    ) -> Run:
        """Replay the recording; nothing in it depends on the speed of the machine."""
        replayer = Replayer(self._bag, self._settings)
        return replay_run(
            replayer, localizer, truth=self._truth, progress=progress, name=name, labels=labels, worst=worst
        )

    def queries_of(self, run: Run, digest: SourceDigest) -> tuple[str, ...]:
        """An attempt is known by the stamp of its image; the tracker may leave images out."""
        return tuple(digest.by_stamp[row.stamp_ns or 0] for row in run.attempts)
