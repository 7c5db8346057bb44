# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Held-out mapping images -> how wrong poses in a map are.

Two numbers are fitted to the errors of the held-out images, the most probable ones given those errors and what other
maps showed (:data:`NOISE_PRIOR`, :data:`SHARED_PRIOR`). Few images leave them near the latter. The likelihood is that
of Student's t, so that one wrong pose does not decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from neumap_ros.geometry import Pose
from neumap_ros.localization.calibration import Calibration
from neumap_ros.localization.fix import Evidence
from neumap_ros.mapping.held_out import HeldOut

# Median and spread (natural logarithm) of the numbers of a map, over the places that benchmarks/coverage.py fits.
NOISE_PRIOR = (1.75, 0.3)
SHARED_PRIOR = (0.03, 1.5)
# Degrees of freedom of Student's t.
TAILS = 8.0
# Neighbouring images err alike: two of them tell as much as one that is alone.
INDEPENDENT_SHARE = 0.5
# Queries see the map from elsewhere and on another day. Over eight sets their errors were 0.6 to 1.6 times what
# held-out images promised, 1.0 in the median; a robot rather believes a tenth too little than too much.
CAUTION = 1.1
# Fewer held-out images tell nothing that other maps do not.
FEWEST_IMAGES = 8
# Images held out by default: they cost about a tenth of a build, and more would not change the numbers by a tenth.
DEFAULT_IMAGES = 40


# As long as what a manifest may hold of a calibration.
LONGEST_CALIBRATION = {'images': 10_000, 'noise': 0.000123, 'shared': 0.000123, 'within': [0.12, 0.12, 0.12]}


@dataclass(frozen=True)
class Calibrated:
    """The outcome of a calibration.

    Attributes:
        calibration: of the map.
        tried: images that were held out.
        fixes: evidence, solver's covariance (6, 6) and error (6,) of those that were accepted.
        coverage: share of the accepted ones whose position error lies within 1, 2 and 3 calibrated standard deviations;
            NaN without any.
    """

    calibration: Calibration
    tried: int
    fixes: tuple[tuple[Evidence, NDArray[np.float64], NDArray[np.float64]], ...]
    coverage: tuple[float, ...]

    def sentence(self) -> str:
        """What came out, for people."""
        if not self.calibration.images:
            return (
                f'covariance: {len(self.fixes)} of {self.tried} held-out images were localized, too few to measure '
                f'errors (at least {FEWEST_IMAGES}); standard deviations are those that other maps showed'
            )
        shares = ', '.join(f'{100 * share:.0f} %' for share in self.coverage)
        return (
            f'covariance: calibrated on {self.calibration.images} of {self.tried} held-out images; {shares} of their '
            'positions lie within 1, 2, 3 standard deviations (ideal 20, 74, 97 %)'
        )

    def to_manifest(self) -> dict[str, Any]:
        """The calibration, and how it fits the images that it was made from."""
        within = {'within': [round(share, 2) for share in self.coverage]} if self.calibration.images else {}
        return {**self.calibration.to_manifest(), **within}


@dataclass(frozen=True)
class Measured:
    """Errors of fixes, in the units in which calibrations are said.

    Attributes:
        squared_Q: squared Mahalanobis distance of the pose (6 degrees of freedom) with the solver's covariance, scaled
            to noise 1, nothing shared and full trust.
        inliers_Q: guided inliers.
    """

    squared_Q: NDArray[np.float64]
    inliers_Q: NDArray[np.float64]


def pose_error(estimate: Pose, truth: Pose) -> NDArray[np.float64]:
    """Error (6,) in the order and axes of a covariance: position, rotation vector about the map's axes."""
    turn = Rotation.from_matrix(estimate.rotation_33 @ truth.rotation_33.T).as_rotvec()
    return np.concatenate([estimate.translation_3 - truth.translation_3, turn])


def measure(
    fixes: Sequence[tuple[Evidence, NDArray[np.float64], NDArray[np.float64]]],
) -> Measured:
    """What some fixes with known errors say.

    Args:
        fixes: (evidence, solver's covariance (6, 6), error (6,)) each.
    """
    unit = Calibration(1.0, 0.0)
    squared = [
        float(error @ np.linalg.solve(covariance, error)) / unit.scale(evidence) ** 2
        for evidence, covariance, error in fixes
    ]
    return Measured(np.array(squared), np.array([float(evidence.guided_inliers) for evidence, _, _ in fixes]))


def fit(measured: Measured) -> Calibration:
    """The most probable calibration; that of other maps where too few images were measured."""
    count = len(measured.squared_Q)
    prior = np.log([NOISE_PRIOR[0], SHARED_PRIOR[0]])
    spread = np.array([NOISE_PRIOR[1], SHARED_PRIOR[1]])
    if count < FEWEST_IMAGES:
        noise, shared = np.exp(prior)
        return Calibration(float(CAUTION * noise), float(CAUTION * shared), 0)

    def cost(x: NDArray[np.float64]) -> float:
        variance_Q = np.exp(2 * x[0]) + np.exp(2 * x[1]) * measured.inliers_Q
        density_Q = 3 * np.log(variance_Q) + 0.5 * (TAILS + 6) * np.log1p(measured.squared_Q / variance_Q / TAILS)
        return float(INDEPENDENT_SHARE * density_Q.sum() + 0.5 * np.square((x - prior) / spread).sum())

    # Two starts: little and much in common may explain the same errors, and each may be a local optimum.
    found = [minimize(cost, np.array([prior[0], start]), method='Nelder-Mead') for start in (prior[1], -1.2)]
    noise, shared = np.exp(min(found, key=lambda result: float(result.fun)).x)
    return Calibration(float(CAUTION * noise), float(CAUTION * shared), count)


def calibrate(held_out: Sequence[HeldOut]) -> Calibrated:
    """Calibrate a map.

    Args:
        held_out: mapping images, localized in maps without them; those that were not accepted tell nothing of the
            errors of those that were.
    """
    fixes = []
    for image in held_out:
        fix = image.fix
        if fix.T_map_cam is not None and fix.covariance_66 is not None and np.isfinite(fix.covariance_66).all():
            fixes.append((fix.evidence, fix.covariance_66, pose_error(fix.T_map_cam, image.truth)))
    calibration = fit(measure(fixes))
    sigmas = [
        float(np.sqrt(error[:3] @ np.linalg.solve(covariance[:3, :3], error[:3]))) / calibration.scale(evidence)
        for evidence, covariance, error in fixes
    ]
    within = tuple(float(np.mean(np.array(sigmas) <= k)) if sigmas else float('nan') for k in (1, 2, 3))
    return Calibrated(calibration, len(held_out), tuple(fixes), within)
