# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neumap_ros.errors import MapError
from neumap_ros.maps.coordinates import decode_points, encode_points

LOW, HIGH = np.array([-5.0, 0.0, 2.0]), np.array([7.0, 9.0, 5.0])


def uniform(count: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(LOW, HIGH, (count, 3))


def wall(count: int) -> np.ndarray:
    points_N3 = uniform(count)
    points_N3[:, 2] = np.random.default_rng(1).normal(3.0, 0.002, count)
    return points_N3


def check(points_N3: np.ndarray, bits: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    order, packed = encode_points(points_N3, bits, low, high)
    assert sorted(order) == list(range(len(points_N3)))
    decoded_N3 = decode_points(packed, len(points_N3), bits, low, high)
    tolerance = 1e-9 * (1 + np.abs(low) + np.abs(high))
    assert (np.abs(decoded_N3 - points_N3[order]) <= (high - low) / 2**bits / 2 + tolerance).all()
    return packed


@given(
    arrays(np.float64, st.tuples(st.integers(0, 300), st.just(3)), elements=st.floats(0, 1)),
    st.integers(8, 16),
    arrays(np.float64, 3, elements=st.floats(-1e4, 1e4)),
    arrays(np.float64, 3, elements=st.floats(1e-3, 1e3)),
)
@settings(deadline=None)
def test_round_trip(unit_N3, bits, low, size):
    high = low + size
    check(np.clip(low + unit_N3 * size, low, high), bits, low, high)


@pytest.mark.parametrize('bits', [8, 12, 16])
@pytest.mark.parametrize('count', [0, 1, 127, 128, 129, 1000])
@pytest.mark.parametrize('cloud', [uniform, wall])
def test_clouds(cloud, count, bits):
    check(cloud(count), bits, LOW, HIGH)


def test_equal_points_and_corners():
    assert len(check(np.tile(HIGH, (1000, 1)), 16, LOW, HIGH)) < 150
    check(np.stack([LOW, HIGH, LOW, HIGH]), 8, LOW, HIGH)


def test_same_points_in_another_order_give_the_same_bytes():
    points_N3 = uniform(500)
    _, packed = encode_points(points_N3, 12, LOW, HIGH)
    _, again = encode_points(points_N3[::-1], 12, LOW, HIGH)
    assert np.array_equal(packed, again)


@pytest.mark.parametrize('count', [500, 10_000, 50_000])
@pytest.mark.parametrize('bits', [10, 12, 14, 16])
def test_size(count, bits):
    expected = 3 * bits - math.log2(count) + 1.5
    assert 8 * len(encode_points(uniform(count), bits, LOW, HIGH)[1]) / count < expected + 0.2
    assert 8 * len(encode_points(wall(count), bits, LOW, HIGH)[1]) / count < expected - 1


def test_layout_as_documented():
    """Three points decoded by hand from docs/map_format.md, one bit at a time."""
    low, high = np.zeros(3), np.full(3, 256.0)
    _, packed = encode_points([[0.5, 0.5, 1.5], [0.5, 1.5, 0.5], [3.5, 0.5, 0.5]], 8, low, high)
    assert [f'{byte:08b}' for byte in packed] == ['10000001', '11000010', '11001000']
    codes = [1, 2, 36]
    header, bits = int(packed[0]), ''.join(f'{byte:08b}' for byte in packed[1:])
    k, exponential = header & 0x7F, header >= 0x80
    prefixes, position = [], 0
    for _ in codes:
        end = bits.index('1', position)
        prefixes.append(end - position)
        position = end + 1
    position = -(-position // 8) * 8
    code, decoded = 0, []
    for prefix in prefixes:
        width = k + prefix if exponential else k
        steps = 2**prefix - 1 if exponential else prefix
        code += (steps << k) + (int(bits[position : position + width], 2) if width else 0)
        position += width
        decoded.append(code)
    assert decoded == codes
    assert -(-position // 8) * 8 == len(bits)


def test_fast():
    _, packed = encode_points(uniform(100_000), 14, LOW, HIGH)
    best = min(_seconds(lambda: decode_points(packed, 100_000, 14, LOW, HIGH)) for _ in range(5))
    assert best < 0.15


def _seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def test_refuses_bad_input():
    for points_N3 in ([[np.nan, 1, 3]], [[0, 0, 1.9]], [[0, 9.001, 3]], [[0, np.inf, 3]]):
        with pytest.raises(MapError, match='1 of 1 points are not finite or outside'):
            encode_points(points_N3, 12, LOW, HIGH)
    with pytest.raises(MapError, match='shape'):
        encode_points(np.zeros((4, 2)), 12, LOW, HIGH)
    for bits in (7, 17):
        with pytest.raises(MapError, match='bits per axis'):
            encode_points(uniform(3), bits, LOW, HIGH)
    for low, high in ((LOW, LOW), (HIGH, LOW), (LOW[:2], HIGH[:2]), (LOW * np.nan, HIGH)):
        with pytest.raises(MapError, match='box'):
            encode_points(uniform(3), 12, low, high)


def test_refuses_damaged_bytes():
    _, packed = encode_points(uniform(300), 12, LOW, HIGH)
    for bad, count in (
        (packed[:-1], 300),
        (packed[:20], 300),
        (packed[:1], 300),
        (np.append(packed, np.uint8(0)), 300),
        (packed, 0),
        (packed, 10_000),
        (np.full(50, 0xFF, np.uint8), 20),
        (np.full(50, 0x00, np.uint8), 20),
    ):
        with pytest.raises(MapError, match='do not hold'):
            decode_points(bad, count, 12, LOW, HIGH)
    with pytest.raises(MapError, match='expected uint8'):
        decode_points(packed.astype(np.int32), 300, 12, LOW, HIGH)


@given(arrays(np.uint8, st.integers(0, 200)), st.integers(0, 300), st.integers(8, 16))
@settings(deadline=None)
def test_random_bytes_never_crash(packed, count, bits):
    try:
        decoded_N3 = decode_points(packed, count, bits, LOW, HIGH)
    except MapError:
        return
    assert decoded_N3.shape == (count, 3)
    assert ((decoded_N3 >= LOW) & (decoded_N3 <= HIGH)).all()
