# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Accept a pose or say why not: a wrong pose is worse than none."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neumap_ros.localization.fix import Evidence, Reason


@dataclass(frozen=True)
class GateSettings:
    """Thresholds of acceptance.

    Attributes:
        min_inliers: fewest inliers found by descriptors alone.
        min_guided_inliers: fewest inliers after the guided search.
        min_surplus: guided inliers must exceed those expected by chance so many standard deviations.
        min_confidence: smallest :func:`confidence`. On 2,604 plain and 10,416 harder attempts of the compression
            benchmark 0.8 keeps 98.4 and 95.6 % of the right poses and accepts 0.27 and 0.29 % wrong ones, 0.85 keeps
            98.1 and 95.0 % and accepts 0.15 and 0.22 %, 0.9 keeps 97.5 and 94.0 % and accepts 0.08 and 0.16 %.
        max_relative_sigma: largest uncertainty of the position, as a fraction of the scene's depth.
        max_rotation_sigma_deg: largest uncertainty of the orientation.
        min_coverage: smallest share of the image's 4 x 4 cells with an inlier.
    """

    min_inliers: int = 5
    min_guided_inliers: int = 6
    min_surplus: float = 2.0
    min_confidence: float = 0.85
    max_relative_sigma: float = 0.1
    max_rotation_sigma_deg: float = 5.0
    min_coverage: float = 0.15


@dataclass(frozen=True)
class ConfidenceModel:
    """Logistic regression of "this pose is right" on four numbers of the evidence.

    Fitted to 2,022 attempts: five sets of photographs, plain, evening and night, maps of full descriptors, 4 and 8
    bytes a point, 30 and 100 kB, and 342 attempts against maps of other places. Of the poses with a confidence of 0.8
    to 0.9 then 96 % were right, of those with 0.5 to 0.7 60 %, of those below 0.1 1 %.

    Attributes:
        log_inliers: weight of ln(1 + inliers).
        root_surplus: weight of the square root of :func:`surplus`.
        log_ratio: weight of ln(inlier ratio).
        coverage: weight of the share of the image's cells with an inlier.
        offset: of the sum.
    """

    log_inliers: float = 1.87
    root_surplus: float = 1.69
    log_ratio: float = 1.61
    coverage: float = 6.65
    offset: float = -6.06


# Below this, chance alone may explain the ratio.
SMALLEST_RATIO = 0.002


def surplus(evidence: Evidence) -> float:
    """By how many standard deviations the guided inliers exceed chance (Poisson counts)."""
    return (evidence.guided_inliers - evidence.chance_inliers) / math.sqrt(max(evidence.chance_inliers, 1.0))


def confidence(evidence: Evidence, model: ConfidenceModel | None = None) -> float:
    """Probability that a pose with this evidence is right, from 0 to 1; NaN where the evidence holds one."""
    model = model or ConfidenceModel()
    exceeding = surplus(evidence)
    logit = (
        model.log_inliers * math.log1p(evidence.inliers)
        + model.root_surplus * math.sqrt(exceeding if not exceeding < 0 else 0.0)
        + model.log_ratio * math.log(max(evidence.inlier_ratio, SMALLEST_RATIO))
        + model.coverage * evidence.coverage
        + model.offset
    )
    return 1 / (1 + math.exp(-min(max(logit, -700.0), 700.0))) if not math.isnan(logit) else math.nan


def judge(evidence: Evidence, settings: GateSettings) -> Reason:
    """The verdict on a pose."""
    if evidence.inliers < settings.min_inliers or evidence.guided_inliers < settings.min_guided_inliers:
        return Reason.FEW_INLIERS
    # Written as "not within", so that NaN never passes.
    if not surplus(evidence) >= settings.min_surplus:
        return Reason.AMBIGUOUS
    if not confidence(evidence) >= settings.min_confidence:
        return Reason.FEW_INLIERS
    if not (
        evidence.relative_sigma <= settings.max_relative_sigma
        and evidence.rotation_sigma_deg <= settings.max_rotation_sigma_deg
        and evidence.coverage >= settings.min_coverage
    ):
        return Reason.BAD_GEOMETRY
    return Reason.OK
