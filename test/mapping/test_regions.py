# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neumap_ros.mapping.regions import SMALLEST_SHARE, octree_regions


def check(points, regions, limit) -> None:
    cores = np.concatenate([r.core_N for r in regions])
    assert sorted(cores) == list(range(len(points))), 'every point in exactly one region'
    assert [r.id for r in regions] == sorted({r.id for r in regions})
    for region in regions:
        assert 0 < len(region.core_N) <= limit + SMALLEST_SHARE * limit + 1e-6
        inside = points[region.core_N]
        assert (region.box_min_3 == inside.min(axis=0)).all()
        assert (region.box_max_3 == inside.max(axis=0)).all()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 600), st.integers(20, 200), st.integers(1, 12))
def test_points_are_partitioned(seed, count, limit, clusters):
    rng = np.random.default_rng(seed)
    # Clusters of very different size and density, as walls and far hills give them.
    centre = rng.normal(size=(clusters, 3)) * 10 ** rng.uniform(-2, 3)
    points = centre[rng.integers(0, clusters, count) ** 2 % clusters] + rng.normal(size=(count, 3)) * rng.uniform(0, 3)
    if len(np.unique(points, axis=0)) == count:
        check(points, octree_regions(points, limit), limit)


def test_many_small_leaves_do_not_crowd_into_one():
    rng = np.random.default_rng(0)
    corner = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    points = [rng.uniform(0.01, 0.99, (95, 3)) * 8]
    points += [rng.uniform(0.1, 0.9, (14, 3)) * 8 - 8 * c for c in corner[1:]]
    points = np.concatenate(points)
    check(points, octree_regions(points, 100), 100)


def test_small_leaves_are_joined_to_a_neighbour():
    rng = np.random.default_rng(0)
    left, right = rng.uniform((-8, 1, 1), (-5, 3, 3), (80, 3)), rng.uniform((4, 1, 1), (7, 3, 3), (80, 3))
    few = rng.uniform((1, 1, -2), (3, 3, -1), (5, 3))
    points = np.concatenate([left, right, few])
    regions = octree_regions(points, 100)
    assert sorted(len(r.core_N) for r in regions) == [80, 85]
    mixed = next(r for r in regions if len(r.core_N) == 85)
    assert set(mixed.core_N) == {*range(80, 165)}, 'the nearer one takes them'


def test_equal_points_do_not_split_for_ever():
    regions = octree_regions(np.ones((50, 3)), 10)
    assert [len(r.core_N) for r in regions] == [50]


def test_one_point():
    (region,) = octree_regions(np.array([[1.0, 2, 3]]), 10)
    assert region.core_N.tolist() == [0]
    assert len(octree_regions(np.zeros((1, 3)), 10)) == 1


def test_a_few_more_points_do_not_rename_regions():
    rng = np.random.default_rng(3)
    points = rng.uniform((-30, -3, 0), (30, 3, 90), (4000, 3))
    before = octree_regions(points, 400)
    assert len(before) > 8
    more = np.concatenate([points, rng.uniform((-30, -3, 0), (30, 3, 90), (8, 3))])
    after = octree_regions(more, 400)
    assert [r.id for r in after] == [r.id for r in before]
    for old, new in zip(before, after, strict=True):
        assert set(new.core_N) - set(old.core_N) <= set(range(4000, 4008))
        assert set(old.core_N) <= set(new.core_N)


def test_points_at_the_rim_do_not_move_the_boundaries():
    rng = np.random.default_rng(3)
    points = rng.uniform((-30, -3, 0), (30, 3, 90), (4000, 3))
    before = {r.id for r in octree_regions(points, 400)}
    after = {r.id for r in octree_regions(np.concatenate([points, [[0, 0, 99.0], [35, 0, 50]]]), 400)}
    assert before == after


def test_the_margin_holds_neighbours_only():
    rng = np.random.default_rng(0)
    points = rng.uniform(-10, 10, (600, 3))
    for region in octree_regions(points, 100, margin=0.1):
        assert not set(region.core_N) & set(region.margin_N)
        reach = 0.1 * (region.box_max_3 - region.box_min_3)
        near = ((points >= region.box_min_3 - reach) & (points <= region.box_max_3 + reach)).all(axis=1)
        assert set(region.core_N) | set(region.margin_N) == set(np.flatnonzero(near)) | set(region.core_N)
    assert all(len(r.margin_N) == 0 for r in octree_regions(points, 100))


def test_the_limit_is_kept_for_any_cloud():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        points = rng.standard_cauchy((3000, 3))
        check(points, octree_regions(points, 200), 200)


@pytest.mark.parametrize('scale', [1e-6, 1e6])
def test_the_unit_does_not_matter(scale):
    points = np.random.default_rng(0).uniform(-10, 10, (600, 3))
    check(points * scale, octree_regions(points * scale, 100), 100)
