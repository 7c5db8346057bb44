# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""An extractor -> an ONNX file that the extractor ``onnx``, or any other program, can run."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import nn

from neumap_ros.errors import ConfigError
from neumap_ros.features.base import Extractor
from neumap_ros.features.network_image import SMALLEST_SIDE_PX
from neumap_ros.features.neumap_extractor import USUAL_PIXELS, NeumapExtractor
from neumap_ros.features.onnx_extractor import MULTIPLE_KEY, OFFSET_KEY, USUAL_PIXELS_KEY

# Names of the outputs, in the order in which exportable networks give them; the last two are optional.
OUTPUTS = ('keypoints', 'descriptors', 'scores', 'context', 'global_descriptor')
MULTIPLE = 32


@runtime_checkable
class Exportable(Protocol):
    """An extractor that is a network from image to keypoints."""

    def exportable(self, max_keypoints: int) -> nn.Module:
        """The network for export.

        Args:
            max_keypoints: most rows of its outputs.

        Returns:
            Grey image (1, 1, H, W) from 0 to 1, sides multiples of 32 -> the first three or all five of
            :data:`OUTPUTS`: keypoints (N, 2) in COLMAP's convention, descriptors (N, D) of unit length, scores (N,),
            -inf where there is no keypoint, context (N, K), global descriptor (1, G).
        """
        ...


def export_onnx(extractor: Extractor, out: Path, max_keypoints: int) -> int:
    """Write an extractor as a network.

    Args:
        extractor: a network of ours, on the CPU.
        out: file to write; replaced if it exists.
        max_keypoints: most keypoints of an image.

    Returns:
        Bytes of the file.

    Raises:
        ConfigError: the extractor is no network, or the packages for the export are missing.
    """
    if not isinstance(extractor, Exportable):
        raise ConfigError(
            f'the extractor {extractor.info.name} is no network of ours and cannot be exported, expected one like '
            'neumap_nano or edgepoint2'
        )
    try:
        import onnx
        import onnxscript  # noqa: F401  (torch's exporter needs it)
    except ImportError as error:
        raise ConfigError(
            f"the export needs the package {error.name}, which is not installed; pip install 'neumap_ros[export]'"
        ) from None
    network = extractor.exportable(max_keypoints).eval()
    # Not square, so that no side is taken for the other; textured, so that keypoints are found.
    image = torch.from_numpy(np.random.default_rng(0).random((1, 1, 4 * SMALLEST_SIDE_PX, 5 * SMALLEST_SIDE_PX)))
    image = image.float()
    with torch.no_grad():
        names = OUTPUTS[: len(network(image))]
    open_side = torch.export.Dim.DYNAMIC
    level = logging.getLogger('torch.onnx').level
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)  # it speaks of torchvision, which nobody needs here
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter('ignore')
            program = torch.onnx.export(
                network,
                (image,),
                dynamo=True,
                input_names=['image'],
                output_names=list(names),
                dynamic_shapes=({2: open_side, 3: open_side},),
                verbose=False,
            )
    finally:
        logging.getLogger('torch.onnx').setLevel(level)
    assert program is not None  # only the old exporter gives none
    model = program.model_proto
    info = extractor.info
    onnx.helper.set_model_props(
        model,
        {
            OFFSET_KEY: '0',
            MULTIPLE_KEY: str(MULTIPLE),
            USUAL_PIXELS_KEY: str(USUAL_PIXELS if isinstance(extractor, NeumapExtractor) else 0),
            'neumap.extractor': info.name,
            'neumap.extractor_version': str(info.version),
            'neumap.weights_sha256': info.weights_sha256,
        },
    )
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    try:
        out.write_bytes(data)
    except OSError as error:
        raise ConfigError(f'{out} cannot be written ({error.strerror or error}), choose another --out') from None
    return len(data)
