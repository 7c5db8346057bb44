# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from neumap_ros.errors import ImageError, MapError
from neumap_ros.features import create_extractor
from neumap_ros.features.base import Features
from neumap_ros.geometry import Camera, Pose
from neumap_ros.localization.evidence import SIGMA_INFLATION
from neumap_ros.localization.fix import Reason
from neumap_ros.localization.localizer import Localizer, LocalizerSettings, Prior
from neumap_ros.maps.storage import open_map, write_map
from neumap_ros.maps.types import Region

REJECTED = (Reason.FEW_MATCHES, Reason.FEW_INLIERS, Reason.BAD_GEOMETRY, Reason.AMBIGUOUS)
# Two of the four regions at once.
HALF = LocalizerSettings(points_per_attempt=500, points_near_prior=500)


@pytest.fixture(scope='module')
def stored(place, tmp_path_factory):
    return place.write(tmp_path_factory.mktemp('maps') / 'site')


@pytest.fixture(scope='module')
def localizer(stored):
    return Localizer(stored)


def spy_on(localizer: Localizer, monkeypatch) -> list[list[int]]:
    """The groups of regions that a localizer tries."""
    tried: list[list[int]] = []
    original = localizer.decoder.match
    monkeypatch.setattr(
        localizer.decoder, 'match', lambda features, regions: tried.append(list(regions)) or original(features, regions)
    )
    return tried


@pytest.mark.parametrize('view', ['forward', 'backward'])
def test_an_image_of_the_place_is_localized(localizer, place, view, request):
    pose = request.getfixturevalue(view)
    features, truth = place.see(pose)
    fix = localizer.localize_features(features, place.camera, time_s=12.5)
    assert fix.reason is Reason.OK
    assert fix.accepted
    translation, degrees = fix.T_map_cam.error_to(pose)
    assert translation < 0.03
    assert degrees < 0.15
    assert fix.hypothesis.error_to(fix.T_map_cam) == pytest.approx((0, 0), abs=1e-9)
    assert (fix.map_id, fix.revision, fix.time_s) == ('5f0c3a1e-9b1f-4a57-9a32-0a77a4b7f001', 3, 12.5)
    shown = (truth >= 0).sum()
    assert fix.evidence.keypoints == len(features)
    assert 0.85 * shown < fix.evidence.inliers <= fix.evidence.matches
    assert fix.evidence.guided_inliers == len(fix.inliers) > 0.9 * shown
    assert fix.evidence.chance_inliers < 0.1 * shown
    # Noise of 0.4 px in x and y: the median of the distance is 1.18 times that.
    assert fix.evidence.residual_px == pytest.approx(0.47, abs=0.1)
    assert {'retrieval', 'matching', 'pose', 'guided', 'gate'} <= set(fix.timings_ms)


def test_the_inliers_of_a_fix_reproject(localizer, place, forward):
    features, truth = place.see(forward)
    fix = localizer.localize_features(features, place.camera)
    pixels, inside = place.camera.project(fix.T_map_cam.inverse().transform(fix.inliers.points_C3))
    assert inside.all()
    assert np.linalg.norm(pixels - fix.inliers.pixels_C2, axis=1).max() < 12 * 640 / 1600
    assert len(np.unique(fix.inliers.keypoint_C)) == len(fix.inliers)
    assert (fix.inliers.pixels_C2 == features.keypoints_N2[fix.inliers.keypoint_C]).all()
    assert set(fix.inliers.region_C) <= {0, 1}
    # The points come from the map as it was stored, in single precision.
    expected = place.points_P3[truth[fix.inliers.keypoint_C]]
    right = truth[fix.inliers.keypoint_C] >= 0
    same = np.linalg.norm(expected - fix.inliers.points_C3, axis=1) < 1e-5
    assert (same & right).mean() > 0.95


