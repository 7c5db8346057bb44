# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neumap_ros.localization.solver import move_covariance


def test_the_covariance_of_another_point_is_that_of_samples():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6)) * 0.01
    offset = np.array([0.4, -0.3, 0.7])
    samples = rng.normal(size=(20_000, 6)) @ root.T
    there = Rotation.from_rotvec(samples[:, 3:]).apply(offset) - offset + samples[:, :3]
    expected = np.cov(np.c_[there, samples[:, 3:]].T)
    moved = move_covariance(root @ root.T, offset)
    scale = np.sqrt(np.diag(expected))
    assert moved / np.outer(scale, scale) == pytest.approx(expected / np.outer(scale, scale), abs=0.05)
    assert np.isinf(move_covariance(np.full((6, 6), np.inf), offset)).all()
