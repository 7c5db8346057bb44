# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Codes of M numbers below K as bytes: M * log2(K) bits a point, filled up to whole bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import MapError


def bits_of(centroids: int) -> int:
    """Bits of a number below ``centroids``."""
    return max(1, (centroids - 1).bit_length())


def code_bytes(parts: int, centroids: int) -> int:
    """Bytes of one code."""
    return -(-parts * bits_of(centroids) // 8)


def pack_codes(codes_NM: NDArray[np.int16], centroids: int) -> NDArray[np.uint8]:
    """Pack codes (N, M) into (N, bytes), most significant bits first, zeros behind the last number."""
    bits = bits_of(centroids)
    shifts = np.arange(bits - 1, -1, -1)
    planes = (codes_NM[:, :, None].astype(np.int64) >> shifts & 1).astype(np.uint8)
    return np.packbits(planes.reshape(len(codes_NM), codes_NM.shape[1] * bits), axis=1)


def unpack_codes(
    packed_NB: NDArray[np.uint8], parts: int, centroids: int, what: str = 'the codes'
) -> NDArray[np.int16]:
    """Undo :func:`pack_codes`.

    Args:
        packed_NB: bytes, :func:`code_bytes` a point.
        parts: M.
        centroids: K.
        what: what to call the codes in an error.

    Raises:
        MapError: a number is not below K, or a bit behind the last number is set.
    """
    bits = bits_of(centroids)
    planes = np.unpackbits(packed_NB, axis=1)
    if planes[:, parts * bits :].any():
        raise MapError(f'{what} holds a code with bits behind its last number, expected zeros; build the map again')
    weights = 1 << np.arange(bits - 1, -1, -1)
    codes = planes[:, : parts * bits].reshape(len(packed_NB), parts, bits).astype(np.int64) @ weights
    if codes.size and codes.max() >= centroids:
        raise MapError(f'{what} holds the code {codes.max()}, expected less than {centroids}; build the map again')
    return codes.astype(np.int16)
