# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The extractor around our network: images of every kind, batches, weights that are wrong. Untrained networks."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from neumap_ros.errors import ConfigError, ImageError
from neumap_ros.features import ExtractorInfo, create_extractor
from neumap_ros.features.network_image import MAX_PIXELS
from neumap_ros.features.neumap_extractor import NeumapExtractor, load_network
from neumap_ros.features.neumap_net import SIZES, NeumapNet, sample
from neumap_ros.features.onnx_export import export_onnx

MOST_PARAMETERS = 500_000


def _network(name: str) -> NeumapNet:
    """Weights from a seed, and batch statistics as after training."""
    torch.manual_seed(5)
    network = NeumapNet(SIZES[name])
    with torch.inference_mode():
        network.train()
        for _ in range(3):
            network(torch.rand(2, 1, 64, 64))
    return network.eval()


@pytest.fixture(scope='module')
def extractor() -> NeumapExtractor:
    size = SIZES['neumap_nano']
    info = ExtractorInfo('neumap_nano', 0, '', size.descriptor, size.global_size)
    return NeumapExtractor(_network('neumap_nano'), info, 'cpu')


def _texture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.uniform(0, 255, (height, width)).astype(np.float32), (0, 0), 2)
    return cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


@pytest.mark.parametrize('name', list(SIZES))
def test_sizes_keep_their_promise(name: str) -> None:
    assert sum(p.numel() for p in NeumapNet(SIZES[name]).parameters()) < MOST_PARAMETERS


@pytest.mark.parametrize('name', list(SIZES))
def test_folding_changes_nothing(name: str) -> None:
    network = _network(name)
    image = torch.rand(1, 1, 96, 64)
    with torch.inference_mode():
        for before, after in zip(network(image), network.folded()(image), strict=True):
            torch.testing.assert_close(before, after, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('size', [(16, 16), (9, 300), (240, 320), (97, 131), (1, 1)])
def test_any_size(extractor: NeumapExtractor, size: tuple[int, int]) -> None:
    features = extractor.extract(_texture(*size), 500)
    assert features.image_size == (size[1], size[0])
    assert len(features.keypoints_N2) == len(features.descriptors_ND) == len(features.scales_N)
    assert features.context_NC is not None
    assert features.context_NC.shape == (len(features), extractor.context_size)
    if len(features):
        assert (features.keypoints_N2 >= 0).all()
        assert (features.keypoints_N2 <= [size[1], size[0]]).all()
        np.testing.assert_allclose(np.linalg.norm(features.descriptors_ND, axis=1), 1, atol=1e-4)
        assert (np.diff(features.scores_N) <= 0).all()
    for value in vars(features).values():
        if isinstance(value, np.ndarray):
            assert value.dtype == np.float32
            assert np.isfinite(value).all()


@pytest.mark.slow
def test_a_huge_image_is_worked_on_at_a_bounded_size(extractor: NeumapExtractor) -> None:
    features = extractor.extract(_texture(3000, 4000), 300)
    assert len(features) == 300
    assert features.keypoints_N2[:, 0].max() > 3500  # the whole image is covered, in its own pixels
    assert features.scales_N[0] == pytest.approx(4.0 * (3000 * 4000 / MAX_PIXELS) ** 0.5, rel=0.01)


@pytest.mark.parametrize('level', [0, 128, 255])
def test_an_image_without_texture_has_no_keypoints(extractor: NeumapExtractor, level: int) -> None:
    features = extractor.extract(np.full((120, 160), level, np.uint8), 500)
    assert len(features) == 0
    assert features.descriptors_ND.shape == (0, extractor.info.descriptor_size)
    assert np.isfinite(features.global_descriptor_G).all()


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((0, 10), np.uint8),
        np.full((40, 40), np.nan, np.float32),
        np.zeros((40, 40), np.uint16),
        np.zeros((40, 40, 4), np.uint8),
    ],
)
def test_what_is_no_image_is_refused(extractor: NeumapExtractor, image: NDArray[np.uint8]) -> None:
    with pytest.raises(ImageError, match='expected'):
        extractor.extract(image, 100)


