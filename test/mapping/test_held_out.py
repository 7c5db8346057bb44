# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A map without some of its images must not know anything of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neumap_ros.features import create_extractor
from neumap_ros.mapping.compression import CodeSettings
from neumap_ros.mapping.fit_dpqed import FitSettings
from neumap_ros.mapping.held_out import LARGEST_SHARE, MapWithout, choose_groups, localize_held_out, without_views
from neumap_ros.mapping.tracks import Tracks


@pytest.mark.parametrize('count', [4, 5, 13, 38, 60, 151, 1000])
def test_groups_are_spread_and_small(count):
    groups = choose_groups(count, 40)
    chosen = [view for group in groups for view in group]
    assert len(set(chosen)) == len(chosen)
    assert min(40, count) - 4 <= len(chosen) <= 40
    assert 0 <= min(chosen) <= max(chosen) < count
    assert max(map(len, groups)) <= max(1, LARGEST_SHARE * count) + 5
    # Every part of the drive is measured.
    thirds = np.bincount(np.array(chosen) * 3 // count, minlength=3)
    assert thirds.max() <= 2 * thirds.min() + 2


def test_too_few_views_are_not_held_out():
    assert choose_groups(3, 40) == []
    assert choose_groups(100, 0) == []


def test_neighbours_in_a_long_drive_go_together():
    (group,) = choose_groups(400, 40)
    assert group[:5] == list(range(group[0], group[0] + 5))


def test_points_are_triangulated_from_the_other_views(street):
    rng = np.random.default_rng(0)
    tracks = street.tracks
    seen = np.unique(tracks.point_O[np.isin(tracks.view_O, [3, 7])])
    # The views that are held out have pulled their points away.
    pulled = tracks.points_P3.copy()
    pulled[seen] += rng.normal(scale=0.02, size=(len(seen), 3))
    left, index = without_views(street.views, replace(tracks, points_P3=pulled), [3, 7])
    assert not np.isin(left.view_O, [3, 7]).any()
    assert left.lengths_P.min() >= 2
    error = np.linalg.norm(left.points_P3 - tracks.points_P3[index], axis=1)
    again = np.isin(index, seen)
    assert again.any()
    # Keypoints are float32.
    depth = np.linalg.norm(left.points_P3, axis=1)
    assert np.median(error[again] / depth[again]) < 1e-5
    assert not error[~again].any(), 'what they did not see stays'


def test_points_that_the_other_views_do_not_fix_are_gone(street):
    tracks = street.tracks
    _, index = without_views(street.views, tracks, [5])
    lengths = tracks.lengths_P
    mine = np.unique(tracks.point_O[tracks.view_O == 5])
    assert not np.isin(mine[lengths[mine] == 2], index).any()
    # An observation far off its point is not believed.
    wrong = tracks.keypoint_O.copy()
    victim = int(index[np.isin(index, mine) & (lengths[index] >= 4)][0])
    at = np.flatnonzero((tracks.point_O == victim) & (tracks.view_O != 5))[0]
    wrong[at] = (wrong[at] + 17) % len(street.views[tracks.view_O[at]].features)
    _, left = without_views(street.views, replace(tracks, keypoint_O=wrong), [5])
    assert victim not in left


CODES = [
    CodeSettings('full'),
    CodeSettings('pq', 4, centroids=16),
    CodeSettings('dpqed', 4, scene_codebooks=False, hidden=8, fit=FitSettings(steps=3, batch=64)),
    CodeSettings('dpqed', 4, scene_codebooks=True, hidden=8, fit=FitSettings(steps=3, batch=64)),
]


def maps_of(street, code, views=None) -> MapWithout:
    bits = 0 if code.kind == 'full' else street.BITS
    return MapWithout(
        list(street.views) if views is None else views,
        street.tracks,
        street.compressor.compress(code),
        bits,
        street.compressor.basis,
        create_extractor('rootsift'),
        street.manifest(code),
    )


@pytest.mark.parametrize('code', CODES, ids=['full', 'pq', 'universal', 'scene'])
def test_a_map_without_an_image_does_not_depend_on_it(street, code):
    rng = np.random.default_rng(1)
    spoiled = list(street.views)
    for v in (2, 8):
        features = spoiled[v].features
        other = rng.normal(size=features.descriptors_ND.shape).astype(np.float32)
        pixels = rng.uniform(0, 480, size=features.keypoints_N2.shape).astype(np.float32)
        features = replace(features, descriptors_ND=other, keypoints_N2=pixels)
        spoiled[v] = replace(spoiled[v], features=features)
    tables = [maps_of(street, code, views).localizer([2, 8]).decoder.table for views in (None, spoiled)]
    assert len(tables[0].points_P3) > 0.8 * len(street.tracks.points_P3)
    assert (tables[0].points_P3 == tables[1].points_P3).all()
    assert (tables[0].descriptors_PC == tables[1].descriptors_PC).all()
    if code.kind == 'full':
        whole = maps_of(street, code).localizer([]).decoder.table
        assert len(whole.points_P3) == len(street.tracks.points_P3) > len(tables[0].points_P3)


def test_held_out_images_are_localized_where_they_were_taken(street):
    calls = []
    found = list(localize_held_out(maps_of(street, CODES[0]), 6, lambda *call: calls.append(call)))
    assert len(found) == 6
    assert calls[-1][1:] == (6, 6)
    assert sum(image.fix.accepted for image in found) >= 5
    for image in found:
        assert image.truth is street.views[image.view].T_map_cam
        if image.fix.accepted:
            assert image.fix.T_map_cam.error_to(image.truth)[0] < 0.02


def test_where_nothing_is_left_nothing_is_measured(street):
    pair = Tracks(street.tracks.points_P3[:1], np.ones(1), np.zeros(2, np.int64), np.array([0, 1]), np.array([0, 0]))
    code = CODES[0]
    compressed = replace(street.compressor.compress(code), codes=street.compressor.compress(code).codes[:1])
    maps = replace(maps_of(street, code), tracks=pair, compressed=compressed)
    assert maps.localizer([0]) is None
    assert all(image.view > 1 for image in localize_held_out(maps, 4, lambda *call: None))
