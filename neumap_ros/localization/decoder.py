# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the localizer asks of a map kind: keypoints and regions in, 2D-3D correspondences out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import MapError
from neumap_ros.features.base import Features
from neumap_ros.geometry import Camera, Pose
from neumap_ros.localization.fix import Correspondences
from neumap_ros.maps.types import ReadableMap


class Decoder(Protocol):
    """A map that is loaded and ready to answer queries."""

    def points_in(self, region: int) -> int:
        """Number of map points of a region (index into the manifest's regions); 0 if it is not resident."""
        ...

    def rank_regions(self, features: Features) -> list[int]:
        """All regions, resident or not, the one most likely in view first, judged by the image alone."""
        ...

    def match(self, features: Features, regions: Sequence[int], alternatives: int = 1) -> Correspondences:
        """Correspondences with the points of some regions; outliers are expected.

        Args:
            features: of the query.
            regions: indices into the manifest's regions.
            alternatives: let each keypoint choose among so many points the one that agrees with the matches around it;
                finds more right matches where descriptors are poor, and takes longer.
        """
        ...

    def match_near(
        self, features: Features, camera: Camera, T_map_cam: Pose, radius_px: float, regions: Sequence[int]
    ) -> Correspondences:
        """Correspondences within a radius of the points projected with a pose."""
        ...

    def chance_near(
        self, features: Features, camera: Camera, T_map_cam: Pose, radius_px: float, regions: Sequence[int]
    ) -> float:
        """How many correspondences :meth:`match_near` would find near a wrong pose, measured in this image."""
        ...


class MapKind(Protocol):
    """How maps of one kind become decoders."""

    def load(self, stored: ReadableMap, reuse: Decoder | None = None) -> Decoder:
        """Load the resident regions.

        Args:
            stored: the map.
            reuse: another decoder; regions that are the same in it are taken from there instead of decoded again.
                The outcome is the same, bit for bit.

        Raises:
            MapError: a file is damaged or does not fit.
        """
        ...

    def count_words(self, stored: ReadableMap) -> Iterator[NDArray[np.int64]]:
        """How often each visual word occurs (W,) in each region of the manifest, one region in memory at a time.

        Raises:
            MapError: a file is damaged or does not fit.
        """
        ...

    def vocabulary_sha256(self, stored: ReadableMap) -> str:
        """Digest of the visual words that :meth:`count_words` counts."""
        ...


_kinds: dict[str, MapKind] = {}


def register_kind(name: str, kind: MapKind) -> None:
    """Make a map kind known."""
    _kinds[name] = kind


def kind_of(stored: ReadableMap) -> MapKind:
    """What reads a map.

    Raises:
        MapError: unknown kind.
    """
    name = stored.manifest.kind
    if name not in _kinds:
        raise MapError(
            f'map {stored.name} is of kind {name!r}, this version reads {", ".join(sorted(_kinds))}; '
            'update neumap_ros or rebuild the map'
        )
    return _kinds[name]


def create_decoder(stored: ReadableMap, reuse: Decoder | None = None) -> Decoder:
    """Load a map's tensors and build the decoder of its kind.

    Args:
        stored: the map; regions that are not resident have no points.
        reuse: see :meth:`MapKind.load`.

    Raises:
        MapError: unknown kind, or a damaged file.
    """
    return kind_of(stored).load(stored, reuse)
