# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the calibration of one place would be if the package's constants came from the other places alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from neumap_ros.localization.calibration import FEW_INLIERS, LARGEST_CHANCE, SIGMA_FLOOR_PX
from neumap_ros.localization.evidence import SIGMA_INFLATION, SMALLEST_SIGMA_PX
from neumap_ros.mapping.calibration import CAUTION, FEWEST_IMAGES, INDEPENDENT_SHARE, NOISE_PRIOR, SHARED_PRIOR, TAILS

Rows = dict[str, NDArray[np.float64]]

# Every place counts as so many fixes at most: a long set must not decide for all.
MOST_FIXES = 150
# Median and spread of the exponents before anything is known: nothing to correct, or a little.
EXPONENT_PRIOR = np.array([[1.4, 0.3], [1.0, 0.3]])


def rows_of(rows: list[dict[str, Any]]) -> Rows:
    """Columns of some rows, with what does not depend on any constant worked out."""
    keys = ('pose', 'position', 'rotation', 'scale', 'inliers', 'chance', 'residual_px')
    columns = {key: np.array([float(row[key]) for row in rows]) for key in keys}
    sigma_Q = columns['residual_px'] / 1.18
    columns['unit'] = np.maximum(sigma_Q, SIGMA_FLOOR_PX) / np.maximum(sigma_Q, SMALLEST_SIGMA_PX) / SIGMA_INFLATION
    count_Q = np.maximum(columns['inliers'], 1)
    columns['log_chance'] = -np.log(1 - np.minimum(columns['chance'] / count_Q, LARGEST_CHANCE))
    columns['log_few'] = np.maximum(np.log(FEW_INLIERS / count_Q), 0)
    return columns


def _cost(rows: Rows, exponents_2: NDArray[np.float64], log_noise: float, log_shared: float) -> float:
    """Negative logarithm of the likelihood (Student's t, 6 degrees of freedom of the pose)."""
    log_variance_Q = np.log(np.exp(2 * log_noise) + np.exp(2 * log_shared) * rows['inliers'])
    log_variance_Q += 2 * (exponents_2[0] * rows['log_chance'] + exponents_2[1] * rows['log_few'])
    squared_Q = rows['pose'] / rows['unit'] ** 2 * np.exp(-log_variance_Q)
    return float((3 * log_variance_Q + 0.5 * (TAILS + 6) * np.log1p(squared_Q / TAILS)).sum())


def fit_exponents(places: dict[str, Rows]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exponents that hold for all places, and (noise, shared) of each (places, 2)."""
    names = list(places)
    weights = [min(1.0, MOST_FIXES / len(places[name]['pose'])) for name in names]
    prior_22 = np.array([[np.log(NOISE_PRIOR[0]), 1.0], [np.log(SHARED_PRIOR[0]), 2.0]])

    def cost(x: NDArray[np.float64]) -> float:
        total = 0.5 * float(np.square((x[:2] - EXPONENT_PRIOR[0]) / EXPONENT_PRIOR[1]).sum())
        for number, (name, weight) in enumerate(zip(names, weights, strict=True)):
            mine = x[2 + 2 * number : 4 + 2 * number]
            total += weight * _cost(places[name], x[:2], mine[0], mine[1])
            total += 0.5 * float(np.square((mine - prior_22[:, 0]) / prior_22[:, 1]).sum())
        return total

    start = np.concatenate([EXPONENT_PRIOR[0], np.tile(prior_22[:, 0], len(names))])
    found = minimize(cost, start, method='L-BFGS-B').x
    return found[:2], np.exp(found[2:].reshape(-1, 2))


def fit_map(rows: Rows, exponents_2: NDArray[np.float64], prior_22: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of (noise, shared) of one map, from its held-out images."""
    if len(rows['pose']) < FEWEST_IMAGES:
        return prior_22[:, 0]

    def cost(x: NDArray[np.float64]) -> float:
        likelihood = _cost(rows, exponents_2, x[0], x[1])
        return INDEPENDENT_SHARE * likelihood + 0.5 * float(np.square((x - prior_22[:, 0]) / prior_22[:, 1]).sum())

    starts = [np.array([prior_22[0, 0], shared]) for shared in (prior_22[1, 0], -1.2)]
    return np.asarray(min((minimize(cost, s, method='Nelder-Mead') for s in starts), key=lambda r: float(r.fun)).x)


def scales(rows: Rows, exponents_2: NDArray[np.float64], map_2: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much the standard deviations of some fixes grow."""
    parts_Q = np.sqrt(np.exp(2 * map_2[0]) + np.exp(2 * map_2[1]) * rows['inliers'])
    trust_Q = np.exp(exponents_2[0] * rows['log_chance'] + exponents_2[1] * rows['log_few'])
    return np.asarray(rows['unit'] * parts_Q * trust_Q)


def coverage_without(rows: list[dict[str, Any]]) -> NDArray[np.float64]:
    """Scale of every query, in their order, with constants from the other places only.

    Args:
        rows: of queries and held-out images.
    """
    queries = [row for row in rows if row['variant'] != 'held out']
    result = np.ones(len(queries))
    for place in dict.fromkeys(row['place'] for row in rows):
        others = list(dict.fromkeys(row['place'] for row in rows if row['place'] != place)) or [place]
        exponents_2, parts_P2 = fit_exponents({p: rows_of([r for r in rows if r['place'] == p]) for p in others})
        prior_22 = np.stack([np.median(np.log(parts_P2), axis=0), [NOISE_PRIOR[1], SHARED_PRIOR[1]]], axis=1)
        optimism = _optimism(rows, others, exponents_2, prior_22)
        for key in dict.fromkeys((row['set'], row['sparse']) for row in rows if row['place'] == place):
            map_2 = _map_of(rows, key, exponents_2, prior_22)
            mine = [n for n, row in enumerate(queries) if (row['set'], row['sparse']) == key]
            if mine:
                result[mine] = CAUTION * optimism * scales(rows_of([queries[n] for n in mine]), exponents_2, map_2)
    return result


def _map_of(
    rows: list[dict[str, Any]], key: tuple[str, bool], exponents_2: NDArray[np.float64], prior_22: NDArray[np.float64]
) -> NDArray[np.float64]:
    held_out = [r for r in rows if (r['set'], r['sparse']) == key and r['variant'] == 'held out']
    return fit_map(rows_of(held_out), exponents_2, prior_22)


def _optimism(
    rows: list[dict[str, Any]], places: list[str], exponents_2: NDArray[np.float64], prior_22: NDArray[np.float64]
) -> float:
    """By how much larger the errors of queries are than held-out images promise; median over places."""
    of_place: dict[str, list[float]] = {place: [] for place in places}
    for key in dict.fromkeys((row['set'], row['sparse']) for row in rows if row['place'] in places):
        queries = [r for r in rows if (r['set'], r['sparse']) == key and r['variant'] != 'held out']
        if len(queries) >= FEWEST_IMAGES:
            mine = rows_of(queries)
            expected_Q = scales(mine, exponents_2, _map_of(rows, key, exponents_2, prior_22))
            # 1.54 is the median length of a three-dimensional Gaussian of unit variance.
            of_place[queries[0]['place']].append(float(np.median(np.sqrt(mine['position']) / expected_Q)) / 1.54)
    known = [float(np.mean(values)) for values in of_place.values() if values]
    return float(np.median(known)) if known else 1.0
