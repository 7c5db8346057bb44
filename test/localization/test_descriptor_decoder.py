# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from neumap_ros.features.basis import load_basis
from neumap_ros.geometry import Pose
from neumap_ros.localization.descriptor_decoder import DescriptorDecoder, DescriptorTable, QuerySpace

EVERY = range(4)


@pytest.fixture(scope='module')
def basis():
    return load_basis('rootsift')


def make_decoder(place, basis, parts=None) -> DescriptorDecoder:
    space = QuerySpace(basis, parts)
    first = np.searchsorted(place.region_P, np.arange(place.region_P.max() + 2))
    return DescriptorDecoder(DescriptorTable(place.points_P3, space.from_extractor(place.descriptors_PC), first), space)


@pytest.fixture(scope='module')
def decoder(place, basis):
    return make_decoder(place, basis)


def rows_of(place, points) -> np.ndarray:
    """Which map point each of some positions is."""
    distance = np.linalg.norm(place.points_P3[None] - np.asarray(points)[:, None], axis=2)
    assert (distance.min(axis=1) < 1e-9).all()
    return distance.argmin(axis=1)


def check_consistency(matches, features, place) -> np.ndarray:
    """Nothing occurs twice and the columns belong together; gives the map points."""
    rows = rows_of(place, matches.points_C3) if len(matches) else np.zeros(0, int)
    assert len(np.unique(matches.keypoint_C)) == len(matches), 'a keypoint twice'
    assert len(np.unique(rows)) == len(matches), 'a point twice'
    assert (matches.pixels_C2 == features.keypoints_N2[matches.keypoint_C]).all()
    assert (matches.region_C == place.region_P[rows]).all()
    return rows


@pytest.mark.parametrize('parts', [None, 4])
def test_matching_finds_the_true_pairs(place, basis, forward, parts):
    decoder = make_decoder(place, basis, parts)
    features, truth = place.see(forward)
    matches = decoder.match(features, EVERY)
    rows = check_consistency(matches, features, place)
    right = truth[matches.keypoint_C] == rows
    assert right.sum() > 0.9 * (truth >= 0).sum()
    assert len(matches) < len(features)
    expected = (decoder._space.from_extractor(features.descriptors_ND)[matches.keypoint_C]
                * decoder.table.descriptors_PC[rows]).sum(1)  # fmt: skip
    assert matches.similarity_C == pytest.approx(expected.numpy(), abs=1e-5)


def test_the_surest_matches_come_first(decoder, place, forward):
    features, truth = place.see(forward, clutter=400)
    matches = decoder.match(features, EVERY)
    right = truth[matches.keypoint_C] == rows_of(place, matches.points_C3)
    half = (truth >= 0).sum() // 2
    assert right[:half].all()


def test_only_the_points_of_the_given_regions_are_matched(decoder, place, forward):
    features, truth = place.see(forward)
    for regions in ([0], [1], [1, 0], [2, 3]):
        matches = decoder.match(features, regions)
        check_consistency(matches, features, place)
        assert set(matches.region_C) <= set(regions)
        expected = np.isin(truth, np.flatnonzero(np.isin(place.region_P, regions))).sum()
        right = (truth[matches.keypoint_C] == rows_of(place, matches.points_C3)).sum() if len(matches) else 0
        assert right >= 0.9 * expected


