# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Attempts as a table with the columns of msg/LocalizationStatus.msg: what the node would have published."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from neumap_ros.evaluation import run_csv
from neumap_ros.evaluation.run_types import AttemptRow
from neumap_ros.localization.attempt import Attempt

# Fields that differ from run to run stand in a table of their own.
TIMING_FIELDS = ('features_ms', 'retrieval_ms', 'matching_ms', 'solving_ms', 'total_ms')

# The fields of the message but its constants and wall times, flat.
STATUS_COLUMNS = (
    *('stamp', 'frame_id', 'map_id', 'revision', 'map_sha256', 'regions', 'cameras', 'state', 'accepted', 'reason'),
    *('detail', 'has_pose', 'child_frame_id', 'position_x', 'position_y', 'position_z'),
    *('orientation_x', 'orientation_y', 'orientation_z', 'orientation_w', 'covariance', 'confidence', 'keypoints'),
    *('matches', 'inliers', 'inlier_ratio', 'coverage_ratio', 'ambiguity_ratio', 'reprojection_error_px'),
    *('correction_m', 'correction_rad', 'confirmations', 'confirmations_required', 'dropped_images'),
)

# Stages of the core by the field that they belong to; those of no other field are part of the pose.
_STAGES = {'features': 'features_ms', 'retrieval': 'retrieval_ms', 'matching': 'matching_ms'}
_SUM = 'total'
_UNKNOWN = math.nan


def status_fields(
    attempt: Attempt, *, map_frame: str, base_frame: str, camera_frames: Mapping[str, str]
) -> dict[str, Any]:
    """Give the fields of LocalizationStatus that are the same in every run, flat, in the order of the message.

    Args:
        attempt: the outcome.
        map_frame: frame of the map.
        base_frame: frame of the robot.
        camera_frames: optical frame of each camera by the camera's name, where it is known.
    """
    fix, evidence = attempt.fix, attempt.fix.evidence
    estimate = attempt.T_map_base or fix.hypothesis
    covariance = attempt.covariance_66 if attempt.covariance_66 is not None else fix.covariance_66
    searched, solved, guided = evidence.matches > 0, fix.hypothesis is not None, evidence.guided_inliers
    position, quaternion = [_UNKNOWN] * 3, [_UNKNOWN] * 4
    if estimate is not None:
        position = [float(value) for value in estimate.translation_3]
        w, x, y, z = (float(value) for value in estimate.quaternion_wxyz)
        quaternion = [x, y, z, w]
    has_covariance = estimate is not None and covariance is not None
    return {
        'stamp': _stamp(attempt.stamp_ns),
        'frame_id': map_frame,
        'map_id': attempt.map_id,
        'revision': attempt.revision,
        'map_sha256': attempt.map_sha256,
        'regions': fix.regions,
        'cameras': tuple(camera_frames.get(name, '') or name for name in attempt.cameras),
        'state': attempt.state.value,
        'accepted': attempt.accepted,
        'reason': attempt.reason.value,
        'detail': attempt.detail,
        'has_pose': estimate is not None,
        'child_frame_id': base_frame,
        **dict(zip(('position_x', 'position_y', 'position_z'), position, strict=True)),
        **dict(zip(('orientation_x', 'orientation_y', 'orientation_z', 'orientation_w'), quaternion, strict=True)),
        'covariance': tuple(map(float, covariance.reshape(-1))) if has_covariance and covariance is not None else (),
        'confidence': float(fix.confidence) if solved else _UNKNOWN,
        'keypoints': evidence.keypoints,
        'matches': evidence.matches,
        'inliers': evidence.inliers,
        'inlier_ratio': evidence.inlier_ratio if searched and solved else _UNKNOWN,
        'coverage_ratio': evidence.coverage if solved else _UNKNOWN,
        'ambiguity_ratio': min(1.0, evidence.chance_inliers / guided) if solved and guided else _UNKNOWN,
        'reprojection_error_px': evidence.residual_px if solved else _UNKNOWN,
        'correction_m': attempt.correction_m,
        'correction_rad': attempt.correction_rad,
        'confirmations': attempt.confirmations,
        'confirmations_required': attempt.confirmations_required,
        'dropped_images': attempt.dropped,
    }


def status_text(rows: Sequence[AttemptRow], map_frame: str, body: str) -> str:
    """``status.csv``: every attempt with the fields of LocalizationStatus that are the same in every run.

    Args:
        rows: of a replay or a live run.
        map_frame: frame of the map.
        body: frame whose pose it is.
    """
    return run_csv.csv_text((_fields(row, map_frame, body) for row in rows), STATUS_COLUMNS)


def _fields(row: AttemptRow, map_frame: str, body: str) -> dict[str, Any]:
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


def timing_fields(attempt: Attempt, total_ms: float) -> dict[str, Any]:
    """Give the fields of LocalizationStatus that say where the time went, milliseconds; NaN for stages not reached.

    Args:
        attempt: the outcome.
        total_ms: the whole attempt, with the reading of the images.
    """
    sums: dict[str, float] = {}
    for stage, value in attempt.fix.timings_ms.items():
        if stage != _SUM:
            field = _STAGES.get(stage, 'solving_ms')
            sums[field] = sums.get(field, 0.0) + float(value)
    sums['total_ms'] = total_ms
    return {'stamp': _stamp(attempt.stamp_ns), **{field: sums.get(field, _UNKNOWN) for field in TIMING_FIELDS}}


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Write rows as comma-separated values with a line of column names; numbers with all their digits, NaN empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    return out.getvalue()


def _stamp(stamp_ns: int) -> str:
    return f'{stamp_ns // 10**9}.{stamp_ns % 10**9:09d}'


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ' '.join(_cell(item) for item in value)
    if isinstance(value, float):
        return '' if math.isnan(value) else repr(value)
    return str(value)
