# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fitting D-PQED to a scene: codes, codebooks and dequantiser trained together (ECCV 2024, arXiv 2407.15540)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neumap_ros.models.dequantizer import Dequantizer
from neumap_ros.models.product_quantizer import ProductQuantizer


@dataclass(frozen=True)
class FitSettings:
    """How D-PQED is trained. The paper's values are not public; these were chosen on splits of mapping images.

    Attributes:
        steps: optimiser steps.
        batch: points per step; negatives come from the same batch. 512 gave as many right matches as 1,024 in half
            the time.
        learning_rate: Adam, cosine decay to zero.
        margin: of both triplet losses, in distance of unit vectors.
        triplet_original: weight of the loss between observations and dequantised descriptors (asymmetric matching).
        triplet_dequantised: weight of the loss among dequantised descriptors.
        commitment: weight of the commitment term of the straight-through quantiser.
        train_codebooks: False keeps the shipped universal codebooks, which then cost no map bytes.
        negative_distance: negatives lie at least so far from the anchor's point, in fractions of the scene's extent;
            nearer ones are repeated triangulations of one corner.
    """

    steps: int = 400
    batch: int = 512
    learning_rate: float = 2e-3
    margin: float = 0.3
    triplet_original: float = 1.0
    triplet_dequantised: float = 0.5
    commitment: float = 0.25
    train_codebooks: bool = True
    negative_distance: float = 0.01


@dataclass(frozen=True)
class TrackDescriptors:
    """Descriptors of a scene's points in the basis that is quantised.

    Attributes:
        mean_PD: one unit descriptor per point, the normalised mean of its track.
        observations_OD: unit descriptors of all observations.
        first_P1: offsets into ``observations_OD``: point p owns rows first[p] to first[p + 1].
        points_P3: positions, map units.
    """

    mean_PD: Tensor
    observations_OD: Tensor
    first_P1: NDArray[np.int64]
    points_P3: Tensor


def fit_dpqed(
    tracks: TrackDescriptors,
    quantizer: ProductQuantizer,
    dequantizer: Dequantizer,
    settings: FitSettings,
    generator: torch.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Train codebooks and dequantiser in place (methods.md section 2.8).

    The loss is the reconstruction error plus two triplet losses with the hardest negatives of the batch: anchor a real
    observation against dequantised points, and anchor a dequantised observation against dequantised points; the
    positive comes from another observation of the anchor's track than the anchor itself.

    Args:
        tracks: the scene.
        quantizer: started from k-means or from the universal codebooks.
        dequantizer: started as the identity.
        settings: see there.
        generator: source of randomness.
        progress: called with (step, steps).
    """
    quantizer.requires_grad_(settings.train_codebooks)
    parameters = [p for p in (*quantizer.parameters(), *dequantizer.parameters()) if p.requires_grad]
    if not parameters:
        return
    optimizer = torch.optim.Adam(parameters, lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    count = len(tracks.mean_PD)
    first_P1 = torch.from_numpy(tracks.first_P1)
    extent = (tracks.points_P3.amax(0) - tracks.points_P3.amin(0)).norm()
    with torch.no_grad():
        sample = tracks.mean_PD[torch.randint(count, (min(count, 2048),), generator=generator)]
        spread = quantizer(sample, 1.0)[1].item() / quantizer.parts if settings.train_codebooks else 0.0
        # Codebooks that stay as they are give every point the same code all the time.
        fixed_PD = None if settings.train_codebooks else quantizer.lookup(quantizer.encode(tracks.mean_PD))
    for step in range(settings.steps):
        # Annealed by 10 over the training: soft assignments first, nearly hard ones at the end (methods.md 2.8).
        temperature = max(spread, 1e-4) * 10 ** (-step / settings.steps)
        points_B = torch.randperm(count, generator=generator)[: settings.batch]
        anchor_BD = _random_observation(tracks, first_P1, points_B, generator)
        other_BD = _random_observation(tracks, first_P1, points_B, generator)
        mean_BD = tracks.mean_PD[points_B]
        near_BB = torch.cdist(tracks.points_P3[points_B], tracks.points_P3[points_B]) < (
            settings.negative_distance * extent
        )
        commitment = mean_BD.new_zeros(())
        if fixed_PD is None:
            quantised_BD, commitment = quantizer(mean_BD, temperature)
        else:
            quantised_BD = fixed_PD[points_B]
        restored_BD = dequantizer(quantised_BD)
        loss = (mean_BD - restored_BD).square().sum(1).mean() + settings.commitment * commitment
        loss = loss + settings.triplet_original * _triplet(anchor_BD, restored_BD, near_BB, settings.margin)
        if settings.triplet_dequantised:
            if fixed_PD is None:
                quantised_other_BD = quantizer(other_BD, temperature)[0]
            else:
                quantised_other_BD = quantizer.lookup(quantizer.encode(other_BD))
            restored_other_BD = dequantizer(quantised_other_BD)
            loss = loss + settings.triplet_dequantised * _triplet(
                restored_other_BD, restored_BD, near_BB, settings.margin
            )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if progress:
            progress(step + 1, settings.steps)
    quantizer.requires_grad_(False)
    dequantizer.requires_grad_(False)


def _random_observation(
    tracks: TrackDescriptors, first_P1: Tensor, points_B: Tensor, generator: torch.Generator
) -> Tensor:
    start, stop = first_P1[points_B], first_P1[points_B + 1]
    offset = (torch.rand(len(points_B), generator=generator) * (stop - start)).long()
    return tracks.observations_OD[start + offset]


def _triplet(anchor_BD: Tensor, restored_BD: Tensor, excluded_BB: Tensor, margin: float) -> Tensor:
    """Mean hinge of margin + distance to the own point - distance to the nearest other point of the batch."""
    similarity_BB = anchor_BD @ restored_BD.T
    positive_B = similarity_BB.diagonal()
    # max with an index: its gradient touches one number a row, that of amax all of them.
    hardest_B = similarity_BB.masked_fill(excluded_BB, -1.0).max(dim=1).values
    # Distances of unit vectors; the small constant keeps the gradient of the root finite.
    positive_B = (2 - 2 * positive_B).clamp_min(1e-6).sqrt()
    negative_B = (2 - 2 * hardest_B).clamp_min(1e-6).sqrt()
    return (margin + positive_B - negative_B).clamp_min(0).mean()