def test_a_corner_triangulated_twice_is_still_matched(place, basis, forward):
    twins = replace(
        place,
        points_P3=np.repeat(place.points_P3, 2, axis=0) + np.tile([[0.0] * 3, [1e-3] * 3], (1000, 1)),
        descriptors_PC=np.repeat(place.descriptors_PC, 2, axis=0),
        region_P=np.repeat(place.region_P, 2),
    )
    features, truth = place.see(forward)
    matches = make_decoder(twins, basis).match(features, EVERY)
    rows = check_consistency(matches, features, twins)
    assert (truth[matches.keypoint_C] == rows // 2).sum() > 0.9 * (truth >= 0).sum()


def test_equal_corners_at_different_places_are_not_matched(place, basis, forward):
    rng = np.random.default_rng(0)
    repeated = replace(
        place,
        points_P3=np.repeat(place.points_P3, 2, axis=0) + np.tile([[0.0] * 3, [2.0] * 3], (1000, 1)),
        descriptors_PC=np.repeat(place.descriptors_PC, 2, axis=0) + 1e-4 * rng.normal(size=(2000, 128)),
        region_P=np.repeat(place.region_P, 2),
    )
    repeated = replace(repeated, descriptors_PC=repeated.descriptors_PC.astype(np.float32))
    features, _ = place.see(forward, clutter=0)
    assert len(make_decoder(repeated, basis).match(features, EVERY)) < 0.1 * len(features)


def test_nothing_gives_nothing(decoder, place, forward):
    features, _ = place.see(forward)
    empty = replace(features, **{name: getattr(features, name)[:0] for name in
                                 ('keypoints_N2', 'scales_N', 'descriptors_ND', 'scores_N')})  # fmt: skip
    for matches in (
        decoder.match(empty, EVERY),
        decoder.match(features, []),
        decoder.match_near(empty, place.camera, forward, 8.0, EVERY),
        decoder.match_near(features, place.camera, forward, 8.0, []),
    ):
        assert len(matches) == 0
        assert matches.pixels_C2.shape == (0, 2)
        assert matches.points_C3.shape == (0, 3)
    assert sorted(decoder.rank_regions(empty)) == list(EVERY)


def test_a_single_keypoint_can_be_matched(decoder, place, forward):
    features, truth = place.see(forward)
    one = int(np.flatnonzero(truth >= 0)[0])
    single = replace(features, **{name: getattr(features, name)[one : one + 1] for name in
                                  ('keypoints_N2', 'scales_N', 'descriptors_ND', 'scores_N')})  # fmt: skip
    assert rows_of(place, decoder.match(single, EVERY).points_C3).tolist() == [truth[one]]
    near = decoder.match_near(single, place.camera, forward, 8.0, EVERY)
    assert rows_of(place, near.points_C3).tolist() == [truth[one]]


@pytest.mark.parametrize('radius_px', [2.0, 8.0])
def test_guided_matches_lie_within_the_radius(decoder, place, forward, radius_px):
    features, truth = place.see(forward)
    matches = decoder.match_near(features, place.camera, forward, radius_px, EVERY)
    chance = decoder.chance_near(features, place.camera, forward, radius_px, EVERY)
    rows = check_consistency(matches, features, place)
    projected, inside = place.camera.project(forward.inverse().transform(matches.points_C3))
    assert inside.all()
    assert (np.linalg.norm(projected - matches.pixels_C2, axis=1) <= radius_px).all()
    right = truth[matches.keypoint_C] == rows
    assert right.sum() > 0.9 * (truth >= 0).sum()
    assert (~right).sum() < 0.05 * len(matches)
    assert chance < 0.05 * len(matches)
    assert (np.diff(matches.similarity_C) <= 0).all()


def test_guided_matching_respects_regions(decoder, place, forward):
    features, _ = place.see(forward)
    matches = decoder.match_near(features, place.camera, forward, 8.0, [1])
    assert set(matches.region_C) == {1}


def test_a_wrong_pose_collects_no_more_than_chance_says(place, basis, forward):
    decoder = make_decoder(place, basis)
    features, _ = place.see(forward, clutter=3000)
    chances, found = [], []
    for degrees in (4, 6, 8, 10, -5, -7):
        wrong = forward @ Pose(Rotation.from_euler('y', degrees, degrees=True).as_matrix(), (0.2, 0, 0))
        matches = decoder.match_near(features, place.camera, wrong, 8.0, EVERY)
        chances.append(decoder.chance_near(features, place.camera, wrong, 8.0, EVERY))
        found.append(len(matches))
    assert np.mean(found) > 5, 'the test would say nothing'
    assert np.mean(chances) == pytest.approx(np.mean(found), rel=0.4)


@pytest.mark.parametrize('points', [2, 5, 12])
def test_small_maps_are_searched_too(place, basis, forward, points):
    """Pairs of a point with itself must not make chance look like certainty."""
    _, inside = place.camera.project(forward.inverse().transform(place.points_P3))
    chosen = np.flatnonzero(inside)[:points]
    small = replace(
        place,
        points_P3=place.points_P3[chosen],
        descriptors_PC=place.descriptors_PC[chosen],
        region_P=np.zeros(points, int),
    )
    features, _ = small.see(forward, clutter=20)
    matches = make_decoder(small, basis).match_near(features, place.camera, forward, 8.0, [0])
    assert len(matches) >= 0.8 * points


@pytest.mark.parametrize('parts', [None, 4])
def test_regions_in_view_are_ranked_first(place, basis, forward, backward, parts):
    decoder = make_decoder(place, basis, parts)
    assert set(decoder.rank_regions(place.see(forward)[0])[:2]) == {0, 1}
    assert set(decoder.rank_regions(place.see(backward)[0])[:2]) == {2, 3}
    assert [decoder.points_in(r) for r in EVERY] == [250] * 4


def test_both_spaces_lead_to_the_basis(place, basis):
    expected = basis.project(place.descriptors_PC)
    plain, rotated = QuerySpace(basis, None), QuerySpace(basis, 4)
    for space in (plain, rotated):
        vectors = space.from_extractor(place.descriptors_PC)
        assert vectors.shape[1] == space.size
        assert space.to_basis(vectors) == pytest.approx(expected, abs=1e-4)
    assert torch.linalg.norm(rotated.from_extractor(place.descriptors_PC), dim=1).numpy() == pytest.approx(
        np.ones(len(expected)), abs=1e-4
    )
