# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Compressed scene + chosen points -> regions, shards and the map folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neumap_ros.mapping.compression import Compressed
from neumap_ros.mapping.regions import RegionPoints, octree_regions
from neumap_ros.mapping.tracks import Tracks, View
from neumap_ros.maps.coordinates import encode_points
from neumap_ros.maps.manifest import manifest_to_bytes, rounded_box, shard_path, shared_path
from neumap_ros.maps.storage import open_map, write_map
from neumap_ros.maps.tensors import serialize_tensors
from neumap_ros.maps.types import Manifest, MapFile, Region, Tensors

# A region is what a robot loads and what a map update re-sends; smaller ones cost more headers (400 bytes each).
MAX_REGION_POINTS = 6000

COORDINATE_BITS = range(9, 17)
# Coordinates may add so much reprojection error (root mean square) to the keypoint noise of about one pixel, in images
# of this width.
MAX_COORDINATE_ERROR_PX = 0.35
DEMAND_WIDTH_PX = 640


@dataclass(frozen=True)
class Layout:
    """Regions of the chosen points.

    Attributes:
        regions: with point indices into the tracks.
        bits: of a coordinate; 0 keeps fp32 coordinates (kind ``full``).
    """

    regions: list[RegionPoints]
    bits: int


def lay_out(points_P3: NDArray[np.float64], chosen_S: NDArray[np.int64], bits: int) -> Layout:
    """Cut the chosen points into regions."""
    # Points in one cell of the coordinates keep this order; that of the ranking depends on the last bit of sums.
    chosen_S = np.sort(chosen_S)
    regions = octree_regions(points_P3[chosen_S], MAX_REGION_POINTS)
    named = [RegionPoints(r.id, r.box_min_3, r.box_max_3, chosen_S[r.core_N], chosen_S[r.margin_N]) for r in regions]
    return Layout(named, bits)


def choose_bits(views: Sequence[View], tracks: Tracks, chosen_S: NDArray[np.int64]) -> int:
    """Fewest coordinate bits whose rounding error, seen from the mapping views, stays below the keypoint noise."""
    regions = octree_regions(tracks.points_P3[chosen_S], MAX_REGION_POINTS)
    # Pixels that one map unit subtends where a point was seen, averaged over its observations.
    pixels_per_unit_P = _pixels_per_unit(views, tracks)[chosen_S]
    for bits in COORDINATE_BITS:
        squared = 0.0
        for region in regions:
            cell_3 = (region.box_max_3 - region.box_min_3) / 2**bits
            # Uniform rounding: variance cell^2 / 12 an axis; two of three axes are seen.
            variance = float((cell_3**2).mean()) / 12 * 2
            squared += float((pixels_per_unit_P[region.core_N] ** 2).sum()) * variance
        if np.sqrt(squared / len(chosen_S)) < MAX_COORDINATE_ERROR_PX:
            return bits
    return COORDINATE_BITS[-1]


def _pixels_per_unit(views: Sequence[View], tracks: Tracks) -> NDArray[np.float64]:
    scale_O = np.zeros(len(tracks.point_O))
    for index, view in enumerate(views):
        mine = np.flatnonzero(tracks.view_O == index)
        depth = view.T_map_cam.inverse().transform(tracks.points_P3[tracks.point_O[mine]])[:, 2]
        # In pixels of an image of one width, so that the demand does not depend on the resolution.
        width = max(view.camera.width, view.camera.height)
        scale_O[mine] = np.mean(view.camera.focal_lengths) / np.maximum(depth, 1e-9) * DEMAND_WIDTH_PX / width
    total = np.bincount(tracks.point_O, weights=scale_O, minlength=len(tracks.points_P3))
    return np.asarray(total / np.maximum(tracks.lengths_P, 1))


def shards(tracks: Tracks, compressed: Compressed, layout: Layout) -> Iterator[tuple[Region, Tensors]]:
    """Regions and their tensors, ready for :func:`neumap_ros.maps.storage.write_map`."""
    for region in layout.regions:
        points = tracks.points_P3[region.core_N]
        low, high = rounded_box(region.box_min_3, region.box_max_3)
        described = Region(region.id, low, high, len(points), '')
        if layout.bits == 0:
            yield described, {'descriptors': compressed.codes[region.core_N], 'xyz': points.astype(np.float32)}
            continue
        order, packed = encode_points(points, layout.bits, low, high)
        yield described, {'codes': np.ascontiguousarray(compressed.codes[region.core_N[order]]), 'xyz': packed}


def estimate_bytes(tracks: Tracks, compressed: Compressed, layout: Layout, manifest_bytes: int) -> int:
    """Bytes of the folder that :func:`write` would make, without writing it.

    Args:
        tracks: all points.
        compressed: their descriptors.
        layout: the chosen points.
        manifest_bytes: of the manifest without regions and files; all else is exact.
    """
    sizes = {shared_path(name): len(serialize_tensors(t, 'shared')) for name, t in compressed.shared.items()}
    regions = []
    for region, tensors in shards(tracks, compressed, layout):
        regions.append(replace(region, shard=shard_path(region.id)))
        sizes[regions[-1].shard] = len(serialize_tensors(tensors, 'shard'))
    bare = Manifest('', 1, '', '', '', True, {}, {}, (), ())
    files = tuple(MapFile(path, size, '0' * 64) for path, size in sizes.items())
    lists = len(manifest_to_bytes(replace(bare, regions=tuple(regions), files=files))) - len(manifest_to_bytes(bare))
    return manifest_bytes + lists + sum(sizes.values())


def write(
    folder: Path, manifest: Manifest, tracks: Tracks, compressed: Compressed, layout: Layout, *, overwrite: bool = False
) -> Manifest:
    """Write the map folder."""
    return write_map(folder, manifest, compressed.shared, shards(tracks, compressed, layout), overwrite=overwrite)


def account(folder: Path) -> dict[str, int]:
    """Where the bytes of a map went: codes, coordinates, scene-wide tensors, headers and manifest."""
    stored = open_map(folder)
    parts = {'descriptor codes': 0, 'coordinates': 0, 'codebooks': 0, 'dequantiser': 0}
    for region in stored.manifest.regions:
        for name, tensor in stored.load_shard(region.id).tensors.items():
            parts['coordinates' if name == 'xyz' else 'descriptor codes'] += int(tensor.nbytes)
    for name in stored.shared_names:
        for key, tensor in stored.load_shared(name).items():
            parts['codebooks' if key.startswith('codebooks') else 'dequantiser'] += int(tensor.nbytes)
    parts['manifest and file headers'] = stored.total_bytes - sum(parts.values())
    return {name: size for name, size in parts.items() if size}
