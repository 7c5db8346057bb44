# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Outputs of an exported network -> keypoints, descriptors, scores; ``docs/extractors.md`` is the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from neumap_ros.errors import ConfigError
from neumap_ros.features.detection import peaks, sample, strongest, sub_cell

Array = NDArray[np.float32]

# What exporters call the outputs; the first name is ours.
KEYPOINTS = ('keypoints', 'kpts')
SCORES = ('scores', 'score', 'heatmap', 'score_map')
DESCRIPTORS = ('descriptors', 'descs', 'desc', 'feats', 'descriptor_map')
RELIABILITY = ('reliability',)
SCALES = ('scales',)
GLOBAL = ('global_descriptor',)
CONTEXT = ('context',)

EXPECTED = (
    'keypoints (N, 2), descriptors (N, D) and perhaps scores (N,), or the maps scores (1, 1 or 65, H, W) and '
    'descriptors (1, D, h, w)'
)

# Dense scores: peaks in squares of 5 x 5 cells, not in the outermost cells, which see the border.
PEAK_RADIUS, BORDER_CELLS = 2, 4
# Logits of one cell of 8 x 8 pixels and one for "none" (SuperPoint, DeTone et al., CVPRW 2018, section 3.2).
CELL, CELL_CHANNELS = 8, 65


@dataclass(frozen=True)
class Outputs:
    """What a network says about one image, best first.

    Attributes:
        keypoints_N2: in the network's image, before the convention's offset.
        descriptors_ND: unit length.
        scores_N: larger is better.
        scales_N: relative to the smallest, 1 where the network does not say.
        global_G: descriptor of the image; None where the network has none.
        context_NC: see :class:`neumap_ros.features.base.Features`; None where the network has none.
    """

    keypoints_N2: Array
    descriptors_ND: Array
    scores_N: Array
    scales_N: Array
    global_G: Array | None = None
    context_NC: Array | None = None


def named(outputs: Mapping[str, Array], names: tuple[str, ...]) -> Array | None:
    """The output of one of these names."""
    return next((outputs[name] for name in names if name in outputs), None)


def is_dense(outputs: Mapping[str, Array]) -> bool:
    """Whether the keypoints are still to be found in a map of scores."""
    scores = named(outputs, SCORES)
    return named(outputs, KEYPOINTS) is None and scores is not None and scores.ndim == 4


def read_outputs(
    outputs: Mapping[str, Array], size: tuple[int, int], content: tuple[int, int], count: int, what: str
) -> Outputs:
    """Keypoints of one image.

    Args:
        outputs: by name.
        size: (width, height) of the network's image.
        content: (width, height) of it that is not padding; dense outputs are searched there only.
        count: at most so many keypoints.
        what: the network, for errors.

    Raises:
        ConfigError: the outputs are others than the contract knows.
    """
    if is_dense(outputs):
        return _from_maps(outputs, size, content, count, what)
    return _from_rows(outputs, count, what)


def _from_rows(outputs: Mapping[str, Array], count: int, what: str) -> Outputs:
    keypoints, descriptors = named(outputs, KEYPOINTS), named(outputs, DESCRIPTORS)
    if keypoints is None or descriptors is None:
        raise _refusal(outputs, what)
    keypoints = _without_batch(keypoints, 2)
    rows = len(keypoints)
    descriptors = _without_batch(descriptors, 2)
    if descriptors.ndim == 2 and len(descriptors) != rows and descriptors.shape[1] == rows:
        descriptors = descriptors.T  # (D, N), as SuperPoint's exports have it
    if keypoints.ndim != 2 or keypoints.shape[1] != 2 or descriptors.ndim != 2 or len(descriptors) != rows:
        raise _refusal(outputs, what)
    given = named(outputs, SCORES)
    # Without scores the order is the score: exporters sort.
    scores = np.linspace(1, 0, rows, endpoint=False) if given is None else _without_batch(given, 1).reshape(-1)
    sized = named(outputs, SCALES)
    scales = np.ones(rows) if sized is None else _without_batch(sized, 1).reshape(-1)
    context = named(outputs, CONTEXT)
    context = None if context is None else _without_batch(context, 2)
    if len(scores) != rows or len(scales) != rows or (context is not None and len(context) != rows):
        raise _refusal(outputs, what)
    length = np.linalg.norm(descriptors, axis=1)
    with np.errstate(invalid='ignore'):
        usable = np.isfinite(keypoints).all(axis=1) & np.isfinite(scores) & np.isfinite(length) & (length > 1e-6)
    order = np.flatnonzero(usable)
    order = order[np.argsort(-scores[order], kind='stable')][:count]
    return Outputs(
        keypoints[order].astype(np.float32),
        (descriptors[order] / length[order, None]).astype(np.float32),
        scores[order].astype(np.float32),
        scales[order].astype(np.float32),
        _global(outputs),
        None if context is None else context[order].astype(np.float32),
    )


