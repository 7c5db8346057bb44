# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from neumap_ros.errors import SourceError
from neumap_ros.features import create_extractor
from neumap_ros.features.base import Features
from neumap_ros.models.product_quantizer import ProductQuantizer, kmeans_codebooks
from neumap_ros.training import basis as training


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def picture(seed: int, shape: tuple[int, int] = (120, 160)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    total = sum(cv2.GaussianBlur(rng.normal(size=shape), (0, 0), s) * s for s in (1.5, 3, 6))
    return np.clip(128 + 40 * total / total.std(), 0, 255).astype(np.uint8)


def test_the_projection_suppresses_what_varies_within_a_point():
    """Ten numbers that tell points apart, ten that change from view to view."""
    rng = np.random.default_rng(0)
    mixing, _ = np.linalg.qr(rng.normal(size=(20, 20)))
    points = np.c_[rng.normal(size=(3000, 10)), np.zeros((3000, 10))]

    def view() -> np.ndarray:
        noise = np.c_[0.1 * rng.normal(size=(3000, 10)), 0.8 * rng.normal(size=(3000, 10))]
        return ((points + noise) @ mixing + 5.0).astype(np.float32)

    first, second = view(), view()
    everything = np.concatenate([first, second])
    mean, projection = training.discriminant_projection(everything, first, second, 10)
    assert mean == pytest.approx(everything.mean(axis=0), abs=1e-5)
    assert projection.shape == (10, 20)
    # In the mixed coordinates the rows must lie in the first ten directions.
    useful = projection @ mixing.T
    assert np.linalg.norm(useful[:, 10:]) < 0.1 * np.linalg.norm(useful[:, :10])

    def margin(a: np.ndarray, b: np.ndarray) -> float:
        wrong = np.linalg.norm(a - np.roll(b, 1, axis=0), axis=1)
        return float(np.median(wrong) / np.median(np.linalg.norm(a - b, axis=1)))

    projected = [(x - mean) @ projection.T for x in (first, second)]
    assert margin(*projected) > 4 * margin(first, second)


def test_the_first_rows_discriminate_most():
    rng = np.random.default_rng(1)
    spread = np.array([5.0, 3.0, 2.0, 1.0])
    points = rng.normal(size=(4000, 4)) * spread
    first, second = ((points + 0.2 * rng.normal(size=points.shape)).astype(np.float32) for _ in range(2))
    _, projection = training.discriminant_projection(np.concatenate([first, second]), first, second, 3)
    assert np.abs(projection).argmax(axis=1).tolist() == [0, 1, 2]


def test_the_rotation_lowers_the_error_of_the_quantiser():
    # All the variance in a few numbers of the first part: what plain product quantisation handles worst.
    scale = torch.tensor([4.0, 3.0, 2.0, 1.5, 0.1, 0.1, 0.1, 0.1])
    vectors = torch.randn(3000, 8, generator=generator(1)) * scale
    rotation, codebooks, error = training.optimised_product_quantiser(vectors, 2, generator(), iterations=4)
    assert (rotation @ rotation.T).numpy() == pytest.approx(np.eye(8), abs=1e-4)
    assert codebooks.shape == (2, 256, 4)
    quantizer = ProductQuantizer(codebooks).requires_grad_(False)
    rotated = vectors @ rotation
    measured = (quantizer.lookup(quantizer.encode(rotated)) - rotated).square().sum(1).mean()
    assert error == pytest.approx(float(measured), rel=1e-5)
    plain = ProductQuantizer(kmeans_codebooks(vectors, 2, generator())).requires_grad_(False)
    plain_error = (plain.lookup(plain.encode(vectors)) - vectors).square().sum(1).mean()
    assert error < 0.7 * float(plain_error)


def test_iterating_improves_the_rotation():
    mixing, _ = torch.linalg.qr(torch.randn(8, 8, generator=generator(3)))
    vectors = torch.randn(3000, 8, generator=generator(1)) ** 3 @ mixing
    errors = [training.optimised_product_quantiser(vectors, 2, generator(), iterations=i)[2] for i in (0, 8)]
    assert errors[1] < 0.93 * errors[0]


def test_balanced_axes_share_the_variance():
    scale = torch.tensor([8.0, 4.0, 2.0, 1.0])
    vectors = torch.randn(5000, 4, generator=generator(2)) * scale
    axes = training._balanced_axes(vectors, 2)
    assert (axes @ axes.T).numpy() == pytest.approx(np.eye(4), abs=1e-5)
    variances = (vectors @ axes).var(dim=0)
    products = variances[:2].prod(), variances[2:].prod()
    assert float(products[0] / products[1]) == pytest.approx(1, abs=0.2)


def test_a_lloyd_step_keeps_unused_centroids():
    codebooks = torch.tensor([[[0.0], [10.0], [99.0]]])
    vectors = torch.tensor([[1.0], [3.0], [9.0]])
    codes = ProductQuantizer(codebooks).encode(vectors)
    assert training._recentred(codebooks, codes, vectors)[0, :, 0].tolist() == [2.0, 9.0, 99.0]


@pytest.mark.parametrize('seed', range(4))
def test_the_homography_leads_to_the_same_content(seed):
    """Spots of the picture lie in the warped one where the homography says, to a fraction of a pixel."""
    image = np.zeros((200, 240), np.uint8)
    spots = [(70, 60), (170, 60), (120, 100), (70, 140), (170, 140)]
    for spot in spots:
        cv2.circle(image, spot, 3, 255, -1)
    image = cv2.GaussianBlur(image, (0, 0), 1.5)
    warped, homography = training._random_view(image, np.random.default_rng(seed))
    assert warped.shape == image.shape
    assert warped.dtype == np.uint8
    checked = 0
    for x, y in cv2.perspectiveTransform(np.array([spots], np.float64), homography)[0]:
        if 15 < x < 225 and 15 < y < 185:
            left, top = round(x) - 7, round(y) - 7
            patch = warped[top : top + 15, left : left + 15].astype(float)
            weight = np.clip(patch - patch.max() / 3, 0, None)
            rows, columns = np.mgrid[:15, :15]
            centre = (columns * weight).sum() / weight.sum() + left, (rows * weight).sum() / weight.sum() + top
            assert centre == pytest.approx((x, y), abs=0.6)
            checked += 1
    assert checked >= 3


def features_at(keypoints, descriptors) -> Features:
    count = len(keypoints)
    ones = np.ones(count, np.float32)
    return Features(
        np.asarray(keypoints, np.float32).reshape(count, 2),
        ones,
        np.asarray(descriptors, np.float32),
        ones,
        np.zeros(1, np.float32),
        (100, 100),
    )


def test_the_same_points_are_near_and_alike():
    shift = np.array([[1, 0, 10], [0, 1, -5], [0, 0, 1.0]])
    eye = np.eye(4)
    first = features_at([[20.5, 30.5], [50, 50], [70, 70]], eye[:3])
    second = features_at(
        # The partner of the first, a nearer but different one, a partner of the second that looks different.
        [[31.5, 25.5], [30.5, 25.5], [60, 45], [90, 90]],
        [eye[0], eye[3], eye[3], eye[2]],
    )
    assert training._same_points(first, second, shift).tolist() == [[0, 0]]
    none = features_at(np.zeros((0, 2)), np.zeros((0, 4)))
    assert training._same_points(first, none, shift).shape == (0, 2)
    assert training._same_points(none, second, shift).shape == (0, 2)


def test_the_same_points_know_the_half_pixel():
    # Twice the size about the middle of the first pixel, which is (0.5, 0.5) here.
    double = np.diag([2.0, 2, 1])
    first = features_at([[10.5, 10.5]], [[1.0, 0]])
    exact = features_at([[20.5, 20.5]], [[1.0, 0]])
    half_off = features_at([[20.5 + 1.45, 20.5]], [[1.0, 0]])
    beyond = features_at([[20.5 + 1.55, 20.5]], [[1.0, 0]])
    assert len(training._same_points(first, exact, double)) == 1
    assert len(training._same_points(first, half_off, double)) == 1
    assert len(training._same_points(first, beyond, double)) == 0


@pytest.fixture
def small(monkeypatch):
    """The same procedure with small numbers."""
    for name, value in {
        'GLOBAL_SIZE': 6,
        'CODEBOOKS': ((2, 256), (2, 300)),
        'WORDS': 32,
        'VLAD_WORDS': 4,
        'SIZE': 16,
        'KEYPOINTS_PER_IMAGE': 150,
        'OPQ_ITERATIONS': 2,
    }.items():
        monkeypatch.setattr(training, name, value)


@pytest.fixture(scope='module')
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('photographs')
    (folder / 'deeper').mkdir()
    for i in range(8):
        cv2.imwrite(str(folder / ('deeper' if i % 2 else '.') / f'{i}.png'), picture(i))
    (folder / 'notes.txt').write_text('no picture')
    return folder


def test_a_basis_is_trained_and_written(small, photographs, tmp_path):
    extractor = create_extractor('rootsift', with_global=False)
    calls = []
    out = tmp_path / 'new' / 'basis.safetensors'
    figures = training.train_basis(photographs, extractor, out, progress=lambda *call: calls.append(call))
    assert calls == [(i, 8) for i in range(1, 9)]
    assert figures['images'] == 8
    assert figures['pairs'] > 100
    tensors = load_file(out)
    shapes = {name: value.shape for name, value in tensors.items()}
    assert shapes == {
        'mean': (128,),
        'projection': (16, 128),
        'rotation.2': (16, 16),
        'codebooks.2.256': (2, 256, 8),
        'codebooks.2.300': (2, 300, 8),
        'words': (32, 16),
        'vlad.words': (4, 16),
        'vlad.mean': (64,),
        'vlad.projection': (6, 64),
    }
    assert all(np.isfinite(value).all() for value in tensors.values())
    axes = tensors['vlad.projection'].astype(np.float64)
    assert axes @ axes.T == pytest.approx(np.eye(6), abs=5e-3)
    assert 0 < figures['squared_error_M2_K300'] < 1.1 * figures['squared_error_M2_K256'] < 1.1
    again = tmp_path / 'again.safetensors'
    training.train_basis(photographs, extractor, again)
    assert again.read_bytes() == out.read_bytes(), 'the same seed gives the same basis'


def test_too_few_photographs_are_refused(photographs, tmp_path):
    with pytest.raises(SourceError, match='holds 8 photographs, expected at least 128'):
        training.train_basis(photographs, create_extractor('rootsift', with_global=False), tmp_path / 'a.safetensors')
    with pytest.raises(SourceError, match='holds 0 photographs'):
        training.train_basis(tmp_path, create_extractor('rootsift', with_global=False), tmp_path / 'a.safetensors')


def test_the_log_names_command_and_figures():
    text = training.log_lines({'pairs': 12000.0, 'squared_error_M4': 0.4567891}, ['neumap', 'train', 'basis'])
    assert text == 'command: neumap train basis\npairs: 12000\nsquared_error_M4: 0.456789\n'
