# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Maps of points with descriptors: matching by nearest neighbour, and guided matching around projected points.

Three kinds share this code and differ only in how a shard's bytes become descriptors, see
:mod:`neumap_ros.localization.descriptor_maps`: ``full`` (fp16 descriptors as the extractor gave them, the reference),
``pq`` (k-means product quantisation) and ``dpqed``.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from neumap_ros.features.base import Features
from neumap_ros.features.basis import Basis
from neumap_ros.geometry import Camera, Pose
from neumap_ros.localization.blocks import PointBlocks
from neumap_ros.localization.consistency import most_supported, spatial_support
from neumap_ros.localization.fix import Correspondences
from neumap_ros.localization.point_index import EXHAUSTIVE_POINTS, PointIndex
from neumap_ros.localization.retrieval import RegionIndex

Float32 = NDArray[np.float32]

# Projected points looked at around a keypoint.
CANDIDATES_NEAR = 8
# Displacements of the projections, in search radii, that measure how many matches chance gives near a wrong pose.
DECOY_SHIFTS = ((5.0, 2.0), (-2.0, -5.0))
# Nearest neighbours in which the ratio test looks for another place than the best one's.
NEIGHBOURS = 5
# Points so near (as a share of the size of the place) are the same.
SAME_PLACE = 0.01
# Matches kept of those that keypoints chose among several candidates, best first; most of the others are wrong.
MOST_ALTERNATIVE_MATCHES = 300
# Weight of a candidate that is no better than the next one, in quotients of distances.
EQUAL_CANDIDATE = 0.02
# Loose on purpose: quantised descriptors blur the ratio, RANSAC copes with three quarters of wrong matches, and every
# right match below 0.97 helps in the dark (measured on redkitchen_tsdf and kitti_seq1: three times the right matches of
# 0.88 at night).
DEFAULT_RATIO = 0.97


@dataclass(frozen=True)
class DescriptorTable:
    """The points of a map in memory.

    Attributes:
        points_P3: map frame, float64.
        descriptors_PC: unit descriptors in the space in which queries are compared, float32.
        first_R1: region r owns rows first[r] to first[r + 1]; none where it is not resident.
        keys: per region, what its rows were made from: equal keys, equal rows. Empty where nobody needs to know.
    """

    points_P3: NDArray[np.float64]
    descriptors_PC: torch.Tensor
    first_R1: NDArray[np.int64]
    keys: tuple[Hashable, ...] = ()

    def rows(self, regions: Sequence[int]) -> NDArray[np.int64]:
        """Rows of the points of some regions."""
        return np.concatenate(
            [np.arange(self.first_R1[r], self.first_R1[r + 1]) for r in regions] or [np.zeros(0, int)]
        )


class QuerySpace:
    """Where queries and map descriptors are compared: the extractor's own space, or the basis, rotated for a code."""

    def __init__(self, basis: Basis, parts: int | None) -> None:
        self.basis = basis
        self._rotation = None if parts is None else torch.from_numpy(basis.rotations[parts])

    @property
    def size(self) -> int:
        """Length of a vector in this space."""
        return len(self.basis.mean_D) if self._rotation is None else self.basis.size

    @property
    def vocabulary_sha256(self) -> str:
        """Digest of the visual words."""
        return self.basis.sha256

    def from_extractor(self, descriptors_ND: Float32) -> torch.Tensor:
        """Descriptors of the extractor -> this space."""
        if self._rotation is None:
            return torch.from_numpy(descriptors_ND)
        return torch.from_numpy(self.basis.project(descriptors_ND)) @ self._rotation

    def to_basis(self, descriptors_NC: torch.Tensor) -> Float32:
        """This space -> the basis, for visual words."""
        if self._rotation is None:
            return self.basis.project(descriptors_NC.numpy())
        return np.asarray((descriptors_NC @ self._rotation.T).numpy(), dtype=np.float32)

    def count_words(self, descriptors_NC: torch.Tensor) -> NDArray[np.int64]:
        """How often each visual word occurs (W,) among descriptors in this space.

        Counted region by region wherever it is done, so that the last bit of a product never decides.
        """
        words_N = self.basis.words(self.to_basis(descriptors_NC))
        return np.bincount(words_N, minlength=len(self.basis.words_WC)).astype(np.int64)


