# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""How sure a share is, and curves drawn from many attempts without hiding any of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from neumap_ros.evaluation.consistency import CONFIDENCE, wilson_interval

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]

# A coverage this near to its nominal value counts as honest even where many samples tell the two apart.
COVERAGE_POINTS = 0.05


@dataclass(frozen=True)
class Share:
    """A share of a number of cases with its 95 % interval.

    Attributes:
        value: between 0 and 1, NaN without cases.
        low: end of the interval (Wilson's score interval), NaN without cases.
        high: likewise.
        cases: how many there were.
    """

    value: float
    low: float
    high: float
    cases: int


def share(successes: int, cases: int) -> Share:
    """A share and its interval.

    Args:
        successes: of the cases.
        cases: 0 or more.
    """
    if cases <= 0:
        return Share(math.nan, math.nan, math.nan, 0)
    interval = wilson_interval(successes, cases)
    return Share(interval.value, interval.low, interval.high, cases)


def share_of(value: float, cases: int) -> Share:
    """The same of a share that was counted elsewhere."""
    if cases <= 0 or not math.isfinite(value):
        return Share(math.nan, math.nan, math.nan, 0)
    return share(min(max(round(value * cases), 0), cases), cases)


def coverage_off(one: Share, nominal: float) -> float:
    """How far a coverage is from its nominal value; 0 where chance explains it or it does not matter."""
    if math.isnan(one.value) or one.low <= nominal <= one.high or abs(one.value - nominal) <= COVERAGE_POINTS:
        return 0.0
    return one.value - nominal


def paired_chance(first_N: NDArray[np.bool_], second_N: NDArray[np.bool_]) -> tuple[int, int, float]:
    """Whether one of two runs is better at the same images (McNemar's exact test).

    Args:
        first_N: which images the first run got right.
        second_N: which the second one did.

    Returns:
        (images that only the first got right, that only the second did, how likely so uneven a split is by chance).
    """
    only_first, only_second = int((first_N & ~second_N).sum()), int((second_N & ~first_N).sum())
    if not only_first + only_second:
        return 0, 0, 1.0
    return only_first, only_second, float(stats.binomtest(only_first, only_first + only_second).pvalue)


def largest_rate(events: int, cases: int) -> float:
    """The largest true rate that 95 % confidence allows, one-sided (Clopper and Pearson); NaN without cases."""
    if cases <= 0:
        return math.nan
    return float(stats.binomtest(events, cases, alternative='less').proportion_ci(CONFIDENCE, method='exact').high)


def curve(values: ArrayLike, cases: int, at: ArrayLike) -> FloatArray:
    """Share of cases whose value is at most each of some bounds.

    Args:
        values: finite or not; what is missing, infinite or NaN is within no bound.
        cases: the denominator, failures included.
        at: bounds (B,), ascending.

    Returns:
        (B,) shares, NaN without cases.
    """
    finite = np.asarray(values, dtype=np.float64)
    finite = np.sort(finite[np.isfinite(finite)])
    bounds = np.asarray(at, dtype=np.float64)
    if cases <= 0:
        return np.full(bounds.shape, np.nan)
    return np.asarray(np.searchsorted(finite, bounds, side='right') / cases, dtype=np.float64)


def wilson_band(shares: FloatArray, cases: int) -> tuple[FloatArray, FloatArray]:
    """Wilson's interval of many shares of the same cases at once: (low, high)."""
    z2 = float(stats.norm.ppf((1 + CONFIDENCE) / 2)) ** 2
    middle = (shares + z2 / (2 * cases)) / (1 + z2 / cases)
    half = np.sqrt(z2 * (shares * (1 - shares) / cases + z2 / (4 * cases**2))) / (1 + z2 / cases)
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def log_bounds(low: float, high: float, count: int, also: Sequence[float] = ()) -> FloatArray:
    """Bounds evenly spread on a logarithmic axis, with some exact ones among them."""
    spread = np.geomspace(low, high, count)
    return np.unique(np.concatenate([spread, [value for value in also if low <= value <= high]]))


def streaks(member_N: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of neighbours that are True, as (first, last) indices."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(member_N, dtype=np.int8), [0]])))
    return [(int(first), int(end) - 1) for first, end in edges.reshape(-1, 2)]


def thin_line(position_N: FloatArray, value_N: FloatArray, keep_N: NDArray[np.bool_], buckets: int) -> IndexArray:
    """Choose points of a long line so that it looks the same: of every bucket the first, smallest, largest and last.

    Args:
        position_N: finite, such as times.
        value_N: NaN where there is none.
        keep_N: points that must stay.
        buckets: into how many parts of equal width the line is cut.

    Returns:
        Indices, ascending; all of them where there are at most four a bucket anyway.
    """
    count = len(position_N)
    if count <= 4 * buckets:
        return np.arange(count)
    # Time may go back, as it does when a bag is played in a loop.
    span = max(float(np.ptp(position_N)), 1e-12)
    bucket_N = np.minimum(((position_N - position_N.min()) / span * buckets).astype(np.int64), buckets - 1)
    kept = set(np.flatnonzero(keep_N).tolist())
    for bucket in np.unique(bucket_N):
        inside = np.flatnonzero(bucket_N == bucket)
        kept |= {int(inside[0]), int(inside[-1])}
        finite = inside[np.isfinite(value_N[inside])]
        if len(finite):
            kept |= {int(finite[np.argmin(value_N[finite])]), int(finite[np.argmax(value_N[finite])])}
    return np.array(sorted(kept), dtype=np.int64)


def thin_marks(place_N2: FloatArray, badness_N: FloatArray, most: int, cell: float) -> IndexArray:
    """Choose marks that can be told apart: of those in one cell of a plan, the worst.

    Args:
        place_N2: where on the plan; finite.
        badness_N: larger is worse.
        most: how many marks at most; the cells grow until it holds.
        cell: side of a cell to begin with, in the plan's units.

    Returns:
        Indices, ascending; all of them where there are few.
    """
    count = len(place_N2)
    if count <= most:
        return np.arange(count)
    order = np.argsort(-badness_N, kind='stable')
    size = max(cell, 1e-9)
    while True:
        cells = np.floor(place_N2[order] / size).astype(np.int64)
        _, first = np.unique(cells, axis=0, return_index=True)
        if len(first) <= most:
            return np.sort(order[first])
        size *= 1.5