def _from_maps(
    outputs: Mapping[str, Array], size: tuple[int, int], content: tuple[int, int], count: int, what: str
) -> Outputs:
    scores_array, descriptors_array = named(outputs, SCORES), named(outputs, DESCRIPTORS)
    if scores_array is None or descriptors_array is None or descriptors_array.ndim != 4:
        raise _refusal(outputs, what)
    if scores_array.shape[1] not in (1, CELL_CHANNELS) or len(scores_array) != 1 or len(descriptors_array) != 1:
        raise _refusal(outputs, what)
    scores, descriptors = _tensor(scores_array), _tensor(descriptors_array)
    if scores.shape[1] == CELL_CHANNELS:
        scores = functional.pixel_shuffle(scores.softmax(dim=1)[:, :-1], CELL)
    if (reliability := named(outputs, RELIABILITY)) is not None:
        scores = scores * functional.interpolate(
            _tensor(reliability), scores.shape[2:], mode='bilinear', align_corners=False
        )
    # Pixels of the image per cell of the map, along x and y.
    step_2 = torch.tensor([size[0] / scores.shape[3], size[1] / scores.shape[2]])
    cells = [max(1, int(side / step)) for side, step in zip(content, step_2.tolist(), strict=True)]
    score_HW = torch.nan_to_num(scores[0, 0], nan=-torch.inf)
    inner_HW = score_HW[: cells[1], : cells[0]]
    border = min(BORDER_CELLS, (min(inner_HW.shape) - 1) // 2)
    scores_N, cells_N2 = strongest(peaks(inner_HW, PEAK_RADIUS, border), min(count, inner_HW.numel()))
    keep = torch.isfinite(scores_N)
    scores_N, cells_N2 = scores_N[keep], cells_N2[keep]
    positions_N2 = sub_cell(score_HW, cells_N2) * step_2
    map_size_2 = torch.tensor([descriptors.shape[3] / size[0], descriptors.shape[2] / size[1]])
    descriptors_ND = sample(descriptors[0], positions_N2 * map_size_2)
    return Outputs(
        positions_N2.numpy(),
        descriptors_ND.numpy(),
        scores_N.numpy(),
        np.ones(len(scores_N), np.float32),
        _global(outputs),
    )


def _tensor(array: Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32))


def _global(outputs: Mapping[str, Array]) -> Array | None:
    vector = named(outputs, GLOBAL)
    if vector is None:
        return None
    vector = np.nan_to_num(vector.reshape(-1).astype(np.float32))
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), dtype=np.float32)


def _without_batch(array: Array, dimensions: int) -> Array:
    return array[0] if array.ndim == dimensions + 1 and len(array) == 1 else array


def _refusal(outputs: Mapping[str, Array], what: str) -> ConfigError:
    found = ', '.join(f'{name} {array.shape}' for name, array in outputs.items())
    return ConfigError(f'{what} gives {found}, expected {EXPECTED}; export it with these outputs')
