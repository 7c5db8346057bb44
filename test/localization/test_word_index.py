# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from neumap_ros.features.basis import load_basis
from neumap_ros.localization import word_index
from neumap_ros.localization.descriptor_decoder import QuerySpace
from neumap_ros.localization.word_index import WordIndex

SIZE = 16


def random_units(count: int, seed: int) -> torch.Tensor:
    return functional.normalize(torch.randn(count, SIZE, generator=torch.Generator().manual_seed(seed)), dim=1)


def make_index(points: torch.Tensor) -> WordIndex:
    return WordIndex(points, random_units(500, 9), lambda vectors: vectors)


@pytest.mark.parametrize('count', [3000, 200])
def test_looking_into_all_lists_is_the_exhaustive_search(monkeypatch, count):
    monkeypatch.setattr(word_index, 'PROBES', word_index.LISTS)
    points, queries = random_units(count, 0), random_units(150, 1)
    similarity, rows = make_index(points).search(queries, 5)
    expected, index = (queries @ points.T).topk(5, dim=1)
    assert similarity.numpy() == pytest.approx(expected.numpy(), abs=1e-6)
    assert (rows == index).float().mean() > 0.999, 'ties aside'


def test_few_lists_find_most_of_what_is_near():
    points = random_units(4000, 0)
    queries = functional.normalize(points[:300] + 0.05 * random_units(300, 1), dim=1)
    similarity, rows = make_index(points).search(queries, 5)
    assert (rows[:, 0] == torch.arange(300)).float().mean() > 0.9
    # What is found is told correctly, wherever it lies.
    real = similarity > -1
    told = (queries[:, None] * points[rows]).sum(2)
    assert similarity[real].numpy() == pytest.approx(told[real].numpy(), abs=1e-5)
    assert (similarity[:, 1:] <= similarity[:, :-1]).all()
    for row, valid in zip(rows, real, strict=True):
        assert len(set(row[valid].tolist())) == int(valid.sum()), 'a row twice'


@pytest.mark.parametrize('count', [1, 2, 7])
def test_fewer_points_than_neighbours(count):
    points, queries = random_units(count, 0), random_units(40, 1)
    similarity, rows = make_index(points).search(queries, 5)
    assert similarity.shape == rows.shape == (40, 5)
    assert ((rows >= 0) & (rows < count)).all()
    for q in range(40):
        found = similarity[q] > -1
        assert len(set(rows[q][found].tolist())) == int(found.sum()) <= count
        assert (rows[q][~found] == rows[q][0]).all()
        if found.any():
            assert similarity[q, 0] == pytest.approx(float(queries[q] @ points[rows[q, 0]]), abs=1e-6)


def test_a_search_with_no_queries():
    similarity, rows = make_index(random_units(300, 0)).search(random_units(0, 1), 5)
    assert similarity.shape == rows.shape == (0, 5)


def test_equal_points_are_all_found(monkeypatch):
    monkeypatch.setattr(word_index, 'PROBES', word_index.LISTS)
    points = random_units(400, 0).repeat(2, 1)
    similarity, rows = make_index(points).search(points[:20], 2)
    assert similarity.numpy() == pytest.approx(1, abs=1e-5)
    assert (rows.sort(dim=1).values == torch.stack([torch.arange(20), torch.arange(400, 420)], dim=1)).all()


@pytest.mark.parametrize('parts', [None, 4])
def test_lists_of_the_shipped_words_work_in_both_spaces(parts):
    basis = load_basis('rootsift')
    space = QuerySpace(basis, parts)
    raw = torch.rand(2000, 128, generator=torch.Generator().manual_seed(0)).square()
    points = space.from_extractor(functional.normalize(raw, dim=1).numpy())
    index = WordIndex(points, torch.from_numpy(basis.words_WC), lambda v: torch.from_numpy(space.to_basis(v)))
    _, rows = index.search(points[:200], 3)
    assert (rows[:, 0] == torch.arange(200)).all()
