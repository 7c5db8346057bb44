# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rows of a run from messages of a localizer: ours, or any that publishes poses."""

from __future__ import annotations

import math

import numpy as np
from geometry_msgs.msg import PoseWithCovarianceStamped
from numpy.typing import NDArray

from neumap_ros.evaluation.run_types import STAGES, AttemptRow
from neumap_ros.localization.attempt import TrackingState
from neumap_ros.localization.fix import Evidence, Reason
from neumap_ros.msg import LocalizationStatus
from neumap_ros.nodes.conversions import nanoseconds, pose_from_message

_STATES = {
    LocalizationStatus.STATE_UNLOCALIZED: TrackingState.UNLOCALIZED,
    LocalizationStatus.STATE_CONFIRMING: TrackingState.CONFIRMING,
    LocalizationStatus.STATE_LOCALIZED: TrackingState.LOCALIZED,
    LocalizationStatus.STATE_LOST: TrackingState.LOST,
}


def row_of_status(message: LocalizationStatus, condition: str = '') -> AttemptRow:
    """An attempt from its message, as far as the message tells: it has no guided inliers.

    Args:
        message: as the localizer published it.
        condition: under which the images were taken.

    Raises:
        CalibrationError: its pose is none.
    """
    stamp_ns = nanoseconds(message.header.stamp)
    estimate = pose_from_message(message.pose.pose, 'the pose in the status') if message.has_pose else None
    evidence = Evidence(
        keypoints=int(message.keypoints),
        matches=int(message.matches),
        inliers=int(message.inliers),
        inlier_ratio=_number(message.inlier_ratio),
        residual_px=_number(message.reprojection_error_px),
        coverage=_number(message.coverage_ratio),
    )
    latency_ms = sum(value for value in (message.age_ms, message.total_ms) if math.isfinite(value))
    state = _STATES.get(message.state)
    return AttemptRow(
        name=_name(stamp_ns),
        stamp_ns=stamp_ns,
        reason=message.reason,
        detail=message.detail,
        state='' if state is None else state.value,
        accepted=bool(message.accepted) and estimate is not None,
        condition=condition,
        map_id=message.map_id,
        revision=int(message.revision),
        map_sha256=message.map_sha256,
        estimate=estimate,
        covariance_66=None if estimate is None else _covariance(message.pose.covariance),
        confidence=float(message.confidence),
        evidence=evidence,
        ambiguity_ratio=float(message.ambiguity_ratio),
        correction_m=float(message.correction_m),
        correction_rad=float(message.correction_rad),
        confirmations=int(message.confirmations),
        confirmations_required=int(message.confirmations_required),
        dropped=int(message.dropped_images),
        regions=tuple(message.regions),
        cameras=tuple(message.cameras),
        latency_ms=float(latency_ms),
        stages_ms={s: float(getattr(message, s)) for s in STAGES if math.isfinite(getattr(message, s))},
    )


def row_of_pose(message: PoseWithCovarianceStamped, age_ms: float, condition: str = '') -> AttemptRow:
    """An accepted attempt from a pose of a localizer that says nothing about its attempts.

    Args:
        message: the pose.
        age_ms: how old it was when it came.
        condition: under which it was taken.

    Raises:
        CalibrationError: the pose is none.
    """
    stamp_ns = nanoseconds(message.header.stamp)
    return AttemptRow(
        name=_name(stamp_ns),
        stamp_ns=stamp_ns,
        reason=Reason.OK.value,
        accepted=True,
        condition=condition,
        estimate=pose_from_message(message.pose.pose, 'the pose of the localizer'),
        covariance_66=_covariance(message.pose.covariance),
        latency_ms=age_ms,
    )


def _name(stamp_ns: int) -> str:
    return f'{stamp_ns // 10**9}.{stamp_ns % 10**9:09d}'


def _number(value: float) -> float:
    """Evidence knows no NaN: what was not reached is nothing."""
    return float(value) if math.isfinite(value) else 0.0


def _covariance(values: object) -> NDArray[np.float64] | None:
    """A covariance (6, 6); None where it is unknown: the first element negative, or nothing but zeros."""
    covariance_66 = np.asarray(values, dtype=np.float64).reshape(6, 6)
    return covariance_66 if covariance_66[0, 0] >= 0 and covariance_66.any() else None
