# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from neumap_ros.errors import ConfigError
from neumap_ros.features import create_extractor
from neumap_ros.features.edgepoint2 import PUBLISHED, detect
from neumap_ros.features.edgepoint2_net import EdgePoint2Net, Widths, fuse

WEIGHTS = Path(os.environ.get('NEUMAP_WEIGHTS', Path(__file__).resolve().parents[3] / 'shared' / 'weights'))
FOLDER = WEIGHTS / 'edgepoint2'
needs_weights = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f'no weights in {WEIGHTS}; set NEUMAP_WEIGHTS to their folder'
)

# What the published code (github.com/HITCSC/EdgePoint2, edgepoint2.py, top_k = 3) gives for the picture of `scenery`:
# its keypoints are whole pixels, the centre of the first one at 0; first three numbers of the descriptors.
REFERENCE = {
    'T32': (
        [(203, 135), (145, 88), (213, 134)],
        [5.2571, 4.2242, 3.8979],
        [(0.0907, 0.1055, -0.0856), (0.0256, -0.0267, -0.2494), (-0.0241, 0.1378, -0.1272)],
    ),
    'M32': (
        [(184, 122), (103, 4), (186, 140)],
        [3.7635, 3.5171, 3.1002],
        [(-0.082, -0.0579, -0.015), (-0.2836, -0.2043, 0.0142), (-0.0493, -0.1955, 0.1482)],
    ),
    'E64': (
        [(109, 4), (103, 4), (145, 87)],
        [3.8984, 3.6695, 2.7791],
        [(0.1489, -0.0287, 0.1515), (0.0803, -0.135, 0.0383), (0.0922, 0.0111, 0.0056)],
    ),
}


def scenery(shape: tuple[int, int] = (192, 256)) -> np.ndarray:
    pytest.importorskip('onnx', reason='the module of the picture writes networks too')
    import onnx_networks

    return onnx_networks.scenery(shape)


def network() -> EdgePoint2Net:
    """Random weights, batch norms with statistics."""
    torch.manual_seed(0)
    result = EdgePoint2Net(Widths(8, 16, 32, 48, 32, 8)).train()
    with torch.no_grad():
        for _ in range(3):
            result(torch.randn(2, 1, 64, 96))
    return result.eval()


def test_widths_are_read_off_the_weights():
    widths = Widths(16, 16, 48, 64, 64, 16)
    assert Widths.of_weights(EdgePoint2Net(widths).state_dict()) == widths


def test_shapes_of_the_outputs():
    with torch.no_grad():
        scores, descriptors = network()(torch.randn(2, 1, 64, 96))
    assert scores.shape == (2, 1, 64, 96)
    assert descriptors.shape == (2, 32, 16, 24)


def test_folding_the_batch_norms_changes_nothing():
    plain = network()
    image = torch.randn(1, 1, 64, 96)
    with torch.no_grad():
        wanted = plain(image)
        folded = fuse(copy.deepcopy(plain))
        found = folded(image)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    for a, b in zip(wanted, found, strict=True):
        assert torch.allclose(a, b, atol=1e-4)


def test_nothing_is_found_in_the_padding_nor_at_the_border():
    score = torch.randn(64, 96, generator=torch.Generator().manual_seed(0)) * 3
    score[40:], score[:, 70:] = 50, 50
    keypoints, descriptors, scores = detect(score, torch.randn(32, 16, 24), (70, 40), 50, subpixel=False)
    found = keypoints[torch.isfinite(scores)]
    assert len(found) > 20
    assert ((found > 4) & (found < torch.tensor([66.0, 36]))).all()
    assert torch.allclose(torch.linalg.norm(descriptors, dim=1), torch.ones(50), atol=1e-5)


def test_weak_peaks_are_none():
    score = torch.full((32, 32), -20.0)
    score[10, 12], score[20, 21] = -4, -6
    keypoints, _, scores = detect(score, torch.randn(32, 8, 8), (32, 32), 2, subpixel=True)
    assert torch.isfinite(scores).tolist() == [True, False]
    assert keypoints[0].tolist() == pytest.approx([12.5, 10.5], abs=0.1)


def test_without_weights_it_says_where_they_are():
    with pytest.raises(
        ConfigError, match=r'needs a file of weights; take one from .*HITCSC/EdgePoint2 \(MIT licence\)'
    ):
        create_extractor('edgepoint2')


