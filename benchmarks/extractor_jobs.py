# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One extractor on one set: maps, queries in all variants, queries of another place."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.extractor_entries import Entry
from benchmarks.extractor_sets import Place, places
from benchmarks.variants import VARIANTS, has_sparse_map
from neumap_ros.errors import NeumapError
from neumap_ros.evaluation.run import FeatureQuery, evaluate_features
from neumap_ros.evaluation.run_types import AttemptRow, Run
from neumap_ros.features import Extractor
from neumap_ros.features.weights import basis_of
from neumap_ros.localization.localizer import Localizer, LocalizerSettings
from neumap_ros.mapping.build import BuildSettings, Scene, build_from_scene, prepare_scene
from neumap_ros.mapping.compression import CodeSettings
from neumap_ros.mapping.sources import ImageSource
from neumap_ros.maps.storage import open_map

# Of the map with a fixed budget: eight bytes a point, the universal codebooks where the extractor has them.
BUDGET_PARTS, BUDGET_HIDDEN = 8, 16
# Queries of another place are for the gate only; a few show whether it holds.
MOST_ELSEWHERE = 10
# Of a right pose: metres, or shares of the extent where there is no metric scale; degrees.
FINE_M, COARSE_M, FINE_SHARE, COARSE_SHARE, RIGHT_DEG = 0.05, 0.5, 0.01, 0.05, 5.0

Row = dict[str, Any]


def run_job(entry: Entry, place: Place, limit: int | None, budget_kb: int) -> list[Row]:
    """All maps and variants of one extractor on one set."""
    extractor, settings = entry.open(), LocalizerSettings()
    rows: list[Row] = []
    extent = _extent(place.mapping(False))  # the same for the sparse map, whose scale may not be metric
    for sparse in (False, True):
        source = place.mapping(sparse)
        variants = [variant for variant in VARIANTS if has_sparse_map(variant) == sparse]
        base: Row = {'extractor': entry.label, 'set': place.name, 'sparse': sparse}
        try:
            scene = prepare_scene(source, extractor, BuildSettings(extractor=entry.name), None, _silent, {})
            queries = {v: _features(place.queries(v, limit), extractor, settings.max_keypoints) for v in variants}
        except NeumapError as error:
            rows += [{**base, 'map': kind, 'variant': v, 'error': str(error)} for kind in _kinds() for v in variants]
            continue
        for kind in _kinds():
            rows += _on_map(base, kind, place, scene, source, extractor, queries, budget_kb, limit, extent)
    return rows


def _extent(source: ImageSource) -> float:
    """Diagonal of the box around the mapping cameras."""
    centres = np.stack([i.T_map_cam.translation_3 for i in source.images if i.T_map_cam is not None])
    return float(np.linalg.norm(np.ptp(centres, axis=0)))


def _kinds() -> Sequence[str]:
    return ('all', 'budget')


def _on_map(
    base: Row,
    kind: str,
    place: Place,
    scene: Scene,
    source: ImageSource,
    extractor: Extractor,
    queries: dict[str, list[FeatureQuery]],
    budget_kb: int,
    limit: int | None,
    extent: float,
) -> list[Row]:
    folder = Path(tempfile.mkdtemp(prefix='neumap_benchmark_'))
    try:
        report = build_from_scene(
            scene,
            source,
            extractor,
            folder / 'map',
            _settings(kind, budget_kb),
            _silent,
            {},
            code=_code(kind, extractor),
        )
        localizer = Localizer(open_map(folder / 'map'), LocalizerSettings(), extractor)
    except NeumapError as error:
        return [{**base, 'map': kind, 'variant': variant, 'error': str(error)} for variant in queries]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    base = {
        **base,
        'map': kind,
        'bytes': report.total_bytes,
        'points': report.points_kept,
        'points_found': report.points_found,
        'mapping_images': len(scene.views),
    }
    rows = []
    for variant, asked in queries.items():
        run = evaluate_features(localizer, asked, metric=place.metric, extent=extent)
        rows.append({**base, 'variant': variant, **_figures(run), 'keypoints': _median([len(q[3]) for q in asked])})
    if kind == 'all' and not base['sparse']:
        rows.append({**base, 'variant': 'elsewhere', **_elsewhere(place, extractor, localizer, limit)})
    return rows


def _settings(kind: str, budget_kb: int) -> BuildSettings:
    if kind == 'all':
        return BuildSettings(kind='full', calibration_images=0)
    return BuildSettings(budget_bytes=budget_kb * 1000, calibration_images=0)


def _code(kind: str, extractor: Extractor) -> CodeSettings:
    if kind == 'all':
        return CodeSettings('full')
    own = not basis_of(extractor.info).codebooks
    return CodeSettings('dpqed', BUDGET_PARTS, scene_codebooks=own, hidden=BUDGET_HIDDEN)


def _features(source: ImageSource, extractor: Extractor, count: int) -> list[FeatureQuery]:
    return [
        (image.name, image.camera, image.T_map_cam, extractor.extract(source.read(image), count))
        for image in source.images
    ]


def _figures(run: Run) -> Row:
    fine = FINE_M if run.metric else FINE_SHARE * run.extent
    coarse = COARSE_M if run.metric else COARSE_SHARE * run.extent
    attempts = run.attempts
    right = [attempt for attempt in attempts if _within(attempt, coarse)]
    accepted = [attempt for attempt in attempts if attempt.accepted]
    return {
        'queries': len(attempts),
        'fine': sum(_within(a, fine) for a in attempts),
        'coarse': len(right),
        'fine_accepted': sum(_within(a, fine) for a in accepted),
        'coarse_accepted': sum(_within(a, coarse) for a in accepted),
        'wrong_accepted': sum(not _within(a, coarse) for a in accepted),
        # Of every query; one without any pose counts as infinitely far off.
        'median_error': _finite(_median([_error(a) for a in attempts])),
        'extent': run.extent,
        'metric': run.metric,
        'inliers': _median([a.evidence.inliers for a in right]) if right else None,
        'localize_ms': _median([a.latency_ms for a in attempts]),
    }


def _error(attempt: AttemptRow) -> float:
    error = attempt.estimate_error_m
    return float('inf') if error is None or not np.isfinite(error) else float(error)


def _within(attempt: AttemptRow, limit: float) -> bool:
    degrees = attempt.estimate_error_deg
    return bool(_error(attempt) <= limit and degrees is not None and degrees <= RIGHT_DEG)


def _elsewhere(place: Place, extractor: Extractor, localizer: Localizer, limit: int | None) -> Row:
    """Queries of another place by day and by night: none may be accepted."""
    (other,) = places(place.elsewhere)
    most = MOST_ELSEWHERE if limit is None else min(limit, MOST_ELSEWHERE)
    attempts, accepted, inliers = 0, 0, 0
    start = time.perf_counter()
    for variant in ('plain', 'night'):
        for _, camera, _, features in _features(other.queries(variant, most), extractor, 1500):
            fix = localizer.localize_features(features, camera)
            attempts, accepted = attempts + 1, accepted + fix.accepted
            inliers = max(inliers, fix.evidence.inliers)
    return {
        'queries': attempts,
        'false_accepts': accepted,
        'most_inliers': inliers,
        'seconds': time.perf_counter() - start,
    }


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if len(values) else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


def _silent(stage: str, done: int, total: int) -> None:
    """Progress of a build inside a benchmark is nobody's business."""
