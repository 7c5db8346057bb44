# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Queries with known poses -> one record each, and a summary."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neumap_ros.errors import ImageError
from neumap_ros.evaluation import metrics
from neumap_ros.features.base import Features
from neumap_ros.geometry import Camera, Pose
from neumap_ros.localization.fix import Evidence, Fix, Reason
from neumap_ros.localization.localizer import Localizer, LocalizerSettings, Prior
from neumap_ros.mapping.sources import ImageSource
from neumap_ros.maps.manifest import manifest_to_bytes
from neumap_ros.maps.types import Manifest

Progress = Callable[[int, int], None]
FeatureQuery = tuple[str, Camera, Pose | None, Features]


@dataclass(frozen=True)
class QueryRecord:
    """What happened to one query.

    Attributes:
        name: of the image.
        index: position in the source.
        time_s: stamp of the image, if it has one.
        reason: why it ended as it did.
        T_map_cam: the accepted pose, None if there is none.
        hypothesis: the best pose found even if it was not accepted.
        truth: true ``T_map_cam``, None if unknown.
        distance: of the accepted pose from the truth, map units; infinite without a fix, NaN without a truth.
        angle_deg: likewise.
        hypothesis_distance: of the best pose found, map units; likewise.
        hypothesis_angle_deg: likewise.
        sigmas: position error in standard deviations of the fix's covariance, None without a fix or a truth.
        evidence: what the gate saw.
        timings_ms: wall time per stage.
        detail: one sentence if the image could not be read.
    """

    name: str
    index: int
    time_s: float | None
    reason: Reason
    T_map_cam: Pose | None
    hypothesis: Pose | None
    truth: Pose | None
    distance: float
    angle_deg: float
    hypothesis_distance: float
    hypothesis_angle_deg: float
    sigmas: float | None
    evidence: Evidence
    timings_ms: dict[str, float]
    detail: str = ''

    @property
    def accepted(self) -> bool:
        """Whether there is a pose."""
        return self.T_map_cam is not None


@dataclass(frozen=True)
class Summary:
    """The figures of an evaluation. Shares are between 0 and 1, and NaN where nothing could be counted.

    Attributes:
        queries: all of them.
        queries_with_truth: those that recall, medians and errors are about.
        accepted: queries with a fix.
        reasons: how many queries ended for which reason, most frequent first.
        recall: share within each threshold, by label; queries without a fix count as failures.
        fine_recall: share within 5 cm (or 1 % of the extent) and 5 degrees.
        coarse_recall: share within 0.5 m (or 5 % of the extent) and 5 degrees.
        median_distance: map units; infinite when at least half of the queries failed.
        median_angle_deg: likewise.
        wrong: accepted poses worse than the coarse threshold.
        right_hypotheses: best poses, accepted or not, within the coarse threshold.
        kept: share of those that were accepted.
        coverage: share of fixes with a position error within 1, 2, 3 standard deviations.
        timings_ms: (median, 95th percentile) per stage and in ``total``.
        map_bytes: every byte of the map.
    """

    queries: int
    queries_with_truth: int
    accepted: int
    reasons: dict[str, int]
    recall: dict[str, float]
    fine_recall: float
    coarse_recall: float
    median_distance: float
    median_angle_deg: float
    wrong: int
    right_hypotheses: int
    kept: float
    coverage: tuple[float, ...]
    timings_ms: dict[str, tuple[float, float]]
    map_bytes: int


@dataclass(frozen=True)
class EvaluationResult:
    """All records of an evaluation and what they were made with.

    Attributes:
        records: one per query, in the source's order.
        summary: the figures.
        extent: of the scene in map units; non-metric thresholds are fractions of it.
        metric: whether a map unit is a metre.
        source: where the queries come from, in words.
        manifest: of the map.
        map_sha256: name of the map's revision.
        settings: of the localizer.
    """

    records: tuple[QueryRecord, ...]
    summary: Summary
    extent: float
    metric: bool
    source: str
    manifest: Manifest
    map_sha256: str
    settings: LocalizerSettings


def evaluate(
    localizer: Localizer,
    source: ImageSource,
    progress: Progress | None = None,
    priors: Mapping[str, Prior] | None = None,
    *,
    extent: float | None = None,
    on_fix: Callable[[QueryRecord, Fix], None] | None = None,
) -> EvaluationResult:
    """Localize all images of a source and compare with its poses.

    An image that cannot be read is a record with the reason ``image_error``.

    Args:
        localizer: with its map.
        source: queries; images without a pose are localized but not judged.
        progress: called with (queries done, queries).
        priors: by image name.
        extent: of the scene in map units; by default that of the mapping cameras, which the map knows.
        on_fix: called with every record and its fix, for pictures; fixes are too large to keep.
    """
    metric = localizer.manifest.metric and source.metric is not False
    records = []
    for index, image in enumerate(source.images):
        prior = (priors or {}).get(image.name)
        detail = ''
        try:
            fix = localizer.localize(source.read(image), image.camera, prior, image.time_s, image.name)
        except ImageError as error:
            fix, detail = Fix(Reason.IMAGE_ERROR, time_s=image.time_s), str(error)
        record = dataclasses.replace(_record(image.name, index, fix, image.T_map_cam), detail=detail)
        records.append(record)
        if on_fix is not None:
            on_fix(record, fix)
        if progress is not None:
            progress(index + 1, len(source))
    return _result(localizer, records, metric, extent, source.description)


