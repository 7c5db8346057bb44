# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Coordinates of a region's points in a few bytes: quantised, sorted along the Z-order curve, gaps entropy coded.

A region's points have no order of their own, and giving that freedom up saves log2(N!) bits: sorted cell numbers have
small gaps. The gaps are Golomb-Rice coded (Rice, Plaunt 1971) or, where they vary a lot as on surfaces, with
exponential Golomb codes (Teuhola 1978), whichever is shorter for a block of 128. docs/map_format.md has the bit layout.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neumap_ros.errors import MapError

MIN_BITS, MAX_BITS = 8, 16
BLOCK = 128

# In a block's header byte: set if its prefixes count bits (exponential Golomb), clear if they count 2^k (Rice).
EXPONENTIAL = 0x80

_Box = tuple[NDArray[np.float64], NDArray[np.float64]]
_Codes = NDArray[np.uint64]


def encode_points(
    points_N3: ArrayLike, bits: int, box_min_3: ArrayLike, box_max_3: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Quantise points to cells of a box and pack them.

    Decoding gives the centres of the cells, in another order; the error is at most half a cell on each axis, where a
    cell is the box's side / 2^bits.

    Args:
        points_N3: points within the box, map frame, map units.
        bits: 8 to 16 per axis.
        box_min_3: lower corner; use the box that the reader will have, see
            :func:`neumap_ros.maps.manifest.rounded_box`.
        box_max_3: upper corner, above the lower one on every axis.

    Returns:
        ``order`` (N,): point ``order[i]`` becomes decoded point i; reorder other tensors of the points with it.
        ``packed`` (bytes,): the coded points.

    Raises:
        MapError: points that are not finite or outside the box, an empty box, or bits out of range.
    """
    low, high = _check_box(bits, box_min_3, box_max_3)
    points = np.asarray(points_N3, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise MapError(f'points have shape {points.shape}, expected (N, 3)')
    outside = ~((points >= low) & (points <= high)).all(axis=1)
    if outside.any():
        raise MapError(
            f'{int(outside.sum())} of {len(points)} points are not finite or outside the box {low.tolist()} .. '
            f'{high.tolist()}, the first is {points[outside][0].tolist()}; drop them or enlarge the box'
        )
    cells = np.minimum((points - low) / (high - low) * 2**bits, 2**bits - 1).astype(np.uint64)
    codes = _interleave(cells, bits)
    order = np.argsort(codes, kind='stable')
    return order, _encode_gaps(np.diff(codes[order], prepend=np.uint64(0)))


def decode_points(
    packed: NDArray[np.uint8], count: int, bits: int, box_min_3: ArrayLike, box_max_3: ArrayLike
) -> NDArray[np.float64]:
    """Unpack what :func:`encode_points` packed.

    Args:
        packed: (bytes,) coded points.
        count: how many points they are.
        bits: as encoded.
        box_min_3: as encoded.
        box_max_3: as encoded.

    Returns:
        (count, 3) centres of the points' cells in the map frame.

    Raises:
        MapError: ``packed`` does not hold exactly ``count`` points of so many bits.
    """
    low, high = _check_box(bits, box_min_3, box_max_3)
    packed = np.ascontiguousarray(packed)
    if packed.dtype != np.uint8 or packed.ndim != 1 or count < 0:
        raise MapError(f'packed points are {packed.dtype} {packed.shape} for {count} points, expected uint8 (bytes,)')
    codes = np.cumsum(_decode_gaps(packed, count, 3 * bits), dtype=np.uint64)
    if count and ((codes[1:] < codes[:-1]).any() or int(codes[-1]) >> (3 * bits)):
        raise _damaged(packed, count, 'points leave the box')
    points_N3: NDArray[np.float64] = low + (_deinterleave(codes, bits) + 0.5) * ((high - low) / 2**bits)
    return points_N3


def _check_box(bits: int, box_min_3: ArrayLike, box_max_3: ArrayLike) -> _Box:
    if not MIN_BITS <= bits <= MAX_BITS:
        raise MapError(f'coordinates with {bits} bits per axis are not supported, expected {MIN_BITS} to {MAX_BITS}')
    low, high = np.asarray(box_min_3, dtype=np.float64), np.asarray(box_max_3, dtype=np.float64)
    if low.shape != (3,) or high.shape != (3,) or not np.isfinite(high - low).all() or not (high > low).all():
        raise MapError(f'box {low.tolist()} .. {high.tolist()} is empty or not finite, expected min below max')
    return low, high


def _interleave(cells_N3: _Codes, bits: int) -> _Codes:
    """Morton codes (N,) of cells (N, 3): bit j of x, y, z becomes bit 3j+2, 3j+1, 3j."""
    codes = np.zeros(len(cells_N3), dtype=np.uint64)
    for j in range(bits):
        for axis in range(3):
            codes |= (cells_N3[:, axis] >> np.uint64(j) & np.uint64(1)) << np.uint64(3 * j + 2 - axis)
    return codes


def _deinterleave(codes: _Codes, bits: int) -> NDArray[np.float64]:
    """Cells (N, 3) of Morton codes (N,)."""
    cells = np.zeros((3, len(codes)), dtype=np.uint64)
    for j in range(bits):
        for axis in range(3):
            cells[axis] |= (codes >> np.uint64(3 * j + 2 - axis) & np.uint64(1)) << np.uint64(j)
    return cells.T.astype(np.float64)


def _encode_gaps(gaps: _Codes) -> NDArray[np.uint8]:
    """Block headers, prefixes (zeros ended by a one each), remainders; the three parts start at whole bytes."""
    headers = _choose_headers(gaps)
    k, exponential = _per_gap(headers, len(gaps))
    prefixes = np.where(exponential, _bit_length((gaps >> k) + np.uint64(1)) - np.uint64(1), gaps >> k)
    widths, bases = _widths_and_bases(prefixes, k, exponential)
    prefix_bits = np.zeros(int(prefixes.sum()) + len(gaps), dtype=np.uint8)
    prefix_bits[np.cumsum(prefixes + np.uint64(1)) - np.uint64(1)] = 1
    return np.concatenate([headers, np.packbits(prefix_bits), _pack(gaps - bases, widths)])


def _decode_gaps(packed: NDArray[np.uint8], count: int, max_width: int) -> _Codes:
    blocks = -(-count // BLOCK)
    k, exponential = _per_gap(packed[:blocks], count)
    bits = np.unpackbits(packed[blocks:])
    ones = np.flatnonzero(bits)[:count]
    if len(k) < count or len(ones) < count:
        raise _damaged(packed, count, 'it is too short')
    prefixes = np.diff(ones, prepend=-1).astype(np.uint64) - np.uint64(1)
    widths = k + np.where(exponential, prefixes, np.uint64(0))
    if count and int(widths.max()) > max_width:
        raise _damaged(packed, count, 'points leave the box')
    widths, bases = _widths_and_bases(prefixes, k, exponential)
    start = blocks + (int(ones[-1]) // 8 + 1 if count else 0)
    if len(packed) - start != -(-int(widths.sum()) // 8):
        raise _damaged(packed, count, 'its length is wrong')
    return bases + _unpack(packed[start:], widths)


def _per_gap(headers: NDArray[np.uint8], count: int) -> tuple[_Codes, NDArray[np.bool_]]:
    spread = np.repeat(headers, BLOCK)[:count]
    return (spread & ~np.uint8(EXPONENTIAL)).astype(np.uint64), spread >= EXPONENTIAL


def _widths_and_bases(prefixes: _Codes, k: _Codes, exponential: NDArray[np.bool_]) -> tuple[_Codes, _Codes]:
    """How many remainder bits follow each prefix, and what is added to the remainder."""
    one = np.uint64(1)
    widths = np.where(exponential, k + prefixes, k)
    steps = np.where(exponential, (one << np.where(exponential, prefixes, np.uint64(0))) - one, prefixes)
    return widths, steps << k


def _choose_headers(gaps: _Codes) -> NDArray[np.uint8]:
    """Find the cheapest code of every block of gaps by trying all."""
    starts = np.arange(0, len(gaps), BLOCK)
    if not len(gaps):
        return np.zeros(0, dtype=np.uint8)
    best = np.full(len(starts), np.inf)
    headers = np.zeros(len(starts), dtype=np.uint8)
    sizes = np.diff(starts, append=len(gaps))
    for k in range(int(gaps.max()).bit_length() + 1):
        high = gaps >> np.uint64(k)
        rice = np.add.reduceat(high, starts) + sizes * (1.0 + k)
        exponential = 2.0 * np.add.reduceat(_bit_length(high + np.uint64(1)) - np.uint64(1), starts) + sizes * (1.0 + k)
        for header, cost in ((k, rice), (k | EXPONENTIAL, exponential)):
            headers[cost < best] = header
            best = np.minimum(best, cost)
    return headers


def _bit_length(values: _Codes) -> _Codes:
    """Bit lengths of integers below 2^53, which float64 holds exactly."""
    return np.frexp(values.astype(np.float64))[1].astype(np.uint64)


def _pack(values: _Codes, widths: _Codes) -> NDArray[np.uint8]:
    """Concatenate values of so many bits each, most significant bit first, zero padded to whole bytes."""
    ends = np.cumsum(widths, dtype=np.uint64)
    total = int(ends[-1]) if len(ends) else 0
    repeats = widths.astype(np.int64)
    shifts: _Codes = np.repeat(ends, repeats) - np.arange(1, total + 1).astype(np.uint64)
    spread = np.repeat(values, repeats)
    return np.packbits((spread >> shifts & np.uint64(1)).astype(np.uint8))


def _unpack(packed: NDArray[np.uint8], widths: _Codes) -> _Codes:
    """Undo :func:`_pack`; widths up to 57 bits, so that a value lies within eight bytes wherever it starts."""
    starts = (np.cumsum(widths) - widths).astype(np.int64)
    padded = np.concatenate([packed, np.zeros(8, dtype=np.uint8)])
    words = np.lib.stride_tricks.sliding_window_view(padded, 8)[starts >> 3].copy().view('>u8')[:, 0].astype(np.uint64)
    left_aligned: _Codes = words << (starts & 7).astype(np.uint64)
    # Two shifts, because shifting by all 64 bits at once is undefined.
    values: _Codes = left_aligned >> np.uint64(1) >> (np.uint64(63) - widths)
    return values


def _damaged(packed: NDArray[np.uint8], count: int, why: str) -> MapError:
    return MapError(f'{len(packed)} bytes do not hold {count} packed points: {why}; build the map again')
