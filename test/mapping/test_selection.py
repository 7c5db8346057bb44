# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neumap_ros.geometry import Pose
from neumap_ros.mapping.selection import detection_probability, rank_points


@pytest.fixture(scope='module')
def ranked(street) -> np.ndarray:
    return rank_points(street.views, street.tracks)


@pytest.mark.parametrize('limit', [None, 0, 1, 50, 10**9])
def test_the_order_is_a_permutation(street, limit):
    ranked = rank_points(street.views, street.tracks, limit)
    assert ranked.dtype == np.int64
    assert sorted(ranked) == list(range(len(street.tracks.points_P3)))


def test_the_same_scene_gives_the_same_order(street, ranked):
    assert (rank_points(street.views, street.tracks) == ranked).all()


def test_the_limit_only_ends_the_ranking(street, ranked):
    assert (rank_points(street.views, street.tracks, 16)[:16] == ranked[:16]).all()


def counts(street, chosen) -> np.ndarray:
    """Observations of each view."""
    mine = np.isin(street.tracks.point_O, chosen)
    return np.bincount(street.tracks.view_O[mine], minlength=len(street.views))


@pytest.mark.parametrize('size', [60, 200])
def test_a_prefix_covers_all_views(street, ranked, size):
    assert counts(street, ranked[:size]).min() >= 0.3 * size


def test_a_view_that_few_points_show_is_not_forgotten(street, ranked):
    """A view of other things: only its own 30 points know its pose."""
    tracks, last = street.tracks, len(street.views) - 1
    alone = np.flatnonzero(np.bincount(tracks.point_O[tracks.view_O >= last - 1], minlength=len(tracks.points_P3)) > 0)
    others = np.flatnonzero(np.bincount(tracks.point_O[tracks.view_O < last - 1], minlength=len(tracks.points_P3)) > 2)
    few = np.concatenate([np.setdiff1d(others, alone), alone[:30]])
    scene = tracks.select(np.sort(few))
    chosen = rank_points(street.views, scene)[: len(scene.points_P3) // 5]
    mine = np.isin(scene.point_O, chosen) & (scene.view_O == last)
    assert mine.sum() >= 6, 'fewer than a pose needs'


def depths(street) -> np.ndarray:
    """Smallest depth at which each point was seen."""
    tracks = street.tracks
    cameras = np.array([v.T_map_cam.translation_3[2] for v in street.views])
    nearest = np.full(len(tracks.points_P3), np.inf)
    np.minimum.at(nearest, tracks.point_O, tracks.points_P3[tracks.point_O, 2] - cameras[tracks.view_O])
    return nearest


def test_near_points_of_a_street_are_preferred(street, ranked):
    """Far points of a forward drive fix the orientation but not the position along the road."""
    depth = depths(street)
    # Only among points seen equally often, as long tracks are preferred too.
    common = np.flatnonzero(street.tracks.lengths_P == len(street.views))
    rank = np.argsort(ranked)
    near, far = common[depth[common] < 10], common[depth[common] > 25]
    assert min(len(near), len(far)) > 20
    assert np.median(rank[near]) < 0.65 * np.median(rank[far])


def test_the_choice_does_not_depend_on_the_unit(street, ranked):
    views = [replace(v, T_map_cam=Pose(v.T_map_cam.rotation_33, 8 * v.T_map_cam.translation_3)) for v in street.views]
    scaled = rank_points(views, replace(street.tracks, points_P3=8 * street.tracks.points_P3))
    assert (scaled[:300] == ranked[:300]).mean() > 0.99


def test_longer_tracks_are_seen_again_more_likely(street):
    probability = detection_probability(street.tracks)
    lengths = street.tracks.lengths_P
    assert probability[lengths == 2] == pytest.approx(1 / 3)
    assert (np.diff(probability[np.argsort(lengths)]) >= 0).all()
    assert probability.max() < 1
