# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neumap_ros.errors import MapError
from neumap_ros.models.codes import bits_of, code_bytes, pack_codes, unpack_codes


@given(st.integers(0, 20), st.integers(1, 16), st.integers(2, 4096), st.integers(0, 2**31))
def test_what_is_packed_comes_back(points, parts, centroids, seed):
    codes = np.random.default_rng(seed).integers(0, centroids, (points, parts)).astype(np.int16)
    packed = pack_codes(codes, centroids)
    assert packed.dtype == np.uint8
    assert packed.shape == (points, code_bytes(parts, centroids))
    assert (unpack_codes(packed, parts, centroids) == codes).all()


@pytest.mark.parametrize(
    ('parts', 'centroids', 'size'), [(4, 256, 4), (4, 4096, 6), (2, 4096, 3), (16, 16, 8), (3, 4096, 5), (1, 2, 1)]
)
def test_bytes_of_a_code(parts, centroids, size):
    assert code_bytes(parts, centroids) == size


def test_codes_of_bytes_are_the_bytes():
    codes = np.array([[1, 255, 0, 128]], np.int16)
    assert pack_codes(codes, 256).tolist() == codes.tolist()


def test_the_layout_is_that_of_the_map_format():
    # docs/map_format.md: 0xABC and 0xDEF are the bytes AB CD EF.
    assert pack_codes(np.array([[0xABC, 0xDEF]], np.int16), 4096).tobytes().hex() == 'abcdef'
    assert pack_codes(np.array([[0xABC]], np.int16), 4096).tobytes().hex() == 'abc0'


def test_bits_of_centroids():
    assert [bits_of(k) for k in (2, 3, 4, 16, 255, 256, 257, 4096)] == [1, 2, 2, 4, 8, 8, 9, 12]


def test_codes_that_cannot_be_are_refused():
    with pytest.raises(MapError, match='region a holds the code 200, expected less than 200'):
        unpack_codes(np.array([[200]], np.uint8), 1, 200, 'region a')
    with pytest.raises(MapError, match='region a holds a code with bits behind its last number'):
        unpack_codes(np.array([[0xAB, 0xC1]], np.uint8), 1, 4096, 'region a')
