# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ways through a graph of waypoints."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neumap_ros.errors import ConfigError
from neumap_ros.simulation.routes import SPACING_M, RoadMap, beside, path_along, sampled, tour, wander

CROSS = RoadMap(
    np.array([[0.0, 0], [4, 0], [8, 0], [4, 3], [4, -3], [8, 3]]),
    ((0, 1), (1, 2), (1, 3), (1, 4), (2, 5), (3, 5)),
)


def everywhere(places_N2):
    return np.ones(len(places_N2), dtype=bool)


def arcs(route):
    return sorted(pairwise(route))


@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_a_tour_drives_every_way_once_in_each_direction(seed, count):
    rng = np.random.default_rng(seed)
    ways = {(int(rng.integers(i)), i) for i in range(1, count)}  # a tree, and some more
    ways |= {(a, b) for a, b in rng.integers(count, size=(count, 2)).tolist() if a < b}
    roads = RoadMap(rng.uniform(0, 9, (count, 2)), tuple(sorted(ways)))
    route = tour(roads, rng)
    assert arcs(route) == sorted([*ways, *((b, a) for a, b in ways)])
    assert route[0] == route[-1]


def test_a_wander_is_long_enough_and_turns_back_only_at_dead_ends():
    for seed in range(5):
        route = wander(CROSS, 60.0, np.random.default_rng(seed))
        places = CROSS.places_N2[route]
        assert 60 <= np.linalg.norm(np.diff(places, axis=0), axis=1).sum() < 70
        assert set(arcs(route)) <= {*CROSS.ways, *((b, a) for a, b in CROSS.ways)}
        back = [here for before, here, after in zip(route, route[1:], route[2:], strict=False) if before == after]
        assert set(back) <= {0, 4}  # the dead ends


def test_blocked_ways_and_what_lies_behind_them_are_left_out():
    def free(places_N2):
        return np.abs(places_N2[:, 0] - 2) > 0.5  # a wall at x = 2

    roads = CROSS.passable(free)
    assert roads.ways == CROSS.ways[1:]
    with pytest.raises(ConfigError, match='no way'):
        CROSS.passable(lambda places_N2: np.zeros(len(places_N2), dtype=bool))


def test_a_path_rounds_corners_and_turns_back_in_place():
    path = path_along(CROSS, [0, 1, 3, 1, 2])
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert steps.max() <= SPACING_M + 1e-9
    corner = np.linalg.norm(path - CROSS.places_N2[1], axis=1).min()
    assert 0.05 < corner < 0.3
    assert np.linalg.norm(path - CROSS.places_N2[3], axis=1).min() < 1e-9


def test_a_lane_keeps_to_where_there_is_room():
    path = sampled(np.array([[0.0, 0.0], [20.0, 0.0]]))
    wide = beside(path, everywhere, 0.5, np.random.default_rng(1))
    assert 0.3 < np.abs(wide[:, 1]).max() <= 0.5
    assert np.allclose(wide[[0, -1]], path[[0, -1]])

    def narrow(places_N2):
        return (np.abs(places_N2[:, 0] - 10) > 1) | (np.abs(places_N2[:, 1]) < 0.05)

    lane = beside(path, narrow, 0.5, np.random.default_rng(1))
    gate = np.abs(path[:, 0] - 10) < 1
    assert np.abs(lane[gate, 1]).max() < 0.12
    assert np.abs(lane[:, 1]).max() > 0.2
    bends = np.linalg.norm(np.diff(lane, n=2, axis=0), axis=1)
    assert bends.max() < 0.03


def test_the_same_generator_gives_the_same_route():
    for function in (lambda rng: tour(CROSS, rng), lambda rng: wander(CROSS, 40.0, rng)):
        assert function(np.random.default_rng(3)) == function(np.random.default_rng(3))
