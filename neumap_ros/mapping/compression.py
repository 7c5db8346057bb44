# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scene -> tensors of a map: one class per map kind, all with the same two questions, what and how many bytes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError
from neumap_ros.features.basis import Basis
from neumap_ros.mapping.fit_dpqed import FitSettings, TrackDescriptors, fit_dpqed
from neumap_ros.mapping.tracks import Tracks, View
from neumap_ros.maps.types import Tensors
from neumap_ros.models.codes import pack_codes
from neumap_ros.models.dequantizer import Dequantizer, load_dequantizer
from neumap_ros.models.product_quantizer import ProductQuantizer, kmeans_codebooks
from neumap_ros.models.storage import pack_floats, unpack_floats


@dataclass(frozen=True)
class CodeSettings:
    """How descriptors become bytes.

    Attributes:
        kind: ``dpqed``, ``pq`` or ``full``.
        parts: M, numbers of a code.
        scene_codebooks: dpqed only: codebooks trained for the scene (C * 256 bytes) instead of the universal ones
            (no bytes).
        hidden: dpqed only: width of the scene-specific dequantiser, 0 for none.
        centroids: K, values of each number. pq: fewer make smaller codebooks and coarser codes. dpqed: 256, or 4,096
            universal ones.
        fit: dpqed only: how it is trained.
    """

    kind: str = 'dpqed'
    parts: int = 4
    scene_codebooks: bool = True
    hidden: int = 64
    centroids: int = 256
    fit: FitSettings = field(default_factory=FitSettings)


@dataclass(frozen=True)
class Compressed:
    """Compressed descriptors of all points, before any is dropped.

    Attributes:
        settings: how they were made.
        codes: per point: uint8 packed codes (P, bytes), or fp16 descriptors (P, D) of the kind ``full``.
        shared: files of the map's shared folder.
        restored_PC: what the localizer will compare queries with, float32.
    """

    settings: CodeSettings
    codes: NDArray[Any]
    shared: dict[str, Tensors]
    restored_PC: torch.Tensor

    @property
    def bytes_per_point(self) -> int:
        """Of the descriptor."""
        return int(self.codes.itemsize * self.codes.shape[1])

    @property
    def shared_bytes(self) -> int:
        """Of the scene's shared tensors, without file headers."""
        return sum(int(t.nbytes) for tensors in self.shared.values() for t in tensors.values())


def track_descriptors(
    views: list[View], tracks: Tracks, basis: Basis, parts: int | None, exclude_views: frozenset[int] = frozenset()
) -> TrackDescriptors:
    """The descriptors of a scene in the space in which they are quantised.

    Args:
        views: mapping images.
        tracks: their tracks.
        basis: of the extractor.
        parts: M; None keeps the extractor's own space.
        exclude_views: views that shall not contribute (held out for measuring), unless a point was seen nowhere else.
    """
    offsets = np.cumsum([0, *(len(view.features) for view in views)])
    everything = np.concatenate([view.features.descriptors_ND for view in views])
    observed = everything[offsets[tracks.view_O] + tracks.keypoint_O]
    point_O = tracks.point_O
    if exclude_views:
        held_out = np.isin(tracks.view_O, list(exclude_views))
        elsewhere_P = np.bincount(point_O, weights=~held_out, minlength=len(tracks.points_P3)) > 0
        keep = ~held_out | ~elsewhere_P[point_O]
        observed, point_O = observed[keep], point_O[keep]
    if parts is not None:
        observed = basis.project(observed) @ basis.rotations[parts]
    first_P1 = np.concatenate([[0], np.cumsum(np.bincount(point_O, minlength=len(tracks.points_P3)))]).astype(np.int64)
    mean = np.add.reduceat(observed, first_P1[:-1], axis=0)
    mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
    # Cloned: PyTorch aligns its memory to 64 bytes, numpy to 16, and the last bit of a product depends on that. A point
    # half way between two centroids would get another code in the next run.
    return TrackDescriptors(
        torch.from_numpy(mean.astype(np.float32)).clone(),
        torch.from_numpy(observed.astype(np.float32)).clone(),
        first_P1,
        torch.from_numpy(tracks.points_P3.astype(np.float32)),
    )


