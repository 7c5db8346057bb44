# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Images with known poses -> a run: each image localized by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError, ImageError
from neumap_ros.evaluation import metrics
from neumap_ros.evaluation.pictures import draw_inliers
from neumap_ros.evaluation.run_checks import notes
from neumap_ros.evaluation.run_folder import plain
from neumap_ros.evaluation.run_pictures import Draw, WorstAttempts
from neumap_ros.evaluation.run_rows import judged, map_facts, row_of_fix
from neumap_ros.evaluation.run_types import AttemptRow, Run
from neumap_ros.evaluation.sights import OnSights, sight_of_fix
from neumap_ros.features.base import Features
from neumap_ros.geometry import Camera, Pose
from neumap_ros.localization.fix import Fix, Reason
from neumap_ros.localization.localizer import Localizer, Prior
from neumap_ros.mapping.sources import ImageSource, PosedImage
from neumap_ros.maps.types import Manifest

Progress = Callable[[int, int], None]
FeatureQuery = tuple[str, Camera, Pose | None, Features]
# The label that becomes the condition of every attempt.
CONDITION = 'condition'


def evaluate(
    localizer: Localizer,
    source: ImageSource,
    progress: Progress | None = None,
    priors: Mapping[str, Prior] | None = None,
    *,
    extent: float | None = None,
    name: str = 'images',
    labels: Mapping[str, str] | None = None,
    worst: WorstAttempts | None = None,
    on_fix: Callable[[AttemptRow, Fix], None] | None = None,
    on_sights: OnSights | None = None,
) -> Run:
    """Localize all images of a source and compare with its poses.

    An image that cannot be read is an attempt with the reason ``image_error``.

    Args:
        localizer: with its map.
        source: queries; images without a pose are localized but not judged.
        progress: called with (queries done, queries).
        priors: by image name.
        extent: of the scene in map units; by default that of the mapping cameras, which the map knows.
        name: of the run.
        labels: of the run; ``condition`` is that of every attempt.
        worst: hears of every attempt, for pictures of the worst.
        on_fix: called with every attempt and its fix; fixes are too large to keep.
        on_sights: called with every attempt and its image, for recordings.
    """
    metric = localizer.manifest.metric and source.metric is not False
    condition = (labels or {}).get(CONDITION, '')
    if extent is None:
        extent = scene_extent(localizer.manifest, [image.T_map_cam for image in source.images])
    if worst is not None:
        worst.set_scale(metric, extent)
    rows: list[AttemptRow] = []
    begin = time.perf_counter()
    for index, image in enumerate(source.images):
        prior, detail = (priors or {}).get(image.name), ''
        started = time.perf_counter()
        try:
            pixels = source.read(image)
            started = time.perf_counter()
            fix = localizer.localize(pixels, image.camera, prior, image.time_s, image.name)
        except ImageError as error:
            fix, detail = Fix(Reason.IMAGE_ERROR, time_s=image.time_s), str(error)
        latency_ms = (time.perf_counter() - started) * 1e3
        row = row_of_fix(
            image.name,
            fix,
            stamp_ns=None if image.time_s is None else round(image.time_s * 1e9),
            map_sha256=localizer.map_sha256,
            condition=condition,
            detail=detail,
            latency_ms=latency_ms,
        )
        rows.append(judged(row, image.T_map_cam))
        if worst is not None and fix.reason is not Reason.IMAGE_ERROR:
            worst.offer(index, rows[-1], _drawing(localizer, source, image, fix), tracked=False)
        if on_fix is not None:
            on_fix(rows[-1], fix)
        if on_sights is not None:
            seen = fix.reason is not Reason.IMAGE_ERROR
            on_sights(rows[-1], [sight_of_fix(image.camera, pixels, fix)] if seen else [])
        if progress is not None:
            progress(index + 1, len(source))
    return _run(localizer, rows, metric, extent, source.description, name, labels or {}, time.perf_counter() - begin)


