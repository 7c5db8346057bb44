# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import math

import numpy as np
import pytest
from rich.console import Console
from scipy.spatial.transform import Rotation

from neumap_ros.evaluation import metrics
from neumap_ros.evaluation.consistency import (
    PARTS,
    consistency,
    expected_coverage,
    nees,
    run_consistency,
    wilson_interval,
)
from neumap_ros.evaluation.run_tables import run_tables
from neumap_ros.evaluation.run_types import AttemptRow, Run
from neumap_ros.geometry import Pose


def rows(count, scale=1.0, seed=0):
    """Accepted poses with Gaussian errors, whose covariances claim 1/scale of the true standard deviations."""
    rng = np.random.default_rng(seed)
    result = []
    for index in range(count):
        factor = np.tril(rng.normal(size=(6, 6))) * 0.02 + 0.03 * np.eye(6)
        error = factor @ rng.normal(size=6)
        truth = Pose(Rotation.random(random_state=rng).as_matrix(), rng.normal(0, 10, 3))
        turn = Rotation.from_rotvec(error[3:]).as_matrix()
        estimate = Pose(turn @ truth.rotation_33, truth.translation_3 + error[:3])
        covariance = factor @ factor.T / scale**2
        result.append(
            AttemptRow(str(index), index, 'ok', accepted=True, estimate=estimate, truth=truth, covariance_66=covariance)
        )
    return result


def test_honest_covariances():
    parts = run_consistency(rows(1500))
    assert [part.part for part in parts] == list(PARTS)
    for part in parts:
        assert part.verdict == 'honest'
        assert part.count == 1500
        assert part.bounds[0] < part.normalised < part.bounds[1]
        assert part.factor == pytest.approx(1, abs=0.05)
        assert [share.value for share in part.coverage] == pytest.approx(part.expected, abs=0.04)


@pytest.mark.parametrize(('scale', 'verdict'), [(2.0, 'too small'), (0.5, 'too large')])
def test_covariances_of_the_wrong_size(scale, verdict):
    for part in run_consistency(rows(400, scale)):
        assert part.verdict == verdict
        assert part.factor == pytest.approx(scale, rel=0.1)
        assert part.normalised == pytest.approx(scale**2, rel=0.25)


def test_heavy_tails_are_neither_too_small_nor_too_large():
    values = np.concatenate([np.full(60, 0.1), np.full(40, 100.0)])
    assert consistency(values, 'position').verdict == 'mixed'


def test_the_position_is_that_of_the_mahalanobis_distance():
    for row in rows(20):
        squared = nees(row.pose, row.truth, row.covariance_66, 'position')
        assert math.sqrt(squared) == pytest.approx(metrics.mahalanobis(row.pose, row.truth, row.covariance_66))


def test_expected_shares():
    assert expected_coverage(3) == pytest.approx(metrics.EXPECTED_COVERAGE, abs=5e-4)
    assert expected_coverage(6) == pytest.approx((0.0144, 0.3233, 0.8264), abs=5e-4)


@pytest.mark.parametrize('covariance', [np.zeros((6, 6)), -np.eye(6), np.full((6, 6), np.nan), np.full((6, 6), np.inf)])
def test_a_covariance_that_is_none_covers_nothing(covariance):
    assert nees(Pose.identity(), Pose.identity(), covariance) == math.inf
    assert consistency([math.inf] * 10, 'pose').verdict == 'too small'


def test_nothing_to_judge():
    rejected = AttemptRow('a', 0, 'few_inliers', truth=Pose.identity())
    for part in run_consistency([rejected]):
        assert part.count == 0
        assert part.verdict == 'unknown'
        assert math.isnan(part.factor)
    assert math.isnan(wilson_interval(0, 0).low)


@pytest.mark.parametrize(
    ('successes', 'cases', 'low', 'high'),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962)],
)
def test_intervals_of_wilson(successes, cases, low, high):
    """Figures worked out from Wilson's formula, and the formula itself."""
    z2, share = 1.959964**2, successes / cases
    middle = (share + z2 / (2 * cases)) / (1 + z2 / cases)
    half = math.sqrt(z2 * share * (1 - share) / cases + z2**2 / (4 * cases**2)) / (1 + z2 / cases)
    interval = wilson_interval(successes, cases)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-4)
    assert (interval.low, interval.high) == pytest.approx((middle - half, middle + half), abs=1e-5)


def test_the_tables_of_a_run_show_the_intervals():
    console = Console(width=100, record=True)
    console.print(run_tables(Run('a', 'replay', 'a bag', tuple(rows(50)))))
    text = console.export_text()
    assert all(word in text for word in ('position', 'orientation', 'pose', '3 sigma', '97.1', 'honest'))
    without = [dataclasses.replace(row, covariance_66=None) for row in rows(5)]
    console.print(run_tables(Run('a', 'replay', 'a bag', tuple(without))))
    assert 'orientation' not in console.export_text()
