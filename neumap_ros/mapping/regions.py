# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Cutting a map into regions: an octree that splits where there are many points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Ends the splitting of points that coincide; deep enough for one stray point a million units away.
MAX_DEPTH = 24


@dataclass(frozen=True)
class RegionPoints:
    """The points of one octree leaf.

    Attributes:
        id: path in the octree, for example ``r037``; the same place keeps its id across revisions.
        box_min_3: corner of the tight box around the core, map units.
        box_max_3: opposite corner.
        core_N: indices of the points inside; every point is in the core of exactly one region.
        margin_N: indices of the points outside but within the overlap margin, for maps whose regions overlap.
    """

    id: str
    box_min_3: NDArray[np.float64]
    box_max_3: NDArray[np.float64]
    core_N: NDArray[np.int64]
    margin_N: NDArray[np.int64]


# Leaves with fewer points than this share of the limit join a neighbour: a file and its manifest entry cost 400 bytes.
SMALLEST_SHARE = 0.15


def octree_regions(points_P3: NDArray[np.float64], max_points: int, *, margin: float = 0.0) -> list[RegionPoints]:
    """Split points until no leaf holds more than ``max_points``; join leaves that hold next to nothing.

    The root is a cube around the origin whose size is a power of two, so that a few new points at the rim of a later
    revision do not move the boundaries of all other leaves.

    Args:
        points_P3: map frame, map units.
        max_points: of a leaf's core (a joined leaf may exceed it by :data:`SMALLEST_SHARE`).
        margin: overlap on every side, as a fraction of the box.

    Returns:
        Regions with at least one point and tight boxes, ordered by id.
    """
    reach = max(float(np.abs(points_P3).max()), 1e-6)
    size = 2.0 ** (np.ceil(np.log2(reach)) + 1)
    leaves: dict[str, NDArray[np.int64]] = {}

    def split(path: str, corner_3: NDArray[np.float64], edge: float, index_N: NDArray[np.int64], depth: int) -> None:
        if len(index_N) <= max_points or depth >= MAX_DEPTH:
            if len(index_N):
                leaves[path] = index_N
            return
        half = edge / 2
        octant_N = ((points_P3[index_N] >= corner_3 + half) * [1, 2, 4]).sum(axis=1)
        for octant in range(8):
            offset = np.array([octant & 1, octant >> 1 & 1, octant >> 2 & 1]) * half
            split(f'{path}{octant}', corner_3 + offset, half, index_N[octant_N == octant], depth + 1)

    split('r', np.full(3, -size / 2), size, np.arange(len(points_P3)), 0)
    _join_small(leaves, points_P3, max_points)
    return [_region(path, leaves[path], points_P3, margin) for path in sorted(leaves)]


def _join_small(leaves: dict[str, NDArray[np.int64]], points_P3: NDArray[np.float64], max_points: int) -> None:
    """Join every small leaf to the leaf whose box grows least, of those that stay below the limit."""
    smallest = int(SMALLEST_SHARE * max_points)
    boxes = {path: (points_P3[i].min(axis=0), points_P3[i].max(axis=0)) for path, i in leaves.items()}
    alone: set[str] = set()
    while small := [path for path, index_N in leaves.items() if len(index_N) < smallest and path not in alone]:
        path = min(small, key=lambda p: (len(leaves[p]), p))
        low, high = boxes[path]
        count = len(leaves[path])
        targets = [p for p in leaves if p != path and len(leaves[p]) + count <= max_points + smallest]
        if not targets:
            alone.add(path)
            continue

        def growth(other: str, low: NDArray[np.float64] = low, high: NDArray[np.float64] = high) -> float:
            other_low, other_high = boxes[other]
            joined = np.linalg.norm(np.maximum(high, other_high) - np.minimum(low, other_low))
            return float(joined - np.linalg.norm(other_high - other_low))

        target = min(targets, key=lambda p: (growth(p), p))
        leaves[target] = np.sort(np.concatenate([leaves[target], leaves.pop(path)]))
        boxes[target] = (np.minimum(boxes[target][0], low), np.maximum(boxes[target][1], high))
        del boxes[path]


def _region(path: str, index_N: NDArray[np.int64], points_P3: NDArray[np.float64], margin: float) -> RegionPoints:
    low, high = points_P3[index_N].min(axis=0), points_P3[index_N].max(axis=0)
    neighbours = np.zeros(0, dtype=np.int64)
    if margin > 0:
        reach = margin * (high - low)
        near = ((points_P3 >= low - reach) & (points_P3 <= high + reach)).all(axis=1)
        near[index_N] = False
        neighbours = np.flatnonzero(near)
    return RegionPoints(path, low, high, index_N, neighbours)
