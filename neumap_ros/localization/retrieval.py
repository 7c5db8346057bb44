# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which regions an image shows, without a byte of the map: an inverted index over the decoded descriptors.

Stored global descriptors of mapping images cost bytes and are the weak link in the dark. The visual words of the
map's own points cost nothing, because they are computed when the map is loaded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class RegionIndex:
    """Scores regions by the visual words they share with an image (tf-idf, Sivic and Zisserman, ICCV 2003).

    Args:
        words_P: visual word of every map point.
        region_P: region of every map point.
        regions: number of regions.
        vocabulary: number of words.
    """

    def __init__(self, words_P: NDArray[np.int64], region_P: NDArray[np.int64], regions: int, vocabulary: int) -> None:
        counts_RW = np.zeros((regions, vocabulary))
        np.add.at(counts_RW, (region_P, words_P), 1.0)
        sizes_R1 = np.maximum(counts_RW.sum(axis=1, keepdims=True), 1)
        total_W = counts_RW.sum(axis=0)
        share_W = np.maximum(total_W, 1) / max(len(words_P), 1)
        # Log-likelihood ratio of "this region is in view" against "the whole map"; the constant smooths empty words.
        self._score_RW = np.log((counts_RW + share_W * 50) / (sizes_R1 + 50) / share_W)

    def rank(self, words_N: NDArray[np.int64]) -> list[int]:
        """Regions, most likely in view first, for the words of an image's keypoints."""
        score_R = self._score_RW[:, words_N].sum(axis=1)
        return [int(r) for r in np.argsort(-score_R, kind='stable')]
