# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The scene-independent part of compression: a learned projection, universal codebooks, a visual vocabulary.

They ship with the package (``neumap_ros/weights/<extractor>_basis.safetensors``, made by ``neumap train basis``), so
they cost no map bytes. A map names the digest of the basis it was built with.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from neumap_ros.errors import ConfigError

Float32 = NDArray[np.float32]

# Descriptors compared with the visual words in one product.
WORDS_AT_ONCE = 4096


@dataclass(frozen=True)
class Basis:
    """Learned on ordinary photographs for one extractor.

    Attributes:
        mean_D: mean descriptor of the extractor (D numbers).
        projection_CD: discriminant projection to C numbers.
        rotations: per code length M, the rotation (C, C) that balances the parts (OPQ, Ge et al., PAMI 2014).
        codebooks: per (M, K), universal codebooks (M, K, C / M).
        words_WC: visual words, centroids of projected descriptors.
        vlad_words_VC: coarse words for the global descriptor.
        vlad_mean_X: mean of the aggregated vector, X = V * C.
        vlad_projection_GX: PCA of the aggregated vector.
        sha256: digest of the weights file.
    """

    mean_D: Float32
    projection_CD: Float32
    rotations: dict[int, Float32]
    codebooks: dict[tuple[int, int], Float32]
    words_WC: Float32
    vlad_words_VC: Float32
    vlad_mean_X: Float32
    vlad_projection_GX: Float32
    sha256: str

    @property
    def size(self) -> int:
        """C, the length of a projected descriptor."""
        return int(self.projection_CD.shape[0])

    def project(self, descriptors_ND: Float32) -> Float32:
        """Project descriptors (N, D) to unit vectors (N, C)."""
        projected = (descriptors_ND - self.mean_D) @ self.projection_CD.T
        norm = np.linalg.norm(projected, axis=1, keepdims=True)
        return np.asarray(projected / np.maximum(norm, 1e-9), dtype=np.float32)

    def words(self, projected_NC: Float32) -> NDArray[np.int64]:
        """Nearest visual word of each projected descriptor (N,)."""
        offset_W = 0.5 * np.sum(self.words_WC**2, axis=1)
        nearest = np.zeros(len(projected_NC), dtype=np.int64)
        for start in range(0, len(projected_NC), WORDS_AT_ONCE):  # all at once would take 400 MB for a large map
            part = slice(start, start + WORDS_AT_ONCE)
            nearest[part] = (projected_NC[part] @ self.words_WC.T - offset_W).argmax(axis=1)
        return nearest

    def global_descriptor(self, projected_NC: Float32) -> Float32:
        """Aggregate local descriptors to one unit vector (G,).

        VLAD with intra-normalisation and signed square root (Arandjelovic and Zisserman, CVPR 2013), then PCA. No
        descriptors at all give zeros.
        """
        if not len(projected_NC):
            return np.zeros(len(self.vlad_projection_GX), np.float32)
        vector = self.vlad_projection_GX @ (self.aggregate(projected_NC) - self.vlad_mean_X)
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), dtype=np.float32)

    def aggregate(self, projected_NC: Float32) -> Float32:
        """The VLAD vector before PCA (X,), unit length."""
        return vlad(projected_NC, self.vlad_words_VC)


def vlad(projected_NC: Float32, words_VC: Float32) -> Float32:
    """Sums of residuals to the nearest word, intra-normalised, signed square root, unit length (V * C,)."""
    affinity = projected_NC @ words_VC.T - 0.5 * np.sum(words_VC**2, axis=1)
    nearest = affinity.argmax(axis=1)
    sums = np.zeros_like(words_VC)
    for word in range(len(words_VC)):
        mine = projected_NC[nearest == word]
        if len(mine):
            sums[word] = mine.sum(axis=0) - len(mine) * words_VC[word]
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    flat = np.sign(sums) * np.sqrt(np.abs(sums))
    return np.asarray(flat.reshape(-1) / max(float(np.linalg.norm(flat)), 1e-9), dtype=np.float32)


def _file_of(extractor: str) -> Any:
    return resources.files('neumap_ros') / 'weights' / f'{extractor}_basis.safetensors'


def ships_basis(extractor: str) -> bool:
    """Whether a learned basis ships for an extractor."""
    return bool(_file_of(extractor).is_file())


@cache
def load_basis(extractor: str) -> Basis:
    """The basis that ships for an extractor.

    Raises:
        ConfigError: none ships for it.
    """
    file = _file_of(extractor)
    try:
        data = file.read_bytes()
    except OSError:
        raise ConfigError(
            f'there is no basis for the extractor {extractor!r} ({file} is missing); make one with '
            f'neumap train basis --extractor {extractor} --images FOLDER'
        ) from None
    tensors = {name: value.astype(np.float32) for name, value in load(data).items()}
    shapes = sorted((int(m), int(k)) for m, k in (n.split('.')[1:] for n in tensors if n.startswith('codebooks.')))
    return Basis(
        mean_D=tensors['mean'],
        projection_CD=tensors['projection'],
        rotations={m: tensors[f'rotation.{m}'] for m, _ in shapes},
        codebooks={(m, k): tensors[f'codebooks.{m}.{k}'] for m, k in shapes},
        words_WC=tensors['words'],
        vlad_words_VC=tensors['vlad.words'],
        vlad_mean_X=tensors['vlad.mean'],
        vlad_projection_GX=tensors['vlad.projection'],
        sha256=hashlib.sha256(data).hexdigest(),
    )