def test_errors_are_as_large_as_the_covariance_says(localizer, place, forward):
    distances = []
    for seed in range(25):
        features, _ = place.see(forward, noise_px=0.8, seed=seed)
        fix = localizer.localize_features(features, place.camera)
        assert fix.covariance_66.shape == (6, 6)
        assert fix.covariance_66 == pytest.approx(fix.covariance_66.T)
        turn = Rotation.from_matrix(fix.T_map_cam.rotation_33 @ forward.rotation_33.T).as_rotvec()
        error = np.r_[fix.T_map_cam.translation_3 - forward.translation_3, turn]
        # Real maps add errors of their own, for which the localizer allows; this one is exact.
        distances.append(SIGMA_INFLATION**2 * error @ np.linalg.inv(fix.covariance_66) @ error)
    # Chi-square with 6 degrees of freedom: 6 on average, +-0.7 for 25; wrong inliers and lens add a little.
    assert 4.5 < np.mean(distances) < 10
    assert max(distances) < 40


def test_the_same_image_gives_the_same_fix(stored, place, forward):
    features, _ = place.see(forward, clutter=600)
    first, second = (Localizer(stored).localize_features(features, place.camera) for _ in range(2))
    assert first.evidence == second.evidence
    assert (first.T_map_cam.matrix_44 == second.T_map_cam.matrix_44).all()
    assert (first.covariance_66 == second.covariance_66).all()
    assert (first.inliers.keypoint_C == second.inliers.keypoint_C).all()


@pytest.mark.parametrize('seed', range(5))
def test_another_place_is_never_accepted(localizer, other_place, forward, seed):
    features, _ = other_place.see(forward, seed=seed, clutter=500)
    fix = localizer.localize_features(features, other_place.camera)
    assert fix.reason in REJECTED
    assert fix.T_map_cam is None
    assert fix.covariance_66 is None
    assert not fix.accepted


def test_a_handful_of_points_is_not_enough(localizer, place, forward):
    features, truth = place.see(forward, clutter=300)
    few = np.flatnonzero(truth >= 0)[4:]
    hidden = features.descriptors_ND.copy()
    hidden[few] = np.random.default_rng(0).normal(size=hidden[few].shape)
    hidden /= np.linalg.norm(hidden, axis=1, keepdims=True)
    fix = localizer.localize_features(replace(features, descriptors_ND=hidden), place.camera)
    assert fix.reason in REJECTED


def test_points_on_a_line_determine_nothing(place, forward, tmp_path):
    rng = np.random.default_rng(0)
    line = np.array([-2.0, -1, 8]) + np.linspace(0, 1, 1000)[:, None] * [4.0, 2, 3]
    on_a_line = replace(place, points_P3=rng.permutation(line), region_P=place.region_P)
    features, _ = on_a_line.see(forward, noise_px=0.2)
    fix = Localizer(on_a_line.write(tmp_path / 'line')).localize_features(features, place.camera)
    assert fix.reason in REJECTED


def test_a_blank_image_has_few_keypoints(localizer, place):
    fix = localizer.localize(np.full((480, 640), 90, np.uint8), place.camera, time_s=3.0)
    assert fix.reason is Reason.FEW_KEYPOINTS
    assert fix.evidence.keypoints == 0
    assert fix.T_map_cam is None
    assert fix.time_s == 3.0
    assert fix.timings_ms['features'] > 0


def test_an_image_of_another_size_is_refused(localizer, place):
    with pytest.raises(ImageError, match='front/7 is 320x240, expected 640x480'):
        localizer.localize(np.zeros((240, 320), np.uint8), place.camera, name='front/7')


def test_a_small_map_is_searched_at_once(localizer, place, forward, monkeypatch):
    tried = spy_on(localizer, monkeypatch)
    fix = localizer.localize_features(place.see(forward)[0], place.camera)
    assert tried == [[0, 1, 2, 3]]
    assert fix.regions == ('r0', 'r1', 'r2', 'r3')


