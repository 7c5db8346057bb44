# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How wrong poses in a map are, measured with mapping images that the measured map has never seen.

A map is built a few times more, each time as if some images had not been there: their observations leave the tracks,
points are triangulated again from what is left or dropped, and their codes are made again from the other views. Then
the images left out are localized as any robot's image would be. Codebooks and dequantiser stay those of the whole
scene: fitting them takes most of a build, and no image matters for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from neumap_ros.features import Extractor
from neumap_ros.features.basis import Basis
from neumap_ros.geometry import Pose
from neumap_ros.localization.fix import Fix
from neumap_ros.localization.localizer import Localizer
from neumap_ros.mapping.compression import Compressed, encode_again, track_descriptors
from neumap_ros.mapping.layout import lay_out, shards
from neumap_ros.mapping.tracks import EPIPOLAR_ERROR_PX_AT_1600, Progress, Tracks, View
from neumap_ros.maps.manifest import manifest_to_bytes, shard_path, shared_path
from neumap_ros.maps.resident import resident_map
from neumap_ros.maps.tensors import serialize_tensors
from neumap_ros.maps.types import Manifest, MapFile

# Neighbouring images that are held out together, and how many images a drive must have for each of them.
LONGEST_RUN = 5
VIEWS_PER_RUN_IMAGE = 12
# No map that is measured lacks more than this share of the images, so that it is hardly poorer than the real one.
LARGEST_SHARE = 1 / 6
# As few as this many images still make a map worth measuring in.
FEWEST_VIEWS = 4
# COLMAP's smallest angle between the rays of a point (IncrementalMapper, filter_min_tri_angle).
SMALLEST_ANGLE_DEG = 1.5
REFINEMENTS = 4


@dataclass(frozen=True)
class HeldOut:
    """A mapping image, localized in a map made without it.

    Attributes:
        view: index of the image.
        truth: its mapping pose, ``T_map_cam``.
        fix: what the localizer said.
    """

    view: int
    truth: Pose
    fix: Fix


