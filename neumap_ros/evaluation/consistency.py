# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether covariances mean what they say: normalised errors, coverage with intervals, and a word for it.

The normalised estimation error squared (NEES) of an honest covariance is chi-square distributed (Bar-Shalom, Li,
Kirubarajan: Estimation with Applications to Tracking and Navigation, 5.4.2), with 3 degrees of freedom for the position
or the orientation alone and 6 for the pose. Intervals take the attempts as independent; neighbouring images are not
quite, so that the true intervals are wider.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.table import Table
from scipy import stats

from neumap_ros.evaluation.metrics import SIGMAS, rotation_error
from neumap_ros.evaluation.run_types import AttemptRow
from neumap_ros.geometry import FloatArray, Pose

CONFIDENCE = 0.95

# Rows and columns of a covariance (x, y, z, rotation about x, y, z) that belong to each part.
PARTS = {'position': slice(0, 3), 'orientation': slice(3, 6), 'pose': slice(0, 6)}


@dataclass(frozen=True)
class Share:
    """A share of some cases with the interval of Wilson's score, NaN without cases."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Consistency:
    """How honest the covariances of some poses are about one part of them.

    Attributes:
        part: ``position``, ``orientation`` or ``pose``.
        dof: its degrees of freedom.
        count: poses with a covariance and a true pose.
        coverage: share within 1, 2 and 3 standard deviations, with intervals.
        expected: the same of honest covariances.
        normalised: mean NEES / dof; 1 if honest, larger if the covariances are too small. A few wrong poses rule it.
        bounds: interval in which ``normalised`` of honest covariances lies.
        factor: by which standard deviations would have to grow for the median NEES to be that of honest ones.
    """

    part: str
    dof: int
    count: int
    coverage: tuple[Share, ...]
    expected: tuple[float, ...]
    normalised: float
    bounds: tuple[float, float]
    factor: float

    @property
    def verdict(self) -> str:
        """``honest``, ``too small``, ``too large``, ``mixed`` (both, at different sigmas) or ``unknown``."""
        if not self.count:
            return 'unknown'
        few = any(share.high < ideal for share, ideal in zip(self.coverage, self.expected, strict=True))
        many = any(share.low > ideal for share, ideal in zip(self.coverage, self.expected, strict=True))
        return 'mixed' if few and many else 'too small' if few else 'too large' if many else 'honest'


def wilson_interval(successes: int, cases: int) -> Share:
    """A share and its 95 % interval, which stays sensible with few cases and at 0 and 1.

    Args:
        successes: of the cases.
        cases: 0 or more.
    """
    if cases <= 0:
        return Share(math.nan, math.nan, math.nan)
    interval = stats.binomtest(successes, cases).proportion_ci(CONFIDENCE, method='wilson')
    return Share(successes / cases, float(interval.low), float(interval.high))


def expected_coverage(dof: int) -> tuple[float, ...]:
    """Share of a Gaussian with so many dimensions within 1, 2 and 3 standard deviations."""
    return tuple(float(stats.chi2.cdf(sigma**2, dof)) for sigma in SIGMAS)


def nees(estimate: Pose, truth: Pose, covariance_66: NDArray[np.float64], part: str = 'pose') -> float:
    """Normalised estimation error squared of one pose; infinite where the covariance is none.

    Args:
        estimate: ``T_map_body``.
        truth: ``T_map_body``.
        covariance_66: of (x, y, z, rotation about x, y, z) about the axes of the map frame, as
            :class:`neumap_ros.localization.fix.Fix` has it.
        part: a key of :data:`PARTS`.
    """
    error = np.concatenate((estimate.translation_3 - truth.translation_3, rotation_error(estimate, truth)))[PARTS[part]]
    block = np.asarray(covariance_66, dtype=np.float64)[PARTS[part], PARTS[part]]
    if not np.isfinite(block).all():
        return math.inf
    try:
        factor = np.linalg.cholesky(block)
    except np.linalg.LinAlgError:  # singular, or negative in some direction
        return math.inf
    return float((np.linalg.solve(factor, error) ** 2).sum())


def consistency(nees_Q: ArrayLike, part: str) -> Consistency:
    """Judge the covariances of some poses.

    Args:
        nees_Q: NEES of each, infinite where the covariance is none.
        part: what they are of, a key of :data:`PARTS`.
    """
    values: FloatArray = np.asarray(nees_Q, dtype=np.float64)
    count, dof = len(values), 6 if part == 'pose' else 3
    coverage = tuple(wilson_interval(int((values <= sigma**2).sum()), count) for sigma in SIGMAS)
    if not count:
        nothing = math.nan
        return Consistency(part, dof, 0, coverage, expected_coverage(dof), nothing, (nothing, nothing), nothing)
    tail, total = (1 - CONFIDENCE) / 2, count * dof
    bounds = (float(stats.chi2.ppf(tail, total)) / total, float(stats.chi2.ppf(1 - tail, total)) / total)
    factor = math.sqrt(float(np.median(values)) / float(stats.chi2.median(dof)))
    normalised = float(values.mean()) / dof
    return Consistency(part, dof, count, coverage, expected_coverage(dof), normalised, bounds, factor)


def run_consistency(rows: Iterable[AttemptRow]) -> tuple[Consistency, ...]:
    """Judge the covariances of the accepted poses of a run: position, orientation, pose."""
    known = [
        (row.pose, row.truth, row.covariance_66)
        for row in rows
        if row.pose is not None and row.truth is not None and row.covariance_66 is not None
    ]
    return tuple(consistency([nees(*values, part) for values in known], part) for part in PARTS)


def consistency_table(parts: Iterable[Consistency]) -> Table:
    """Make the table for the terminal: coverage with intervals beside what it should be."""
    table = Table(title='covariance: % of errors within / ideal, 95 % interval', title_justify='left')
    table.add_column('')
    for column in (*(f'{sigma} sigma' for sigma in SIGMAS), 'sigmas x', 'verdict'):
        table.add_column(column, justify='left' if column == 'verdict' else 'right')
    for part in parts:
        cells = [
            f'{100 * share.value:.1f} / {100 * ideal:.1f}\n{100 * share.low:.0f} to {100 * share.high:.0f}'
            for share, ideal in zip(part.coverage, part.expected, strict=True)
        ]
        table.add_row(part.part, *cells, f'{part.factor:.2f}', part.verdict)
    return table