def _sizes_of_places(table: DescriptorTable) -> NDArray[np.float64]:
    """Size of the place that each region is part of (R,), map units.

    The extent of the map where that is small; in a large one twice the extent of the region, which is small where
    there is much to see nearby. Extents leave out the outermost twentieth: stray points.
    """

    def extent(points_P3: NDArray[np.float64]) -> float:
        if not len(points_P3):
            return 0.0
        low, high = np.percentile(points_P3, (5, 95), axis=0)
        return float(np.linalg.norm(high - low))

    bounds = zip(table.first_R1[:-1], table.first_R1[1:], strict=True)
    regions = [2 * extent(table.points_P3[first:last]) if last > first else 0.0 for first, last in bounds]
    return np.minimum(extent(table.points_P3), regions)


_ViewKey = tuple[Pose, Camera, tuple[int, ...]]


@dataclass(frozen=True)
class _Projection:
    """Points in view of a pose.

    Attributes:
        rows_V: their rows in the map.
        tree: of their pixels.
    """

    rows_V: NDArray[np.int64]
    tree: cKDTree


def _same(first: _ViewKey, second: _ViewKey) -> bool:
    """Whether two views are the very same objects (poses do not compare by value)."""
    return first[0] is second[0] and first[1] is second[1] and first[2] == second[2]


