# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How attempts ended: one stacked bar per run, the same order and colours in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from neumap_ros.evaluation.html.view import RunView
from neumap_ros.localization.fix import Reason

RIGHT, FALSE, OTHER = 'accepted', 'false fix', 'other'
# Reasons beyond have one colour.
COLOURS = 8
SENTENCES = {
    RIGHT: 'a pose that is not known to be false',
    FALSE: 'accepted and worse than the bound of false fixes',
    Reason.NO_MAP.value: 'no map was active yet',
    Reason.NO_REGIONS.value: 'the map holds no region that looks like the image',
    Reason.FEW_KEYPOINTS.value: 'too little texture, too dark, lens covered',
    Reason.FEW_MATCHES.value: 'too few keypoints correspond to the map',
    Reason.FEW_INLIERS.value: 'too few correspondences agree on one pose',
    Reason.BAD_GEOMETRY.value: 'the inliers do not constrain the pose',
    Reason.AMBIGUOUS.value: 'another place explains the image nearly as well',
    Reason.INCONSISTENT_WITH_ODOMETRY.value: 'the correction contradicts the odometry',
    Reason.CONFIRMING.value: 'plausible; later fixes have to confirm it',
    Reason.STALE_IMAGE.value: 'the image was older than allowed',
    Reason.NO_TRANSFORM.value: 'TF does not connect the frames at its stamp',
    Reason.UNCALIBRATED_CAMERA.value: 'camera_info is missing or all zeros',
    Reason.IMAGE_ERROR.value: 'broken, truncated, or not the size of its camera',
}


@dataclass(frozen=True)
class Segment:
    """A part of a bar.

    Attributes:
        name: of the outcome.
        count: attempts that ended so.
        share: of all attempts, between 0 and 1.
        variable: of the page, its colour.
    """

    name: str
    count: int
    share: float
    variable: str


@dataclass(frozen=True)
class Bars:
    """All bars.

    Attributes:
        legend: (outcome, variable, what it means) of every outcome that occurs.
        runs: segments of each run, in the legend's order.
    """

    legend: tuple[tuple[str, str, str], ...]
    runs: tuple[tuple[Segment, ...], ...]


def reason_bars(views: Sequence[RunView]) -> Bars:
    """Count the outcomes of all runs."""
    counted = [_counts(view) for view in views]
    total: dict[str, int] = {}
    for counts in counted:
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count
    failures = sorted((name for name in total if name not in (RIGHT, FALSE)), key=lambda name: (-total[name], name))
    order = [name for name in (RIGHT, FALSE) if total.get(name)] + failures
    variables = {RIGHT: '--right', FALSE: '--false'}
    variables |= {name: f'--reason-{min(index, COLOURS - 1)}' for index, name in enumerate(failures)}
    runs = tuple(
        tuple(
            Segment(name, counts[name], counts[name] / max(len(view.attempts), 1), variables[name])
            for name in order
            if counts.get(name)
        )
        for view, counts in zip(views, counted, strict=True)
    )
    return Bars(tuple((name, variables[name], SENTENCES.get(name, '')) for name in order), runs)


def _counts(view: RunView) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row, false in zip(view.attempts, view.false_N, strict=True):
        name = (FALSE if false else RIGHT) if row.accepted else row.reason or OTHER
        counts[name] = counts.get(name, 0) + 1
    return counts
