# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which regions an image shows, without a byte of the map: an inverted index over the decoded descriptors.

Stored global descriptors of mapping images cost bytes and are the weak link in the dark. The visual words of the
map's own points cost nothing, because they are computed when the map is loaded. Whoever holds only some of the regions
needs the counts of all: :func:`retrieval_bytes` computes them where the map lies.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import MapError
from neumap_ros.localization.compute import prepare_process_for_maps
from neumap_ros.localization.decoder import kind_of
from neumap_ros.maps.tensors import deserialize_tensors, serialize_tensors
from neumap_ros.maps.types import ReadableMap

# What smooths the counts of a region, in points.
SMOOTHING = 50


class RegionIndex:
    """Scores regions by the visual words they share with an image (tf-idf, Sivic and Zisserman, ICCV 2003).

    Args:
        counts_RW: how many points of each region have each word.
    """

    def __init__(self, counts_RW: NDArray[np.integer]) -> None:
        sizes_R1 = np.maximum(counts_RW.sum(axis=1, keepdims=True), 1)
        total_W = counts_RW.sum(axis=0)
        share_W = np.maximum(total_W, 1) / max(int(total_W.sum()), 1)
        # Log-likelihood ratio of "this region is in view" against "the whole map"; the constant smooths empty words.
        self._score_RW = np.log((counts_RW + share_W * SMOOTHING) / (sizes_R1 + SMOOTHING) / share_W)

    def rank(self, words_N: NDArray[np.int64]) -> list[int]:
        """Regions, most likely in view first, for the words of an image's keypoints."""
        score_R = self._score_RW[:, words_N].sum(axis=1)
        return [int(r) for r in np.argsort(-score_R, kind='stable')]


def retrieval_bytes(stored: ReadableMap) -> bytes:
    """Count the visual words of all regions of a map, to name regions without having them.

    One region is in memory at a time. Takes about as long as loading the map, and proves on the way that this version
    can read every region of it. The mathematics of the process is set to one thread, unless a localizer has set it.

    Args:
        stored: a map with all its regions.

    Returns:
        safetensors: ``counts`` (regions, words) in the smallest unsigned type, ``vocabulary`` (32,) the sha256 of the
        words, ``digest`` (32,) of all that and of the manifest's name. About 1 kB a region.

    Raises:
        MapError: a region is missing, damaged or does not fit.
    """
    prepare_process_for_maps()
    kind = kind_of(stored)
    counts = [_smallest(counts_W) for counts_W in kind.count_words(stored)]
    vocabulary = kind.vocabulary_sha256(stored)
    counts_RW = _smallest(np.stack(counts) if counts else np.zeros((0, 0), np.uint8))
    digests = {'vocabulary': vocabulary, 'digest': _digest(stored.manifest_sha256, vocabulary, counts_RW)}
    tensors = {name: np.frombuffer(bytes.fromhex(value), np.uint8) for name, value in digests.items()}
    return serialize_tensors({'counts': counts_RW, **tensors}, f'the retrieval data of map {stored.name}')


def read_retrieval(stored: ReadableMap, vocabulary_sha256: str) -> NDArray[np.integer] | None:
    """The counts (R, W) that came with a map, checked; None if none came.

    Args:
        stored: the map.
        vocabulary_sha256: of the words that queries are compared with.

    Raises:
        MapError: they are damaged, of another revision, or of another vocabulary.
    """
    if stored.retrieval is None:
        return None
    what = f'the retrieval data of map {stored.name}'
    tensors = deserialize_tensors(stored.retrieval, what)
    counts_RW = tensors.get('counts', np.zeros(0, np.uint8))
    vocabulary, digest = (tensors.get(name, np.zeros(0)).tobytes().hex() for name in ('vocabulary', 'digest'))
    if digest != _digest(stored.manifest_sha256, vocabulary, counts_RW):
        raise MapError(f'{what} is damaged or belongs to another revision; send it again')
    if vocabulary != vocabulary_sha256:
        raise MapError(
            f'{what} was made with the visual words {vocabulary[:12]}, this installation has {vocabulary_sha256[:12]}; '
            'install the same version of neumap_ros on both machines'
        )
    points_R = [region.points for region in stored.manifest.regions]
    if counts_RW.ndim != 2 or counts_RW.sum(axis=1).tolist() != points_R:
        raise MapError(f'{what} does not count the {sum(points_R)} points of its {len(points_R)} regions; make it anew')
    return counts_RW


def _smallest(counts: NDArray[np.integer]) -> NDArray[np.integer]:
    return counts.astype(np.min_scalar_type(int(counts.max(initial=0))))


def _digest(manifest_sha256: str, vocabulary_sha256: str, counts_RW: NDArray[np.integer]) -> str:
    head = f'{manifest_sha256} {vocabulary_sha256} {counts_RW.dtype.name} {counts_RW.shape} '
    return hashlib.sha256(head.encode() + counts_RW.tobytes()).hexdigest()