def test_other_weights_are_refused(tmp_path):
    path = tmp_path / 'M32.pth'
    torch.save(network().state_dict(), path)
    with pytest.raises(ConfigError, match=r'has the sha256 \w+, expected one of the published .*M32 e2f4f870.*MIT'):
        create_extractor('edgepoint2', path=path)
    with pytest.raises(ConfigError, match='cannot be read'):
        create_extractor('edgepoint2', path=tmp_path / 'none.pth')


@needs_weights
@pytest.mark.data
@pytest.mark.parametrize('path', sorted(FOLDER.glob('*.pth')), ids=lambda path: path.stem)
def test_published_weights_are_known_by_name(path):
    extractor = create_extractor('edgepoint2', path=path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert PUBLISHED[digest] == path.stem == extractor.variant
    assert extractor.info.weights_sha256 == digest
    assert extractor.info.descriptor_size == int(path.stem[1:])
    features = extractor.extract(scenery((97, 130)), 50)
    assert 10 < len(features) <= 50
    assert features.descriptors_ND.shape[1] == extractor.info.descriptor_size


@needs_weights
@pytest.mark.data
@pytest.mark.parametrize('variant', sorted(REFERENCE))
def test_the_same_features_as_the_published_code(variant):
    keypoints, scores, descriptors = REFERENCE[variant]
    extractor = create_extractor('edgepoint2', path=FOLDER / f'{variant}.pth', subpixel=False)
    features = extractor.extract(scenery(), 3)
    assert (features.keypoints_N2 == np.array(keypoints) + 0.5).all()
    assert features.scores_N == pytest.approx(scores, abs=2e-3)
    assert features.descriptors_ND[:, :3] == pytest.approx(np.array(descriptors), abs=2e-3)


@needs_weights
@pytest.mark.data
def test_refined_keypoints_stay_near_their_pixel_and_follow_a_shift_by_half_of_it():
    image = np.repeat(np.repeat(scenery((160, 224)), 2, axis=0), 2, axis=1)  # 320 x 448
    extractor = create_extractor('edgepoint2', path=FOLDER / 'M32.pth')
    whole = create_extractor('edgepoint2', path=FOLDER / 'M32.pth', subpixel=False)

    def look(shift: int) -> np.ndarray:
        part = image[:256, shift : shift + 384].astype(np.float32)
        return part.reshape(128, 2, 192, 2).mean(axis=(1, 3)).round().astype(np.uint8)

    first, second = look(0), look(1)  # the second is shifted by half a pixel
    errors = {}
    for name, e in (('refined', extractor), ('whole', whole)):
        a, b = e.extract(first, 60).keypoints_N2, e.extract(second, 200).keypoints_N2
        distance = np.linalg.norm((a - np.float32([0.5, 0]))[:, None] - b[None], axis=2).min(axis=1)
        errors[name] = float(np.median(distance))
    assert errors['refined'] < 0.7 * errors['whole']
    distance = extractor.extract(first, 60).keypoints_N2 - whole.extract(first, 60).keypoints_N2
    assert np.abs(distance).max() <= 0.5
    assert np.abs(distance).max() > 0.1


@needs_weights
@pytest.mark.data
def test_small_images_are_enlarged_on_demand_and_keypoints_lie_in_the_given_image():
    image = scenery((120, 160))
    plain = create_extractor('edgepoint2', path=FOLDER / 'T32.pth').extract(image, 200)
    enlarged = create_extractor('edgepoint2', path=FOLDER / 'T32.pth', usual_pixels=640 * 480).extract(image, 200)
    assert (enlarged.keypoints_N2 <= (160, 120)).all()
    assert enlarged.keypoints_N2.max() > 100
    assert enlarged.scales_N[0] == pytest.approx(plain.scales_N[0] / 2)


@needs_weights
@pytest.mark.data
def test_bad_images():
    extractor = create_extractor('edgepoint2', path=FOLDER / 'T32.pth')
    for value in (0, 255):
        assert len(extractor.extract(np.full((100, 120), value, np.uint8), 100)) == 0
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (3, 200), (16, 16), (16, 16, 3)):
        features = extractor.extract(rng.integers(0, 256, shape, dtype=np.uint8), 100)
        assert features.image_size == (shape[1], shape[0])
        assert (features.keypoints_N2 <= np.array([shape[1], shape[0]])).all()