def evaluate_features(
    localizer: Localizer,
    queries: Iterable[FeatureQuery],
    *,
    metric: bool,
    extent: float | None = None,
    source: str = 'features',
    progress: Progress | None = None,
    priors: Mapping[str, Prior] | None = None,
) -> EvaluationResult:
    """As :func:`evaluate`, from features that were extracted before, so that many maps can share them.

    Args:
        localizer: with its map.
        queries: (name, camera, true ``T_map_cam`` or None, features) each.
        metric: whether a map unit is a metre.
        extent: of the scene in map units; by default that of the mapping cameras, which the map knows.
        source: where the queries come from, in words.
        progress: called with (queries done, queries).
        priors: by image name.
    """
    every = list(queries)
    records = []
    for index, (name, camera, truth, features) in enumerate(every):
        fix = localizer.localize_features(features, camera, (priors or {}).get(name))
        records.append(_record(name, index, fix, truth))
        if progress is not None:
            progress(index + 1, len(every))
    return _result(localizer, records, metric, extent, source)


def _record(name: str, index: int, fix: Fix, truth: Pose | None) -> QueryRecord:
    unknown = float('nan')
    distance = angle = hypothesis_distance = hypothesis_angle = unknown
    sigmas = None
    if truth is not None:
        distances, angles = metrics.pose_errors([fix.T_map_cam, fix.hypothesis or fix.T_map_cam], [truth, truth])
        distance, hypothesis_distance = map(float, distances)
        angle, hypothesis_angle = map(float, angles)
        if fix.T_map_cam is not None and fix.covariance_66 is not None:
            sigmas = metrics.mahalanobis(fix.T_map_cam, truth, fix.covariance_66)
    return QueryRecord(
        name,
        index,
        fix.time_s,
        fix.reason,
        fix.T_map_cam,
        fix.hypothesis,
        truth,
        distance,
        angle,
        hypothesis_distance,
        hypothesis_angle,
        sigmas,
        fix.evidence,
        dict(fix.timings_ms),
    )


def _result(
    localizer: Localizer, records: Sequence[QueryRecord], metric: bool, extent: float | None, source: str
) -> EvaluationResult:
    manifest = localizer.manifest
    if extent is None:
        known = manifest.build.get('extent')
        truths = [record.truth for record in records]
        extent = float(known) if isinstance(known, (int, float)) else metrics.scene_extent(truths)
    map_bytes = len(manifest_to_bytes(manifest)) + sum(file.bytes for file in manifest.files)
    summary = summarize(records, metric=metric, extent=extent, map_bytes=map_bytes)
    return EvaluationResult(
        tuple(records), summary, extent, metric, source, manifest, localizer.map_sha256, localizer.settings
    )


def summarize(records: Sequence[QueryRecord], *, metric: bool, extent: float, map_bytes: int = 0) -> Summary:
    """The figures of some records, for example of one variant of a benchmark.

    Args:
        records: any number, also none.
        metric: whether a map unit is a metre.
        extent: of the scene in map units.
        map_bytes: every byte of the map.
    """
    judged = [record for record in records if record.truth is not None]
    distance = np.array([record.distance for record in judged])
    angle = np.array([record.angle_deg for record in judged])
    accepted = np.array([record.accepted for record in judged], dtype=bool)
    coarse = metrics.coarse_threshold(metric)
    right = coarse.met(
        [record.hypothesis_distance for record in judged], [record.hypothesis_angle_deg for record in judged], extent
    )
    reasons: dict[str, int] = {}
    for record in records:
        reasons[record.reason.value] = reasons.get(record.reason.value, 0) + 1

    def share(threshold: metrics.Threshold) -> float:
        return metrics.recall(distance, angle, threshold, extent)

    return Summary(
        queries=len(records),
        queries_with_truth=len(judged),
        accepted=sum(record.accepted for record in records),
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        recall={threshold.label: share(threshold) for threshold in metrics.default_thresholds(metric)},
        fine_recall=share(metrics.fine_threshold(metric)),
        coarse_recall=share(coarse),
        median_distance=metrics.median(distance),
        median_angle_deg=metrics.median(angle),
        wrong=int((accepted & ~coarse.met(distance, angle, extent)).sum()),
        right_hypotheses=int(right.sum()),
        kept=float(accepted[right].mean()) if right.any() else float('nan'),
        coverage=metrics.coverage([record.sigmas for record in judged if record.sigmas is not None]),
        timings_ms=_timings(records),
        map_bytes=map_bytes,
    )


def _timings(records: Sequence[QueryRecord]) -> dict[str, tuple[float, float]]:
    """(Median, 95th percentile) per stage over the queries that reached it, and of their sums."""
    stages: dict[str, list[float]] = {}
    for record in records:
        if record.timings_ms:
            for stage, value in {**record.timings_ms, 'total': sum(record.timings_ms.values())}.items():
                stages.setdefault(stage, []).append(value)
    total = stages.pop('total', None)
    ordered: dict[str, Any] = {**stages, **({'total': total} if total else {})}
    return {stage: (float(np.median(v)), float(np.percentile(v, 95))) for stage, v in ordered.items()}
