# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from neumap_ros.mapping.fit_dpqed import FitSettings, TrackDescriptors, fit_dpqed
from neumap_ros.models.dequantizer import Dequantizer
from neumap_ros.models.product_quantizer import ProductQuantizer, kmeans_codebooks

SIZE, POINTS, PARTS = 16, 300, 4
SETTINGS = FitSettings(steps=120, batch=200)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noisy(points_PD: torch.Tensor, seed: int, noise: float = 0.08) -> torch.Tensor:
    return functional.normalize(points_PD + noise * torch.randn(points_PD.shape, generator=generator(seed)), dim=1)


@pytest.fixture(scope='module')
def truth_PD():
    """Descriptors in clusters, and their parts depend on each other: what a dequantiser can make use of."""
    centres = torch.randn(12, SIZE, generator=generator(1))
    which = torch.randint(12, (POINTS,), generator=generator(2))
    return functional.normalize(centres[which] + 0.6 * torch.randn(POINTS, SIZE, generator=generator(3)), dim=1)


@pytest.fixture(scope='module')
def tracks(truth_PD):
    lengths = torch.randint(2, 6, (POINTS,), generator=generator(4))
    first = np.concatenate([[0], np.cumsum(lengths.numpy())])
    observations = noisy(truth_PD.repeat_interleave(lengths, 0), 5)
    mean = functional.normalize(
        torch.stack([observations[first[p] : first[p + 1]].mean(0) for p in range(POINTS)]), dim=1
    )
    positions = torch.rand(POINTS, 3, generator=generator(6)) * 10
    return TrackDescriptors(mean, observations, first.astype(np.int64), positions)


@pytest.fixture(scope='module')
def start(tracks):
    return kmeans_codebooks(tracks.mean_PD, PARTS, generator(0), clusters=16)


def fitted(tracks, start, settings=SETTINGS, hidden=32, seed=0):
    torch.manual_seed(seed)  # the first layer of the dequantiser starts at random
    quantizer, dequantizer = ProductQuantizer(start), Dequantizer(SIZE, hidden)
    fit_dpqed(tracks, quantizer, dequantizer, settings, generator(seed))
    return quantizer, dequantizer


def restored(tracks, quantizer, dequantizer) -> torch.Tensor:
    with torch.no_grad():
        return dequantizer(quantizer.lookup(quantizer.encode(tracks.mean_PD)))


def matching_error(query_PD: torch.Tensor, map_PD: torch.Tensor) -> float:
    """Share of fresh observations whose nearest map descriptor belongs to another point."""
    return float(((query_PD @ map_PD.T).argmax(1) != torch.arange(POINTS)).float().mean())


def test_training_improves_matching_of_fresh_observations(tracks, truth_PD, start):
    fresh = torch.cat([noisy(truth_PD, seed) for seed in range(10, 15)]).split(POINTS)
    before = restored(tracks, ProductQuantizer(start), Dequantizer(SIZE, 0))
    after = restored(tracks, *fitted(tracks, start))
    error_before = np.mean([matching_error(f, before) for f in fresh])
    error_after = np.mean([matching_error(f, after) for f in fresh])
    assert 0.1 < error_before < 0.95, 'the test would say nothing'
    assert error_after < 0.95 * error_before
    similarity = [float((m * tracks.mean_PD).sum(1).mean()) for m in (before, after)]
    assert similarity[1] > similarity[0], 'the descriptors themselves must come nearer too'


def test_the_dequantiser_alone_helps_and_leaves_the_codebooks_alone(tracks, truth_PD, start):
    settings = FitSettings(steps=120, batch=200, train_codebooks=False)
    quantizer, dequantizer = fitted(tracks, start, settings)
    assert torch.equal(quantizer.codebooks_MKS, start)
    before = restored(tracks, ProductQuantizer(start), Dequantizer(SIZE, 0))
    after = restored(tracks, quantizer, dequantizer)
    fresh = noisy(truth_PD, 20)
    own = [float((m * fresh).sum(1).mean()) for m in (before, after)]
    assert own[1] > own[0]


def test_without_anything_to_train_nothing_happens(tracks, start):
    settings = FitSettings(steps=3, train_codebooks=False)
    quantizer, _ = fitted(tracks, start, settings, hidden=0)
    assert torch.equal(quantizer.codebooks_MKS, start)


def test_the_same_seed_gives_the_same_map(tracks, start):
    settings = FitSettings(steps=15, batch=64)
    first, second, other = (fitted(tracks, start, settings, seed=seed) for seed in (7, 7, 8))
    for a, b in zip(first, second, strict=True):
        for name, value in a.state_dict().items():
            assert torch.equal(value, b.state_dict()[name]), name
    assert not torch.equal(first[0].codebooks_MKS, other[0].codebooks_MKS)


def test_both_triplet_losses_have_an_effect(tracks, start):
    base = {'steps': 5, 'batch': 100, 'triplet_original': 1.0, 'triplet_dequantised': 0.5}
    reference = fitted(tracks, start, FitSettings(**base))[0].codebooks_MKS
    for name in ('triplet_original', 'triplet_dequantised'):
        changed = fitted(tracks, start, FitSettings(**{**base, name: 0.0}))[0].codebooks_MKS
        assert not torch.equal(reference, changed), name


def test_progress_and_frozen_results(tracks, start):
    calls = []
    quantizer, dequantizer = ProductQuantizer(start), Dequantizer(SIZE, 4)
    settings = FitSettings(steps=4, batch=50)
    fit_dpqed(tracks, quantizer, dequantizer, settings, generator(0), lambda *call: calls.append(call))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert not any(p.requires_grad for p in (*quantizer.parameters(), *dequantizer.parameters()))
    for module in (quantizer, dequantizer):
        assert all(torch.isfinite(p).all() for p in module.parameters())


def test_a_scene_at_one_place_or_of_equal_descriptors_stays_finite(tracks, start):
    """Without any negative, and with distances of zero, whose root has no gradient."""
    same = TrackDescriptors(
        tracks.mean_PD[:1].repeat(POINTS, 1),
        tracks.mean_PD[:1].repeat(len(tracks.observations_OD), 1),
        tracks.first_P1,
        torch.zeros(POINTS, 3),
    )
    quantizer, dequantizer = fitted(same, start, FitSettings(steps=10, batch=50))
    for module in (quantizer, dequantizer):
        assert all(torch.isfinite(p).all() for p in module.parameters())
