# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
import hashlib
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('onnxruntime', reason='ONNX Runtime is an optional dependency')
pytest.importorskip('onnx', reason='the tests write networks with it')

from onnx import TensorProto, helper, numpy_helper
from onnx_networks import SIZE, dense_nodes, scenery, sparse_nodes, write

from neumap_ros.errors import ConfigError, ImageError
from neumap_ros.features import create_extractor
from neumap_ros.features.weights import basis_of

WEIGHTS = Path(os.environ.get('NEUMAP_WEIGHTS', Path(__file__).resolve().parents[3] / 'shared' / 'weights'))
XFEAT = WEIGHTS / 'xfeat' / 'xfeat_dense.onnx'


@pytest.fixture(scope='module')
def dense(tmp_path_factory):
    return write(tmp_path_factory.mktemp('networks') / 'dense.onnx', dense_nodes())


def rows(count: int, size: int = 8) -> dict[str, np.ndarray]:
    """Outputs of a sparse network, worst first."""
    rng = np.random.default_rng(0)
    return {
        'keypoints': rng.uniform(1, 50, (count, 2)).round(2),
        'descriptors': rng.normal(size=(count, size)),
        'scores': np.linspace(0.1, 1, count),
    }


def sparse(path: Path, values: dict[str, np.ndarray], **options):
    return create_extractor('onnx', path=write(path, sparse_nodes(**values), tuple(values), **options))


def test_dense_outputs_become_features(dense):
    extractor = create_extractor('onnx', path=dense)
    assert extractor.info.name == 'onnx'
    assert extractor.info.weights_sha256 == hashlib.sha256(dense.read_bytes()).hexdigest()
    assert extractor.info.descriptor_size == SIZE
    image = scenery()
    features = extractor.extract(image, 60)
    assert len(features) == 60
    assert features.image_size == (160, 120)
    assert (np.diff(features.scores_N) <= 0).all()
    assert np.linalg.norm(features.descriptors_ND, axis=1) == pytest.approx(np.ones(60), abs=1e-5)
    assert features.global_descriptor_G.shape == (extractor.info.global_size,)
    again = extractor.extract(image, 60)
    assert (again.keypoints_N2 == features.keypoints_N2).all()
    assert (again.descriptors_ND == features.descriptors_ND).all()
    assert (extractor.extract(image, 10).keypoints_N2 == features.keypoints_N2[:10]).all()


def test_keypoints_lie_on_spots_to_a_fraction_of_a_pixel(tmp_path, dense):
    """A bright spot whose centre is known, in COLMAP's convention."""
    rows_HW, columns_HW = np.mgrid[:96, :128]
    for centre in ((40.5, 50.5), (40.8, 50.2), (33.0, 61.0)):
        x, y = columns_HW + 0.5 - centre[0], rows_HW + 0.5 - centre[1]
        image = (20 + 200 * np.exp(-(x**2 + y**2) / (2 * 1.5**2))).astype(np.uint8)
        features = create_extractor('onnx', path=dense).extract(image, 1)
        assert features.keypoints_N2[0] == pytest.approx(centre, abs=0.15)


def test_keypoints_follow_a_shift_of_the_image(dense):
    extractor = create_extractor('onnx', path=dense)
    image = scenery((160, 224))
    first = extractor.extract(image[:128, :192], 150)
    second = extractor.extract(image[8:136, 4:196], 600)
    moved = first.keypoints_N2 - np.float32([4, 8])
    distance = np.linalg.norm(moved[:, None] - second.keypoints_N2[None], axis=2)
    inside = (moved > 14).all(axis=1) & (first.keypoints_N2 < (178, 114)).all(axis=1)  # the border is seen by itself
    assert np.mean(distance[inside].min(axis=1) < 0.01) > 0.9
    pairs = np.flatnonzero(inside & (distance.min(axis=1) < 0.01))
    similarity = (first.descriptors_ND[pairs] * second.descriptors_ND[distance.argmin(axis=1)[pairs]]).sum(axis=1)
    assert similarity.min() > 0.999


