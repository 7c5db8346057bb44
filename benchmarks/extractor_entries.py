# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who takes part in the benchmark of extractors, and where other people's weights lie."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import aliked as _aliked  # noqa: F401  (registers itself)
from neumap_ros.errors import ConfigError
from neumap_ros.features import Extractor, extractor_names
from neumap_ros.features.neumap_extractor import USUAL_PIXELS
from neumap_ros.features.weights import open_extractor, takes_weights


@dataclass(frozen=True)
class Entry:
    """One row of the table.

    Attributes:
        label: of the row, also for ``--extractors``.
        name: registry name of the extractor.
        weights: file below the folder of weights; empty: none, or those that ship.
        source: where the weights come from and under which licence.
        enlarges: whether small images are enlarged to 640 x 480, as our own networks do.
    """

    label: str
    name: str
    weights: str = ''
    source: str = ''
    enlarges: bool = False

    @property
    def path(self) -> Path | None:
        """The file of weights."""
        return weights_root() / self.weights if self.weights else None

    def missing(self) -> str:
        """Why it cannot take part here; empty if it can."""
        if self.name not in extractor_names():
            return f'this version has no extractor {self.name}'
        if self.path is not None and not self.path.is_file():
            return f'{self.path} is missing: {self.source}'
        try:
            self.open()
        except ConfigError as error:
            return str(error)
        return ''

    def open(self, threads: int = 1, device: str = 'auto') -> Extractor:
        """Create the extractor.

        Args:
            threads: of ONNX Runtime; PyTorch's and OpenCV's are set for the process.
            device: of networks: ``auto``, ``cpu`` or ``cuda``.
        """
        options: dict[str, Any] = {'device': device} if takes_weights(self.name) else {}
        if self.name == 'onnx':
            options['threads'] = threads
        if self.enlarges:
            options['usual_pixels'] = USUAL_PIXELS
        return open_extractor(self.name, self.path, **options)


_EDGEPOINT2 = 'github.com/HITCSC/EdgePoint2, weights/, MIT'
_XFEAT = 'github.com/Philfei/xfeat_onnx_export, weights/'
_XFEAT_SPARSE = f'{_XFEAT}xfeat_layer1_150_sim.onnx with more keypoints (python -m benchmarks.xfeat), Apache-2.0'

ENTRIES = (
    Entry('rootsift', 'rootsift'),
    Entry('neumap_nano', 'neumap_nano'),
    Entry('neumap_small', 'neumap_small'),
    Entry('edgepoint2-T32', 'edgepoint2', 'edgepoint2/T32.pth', _EDGEPOINT2),
    Entry('edgepoint2-M32', 'edgepoint2', 'edgepoint2/M32.pth', _EDGEPOINT2),
    Entry('edgepoint2-E64', 'edgepoint2', 'edgepoint2/E64.pth', _EDGEPOINT2),
    Entry('edgepoint2-E64-enlarged', 'edgepoint2', 'edgepoint2/E64.pth', _EDGEPOINT2, enlarges=True),
    Entry('xfeat', 'onnx', 'xfeat/xfeat_sparse.onnx', _XFEAT_SPARSE),
    Entry('xfeat-enlarged', 'onnx', 'xfeat/xfeat_sparse.onnx', _XFEAT_SPARSE, enlarges=True),
    Entry('xfeat-dense', 'onnx', 'xfeat/xfeat_dense.onnx', f'{_XFEAT}xfeat_dense.onnx, Apache-2.0'),
    Entry(
        'aliked-n16',
        'aliked',
        'aliked/aliked-n16.pth',
        'github.com/Shiaoming/ALIKED, models/, BSD-3',
    ),
)


def weights_root() -> Path:
    """The folder of other people's weights: ``NEUMAP_WEIGHTS``, by default ``shared/weights`` beside the checkout."""
    return Path(os.environ.get('NEUMAP_WEIGHTS', Path(__file__).resolve().parents[2] / 'shared' / 'weights'))


def by_label(labels: str | None) -> Sequence[Entry]:
    """The entries of a comma-separated list, or all.

    Raises:
        ConfigError: an unknown label.
    """
    if not labels:
        return ENTRIES
    known = {entry.label: entry for entry in ENTRIES}
    unknown = [label for label in labels.split(',') if label not in known]
    if unknown:
        raise ConfigError(f'there is no extractor {unknown[0]!r}, expected some of {", ".join(known)}')
    return [known[label] for label in labels.split(',')]


def parameters(extractor: Extractor, entry: Entry) -> int | None:
    """Numbers that were learned; None where they cannot be counted."""
    counted = getattr(extractor, 'parameters', None)
    if isinstance(counted, int):
        return counted
    if entry.path is None:
        return 0
    try:
        import onnx
    except ImportError:
        return None
    weights = onnx.load(entry.path).graph.initializer
    # Constants of the graph (shapes, indices) are no weights.
    return sum(
        int(_product(tensor.dims)) for tensor in weights if tensor.data_type == onnx.TensorProto.FLOAT and tensor.dims
    )


def _product(sides: Sequence[int]) -> int:
    product = 1
    for side in sides:
        product *= side
    return product
