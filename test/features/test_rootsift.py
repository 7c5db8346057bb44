# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from neumap_ros.errors import ConfigError, ImageError
from neumap_ros.features import create_extractor, extractor_names
from neumap_ros.features.rootsift import CONTRAST_THRESHOLD

SHAPE = (120, 160)


def texture(seed: int = 0, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Smooth noise with detail at several scales."""
    rng = np.random.default_rng(seed)
    total = np.zeros(shape)
    for sigma in (1.5, 3, 6):
        layer = cv2.GaussianBlur(rng.normal(size=shape), (0, 0), sigma)
        total += layer / layer.std()
    return np.clip(128 + 30 * total, 0, 255).astype(np.uint8)


def blob(x: float, y: float, sigma: float, shape: tuple[int, int] = (64, 80)) -> np.ndarray:
    """A bright spot around (x, y), the top-left pixel's centre at (0.5, 0.5)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    spot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return np.rint(30 + 200 * spot).astype(np.uint8)


@pytest.fixture(scope='module')
def extractor():
    return create_extractor('rootsift')


def test_the_same_image_gives_the_same_features(extractor):
    first, second = extractor.extract(texture(), 300), create_extractor('rootsift').extract(texture(), 300)
    assert len(first) > 100
    for name in ('keypoints_N2', 'scales_N', 'descriptors_ND', 'scores_N', 'global_descriptor_G'):
        assert (getattr(first, name) == getattr(second, name)).all(), name


def test_shapes_types_and_norms(extractor):
    features = extractor.extract(texture(), 300)
    count, info = len(features), extractor.info
    assert features.image_size == (160, 120)
    assert features.keypoints_N2.shape == (count, 2)
    assert features.scales_N.shape == features.scores_N.shape == (count,)
    assert features.descriptors_ND.shape == (count, info.descriptor_size)
    assert features.global_descriptor_G.shape == (info.global_size,)
    for array in (features.keypoints_N2, features.scales_N, features.descriptors_ND, features.global_descriptor_G):
        assert array.dtype == np.float32
    assert np.linalg.norm(features.descriptors_ND, axis=1) == pytest.approx(np.ones(count), abs=1e-5)
    assert np.linalg.norm(features.global_descriptor_G) == pytest.approx(1, abs=1e-5)
    assert (features.keypoints_N2 > 0).all()
    assert (features.keypoints_N2 < features.image_size).all()
    assert (features.scales_N > 0).all()


def test_descriptors_are_square_roots_of_sift(extractor):
    image = texture()
    sift = cv2.SIFT.create(nfeatures=300, contrastThreshold=CONTRAST_THRESHOLD, enable_precise_upscale=True)
    keypoints, descriptors = sift.detectAndCompute(image, None)
    features = extractor.extract(image, 300)
    order = np.argsort([-k.response for k in keypoints], kind='stable')[: len(features)]
    probabilities = descriptors[order] / descriptors[order].sum(axis=1, keepdims=True)
    assert features.descriptors_ND**2 == pytest.approx(probabilities, abs=1e-6)


@pytest.mark.parametrize('sigma', [2.0, 3.0, 5.0])
@pytest.mark.parametrize(('x', 'y'), [(40.5, 30.5), (40.0, 30.0), (37.3, 28.8), (41.71, 33.27)])
def test_keypoints_lie_where_the_blob_is(extractor, x, y, sigma):
    features = extractor.extract(blob(x, y, sigma), 20)
    assert len(features)
    best = features.keypoints_N2[0]
    # A missing or doubled half pixel, or a quarter lost in the doubled octave, is far more than this.
    assert best == pytest.approx([x, y], abs=0.06)
    # A Gaussian blob of width sigma has its extremum of the difference of Gaussians at about sigma.
    assert features.scales_N[0] == pytest.approx(sigma, rel=0.35)


def test_the_best_keypoints_are_kept_best_first(extractor):
    many = extractor.extract(texture(), 300)
    few = extractor.extract(texture(), 40)
    assert len(few) == 40
    assert (np.diff(few.scores_N) <= 0).all()
    assert few.scores_N == pytest.approx(many.scores_N[:40])


def test_ties_do_not_exceed_the_limit(extractor):
    # Equal blobs have equal responses; OpenCV keeps all that are as good as the last one.
    image = np.tile(blob(32.5, 32.5, 3.0, (64, 64)), (3, 4))
    assert len(extractor.extract(image, 500)) > 5
    assert len(extractor.extract(image, 5)) == 5


@pytest.mark.parametrize('value', [0, 128, 255])
def test_a_blank_image_gives_no_keypoints(extractor, value):
    features = extractor.extract(np.full(SHAPE, value, np.uint8), 100)
    assert len(features) == 0
    assert features.keypoints_N2.shape == (0, 2)
    assert features.descriptors_ND.shape == (0, 128)
    assert features.image_size == (160, 120)
    assert not features.global_descriptor_G.any()


@pytest.mark.parametrize('shape', [(1, 1), (1, 40), (3, 3)])
def test_tiny_images_do_no_harm(extractor, shape):
    assert len(extractor.extract(np.zeros(shape, np.uint8), 100)) == 0


def test_colour_is_looked_at_as_grey(extractor):
    grey = texture()
    features = extractor.extract(np.dstack([grey] * 3), 100)
    assert (features.keypoints_N2 == extractor.extract(grey, 100).keypoints_N2).all()
    blue = np.dstack([grey, np.zeros_like(grey), np.zeros_like(grey)])
    expected = extractor.extract(cv2.cvtColor(blue, cv2.COLOR_BGR2GRAY), 100)
    assert (extractor.extract(blue, 100).keypoints_N2 == expected.keypoints_N2).all()


def test_a_view_of_a_larger_image_gives_the_same_features(extractor):
    large = texture(shape=(200, 240))
    window = large[10:130, 20:180]
    assert (extractor.extract(window, 50).keypoints_N2 == extractor.extract(window.copy(), 50).keypoints_N2).all()


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((0, 10), np.uint8),
        np.zeros((10, 10), np.float32),
        np.zeros((10, 10, 4), np.uint8),
        np.zeros(10, np.uint8),
        None,
        [[1, 2], [3, 4]],
    ],
)
def test_what_is_no_image_is_refused(extractor, image):
    with pytest.raises(ImageError, match='the image'):
        extractor.extract(image, 100)


def test_an_unknown_extractor_is_refused():
    with pytest.raises(ConfigError, match=r"no extractor 'orb', expected one of .*rootsift"):
        create_extractor('orb')
    assert 'rootsift' in extractor_names()


def test_the_global_descriptor_can_be_left_out():
    features = create_extractor('rootsift', with_global=False).extract(texture(), 100)
    assert not features.global_descriptor_G.any()
    assert len(features)
