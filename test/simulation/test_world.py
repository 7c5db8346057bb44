# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import hashlib
from collections import Counter

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from neumap_ros.errors import ConfigError
from neumap_ros.simulation.conditions import CONDITIONS, condition
from neumap_ros.simulation.site import Obstacle
from neumap_ros.simulation.world import KINDS, make_world

SIZES = {'building': (13.0, 10.0), 'square': (16.0, 15.0), 'mixed': (14.0, 21.0)}


@pytest.fixture(scope='module')
def building():
    return make_world(3, SIZES['building'])


@pytest.fixture(scope='module')
def another_day():
    return make_world(3, SIZES['building'], day=1)


def digest(world):
    text = hashlib.sha256()
    for r in world.rectangles:
        text.update(repr((r.name, r.window, r.glass, r.glow, r.outdoor)).encode())
        for array in (r.corner_3, r.edge_u_3, r.edge_v_3, r.texture_HW3):
            text.update(np.ascontiguousarray(array).tobytes())
    text.update(repr((world.lamps, world.ways, world.obstacles)).encode() + world.places_N2.tobytes())
    return text.hexdigest()


def is_connected(world):
    """Whether ways lead from every place to every other one."""
    pairs, count = np.array(world.ways), len(world.places_N2)
    matrix = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(matrix, directed=False)[0] == 1


def kinds(world):
    return Counter(area.kind for area in world.floor_plan)


def test_the_same_seed_gives_the_same_world_and_another_seed_another(building):
    assert digest(make_world(3, SIZES['building'])) == digest(building)
    assert digest(make_world(4, SIZES['building'])) != digest(building)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('day', [0, 1])
def test_every_way_is_free_and_leads_everywhere(kind, day):
    for seed in (1, 2):
        world = make_world(seed, SIZES[kind], kind=kind, day=day)
        assert is_connected(world)
        ends = world.places_N2[np.array(world.ways)]
        assert np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).min() > 0.14, 'a robot cannot steer along less'
        share = np.linspace(0, 1, 60)[:, None, None]
        begin, end = world.places_N2[np.array(world.ways)].transpose(1, 0, 2)
        points = (begin * (1 - share) + end * share).reshape(-1, 2)
        for height in (0.1, 0.6, 1.2):
            blocked = ~world.free(np.column_stack([points, np.full(len(points), height)]), 0.35)
            assert not blocked.any(), (seed, height, points[blocked][0])


@pytest.mark.parametrize('size', [(6, 6), (8, 6.5), (40, 9), (7, 30)])
def test_small_and_narrow_buildings_can_be_driven_too(size):
    world = make_world(5, size)
    assert is_connected(world)
    assert kinds(world)['room'] >= 1
    assert kinds(world)['corridor'] == 1
    low, high = world.places_N2.min(axis=0), world.places_N2.max(axis=0)
    assert np.all(low > 0)
    assert np.all(high < size)


def test_another_day_moves_things_but_no_walls(building, another_day):
    def named(world, *wanted):
        return {a.name: a.polygon_N2.tolist() for a in world.floor_plan if a.kind in wanted}

    fixed = ('room', 'corridor', 'wall', 'window', 'door')
    assert named(building, *fixed) == named(another_day, *fixed)
    assert building.ways == another_day.ways
    assert kinds(building)['person'] == 0
    assert kinds(another_day)['person'] >= 1
    before, after = named(building, 'furniture'), named(another_day, 'furniture')
    same = [name for name in before if after.get(name) == before[name]]
    assert 0.3 * len(before) < len(same) < len(before)
    textures = {r.name: r.texture_HW3.tobytes() for r in building.rectangles if ' poster ' in r.name}
    changed = [
        r.name for r in another_day.rectangles if r.name in textures and textures[r.name] != r.texture_HW3.tobytes()
    ]
    assert len(changed) < 0.5 * len(textures)


def test_a_world_has_what_makes_localization_hard():
    world = make_world(7, (24.0, 14.0))
    walls = [r for r in world.rectangles if {'left', 'right'} & set(r.name.split())]
    spread = np.array([r.texture_HW3.std() for r in walls])
    assert np.any(spread < 4), 'some walls have no texture'
    assert np.mean(spread > 6) > 0.5, 'most have'
    assert any(r.glass and r.daylight for r in world.rectangles)
    posters = Counter(r.texture_HW3.tobytes() for r in world.rectangles if ' poster ' in r.name)
    assert max(posters.values()) >= 2, 'a print hangs in several places'
    doors = Counter(r.texture_HW3.tobytes() for r in world.rectangles if 'shut door' in r.name)
    assert max(doors.values()) >= 2, 'doors look alike'


def test_free_is_what_a_robot_needs(building):
    table = next(a.polygon_N2.mean(axis=0) for a in building.floor_plan if a.kind == 'furniture' and 'desk' in a.name)
    assert building.free([[*table, 0.2]], 0.1).all(), 'something flat fits under a desk'
    assert not building.free([[*table, 1.2]], 0.1).any(), 'nothing tall does'
    place = building.places_N2[0]
    assert building.free([[*place, 1.0]], 0.3).all()
    outside = [[-0.1, 5, 1.0], [13.1, 5, 1.0], [*place, 3.5], [*place, -0.1]]
    assert not building.free(outside, 0.0).any()
    door = next(a.polygon_N2.mean(axis=0) for a in building.floor_plan if a.kind == 'door')
    assert building.free([[*door, 1.9]], 0.4).all(), 'one fits through a door'
    assert not building.free([[*door, 1.9]], 0.6).any(), 'if one is not too wide'
    assert not building.free([[*door, 2.4]], 0.4).any(), 'or too tall'


def test_distance_to_a_turned_box():
    box = Obstacle((1.0, 2.0), (1.0, 0.5), np.pi / 2, 0.0, 1.0)
    points = np.array([[1.0, 2.0], [1.4, 2.9], [3.0, 2.0], [1.0, 5.0], [4.5, 7.0]])
    np.testing.assert_allclose(box.distance(points), [0, 0, 1.5, 2.0, 5.0], atol=1e-12)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'size_m': (3, 8)}, 'at least 6 x 6'),
        ({'size_m': (float('nan'), 8)}, 'at least 6 x 6'),
        ({'size_m': (30, 300)}, 'at most 80'),
        ({'size_m': (10, 10), 'kind': 'square'}, 'at least 14 x 14'),
        ({'kind': 'castle'}, 'expected one of building, square, mixed'),
        ({'day': -1}, 'at least 0'),
        ({'seed': -1}, 'at least 0'),
    ],
)
def test_impossible_worlds_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        make_world(**({'seed': 1} | arguments))


def test_conditions_are_found_by_name():
    assert condition('night').headlight > 0
    assert set(CONDITIONS) == {'day', 'evening', 'lamps', 'night'}
    with pytest.raises(ConfigError, match='expected one of day, evening'):
        condition('dusk')
