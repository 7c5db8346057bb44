# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Posed images -> a map on disk: features, tracks, ranking of points, code, layout, files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from neumap_ros.features import Extractor
from neumap_ros.features.weights import basis_of, open_extractor
from neumap_ros.localization.calibration import KEY as CALIBRATION_KEY
from neumap_ros.mapping.budget import Candidate, choose_code
from neumap_ros.mapping.build_types import BuildReport, BuildSettings, Scene
from neumap_ros.mapping.calibration import Calibrated, calibrate
from neumap_ros.mapping.compression import CodeSettings, SceneCompressor
from neumap_ros.mapping.fit_dpqed import FitSettings
from neumap_ros.mapping.held_out import MapWithout, localize_held_out
from neumap_ros.mapping.layout import account, lay_out, write
from neumap_ros.mapping.plan import MapPlan, plan_map
from neumap_ros.mapping.selection import rank_points
from neumap_ros.mapping.sources import ImageSource
from neumap_ros.mapping.tracks import Progress
from neumap_ros.mapping.views import extract_views, triangulate_views
from neumap_ros.mapping.work import WorkFolder
from neumap_ros.maps.atomic import check_target
from neumap_ros.models.codes import code_bytes

__all__ = ['BuildReport', 'BuildSettings', 'Scene', 'build_from_scene', 'build_map', 'prepare_scene']

# What D-PQED uses when there is no budget to spend: the optimum that its paper reports.
DEFAULT_PARTS = 4
DEFAULT_CENTROIDS = 256
LARGE_CENTROIDS = 4096
BUDGET_PARTS = (4, 8, 16)
# Scene codebooks and dequantiser (27 kB) pay from this many points on, where they cost less than 9 bytes a point.
SCENE_CODE_POINTS = 3000


def build_map(
    source: ImageSource,
    out: Path,
    settings: BuildSettings,
    progress: Progress | None = None,
    *,
    overwrite: bool = False,
) -> BuildReport:
    """Build a map from posed images.

    Intermediate results are kept beside ``out`` until the map is complete: the same call resumes an interrupted one.

    Args:
        source: posed images.
        out: folder of the map; its parent must exist.
        settings: see there.
        progress: called with (stage, done, total).
        overwrite: replace an existing map.

    Returns:
        What was built.

    Raises:
        MappingError: the images do not suffice, or the budget is too small.
        MapError: ``out`` exists, or cannot be written.
        ImageError: an image cannot be read.
        ConfigError: the extractor or its weights are unusable.
    """
    check_target(out.absolute().resolve(), overwrite)
    extractor = open_extractor(settings.extractor, settings.extractor_weights)
    work = WorkFolder(
        out, [source.fingerprint(), asdict(extractor.info), settings.max_keypoints, settings.bundle_adjust]
    )
    clock: dict[str, float] = {}
    report = progress or (lambda stage, done, total: None)
    scene = prepare_scene(source, extractor, settings, work, report, clock)
    result = build_from_scene(scene, source, extractor, out, settings, report, clock, overwrite=overwrite)
    work.remove()
    return result


def prepare_scene(
    source: ImageSource,
    extractor: Extractor,
    settings: BuildSettings,
    work: WorkFolder | None,
    progress: Progress,
    clock: dict[str, float],
) -> Scene:
    """Features, tracks and ranking: everything that does not depend on kind, budget and seed."""
    with _timed(clock, 'features'):
        views = extract_views(source, extractor, settings.max_keypoints, work, progress)
    with _timed(clock, 'triangulation'):
        views, tracks = triangulate_views(views, settings.bundle_adjust, work, progress)
    with _timed(clock, 'ranking'):
        progress('ranking points', 0, 1)
        ranked_P = rank_points(views, tracks)
        progress('ranking points', 1, 1)
    return Scene(views, tracks, ranked_P)