def test_a_large_map_is_searched_where_it_looks_alike_first(stored, place, backward, monkeypatch):
    localizer = Localizer(stored, HALF)
    tried = spy_on(localizer, monkeypatch)
    fix = localizer.localize_features(place.see(backward)[0], place.camera)
    assert fix.accepted
    assert [set(group) for group in tried] == [{2, 3}]
    assert set(fix.regions) == {'r2', 'r3'}


def test_every_region_is_tried_before_giving_up_within_the_limit(stored, other_place, forward, monkeypatch):
    features, _ = other_place.see(forward)
    for limit, expected in ((4, 4), (2, 2)):
        localizer = Localizer(stored, LocalizerSettings(points_per_attempt=1, points_near_prior=1, max_attempts=limit))
        tried = spy_on(localizer, monkeypatch)
        assert not localizer.localize_features(features, other_place.camera).accepted
        assert len(tried) == expected
        assert len({r for group in tried for r in group}) == expected


def test_a_prior_narrows_the_search(stored, place, forward, monkeypatch):
    localizer = Localizer(stored)
    tried = spy_on(localizer, monkeypatch)
    near = forward @ Pose(Rotation.from_rotvec([0, 0.05, 0]).as_matrix(), (0.1, 0, 0))
    fix = localizer.localize_features(place.see(forward)[0], place.camera, Prior(near, 0.5))
    assert fix.accepted
    assert set(tried[0]) <= {0, 1}
    assert len(tried) == 1
    assert set(fix.regions) <= {'r0', 'r1'}


@pytest.mark.parametrize('settings', [LocalizerSettings(), HALF])
def test_a_wrong_prior_only_costs_time(stored, place, forward, backward, settings):
    fix = Localizer(stored, settings).localize_features(place.see(forward)[0], place.camera, Prior(backward, 0.5))
    assert fix.accepted
    assert fix.T_map_cam.error_to(forward)[0] < 0.03


def test_a_prior_that_sees_nothing_only_costs_time(stored, place, forward):
    away = Pose(np.eye(3), (0, 0, 100.0))
    fix = Localizer(stored).localize_features(place.see(forward)[0], place.camera, Prior(away, 0.5))
    assert fix.accepted


class Odd:
    """An extractor that differs from the map's in one field."""

    def __init__(self, **changes) -> None:
        self.info = replace(create_extractor('rootsift').info, **changes)

    def extract(self, image: np.ndarray, max_keypoints: int) -> Features:
        raise AssertionError('must not be used')


@pytest.mark.parametrize('changes', [{'name': 'orb'}, {'version': 2}, {'weights_sha256': 'f' * 64}])
def test_another_extractor_than_the_maps_is_refused(stored, changes):
    with pytest.raises(MapError, match=r'site was built with the extractor rootsift version 1.*rebuild the map'):
        Localizer(stored, extractor=Odd(**changes))


@pytest.mark.parametrize('changes', [{'version': 2}, {'weights_sha256': 'f' * 64}])
def test_a_map_of_another_extractor_is_refused(place, tmp_path, changes):
    with pytest.raises(MapError, match='use the same extractor or rebuild the map'):
        Localizer(place.write(tmp_path / 'site', **changes))


def test_a_map_of_an_unknown_extractor_is_refused(place, tmp_path):
    stored = place.write(tmp_path / 'site', name='superduper')
    with pytest.raises(MapError, match=r'site.*superduper'):
        Localizer(stored)


def test_a_map_of_an_unknown_kind_is_refused(place, tmp_path):
    with pytest.raises(MapError, match=r"is of kind 'hologram', this version reads .*full"):
        Localizer(place.write(tmp_path / 'site', kind='hologram'))


@pytest.mark.parametrize('damage', ['flipped', 'exchanged', 'missing'])
def test_a_damaged_shard_is_refused(place, tmp_path, damage):
    place.write(tmp_path / 'site')
    first, second = (tmp_path / 'site' / 'shards' / f'r{i}.safetensors' for i in (0, 1))
    stored = open_map(tmp_path / 'site')
    data = bytearray(first.read_bytes())
    if damage == 'flipped':
        data[-100] ^= 1
        first.write_bytes(data)
    elif damage == 'exchanged':
        first.write_bytes(second.read_bytes())
    else:
        first.unlink()
    with pytest.raises(MapError, match=r'r0\.safetensors'):
        Localizer(stored)


