# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Spending a byte budget: which code length, which shared tensors, how many points, found out by measuring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from neumap_ros.errors import MappingError
from neumap_ros.features.base import Features
from neumap_ros.features.basis import Basis
from neumap_ros.localization.descriptor_decoder import DescriptorDecoder, DescriptorTable, QuerySpace
from neumap_ros.localization.solver import reprojection_errors, threshold_px
from neumap_ros.mapping.compression import CodeSettings, Compressed, SceneCompressor
from neumap_ros.mapping.layout import choose_bits, estimate_bytes, lay_out
from neumap_ros.mapping.tracks import Progress, Tracks, View

# Below so many points no scene was localized reliably; a budget that does not reach them is refused.
SMALLEST_MAP_POINTS = 100
# Shared tensors that eat more than this share of a budget leave too few points; such candidates are not measured.
LARGEST_SHARED_SHARE = 0.5
VALIDATION_VIEWS = 16
VALIDATION_KEYPOINTS = 1000
# Mapping views are easier than a robot's images: they lie on the same drive. Their descriptors are displaced by noise
# of this length (cosine 0.8, as between views far apart). Without it short codes look best, and a sixth of the revisits
# of hololens000 is lost at 30 kB.
VALIDATION_NOISE = 0.75
# Training steps while candidates are compared; the ranking is settled long before the training is.
CANDIDATE_STEPS = 100
# Code lengths M for which universal codebooks of 4,096 centroids ship.
LARGE_CODEBOOKS = (2, 4, 8)
# A manifest without regions and files, while candidates are compared.
MANIFEST_BYTES = 900


@dataclass(frozen=True)
class Candidate:
    """A way to spend the budget and what it gave on held-out mapping views.

    Attributes:
        code: compression settings.
        points: how many points fit.
        bytes: of the whole map, estimated.
        right_matches: geometric mean over the held-out views of (matches that agree with the true pose + 1).
    """

    code: CodeSettings
    points: int
    bytes: int
    right_matches: float


def candidate_codes(kind: str, parts: Sequence[int], basis: Basis) -> list[CodeSettings]:
    """The compression settings worth comparing, cheapest shared part first."""
    parts = [m for m in parts if m in basis.rotations]
    if kind == 'pq':
        return [CodeSettings('pq', m, centroids=k) for m in parts for k in (16, 64, 256)]
    if not basis.codebooks:  # no universal ones: those of the scene, and a dequantiser if there is room
        return [CodeSettings('dpqed', m, scene_codebooks=True, hidden=hidden) for m in parts for hidden in (0, 16, 64)]
    codes = []
    for m in parts:
        codes.append(CodeSettings('dpqed', m, scene_codebooks=False, hidden=0))
        codes.append(CodeSettings('dpqed', m, scene_codebooks=False, hidden=16))
        codes.append(CodeSettings('dpqed', m, scene_codebooks=True, hidden=64))
        if m in LARGE_CODEBOOKS:
            codes.append(CodeSettings('dpqed', m, scene_codebooks=False, hidden=0, centroids=4096))
            codes.append(CodeSettings('dpqed', m, scene_codebooks=False, hidden=16, centroids=4096))
    return codes


def shared_bytes(code: CodeSettings, basis: Basis) -> int:
    """Bytes of the scene-wide tensors that a code needs, before anything is fitted."""
    if code.kind == 'pq':
        return 2 * code.centroids * len(basis.mean_D)
    mlp = code.hidden * (2 * basis.size + 8)
    return mlp + (256 * (basis.size + 2 * code.parts) if code.scene_codebooks else 0)