@pytest.mark.parametrize('shape', [(100, 130), (31, 400), (64, 64), (1, 1), (16, 16), (5, 300)])
def test_any_size_and_no_keypoint_in_the_padding(dense, shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    features = create_extractor('onnx', path=dense).extract(image, 500)
    assert features.image_size == shape[::-1]
    assert (features.keypoints_N2 >= 0).all()
    assert (features.keypoints_N2 <= np.array(shape[::-1])).all()
    assert len(features) > 0 or min(shape) < 8


def test_a_huge_image_is_shrunk_and_its_keypoints_are_not(dense):
    """What the network sees has at most three megapixels; the spots are found where they are in the large image."""
    image = np.zeros((3000, 4000), np.uint8)
    spots = [(500, 400), (3500, 2600), (2000, 300)]
    for spot in spots:
        cv2.circle(image, spot, 6, 255, -1)
    features = create_extractor('onnx', path=dense).extract(cv2.GaussianBlur(image, (0, 0), 4), 3)
    found = sorted(map(tuple, features.keypoints_N2.tolist()))
    assert np.array(found) == pytest.approx(np.array(sorted(spots)) + 0.5, abs=2.0)


def test_blank_and_saturated_images_have_no_keypoints(dense):
    extractor = create_extractor('onnx', path=dense)
    for value in (0, 77, 255):
        features = extractor.extract(np.full((48, 64), value, np.uint8), 100)
        assert len(features) == 0
        assert features.descriptors_ND.shape == (0, SIZE)
    with pytest.raises(ImageError, match='expected a non-empty uint8'):
        extractor.extract(np.zeros((48, 64), np.uint16), 100)


def test_colour_networks_get_red_first(tmp_path):
    """The network looks at its first channel only."""
    nodes, weights = dense_nodes()
    nodes.insert(0, helper.make_node('Gather', ['colour', 'first'], ['image'], axis=1))
    weights.append(numpy_helper.from_array(np.array([0]), 'first'))
    graph_input = {'shape': (1, 3, 'height', 'width')}
    path = tmp_path / 'colour.onnx'
    write(path, (nodes, weights), **graph_input)
    import onnx

    model = onnx.load(path)
    model.graph.input[0].name = 'colour'
    onnx.save(model, path)
    extractor = create_extractor('onnx', path=path)
    image = scenery()
    bgr = np.dstack([np.full_like(image, 9), np.full_like(image, 200), image])
    grey = create_extractor('onnx', path=write(tmp_path / 'grey.onnx', dense_nodes())).extract(image, 50)
    assert (extractor.extract(bgr, 50).keypoints_N2 == grey.keypoints_N2).all()
    assert (extractor.extract(image, 50).keypoints_N2 == grey.keypoints_N2).all(), 'grey is repeated'


def test_a_network_of_one_size_sees_the_image_scaled(tmp_path):
    extractor = create_extractor('onnx', path=write(tmp_path / 'a.onnx', dense_nodes(), shape=(1, 1, 96, 128)))
    small = np.zeros((96, 128), np.uint8)
    small[50, 40] = 255
    small = cv2.normalize(cv2.GaussianBlur(small.astype(np.float32), (0, 0), 2), None, 0, 250, cv2.NORM_MINMAX)
    small = small.astype(np.uint8)
    large = cv2.resize(small, (512, 192), interpolation=cv2.INTER_LINEAR)
    where = extractor.extract(small, 1).keypoints_N2[0]
    features = extractor.extract(large, 1)
    assert features.keypoints_N2[0] == pytest.approx(where * [4, 2], abs=0.5)
    assert features.image_size == (512, 192)
    assert features.scales_N[0] == pytest.approx(4 * extractor.extract(small, 1).scales_N[0])


def test_sparse_outputs_are_sorted_by_score(tmp_path):
    values = rows(20)
    features = sparse(tmp_path / 'a.onnx', values).extract(scenery((64, 64)), 5)
    assert features.keypoints_N2 == pytest.approx(values['keypoints'][::-1][:5] + 0.5, abs=1e-5)
    assert features.scores_N == pytest.approx(values['scores'][::-1][:5])
    wanted = values['descriptors'] / np.linalg.norm(values['descriptors'], axis=1, keepdims=True)
    assert features.descriptors_ND == pytest.approx(wanted[::-1][:5], abs=1e-5)


def test_without_scores_the_order_counts(tmp_path):
    values = {name: value for name, value in rows(20).items() if name != 'scores'}
    features = sparse(tmp_path / 'a.onnx', values).extract(scenery((64, 64)), 5)
    assert features.keypoints_N2 == pytest.approx(values['keypoints'][:5] + 0.5, abs=1e-5)


def test_batches_of_one_and_transposed_descriptors(tmp_path):
    values = rows(20)
    plain = sparse(tmp_path / 'a.onnx', values).extract(scenery((64, 64)), 20)
    batch = {name: value[None] for name, value in values.items()}
    batch['descriptors'] = batch['descriptors'].transpose(0, 2, 1)
    features = sparse(tmp_path / 'b.onnx', batch).extract(scenery((64, 64)), 20)
    assert (features.keypoints_N2 == plain.keypoints_N2).all()
    assert features.descriptors_ND == pytest.approx(plain.descriptors_ND, abs=1e-6)


def test_unusable_rows_are_dropped(tmp_path):
    values = rows(10)
    values['keypoints'][0] = np.nan
    values['keypoints'][1] = (300, 5)  # in a picture of 64 x 64
    values['descriptors'][2] = 0
    values['descriptors'][3] = np.nan
    values['scores'][4] = -np.inf
    features = sparse(tmp_path / 'a.onnx', values).extract(scenery((64, 64)), 10)
    assert features.keypoints_N2 == pytest.approx(values['keypoints'][:4:-1] + 0.5, abs=1e-5)


def test_more_outputs_are_taken_along(tmp_path):
    values = rows(6)
    more = {'scales': np.arange(1.0, 7), 'global_descriptor': np.array([[3.0, 4.0]]), 'context': np.eye(6)}
    extractor = sparse(tmp_path / 'a.onnx', {**values, **more})
    features = extractor.extract(scenery((64, 64)), 3)
    assert extractor.info.global_size == 2
    assert features.global_descriptor_G == pytest.approx([0.6, 0.8])
    assert features.scales_N == pytest.approx(4 * np.array([6.0, 5, 4]))
    assert features.context_NC == pytest.approx(np.eye(6)[:2:-1])


def test_metadata_tell_convention_and_size(tmp_path):
    values = rows(3)
    extractor = sparse(tmp_path / 'a.onnx', values, neumap__keypoint_offset='0', neumap__size_multiple='8')
    assert extractor.extract(scenery((64, 64)), 3).keypoints_N2 == pytest.approx(values['keypoints'][::-1], abs=1e-5)
    assert extractor._fit(scenery((70, 90))).image.shape == (72, 96)
    with pytest.raises(ConfigError, match=r"neumap\.size_multiple = 'many', expected a number"):
        sparse(tmp_path / 'b.onnx', values, neumap__size_multiple='many')


def test_cells_with_a_channel_for_none(tmp_path):
    """SuperPoint's form: logits of 8 x 8 pixels and one for "no keypoint here"."""
    logits = np.zeros((1, 65, 8, 8), np.float32)
    logits[:, 64] = 10
    logits[0, 3 * 8 + 5, 2, 4] = 20  # pixel (5, 3) of cell (4, 2)
    logits[0, 0, 6, 6] = 15
    values = {'scores': logits, 'descriptors': np.random.default_rng(0).normal(size=(1, 4, 8, 8))}
    nodes, weights = sparse_nodes(keypoints=np.zeros(1), **values)
    path = write(tmp_path / 'a.onnx', (nodes, weights), ('scores', 'descriptors'), shape=(1, 1, 64, 64))
    features = create_extractor('onnx', path=path).extract(scenery((64, 64)), 2)
    assert features.keypoints_N2 == pytest.approx(np.array([[4 * 8 + 5.5, 2 * 8 + 3.5], [48.5, 48.5]]))
    reliable = {**values, 'reliability': np.ones((1, 1, 8, 8))}
    reliable['reliability'][0, 0, :4] = 0
    path = write(
        tmp_path / 'b.onnx',
        sparse_nodes(keypoints=np.zeros(1), **reliable),
        ('scores', 'descriptors', 'reliability'),
        shape=(1, 1, 64, 64),
    )
    assert create_extractor('onnx', path=path).extract(scenery((64, 64)), 1).keypoints_N2[0] == pytest.approx(
        (48.5, 48.5)
    )


def test_the_basis_of_the_network_needs_no_file(dense):
    extractor = create_extractor('onnx', path=dense)
    basis = basis_of(extractor.info)
    assert basis.size == SIZE
    assert not basis.codebooks


def bad(tmp_path: Path, name: str) -> Path:
    path = tmp_path / f'{name}.onnx'
    if name == 'text':
        path.write_text('no network')
    elif name == 'outputs':
        write(path, dense_nodes(), ('scores',))
    elif name == 'lengths':
        write(path, sparse_nodes(np.zeros((5, 2)), np.zeros((4, 8))), ('keypoints', 'descriptors'))
    elif name == 'channels':
        write(path, dense_nodes(2), shape=(1, 2, 'h', 'w'))
    elif name == 'batch':
        write(path, dense_nodes(), shape=(4, 1, 'h', 'w'))
    elif name == 'bytes':
        write(path, dense_nodes(), image_type=TensorProto.UINT8)
    return path


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        ('missing', 'cannot be read .No such file'),
        ('text', 'cannot be loaded .* expected an ONNX file that holds its weights'),
        ('outputs', r'gives scores \(1, 1, 480, 640\), expected keypoints \(N, 2\)'),
        ('lengths', r'gives keypoints \(5, 2\), descriptors \(4, 8\), expected'),
        ('channels', r'takes image .*expected one image \(1, 1 or 3, H, W\)'),
        ('batch', r'takes image .*expected one image'),
        ('bytes', r'cannot be loaded|takes image tensor\(uint8\)'),
    ],
)
def test_what_is_no_extractor_is_refused_when_it_is_loaded(tmp_path, name, message):
    with pytest.raises(ConfigError, match=message):
        create_extractor('onnx', path=bad(tmp_path, name))