def choose_groups(count: int, images: int) -> list[list[int]]:
    """Which views to hold out, and which of them together.

    Runs of neighbouring images, evenly spread over the drive. An image of a video whose next neighbours stay in the
    map is nearly in the map itself: in a kitchen such images erred 1.4 times less than those of another walk.

    Args:
        count: mapping views.
        images: to hold out, at most.

    Returns:
        Groups of views; those of one group are held out of the same map.
    """
    images = min(images, count)
    if count < FEWEST_VIEWS or images < 1:
        return []
    length = min(images, int(np.clip(count // VIEWS_PER_RUN_IMAGE, 1, LONGEST_RUN)))
    runs = max(1, images // length)
    first = ((np.arange(runs) + 0.5) * count / runs - length / 2).round().astype(int).clip(0, count - length)
    groups = int(np.ceil(runs * length / max(1.0, LARGEST_SHARE * count)))
    return [[int(v) for f in first[group::groups] for v in range(f, f + length)] for group in range(groups)]


def without_views(views: Sequence[View], tracks: Tracks, excluded: Sequence[int]) -> tuple[Tracks, NDArray[np.int64]]:
    """The tracks that the other views alone would give.

    Args:
        views: all mapping views.
        tracks: of all views.
        excluded: views whose observations leave.

    Returns:
        (tracks, index (Q,) of each of their points in the old ones). Points left with one observation, without
        parallax or with a large error are gone; those that an excluded view saw are triangulated again.
    """
    gone_O = np.isin(tracks.view_O, np.asarray(excluded))
    touched_P = np.zeros(len(tracks.points_P3), dtype=bool)
    touched_P[tracks.point_O[gone_O]] = True
    kept = Tracks(
        tracks.points_P3,
        tracks.error_px_P,
        tracks.point_O[~gone_O],
        tracks.view_O[~gone_O],
        tracks.keypoint_O[~gone_O],
    )
    usable_P = kept.lengths_P >= 2
    again = np.flatnonzero(touched_P & usable_P)
    points_P3 = tracks.points_P3.copy()
    if len(again):
        points_P3[again], good = _triangulate_again(views, kept.select(again))
        usable_P[again[~good]] = False
    index = np.flatnonzero(usable_P)
    return replace(kept, points_P3=points_P3).select(index), index


def _triangulate_again(views: Sequence[View], tracks: Tracks) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Least-squares points (P, 3) of the observations at hand, and which of them would have been kept (P,)."""
    rays_O2 = np.zeros((len(tracks.point_O), 2))
    for index in np.unique(tracks.view_O):
        mine = tracks.view_O == index
        view = views[index]
        rays_O2[mine] = view.camera.normalize(view.features.keypoints_N2[tracks.keypoint_O[mine]])
    rotation_V33 = np.stack([view.T_map_cam.rotation_33 for view in views])
    centre_V3 = np.stack([view.T_map_cam.translation_3 for view in views])
    focal_V = np.array([np.mean(view.camera.focal_lengths) for view in views])
    width_V = np.array([max(view.camera.width, view.camera.height) for view in views])
    points_P3, count = tracks.points_P3.copy(), len(tracks.points_P3)
    rotation_O33, centre_O3 = rotation_V33[tracks.view_O], centre_V3[tracks.view_O]
    for _ in range(REFINEMENTS):
        local_O3 = np.einsum('oji,oj->oi', rotation_O33, points_P3[tracks.point_O] - centre_O3)
        z_O = np.where(np.abs(local_O3[:, 2]) > 1e-9, local_O3[:, 2], 1e-9)
        residual_O2 = (local_O3[:, :2] / z_O[:, None] - rays_O2) * focal_V[tracks.view_O, None]
        # d(x / z) / d point, in the map's axes.
        across_O23 = (
            rotation_O33.transpose(0, 2, 1)[:, :2]
            - (local_O3[:, :2] / z_O[:, None])[:, :, None] * rotation_O33.transpose(0, 2, 1)[:, 2:]
        )
        jacobian_O23 = across_O23 * (focal_V[tracks.view_O] / z_O)[:, None, None]
        normal_P33, gradient_P3 = np.zeros((count, 3, 3)), np.zeros((count, 3))
        np.add.at(normal_P33, tracks.point_O, np.einsum('oki,okj->oij', jacobian_O23, jacobian_O23))
        np.add.at(gradient_P3, tracks.point_O, np.einsum('oki,ok->oi', jacobian_O23, residual_O2))
        trace_P = np.trace(normal_P33, axis1=1, axis2=2)
        normal_P33 += (1e-9 * trace_P + 1e-300)[:, None, None] * np.eye(3)
        points_P3 -= np.linalg.solve(normal_P33, gradient_P3[..., None])[..., 0]
    offset_O3 = points_P3[tracks.point_O] - centre_O3
    local_O3 = np.einsum('oji,oj->oi', rotation_O33, offset_O3)
    with np.errstate(divide='ignore', invalid='ignore'):
        error_O = np.linalg.norm(local_O3[:, :2] / local_O3[:, 2:] - rays_O2, axis=1) * focal_V[tracks.view_O]
        direction_O3 = offset_O3 / np.linalg.norm(offset_O3, axis=1, keepdims=True)
    limit_O = EPIPOLAR_ERROR_PX_AT_1600 * width_V[tracks.view_O] / 1600
    bad_O = ~(error_O < limit_O) | ~(local_O3[:, 2] > 0)
    first_P = np.searchsorted(tracks.point_O, np.arange(count))
    cosine_O = np.einsum('oi,oi->o', direction_O3, direction_O3[first_P][tracks.point_O])
    wide_O = cosine_O < np.cos(np.radians(SMALLEST_ANGLE_DEG))
    good_P = np.isfinite(points_P3).all(axis=1)
    good_P &= np.bincount(tracks.point_O, weights=bad_O, minlength=count) == 0
    good_P &= np.bincount(tracks.point_O, weights=wide_O, minlength=count) > 0
    return np.where(good_P[:, None], points_P3, tracks.points_P3), good_P


@dataclass(frozen=True)
class MapWithout:
    """A map that is about to be written, and what it takes to make it without some of its images.

    Attributes:
        views: all mapping views.
        tracks: the points that the map keeps.
        compressed: with codes in the order of ``tracks``.
        bits: of a coordinate in the map; 0 for the kind ``full``.
        basis: of the extractor.
        extractor: that made the features.
        manifest: of the map, without regions and files.
    """

    views: list[View]
    tracks: Tracks
    compressed: Compressed
    bits: int
    basis: Basis
    extractor: Extractor
    manifest: Manifest

    def localizer(self, excluded: Sequence[int]) -> Localizer | None:
        """A localizer of the map that would have been written without some views; nothing touches the disk.

        Returns:
            None where no point is left.
        """
        left, index = without_views(self.views, self.tracks, excluded)
        if not len(index):
            return None
        kind = self.compressed.settings.kind
        changed = np.flatnonzero(left.lengths_P < self.tracks.lengths_P[index])
        codes = self.compressed.codes[index]
        if len(changed):
            parts = self.compressed.settings.parts if kind == 'dpqed' else None
            descriptors = track_descriptors(self.views, left.select(changed), self.basis, parts)
            codes[changed] = encode_again(self.compressed, self.basis, descriptors)
        data = {shared_path(name): serialize_tensors(t, name) for name, t in self.compressed.shared.items()}
        regions, region_data = [], {}
        layout = lay_out(left.points_P3, np.arange(len(index)), self.bits)
        for region, tensors in shards(left, replace(self.compressed, codes=codes), layout):
            regions.append(replace(region, shard=shard_path(region.id)))
            region_data[region.id] = serialize_tensors(tensors, region.id)
        everything = {**data, **{region.shard: region_data[region.id] for region in regions}}
        files = tuple(MapFile(path, len(d), hashlib.sha256(d).hexdigest()) for path, d in everything.items())
        manifest = manifest_to_bytes(replace(self.manifest, regions=tuple(regions), files=files))
        return Localizer(resident_map(manifest, data, region_data), extractor=self.extractor)


def localize_held_out(maps: MapWithout, images: int, progress: Progress) -> Iterator[HeldOut]:
    """Localize mapping images, each in a map that the others make.

    Args:
        maps: of the scene.
        images: how many to hold out, at most.
        progress: called with (stage, done, total).
    """
    groups = choose_groups(len(maps.views), images)
    total, done = sum(map(len, groups)), 0
    for group in groups:
        localizer = maps.localizer(group)
        for index in group:
            if localizer is not None:
                view = maps.views[index]
                features = view.features.best(localizer.settings.max_keypoints)
                yield HeldOut(index, view.T_map_cam, localizer.localize_features(features, view.camera))
            done += 1
            progress('measuring errors', done, total)
