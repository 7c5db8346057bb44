# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which regions of a map a localizer holds within its budget of memory: values and decisions, no ROS, no threads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from neumap_ros.maps.resident import ResidentMap
from neumap_ros.maps.types import MapFile, Region

# What a point costs when it is decoded: 128 floats of its descriptor, three doubles of its position, indices. The code
# in the shard (about 10 bytes) counts beside it.
DECODED_BYTES_PER_POINT = 600


def box_distances(regions: Sequence[Region], position_3: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance (R,) from a position to the box of each region, map units; 0 inside."""
    if not regions:
        return np.zeros(0)
    boxes_R23 = np.array([(region.box_min_3, region.box_max_3) for region in regions])
    gap_R3 = np.maximum(np.maximum(boxes_R23[:, 0] - position_3, position_3 - boxes_R23[:, 1]), 0.0)
    distance_R: NDArray[np.float64] = np.linalg.norm(gap_R3, axis=1)
    return distance_R


@dataclass(frozen=True)
class Wants:
    """What a localizer would like to have, as it drives.

    Attributes:
        position_3: where it probably is, map frame, map units; None: anywhere.
        radius: how far around that regions are needed, map units.
        regions: ids of regions that look like the images, most likely first.
    """

    position_3: tuple[float, float, float] | None = None
    radius: float = 0.0
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Offer:
    """A revision that a map_server offers.

    Attributes:
        empty: the revision in memory, without any region.
    """

    empty: ResidentMap

    @cached_property
    def files(self) -> Mapping[str, MapFile]:
        """The shard file of each region, by region id."""
        paths = {file.path: file for file in self.empty.manifest.files}
        return {region.id: paths[region.shard] for region in self.regions}

    @cached_property
    def by_path(self) -> Mapping[str, str]:
        """The region of each shard file, by path."""
        return {region.shard: region.id for region in self.regions}

    @cached_property
    def bytes(self) -> int:
        """Memory that the whole map takes."""
        return self.empty.resident_bytes + sum(self.cost(region) for region in self.regions)

    @property
    def sha256(self) -> str:
        """Name of the revision."""
        return self.empty.manifest_sha256

    @property
    def regions(self) -> tuple[Region, ...]:
        """All regions of the map."""
        return self.empty.manifest.regions

    def cost(self, region: Region) -> int:
        """Bytes of memory that a region takes: its shard and its decoded points."""
        return self.files[region.id].bytes + region.points * DECODED_BYTES_PER_POINT

    def fits(self, budget_bytes: int) -> bool:
        """Whether the whole map can be held."""
        return self.bytes <= budget_bytes


def choose(offer: Offer, budget_bytes: int, wants: Wants, held: Sequence[str] = ()) -> tuple[str, ...]:
    """Regions to hold, most urgent first.

    The whole map if it fits. Else those near the robot, the nearest first, then those that look like the images, then
    what is held already, until the budget is full. The most urgent one is taken even if it alone is too large.

    Args:
        offer: the revision.
        budget_bytes: memory for regions, shared files included.
        wants: see there.
        held: ids of the regions in memory, the one needed most recently first.
    """
    by_id = {region.id: region for region in offer.regions}
    distance = {}
    if wants.position_3 is not None:
        distance_R = box_distances(offer.regions, np.array(wants.position_3))
        distance = dict(zip(by_id, distance_R.tolist(), strict=True))
    if offer.fits(budget_bytes):
        looks = {name: rank for rank, name in enumerate(wants.regions)}
        return tuple(sorted(by_id, key=lambda name: (distance.get(name, 0.0), looks.get(name, len(looks)))))
    near = sorted((name for name in distance if distance[name] <= wants.radius), key=lambda name: distance[name])
    left = budget_bytes - offer.empty.resident_bytes
    chosen: dict[str, None] = {}
    for name in (*near, *wants.regions, *held):
        if name not in by_id or name in chosen:
            continue
        cost = offer.cost(by_id[name])
        if cost <= left or not chosen:
            chosen[name] = None
            left -= cost
    return tuple(chosen)


def needed(offer: Offer, wants: Wants) -> frozenset[str]:
    """Ids of the regions that the wants name themselves: near the robot, or like the images."""
    near: Collection[str] = ()
    if wants.position_3 is not None:
        distance_R = box_distances(offer.regions, np.array(wants.position_3))
        near = [offer.regions[r].id for r in np.flatnonzero(distance_R <= wants.radius)]
    return frozenset(near) | frozenset(wants.regions)


@dataclass(frozen=True)
class ClientState:
    """What the client has and waits for.

    Attributes:
        map_id: of the revision in use, empty: none.
        revision: in use.
        sha256: of the manifest in use.
        offered_revision: what the map_server offers; 0: it was not heard of yet.
        offered_sha256: of its manifest.
        regions: of the map in use.
        regions_resident: of them in memory.
        regions_missing: wanted of the revision on offer and not there yet.
        bytes_resident: memory of the regions, decoded.
        bytes_budget: how much they may take.
        damaged: files that came with another digest since the start.
        refused: why the revision on offer cannot be used; empty: it can.
        problem: what went wrong last and is not repaired yet; empty: nothing.
    """

    map_id: str = ''
    revision: int = 0
    sha256: str = ''
    offered_revision: int = 0
    offered_sha256: str = ''
    regions: int = 0
    regions_resident: int = 0
    regions_missing: int = 0
    bytes_resident: int = 0
    bytes_budget: int = 0
    damaged: int = 0
    refused: str = ''
    problem: str = ''
