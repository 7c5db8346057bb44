# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Posed images -> a map on disk: features, tracks, ranking of points, code, layout, files."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError
from neumap_ros.features import Extractor, create_extractor
from neumap_ros.features.basis import load_basis
from neumap_ros.localization.descriptor_decoder import DEFAULT_RATIO
from neumap_ros.mapping.budget import Candidate, choose_code, fit_points
from neumap_ros.mapping.compression import CodeSettings, Compressed, SceneCompressor
from neumap_ros.mapping.fit_dpqed import FitSettings
from neumap_ros.mapping.layout import COORDINATE_BITS, account, lay_out, write
from neumap_ros.mapping.selection import rank_points
from neumap_ros.mapping.sources import ImageSource
from neumap_ros.mapping.tracks import Progress, Tracks, View
from neumap_ros.mapping.views import extract_views, triangulate_views
from neumap_ros.mapping.work import WorkFolder
from neumap_ros.maps.atomic import check_target
from neumap_ros.maps.manifest import manifest_to_bytes
from neumap_ros.maps.types import Manifest
from neumap_ros.models.codes import code_bytes

KINDS = ('dpqed', 'pq', 'full')
# What D-PQED uses when there is no budget to spend: the optimum that its paper reports.
DEFAULT_PARTS = 4
DEFAULT_CENTROIDS = 256
LARGE_CENTROIDS = 4096
BUDGET_PARTS = (4, 8, 16)
# Scene codebooks and dequantiser (27 kB) pay from this many points on, where they cost less than 9 bytes a point.
SCENE_CODE_POINTS = 3000


@dataclass(frozen=True)
class BuildSettings:
    """What kind of map to build.

    Attributes:
        kind: ``dpqed``, or the references ``pq`` and ``full``.
        budget_bytes: every byte of the map folder together; None keeps all points.
        parts: M, numbers of a descriptor code (2, 4, 8 or 16); None lets the builder choose by measurement.
        centroids: K, values of each number: 256 (a byte) or 4,096 (a byte and a half); None as for ``parts``.
        extractor: registry name.
        max_keypoints: per mapping image.
        bundle_adjust: refine the poses (for poses from odometry).
        seed: of everything random.
        map_id: uuid of the place; None makes a new one.
        revision: of the map.
        notes: licence and remarks, stored in the manifest.
    """

    kind: str = 'dpqed'
    budget_bytes: int | None = None
    parts: int | None = None
    centroids: int | None = None
    extractor: str = 'rootsift'
    max_keypoints: int = 2048
    bundle_adjust: bool = False
    seed: int = 0
    map_id: str | None = None
    revision: int = 1
    notes: str = ''

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f'there is no map kind {self.kind!r}, expected one of {", ".join(KINDS)}')
        if self.budget_bytes is not None and self.budget_bytes < 4000:
            raise ConfigError(
                f'the budget is {self.budget_bytes} bytes, expected at least 4000 (for example --budget 100kB)'
            )


@dataclass(frozen=True)
class BuildReport:
    """What was built.

    Attributes:
        manifest: of the map on disk.
        total_bytes: of the map folder.
        bytes_per_part: where the bytes went, by name.
        seconds: wall time per stage.
        views: mapping images used.
        points_found: triangulated points.
        points_kept: points in the map.
        candidates: the configurations that were measured, one dictionary a row; empty if there was no choice.
    """

    manifest: Manifest
    total_bytes: int
    bytes_per_part: dict[str, int]
    seconds: dict[str, float]
    views: int
    points_found: int
    points_kept: int
    candidates: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Scene:
    """Triangulated mapping images; several maps can be built from one.

    Attributes:
        views: with the poses that the tracks refer to.
        tracks: all points.
        ranked_P: point indices, most useful first.
    """

    views: list[View]
    tracks: Tracks
    ranked_P: NDArray[np.int64]


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
    """
    check_target(out.absolute().resolve(), overwrite)
    extractor = create_extractor(settings.extractor)
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
        compressor = SceneCompressor(scene.views, scene.tracks, load_basis(extractor.info.name), settings.seed)
    candidates: list[Candidate] = []
    with _timed(clock, 'choosing the code'):
        if code is None:
            code, candidates = _choose(scene, compressor, settings, progress)
    with _timed(clock, 'compression'):
        progress('compressing', 0, 1)
        compressed = compressor.compress(code)
        progress('compressing', 1, 1)
    with _timed(clock, 'writing'):
        report = _write(scene, source, extractor, out, settings, compressed, overwrite)
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
        return CodeSettings('dpqed', parts, scene_codebooks=enough, hidden=128 if enough else 8, fit=fit), []
    return choose_code(
        compressor,
        scene.ranked_P,
        settings.budget_bytes,
        settings.kind,
        BUDGET_PARTS if settings.parts is None else (settings.parts,),
        settings.centroids,
        progress,
    )


def _write(
    scene: Scene,
    source: ImageSource,
    extractor: Extractor,
    out: Path,
    settings: BuildSettings,
    compressed: Compressed,
    overwrite: bool,
) -> BuildReport:
    code = compressed.settings
    decoder: dict[str, Any] = {
        'parts': code.parts,
        'centroids': code.centroids,
        'coordinate_bits': COORDINATE_BITS[-1],
        'ratio': DEFAULT_RATIO,
    }
    if code.kind == 'dpqed':
        decoder['basis_sha256'] = load_basis(extractor.info.name).sha256
    if code.kind == 'full':
        decoder = {'ratio': DEFAULT_RATIO}
    manifest = Manifest(
        map_id=settings.map_id or str(uuid.uuid4()),
        revision=settings.revision,
        kind=code.kind,
        frame_id=source.frame_id,
        created=datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ'),
        metric=source.metric is not False,
        extractor=asdict(extractor.info),
        decoder=decoder,
        regions=(),
        files=(),
        build={
            'views': len(scene.views),
            'points_found': len(scene.tracks.points_P3),
            'descriptor_bytes': compressed.bytes_per_point * len(scene.ranked_P),
            'extent': scene_extent(scene.views),
            'seed': settings.seed,
        },
        notes=settings.notes,
    )
    # The manifest of all points with the longest numbers; that of the chosen ones is no longer.
    chosen, bits, _ = fit_points(
        scene.tracks,
        scene.views,
        compressed,
        scene.ranked_P,
        settings.budget_bytes,
        len(manifest_to_bytes(manifest)),
    )
    layout = lay_out(scene.tracks.points_P3, chosen, bits)
    if bits:
        decoder = {**decoder, 'coordinate_bits': bits}
    build = {**manifest.build, 'descriptor_bytes': compressed.bytes_per_point * len(chosen)}
    manifest = replace(manifest, decoder=decoder, build=build)
    manifest = write(out, manifest, scene.tracks, compressed, layout, overwrite=overwrite)
    bytes_per_part = account(out)
    return BuildReport(
        manifest,
        sum(bytes_per_part.values()),
        bytes_per_part,
        {},
        len(scene.views),
        len(scene.tracks.points_P3),
        len(chosen),
    )


def scene_extent(views: list[View]) -> float:
    """Diagonal of the box around the mapping cameras, map units; the yardstick of scenes without a metric scale."""
    centres = np.stack([view.T_map_cam.translation_3 for view in views])
    return float(np.linalg.norm(centres.max(axis=0) - centres.min(axis=0)))


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
