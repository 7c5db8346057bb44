# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The features of an image as a value."""

import numpy as np
import pytest

from neumap_ros.features import Features


def _features(count: int, with_context: bool) -> Features:
    rng = np.random.default_rng(3)
    return Features(
        keypoints_N2=rng.uniform(0, 100, (count, 2)).astype(np.float32),
        scales_N=np.ones(count, np.float32),
        descriptors_ND=rng.normal(size=(count, 8)).astype(np.float32),
        scores_N=np.arange(count, 0, -1, dtype=np.float32),
        global_descriptor_G=np.ones(4, np.float32),
        image_size=(100, 100),
        context_NC=rng.normal(size=(count, 6)).astype(np.float32) if with_context else None,
    )


@pytest.mark.parametrize('with_context', [True, False])
def test_best_keeps_the_rows_of_all_fields_together(with_context: bool) -> None:
    features = _features(10, with_context)
    best = features.best(4)
    assert len(best) == 4
    for name in ('keypoints_N2', 'scales_N', 'descriptors_ND', 'scores_N'):
        np.testing.assert_array_equal(getattr(best, name), getattr(features, name)[:4])
    if with_context:
        np.testing.assert_array_equal(best.context_NC, features.context_NC[:4])
    else:
        assert best.context_NC is None
    np.testing.assert_array_equal(best.global_descriptor_G, features.global_descriptor_G)
