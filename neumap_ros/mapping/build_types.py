# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What kind of map to build, and what was built."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError
from neumap_ros.mapping.calibration import DEFAULT_IMAGES, Calibrated
from neumap_ros.mapping.tracks import Tracks, View
from neumap_ros.maps.types import Manifest

KINDS = ('dpqed', 'pq', 'full')


@dataclass(frozen=True)
class BuildSettings:
    """What kind of map to build.

    Attributes:
        kind: ``dpqed``, or the references ``pq`` and ``full``.
        budget_bytes: every byte of the map folder together; None keeps all points.
        parts: M, numbers of a descriptor code (2, 4, 8 or 16); None lets the builder choose by measurement.
        centroids: K, values of each number: 256 (a byte) or 4,096 (a byte and a half); None as for ``parts``.
        extractor: registry name.
        extractor_weights: file of its weights; empty: those that ship. The map records their digest, not this path.
        max_keypoints: per mapping image.
        bundle_adjust: refine the poses (for poses from odometry).
        calibration_images: mapping images to hold out for the calibration of the covariance, at most; 0: none, the map
            has no calibration.
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
    extractor_weights: str = ''
    max_keypoints: int = 2048
    bundle_adjust: bool = False
    calibration_images: int = DEFAULT_IMAGES
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
        if self.calibration_images < 0:
            raise ConfigError(
                f'{self.calibration_images} images are to be held out for the calibration, expected 0 (off) or more'
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
        calibration: of the covariance; None if it was switched off.
    """

    manifest: Manifest
    total_bytes: int
    bytes_per_part: dict[str, int]
    seconds: dict[str, float]
    views: int
    points_found: int
    points_kept: int
    candidates: list[dict[str, Any]] = field(default_factory=list)
    calibration: Calibrated | None = None


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
