# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which regions of a map to search, in which order, and which of them would be worth having."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from neumap_ros.geometry import Camera, Pose
from neumap_ros.localization.decoder import Decoder
from neumap_ros.localization.sight import Sight
from neumap_ros.maps.types import Manifest


@dataclass(frozen=True)
class Group:
    """Regions that are searched at once.

    Attributes:
        regions: of each camera, indices into the manifest's regions.
        alternatives: among so many points each keypoint may choose.
    """

    regions: tuple[list[int], ...]
    alternatives: int = 1


class RegionFinder:
    """Knows where the regions of a map are and which of them are in memory.

    Args:
        manifest: of the map.
        decoder: of the same map.
    """

    def __init__(self, manifest: Manifest, decoder: Decoder) -> None:
        self._decoder = decoder
        self._ids = [region.id for region in manifest.regions]
        self._stored_points = [region.points for region in manifest.regions]
        self.present = [r for r in range(len(self._ids)) if decoder.points_in(r) > 0]
        self._absent = [r for r in range(len(self._ids)) if not decoder.points_in(r) and self._stored_points[r]]
        boxes_R23 = np.array([[r.box_min_3, r.box_max_3] for r in manifest.regions])
        corner_83 = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
        self._boxes_R23 = boxes_R23
        self._corners_R83 = boxes_R23[:, corner_83, np.arange(3)]

    def ids(self, regions: Sequence[int]) -> tuple[str, ...]:
        """What the manifest calls some regions, each once."""
        return tuple(self._ids[r] for r in dict.fromkeys(regions))

    def groups(
        self,
        sights: Sequence[Sight],
        prior: tuple[Pose, float] | None,
        ranking: Callable[[], list[int]],
        points_near_prior: int,
        points_per_attempt: int,
        alternatives: int,
    ) -> Iterator[Group]:
        """Groups of regions to try in turn.

        Args:
            sights: what the cameras see.
            prior: (probable ``T_map_rig``, how far off it may be in map units), or None.
            ranking: gives all regions, most likely in view first; asked only if the first groups fail.
            points_near_prior: points of one place.
            points_per_attempt: a map of at most so many is searched as a whole, and so much of one near a prior.
            alternatives: of the second attempt on the whole map.
        """
        every = self.present
        if prior is not None:
            T_map_rig, radius = prior
            # As much as an attempt may compare: with the 12,000 nearest points in view alone, poses in a kitchen were
            # wrong by 39 mm (RMS) instead of 3.
            most = max(points_near_prior, points_per_attempt)
            near = tuple(self.near(T_map_rig @ s.T_rig_cam, s.camera, radius, most) for s in sights)
            if any(near) and any(regions != every for regions in near):
                yield Group(near)
        whole = sum(self._decoder.points_in(r) for r in every) <= points_per_attempt
        if whole and every:
            # Everything at once first: retrieval is the weak link in the dark. Single places only if that fails.
            yield Group((every,) * len(sights))
            yield Group((every,) * len(sights), alternatives)
        if len(every) < 2 and whole:
            return
        group: list[int] = []
        filled = 0
        for region in ranking():
            points = self._decoder.points_in(region)
            if not points:
                continue
            if group and filled + points > points_near_prior:
                yield Group((group,) * len(sights))
                group, filled = [], 0
            group.append(region)
            filled += points
        if len(group) < len(every) or not whole:
            yield Group((group,) * len(sights))

    def wanted(self, ranking: Callable[[], list[int]], points: int, count: int) -> tuple[str, ...]:
        """Ids of regions that a search would have tried if they had been in memory, most likely first.

        Args:
            ranking: as for :meth:`groups`; not asked when the whole map is in memory.
            points: so many points, most likely in view first, a search tries.
            count: at most so many ids.
        """
        if not self._absent:
            return ()
        missing: list[int] = []
        passed = 0
        for region in ranking():
            if passed > points or len(missing) == count:
                break
            if region in self._absent:
                missing.append(region)
            passed += self._stored_points[region]
        return self.ids(missing)

    def near(self, T_map_cam: Pose, camera: Camera, slack: float, points: int) -> list[int]:
        """Regions that a camera near a pose can see, the nearest of them first, up to so many points.

        Walls hide what lies behind them, so that the nearest regions suffice.

        Args:
            T_map_cam: the pose.
            camera: its field of view.
            slack: how far off the pose may be, map units.
            points: the last region is the one that still fits; the first always does.
        """
        centre = T_map_cam.translation_3
        gap_R3 = np.maximum(np.maximum(self._boxes_R23[:, 0] - centre, centre - self._boxes_R23[:, 1]), 0)
        distance_R = np.linalg.norm(gap_R3, axis=1)
        near: list[int] = []
        filled = 0
        for region in sorted(self.in_view(T_map_cam, camera, slack), key=lambda r: (distance_R[r], r)):
            filled += self._decoder.points_in(region)
            if near and filled > points:
                break
            near.append(region)
        return near

    def in_view(self, T_map_cam: Pose, camera: Camera, slack: float = 0.0) -> list[int]:
        """Regions in memory whose box a camera may see, or one up to ``slack`` (map units) away from it.

        A box is out of view when all its corners lie behind the camera or beyond one side of the image.
        """
        corners_R83 = T_map_cam.inverse().transform(self._corners_R83.reshape(-1, 3)).reshape(-1, 8, 3)
        out_R = np.asarray((corners_R83[..., 2] < -slack).all(axis=1))
        low, high = camera.field_of_view
        for axis in (0, 1):
            for bound, sign in ((low[axis], -1.0), (high[axis], 1.0)):
                if np.isfinite(bound):
                    beyond_R8 = sign * (corners_R83[..., axis] - bound * corners_R83[..., 2]) / np.hypot(1.0, bound)
                    out_R |= (beyond_R8 > slack).all(axis=1)
        seen = set(np.flatnonzero(~out_R).tolist())
        return [r for r in self.present if r in seen]