class DescriptorDecoder:
    """Nearest-neighbour matching against a :class:`DescriptorTable`.

    Args:
        table: the resident points.
        space: where they are compared with queries.
        ratio: of the ratio test.
        counts_RW: visual words of all regions; None: counted in the table when first needed.
    """

    def __init__(
        self,
        table: DescriptorTable,
        space: QuerySpace,
        ratio: float = DEFAULT_RATIO,
        counts_RW: NDArray[np.integer] | None = None,
    ) -> None:
        self.table = table
        self.ratio = ratio
        self._space = space
        regions = len(table.first_R1) - 1
        self._region_P = np.repeat(np.arange(regions), np.diff(table.first_R1))
        self._index = None if counts_RW is None else RegionIndex(counts_RW)
        self._neighbours = None
        if len(table.points_P3) > EXHAUSTIVE_POINTS:
            self._neighbours = PointIndex(table.descriptors_PC.numpy())
        self._projection: tuple[_ViewKey, _Projection] | None = None
        self._last: tuple[Features, torch.Tensor] | None = None
        self._chance_similarity = self._similarity_by_chance()
        self._scale_R = _sizes_of_places(table)
        self._blocks = PointBlocks(table.points_P3)

    def _similarity_by_chance(self) -> float:
        """95th percentile of the similarity of descriptors that have nothing to do with each other."""
        rng = np.random.default_rng(0)
        descriptors = self.table.descriptors_PC
        count = len(descriptors)
        if count < 2:
            return 1.0
        first = rng.integers(0, count, size=4000)
        second = (first + rng.integers(1, count, size=4000)) % count  # never a point with itself
        similarity = (descriptors[first] * descriptors[second]).sum(1)
        return float(np.percentile(similarity.numpy(), 95))

    def _query(self, features: Features) -> torch.Tensor:
        """The descriptors of an image in the space of the map; the last image's are kept."""
        if self._last is None or self._last[0] is not features:
            self._last = (features, self._space.from_extractor(features.descriptors_ND))
        return self._last[1]

    def points_in(self, region: int) -> int:
        """See :class:`neumap_ros.localization.decoder.Decoder`."""
        return int(self.table.first_R1[region + 1] - self.table.first_R1[region])

    def rank_regions(self, features: Features) -> list[int]:
        """See :class:`neumap_ros.localization.decoder.Decoder`."""
        regions = len(self.table.first_R1) - 1
        if regions == 1:
            return [0]
        if self._index is None:  # most images need no retrieval; the first one that does waits for the index
            parts = torch.split(self.table.descriptors_PC, np.diff(self.table.first_R1).tolist())
            self._index = RegionIndex(np.stack([self._space.count_words(part) for part in parts]))
        words = self._space.basis.words(self._space.basis.project(features.descriptors_ND))
        return self._index.rank(words)

    def match(self, features: Features, regions: Sequence[int], alternatives: int = 1) -> Correspondences:
        """See :class:`neumap_ros.localization.decoder.Decoder`; best quality first."""
        rows = self.table.rows(regions)
        if len(features) == 0 or len(rows) < 2:
            return self._correspondences(features, np.zeros(0, int), np.zeros(0, int), np.zeros(0))
        if alternatives > 1:
            return self._match_by_support(features, rows, alternatives)
        query = self._query(features)
        best_NK, row_NK = self._nearest(query, rows, NEIGHBOURS)
        quotient_N = self._ratios(best_NK, row_NK)
        candidates = np.flatnonzero(quotient_N < self.ratio)
        # The reverse direction only for points that are somebody's nearest: a fraction of the work.
        claimed = self.table.descriptors_PC[torch.from_numpy(row_NK[candidates, 0])]
        mutual = (claimed @ query.T).argmax(dim=1).numpy() == candidates
        keep = candidates[mutual]
        row = row_NK[keep, 0]
        support = spatial_support(
            features.keypoints_N2[keep].astype(np.float64),
            self.table.points_P3[row],
            self._scale_R[self._region_P[row]],
        )
        quality = (1 - quotient_N[keep]) * support
        order = np.argsort(-quality, kind='stable')
        return self._correspondences(features, keep[order], row[order], best_NK[keep, 0][order], quality[order])

    def _match_by_support(self, features: Features, rows: NDArray[np.int64], alternatives: int) -> Correspondences:
        """Of the nearest points of each keypoint the one that the matches around it agree with."""
        best_NK, row_NK = self._nearest(self._query(features), rows, alternatives + 1)
        distance_NK = np.sqrt(np.maximum(2 - 2 * best_NK.astype(np.float64), 1e-9))
        candidates = row_NK[:, :-1]
        chosen_N, quality_N = most_supported(
            features.keypoints_N2.astype(np.float64),
            self.table.points_P3[candidates],
            self._scale_R[self._region_P[candidates]],
            distance_NK[:, -1:] / distance_NK[:, :-1] - 1 + EQUAL_CANDIDATE,
        )
        keep = np.argsort(-quality_N, kind='stable')[:MOST_ALTERNATIVE_MATCHES]
        chosen = chosen_N[keep]
        return self._correspondences(
            features, keep, candidates[keep, chosen], best_NK[keep, chosen].astype(np.float64), quality_N[keep]
        )

    def _nearest(
        self, query_NC: torch.Tensor, rows: NDArray[np.int64], neighbours: int
    ) -> tuple[Float32, NDArray[np.int64]]:
        """Similarity and row (N, K) of the nearest of some rows of the map."""
        if self._neighbours is not None and len(rows) > EXHAUSTIVE_POINTS:
            whole = len(rows) == len(self.table.points_P3)
            return self._neighbours.search(query_NC.numpy(), neighbours, None if whole else rows)
        targets = self.table.descriptors_PC[torch.from_numpy(rows)]
        best_NK, index_NK = (query_NC @ targets.T).topk(min(neighbours, len(rows)), dim=1)
        return best_NK.numpy(), rows[index_NK.numpy()]

    def _ratios(self, similarity_NK: Float32, row_NK: NDArray[np.int64]) -> NDArray[np.float64]:
        """Distance to the nearest descriptor over the distance to the nearest one of **another place**.

        Corners are often triangulated twice; Lowe's ratio with such a twin as the second neighbour would reject the
        right match. Neighbours within a hundredth of the size of the place count as the same.
        """
        distance_NK = np.sqrt(np.maximum(2 - 2 * similarity_NK.astype(np.float64), 0))
        points_NK3 = self.table.points_P3[row_NK]
        same_N = SAME_PLACE * self._scale_R[self._region_P[row_NK[:, 0]]]
        apart_NK = np.linalg.norm(points_NK3 - points_NK3[:, :1], axis=2) > same_N[:, None]
        # If all neighbours are twins, the second place is at least as far as the last of them.
        second_N = np.where(apart_NK.any(axis=1), apart_NK.argmax(axis=1), similarity_NK.shape[1] - 1)
        return np.asarray(distance_NK[:, 0] / np.maximum(distance_NK[np.arange(len(second_N)), second_N], 1e-9))

    def match_near(
        self, features: Features, camera: Camera, T_map_cam: Pose, radius_px: float, regions: Sequence[int]
    ) -> Correspondences:
        """See :class:`neumap_ros.localization.decoder.Decoder`."""
        view = self._projected(camera, T_map_cam, regions)
        return self._correspondences(features, *self._best_near(features, view, radius_px, (0.0, 0.0)))

    def chance_near(
        self, features: Features, camera: Camera, T_map_cam: Pose, radius_px: float, regions: Sequence[int]
    ) -> float:
        """See :class:`neumap_ros.localization.decoder.Decoder`."""
        view = self._projected(camera, T_map_cam, regions)
        counts = [len(self._best_near(features, view, radius_px, shift)[0]) for shift in DECOY_SHIFTS]
        return float(np.mean(counts))

    def _projected(self, camera: Camera, T_map_cam: Pose, regions: Sequence[int]) -> _Projection:
        """The points in view; the last pose's are kept."""
        key = (T_map_cam, camera, tuple(regions))
        if self._projection is None or not _same(self._projection[0], key):
            rows = self.table.rows(regions)
            rows = rows[self._blocks.may_be_in_view(T_map_cam, camera)[rows]]
            pixels, inside = camera.project(T_map_cam.inverse().transform(self.table.points_P3[rows]))
            tree = cKDTree(pixels[inside], balanced_tree=False, compact_nodes=False)
            self._projection = (key, _Projection(rows[inside], tree))
        return self._projection[1]

    def _best_near(
        self,
        features: Features,
        view: _Projection,
        radius_px: float,
        shift: tuple[float, float],
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Pairs (keypoint, row, similarity) that are each other's best within the radius and better than chance.

        The keypoints are displaced by ``shift`` radii, to see what chance gives.
        """
        in_view = len(view.rows_V)
        if not len(features) or not in_view:
            return np.zeros(0, int), np.zeros(0, int), np.zeros(0)
        count = min(CANDIDATES_NEAR, in_view)
        _, neighbour = view.tree.query(
            features.keypoints_N2 - radius_px * np.array(shift),
            k=np.arange(1, count + 1),
            distance_upper_bound=radius_px,
        )
        keypoint_A, slot_A = np.nonzero(neighbour < in_view)
        row_A = view.rows_V[neighbour[keypoint_A, slot_A]]
        query_NC = self._query(features)
        similarity = (query_NC[torch.from_numpy(keypoint_A)] * self.table.descriptors_PC[torch.from_numpy(row_A)]).sum(
            1
        )
        similarity_A = similarity.numpy().astype(np.float64)
        good = similarity_A > self._chance_similarity
        keypoint_A, row_A, similarity_A = keypoint_A[good], row_A[good], similarity_A[good]
        order = np.argsort(-similarity_A, kind='stable')
        keypoint_A, row_A, similarity_A = keypoint_A[order], row_A[order], similarity_A[order]
        first_of_keypoint = np.zeros(len(order), bool)
        first_of_keypoint[np.unique(keypoint_A, return_index=True)[1]] = True
        first_of_row = np.zeros(len(order), bool)
        first_of_row[np.unique(row_A, return_index=True)[1]] = True
        both = first_of_keypoint & first_of_row
        return keypoint_A[both], row_A[both], similarity_A[both]

    def _correspondences(
        self,
        features: Features,
        keypoint: NDArray[np.int64],
        row: NDArray[np.int64],
        similarity: NDArray[np.float64],
        quality: NDArray[np.float64] | None = None,
    ) -> Correspondences:
        similarity = np.asarray(similarity, dtype=np.float64)
        return Correspondences(
            keypoint,
            features.keypoints_N2[keypoint].astype(np.float64),
            self.table.points_P3[row],
            similarity,
            similarity if quality is None else quality,
            self._region_P[row],
        )
