# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from neumap_ros.localization.consistency import NEIGHBOURS, NO_COMPANY, REACH, most_supported, spatial_support

EXTENT = 10.0


def scene(rng, right: int, wrong: int):
    """A wall seen from the front: right matches keep their place, wrong ones lie anywhere."""
    pixels = rng.uniform(0, 640, (right + wrong, 2))
    points = np.c_[pixels / 640 * EXTENT / 2, np.full(len(pixels), 3.0)]
    points[right:] = rng.uniform(0, EXTENT, (wrong, 3))
    return pixels, points, np.full(len(pixels), EXTENT)


def test_right_matches_have_more_company_than_wrong_ones():
    pixels, points, scale = scene(np.random.default_rng(0), 60, 180)
    support = spatial_support(pixels, points, scale)
    best = np.argsort(-support)[:60]
    assert (best < 60).mean() > 0.8, 'a quarter of the matches is right'


def test_support_does_not_depend_on_units():
    pixels, points, scale = scene(np.random.default_rng(1), 50, 50)
    assert spatial_support(pixels, 1000 * points, 1000 * scale) == pytest.approx(spatial_support(pixels, points, scale))


def test_support_counts_neighbours_softly():
    pixels = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    points = np.array([[0.0, 0.0, 0.0], [REACH, 0.0, 0.0], [1e9, 0.0, 0.0]])
    support = spatial_support(pixels, points, np.ones(3))
    assert support == pytest.approx([np.exp(-1) + NO_COMPANY, np.exp(-1) + NO_COMPANY, NO_COMPANY])


@pytest.mark.parametrize('count', [0, 1, 2, NEIGHBOURS, NEIGHBOURS + 5])
def test_any_number_of_matches(count):
    rng = np.random.default_rng(2)
    pixels, points = rng.uniform(0, 640, (count, 2)), rng.uniform(0, 1, (count, 3))
    support = spatial_support(pixels, points, np.ones(count))
    assert support.shape == (count,)
    assert ((support >= NO_COMPANY) & (support <= NEIGHBOURS + NO_COMPANY)).all()
    best, quality = most_supported(pixels, np.stack([points, points + 1], 1), np.ones((count, 2)), np.ones((count, 2)))
    assert best.shape == quality.shape == (count,)


def test_a_second_candidate_wins_where_the_neighbours_agree_with_it():
    rng = np.random.default_rng(3)
    pixels, right, scale = scene(rng, 100, 0)
    wrong = rng.uniform(0, EXTENT, (100, 3))
    swapped = np.arange(100) % 2 == 0
    candidates = np.stack([np.where(swapped[:, None], wrong, right), np.where(swapped[:, None], right, wrong)], axis=1)
    chosen, _ = most_supported(pixels, candidates, np.repeat(scale[:, None], 2, axis=1), np.tile([0.12, 0.1], (100, 1)))
    assert (chosen == swapped).mean() > 0.9, 'the descriptor alone is right for half of them'


def test_without_company_the_better_descriptor_decides():
    points = np.array([[[0.0, 0, 0], [5, 0, 0]], [[50, 0, 0], [80, 0, 0]]])
    chosen, _ = most_supported(
        np.array([[0.0, 0], [1, 1]]), points, np.ones((2, 2)), np.array([[0.2, 0.5], [0.9, 0.1]])
    )
    assert chosen.tolist() == [1, 0]
