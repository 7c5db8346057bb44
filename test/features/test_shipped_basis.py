# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import hashlib
from importlib import resources

import cv2
import numpy as np
import pytest
import torch

from neumap_ros.errors import ConfigError
from neumap_ros.features import create_extractor
from neumap_ros.features.basis import load_basis, vlad
from neumap_ros.models.product_quantizer import ProductQuantizer


@pytest.fixture(scope='module')
def basis():
    return load_basis('rootsift')


@pytest.fixture(scope='module')
def descriptors_ND():
    """Descriptors of a synthetic picture."""
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.normal(size=(200, 260)), (0, 0), 2)
    image = np.clip(128 + 50 * image / image.std(), 0, 255).astype(np.uint8)
    return create_extractor('rootsift').extract(image, 400).descriptors_ND


def scenery(seed: int) -> np.ndarray:
    """A picture of discs and lines, each seed another one."""
    rng = np.random.default_rng(seed)
    image = np.full((240, 320), 120, np.uint8)
    for _ in range(60):
        place = tuple(int(v) for v in rng.integers(0, (320, 240)))
        if seed % 2:
            cv2.circle(image, place, int(rng.integers(4, 25)), int(rng.integers(0, 255)), int(rng.choice([-1, 2])))
        else:
            end = tuple(int(v) for v in rng.integers(0, (320, 240)))
            cv2.rectangle(image, place, end, int(rng.integers(0, 255)), 2)
    return cv2.GaussianBlur(image, (0, 0), 0.8)


def test_the_digest_is_that_of_the_file(basis):
    file = resources.files('neumap_ros') / 'weights' / 'rootsift_basis.safetensors'
    assert basis.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_projections_are_unit_vectors(basis, descriptors_ND):
    projected = basis.project(descriptors_ND)
    assert projected.shape == (len(descriptors_ND), basis.size)
    assert np.linalg.norm(projected, axis=1) == pytest.approx(np.ones(len(projected)), abs=1e-5)
    assert basis.project(np.zeros((0, 128), np.float32)).shape == (0, basis.size)


def test_rotations_are_rotations_and_codebooks_fit_them(basis):
    assert sorted(basis.codebooks) == [(2, 256), (2, 4096), (4, 256), (4, 4096), (8, 256), (8, 4096), (16, 256)]
    assert sorted(basis.rotations) == [2, 4, 8, 16]
    for (parts, centroids), codebooks in basis.codebooks.items():
        rotation = basis.rotations[parts]
        assert rotation @ rotation.T == pytest.approx(np.eye(basis.size), abs=1e-4)
        assert codebooks.shape == (parts, centroids, basis.size // parts)


def test_longer_universal_codes_are_more_accurate(basis, descriptors_ND):
    projected = torch.from_numpy(basis.project(descriptors_ND))
    errors = []
    # By bits: 16, 24, 32, 48, 64, 96, 128.
    for parts, centroids in ((2, 256), (2, 4096), (4, 256), (4, 4096), (8, 256), (8, 4096), (16, 256)):
        rotated = projected @ torch.from_numpy(basis.rotations[parts])
        quantizer = ProductQuantizer(torch.from_numpy(basis.codebooks[parts, centroids])).requires_grad_(False)
        restored = quantizer.lookup(quantizer.encode(rotated))
        errors.append(float((restored - rotated).square().sum(1).mean()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.35
    assert errors[0] < 1.0, 'worse than no code at all'


def test_words_are_the_nearest_ones(basis, descriptors_ND):
    projected = basis.project(descriptors_ND)
    distances = np.linalg.norm(projected[:, None] - basis.words_WC[None], axis=2)
    found = distances[np.arange(len(projected)), basis.words(projected)]
    assert found == pytest.approx(distances.min(axis=1), abs=1e-4)


def test_vlad_by_hand():
    words = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], np.float32)
    vectors = np.array([[1.0, 0.0], [2.0, -4.0], [10.0, 3.0]], np.float32)
    # Word 0: (3, -4), of length 5; word 1: (0, 3); word 2: nothing. Roots of |0.6|, |0.8|, 1; all of length sqrt(2.4).
    expected = np.array([0.6**0.5, -(0.8**0.5), 0, 1, 0, 0]) / 2.4**0.5
    assert vlad(vectors, words) == pytest.approx(expected, abs=1e-6)


def test_no_descriptors_give_zeros(basis):
    vector = basis.global_descriptor(np.zeros((0, basis.size), np.float32))
    assert vector.shape == (128,)
    assert not vector.any()


def test_a_warped_image_looks_more_like_itself_than_like_others():
    extractor = create_extractor('rootsift')
    images = [scenery(seed) for seed in range(6)]
    turn = cv2.getRotationMatrix2D((160, 120), 6, 1.05)
    warped = [cv2.warpAffine(i, turn, (320, 240), borderMode=cv2.BORDER_REFLECT) // 2 + 20 for i in images]
    first = np.stack([extractor.extract(i, 500).global_descriptor_G for i in images])
    second = np.stack([extractor.extract(i, 500).global_descriptor_G for i in warped])
    similarity = first @ second.T
    assert (similarity.argmax(axis=1) == np.arange(6)).all()
    assert (similarity.argmax(axis=0) == np.arange(6)).all()


def test_a_missing_basis_is_named():
    with pytest.raises(ConfigError, match=r"no basis for the extractor 'orb'.*neumap train basis"):
        load_basis('orb')