def fit_points(
    tracks: Tracks,
    views: Sequence[View],
    compressed: Compressed,
    ranked_P: NDArray[np.int64],
    budget_bytes: int | None,
    manifest_bytes: int = MANIFEST_BYTES,
) -> tuple[NDArray[np.int64], int, int]:
    """The longest prefix of the ranked points that fits a budget.

    Args:
        tracks: all points.
        views: mapping images.
        compressed: descriptors of all points.
        ranked_P: point indices, most useful first.
        budget_bytes: of the whole map folder; None keeps all points.
        manifest_bytes: of the manifest without regions and files.

    Returns:
        (chosen point indices, coordinate bits or 0 for the kind ``full``, bytes of the map).

    Raises:
        MappingError: not even the smallest useful map fits.
    """

    def size(count: int) -> tuple[int, int]:
        bits = 0 if compressed.settings.kind == 'full' else choose_bits(views, tracks, ranked_P[:count])
        layout = lay_out(tracks.points_P3, ranked_P[:count], bits)
        return estimate_bytes(tracks, compressed, layout, manifest_bytes), bits

    count = len(ranked_P)
    total, bits = size(count)
    if budget_bytes is None or total <= budget_bytes:
        return ranked_P, bits, total
    low, high = 0, count
    # Bytes grow almost linearly with the points, so that interpolation needs few rounds.
    per_point = (total - compressed.shared_bytes - manifest_bytes) / count
    guess = int((budget_bytes - compressed.shared_bytes - manifest_bytes) / per_point)
    best: tuple[int, int, int] | None = None
    smallest = min(SMALLEST_MAP_POINTS, count)
    for _ in range(8):
        if high <= smallest or high - low <= max(2, count // 1000):
            break
        guess = min(max(guess, low + 1, smallest), high - 1)
        total, bits = size(guess)
        if total <= budget_bytes:
            low, best = guess, (guess, bits, total)
        else:
            high = guess
        guess += int((budget_bytes - total) / per_point) - (0 if total <= budget_bytes else 1)
        if guess <= low:
            break
    if best is None:
        raise MappingError(
            f'a budget of {budget_bytes} bytes does not hold a map of {smallest} points, expected at least '
            f'{size(smallest)[0]} bytes; give a larger --budget'
        )
    return ranked_P[: best[0]], best[1], best[2]


def choose_code(
    compressor: SceneCompressor,
    ranked_P: NDArray[np.int64],
    budget_bytes: int,
    kind: str,
    parts: Sequence[int],
    centroids: int | None,
    progress: Progress,
) -> tuple[CodeSettings, list[Candidate]]:
    """Measure the candidates on mapping views that did not contribute descriptors, and take the best.

    Returns:
        (the best settings, all candidates that were measured).

    Raises:
        MappingError: no candidate fits the budget.
    """
    views, tracks, basis = compressor.views, compressor.tracks, compressor.basis
    step = max(1, len(views) // VALIDATION_VIEWS)
    held_out = list(range(step // 2, len(views), step))
    measured: list[Candidate] = []
    codes = [code for code in candidate_codes(kind, parts, basis) if centroids in (None, code.centroids)]
    for number, code in enumerate(codes):
        progress('comparing codes', number, len(codes))
        if shared_bytes(code, basis) > LARGEST_SHARED_SHARE * budget_bytes:
            continue
        short = replace(code, fit=replace(code.fit, steps=CANDIDATE_STEPS))
        compressed = compressor.compress(short, frozenset(held_out))
        try:
            chosen, _, size = fit_points(tracks, views, compressed, ranked_P, budget_bytes)
        except MappingError:
            continue
        table = DescriptorTable(
            tracks.points_P3[chosen], compressed.restored_PC[torch.from_numpy(chosen)], np.array([0, len(chosen)])
        )
        decoder = DescriptorDecoder(table, QuerySpace(basis, code.parts if kind == 'dpqed' else None))
        matches = right_matches(decoder, [views[v] for v in held_out])
        measured.append(Candidate(code, len(chosen), size, matches))
    progress('comparing codes', len(codes), len(codes))
    if not measured:
        raise MappingError(
            f'no code fits a budget of {budget_bytes} bytes, expected a few kilobytes more; give a larger --budget'
        )
    best = max(measured, key=lambda c: c.right_matches)
    return best.code, measured


def _aged(features: Features, rng: np.random.Generator) -> Features:
    """Features as another day or another side would give them: descriptors displaced at random."""
    noise = rng.normal(size=features.descriptors_ND.shape) / np.sqrt(features.descriptors_ND.shape[1])
    descriptors = features.descriptors_ND + VALIDATION_NOISE * noise
    descriptors /= np.maximum(np.linalg.norm(descriptors, axis=1, keepdims=True), 1e-9)
    return replace(features, descriptors_ND=descriptors.astype(np.float32))


def right_matches(decoder: DescriptorDecoder, views: Sequence[View]) -> float:
    """Geometric mean over views of one plus the matches that agree with the view's pose."""
    rng = np.random.default_rng(0)
    logs = []
    for view in views:
        features = _aged(view.features.best(VALIDATION_KEYPOINTS), rng)
        matches = decoder.match(features, range(len(decoder.table.first_R1) - 1))
        errors = reprojection_errors(view.T_map_cam, view.camera, matches)
        logs.append(np.log1p(np.count_nonzero(errors < threshold_px(view.camera, 12.0))))
    return float(np.exp(np.mean(logs)))
