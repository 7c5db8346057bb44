# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from neumap_ros.localization import point_index
from neumap_ros.localization.point_index import PointIndex

SIZE = 16
# Similarities are computed from half-precision points.
TOLERANCE = 2e-3


def random_units(count: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, SIZE)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def disturbed(vectors: np.ndarray, length: float, seed: int) -> np.ndarray:
    moved = vectors + length * random_units(len(vectors), seed)
    return moved / np.linalg.norm(moved, axis=1, keepdims=True)


@pytest.mark.parametrize('count', [3000, 200])
def test_looking_into_all_lists_is_the_exhaustive_search(monkeypatch, count):
    monkeypatch.setattr(point_index, 'COMPARED_POINTS', count)
    points, queries = random_units(count, 0), random_units(150, 1)
    similarity, rows = PointIndex(points).search(queries, 5)
    everything = queries @ points.T
    expected = np.sort(everything, axis=1)[:, :-6:-1]
    assert similarity == pytest.approx(expected, abs=TOLERANCE)
    assert np.take_along_axis(everything, rows, axis=1) == pytest.approx(expected, abs=TOLERANCE)


def test_few_lists_find_most_of_what_is_near():
    points = random_units(20_000, 0)
    queries = disturbed(points[:300], 0.2, 1)
    similarity, rows = PointIndex(points).search(queries, 5)
    assert (rows[:, 0] == np.arange(300)).mean() > 0.9
    # What is found is told correctly, wherever it lies.
    real = similarity > -1
    told = (queries[:, None] * points[rows]).sum(2)
    assert similarity[real] == pytest.approx(told[real], abs=TOLERANCE)
    assert (similarity[:, 1:] <= similarity[:, :-1]).all()
    for row, valid in zip(rows, real, strict=True):
        assert len(set(row[valid])) == valid.sum(), 'a row twice'


def test_a_search_among_some_rows_finds_only_these_and_looks_into_more_lists():
    points = random_units(20_000, 0)
    wanted = np.arange(7, 20_000, 20)
    queries = disturbed(points[wanted[:200]], 0.2, 1)
    similarity, rows = PointIndex(points).search(queries, 3, wanted)
    assert np.isin(rows, wanted).all()
    assert (rows[:, 0] == wanted[:200]).mean() > 0.98
    assert (similarity[:, 0] > 0.9).all()


@pytest.mark.parametrize('count', [1, 2, 7])
def test_fewer_points_than_neighbours(count):
    points, queries = random_units(count, 0), random_units(40, 1)
    similarity, rows = PointIndex(points).search(queries, 5)
    assert similarity.shape == rows.shape == (40, 5)
    assert ((rows >= 0) & (rows < count)).all()
    for q in range(40):
        found = similarity[q] > -1
        assert found.sum() == min(count, 5)
        assert len(set(rows[q][found])) == found.sum()
        assert (rows[q][~found] == rows[q][0]).all()
        assert similarity[q, 0] == pytest.approx(float(queries[q] @ points[rows[q, 0]]), abs=TOLERANCE)


def test_a_search_with_no_queries_and_one_among_no_rows():
    index = PointIndex(random_units(300, 0))
    similarity, rows = index.search(random_units(0, 1), 5)
    assert similarity.shape == rows.shape == (0, 5)
    similarity, rows = index.search(random_units(3, 1), 5, np.zeros(0, np.int64))
    assert (similarity == -1).all()
    assert ((rows >= 0) & (rows < 300)).all()


def test_the_same_points_give_the_same_answers_and_leave_the_threads_of_others_alone():
    points, queries = random_units(12_000, 0), random_units(50, 1)
    before = point_index.faiss.omp_get_max_threads()
    first, second = (PointIndex(points).search(queries, 5) for _ in range(2))
    assert (first[0] == second[0]).all()
    assert (first[1] == second[1]).all()
    assert point_index.faiss.omp_get_max_threads() == before
