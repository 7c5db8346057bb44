# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The networks that ship: their files are what the provenance says, and they find points again."""

import hashlib
from dataclasses import replace
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from neumap_ros.features import Features, create_extractor
from neumap_ros.features.basis import load_basis
from neumap_ros.features.generic_basis import generic_basis
from neumap_ros.features.neumap_extractor import NeumapExtractor
from neumap_ros.features.neumap_net import SIZES
from neumap_ros.features.weights import basis_of

WEIGHTS = Path(str(resources.files('neumap_ros') / 'weights'))
SHIPPED = [name for name in SIZES if (WEIGHTS / f'{name}.safetensors').exists()]
MOST_BYTES = 3_000_000


@pytest.fixture(scope='module', params=SHIPPED)
def extractor(request: pytest.FixtureRequest) -> NeumapExtractor:
    return create_extractor(request.param, device='cpu')


def _facade(height: int = 480, width: int = 640) -> NDArray[np.uint8]:
    """Random rectangles, each with its own shade: many corners, none like another."""
    rng = np.random.default_rng(11)
    image = np.full((height, width), 120, np.uint8)
    for _ in range(350):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        w, h = (int(v) for v in rng.integers(6, 60, 2))
        cv2.rectangle(image, (x, y), (x + w, y + h), int(rng.integers(20, 235)), -1)
    return cv2.GaussianBlur(image, (0, 0), 0.8)


def _right_matches(first: Features, second: Features, matrix_23: NDArray[np.float64], limit_px: float) -> int:
    likeness = first.descriptors_ND @ second.descriptors_ND.T
    nearest = likeness.argmax(axis=1)
    mutual = likeness.argmax(axis=0)[nearest] == np.arange(len(nearest))
    there = first.keypoints_N2 @ matrix_23[:, :2].T + matrix_23[:, 2]
    return int((mutual & (np.linalg.norm(there - second.keypoints_N2[nearest], axis=1) < limit_px)).sum())


def test_nano_ships() -> None:
    assert 'neumap_nano' in SHIPPED


@pytest.mark.parametrize('name', SHIPPED)
def test_the_provenance_names_the_files(name: str) -> None:
    data = (WEIGHTS / f'{name}.safetensors').read_bytes()
    readme = (WEIGHTS / 'README.md').read_text(encoding='utf-8')
    assert hashlib.sha256(data).hexdigest() in readme
    assert f'{len(data):,}' in readme
    log = (WEIGHTS / f'{name}.log').read_text(encoding='utf-8')
    assert log.startswith(f'command: neumap train extractor --size {name}')


def test_all_networks_are_small() -> None:
    assert sum((WEIGHTS / f'{name}.safetensors').stat().st_size for name in SHIPPED) < MOST_BYTES


def test_a_turned_image_is_matched_between_pixels(extractor: NeumapExtractor) -> None:
    image = _facade()
    turn = cv2.getRotationMatrix2D((319.5, 239.5), 12, 1.1)
    turned = cv2.warpAffine(image, turn, (640, 480))
    # In our pixels, whose centres lie half a pixel off OpenCV's.
    ours = np.c_[turn[:, :2], turn[:, 2] + 0.5 - turn[:, :2] @ [0.5, 0.5]]
    a, b = extractor.extract(image, 600), extractor.extract(turned, 600)
    assert len(a) == len(b) == 600
    near, exact = (_right_matches(a, b, ours, limit) for limit in (3.0, 1.0))
    assert near > 200
    assert exact > 0.7 * near


def test_a_dark_noisy_image_of_half_the_size_is_matched(extractor: NeumapExtractor) -> None:
    image = _facade()
    small = cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA)
    light = 255 * 0.25 * (small / 255.0) ** 1.6 + np.random.default_rng(2).normal(size=small.shape) * 2.0
    dark = np.clip(np.rint(light), 0, 255).astype(np.uint8)
    half = np.array([[0.5, 0, 0], [0, 0.5, 0]])
    a, b = extractor.extract(image, 1000), extractor.extract(dark, 1000)
    assert _right_matches(a, b, half, 1.5) > 100


def test_the_global_descriptor_knows_the_same_image(extractor: NeumapExtractor) -> None:
    image = _facade()
    same, other = image // 2, np.ascontiguousarray(cv2.resize(image[100:200, 50:200], (640, 480)))
    base, dim, far = (extractor.extract(i, 50).global_descriptor_G for i in (image, same, other))
    assert np.linalg.norm(base) == pytest.approx(1, abs=1e-4)
    assert base @ dim > base @ far


def test_the_basis_of_nano_is_small_and_keeps_neighbours() -> None:
    basis = load_basis('neumap_nano')
    assert basis.size == 32
    assert {(4, 256), (8, 256), (8, 4096)} <= set(basis.codebooks)
    assert basis.sha256 in (WEIGHTS / 'README.md').read_text(encoding='utf-8')
    descriptors = create_extractor('neumap_nano', device='cpu').extract(_facade(), 400).descriptors_ND
    projected = basis.project(descriptors)
    # The likest other point mostly stays the likest.
    before, after = (np.argsort(-(x @ x.T), axis=1)[:, 1:4] for x in (descriptors, projected))
    assert np.mean([a[0] in b for a, b in zip(before, after, strict=True)]) > 0.6


def test_other_weights_do_not_get_the_basis_of_the_shipped_ones() -> None:
    info = create_extractor('neumap_nano', device='cpu').info
    assert basis_of(info).sha256 == load_basis('neumap_nano').sha256
    assert basis_of(replace(info, weights_sha256='ab' * 32)).sha256 == generic_basis(32).sha256
