# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from neumap_ros.errors import MappingError
from neumap_ros.mapping import budget
from neumap_ros.mapping.budget import MANIFEST_BYTES, candidate_codes, choose_code, fit_points, shared_bytes
from neumap_ros.mapping.compression import CodeSettings
from neumap_ros.mapping.fit_dpqed import FitSettings
from neumap_ros.mapping.layout import choose_bits, estimate_bytes, lay_out
from neumap_ros.mapping.selection import rank_points

CODES = {
    'universal': CodeSettings('dpqed', 4, scene_codebooks=False, hidden=0),
    'scene': CodeSettings('dpqed', 4, hidden=16, fit=FitSettings(steps=3, batch=64)),
    'pq': CodeSettings('pq', 8, centroids=64),
    'full': CodeSettings('full'),
}


@pytest.fixture(scope='module')
def ranked(long_street) -> np.ndarray:
    return rank_points(long_street.views, long_street.tracks, 2000)


def size(street, compressed, chosen) -> int:
    bits = 0 if compressed.settings.kind == 'full' else choose_bits(street.views, street.tracks, chosen)
    return estimate_bytes(street.tracks, compressed, lay_out(street.tracks.points_P3, chosen, bits), MANIFEST_BYTES)


@pytest.mark.parametrize('name', CODES)
@pytest.mark.parametrize('share', [0.05, 0.3, 0.9])
def test_the_points_that_fit_are_nearly_all_that_fit(long_street, ranked, name, share):
    compressed = long_street.compressor.compress(CODES[name])
    fixed = compressed.shared_bytes + 3000
    limit = fixed + round(share * (size(long_street, compressed, ranked) - fixed))
    if name == 'full':
        limit += 20_000
    chosen, bits, total = fit_points(long_street.tracks, long_street.views, compressed, ranked, limit)
    assert (chosen == ranked[: len(chosen)]).all()
    assert total == size(long_street, compressed, chosen) <= limit
    assert (bits == 0) == (name == 'full')
    more = len(chosen) + max(8, len(chosen) // 50)
    assert more >= len(ranked) or size(long_street, compressed, ranked[:more]) > limit


def test_no_budget_and_a_large_one_keep_everything(long_street, ranked):
    compressed = long_street.compressor.compress(CODES['universal'])
    for limit in (None, size(long_street, compressed, ranked), 10**9):
        chosen, _, total = fit_points(long_street.tracks, long_street.views, compressed, ranked, limit)
        assert (chosen == ranked).all()
        assert total == size(long_street, compressed, ranked)


@pytest.mark.parametrize('name', CODES)
def test_a_budget_below_the_smallest_map_is_refused(long_street, ranked, name):
    compressed = long_street.compressor.compress(CODES[name])
    smallest = size(long_street, compressed, ranked[: budget.SMALLEST_MAP_POINTS])
    message = f'a budget of {smallest - 400} bytes does not hold a map of 100 points, expected at least {smallest}'
    with pytest.raises(MappingError, match=message):
        fit_points(long_street.tracks, long_street.views, compressed, ranked, smallest - 400)
    with pytest.raises(MappingError, match='give a larger --budget'):
        fit_points(long_street.tracks, long_street.views, compressed, ranked, 10)


@pytest.mark.parametrize('name', CODES)
def test_the_budget_that_the_refusal_names_is_enough(long_street, ranked, name):
    compressed = long_street.compressor.compress(CODES[name])
    smallest = size(long_street, compressed, ranked[: budget.SMALLEST_MAP_POINTS])
    chosen, _, total = fit_points(long_street.tracks, long_street.views, compressed, ranked, smallest)
    assert len(chosen) >= budget.SMALLEST_MAP_POINTS
    assert total <= smallest


@pytest.mark.parametrize('name', ['universal', 'scene', 'pq'])
def test_the_shared_bytes_are_known_before_anything_is_fitted(long_street, name):
    compressed = long_street.compressor.compress(CODES[name])
    assert shared_bytes(CODES[name], long_street.compressor.basis) == pytest.approx(compressed.shared_bytes, abs=200)


@pytest.mark.parametrize('kind', ['pq', 'dpqed'])
def test_the_code_that_finds_most_is_chosen(street, monkeypatch, kind):
    monkeypatch.setattr(budget, 'CANDIDATE_STEPS', 3)
    calls = []
    order = rank_points(street.views, street.tracks, 100)
    code, measured = choose_code(street.compressor, order, 60_000, kind, (4, 8), None, lambda *call: calls.append(call))
    assert code.kind == kind
    assert len(measured) >= 2
    assert all(c.bytes <= 60_000 and c.points > 100 for c in measured)
    assert code == max(measured, key=lambda c: c.right_matches).code
    assert max(c.right_matches for c in measured) > 20, 'otherwise chance decides'
    total = len(candidate_codes(kind, (4, 8), street.compressor.basis))
    assert calls[-1] == ('comparing codes', total, total)


def test_a_budget_that_no_code_fits_is_refused(street):
    order = np.arange(len(street.tracks.points_P3))
    with pytest.raises(MappingError, match='no code fits a budget of 1000 bytes'):
        choose_code(street.compressor, order, 1000, 'dpqed', (4,), None, lambda *_: None)
