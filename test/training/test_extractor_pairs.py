# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pairs of views for training: points lie where the pictures show them, and light is light."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from neumap_ros.geometry import Camera, Pose
from neumap_ros.training.extractor_frames import Frame
from neumap_ros.training.extractor_light import FIRST_VIEW, SECOND_VIEW, relight
from neumap_ros.training.extractor_pairs import MARGIN_PX, Pair, Partners, corners, mapped, photograph_pair, world_pair

SIZE = 128


def _dots(height: int, width: int, spacing: int = 24) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Bright dots on grey, and their centres, top-left pixel's centre at (0.5, 0.5)."""
    image = np.full((height, width), 60, np.uint8)
    columns, rows = np.meshgrid(np.arange(spacing, width - 8, spacing), np.arange(spacing, height - 8, spacing))
    for x, y in zip(columns.ravel(), rows.ravel(), strict=True):
        cv2.circle(image, (int(x), int(y)), 3, 220, -1, cv2.LINE_AA)
    return image, np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float32) + 0.5


def _photograph() -> Frame:
    image, dots = _dots(240, 320)
    rng = np.random.default_rng(0)
    descriptors = rng.normal(size=(len(dots), 40)).astype(np.float32)
    return Frame((image,), dots, descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True))


def _patch(image: NDArray[np.float32], point_2: NDArray[np.float32]) -> NDArray[np.float32]:
    """What surrounds a point, 5 x 5 pixels, sampled between pixels."""
    return cv2.getRectSubPix(image, (5, 5), (float(point_2[0]) - 0.5, float(point_2[1]) - 0.5))


def _differences(pair: Pair) -> tuple[list[float], list[float]]:
    """How much both views differ at their points, and how much a pixel aside."""
    there, aside = [], []
    for a, b in zip(pair.points_first_P2, pair.points_second_P2, strict=True):
        middle = _patch(pair.first.image, a)[2, 2]
        there.append(abs(float(middle - _patch(pair.second.image, b)[2, 2])))
        aside.append(abs(float(middle - _patch(pair.second.image, b + np.float32(1.0))[2, 2])))
    return there, aside


@pytest.fixture
def clear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Light and noise have their own tests; here the pictures must be clear enough to measure."""
    monkeypatch.setattr(
        'neumap_ros.training.extractor_pairs.relight', lambda image, rng, shares: image / np.float32(255)
    )


@pytest.mark.usefixtures('clear')
def test_points_of_a_photograph_lie_where_both_views_show_them() -> None:
    there, aside = [], []
    for seed in range(12):
        pair = photograph_pair(_photograph(), SIZE, np.random.default_rng(seed))
        assert pair.warp_33 is not None
        np.testing.assert_allclose(mapped(pair.points_first_P2, pair.warp_33), pair.points_second_P2, atol=1e-2)
        assert pair.first.image.shape == pair.first.seen.shape == (SIZE, SIZE)
        differences = _differences(pair)
        there += differences[0]
        aside += differences[1]
    assert len(there) > 100
    assert np.mean(there) < 0.5 * np.mean(aside)  # a pixel aside the dots' edges look different


def test_corners_are_found_between_pixels() -> None:
    found = []
    for shift in (0.0, 0.25, 0.5, 0.75):
        fine = np.full((8 * 48, 8 * 48), 40, np.uint8)
        start = round(8 * (20 + shift))
        fine[start:, start:] = 200
        image = cv2.resize(fine, (48, 48), interpolation=cv2.INTER_AREA)
        found.append(corners(image)[0])
    steps = np.diff(np.array(found), axis=0)
    assert steps.min() > 0.08
    assert steps.max() < 0.35
    assert np.abs(found[0] - 20).max() < 1.5
    assert len(corners(np.full((32, 32), 9, np.uint8))) == 0


def test_keypoints_and_points_keep_to_the_view() -> None:
    for seed in range(20):
        pair = photograph_pair(_photograph(), SIZE, np.random.default_rng(seed))
        for view, points in ((pair.first, pair.points_first_P2), (pair.second, pair.points_second_P2)):
            assert ((points > MARGIN_PX) & (points < SIZE - MARGIN_PX)).all()
            assert ((view.keypoints_K2 > 0) & (view.keypoints_K2 < SIZE)).all()
        assert len(pair.descriptors_PT) == len(pair.points_first_P2) == len(pair.points_second_P2)


def test_pairs_depend_on_the_seed_alone() -> None:
    one, same, other = (photograph_pair(_photograph(), SIZE, np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one.second.image, same.second.image)
    assert not np.array_equal(one.second.image, other.second.image)


def _wall(shift_m: float, depth_m: float = 4.0) -> Frame:
    """A camera before a wall, moved to the right; its keypoints are the wall's dots."""
    camera = Camera.from_opencv(320, 240, 200.0, 200.0, 159.5, 119.5)
    image, dots = _dots(240, 320)
    moved_px = 200.0 * shift_m / depth_m
    matrix = np.array([[1, 0, -moved_px], [0, 1, 0]])
    seen = cv2.warpAffine(image, matrix, (320, 240), borderMode=cv2.BORDER_REPLICATE)
    points = dots - np.array([moved_px, 0], np.float32)
    points = points[(points[:, 0] > 4) & (points[:, 0] < 316)]
    descriptors = np.ones((len(points), 40), np.float32)
    pose = Pose.from_matrix(np.array([[1, 0, 0, shift_m], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]))
    return Frame((seen, seen), points, descriptors, np.full((240, 320), depth_m, np.float32), camera, pose)


@pytest.mark.usefixtures('clear')
def test_frames_with_depth_share_the_points_that_both_see() -> None:
    partners = Partners.of([_wall(0.0), _wall(0.4), _wall(0.8)])
    assert set(partners.pairs) >= {(0, 1), (1, 2)}
    there, aside = [], []
    for seed in range(15):
        pair = world_pair(partners, SIZE, np.random.default_rng(seed))
        assert pair.warp_33 is None
        differences = _differences(pair)
        there += differences[0]
        aside += differences[1]
    assert len(there) > 100
    assert np.mean(there) < 0.5 * np.mean(aside)


def test_hidden_points_are_not_shared() -> None:
    near = _wall(0.4)
    assert near.depth is not None
    hidden = Frame(near.images, near.keypoints_N2, near.descriptors_NT, near.depth - 1, near.camera, near.T_map_cam)
    assert not Partners.of([_wall(0.0), hidden]).pairs


@pytest.mark.parametrize('shares', [FIRST_VIEW, SECOND_VIEW])
def test_light_stays_an_image(shares: tuple[float, float, float]) -> None:
    image, _ = _dots(96, 128)
    for seed in range(40):
        light = relight(image, np.random.default_rng(seed), shares)
        assert light.dtype == np.float32
        assert light.shape == image.shape
        assert light.min() >= 0
        assert light.max() <= 1
        np.testing.assert_allclose(light * 255, np.rint(light * 255), atol=1e-3)


def test_night_is_darker_than_day() -> None:
    image, _ = _dots(96, 128)
    means = [
        np.median([relight(image, np.random.default_rng(seed), shares).mean() for seed in range(40)])
        for shares in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    ]
    assert means[0] > 1.5 * means[1] > 2 * means[2]