def test_weights_in_a_second_file_are_refused(tmp_path):
    """The digest of the map would not cover them."""
    import onnx

    path = write(tmp_path / 'a.onnx', dense_nodes())
    onnx.save(
        onnx.load(path),
        tmp_path / 'b.onnx',
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location='b.data',
        size_threshold=0,
    )
    assert (tmp_path / 'b.data').exists()
    with pytest.raises(ConfigError, match=r'cannot be loaded .*without external data'):
        create_extractor('onnx', path=tmp_path / 'b.onnx')


def test_without_a_file_it_says_what_it_needs():
    with pytest.raises(ConfigError, match=r'needs a network, an \.onnx file; give it with --extractor-weights'):
        create_extractor('onnx')


def test_without_onnx_runtime_it_says_what_to_install(dense, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == 'onnxruntime':
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, '__import__', without)
    with pytest.raises(ConfigError, match=r"pip install 'neumap_ros\[onnx\]'"):
        create_extractor('onnx', path=dense)


def test_devices(dense, caplog):
    import onnxruntime

    with pytest.raises(ConfigError, match="device is 'tpu', expected one of auto, cpu, cuda"):
        create_extractor('onnx', path=dense, device='tpu')
    assert create_extractor('onnx', path=dense, device='cpu').providers == ['CPUExecutionProvider']
    has_cuda = 'CUDAExecutionProvider' in onnxruntime.get_available_providers()
    extractor = create_extractor('onnx', path=dense, device='cuda')
    assert 'CPUExecutionProvider' in extractor.providers
    assert has_cuda or 'no CUDA here' in caplog.text


