# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Attempts as a table with the columns of msg/LocalizationStatus.msg: what the node would have published."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from neumap_ros.evaluation.run_csv import csv_text
from neumap_ros.evaluation.run_types import AttemptRow

# The fields of the message but its constants and wall times, flat.
STATUS_COLUMNS = (
    *('stamp', 'frame_id', 'map_id', 'revision', 'map_sha256', 'regions', 'cameras', 'state', 'accepted', 'reason'),
    *('detail', 'has_pose', 'child_frame_id', 'position_x', 'position_y', 'position_z'),
    *('orientation_x', 'orientation_y', 'orientation_z', 'orientation_w', 'covariance', 'confidence', 'keypoints'),
    *('matches', 'inliers', 'inlier_ratio', 'coverage_ratio', 'ambiguity_ratio', 'reprojection_error_px'),
    *('correction_m', 'correction_rad', 'confirmations', 'confirmations_required', 'dropped_images'),
)

_UNKNOWN = math.nan


def status_text(rows: Sequence[AttemptRow], map_frame: str, body: str) -> str:
    """``status.csv``: every attempt with the fields of LocalizationStatus that are the same in every run.

    Args:
        rows: of a replay or a live run.
        map_frame: frame of the map.
        body: frame whose pose it is.
    """
    return csv_text((status_fields(row, map_frame, body) for row in rows), STATUS_COLUMNS)


def status_fields(row: AttemptRow, map_frame: str, body: str) -> dict[str, Any]:
    """One attempt with the fields of LocalizationStatus, flat, in the order of the message; see :func:`status_text`."""
    evidence, solved = row.evidence, row.estimate is not None
    position, quaternion = [_UNKNOWN] * 3, [_UNKNOWN] * 4
    if row.estimate is not None:
        position = [float(value) for value in row.estimate.translation_3]
        w, x, y, z = (float(value) for value in row.estimate.quaternion_wxyz)
        quaternion = [x, y, z, w]
    covariance = () if row.covariance_66 is None else tuple(map(float, row.covariance_66.reshape(-1)))
    values = (
        *(_stamp(row.stamp_ns or 0), map_frame, row.map_id, row.revision, row.map_sha256, row.regions, row.cameras),
        *(row.state, row.accepted, row.reason, row.detail, solved, body, *position, *quaternion, covariance),
        *(row.confidence, evidence.keypoints, evidence.matches, evidence.inliers),
        evidence.inlier_ratio if evidence.matches > 0 and solved else _UNKNOWN,
        evidence.coverage if solved else _UNKNOWN,
        row.ambiguity_ratio,
        evidence.residual_px if solved else _UNKNOWN,
        *(row.correction_m, row.correction_rad, row.confirmations, row.confirmations_required, row.dropped),
    )
    return dict(zip(STATUS_COLUMNS, values, strict=True))


def _stamp(stamp_ns: int) -> str:
    return f'{stamp_ns // 10**9}.{stamp_ns % 10**9:09d}'
