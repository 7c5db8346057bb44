# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch

from neumap_ros.features.detection import peaks, sample, strongest, sub_cell
from neumap_ros.features.network_image import MAX_PIXELS, enlarge_and_fit, fit, stretch


def test_only_the_largest_of_a_square_is_a_peak():
    score = torch.zeros(12, 12)
    score[4, 5], score[5, 7], score[9, 9], score[0, 11] = 3, 2, 1, 4
    found = peaks(score, 2)
    assert torch.nonzero(torch.isfinite(found) & (found > 0)).tolist() == [[0, 11], [4, 5], [9, 9]]
    assert not torch.isfinite(found[5, 7])
    assert torch.nonzero(torch.isfinite(peaks(score, 2, border=2)) & (score > 0)).tolist() == [[4, 5], [9, 9]]


def test_where_everything_is_equal_there_is_no_peak():
    assert not torch.isfinite(peaks(torch.full((9, 9), 5.0), 2)).any()


def test_the_strongest_come_first():
    score = torch.zeros(8, 10)
    score[2, 7], score[6, 1] = 1, 2
    scores, cells = strongest(peaks(score, 1), 3)
    assert cells[:2].tolist() == [[1, 6], [7, 2]], 'x, y'
    assert scores[:2].tolist() == [2, 1]
    assert scores[2] <= 0


@pytest.mark.parametrize('where', [(6.0, 4.0), (6.3, 3.8), (5.6, 4.4)])
def test_a_parabola_finds_its_vertex(where):
    y, x = torch.meshgrid(torch.arange(9.0), torch.arange(13.0), indexing='ij')
    score = 10 - 0.7 * (x + 0.5 - where[0]) ** 2 - 0.4 * (y + 0.5 - where[1]) ** 2
    _, cells = strongest(score, 1)
    assert sub_cell(score, cells)[0].tolist() == pytest.approx(where, abs=1e-4)


def test_peaks_at_the_edge_of_the_map_stay_there():
    score = torch.zeros(5, 6)
    score[0, 0], score[4, 5] = 2, 1
    assert sub_cell(score, torch.tensor([[0, 0], [5, 4]])).tolist() == [[0.5, 0.5], [5.5, 4.5]]


def test_samples_are_linear_between_cells_and_of_unit_length():
    columns = torch.arange(7.0).expand(4, 7)
    dense = torch.stack([columns, torch.ones(4, 7)])
    found = sample(dense, torch.tensor([[2.5, 1.5], [3.0, 2.2], [4.75, 0.5]]))
    assert (found[:, 0] / found[:, 1]).tolist() == pytest.approx([2, 2.5, 4.25], abs=1e-5)
    assert torch.linalg.norm(found, dim=1).tolist() == pytest.approx([1, 1, 1])


def test_padding_repeats_the_border_at_the_right_and_the_bottom():
    image = np.random.default_rng(0).integers(0, 256, (70, 90), dtype=np.uint8)
    given = fit(image, 32)
    assert given.image.shape == (96, 96)
    assert (given.image[:70, :90] == image).all()
    assert (given.image[70:, :90] == image[-1]).all()
    assert given.content == (90, 70)
    assert given.scale == (1, 1)
    keypoints = np.array([[0.0, 0.0], [90, 70], [90.1, 5], [5, 70.1], [np.nan, 5]], np.float32)
    assert given.inside(keypoints).tolist() == [True, True, False, False, False]


def test_large_images_are_shrunk():
    given = fit(np.zeros((3000, 4000, 3), np.uint8), 32)
    assert given.image.shape[0] * given.image.shape[1] < 1.05 * MAX_PIXELS
    assert given.image.shape[2] == 3
    corner = np.array([given.content], np.float32)
    assert given.to_given(corner) == pytest.approx(np.array([[4000, 3000]]))


@pytest.mark.parametrize(
    ('shape', 'content'),
    [((480, 640), (640, 480)), ((240, 320), (640, 480)), ((120, 160), (320, 240)), ((900, 900), None)],
)
def test_small_images_are_enlarged_to_the_usual_size_at_most_twofold(shape, content):
    given = enlarge_and_fit(np.zeros(shape, np.uint8), 32, 640 * 480)
    assert given.content == (content or shape[::-1])
    corner = np.array([given.content], np.float32)
    assert given.to_given(corner) == pytest.approx(np.array([shape[::-1]]))
    assert enlarge_and_fit(np.zeros(shape, np.uint8), 32, 0).content == shape[::-1]


def test_stretching_keeps_the_convention():
    """The centre of the top-left pixel stays the centre of what it became."""
    given = stretch(np.zeros((30, 40), np.uint8), (80, 90))
    assert given.image.shape == (90, 80)
    assert given.to_given(np.array([[1.0, 1.5], [80, 90]], np.float32)) == pytest.approx(
        np.array([[0.5, 0.5], [40, 30]])
    )