@pytest.mark.data
@pytest.mark.skipif(not XFEAT.is_file(), reason=f'no weights in {WEIGHTS}; set NEUMAP_WEIGHTS to their folder')
def test_xfeat_as_it_was_published():
    """The same rows as the file itself gives with the preprocessing of its authors: values 0..1, sides as they are."""
    import onnxruntime

    extractor = create_extractor('onnx', path=XFEAT)
    assert (extractor.info.descriptor_size, extractor.info.weights_sha256[:8]) == (64, 'd368930e')
    image = scenery((480, 640))
    session = onnxruntime.InferenceSession(XFEAT, providers=['CPUExecutionProvider'])
    keypoints, descriptors, scales = session.run(None, {'images': image[None, None].astype(np.float32) / 255})
    features = extractor.extract(image, 2000)
    inside = ((keypoints + 0.5 >= 0) & (keypoints + 0.5 <= (640, 480))).all(axis=1)
    assert features.keypoints_N2 == pytest.approx(keypoints[inside] + 0.5, abs=1e-3)
    unit = descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
    assert (unit[inside] * features.descriptors_ND).sum(axis=1).min() > 0.9999
    assert features.scales_N == pytest.approx(4 * scales[inside])


@pytest.mark.data
@pytest.mark.skipif(not XFEAT.is_file(), reason=f'no weights in {WEIGHTS}; set NEUMAP_WEIGHTS to their folder')
def test_xfeat_takes_images_that_are_too_small_for_its_fixed_number_of_keypoints():
    extractor = create_extractor('onnx', path=XFEAT)
    features = extractor.extract(scenery((60, 80)), 500)
    assert len(features) > 0
    assert (features.keypoints_N2 <= (80, 60)).all()
