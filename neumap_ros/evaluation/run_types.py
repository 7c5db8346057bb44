# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A run: everything that an evaluation of images, a replay of a bag or a live evaluation knows, one row per attempt."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neumap_ros.geometry import Pose
from neumap_ros.localization.fix import Evidence

NAN = math.nan


# Slots: hours of attempts are kept in memory.
@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt to localize one image, or one set of images taken together; rejected attempts included.

    Poses map the body (see :attr:`Run.body`) into the map. Errors are infinite where the truth is known and there is no
    pose, and NaN where the truth is not known.

    Attributes:
        name: of the image, or the stamp.
        stamp_ns: of the image; None if it has none.
        reason: one of the words of msg/LocalizationStatus.msg; of two trajectories ``ok``, ``no_pose`` or ``no_truth``.
        detail: one sentence for people.
        state: of the tracker after the attempt; empty where there is none.
        accepted: whether the pose counts.
        condition: under which the image was taken, for example ``night``; empty if nobody said so.
        map_id: uuid of the place.
        revision: of the map.
        map_sha256: of its manifest.
        estimate: the accepted pose, or the best one found; the latter is for judging the gate only.
        robot: where TF put the body at this stamp: the held correction carried on by odometry.
        truth: the true pose.
        error_m: distance of the accepted pose from the truth, map units.
        error_deg: angle between them.
        estimate_error_m: the same of the best pose found, accepted or not.
        estimate_error_deg: likewise.
        robot_error_m: the same of the pose that TF gives.
        robot_error_deg: likewise.
        covariance_66: of the estimate; (x, y, z, rotation about x, y, z) about the axes of the map frame.
        sigmas: position error of the accepted pose in standard deviations (Mahalanobis distance, 3 degrees of freedom).
        rotation_sigmas: the same of its orientation.
        confidence: probability that the estimate is right, as the gate judged it.
        evidence: what the gate saw.
        ambiguity_ratio: inliers that chance explains / inliers.
        correction_m: distance from the pose that odometry predicted.
        correction_rad: angle from it.
        confirmations: attempts so far that agree.
        confirmations_required: how many are needed.
        dropped: images skipped since the previous attempt.
        regions: ids of the regions that were searched.
        cameras: names or optical frames of the cameras that took part.
        latency_ms: wall time from the image to the answer: of a live run from its stamp, else of the attempt alone.
        stages_ms: wall time per stage, keys of :data:`STAGES`; a stage that was not reached is missing.
        picture: path of the picture in the run's folder; empty without one.
    """

    name: str
    stamp_ns: int | None
    reason: str
    detail: str = ''
    state: str = ''
    accepted: bool = False
    condition: str = ''
    map_id: str = ''
    revision: int = 0
    map_sha256: str = ''
    estimate: Pose | None = None
    robot: Pose | None = None
    truth: Pose | None = None
    error_m: float = NAN
    error_deg: float = NAN
    estimate_error_m: float = NAN
    estimate_error_deg: float = NAN
    robot_error_m: float = NAN
    robot_error_deg: float = NAN
    covariance_66: NDArray[np.float64] | None = None
    sigmas: float = NAN
    rotation_sigmas: float = NAN
    confidence: float = NAN
    evidence: Evidence = field(default_factory=Evidence)
    ambiguity_ratio: float = NAN
    correction_m: float = NAN
    correction_rad: float = NAN
    confirmations: int = 0
    confirmations_required: int = 0
    dropped: int = 0
    regions: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    latency_ms: float = NAN
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    picture: str = ''

    @property
    def pose(self) -> Pose | None:
        """The accepted pose."""
        return self.estimate if self.accepted else None


# What stages_ms and timings.csv know; the same as in msg/LocalizationStatus.msg.
STAGES = ('features_ms', 'retrieval_ms', 'matching_ms', 'solving_ms')


@dataclass(frozen=True)
class MapFacts:
    """The map of a run.

    Attributes:
        map_id: uuid of the place.
        revision: the first one of the run; rows have their own.
        sha256: of its manifest.
        kind: ``dpqed``, ``neumap``, ...
        bytes: of all its files.
        bytes_by_revision: of every revision that took part, as far as they are known.
    """

    map_id: str = ''
    revision: int = 0
    sha256: str = ''
    kind: str = ''
    bytes: int = 0
    bytes_by_revision: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A run, ready to be judged, written and compared.

    Attributes:
        name: for tables and reports.
        kind: ``images`` (each by itself), ``replay`` (of a bag), ``live``, or ``trajectories`` (nothing was localized).
        source: where the images come from, in words.
        attempts: in order.
        labels: what the user said about it, for example ``{'condition': 'night', 'seed': '7'}``.
        map: what was localized in.
        metric: whether a map unit is a metre; if not, thresholds are fractions of ``extent``.
        extent: size of the scene in map units.
        map_frame: that poses refer to.
        body: whose pose it is: ``camera``, or the base frame of the robot.
        start_ns: when images or true poses began; None if there are no stamps.
        end_ns: when they ended.
        settings: of the localizer.
        notes: sentences that whoever reads the figures must know, for example about gaps of the ground truth.
        timings: wall times, which differ from run to run; numbers or objects of numbers.
        floor: polygons (x, y) in the map frame to draw the place from above.
    """

    name: str
    kind: str
    source: str
    attempts: tuple[AttemptRow, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    map: MapFacts = field(default_factory=MapFacts)
    metric: bool = True
    extent: float = 0.0
    map_frame: str = 'map'
    body: str = 'camera'
    start_ns: int | None = None
    end_ns: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    timings: Mapping[str, Any] = field(default_factory=dict)
    floor: tuple[tuple[tuple[float, float], ...], ...] = ()
