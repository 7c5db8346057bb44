# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the images say, in a sentence with numbers: what was found, what was expected."""

from __future__ import annotations

from neumap_ros.localization.attempt import RigFix
from neumap_ros.localization.fix import Reason
from neumap_ros.localization.gate import GateSettings
from neumap_ros.localization.search import MINIMAL_KEYPOINTS
from neumap_ros.localization.solver import MINIMAL_MATCHES


def explain(fix: RigFix, gate: GateSettings) -> str:
    """One sentence for people.

    Args:
        fix: the outcome.
        gate: the thresholds that were applied.
    """
    e = fix.evidence
    support = f'{e.inliers} of {e.matches} matches and {e.guided_inliers} guided ones agree on a pose'
    if fix.reason is Reason.OK:
        return f'{support} (confidence {fix.confidence:.2f})'
    if fix.reason is Reason.FEW_KEYPOINTS:
        return f'{e.keypoints} keypoints, at least {MINIMAL_KEYPOINTS} are needed: too dark, blurred or covered'
    if fix.reason is Reason.NO_REGIONS:
        return f'no region of the map could be searched for {e.keypoints} keypoints'
    if fix.reason is Reason.FEW_MATCHES:
        return f'{e.matches} matches of {e.keypoints} keypoints, at least {MINIMAL_MATCHES} are needed'
    if fix.reason is Reason.FEW_INLIERS:
        return (
            f'{support}, confidence {fix.confidence:.2f}; needed are {gate.min_inliers} and {gate.min_guided_inliers} '
            f'and a confidence of {gate.min_confidence:.2f}'
        )
    if fix.reason is Reason.AMBIGUOUS:
        return f'{support}, while {e.chance_inliers:.1f} are expected by chance'
    if fix.reason is Reason.BAD_GEOMETRY:
        return (
            f'{support}, but they cover {e.coverage:.0%} of the image and leave {e.relative_sigma:.2g} of the depth '
            f'and {e.rotation_sigma_deg:.2g} deg open; needed are {gate.min_coverage:.0%}, '
            f'{gate.max_relative_sigma:.2g} and {gate.max_rotation_sigma_deg:.2g} deg'
        )
    return ''
