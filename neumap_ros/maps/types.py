# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The values of a map: manifest, regions, shards. Format 1 is described in docs/map_format.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

FORMAT = 1

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class MapFile:
    """One file of a map, named by its path relative to the map folder."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Region:
    """One voxel region of a map.

    Attributes:
        id: name that stays the same across revisions, for example ``r0-3-7`` (the path in the octree).
        box_min_3: corner of the axis-aligned box in the map frame, map units.
        box_max_3: opposite corner.
        points: how many map points the region holds.
        shard: relative path of its shard file.
    """

    id: str
    box_min_3: tuple[float, float, float]
    box_max_3: tuple[float, float, float]
    points: int
    shard: str

    @property
    def center_3(self) -> NDArray[np.float64]:
        """Centre of the box in the map frame."""
        center_3: NDArray[np.float64] = np.mean([self.box_min_3, self.box_max_3], axis=0, dtype=np.float64)
        return center_3


@dataclass(frozen=True)
class Shard:
    """The tensors of one region as they lie on disk; what they mean is the business of the map's kind."""

    region_id: str
    tensors: Tensors


@dataclass(frozen=True)
class Manifest:
    """What a map is made of and how it was made.

    Attributes:
        map_id: uuid of the place; stays the same across revisions.
        revision: grows with every published revision, from 1.
        kind: ``dpqed``, ``neumap``, ...; selects the decoder.
        frame_id: the frame that poses refer to, for example ``map``.
        created: ISO 8601, UTC.
        metric: whether the unit is the metre; a map from images without poses has arbitrary scale.
        extractor: fields of :class:`neumap_ros.features.base.ExtractorInfo`.
        decoder: kind-specific settings that the localizer needs, for example the coordinate bits.
        regions: in file order.
        files: every file but the manifest itself.
        build: where the map came from: source, settings, measured recall, bytes per part.
        notes: licence and remarks of the map maker.
    """

    map_id: str
    revision: int
    kind: str
    frame_id: str
    created: str
    metric: bool
    extractor: dict[str, Any]
    decoder: dict[str, Any]
    regions: tuple[Region, ...]
    files: tuple[MapFile, ...]
    build: dict[str, Any] = field(default_factory=dict)
    notes: str = ''


class ReadableMap(Protocol):
    """A map whose files can be read: from a folder, or from memory, perhaps with only some of its regions."""

    @property
    def name(self) -> str:
        """What to call the map in an error."""
        ...

    @property
    def manifest(self) -> Manifest:
        """What the map is made of, regions that cannot be read included."""
        ...

    @property
    def manifest_sha256(self) -> str:
        """Name of the revision."""
        ...

    @property
    def shared_names(self) -> tuple[str, ...]:
        """Names that :meth:`load_shared` takes."""
        ...

    @property
    def resident(self) -> frozenset[str]:
        """Ids of the regions that can be read."""
        ...

    @property
    def retrieval(self) -> bytes | None:
        """What :func:`neumap_ros.localization.retrieval.retrieval_bytes` made of all regions, if it is at hand."""
        ...

    def load_shared(self, name: str) -> Tensors:
        """Tensors of a file that all regions share."""
        ...

    def load_shard(self, region_id: str) -> Shard:
        """Tensors of a resident region."""
        ...