def evaluate_features(
    localizer: Localizer,
    queries: Iterable[FeatureQuery],
    *,
    metric: bool,
    extent: float | None = None,
    source: str = 'features',
    progress: Progress | None = None,
    priors: Mapping[str, Prior] | None = None,
    name: str = 'features',
    labels: Mapping[str, str] | None = None,
) -> Run:
    """As :func:`evaluate`, from features that were extracted before, so that many maps can share them.

    Args:
        localizer: with its map.
        queries: (name, camera, true ``T_map_cam`` or None, features) each.
        metric: whether a map unit is a metre.
        extent: of the scene in map units; by default that of the mapping cameras, which the map knows.
        source: where the queries come from, in words.
        progress: called with (queries done, queries).
        priors: by image name.
        name: of the run.
        labels: of the run; ``condition`` is that of every attempt.
    """
    every, condition = list(queries), (labels or {}).get(CONDITION, '')
    if extent is None:
        extent = scene_extent(localizer.manifest, [truth for _, _, truth, _ in every])
    rows = []
    begin = time.perf_counter()
    for index, (image_name, camera, truth, features) in enumerate(every):
        started = time.perf_counter()
        fix = localizer.localize_features(features, camera, (priors or {}).get(image_name))
        row = row_of_fix(
            image_name,
            fix,
            map_sha256=localizer.map_sha256,
            condition=condition,
            latency_ms=(time.perf_counter() - started) * 1e3,
        )
        rows.append(judged(row, truth))
        if progress is not None:
            progress(index + 1, len(every))
    return _run(localizer, rows, metric, extent, source, name, labels or {}, time.perf_counter() - begin)


def parse_labels(texts: Sequence[str], what: str) -> dict[str, str]:
    """Labels from ``key=value`` each.

    Args:
        texts: the labels.
        what: where they come from, for errors.

    Raises:
        ConfigError: another form, or a key twice.
    """
    labels: dict[str, str] = {}
    for text in texts:
        key, mark, value = (part.strip() for part in text.partition('='))
        if not (key and mark and value):
            raise ConfigError(f'{what} has {text!r}, expected key=value such as condition=night')
        if key in labels:
            raise ConfigError(f'{what} gives {key!r} twice, expected each key once')
        labels[key] = value
    return labels


def scene_extent(manifest: Manifest, truths: Sequence[Pose | None]) -> float:
    """Size of a scene in map units: that of the mapping cameras where the map knows it, else of the true poses."""
    known = manifest.build.get('extent')
    return float(known) if isinstance(known, (int, float)) else metrics.scene_extent(truths)


def _run(
    localizer: Localizer,
    rows: Sequence[AttemptRow],
    metric: bool,
    extent: float,
    source: str,
    name: str,
    labels: Mapping[str, str],
    wall_s: float,
) -> Run:
    stamps = [row.stamp_ns for row in rows if row.stamp_ns is not None]
    return Run(
        name=name,
        kind='images',
        source=source,
        attempts=tuple(rows),
        labels=dict(labels),
        map=map_facts(localizer.manifest, localizer.map_sha256),
        metric=metric,
        extent=extent,
        map_frame=localizer.manifest.frame_id,
        start_ns=min(stamps, default=None),
        end_ns=max(stamps, default=None),
        settings=plain(localizer.settings),
        notes=notes(rows, metric=metric, extent=extent, expected=False),
        timings={'wall_s': wall_s},
    )


def _drawing(localizer: Localizer, source: ImageSource, image: PosedImage, fix: Fix) -> Draw:
    # Reads the image again: keeping those of the worst would need more memory than time is lost.
    def draw() -> NDArray[np.uint8]:
        pixels = source.read(image)
        features = localizer.extractor.extract(pixels, localizer.settings.max_keypoints)
        return draw_inliers(pixels, fix, image.camera, image.name, keypoints_N2=features.keypoints_N2)

    return draw
