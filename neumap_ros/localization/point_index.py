# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Approximate nearest neighbours among the points of a map: an inverted file (Jegou et al., PAMI 2011) by Faiss."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

# Smaller sets of points are compared one and all: a matrix product of that size is as fast as any list.
EXHAUSTIVE_POINTS = 3_000
# So many points are compared with a query, by the number of lists looked into. On 100,000 points of seven scenes 1,600
# hold the true nearest neighbour of 95 % of the keypoints that have one (similarity over 0.8), 3,200 of 98 %, in 7 and
# 12 ms for 1,000 keypoints on two cores.
COMPARED_POINTS = 2_400
# Points a list, and bounds on the number of lists. More lists make looking for the right ones dearer than the points.
POINTS_PER_LIST = 100
MOST_LISTS = 256
# For the centres of the lists; k-means on more points finds none better.
TRAINING_POINTS_PER_LIST = 64
# Queries are independent, so that two cores take half the time. Asked for before anybody narrows it: the environment's
# OMP_NUM_THREADS, else every core.
SEARCH_THREADS = min(4, faiss.omp_get_max_threads())


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let Faiss use so many threads for what this thread asks of it; other threads have counts of their own."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


class PointIndex:
    """Lists of descriptors around centres that suit this map; a query looks into the nearest few.

    Made anew when the points change, so that its answers depend on the points alone and not on how they came together:
    for 100,000 points 0.2 s of one core, two thirds of what loading such a map takes. Centres that suit every map, the
    visual words or 256 means of them, would need no training, but their lists are two to five times less even, and
    queries took 1.2 to 6 times as long on maps of two rooms, finding no more.

    Args:
        descriptors_PC: unit descriptors in the space of the queries, float32.
    """

    def __init__(self, descriptors_PC: Float32) -> None:
        self._count, size = descriptors_PC.shape
        self._lists = max(1, min(MOST_LISTS, self._count // POINTS_PER_LIST))
        # fp16: half the memory and a quarter less time, and no neighbour changes place that mattered.
        self._index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlatIP(size), size, self._lists, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        )
        self._index.cp.seed = 0
        self._index.cp.min_points_per_centroid = 1  # only silences a warning about small maps
        step = max(1, self._count // (self._lists * TRAINING_POINTS_PER_LIST))
        with _threads(1):  # while a robot drives, this happens beside the queries, which need the other cores
            self._index.train(np.ascontiguousarray(descriptors_PC[::step]))
            self._index.add(np.ascontiguousarray(descriptors_PC))

    def search(
        self, query_NC: Float32, neighbours: int, rows: NDArray[np.int64] | None = None
    ) -> tuple[Float32, NDArray[np.int64]]:
        """The most similar descriptors in the lists next to each query.

        Args:
            query_NC: unit descriptors.
            neighbours: how many.
            rows: search only among these rows of the map; None means all.

        Returns:
            (similarity (N, neighbours), row in the map (N, neighbours)), best first; where fewer were found, similarity
            -1 and the row of the best (any row where nothing was found).
        """
        searched = self._count if rows is None else max(len(rows), 1)
        options: dict[str, Any] = {'nprobe': min(self._lists, math.ceil(self._lists * COMPARED_POINTS / searched))}
        if rows is not None:
            wanted_P = np.zeros(self._count, bool)
            wanted_P[rows] = True
            bits = np.packbits(wanted_P, bitorder='little')
            options['sel'] = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg, arg-type]  # stub of the C++ call
        with _threads(SEARCH_THREADS):
            similarity, found = self._index.search(
                np.ascontiguousarray(query_NC), neighbours, params=faiss.SearchParametersIVF(**options)
            )
        missing = found < 0
        any_row = 0 if rows is None or not len(rows) else rows[0]
        best = np.where(missing[:, :1], any_row, found[:, :1])
        return np.where(missing, np.float32(-1), similarity), np.where(missing, best, found)
