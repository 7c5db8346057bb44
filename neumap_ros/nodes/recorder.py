# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Writes down what the localizer publishes and, where true poses are published too, how far off it is.

The files and figures are those of ``neumap replay``, so that a live run can be compared with a replay line by line.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rich.console import Console

from neumap_ros.errors import CalibrationError, MapError
from neumap_ros.evaluation.replay import Replay, ReplaySettings, Step
from neumap_ros.evaluation.replay_report import failures, replay_tables, summarize_replay, write_replay
from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import Attempt, RigFix, TrackingState
from neumap_ros.localization.fix import Evidence, Reason
from neumap_ros.mapping.sources.trajectory import Trajectory
from neumap_ros.maps.manifest import parse_manifest
from neumap_ros.maps.types import Manifest
from neumap_ros.msg import LocalizationStatus, MapIndex
from neumap_ros.nodes.conversions import nanoseconds, pose_from_message
from neumap_ros.nodes.parameter_row import Row
from neumap_ros.nodes.parameters import declare, read

TABLE = (
    Row('out', 'replay', 'Folder for status.csv, trajectory.tum and, with true poses, errors.csv.', read_only=True),
)

_LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# Best effort fits every publisher of true poses.
_TRUTH = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
_STATUS = QoSProfile(depth=1000)
# True poses may be published slowly; between two of them they are interpolated.
MAX_TIME_DIFFERENCE_S = 0.5

_STATES = {
    LocalizationStatus.STATE_UNLOCALIZED: TrackingState.UNLOCALIZED,
    LocalizationStatus.STATE_CONFIRMING: TrackingState.CONFIRMING,
    LocalizationStatus.STATE_LOCALIZED: TrackingState.LOCALIZED,
    LocalizationStatus.STATE_LOST: TrackingState.LOST,
}
_TIMES = {'features': 'features_ms', 'retrieval': 'retrieval_ms', 'matching': 'matching_ms', 'pose': 'solving_ms'}


class Recorder(Node):
    """Listens to ``localizer/status``, ``map/index`` and ``ground_truth``; :meth:`write` sums up."""

    def __init__(self, **options: Any) -> None:
        super().__init__('recorder', **options)
        declare(self, TABLE)
        self.out = Path(read(self, TABLE)['out'])
        self._started = time.monotonic()
        self._steps: list[Step] = []
        self._truth: list[tuple[float, Pose]] = []
        self._manifest: Manifest | None = None
        self._base_frame, self._map_frame = 'base_link', 'map'
        self.create_subscription(LocalizationStatus, 'localizer/status', self._on_status, _STATUS)
        self.create_subscription(MapIndex, 'map/index', self._on_index, _LATCHED)
        self.create_subscription(PoseStamped, 'ground_truth', self._on_truth, _TRUTH)

    @property
    def attempts(self) -> int:
        """How many were heard of."""
        return len(self._steps)

    @property
    def truths(self) -> int:
        """How many true poses were heard of."""
        return len(self._truth)

    @property
    def has_map(self) -> bool:
        """Whether an active map was heard of."""
        return self._manifest is not None

    def write(self, console: Console) -> dict[str, Path]:
        """Write the files and show the tables.

        Returns:
            The path of each file by its name; none if nothing was heard.

        Raises:
            ConfigError: the folder cannot be written.
        """
        if self._manifest is None:
            console.print('nothing to write: no map was active')
            return {}
        stamps = [step.attempt.stamp_ns for step in self._steps]
        replay = Replay(
            bag=self.out,
            steps=tuple(self._steps),
            cameras=(),
            has_odometry=False,
            duration_s=(max(stamps) - min(stamps)) / 1e9 if stamps else 0.0,
            wall_s=time.monotonic() - self._started,
            settings=ReplaySettings(map_frame=self._map_frame, base_frame=self._base_frame),
        )
        trajectory = Trajectory.from_samples(self._truth)

        def truth(stamp_ns: int) -> Pose | None:
            return trajectory.at(stamp_ns / 1e9, MAX_TIME_DIFFERENCE_S)

        with_truth = bool(self._truth)
        summary = summarize_replay(replay, self._manifest, truth if with_truth else None)
        paths = write_replay(replay, summary, self.out, with_truth=with_truth)
        console.print(replay_tables(replay, summary, self._manifest, with_truth=with_truth))
        for line in failures(replay):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        console.print(f'Written: {", ".join(map(str, paths.values()))}', highlight=False, markup=False, soft_wrap=True)
        return paths

    def _on_status(self, message: LocalizationStatus) -> None:
        self._base_frame, self._map_frame = message.child_frame_id, message.header.frame_id
        frames = {f'camera {index}': frame for index, frame in enumerate(message.cameras)}
        self._steps.append(
            Step(
                attempt=attempt_from_status(message, tuple(frames)),
                T_odom_base=None,
                T_map_odom=None,
                camera_frames=frames,
                total_ms=float(message.total_ms),
            )
        )

    def _on_index(self, message: MapIndex) -> None:
        if message.sha256:
            try:
                self._manifest = parse_manifest(bytes(message.manifest), message.map_id)
            except MapError as error:
                self.get_logger().error(str(error))

    def _on_truth(self, message: PoseStamped) -> None:
        try:
            pose = pose_from_message(message.pose, 'the pose on ground_truth')
        except CalibrationError as error:
            self.get_logger().warning(str(error), throttle_duration_sec=10.0)
            return
        self._truth.append((nanoseconds(message.header.stamp) / 1e9, pose))


def attempt_from_status(message: LocalizationStatus, cameras: tuple[str, ...]) -> Attempt:
    """An attempt from its message, as far as the message tells.

    Args:
        message: as the localizer published it.
        cameras: names for the cameras, whose optical frames are all that the message has.
    """
    estimate = pose_from_message(message.pose.pose, 'the pose in the status') if message.has_pose else None
    covariance_66 = np.asarray(message.pose.covariance, dtype=np.float64).reshape(6, 6)
    has_covariance = message.has_pose and covariance_66[0, 0] >= 0 and bool(covariance_66.any())
    evidence = Evidence(
        keypoints=message.keypoints,
        matches=message.matches,
        inliers=message.inliers,
        inlier_ratio=message.inlier_ratio,
        residual_px=message.reprojection_error_px,
        coverage=message.coverage_ratio,
    )
    times = {stage: float(getattr(message, field)) for stage, field in _TIMES.items()}
    fix = RigFix(
        reason=Reason(message.reason),
        covariance_66=covariance_66 if has_covariance else None,
        evidence=evidence,
        confidence=message.confidence,
        hypothesis=estimate,
        regions=tuple(message.regions),
        timings_ms={stage: value for stage, value in times.items() if np.isfinite(value)},
    )
    return Attempt(
        stamp_ns=nanoseconds(message.header.stamp),
        reason=Reason(message.reason),
        detail=message.detail,
        state=_STATES[message.state],
        fix=fix,
        T_map_base=estimate if message.accepted else None,
        covariance_66=covariance_66 if has_covariance and message.accepted else None,
        correction_m=message.correction_m,
        correction_rad=message.correction_rad,
        confirmations=message.confirmations,
        confirmations_required=message.confirmations_required,
        dropped=message.dropped_images,
        cameras=cameras,
        map_id=message.map_id,
        revision=message.revision,
        map_sha256=message.map_sha256,
        frame_id=message.header.frame_id,
    )