def build_from_scene(
    scene: Scene,
    source: ImageSource,
    extractor: Extractor,
    out: Path,
    settings: BuildSettings,
    progress: Progress,
    clock: dict[str, float],
    *,
    code: CodeSettings | None = None,
    compressor: SceneCompressor | None = None,
    overwrite: bool = False,
) -> BuildReport:
    """Compress a prepared scene and write the map.

    Args:
        scene: from :func:`prepare_scene`.
        source: where the images came from, for the manifest.
        extractor: that made the features.
        out: folder of the map.
        settings: kind, budget, seed, names.
        progress: called with (stage, done, total).
        clock: seconds per stage, added to.
        code: fixed compression settings instead of those that the builder would choose.
        compressor: of this scene and seed, to share its work among several maps.
        overwrite: replace an existing map.
    """
    if compressor is None:
        compressor = SceneCompressor(scene.views, scene.tracks, basis_of(extractor.info), settings.seed)
    candidates: list[Candidate] = []
    with _timed(clock, 'choosing the code'):
        if code is None:
            code, candidates = _choose(scene, compressor, settings, progress)
    with _timed(clock, 'compression'):
        progress('compressing', 0, 1)
        compressed = compressor.compress(code)
        progress('compressing', 1, 1)
    with _timed(clock, 'points in the budget'):
        plan = plan_map(scene, source, extractor, settings, compressed)
    calibrated = None
    if settings.calibration_images:
        with _timed(clock, 'calibration'):
            calibrated = _calibrate(scene, extractor, settings, plan, progress)
    with _timed(clock, 'writing'):
        report = _write(scene, out, plan, calibrated, overwrite)
    return replace(report, seconds=dict(clock), candidates=[_row(candidate) for candidate in candidates])


def _choose(
    scene: Scene, compressor: SceneCompressor, settings: BuildSettings, progress: Progress
) -> tuple[CodeSettings, list[Candidate]]:
    parts = settings.parts or DEFAULT_PARTS
    if settings.kind == 'full' or (settings.kind == 'pq' and settings.budget_bytes is None):
        return CodeSettings(settings.kind, parts, centroids=settings.centroids or DEFAULT_CENTROIDS), []
    if settings.budget_bytes is None:
        # A large scene needs more steps to see every point a few times.
        points = len(scene.tracks.points_P3)
        fit = FitSettings(steps=int(np.clip(points // 50, 400, 1000)))
        if settings.centroids == LARGE_CENTROIDS:
            return CodeSettings(
                'dpqed', parts, scene_codebooks=False, hidden=128, centroids=LARGE_CENTROIDS, fit=fit
            ), []
        enough = len(scene.tracks.points_P3) >= SCENE_CODE_POINTS
        own_codebooks = enough or not compressor.basis.codebooks
        return CodeSettings('dpqed', parts, scene_codebooks=own_codebooks, hidden=128 if enough else 8, fit=fit), []
    return choose_code(
        compressor,
        scene.ranked_P,
        settings.budget_bytes,
        settings.kind,
        BUDGET_PARTS if settings.parts is None else (settings.parts,),
        settings.centroids,
        progress,
    )


def _calibrate(
    scene: Scene, extractor: Extractor, settings: BuildSettings, plan: MapPlan, progress: Progress
) -> Calibrated:
    maps = MapWithout(
        scene.views,
        scene.tracks.select(plan.chosen),
        replace(plan.compressed, codes=plan.compressed.codes[plan.chosen]),
        plan.bits,
        basis_of(extractor.info),
        extractor,
        plan.manifest,
    )
    return calibrate(list(localize_held_out(maps, settings.calibration_images, progress)))


def _write(scene: Scene, out: Path, plan: MapPlan, calibrated: Calibrated | None, overwrite: bool) -> BuildReport:
    manifest = plan.manifest
    if calibrated is not None:
        manifest = replace(manifest, build={**manifest.build, CALIBRATION_KEY: calibrated.to_manifest()})
    layout = lay_out(scene.tracks.points_P3, plan.chosen, plan.bits)
    manifest = write(out, manifest, scene.tracks, plan.compressed, layout, overwrite=overwrite)
    bytes_per_part = account(out)
    return BuildReport(
        manifest,
        sum(bytes_per_part.values()),
        bytes_per_part,
        {},
        len(scene.views),
        len(scene.tracks.points_P3),
        len(plan.chosen),
        calibration=calibrated,
    )


def _row(candidate: Candidate) -> dict[str, Any]:
    code = candidate.code
    return {
        'M': code.parts,
        'K': code.centroids,
        'bytes of a code': code_bytes(code.parts, code.centroids),
        'codebooks': 'scene' if code.scene_codebooks or code.kind == 'pq' else 'universal',
        'dequantiser': code.hidden if code.kind == 'dpqed' else 0,
        'points': candidate.points,
        'bytes': candidate.bytes,
        'right matches': round(candidate.right_matches, 1),
    }


@contextmanager
def _timed(clock: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    clock[stage] = clock.get(stage, 0.0) + time.perf_counter() - start
