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
        min_evidence: smallest sum of inliers and surplus. Against maps of other places 1,340 queries reached 15 at
            most; wrong poses inside the right map reach higher. On 1,160 plain and 4,640 hard attempts of the
            compression benchmark: 17 keeps 98.6 and 93.8 % of the right poses and accepts 0.95 and 0.26 % wrong ones,
            22 keeps 97.3 and 90.6 % and accepts 0.17 and 0.13 %.
        max_relative_sigma: largest uncertainty of the position, as a fraction of the scene's depth.
        max_rotation_sigma_deg: largest uncertainty of the orientation.
        min_coverage: smallest share of the image's 4 x 4 cells with an inlier.
    """

    min_inliers: int = 6
    min_guided_inliers: int = 8
    min_surplus: float = 3.0
    min_evidence: float = 22.0
    max_relative_sigma: float = 0.1
    max_rotation_sigma_deg: float = 5.0
    min_coverage: float = 0.15


def surplus(evidence: Evidence) -> float:
    """By how many standard deviations the guided inliers exceed chance (Poisson counts)."""
    return (evidence.guided_inliers - evidence.chance_inliers) / math.sqrt(max(evidence.chance_inliers, 1.0))


def judge(evidence: Evidence, settings: GateSettings) -> Reason:
    """The verdict on a pose."""
    if evidence.inliers < settings.min_inliers or evidence.guided_inliers < settings.min_guided_inliers:
        return Reason.FEW_INLIERS
    # Written as "not within", so that NaN never passes.
    if not surplus(evidence) >= settings.min_surplus:
        return Reason.AMBIGUOUS
    if not evidence.inliers + surplus(evidence) >= settings.min_evidence:
        return Reason.FEW_INLIERS
    if not (
        evidence.relative_sigma <= settings.max_relative_sigma
        and evidence.rotation_sigma_deg <= settings.max_rotation_sigma_deg
        and evidence.coverage >= settings.min_coverage
    ):
        return Reason.BAD_GEOMETRY
    return Reason.OK
