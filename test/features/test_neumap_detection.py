# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Keypoints from logits: the right maxima, between pixels, best first."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from neumap_ros.features.neumap_detection import BORDER_PX, SUPPRESSION_PX, Keypoints, find_keypoints
from neumap_ros.features.neumap_net import CELL, cornerness


def _find(logits_B1HW: torch.Tensor, content: tuple[int, int], count: int) -> Keypoints:
    return find_keypoints(functional.pixel_unshuffle(logits_B1HW, CELL), content, count)


def _hills(places: np.ndarray, heights: np.ndarray, size: int = 96) -> torch.Tensor:
    """Logits with a parabola of the given height at each place (pixels, top-left pixel's centre at 0.5)."""
    rows, columns = np.mgrid[0:size, 0:size] + 0.5
    logits = np.full((size, size), -9.0)
    for (x, y), height in zip(places, heights, strict=True):
        logits = np.maximum(logits, height - ((columns - x) ** 2 + (rows - y) ** 2) / 1.5)
    return torch.from_numpy(logits.astype(np.float32))[None, None]


def test_hills_are_found_between_pixels_and_best_first() -> None:
    places = np.array([[20.3, 31.8], [55.5, 12.5], [70.9, 80.1], [12.0, 60.0]])
    heights = np.array([2.0, 5.0, 3.0, 4.0])
    found = _find(_hills(places, heights), (96, 96), 4)
    order = np.argsort(-heights)
    np.testing.assert_allclose(found.keypoints_BN2[0].numpy(), places[order], atol=0.06)
    assert (found.logits_BN[0].diff() <= 0).all()


@pytest.mark.parametrize('seed', range(5))
def test_no_two_keypoints_are_too_near_and_all_are_maxima(seed: int) -> None:
    logits = torch.randn(2, 1, 64, 96, generator=torch.Generator().manual_seed(seed))
    found = _find(logits, (96, 64), 1000)
    for image in range(2):
        kept = torch.isfinite(found.logits_BN[image])
        assert kept.sum() > 20
        score = found.logits_BN[image][kept]
        # Noise has pixels of one value only by accident: the score names the pixel.
        where = torch.stack([(logits[image, 0] == s).nonzero()[0] for s in score])
        apart = (where[:, None] - where[None]).abs().amax(dim=2) + 1000 * torch.eye(len(where), dtype=torch.long)
        assert apart.min() > SUPPRESSION_PX
        for row, column in where.tolist():
            assert logits[image, 0, row, column] == logits[image, 0, row - 1 : row + 2, column - 1 : column + 2].max()
            assert BORDER_PX <= row < 64 - BORDER_PX
            assert BORDER_PX <= column < 96 - BORDER_PX


def test_padding_and_slopes_hold_no_keypoints() -> None:
    logits = _hills(np.array([[80.5, 80.5], [30.5, 30.5]]), np.array([5.0, 1.0]))
    found = _find(logits, (64, 64), 5)
    kept = torch.isfinite(found.logits_BN[0])
    np.testing.assert_allclose(found.keypoints_BN2[0][kept].numpy(), [[30.5, 30.5]], atol=1e-3)


def test_equal_neighbours_give_one_keypoint() -> None:
    logits = torch.full((1, 1, 32, 32), -9.0)
    logits[0, 0, 15, 15] = logits[0, 0, 15, 16] = 3.0  # in two cells
    found = _find(logits, (32, 32), 10)
    assert torch.isfinite(found.logits_BN).sum() == 1


def test_more_keypoints_than_cells_are_no_error() -> None:
    found = _find(torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0)), (32, 32), 10_000)
    assert found.keypoints_BN2.shape == (1, 64, 2)


def test_a_corner_by_the_formula_is_where_the_edges_meet() -> None:
    image = torch.zeros(1, 1, 48, 64)
    image[:, :, 20:, 30:] = 1.0
    response = cornerness(image)
    assert response.shape == image.shape
    row, column = np.unravel_index(int(response.argmax()), (48, 64))
    assert abs(row + 0.5 - 20) <= 1.5
    assert abs(column + 0.5 - 30) <= 1.5
    # On the edges, and where nothing is, there is none.
    assert response[0, 0, 40, 28:32].max() < response.max() - 2
    assert response[0, 0, 5, 5] == response.min()
