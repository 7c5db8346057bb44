# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How well any extractor finds the same points again in photographs that nothing was trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from neumap_ros.features.base import Extractor
from neumap_ros.training.extractor_frames import Float32, Frame
from neumap_ros.training.extractor_pairs import Pair, mapped, photograph_pair

# A keypoint is found again, and a match right, within this distance, pixels (Mikolajczyk et al., IJCV 2005, use
# overlap; 3 pixels are usual since HPatches).
RIGHT_PX = 3.0
KEYPOINTS = 256
MARGIN_PX = 8.0


def check_pairs(held_out: Sequence[Frame], size: int, seed: int) -> list[Pair]:
    """Two pairs of views of every photograph, always the same ones."""
    return [
        photograph_pair(frame, size, np.random.default_rng([seed, number, repeat]))
        for number, frame in enumerate(held_out)
        for repeat in range(2)
    ]


def check(extractor: Extractor, pairs: Sequence[Pair]) -> dict[str, float]:
    """Measure an extractor on pairs of views with a homography.

    Returns:
        ``repeatability``: share of the first view's keypoints inside the second that have a keypoint there;
        ``matching_score``: share of them that the nearest descriptors match rightly, each other's nearest;
        ``precision``: share of such matches that are right; ``error_px``: median distance of right matches.
    """
    visible = repeated = matched = right = 0
    errors = []
    for pair in pairs:
        if pair.warp_33 is None:
            raise ValueError('a pair without a homography cannot be checked')
        first, second = (
            extractor.extract(np.rint(view.image * 255).astype(np.uint8), KEYPOINTS)
            for view in (pair.first, pair.second)
        )
        size = pair.first.image.shape[0]
        there = mapped(first.keypoints_N2, pair.warp_33)
        inside = ((there > MARGIN_PX) & (there < size - MARGIN_PX)).all(axis=1) & _seen(pair, first.keypoints_N2)
        visible += int(inside.sum())
        if not inside.any() or not len(second):
            continue
        distance = np.linalg.norm(there[:, None] - second.keypoints_N2[None], axis=2)
        repeated += int((distance.min(axis=1)[inside] < RIGHT_PX).sum())
        likeness = first.descriptors_ND @ second.descriptors_ND.T
        nearest = likeness.argmax(axis=1)
        mutual = (likeness.argmax(axis=0)[nearest] == np.arange(len(nearest))) & inside
        wrong_px = distance[np.arange(len(nearest)), nearest][mutual]
        matched += int(mutual.sum())
        right += int((wrong_px < RIGHT_PX).sum())
        errors.append(wrong_px[wrong_px < RIGHT_PX])
    error = np.concatenate(errors) if errors else np.zeros(0)
    return {
        'repeatability': repeated / max(visible, 1),
        'matching_score': right / max(visible, 1),
        'precision': right / max(matched, 1),
        'error_px': float(np.median(error)) if len(error) else float('nan'),
    }


def _seen(pair: Pair, keypoints_N2: Float32) -> NDArray[np.bool_]:
    columns, rows = np.clip(keypoints_N2.astype(int), 0, pair.first.image.shape[0] - 1).T
    return np.asarray(pair.first.seen[rows, columns], bool)
