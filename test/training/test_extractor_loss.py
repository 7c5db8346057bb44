# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The losses are small where the network is right."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from neumap_ros.features.neumap_net import Dense
from neumap_ros.training.extractor_loss import POINTS_PER_PAIR, Batch, collate, losses
from neumap_ros.training.extractor_pairs import Pair, View

SIZE = 64
TEMPERATURE = torch.tensor(0.07)


def _batch(pairs: int = 2, points: int = 12) -> Batch:
    rng = np.random.default_rng(1)
    made = []
    for _ in range(pairs):
        places = (np.stack(np.meshgrid([12, 28, 44], [10, 24, 38, 52]), -1).reshape(-1, 2)[:points]).astype(np.float32)
        places += rng.uniform(-1.5, 1.5, places.shape).astype(np.float32)
        views = [View(rng.random((SIZE, SIZE), np.float32), places, np.ones((SIZE, SIZE), bool)) for _ in range(2)]
        descriptors = rng.normal(size=(points, 16)).astype(np.float32)
        made.append(Pair(*views, places, places[:, ::-1].copy(), descriptors))
    return collate(made, list(range(pairs)), rng)


def _dense(batch: Batch, logits: torch.Tensor | None = None, descriptors: torch.Tensor | None = None) -> Dense:
    count = len(batch.images_N1SS)
    generator = torch.Generator().manual_seed(3)
    return Dense(
        functional.pixel_unshuffle(torch.full((count, 1, SIZE, SIZE), -4.0) if logits is None else logits, 4),
        torch.randn(count, 16, 8, 8, generator=generator) if descriptors is None else descriptors,
        torch.zeros(count, 4, 8, 8),
        functional.normalize(torch.randn(count, 8, generator=generator), dim=1),
    )


def test_a_batch_holds_the_points_in_their_views() -> None:
    batch = _batch(points=9)
    assert batch.images_N1SS.shape == (4, 1, SIZE, SIZE)
    assert batch.valid_BP.sum(dim=1).tolist() == [9, 9]
    assert batch.points_2BP2.shape == (2, 2, POINTS_PER_PAIR, 2)
    np.testing.assert_array_equal(batch.points_2BP2[0][batch.valid_BP], batch.points_2BP2[1][batch.valid_BP].flip(1))
    for number, x, y in batch.places_K3.tolist():
        assert batch.hills_N1SS[int(number), 0, int(y), int(x)] == 1
    assert (batch.hills_N1SS == 1).sum() == len(batch.places_K3)


def test_keypoints_where_they_belong_cost_nothing_and_elsewhere_much() -> None:
    batch = _batch()
    right = 20 * (batch.hills_N1SS == 1).float() - 10
    true = losses(_dense(batch, right), batch, TEMPERATURE, None)
    none = losses(_dense(batch, torch.full_like(right, -10.0)), batch, TEMPERATURE, None)
    shifted = losses(_dense(batch, right.roll(6, dims=3)), batch, TEMPERATURE, None)
    assert true['keypoints'] < 0.01
    assert none['keypoints'] > 5
    assert shifted['keypoints'] > none['keypoints']


def test_invented_keypoints_outside_the_photograph_are_forgiven() -> None:
    batch = _batch()
    logits = 20 * (batch.hills_N1SS == 1).float() - 10
    logits[:, :, -5:, -5:] = 8.0
    before = losses(_dense(batch, logits), batch, TEMPERATURE, None)['keypoints']
    batch.seen_N1SS[:, :, -5:, -5:] = 0
    assert losses(_dense(batch, logits), batch, TEMPERATURE, None)['keypoints'] < 0.1 * before


def test_a_hill_a_pixel_aside_is_noticed() -> None:
    batch = _batch()
    rows, columns = torch.meshgrid(torch.arange(SIZE) + 0.5, torch.arange(SIZE) + 0.5, indexing='ij')
    logits = torch.full((4, 1, SIZE, SIZE), -30.0)
    for number, x, y in batch.places_K3.tolist():
        hill = -((columns - x) ** 2 + (rows - y) ** 2) / 1.2
        logits[int(number), 0] = torch.maximum(logits[int(number), 0], hill)
    there = losses(_dense(batch, logits), batch, TEMPERATURE, None)['places']
    aside = losses(_dense(batch, logits.roll(1, dims=3)), batch, TEMPERATURE, None)['places']
    # The best that a distribution over pixels can do is the entropy of the bilinear weights, about 1.
    assert there < 1.7
    assert aside > there + 0.8


def test_descriptors_that_agree_cost_less_than_random_ones() -> None:
    batch = _batch()
    # Second views show x and y exchanged, so that the map of the first, transposed, is right.
    first = torch.randn(2, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    right = _dense(batch, descriptors=torch.cat([first, first.transpose(2, 3)]))
    wrong = _dense(batch, descriptors=torch.cat([first, first.flip(2)]))
    assert losses(right, batch, TEMPERATURE, None)['descriptors'] < 0.2
    assert losses(wrong, batch, TEMPERATURE, None)['descriptors'] > 1


def test_the_teacher_is_imitated_where_it_has_a_descriptor() -> None:
    batch = _batch()
    target = batch.teacher_BPT[0, 0].clone()
    batch.teacher_BPT[:] = 0
    batch.teacher_BPT[:, :5] = target
    same = target[None, :, None, None].expand(4, -1, 8, 8)
    axes = torch.eye(16)
    assert losses(_dense(batch, descriptors=same), batch, TEMPERATURE, axes)['teacher'] < 1e-5
    assert losses(_dense(batch, descriptors=-same), batch, TEMPERATURE, axes)['teacher'] == pytest.approx(4.0, abs=1e-4)
    assert 'teacher' not in losses(_dense(batch), batch, TEMPERATURE, None)


def test_other_views_of_one_photograph_are_not_told_apart() -> None:
    batch = _batch()
    dense = _dense(batch)._replace(global_BG=torch.tensor([[1.0, 0], [1.0, 0], [1.0, 0], [1.0, 0]]))
    alike = Batch(**(vars(batch) | {'names_B': torch.tensor([7, 7])}))
    assert losses(dense, batch, TEMPERATURE, None)['global'] == pytest.approx(0.1 * np.log(2), abs=1e-4)
    assert losses(dense, alike, TEMPERATURE, None)['global'] == pytest.approx(0.0, abs=1e-4)


def test_views_without_a_common_point_give_a_finite_loss() -> None:
    batch = _batch()
    batch.valid_BP[:] = False
    values = losses(_dense(batch), batch, TEMPERATURE, None)
    assert all(torch.isfinite(v) for v in values.values())
