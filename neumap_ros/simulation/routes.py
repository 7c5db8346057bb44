# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ways through a graph of waypoints: every corridor in both directions, or a wander; and lanes beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, minimum_filter1d
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from neumap_ros.errors import ConfigError
from neumap_ros.geometry import FloatArray

Free = Callable[[FloatArray], NDArray[np.bool_]]  # places (N, 2) -> whether the robot fits (N,)

SPACING_M = 0.05
# Lanes sway over this distance.
_SWAY_M = 3.0
# Corners are rounded off from so far before them.
_ROUND_M = 0.35


@dataclass(frozen=True)
class RoadMap:
    """Waypoints and which of them are joined by straight ways.

    Attributes:
        places_N2: metres.
        ways: pairs of indices.
    """

    places_N2: FloatArray
    ways: tuple[tuple[int, int], ...]

    def passable(self, free: Free) -> RoadMap:
        """Only the ways that a robot can drive, and of these the largest connected part.

        Raises:
            ConfigError: there is none.
        """
        ways = [way for way in self.ways if free(sampled(self.places_N2[list(way)])).all()]
        if not ways:
            raise ConfigError('the world has no way that the robot could drive, expected one; use another seed or size')
        pairs = np.array(ways)
        count = len(self.places_N2)
        matrix = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
        _, part_N = connected_components(matrix, directed=False)
        length_W = np.linalg.norm(self.places_N2[pairs[:, 0]] - self.places_N2[pairs[:, 1]], axis=1)
        largest = int(np.argmax(np.bincount(part_N[pairs[:, 0]], weights=length_W)))
        return RoadMap(self.places_N2, tuple(way for way in ways if part_N[way[0]] == largest))

    def neighbours(self) -> dict[int, list[int]]:
        """The places that ways lead to, of every place that has any."""
        found: dict[int, list[int]] = {}
        for a, b in self.ways:
            found.setdefault(a, []).append(b)
            found.setdefault(b, []).append(a)
        return {place: sorted(set(others)) for place, others in sorted(found.items())}


def tour(roads: RoadMap, rng: np.random.Generator) -> list[int]:
    """Drive every way once in each direction, and turn round in place as rarely as can easily be had.

    With both directions every place has as many ways in as out, so that there is a closed tour (Hierholzer).

    Args:
        roads: connected.
        rng: decides the order.

    Returns:
        Indices of places; the first is also the last.
    """
    left = {place: [int(i) for i in rng.permutation(others)] for place, others in roads.neighbours().items()}
    start = min(left)
    stack, circuit = [start], []
    while stack:
        here = stack[-1]
        if not left[here]:
            circuit.append(stack.pop())
            continue
        came_from = stack[-2] if len(stack) > 1 else -1
        onwards = [i for i, place in enumerate(left[here]) if place != came_from] or [0]
        stack.append(left[here].pop(onwards[0]))
    return circuit[::-1]


def wander(roads: RoadMap, length_m: float, rng: np.random.Generator, start: int | None = None) -> list[int]:
    """Drive at random, along ways that were driven least, and back only where there is no other way.

    Args:
        roads: connected.
        length_m: at least so far.
        rng: decides everything.
        start: place; None takes any.

    Returns:
        Indices of places.
    """
    others = roads.neighbours()
    here = int(rng.choice(list(others))) if start is None else start
    route, driven, used = [here], 0.0, dict.fromkeys(roads.ways, 0)
    while driven < length_m:
        before = route[-2] if len(route) > 1 else -1
        choices = [place for place in others[here] if place != before] or others[here]
        counts = [used.get((here, place), 0) + used.get((place, here), 0) for place in choices]
        fewest = [place for place, count in zip(choices, counts, strict=True) if count == min(counts)]
        there = int(rng.choice(fewest))
        way = (here, there) if (here, there) in used else (there, here)
        used[way] += 1
        driven += float(np.linalg.norm(roads.places_N2[here] - roads.places_N2[there]))
        route.append(there)
        here = there
    return route


def path_along(roads: RoadMap, route: Sequence[int]) -> FloatArray:
    """The route as points (N, 2) about SPACING_M apart, its corners rounded where it does not turn back."""
    corners = roads.places_N2[list(route)]
    points = [corners[0]]
    for before, here, after in zip(corners, corners[1:], corners[2:], strict=False):
        into, out = here - before, after - here
        lengths = np.linalg.norm(into), np.linalg.norm(out)
        cosine = float(into @ out) / float(lengths[0] * lengths[1])
        if cosine < -0.5:  # turned in place
            points.append(here)
            continue
        cut = min(_ROUND_M, 0.45 * float(min(lengths)))
        first, last = here - cut * into / lengths[0], here + cut * out / lengths[1]
        fraction = np.linspace(0, 1, 8)[:, None]
        points += list((1 - fraction) ** 2 * first + 2 * fraction * (1 - fraction) * here + fraction**2 * last)
    points.append(corners[-1])
    return sampled(np.array(points))


def sampled(corners_N2: FloatArray) -> FloatArray:
    """A polyline with a point every SPACING_M or less; the corners stay."""
    parts = []
    for a, b in pairwise(corners_N2):
        count = max(1, int(np.ceil(np.linalg.norm(b - a) / SPACING_M)))
        parts.append(a + (b - a) * (np.arange(count) / count)[:, None])
    return np.concatenate([*parts, corners_N2[-1:]])


def beside(path_N2: FloatArray, free: Free, widest_m: float, rng: np.random.Generator) -> FloatArray:
    """A lane that sways beside a path, as far as there is room.

    Args:
        path_N2: points about SPACING_M apart.
        free: where the robot fits.
        widest_m: largest offset to either side.
        rng: decides it.

    Returns:
        As many points; the first and last stay.
    """
    tangent = np.gradient(gaussian_filter1d(path_N2, 0.3 / SPACING_M, axis=0, mode='nearest'), axis=0)
    length = np.linalg.norm(tangent, axis=1)
    # Where the path turns back in place it has no direction, and there is no lane beside it.
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]]) / np.maximum(length, 1e-9)[:, None]
    sway = gaussian_filter1d(rng.standard_normal(len(path_N2)), _SWAY_M / SPACING_M, mode='nearest')
    sway = widest_m * np.tanh(0.9 * sway / max(float(sway.std()), 1e-9))
    room = np.zeros(len(path_N2))
    open_so_far = length > 0.5 * np.median(length)
    for share in (0.25, 0.5, 0.75, 1.0):
        open_so_far = open_so_far & free(path_N2 + (share * sway)[:, None] * normal)
        room[open_so_far] = share
    ends = np.minimum(np.arange(len(room)), np.arange(len(room))[::-1]) * SPACING_M
    room = minimum_filter1d(room, round(1.2 / SPACING_M) | 1)
    room = gaussian_filter1d(room, 0.3 / SPACING_M, mode='nearest') * np.clip(ends, 0, 1)
    return np.asarray(path_N2 + (room * sway)[:, None] * normal)
