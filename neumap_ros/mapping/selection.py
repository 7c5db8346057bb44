# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which points a small map keeps: those that determine the poses of the mapping views best.

K-cover (Li et al., ECCV 2010) asks only that every view sees k points. In a street that keeps far points, which fix the
orientation but not the position along the road. Here every view has an information matrix about its pose (D-optimal
design), every point adds to the matrices of the views that see it, and the greedy choice takes the largest gain of
log det. A view that already knows its pose gains little, which covers all views as K-cover does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neumap_ros.mapping.tracks import Tracks, View

# Noise of a keypoint, and how badly a pose is known before: a tenth of the depth and about six degrees.
KEYPOINT_SIGMA_PX = 1.0
PRIOR_SIGMA_POSITION = 0.1
PRIOR_SIGMA_ROTATION = 0.1
# A batch is chosen with the same gains; it may hold at most this share of what is chosen already.
BATCH_GROWTH = 0.1
FIRST_BATCH = 16


def detection_probability(tracks: Tracks) -> NDArray[np.float64]:
    """How likely another view finds a point again, from its number of observations (Laplace's rule of succession).

    A two-view track was seen by luck more often than a long one; with n observations (n - 1) / (n + 1) of them
    confirmed the first.
    """
    lengths = tracks.lengths_P
    return np.asarray((lengths - 1) / (lengths + 1), dtype=np.float64)


def rank_points(views: Sequence[View], tracks: Tracks, limit: int | None = None) -> NDArray[np.int64]:
    """Order the points so that every prefix is a good small map.

    Args:
        views: mapping images with the poses that the tracks refer to.
        tracks: all points.
        limit: how many points to order by gain; the rest follow by track length.

    Returns:
        Point indices (P,), most useful first.
    """
    count = len(tracks.points_P3)
    limit = count if limit is None else min(limit, count)
    jacobian_O26 = _jacobians(views, tracks)
    probability_P = detection_probability(tracks)
    jacobian_O26 *= np.sqrt(probability_P[tracks.point_O])[:, None, None]
    prior = np.diag([PRIOR_SIGMA_POSITION**-2] * 3 + [PRIOR_SIGMA_ROTATION**-2] * 3)
    information_V66 = np.repeat(prior[None], len(views), axis=0)
    remaining = np.ones(count, dtype=bool)
    chosen: list[NDArray[np.int64]] = []
    total = 0
    while total < limit:
        gain_P = _gains(jacobian_O26, tracks, np.linalg.inv(information_V66), count)
        gain_P[~remaining] = -np.inf
        batch = min(max(FIRST_BATCH, int(BATCH_GROWTH * total)), limit - total)
        best = np.argpartition(-gain_P, min(batch, count - 1))[:batch]
        best = best[np.argsort(-gain_P[best], kind='stable')]
        best = best[np.isfinite(gain_P[best])]
        chosen.append(best)
        remaining[best] = False
        total += len(best)
        mine = ~remaining[tracks.point_O] & np.isin(tracks.point_O, best)
        added_A66 = np.einsum('aki,akj->aij', jacobian_O26[mine], jacobian_O26[mine])
        np.add.at(information_V66, tracks.view_O[mine], added_A66)
    rest = np.flatnonzero(remaining)
    rest = rest[np.lexsort((rest, -tracks.lengths_P[rest]))]
    return np.concatenate([*chosen, rest]).astype(np.int64)


def _gains(
    jacobian_O26: NDArray[np.float64], tracks: Tracks, covariance_V66: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Gain of the summed log det per point: log det(I + J C J^T) over its observations."""
    spread_O26 = np.matmul(jacobian_O26, covariance_V66[tracks.view_O])
    s_O22 = np.matmul(spread_O26, jacobian_O26.transpose(0, 2, 1))
    determinant = (1 + s_O22[:, 0, 0]) * (1 + s_O22[:, 1, 1]) - s_O22[:, 0, 1] * s_O22[:, 1, 0]
    gain_P = np.bincount(tracks.point_O, weights=np.log(np.maximum(determinant, 1.0)), minlength=count)
    return gain_P.astype(np.float64)


def _jacobians(views: Sequence[View], tracks: Tracks) -> NDArray[np.float64]:
    """Derivative of each observation's pixel by its view's pose (2, 6), in units of the keypoint noise.

    Positions are measured in median depths of the view, so that the choice does not depend on the scene's unit.
    """
    jacobian = np.zeros((len(tracks.point_O), 2, 6))
    for index, view in enumerate(views):
        mine = np.flatnonzero(tracks.view_O == index)
        if not len(mine):
            continue
        local = view.T_map_cam.inverse().transform(tracks.points_P3[tracks.point_O[mine]])
        z = np.maximum(local[:, 2], 1e-9)
        depth = float(np.median(z))
        x, y = local[:, 0] / z, local[:, 1] / z
        fx, fy = np.array(view.camera.focal_lengths) / KEYPOINT_SIGMA_PX
        zero = np.zeros_like(z)
        j = jacobian[mine]
        j[:, 0, :3] = np.stack([-fx / z, zero, fx * x / z], axis=1) * depth
        j[:, 1, :3] = np.stack([zero, -fy / z, fy * y / z], axis=1) * depth
        j[:, 0, 3:] = fx * np.stack([x * y, -(1 + x * x), y], axis=1)
        j[:, 1, 3:] = fy * np.stack([1 + y * y, -x * y, -x], axis=1)
        jacobian[mine] = j
    return jacobian
