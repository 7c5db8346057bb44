# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip('onnxscript', reason='the export is an optional dependency')
pytest.importorskip('onnxruntime', reason='ONNX Runtime is an optional dependency')

import onnx
from onnx_networks import scenery
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from typer.testing import CliRunner

from neumap_ros.cli import app
from neumap_ros.errors import ConfigError
from neumap_ros.features import create_extractor
from neumap_ros.features.base import ExtractorInfo, Features
from neumap_ros.features.detection import peaks, sample, strongest, sub_cell
from neumap_ros.features.neumap_net import SIZES, NeumapNet
from neumap_ros.features.onnx_export import export_onnx

WEIGHTS = Path(os.environ.get('NEUMAP_WEIGHTS', Path(__file__).resolve().parents[3] / 'shared' / 'weights'))
FOLDER = WEIGHTS / 'edgepoint2'


class Corners(nn.Module):
    """Corners of one filter, descriptors of others; as small as a network of keypoints can be."""

    def __init__(self, count: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.count = count
        self.detect = nn.Conv2d(1, 1, 5, padding=2)
        self.describe = nn.Conv2d(1, 8, 8, stride=4, padding=2)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        score = self.detect(image)[0, 0].square()
        scores, cells = strongest(peaks(score, 2, 4), self.count)
        positions = sub_cell(score, cells)
        descriptors = sample(self.describe(image)[0], positions / 4)
        summary = functional.normalize(image.mean(dim=(2, 3)), dim=1)
        return positions, descriptors, scores, descriptors[:, :3], summary


class CornerExtractor:
    info = ExtractorInfo('corners', 3, 'ab' * 32, 8, 1)

    def extract(self, image: np.ndarray, max_keypoints: int) -> Features:
        raise NotImplementedError('only exported here')

    def exportable(self, max_keypoints: int) -> nn.Module:
        return Corners(max_keypoints)


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp('networks') / 'corners.onnx'
    assert export_onnx(CornerExtractor(), path, 300) == path.stat().st_size
    return path


@pytest.mark.parametrize('shape', [(128, 160), (96, 352)])
def test_the_extractor_onnx_gives_what_the_network_gives(exported, shape):
    # With noise, so that no two corners have the same score and may change places.
    image = scenery(shape) // 2 + np.random.default_rng(0).integers(0, 60, shape, dtype=np.uint8)
    features = create_extractor('onnx', path=exported).extract(image, 40)
    with torch.no_grad():
        wanted = Corners(40)(torch.from_numpy(image)[None, None].float() / 255)
    positions, descriptors, scores, context, summary = (tensor.numpy() for tensor in wanted)
    assert features.scores_N == pytest.approx(scores, rel=1e-4)
    assert features.keypoints_N2 == pytest.approx(positions, abs=1e-3)
    assert features.descriptors_ND == pytest.approx(descriptors, abs=1e-3)
    assert features.context_NC == pytest.approx(context, abs=1e-3)
    assert features.global_descriptor_G == pytest.approx(summary[0], abs=1e-4)


def test_fewer_keypoints_than_rows(exported):
    image = np.full((64, 64), 100, np.uint8)
    image[30, 35] = 200
    features = create_extractor('onnx', path=exported).extract(image, 300)
    assert 0 < len(features) < 50
    assert np.isfinite(features.scores_N).all()


def test_the_file_says_where_it_is_from(exported):
    properties = {p.key: p.value for p in onnx.load(exported).metadata_props}
    assert properties['neumap.extractor'] == 'corners'
    assert properties['neumap.extractor_version'] == '3'
    assert properties['neumap.weights_sha256'] == 'ab' * 32
    assert properties['neumap.keypoint_offset'] == '0'


def test_a_file_that_cannot_be_written(tmp_path):
    (tmp_path / 'folder').mkdir()
    with pytest.raises(ConfigError, match=r'cannot be written .*choose another --out'):
        export_onnx(CornerExtractor(), tmp_path / 'folder', 10)


def neumap(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, ' '.join(f'{result.output} {result.stderr}'.split())


def test_what_is_refused(tmp_path):
    code, text = neumap('export', 'extractor', '--extractor', 'rootsift', '--out', tmp_path / 'a.onnx')
    assert code == 2
    assert 'the extractor rootsift is no network of ours and cannot be exported' in text
    assert not (tmp_path / 'a.onnx').exists()
    (tmp_path / 'b.onnx').write_text('kept')
    code, text = neumap('export', 'extractor', '--extractor', 'rootsift', '--out', tmp_path / 'b.onnx')
    assert code == 2
    assert 'exists already' in text
    assert (tmp_path / 'b.onnx').read_text() == 'kept'
    code, text = neumap('export', 'extractor', '--extractor', 'rootsift', '--out', tmp_path / 'none' / 'a.onnx')
    assert code == 2
    assert 'does not exist' in text


@pytest.mark.slow
def test_our_own_network_is_the_same_in_both_forms(tmp_path):
    """With random weights: what counts is that both forms do the same with them."""
    torch.manual_seed(0)
    network = NeumapNet(SIZES['neumap_nano']).train()
    with torch.no_grad():
        network.detect[-1].bias.zero_()  # as often a keypoint as not
        for seed in range(3):
            network(torch.from_numpy(scenery((96, 128), seed))[None, None].float() / 255)
    weights, path = tmp_path / 'nano.safetensors', tmp_path / 'nano.onnx'
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, weights)
    code, text = neumap('export', 'extractor', '--extractor-weights', weights, '--max-keypoints', 500, '--out', path)
    assert code == 0, text
    original, copy = create_extractor('neumap_nano', path=weights), create_extractor('onnx', path=path)
    assert (copy.info.descriptor_size, copy.info.global_size) == (32, 128)
    noise = np.random.default_rng(0).integers(0, 60, (192, 256), dtype=np.uint8)
    for image, least in (
        (scenery((192, 256)) // 2 + noise, 0.99),
        ((scenery((192, 256)) // 2 + noise)[:150, :210], 0.7),
    ):
        a, b = (extractor.extract(image, 200) for extractor in (original, copy))
        assert len(a) > 50
        distance = np.linalg.norm(a.keypoints_N2[:, None] - b.keypoints_N2[None], axis=2)
        same = np.flatnonzero(distance.min(axis=1) < 0.05)
        assert len(same) >= least * len(a)
        partner = distance.argmin(axis=1)[same]
        assert np.median((a.descriptors_ND[same] * b.descriptors_ND[partner]).sum(axis=1)) > 0.999
        assert a.context_NC is not None and b.context_NC is not None
        if image.shape == (192, 256):
            assert b.context_NC[partner] == pytest.approx(a.context_NC[same], abs=1e-2)
            assert b.global_descriptor_G == pytest.approx(a.global_descriptor_G, abs=1e-3)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(not FOLDER.is_dir(), reason=f'no weights in {WEIGHTS}; set NEUMAP_WEIGHTS to their folder')
def test_a_published_network_is_the_same_in_both_forms(tmp_path):
    path = tmp_path / 't32.onnx'
    code, text = neumap(
        'export', 'extractor', '--extractor', 'edgepoint2', '--extractor-weights', FOLDER / 'T32.pth', '--out', path
    )
    assert code == 0, text
    original = create_extractor('edgepoint2', path=FOLDER / 'T32.pth')
    copy = create_extractor('onnx', path=path)
    assert copy.info.descriptor_size == 32
    for shape, least in (((192, 256), 1.0), ((150, 210), 0.8)):  # the padding changes what the second one is normed by
        a, b = (extractor.extract(scenery(shape), 100) for extractor in (original, copy))
        distance = np.linalg.norm(a.keypoints_N2[:, None] - b.keypoints_N2[None], axis=2)
        same = np.flatnonzero(distance.min(axis=1) < 0.1)
        assert len(same) >= least * len(a)
        similarity = (a.descriptors_ND[same] * b.descriptors_ND[distance.argmin(axis=1)[same]]).sum(axis=1)
        assert similarity.min() > 0.99
