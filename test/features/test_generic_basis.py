# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib

import numpy as np
import pytest

from neumap_ros.errors import MapError
from neumap_ros.features.base import ExtractorInfo
from neumap_ros.features.basis import load_basis
from neumap_ros.features.generic_basis import GLOBAL_SIZE, WORDS, generic_basis
from neumap_ros.features.weights import basis_of


def unit(array: np.ndarray) -> np.ndarray:
    return (array / np.linalg.norm(array, axis=-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(('size', 'parts'), [(32, [2, 4, 8, 16]), (48, [2, 4, 8, 16]), (36, [2, 4]), (7, [])])
def test_descriptors_stay_what_they_are(size, parts):
    basis = generic_basis(size)
    vectors = unit(np.random.default_rng(0).normal(size=(20, size)))
    assert basis.size == size
    assert basis.project(vectors) == pytest.approx(vectors, abs=1e-6)
    assert sorted(basis.rotations) == parts
    assert basis.words_WC.shape == (WORDS, size)
    assert np.linalg.norm(basis.words_WC, axis=1) == pytest.approx(np.ones(WORDS), abs=1e-5)


def test_the_words_are_the_same_everywhere():
    """Maps and robots of other versions must count the same words."""
    signs = np.packbits(generic_basis(64).words_WC > 0).tobytes()
    assert hashlib.sha256(signs).hexdigest()[:16] == 'c6ebd36d2e11ea66'
    assert generic_basis(64).sha256 != generic_basis(32).sha256


def test_neighbours_share_words_and_strangers_do_not():
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(500, 64)))
    near = unit(vectors + 0.03 * rng.normal(size=vectors.shape))
    basis = generic_basis(64)
    words = basis.words(vectors)
    assert np.mean(basis.words(near) == words) > 0.5
    assert np.mean(np.roll(words, 1) == words) < 0.05


def test_the_global_descriptor_tells_places_apart():
    """Each image shows half of its place's points; another half of the same place is nearer than any other place."""
    rng = np.random.default_rng(0)
    places = unit(rng.normal(size=(8, 400, 32)))
    basis = generic_basis(32)

    def look(place: np.ndarray) -> np.ndarray:
        return basis.global_descriptor(unit(place[rng.permutation(400)[:300]] + 0.05 * rng.normal(size=(300, 32))))

    first, second = (np.stack([look(place) for place in places]) for _ in range(2))
    assert first.shape == (8, GLOBAL_SIZE)
    assert np.linalg.norm(first, axis=1) == pytest.approx(np.ones(8), abs=1e-5)
    assert ((first @ second.T).argmax(axis=1) == np.arange(8)).all()


def test_the_basis_that_ships_comes_first():
    shipped = ExtractorInfo('rootsift', 1, '', 128, 128)
    assert basis_of(shipped) is load_basis('rootsift')
    assert basis_of({'name': 'rootsift', 'descriptor_size': 128}) is load_basis('rootsift')
    assert basis_of(ExtractorInfo('onnx', 1, 'ab', 32, 128)) is generic_basis(32)


@pytest.mark.parametrize('size', [None, 0, True, 1e9, '64'])
def test_a_map_without_a_sensible_descriptor_size_is_refused(size):
    with pytest.raises(MapError, match=r'descriptor_size = .*expected a number from 1 to 4096'):
        basis_of({'name': 'onnx', 'descriptor_size': size})
