# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Source -> views with features, and their tracks; both resume after an interruption."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import MappingError
from neumap_ros.features import Extractor, Features
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources import ImageSource
from neumap_ros.mapping.tracks import Progress, Tracks, View, triangulate
from neumap_ros.mapping.work import WorkFolder


def extract_views(
    source: ImageSource, extractor: Extractor, max_keypoints: int, work: WorkFolder | None, progress: Progress
) -> list[View]:
    """Extract the features of every image.

    Raises:
        MappingError: an image has no pose.
        ImageError: an image cannot be read.
    """
    views = []
    for number, image in enumerate(source.images):
        if image.T_map_cam is None:
            raise MappingError(
                f'image {image.name} has no pose, expected posed images; run structure from motion first'
            )
        name = f'features/{number:06d}'
        saved = work.load(name) if work else None
        if saved is None:
            features = extractor.extract(source.read(image), max_keypoints)
            if work:
                work.save(name, _to_tensors(features))
        else:
            features = _from_tensors(saved)
        views.append(View(image.name, image.camera, image.T_map_cam, features))
        progress('extracting features', number + 1, len(source.images))
    return views


def triangulate_views(
    views: list[View], bundle_adjust: bool, work: WorkFolder | None, progress: Progress
) -> tuple[list[View], Tracks]:
    """Triangulate, and return the views with the poses that the points refer to."""
    saved = work.load('tracks') if work else None
    if saved is None:
        tracks, poses = triangulate(views, bundle_adjust=bundle_adjust, progress=progress)
        if work:
            work.save(
                'tracks',
                {
                    'points': tracks.points_P3,
                    'error_px': tracks.error_px_P,
                    'point': tracks.point_O,
                    'view': tracks.view_O,
                    'keypoint': tracks.keypoint_O,
                    'poses': np.stack([pose.matrix_44 for pose in poses]),
                },
            )
    else:
        tracks = Tracks(saved['points'], saved['error_px'], saved['point'], saved['view'], saved['keypoint'])
        poses = [Pose.from_matrix(matrix) for matrix in saved['poses']]
    return [View(v.name, v.camera, pose, v.features) for v, pose in zip(views, poses, strict=True)], tracks


def _to_tensors(features: Features) -> dict[str, NDArray[Any]]:
    return {
        'keypoints': features.keypoints_N2,
        'scales': features.scales_N,
        'descriptors': features.descriptors_ND,
        'scores': features.scores_N,
        'global': features.global_descriptor_G,
        'size': np.array(features.image_size, dtype=np.int64),
    }


def _from_tensors(tensors: dict[str, NDArray[Any]]) -> Features:
    width, height = (int(v) for v in tensors['size'])
    return Features(
        keypoints_N2=tensors['keypoints'],
        scales_N=tensors['scales'],
        descriptors_ND=np.array(tensors['descriptors']),  # a copy: torch wants it writable
        scores_N=tensors['scores'],
        global_descriptor_G=tensors['global'],
        image_size=(width, height),
    )
