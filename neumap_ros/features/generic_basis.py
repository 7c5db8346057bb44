# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The basis of extractors for which none ships: nothing is learned, so no file is needed to build or read a map.

Descriptors of networks are compared as they are (they were trained for that distance). Codebooks are those of the scene
and lie in the map. Visual words are fixed directions: the nearest of many random directions is a locality-sensitive
hash of a unit vector (Andoni et al., Practical and Optimal LSH for Angular Distance, NIPS 2015). Their signs come from
SHAKE-256 and not from a library's random numbers, so that every version on every machine has the same words.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np

from neumap_ros.features.basis import Basis, Float32

WORDS = 1024
VLAD_WORDS = 16
GLOBAL_SIZE = 128
# Code lengths M for which a rotation is offered, where they divide the descriptor.
PARTS = (2, 4, 8, 16)
# Grows whenever the words change.
VERSION = 1


@cache
def generic_basis(size: int) -> Basis:
    """The basis of unit descriptors of ``size`` numbers of which nothing else is known."""
    identity = np.eye(size, dtype=np.float32)
    name = f'neumap generic basis {VERSION}, {size}'
    vlad_size = VLAD_WORDS * size
    return Basis(
        mean_D=np.zeros(size, np.float32),
        projection_CD=identity,
        rotations={parts: identity for parts in PARTS if size % parts == 0},
        codebooks={},
        words_WC=_signs(f'{name}: words', WORDS, size),
        vlad_words_VC=_signs(f'{name}: vlad', VLAD_WORDS, size),
        vlad_mean_X=np.zeros(vlad_size, np.float32),
        vlad_projection_GX=_signs(f'{name}: projection', GLOBAL_SIZE, vlad_size),
        sha256=hashlib.sha256(name.encode()).hexdigest(),
    )


def _signs(seed: str, rows: int, columns: int) -> Float32:
    """Unit vectors (rows, columns) of random signs."""
    data = hashlib.shake_256(seed.encode()).digest(-(-rows * columns // 8))
    bits = np.unpackbits(np.frombuffer(data, np.uint8))[: rows * columns]
    signs = 2 * bits.reshape(rows, columns).astype(np.float32) - 1
    return np.asarray(signs / np.sqrt(columns), dtype=np.float32)
