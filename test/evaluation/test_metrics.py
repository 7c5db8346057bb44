# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest

from neumap_ros.evaluation import metrics
from neumap_ros.evaluation.metrics import Threshold
from neumap_ros.geometry import Pose


def moved(x=0.0, angle_deg=0.0):
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    return Pose(np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]), np.array([x, 0, 0]))


def test_errors_are_infinite_without_a_pose():
    distance, angle = metrics.pose_errors([moved(0.3, 4), None], [moved(), moved()])
    assert distance == pytest.approx([0.3, math.inf])
    assert angle == pytest.approx([4, math.inf])


def test_no_queries():
    distance, angle = metrics.pose_errors([], [])
    assert distance.shape == angle.shape == (0,)
    assert math.isnan(metrics.recall(distance, angle, Threshold(1, 1), 1))
    assert math.isnan(metrics.median(distance))
    assert all(math.isnan(share) for share in metrics.coverage([]))
    assert metrics.scene_extent([None]) == 0


def test_failures_stand_in_the_denominator():
    distance, angle = [0.01, 0.04, 0.2, math.inf], [1, 6, 1, math.inf]
    assert metrics.recall(distance, angle, Threshold(0.05, 5), 1) == 0.25
    assert metrics.recall(distance, angle, Threshold(0.25, 10), 1) == 0.75
    assert metrics.recall(distance, angle, Threshold(1e9, 180), 1) == 0.75


def test_a_bound_is_inclusive_and_relative_ones_scale():
    assert Threshold(0.5, 5).met([0.5], [5.0], 100).all()
    assert list(Threshold(0.01, 5, True).met([0.09, 0.11], [0, 0], 10)) == [True, False]


@pytest.mark.parametrize(
    ('values', 'expected'),
    [([1, 3], 2), ([1, 2, math.inf], 2), ([1, math.inf], math.inf), ([math.inf] * 4, math.inf), ([5], 5)],
)
def test_the_median_counts_failures_as_infinite(values, expected):
    assert metrics.median(values) == expected


def test_labels_and_defaults():
    assert [t.label for t in metrics.default_thresholds(True)] == [
        '5 cm, 5 deg', '0.25 m, 2 deg', '0.5 m, 5 deg', '5 m, 10 deg',
    ]  # fmt: skip
    assert [t.label for t in metrics.default_thresholds(False)] == ['1 %, 5 deg', '3 %, 2 deg', '5 %, 5 deg']
    assert metrics.fine_threshold(True) == metrics.METRIC_THRESHOLDS[0]
    assert metrics.coarse_threshold(False).distance == 0.05


def test_the_extent_is_the_diagonal_of_the_box():
    poses = [Pose(np.eye(3), np.array(p)) for p in ([0, 0, 0], [3, 0, 0], [0, 4, 0])]
    assert metrics.scene_extent([*poses, None]) == 5


def test_coverage_of_an_honest_covariance():
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(3, 3))
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = factor @ factor.T
    errors = rng.normal(size=(4000, 3)) @ factor.T
    sigmas = [metrics.mahalanobis(Pose(np.eye(3), e), Pose.identity(), covariance) for e in errors]
    assert metrics.coverage(sigmas) == pytest.approx(metrics.EXPECTED_COVERAGE, abs=0.02)


@pytest.mark.parametrize('block', [np.zeros((3, 3)), np.full((3, 3), np.inf), -np.eye(3)])
def test_a_covariance_that_is_none_covers_nothing(block):
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = block
    assert metrics.mahalanobis(moved(1), moved(), covariance) == math.inf
