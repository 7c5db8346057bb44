# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which matches have company: right ones lie together in the image and on the map, wrong ones anywhere."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

# Matches around a match in the image that may vouch for it.
NEIGHBOURS = 16
# A neighbour at this distance on the map, as a share of the size of the place, counts 1/e. Between 0.02 and 0.08 it
# makes little difference.
REACH = 0.04
# Support of a match that nothing vouches for: keeps such matches ordered by their descriptors.
NO_COMPANY = 0.1


def spatial_support(
    pixels_C2: NDArray[np.float64], points_C3: NDArray[np.float64], scale_C: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How many of the matches next to a match in the image are also next to it on the map.

    With 4-byte codes on 52,000 points, where a tenth of the matches is right, 64 instead of 37 % of the best 50 that
    could be right are right when matches are ordered by distinctness times this support, and at night on a street 72
    instead of 54 % (the idea is that of grid-based motion statistics, Bian et al., CVPR 2017, with a map instead of a
    second image).

    Args:
        pixels_C2: keypoints.
        points_C3: their map points.
        scale_C: size of the place around each map point, map units.

    Returns:
        Soft count (C,), from :data:`NO_COMPANY` to a little over :data:`NEIGHBOURS`.
    """
    count = len(pixels_C2)
    if count < 2:
        return np.full(count, NO_COMPANY)
    _, near_CK = cKDTree(pixels_C2).query(pixels_C2, k=np.arange(2, min(NEIGHBOURS + 1, count) + 1))
    distance_CK = np.linalg.norm(points_C3[near_CK] - points_C3[:, None], axis=2)
    return np.asarray(np.exp(-distance_CK / (REACH * scale_C[:, None])).sum(axis=1) + NO_COMPANY)


def most_supported(
    pixels_N2: NDArray[np.float64],
    points_NK3: NDArray[np.float64],
    scale_NK: NDArray[np.float64],
    weight_NK: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of several map points that a keypoint may show, the one that its neighbours in the image vouch for.

    Where descriptors are short or blurred, the right point is often the second or third nearest. On 19 images of a
    revisit with 4-byte codes, three candidates a keypoint instead of the nearest alone gave 20.6 instead of 12.4 right
    matches in the mean.

    Args:
        pixels_N2: keypoints.
        points_NK3: candidates of each, nearest descriptor first.
        scale_NK: size of the place around each candidate, map units.
        weight_NK: how good each candidate is by its descriptor, not negative.

    Returns:
        (which candidate of each keypoint (N,), its weight times its support (N,)).
    """
    count, candidates = weight_NK.shape
    if count < 2:
        return np.zeros(count, np.int64), weight_NK[:, 0] * NO_COMPANY
    _, near_NM = cKDTree(pixels_N2).query(pixels_N2, k=np.arange(2, min(NEIGHBOURS + 1, count) + 1))
    points = torch.from_numpy(points_NK3)
    around = points[torch.from_numpy(near_NM)].reshape(count, -1, 3)
    distance_NKX = torch.cdist(points, around) / torch.from_numpy(REACH * scale_NK)[:, :, None]
    # A neighbour vouches once, with whichever of its own candidates lies nearest.
    nearest_NKM = distance_NKX.reshape(count, candidates, -1, candidates).amin(dim=3)
    quality_NK = weight_NK * (torch.exp(-nearest_NKM).sum(dim=2).numpy() + NO_COMPANY)
    best_N = quality_NK.argmax(axis=1)
    return best_N, quality_NK[np.arange(count), best_N]
