# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What extractors that are networks share: where they run, and how arrays become :class:`Features`."""

from __future__ import annotations

import logging

import numpy as np
import torch
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError
from neumap_ros.features.base import ExtractorInfo, Features
from neumap_ros.features.basis import Basis

logger = logging.getLogger(__name__)

DEVICES = ('auto', 'cpu', 'cuda')

Float32 = NDArray[np.float32]


def choose_device(wanted: str) -> str:
    """``cuda`` where it is wanted and usable, otherwise ``cpu``, with a word if a GPU was asked for by name.

    Raises:
        ConfigError: no such device.
    """
    if wanted not in DEVICES:
        raise ConfigError(f'the device is {wanted!r}, expected one of {", ".join(DEVICES)}')
    usable = bool(torch.cuda.is_available())
    if wanted == 'cuda' and not usable:
        logger.warning('there is no usable GPU, the network runs on the CPU')
    return 'cuda' if usable and wanted != 'cpu' else 'cpu'


def assemble(
    info: ExtractorInfo,
    basis: Basis,
    image_size: tuple[int, int],
    keypoints_N2: Float32 | None,
    descriptors_ND: Float32 | None = None,
    scores_N: Float32 | None = None,
    scales_N: Float32 | None = None,
) -> Features:
    """Features of one image from the arrays of a network.

    Args:
        info: of the extractor.
        basis: makes the global descriptor.
        image_size: (width, height), pixels.
        keypoints_N2: COLMAP's convention; None: there are none.
        descriptors_ND: unit length.
        scores_N: best first.
        scales_N: pixels.
    """
    if keypoints_N2 is None or descriptors_ND is None or scores_N is None or scales_N is None:
        keypoints_N2, scores_N, scales_N = np.zeros((0, 2)), np.zeros(0), np.zeros(0)  # type: ignore[assignment]
        descriptors_ND = np.zeros((0, info.descriptor_size), np.float32)
    descriptors_ND = np.ascontiguousarray(descriptors_ND, np.float32)
    return Features(
        keypoints_N2=np.ascontiguousarray(keypoints_N2, np.float32),
        scales_N=np.ascontiguousarray(scales_N, np.float32),
        descriptors_ND=descriptors_ND,
        scores_N=np.ascontiguousarray(scores_N, np.float32),
        global_descriptor_G=basis.global_descriptor(basis.project(descriptors_ND)),
        image_size=image_size,
    )
