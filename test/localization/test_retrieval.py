# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from neumap_ros.localization.retrieval import RegionIndex

REGIONS, VOCABULARY, POINTS = 6, 200, 300


def distributions(seed: int = 0) -> np.ndarray:
    """How often each word occurs in each region (R, W); every word occurs everywhere, some more in one region."""
    return np.random.default_rng(seed).dirichlet(np.full(VOCABULARY, 0.5), REGIONS)


def index_of(words_P: np.ndarray, region_P: np.ndarray, regions: int, vocabulary: int) -> RegionIndex:
    counts_RW = np.zeros((regions, vocabulary), np.int64)
    np.add.at(counts_RW, (region_P, words_P), 1)
    return RegionIndex(counts_RW)


@pytest.fixture(scope='module')
def index():
    rng = np.random.default_rng(1)
    words = np.concatenate([rng.choice(VOCABULARY, POINTS, p=p) for p in distributions()])
    return index_of(words, np.repeat(np.arange(REGIONS), POINTS), REGIONS, VOCABULARY)


@pytest.mark.parametrize('region', range(REGIONS))
def test_the_region_whose_words_are_seen_is_first(index, region):
    rng = np.random.default_rng(10 + region)
    words = np.concatenate([rng.choice(VOCABULARY, 100, p=distributions()[region]), rng.integers(0, VOCABULARY, 100)])
    ranked = index.rank(words)
    assert ranked[0] == region
    assert sorted(ranked) == list(range(REGIONS))


def test_a_large_region_does_not_win_by_its_size():
    # Region 0 has every word ten times, region 1 only word 7, though fewer times; that is what the image shows.
    words = np.concatenate([np.tile(np.arange(50), 10), np.full(8, 7)])
    index = index_of(words, np.repeat([0, 1], [500, 8]), 2, 50)
    assert index.rank(np.full(20, 7)) == [1, 0]
    assert index.rank(np.arange(50)) == [0, 1]


def test_words_that_every_region_has_say_nothing():
    words = np.tile(np.r_[np.zeros(50, int), [1] * 10], 2)
    words[60 + 50 :] = 2
    index = index_of(words, np.repeat([0, 1], 60), 2, 4)
    assert index.rank(np.r_[np.zeros(500, int), 2]) == [1, 0]
    assert index.rank(np.r_[np.zeros(500, int), 1]) == [0, 1]


def test_words_that_no_region_has_and_no_words_at_all(index):
    empty = index_of(np.array([0, 1]), np.array([0, 1]), 3, 10)
    assert empty.rank(np.array([9, 9])) is not None
    assert empty.rank(np.array([1, 9]))[0] == 1
    assert index.rank(np.zeros(0, int)) == list(range(REGIONS))
