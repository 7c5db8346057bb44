# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Compressed scene -> which of its points the map keeps, and what its manifest says."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neumap_ros.features import Extractor
from neumap_ros.features.weights import basis_of
from neumap_ros.localization.calibration import KEY
from neumap_ros.localization.descriptor_decoder import DEFAULT_RATIO
from neumap_ros.mapping.budget import fit_points
from neumap_ros.mapping.build_types import BuildSettings, Scene
from neumap_ros.mapping.calibration import LONGEST_CALIBRATION
from neumap_ros.mapping.compression import Compressed
from neumap_ros.mapping.layout import COORDINATE_BITS
from neumap_ros.mapping.sources import ImageSource
from neumap_ros.mapping.tracks import View
from neumap_ros.maps.manifest import manifest_to_bytes
from neumap_ros.maps.types import Manifest


@dataclass(frozen=True)
class MapPlan:
    """What will be written, but for the calibration.

    Attributes:
        manifest: without regions and files.
        compressed: descriptors of all points.
        chosen: indices of the points of the map, ascending.
        bits: of a coordinate, 0 for the kind ``full``.
    """

    manifest: Manifest
    compressed: Compressed
    chosen: NDArray[np.int64]
    bits: int


def plan_map(
    scene: Scene, source: ImageSource, extractor: Extractor, settings: BuildSettings, compressed: Compressed
) -> MapPlan:
    """Choose the points that fit the budget, and describe the map.

    Args:
        scene: the triangulated images.
        source: where the images came from.
        extractor: that made the features.
        settings: kind, budget, seed, names.
        compressed: descriptors of all points.

    Raises:
        MappingError: not even the smallest useful map fits the budget.
    """
    code = compressed.settings
    decoder: dict[str, Any] = {
        'parts': code.parts,
        'centroids': code.centroids,
        'coordinate_bits': COORDINATE_BITS[-1],
        'ratio': DEFAULT_RATIO,
    }
    if code.kind == 'dpqed':
        decoder['basis_sha256'] = basis_of(extractor.info).sha256
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
    longest = manifest
    if settings.calibration_images:
        longest = replace(manifest, build={**manifest.build, KEY: LONGEST_CALIBRATION})
    chosen, bits, _ = fit_points(
        scene.tracks,
        scene.views,
        compressed,
        scene.ranked_P,
        settings.budget_bytes,
        len(manifest_to_bytes(longest)),
    )
    if bits:
        decoder = {**decoder, 'coordinate_bits': bits}
    build = {**manifest.build, 'descriptor_bytes': compressed.bytes_per_point * len(chosen)}
    return MapPlan(replace(manifest, decoder=decoder, build=build), compressed, np.sort(chosen), bits)


def scene_extent(views: list[View]) -> float:
    """Diagonal of the box around the mapping cameras, map units; the yardstick of scenes without a metric scale."""
    centres = np.stack([view.T_map_cam.translation_3 for view in views])
    return float(np.linalg.norm(centres.max(axis=0) - centres.min(axis=0)))
