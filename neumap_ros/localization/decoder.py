# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the localizer asks of a map kind: keypoints and regions in, 2D-3D correspondences out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from neumap_ros.errors import MapError
from neumap_ros.features.base import Features
from neumap_ros.geometry import Camera, Pose
from neumap_ros.localization.fix import Correspondences
from neumap_ros.maps.storage import StoredMap


class Decoder(Protocol):
    """A map that is loaded and ready to answer queries."""

    def points_in(self, region: int) -> int:
        """Number of map points of a region (index into the manifest's regions)."""
        ...

    def rank_regions(self, features: Features) -> list[int]:
        """All regions, the one most likely in view first, judged by the image alone."""
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


DecoderFactory = Callable[[StoredMap], Decoder]
_factories: dict[str, DecoderFactory] = {}


def register_decoder(kind: str) -> Callable[[DecoderFactory], DecoderFactory]:
    """Class decorator: make a map kind known."""

    def register(factory: DecoderFactory) -> DecoderFactory:
        _factories[kind] = factory
        return factory

    return register


def create_decoder(stored: StoredMap) -> Decoder:
    """Load a map's tensors and build the decoder of its kind.

    Raises:
        MapError: unknown kind, or a damaged file.
    """
    kind = stored.manifest.kind
    if kind not in _factories:
        raise MapError(
            f'map {stored.folder} is of kind {kind!r}, this version reads {", ".join(sorted(_factories))}; '
            'update neumap_ros or rebuild the map'
        )
    return _factories[kind](stored)