def test_same_image_same_features_alone_in_a_batch_and_in_colour(extractor: NeumapExtractor) -> None:
    images = [_texture(120, 160, 1), _texture(120, 160, 2), _texture(96, 96, 3)]
    batch = extractor.extract_batch(images, 200)
    for image, together in zip(images, batch, strict=True):
        alone = extractor.extract(image, 200)
        again = extractor.extract(image, 200)
        np.testing.assert_array_equal(alone.keypoints_N2, again.keypoints_N2)
        np.testing.assert_array_equal(alone.descriptors_ND, again.descriptors_ND)
        np.testing.assert_allclose(together.keypoints_N2, alone.keypoints_N2, atol=1e-3)
        np.testing.assert_allclose(together.descriptors_ND, alone.descriptors_ND, atol=1e-4)
    colour = extractor.extract(np.repeat(images[0][:, :, None], 3, axis=2), 200)
    np.testing.assert_array_equal(colour.keypoints_N2, extractor.extract(images[0], 200).keypoints_N2)


def test_fewer_keypoints_are_the_first_of_many(extractor: NeumapExtractor) -> None:
    image = _texture(160, 160)
    many, few = extractor.extract(image, 150), extractor.extract(image, 40)
    np.testing.assert_allclose(few.keypoints_N2, many.best(40).keypoints_N2, atol=1e-4)


def test_sampling_takes_a_cell_at_its_centre() -> None:
    values = torch.arange(24.0).reshape(1, 1, 4, 6)
    centres = torch.tensor([[[4.0, 4.0], [44.0, 28.0]]])  # of 8 x 8 cells
    np.testing.assert_allclose(sample(values, centres, (48, 32))[0, :, 0].numpy(), [0.0, 23.0], atol=1e-5)


def test_weights_are_known_by_their_digest(tmp_path: Path) -> None:
    path = tmp_path / 'mine.safetensors'
    save_file({k: v.half().contiguous() for k, v in _network('neumap_small').state_dict().items()}, path)
    mine = create_extractor('neumap_small', path=path, device='cpu')
    assert mine.info.descriptor_size == 64
    assert len(mine.info.weights_sha256) == 64
    assert len(mine.extract(_texture(96, 96), 50)) > 0


def test_wrong_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='cannot be read'):
        load_network('neumap_nano', tmp_path / 'none.safetensors')
    path = tmp_path / 'other.safetensors'
    path.write_bytes(b'no weights at all')
    with pytest.raises(ConfigError, match='holds no weights of neumap_nano'):
        load_network('neumap_nano', path)
    save_file(_network('neumap_small').state_dict(), path)
    with pytest.raises(ConfigError, match='holds no weights of neumap_nano'):
        load_network('neumap_nano', path)


class _OutOfMemory(NeumapNet):
    """A network for which there is no memory, as long as it has not been moved."""

    def forward(self, gray_B1HW: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        raise torch.cuda.OutOfMemoryError('CUDA out of memory')


def test_without_memory_on_the_gpu_it_goes_on_on_the_cpu_and_says_so_once(
    extractor: NeumapExtractor, caplog: pytest.LogCaptureFixture
) -> None:
    size = SIZES['neumap_nano']
    other = NeumapExtractor(_network('neumap_nano'), ExtractorInfo('neumap_nano', 0, '', 32, 128), 'cpu')
    other._network = _OutOfMemory(size).eval()
    image = _texture(96, 128)
    for _ in range(2):
        np.testing.assert_array_equal(other.extract(image, 60).keypoints_N2, extractor.extract(image, 60).keypoints_N2)
    assert caplog.text.count('no memory left') == 1


@pytest.mark.slow
def test_exported_it_gives_the_same_features(extractor: NeumapExtractor, tmp_path: Path) -> None:
    path = tmp_path / 'nano.onnx'
    export_onnx(extractor, path, 150)
    # What is done to an image before the network is no part of the file; this image needs nothing.
    image = _texture(480, 640, 7)
    mine, theirs = extractor.extract(image, 100), create_extractor('onnx', path=path).extract(image, 100)
    np.testing.assert_allclose(theirs.keypoints_N2, mine.keypoints_N2, atol=1e-2)
    np.testing.assert_allclose(theirs.descriptors_ND, mine.descriptors_ND, atol=1e-3)
    assert theirs.context_NC is not None
    assert mine.context_NC is not None
    np.testing.assert_allclose(theirs.context_NC, mine.context_NC, atol=1e-2, rtol=1e-2)


def test_a_small_image_shows_what_its_large_one_shows(extractor: NeumapExtractor) -> None:
    large = _texture(480, 640, 8)
    small = cv2.resize(large, (320, 240), interpolation=cv2.INTER_AREA)
    a, b = extractor.extract(large, 200), extractor.extract(small, 400)
    assert b.image_size == (320, 240)
    assert b.scales_N[0] == pytest.approx(a.scales_N[0] / 2)
    gaps = np.linalg.norm(a.keypoints_N2[:, None] - 2 * b.keypoints_N2[None], axis=2).min(axis=1)
    assert np.median(gaps) < 1.0
