# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small networks in ONNX files: a corner detector and random filters, with every form of outputs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STRIDE, SIZE = 4, 48


def scenery(shape: tuple[int, int] = (120, 160), seed: int = 0) -> np.ndarray:
    """A grey picture full of corners."""
    rng = np.random.default_rng(seed)
    image = np.full(shape, 120, np.uint8)
    for _ in range(30):
        place = tuple(int(v) for v in rng.integers((0, 0), (shape[1], shape[0])))
        end = tuple(int(v) for v in np.add(place, rng.integers(6, 30, 2)))
        cv2.rectangle(image, place, end, int(rng.integers(0, 255)), -1)
    return cv2.GaussianBlur(image, (0, 0), 1.0)


def _filters(count: int, inside: int, size: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    filters = rng.normal(size=(count, inside, size, size)).astype(np.float32)
    return filters - filters.mean(axis=(1, 2, 3), keepdims=True)


def dense_nodes(channels: int = 1) -> tuple[list, list]:
    """scores (1, 1, H, W): a squared Laplacian of a Gaussian; descriptors (1, 48, H / 4, W / 4): random filters."""
    x, y = np.meshgrid(np.arange(-4, 5), np.arange(-4, 5))
    squares = (x**2 + y**2) / (2 * 1.5**2)
    laplacian = (1 - squares) * np.exp(-squares)
    laplacian = (laplacian - laplacian.mean()).astype(np.float32)[None, None] / channels
    weights = {
        'laplacian': np.repeat(laplacian, channels, axis=1),
        'filters': _filters(SIZE, channels, 16, 1),
    }
    nodes = [
        helper.make_node('Conv', ['image', 'laplacian'], ['edges'], pads=[4, 4, 4, 4]),
        helper.make_node('Mul', ['edges', 'edges'], ['scores']),
        helper.make_node('Conv', ['image', 'filters'], ['descriptors'], pads=[6, 6, 6, 6], strides=[STRIDE, STRIDE]),
    ]
    return nodes, [numpy_helper.from_array(value, name) for name, value in weights.items()]


def sparse_nodes(keypoints: np.ndarray, descriptors: np.ndarray, **more: np.ndarray) -> tuple[list, list]:
    """Outputs that are the same for every image; the image adds nothing but is used."""
    values = {'keypoints': keypoints, 'descriptors': descriptors, **more}
    nodes = [
        helper.make_node('ReduceMean', ['image'], ['mean'], keepdims=0),
        helper.make_node('Mul', ['mean', 'zero'], ['nothing']),
    ]
    weights = [numpy_helper.from_array(np.zeros((), np.float32), 'zero')]
    for name, value in values.items():
        weights.append(numpy_helper.from_array(np.asarray(value, np.float32), f'{name}_value'))
        nodes.append(helper.make_node('Add', [f'{name}_value', 'nothing'], [name]))
    return nodes, weights


def write(
    path: Path,
    nodes_and_weights: tuple[list, list],
    outputs: tuple[str, ...] = ('scores', 'descriptors'),
    shape: tuple = (1, 1, 'height', 'width'),
    image_type: int = TensorProto.FLOAT,
    **metadata: str,
) -> Path:
    """Write a network; ``metadata`` with double underscores for points."""
    nodes, weights = nodes_and_weights
    graph = helper.make_graph(
        nodes,
        'network',
        [helper.make_tensor_value_info('image', image_type, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    helper.set_model_props(model, {key.replace('__', '.'): value for key, value in metadata.items()})
    onnx.save(model, path)
    return path
