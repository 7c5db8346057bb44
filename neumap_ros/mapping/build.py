# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Posed images -> a map on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neumap_ros.mapping.sources import ImageSource
from neumap_ros.maps.types import Manifest

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class BuildSettings:
    """What kind of map to build.

    Attributes:
        kind: ``dpqed``, or the references ``pq`` and ``full``.
        budget_bytes: every byte of the map folder together; None keeps all points.
        parts: bytes of a descriptor code (2, 4, 8 or 16); None lets the builder choose by measurement.
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
    extractor: str = 'rootsift'
    max_keypoints: int = 2048
    bundle_adjust: bool = False
    seed: int = 0
    map_id: str | None = None
    revision: int = 1
    notes: str = ''


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


def build_map(
    source: ImageSource,
    out: Path,
    settings: BuildSettings,
    progress: Progress | None = None,
    *,
    overwrite: bool = False,
) -> BuildReport:
    """Build a map from posed images; see the module's docstring for the stages."""
    raise SystemExit('being written')
