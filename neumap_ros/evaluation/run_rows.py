# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Outcomes of the localizer as rows of a run, and what the true pose says of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from neumap_ros.evaluation import metrics
from neumap_ros.evaluation.run_types import STAGES, AttemptRow, MapFacts
from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import Attempt
from neumap_ros.localization.fix import Evidence, Fix
from neumap_ros.maps.manifest import manifest_to_bytes
from neumap_ros.maps.types import Manifest

# Stages of the core by the field that they belong to; those of no other field are part of the pose.
_STAGES = {'features': 'features_ms', 'retrieval': 'retrieval_ms', 'matching': 'matching_ms'}
_SUM = 'total'


def row_of_fix(
    name: str,
    fix: Fix,
    *,
    stamp_ns: int | None = None,
    map_sha256: str = '',
    condition: str = '',
    detail: str = '',
    latency_ms: float = math.nan,
) -> AttemptRow:
    """A row from an image that was localized by itself.

    Args:
        name: of the image.
        fix: the outcome.
        stamp_ns: of the image.
        map_sha256: of the map's manifest.
        condition: under which it was taken.
        detail: one sentence if the image could not be read.
        latency_ms: wall time of the attempt.
    """
    return AttemptRow(
        name=name,
        stamp_ns=stamp_ns,
        reason=fix.reason.value,
        detail=detail,
        accepted=fix.accepted,
        condition=condition,
        map_id=fix.map_id,
        revision=fix.revision,
        map_sha256=map_sha256,
        estimate=fix.T_map_cam or fix.hypothesis,
        covariance_66=fix.covariance_66,
        confidence=float(fix.confidence) if fix.hypothesis is not None else math.nan,
        evidence=fix.evidence,
        ambiguity_ratio=_ambiguity(fix.evidence, fix.hypothesis),
        regions=fix.regions,
        latency_ms=latency_ms,
        stages_ms=stages(fix.timings_ms),
    )


def row_of_attempt(
    attempt: Attempt,
    *,
    robot: Pose | None = None,
    camera_frames: Mapping[str, str] | None = None,
    condition: str = '',
    latency_ms: float = math.nan,
    ambiguity_ratio: float | None = None,
) -> AttemptRow:
    """A row from an attempt of a robot's localizer.

    Args:
        attempt: the outcome.
        robot: where TF put the base at the stamp.
        camera_frames: optical frame of each camera by the camera's name, where it is known.
        condition: under which the images were taken.
        latency_ms: wall time, see :class:`AttemptRow`.
        ambiguity_ratio: None: from the evidence.
    """
    fix, frames = attempt.fix, camera_frames or {}
    estimate = attempt.T_map_base or fix.hypothesis
    covariance = attempt.covariance_66 if attempt.covariance_66 is not None else fix.covariance_66
    solved = fix.hypothesis is not None
    return AttemptRow(
        name=f'{attempt.stamp_ns // 10**9}.{attempt.stamp_ns % 10**9:09d}',
        stamp_ns=attempt.stamp_ns,
        reason=attempt.reason.value,
        detail=attempt.detail,
        state=attempt.state.value,
        accepted=attempt.accepted,
        condition=condition,
        map_id=attempt.map_id,
        revision=attempt.revision,
        map_sha256=attempt.map_sha256,
        estimate=estimate,
        robot=robot,
        covariance_66=None if estimate is None else covariance,
        confidence=float(fix.confidence) if solved else math.nan,
        evidence=fix.evidence,
        ambiguity_ratio=_ambiguity(fix.evidence, fix.hypothesis) if ambiguity_ratio is None else ambiguity_ratio,
        correction_m=float(attempt.correction_m),
        correction_rad=float(attempt.correction_rad),
        confirmations=attempt.confirmations,
        confirmations_required=attempt.confirmations_required,
        dropped=attempt.dropped,
        regions=fix.regions,
        cameras=tuple(frames.get(name, '') or name for name in attempt.cameras),
        latency_ms=latency_ms,
        stages_ms=stages(fix.timings_ms),
    )


def judged(row: AttemptRow, truth: Pose | None) -> AttemptRow:
    """The row with its true pose and the errors against it; as it is where the truth is not known.

    Args:
        row: of an attempt.
        truth: of the body in the map, at the row's stamp.
    """
    if truth is None:
        return row
    error, estimate, robot = (_error(pose, truth) for pose in (row.pose, row.estimate, row.robot))
    sigmas = rotation_sigmas = math.nan
    if row.pose is not None and row.covariance_66 is not None:
        sigmas = metrics.mahalanobis(row.pose, truth, row.covariance_66)
        rotation_sigmas = metrics.rotation_mahalanobis(row.pose, truth, row.covariance_66)
    return replace(
        row,
        truth=truth,
        error_m=error[0],
        error_deg=error[1],
        estimate_error_m=estimate[0],
        estimate_error_deg=estimate[1],
        robot_error_m=robot[0],
        robot_error_deg=robot[1],
        sigmas=sigmas,
        rotation_sigmas=rotation_sigmas,
    )


def stages(timings_ms: Mapping[str, float]) -> dict[str, float]:
    """Wall times of the core's stages, gathered in those of LocalizationStatus; milliseconds."""
    sums: dict[str, float] = {}
    for stage, value in timings_ms.items():
        if stage != _SUM:
            field = _STAGES.get(stage, 'solving_ms')
            sums[field] = sums.get(field, 0.0) + float(value)
    return {stage: sums[stage] for stage in STAGES if stage in sums}


def map_facts(manifest: Manifest, sha256: str) -> MapFacts:
    """What a run says of its map."""
    size = len(manifest_to_bytes(manifest)) + sum(file.bytes for file in manifest.files)
    return MapFacts(manifest.map_id, manifest.revision, sha256, manifest.kind, size, {manifest.revision: size})


def _error(pose: Pose | None, truth: Pose) -> tuple[float, float]:
    return (math.inf, math.inf) if pose is None else pose.error_to(truth)


def _ambiguity(evidence: Evidence, hypothesis: Pose | None) -> float:
    guided = evidence.guided_inliers
    return min(1.0, evidence.chance_inliers / guided) if hypothesis is not None and guided else math.nan