def compress(descriptors: TrackDescriptors, basis: Basis, settings: CodeSettings, seed: int) -> Compressed:
    """Compress the descriptors of a scene.

    Args:
        descriptors: from :func:`track_descriptors`, in the space that the kind wants (parts None for pq and full).
        basis: of the extractor.
        settings: how.
        seed: of k-means and of the training.

    Raises:
        ConfigError: unknown kind or code length.
    """
    generator = torch.Generator().manual_seed(seed)
    mean_PD = descriptors.mean_PD
    if settings.kind == 'full':
        half = mean_PD.numpy().astype(np.float16)
        return Compressed(settings, half, {}, torch.from_numpy(half.astype(np.float32)))
    if settings.parts not in basis.rotations:
        raise ConfigError(f'codes of {settings.parts} numbers are not available, expected {sorted(basis.rotations)}')
    if settings.kind == 'pq':
        codebooks = kmeans_codebooks(mean_PD, settings.parts, generator, settings.centroids).to(torch.float16)
        quantizer = ProductQuantizer(codebooks.float())
        codes = quantizer.encode(mean_PD)
        restored = torch.nn.functional.normalize(quantizer.lookup(codes).detach(), dim=1)
        packed_codes = pack_codes(codes.numpy(), settings.centroids)
        return Compressed(settings, packed_codes, {'codebooks': {'codebooks': codebooks.numpy()}}, restored)
    if settings.kind != 'dpqed':
        raise ConfigError(f'there is no map kind {settings.kind!r}, expected dpqed, pq or full')
    is_universal = not settings.scene_codebooks
    if is_universal and not basis.codebooks:
        raise ConfigError(
            f'codes of {settings.parts} numbers of {settings.centroids} values need universal codebooks, which none '
            'ship for this extractor; leave out --centroids, its codebooks are then those of the scene'
        )
    if is_universal and (settings.parts, settings.centroids) not in basis.codebooks:
        raise ConfigError(
            f'there are no universal codebooks for {settings.parts} numbers of {settings.centroids} values, expected '
            f'one of {", ".join(f"{m} of {k}" for m, k in sorted(basis.codebooks))}'
        )
    if is_universal:
        start = torch.from_numpy(basis.codebooks[settings.parts, settings.centroids])
    else:
        start = kmeans_codebooks(mean_PD, settings.parts, generator, settings.centroids, iterations=8)
    quantizer = ProductQuantizer(start)
    dequantizer = Dequantizer(mean_PD.shape[1], settings.hidden, generator)
    if settings.scene_codebooks or settings.hidden:
        # The robot has the universal codebooks as they ship: the dequantiser must be trained for those.
        fit = replace(settings.fit, train_codebooks=settings.scene_codebooks)
        fit_dpqed(descriptors, quantizer, dequantizer, fit, generator)
    # What is stored is int8: encode and restore with exactly what the robot will have.
    shared: dict[str, torch.Tensor] = dict(dequantizer.state_dict())
    if settings.scene_codebooks:
        shared['codebooks'] = quantizer.codebooks_MKS
    packed = pack_floats(shared)
    stored = unpack_floats(packed)
    quantizer = ProductQuantizer(stored.pop('codebooks', start))
    dequantizer = load_dequantizer(stored, mean_PD.shape[1])
    with torch.no_grad():
        codes = quantizer.encode(mean_PD)
        restored = dequantizer(quantizer.lookup(codes))
    packed_codes = pack_codes(codes.numpy(), settings.centroids)
    return Compressed(settings, packed_codes, {'dpqed': packed} if packed else {}, restored)


def encode_again(compressed: Compressed, basis: Basis, descriptors: TrackDescriptors) -> NDArray[Any]:
    """Codes of other descriptors of the same scene, with the codebooks that its map has.

    Args:
        compressed: the scene as it was compressed.
        basis: of the extractor.
        descriptors: from :func:`track_descriptors`, in the same space.

    Returns:
        Rows as in :attr:`Compressed.codes`.
    """
    settings, mean_PD = compressed.settings, descriptors.mean_PD
    if settings.kind == 'full':
        return mean_PD.numpy().astype(np.float16)
    if settings.kind == 'pq':
        codebooks_MKS = torch.from_numpy(compressed.shared['codebooks']['codebooks']).float()
    else:
        stored = unpack_floats(compressed.shared.get('dpqed', {}))
        codebooks_MKS = (
            stored['codebooks']
            if settings.scene_codebooks
            else torch.from_numpy(basis.codebooks[settings.parts, settings.centroids])
        )
    with torch.no_grad():
        codes = ProductQuantizer(codebooks_MKS).encode(mean_PD)
    return pack_codes(codes.numpy(), settings.centroids)


class SceneCompressor:
    """Compresses one scene in several ways and remembers what it has fitted.

    Args:
        views: mapping images.
        tracks: their tracks.
        basis: of the extractor.
        seed: of k-means and of the training.
    """

    def __init__(self, views: list[View], tracks: Tracks, basis: Basis, seed: int) -> None:
        self.views, self.tracks, self.basis, self.seed = views, tracks, basis, seed
        self._done: dict[tuple[CodeSettings, frozenset[int]], Compressed] = {}

    def compress(self, code: CodeSettings, held_out: frozenset[int] = frozenset()) -> Compressed:
        """Compressed descriptors, without the observations of the views that are held out."""
        if (code, held_out) not in self._done:
            parts = code.parts if code.kind == 'dpqed' else None
            descriptors = track_descriptors(self.views, self.tracks, self.basis, parts, held_out)
            self._done[code, held_out] = compress(descriptors, self.basis, code, self.seed)
        return self._done[code, held_out]
