# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Errors of held-out images -> the calibration of a map."""

from __future__ import annotations

import numpy as np
import pytest

from neumap_ros.geometry import Pose
from neumap_ros.localization.calibration import Calibration
from neumap_ros.localization.fix import Evidence, Fix, Reason
from neumap_ros.mapping.calibration import (
    CAUTION,
    LONGEST_CALIBRATION,
    NOISE_PRIOR,
    SHARED_PRIOR,
    Calibrated,
    calibrate,
)
from neumap_ros.mapping.held_out import HeldOut


def held_out(count: int, truth: Calibration, seed: int = 0) -> list[HeldOut]:
    """Images whose errors are Gaussian with just the covariance that a calibration says."""
    rng = np.random.default_rng(seed)
    images = []
    for number in range(count):
        inliers = int(rng.integers(80, 1000))
        evidence = Evidence(guided_inliers=inliers, chance_inliers=0.05 * inliers, residual_px=rng.uniform(0.3, 2))
        spread_66 = rng.normal(size=(6, 6))
        solver_66 = 1e-6 * (spread_66 @ spread_66.T + np.eye(6))
        error = rng.multivariate_normal(np.zeros(6), solver_66 * truth.scale(evidence) ** 2)
        turn = error[3:]
        skew = np.array([[0, -turn[2], turn[1]], [turn[2], 0, -turn[0]], [-turn[1], turn[0], 0]])
        estimate = Pose.from_matrix(np.block([[_closest(np.eye(3) + skew), error[:3, None]], [np.zeros((1, 3)), 1.0]]))
        fix = Fix(Reason.OK, T_map_cam=estimate, covariance_66=solver_66, evidence=evidence)
        images.append(HeldOut(number, Pose.identity(), fix))
    return images


def _closest(matrix_33: np.ndarray) -> np.ndarray:
    u, _, vt = np.linalg.svd(matrix_33)
    return u @ vt


@pytest.mark.parametrize('truth', [Calibration(1.6, 0.01), Calibration(2.2, 0.3)], ids=['noise', 'shared'])
def test_known_errors_give_the_calibration_that_made_them(truth):
    images = held_out(400, truth)
    found = calibrate(images).calibration
    evidence = [image.fix.evidence for image in images]
    ratio = [found.scale(e) / (CAUTION * truth.scale(e)) for e in evidence]
    # Student's t takes Gaussian errors for a little smaller than they are.
    assert 0.85 < min(ratio) < max(ratio) < 1.1
    assert found.images == 400


def test_coverage_is_that_of_the_images():
    outcome = calibrate(held_out(400, Calibration(1.6, 0.2)))
    np.testing.assert_allclose(outcome.coverage, [0.20, 0.74, 0.97], atol=0.08)
    assert '400 of 400 held-out images' in outcome.sentence()


def test_few_images_tell_only_what_other_maps_do():
    outcome = calibrate(held_out(7, Calibration(9.0, 1.0)))
    assert outcome.calibration == Calibration(
        pytest.approx(CAUTION * NOISE_PRIOR[0]), pytest.approx(CAUTION * SHARED_PRIOR[0]), 0
    )
    assert 'too few' in outcome.sentence()
    assert calibrate([]).calibration == outcome.calibration


def test_images_that_were_not_localized_do_not_count():
    lost = [HeldOut(n, Pose.identity(), Fix(Reason.FEW_INLIERS)) for n in range(30)]
    images = held_out(20, Calibration(1.6, 0.01))
    outcome = calibrate([*images, *lost])
    assert (outcome.calibration.images, outcome.tried) == (20, 50)
    assert outcome.calibration == calibrate(images).calibration


def test_one_wrong_pose_does_not_decide():
    images = held_out(40, Calibration(1.6, 0.01))
    far = Pose(np.eye(3), (1.0, 0.0, 0.0))
    spoiled = [*images[:-1], HeldOut(39, far, images[-1].fix)]
    before, after = calibrate(images).calibration, calibrate(spoiled).calibration
    evidence = images[0].fix.evidence
    assert after.scale(evidence) < 1.35 * before.scale(evidence)


def test_no_calibration_is_longer_in_a_manifest_than_was_reckoned_with():
    longest = len(str(LONGEST_CALIBRATION))
    for noise, shared in ((1.8, 0.02), (0.000123456, 123.456), (12.3456, 0.00001234), (1e-9, 3e-9)):
        outcome = Calibrated(Calibration(noise, shared, 9999), 9999, (), (1 / 3, 2 / 3, 1.0))
        assert len(str(outcome.to_manifest())) <= longest