def poster(seed: int) -> np.ndarray:
    """A poster with detail at several scales, 100 pixels a metre."""
    rng = np.random.default_rng(seed)
    total = np.zeros((500, 700))
    for sigma in (1.5, 3, 6, 12):
        layer = cv2.GaussianBlur(rng.normal(size=total.shape), (0, 0), sigma)
        total += layer / layer.std()
    return np.clip(128 + 28 * total, 0, 255).astype(np.uint8)


def photograph(wall: np.ndarray, camera: Camera, pose: Pose) -> np.ndarray:
    """The poster in the plane z = 0, its top-left corner in the origin, seen by a pinhole camera."""
    fx, fy, cx, cy = camera.params
    to_camera = pose.inverse()
    plane = np.column_stack([to_camera.rotation_33[:, :2], to_camera.translation_3])
    # Both images with the corner of the first pixel at (0, 0), then to OpenCV's, where that is its centre.
    half = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1.0]])
    homography = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]) @ plane @ np.diag([0.01, 0.01, 1])
    moved = half @ homography @ np.linalg.inv(half)
    return cv2.warpPerspective(wall, moved, (camera.width, camera.height), flags=cv2.INTER_AREA, borderValue=128)


def test_from_pictures_to_a_pose(place, tmp_path):
    """Real keypoints: a map from one picture of a poster, a query from elsewhere, in all conventions."""
    wall, camera = poster(4), Camera('PINHOLE', 480, 360, (400, 410, 236, 184))
    mapping = Pose(np.eye(3), (3.5, 2.5, -4.5))
    features = create_extractor('rootsift').extract(photograph(wall, camera, mapping), 800)
    rays = np.c_[camera.normalize(features.keypoints_N2), np.ones(len(features))] * 4.5
    points = mapping.transform(rays)
    assert np.abs(points[:, 2]).max() < 1e-9
    manifest = replace(place.write(tmp_path / 'other').manifest, regions=(), files=())
    box = tuple(points.min(0) - 0.1), tuple(points.max(0) + 0.1)
    tensors = {'xyz': points.astype(np.float32), 'descriptors': features.descriptors_ND.astype(np.float16)}
    write_map(tmp_path / 'site', manifest, {}, [(Region('r0', *box, len(points), ''), tensors)])
    localizer = Localizer(open_map(tmp_path / 'site'))

    turn = Rotation.from_euler('xyz', [-8, 12, 15], degrees=True).as_matrix()
    truth = Pose(turn, (2.7, 2.1, -4.0))
    picture = photograph(wall, camera, truth)
    fix = localizer.localize(picture, camera)
    assert fix.reason is Reason.OK
    translation, degrees = fix.T_map_cam.error_to(truth)
    assert translation < 0.03, 'half a pixel is 5 mm'
    assert degrees < 0.3
    in_colour = localizer.localize(np.dstack([picture] * 3), camera)
    assert in_colour.T_map_cam.error_to(fix.T_map_cam) == pytest.approx((0, 0), abs=1e-9)
    assert not localizer.localize(photograph(poster(5), camera, truth), camera).accepted


def test_only_regions_in_the_frustum_are_searched_around_projections(localizer, place, forward, backward):
    """A box behind the camera or beside the image cannot show a point in it."""
    seen = localizer.search.regions.in_view(forward, place.camera)
    _, inside = place.camera.project(forward.inverse().transform(place.points_P3))
    assert set(place.region_P[inside]) <= set(seen)
    assert set(seen) != set(localizer.search.regions.in_view(backward, place.camera))
    assert localizer.search.regions.in_view(forward, place.camera, slack=1e6) == [0, 1, 2, 3]
