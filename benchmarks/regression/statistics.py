# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whether a difference is more than chance: exact tests of what the same queries did before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

# Fewer differences say nothing about a median.
MIN_DIFFERENCES = 10


def sign_test(gained: int, lost: int) -> float:
    """Probability that two coins fall as unevenly as that: McNemar's exact test, two-sided.

    Args:
        gained: queries with the property now that did not have it before.
        lost: queries that had it before and have it no more.
    """
    return float(stats.binomtest(gained, gained + lost, 0.5).pvalue) if gained + lost else 1.0


def share_test(before: int, of_before: int, after: int, of_after: int) -> float:
    """Fisher's exact test of two shares, two-sided; for queries that are not the same before and after.

    Args:
        before: how many of ``of_before`` had the property.
        of_before: queries before.
        after: how many of ``of_after`` have it.
        of_after: queries now.
    """
    if not of_before or not of_after:
        return 1.0
    table = [[before, of_before - before], [after, of_after - after]]
    return float(stats.fisher_exact(table).pvalue)


def ratio_test(before_N: NDArray[np.float64], after_N: NDArray[np.float64]) -> tuple[float, float]:
    """How much larger positive numbers became, pair by pair.

    Args:
        before_N: of each query, positive.
        after_N: of the same queries.

    Returns:
        (median of after / before, NaN without pairs; p of the Wilcoxon signed-rank test of the logarithms, two-sided,
        1 where fewer than :data:`MIN_DIFFERENCES` differ).
    """
    positive = (before_N > 0) & (after_N > 0)
    if not positive.any():
        return math.nan, 1.0
    logarithms = np.log(after_N[positive] / before_N[positive])
    ratio = float(np.exp(np.median(logarithms)))
    differences = logarithms[logarithms != 0]
    if len(differences) < MIN_DIFFERENCES:
        return ratio, 1.0
    return ratio, float(stats.wilcoxon(differences).pvalue)


def holm(p_values: Sequence[float], alpha: float) -> list[bool]:
    """Which of many tests show more than chance, when all of them together may err with probability ``alpha``.

    Holm's step-down procedure: with forty cases, two of a hundred p values would lie below 5 % by chance alone.

    Args:
        p_values: of all tests.
        alpha: probability that any of them is called significant by chance.

    Returns:
        One answer per test, in their order.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    significant = [False] * len(p_values)
    for rank, index in enumerate(order):
        if p_values[index] > alpha / (len(p_values) - rank):
            break
        significant[index] = True
    return significant
