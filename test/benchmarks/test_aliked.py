# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from benchmarks.aliked import Aliked, deformed_conv
from neumap_ros.errors import ConfigError

WEIGHTS = Path(os.environ.get('NEUMAP_WEIGHTS', Path(__file__).resolve().parents[3] / 'shared' / 'weights'))
FILE = WEIGHTS / 'aliked' / 'aliked-n16.pth'


def sampled(image_HW: np.ndarray, y: float, x: float) -> float:
    """Bilinear, zero outside."""
    total, (height, width) = 0.0, image_HW.shape
    for row in (int(np.floor(y)), int(np.floor(y)) + 1):
        for column in (int(np.floor(x)), int(np.floor(x)) + 1):
            if 0 <= row < height and 0 <= column < width:
                total += image_HW[row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return total


def test_deformed_convolution_by_hand():
    torch.manual_seed(0)
    x, offsets, weight = torch.randn(1, 2, 5, 6), 2 * torch.randn(1, 18, 5, 6), torch.randn(3, 2, 3, 3)
    wanted = np.zeros((3, 5, 6))
    for i in range(5):
        for j in range(6):
            for tap in range(9):
                dy, dx = offsets[0, 2 * tap : 2 * tap + 2, i, j].tolist()
                values = [sampled(x[0, c].numpy(), i + tap // 3 - 1 + dy, j + tap % 3 - 1 + dx) for c in range(2)]
                wanted[:, i, j] += weight[:, :, tap // 3, tap % 3].numpy() @ np.array(values)
    assert deformed_conv(x, offsets, weight)[0].numpy() == pytest.approx(wanted, abs=1e-4)


def test_without_offsets_it_is_a_convolution():
    torch.manual_seed(0)
    x, weight = torch.randn(1, 4, 8, 9), torch.randn(5, 4, 3, 3)
    plain = torch.nn.functional.conv2d(x, weight, padding=1)
    assert torch.allclose(deformed_conv(x, torch.zeros(1, 18, 8, 9), weight), plain, atol=1e-4)


def test_other_weights_are_refused(tmp_path):
    (tmp_path / 'a.pth').write_bytes(b'other')
    with pytest.raises(ConfigError, match=r'expected that of aliked-n16\.pth'):
        Aliked(tmp_path / 'a.pth')


@pytest.mark.data
@pytest.mark.skipif(not FILE.is_file(), reason=f'no weights in {WEIGHTS}; set NEUMAP_WEIGHTS to their folder')
def test_the_same_features_as_the_published_code():
    """Numbers of github.com/Shiaoming/ALIKED (top_k = 3) for this picture; its pixels begin at 0, ours at 0.5."""
    rng = np.random.default_rng(0)
    image = np.full((192, 256), 120, np.uint8)
    for _ in range(30):
        place = tuple(int(v) for v in rng.integers((0, 0), (256, 192)))
        end = tuple(int(v) for v in np.add(place, rng.integers(6, 30, 2)))
        cv2.rectangle(image, place, end, int(rng.integers(0, 255)), -1)
    features = Aliked(FILE).extract(cv2.GaussianBlur(image, (0, 0), 1.0), 3)
    order = np.argsort(features.keypoints_N2[:, 0])
    keypoints = [(41.341, 118.203), (111.937, 76.017), (213.034, 133.986)]
    assert features.keypoints_N2[order] == pytest.approx(np.array(keypoints) + 0.5, abs=2e-3)
    assert features.scores_N[order] == pytest.approx([0.8877, 0.8932, 0.9068], abs=1e-3)
    descriptors = [(0.0125, -0.1629, -0.0534), (-0.1419, -0.0103, 0.0518), (-0.0164, 0.0109, -0.0425)]
    assert features.descriptors_ND[order, :3] == pytest.approx(np.array(descriptors), abs=2e-3)
