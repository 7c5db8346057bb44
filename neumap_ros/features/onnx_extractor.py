# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Any network exported to ONNX, through ONNX Runtime; ``docs/extractors.md`` says what it must take and give."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError, ImageError
from neumap_ros.features.base import ExtractorInfo, Features, register_extractor, to_gray
from neumap_ros.features.generic_basis import GLOBAL_SIZE
from neumap_ros.features.network_features import DEVICES, assemble
from neumap_ros.features.network_image import SMALLEST_SIDE_PX, NetworkImage, enlarge_and_fit, stretch
from neumap_ros.features.onnx_outputs import Outputs, is_dense, read_outputs
from neumap_ros.features.weights import HOW_TO_GIVE, basis_of, read_weights

logger = logging.getLogger(__name__)

VERSION = 1
# Metadata that an exporter may write into the file, and what holds without it.
OFFSET_KEY, MULTIPLE_KEY = 'neumap.keypoint_offset', 'neumap.size_multiple'
USUAL_PIXELS_KEY = 'neumap.usual_pixels'
DEFAULT_OFFSET, DEFAULT_MULTIPLE = 0.5, 32
# Radius of what a keypoint shows, in pixels, where the network gives no scales.
PATCH_RADIUS_PX = 4.0
# Of the image on which a network is tried when it is loaded.
TRIAL_SIZE = (640, 480)
# Threads beyond these gain little on images of this size.
MOST_THREADS = 4

_TYPES = {'tensor(float)': np.float32, 'tensor(float16)': np.float16}


@register_extractor('onnx')
class OnnxExtractor:
    """A network from a file.

    Args:
        path: ONNX file, with its weights inside.
        with_global: unused; every extractor has this switch.
        device: ``auto`` (CUDA where ONNX Runtime has it), ``cpu`` or ``cuda``.
        threads: of the CPU; 0: all processors, at most four.
        usual_pixels: enlarge smaller images to about so many, at most twofold; None: as the file says.

    Raises:
        ConfigError: onnxruntime is not installed, no file, not a network, or one that the contract does not know.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        with_global: bool = True,
        device: str = 'auto',
        threads: int = 0,
        usual_pixels: int | None = None,
    ) -> None:
        del with_global
        if not path:
            raise ConfigError(f'the extractor onnx needs a network, an .onnx file; {HOW_TO_GIVE}')
        data, digest = read_weights(path, 'the extractor onnx')
        self._what = f'the network {path}'
        self._session = _open(data, self._what, device, threads)
        self._input, self._channels, self._size = _check_input(self._session, self._what)
        self._smallest = (SMALLEST_SIDE_PX, SMALLEST_SIDE_PX)
        metadata = self._session.get_modelmeta().custom_metadata_map
        self._offset = _number(metadata, OFFSET_KEY, DEFAULT_OFFSET, self._what)
        self._multiple = int(_number(metadata, MULTIPLE_KEY, DEFAULT_MULTIPLE, self._what))
        said = int(_number(metadata, USUAL_PIXELS_KEY, 0, self._what))
        self._usual_pixels = said if usual_pixels is None else usual_pixels
        if self._multiple < 1:
            raise ConfigError(f'{self._what} says {MULTIPLE_KEY} = {self._multiple}, expected 1 or more')
        first = self._try_out()
        size = GLOBAL_SIZE if first.global_G is None else len(first.global_G)
        self.info = ExtractorInfo('onnx', VERSION, digest, first.descriptors_ND.shape[1], size)
        self._basis = basis_of(self.info)

    @property
    def providers(self) -> list[str]:
        """What ONNX Runtime computes with, the preferred one first."""
        return list(self._session.get_providers())

    def extract(self, image: NDArray[np.uint8], max_keypoints: int) -> Features:
        """See :class:`neumap_ros.features.base.Extractor`. An image without texture gives zero keypoints."""
        gray = to_gray(image)
        size = (gray.shape[1], gray.shape[0])
        if gray.min() == gray.max():
            return assemble(self.info, self._basis, size, None)
        pixels = gray if self._channels == 1 else image
        given = self._fit(pixels)
        try:
            found = self._run(given, max_keypoints)
        except ConfigError as error:
            if given.image.shape[1] >= TRIAL_SIZE[0] and given.image.shape[0] >= TRIAL_SIZE[1]:
                raise ImageError(f'an image of {size[0]} x {size[1]} pixels cannot be used: {error}') from None
            # Some networks choose a fixed number of cells, which a small image does not have; from now on it is padded.
            self._smallest = TRIAL_SIZE
            given = self._fit(pixels)
            found = self._run(given, max_keypoints)
        keypoints_N2 = found.keypoints_N2
        inside = given.inside(keypoints_N2)
        features = assemble(
            self.info,
            self._basis,
            size,
            given.to_given(keypoints_N2[inside]),
            found.descriptors_ND[inside],
            found.scores_N[inside],
            found.scales_N[inside] * PATCH_RADIUS_PX / min(given.scale),
        )
        return _with_own(features, found, inside)

    def _fit(self, image: NDArray[np.uint8]) -> NetworkImage:
        if self._size is not None:
            return stretch(image, self._size)
        return enlarge_and_fit(image, self._multiple, self._usual_pixels, self._smallest)

    def _run(self, given: NetworkImage, count: int) -> Outputs:
        """Keypoints in COLMAP's convention, in the network's image."""
        batch = _batch(given.image, self._channels).astype(_TYPES[self._session.get_inputs()[0].type], copy=False)
        try:
            arrays = self._session.run(None, {self._input: batch})
        except Exception as error:  # ONNX Runtime's own exceptions have no common root but this one
            raise ConfigError(f'{self._what} fails for an input of {batch.shape}: {_first_line(error)}') from None
        outputs = dict(zip((o.name for o in self._session.get_outputs()), map(_plain, arrays), strict=True))
        height, width = given.image.shape[:2]
        found = read_outputs(outputs, (width, height), given.content, count, self._what)
        if not is_dense(outputs):  # keypoints of maps are in our convention already
            found.keypoints_N2[:] += self._offset
        return found

    def _try_out(self) -> Outputs:
        """One run on noise: what is wrong with a network shows here, not at the first image."""
        noise = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
        image = np.asarray(cv2.resize(noise, TRIAL_SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)
        return self._run(self._fit(image), 100)


def _with_own(features: Features, found: Outputs, inside: NDArray[np.bool_]) -> Features:
    """The same features with the global descriptor and the context that the network itself gave."""
    if found.global_G is not None:
        features = replace(features, global_descriptor_G=found.global_G)
    if found.context_NC is not None:
        features = replace(features, context_NC=found.context_NC[inside])
    return features


def _open(data: bytes, what: str, device: str, threads: int) -> Any:
    if device not in DEVICES:
        raise ConfigError(f'the device is {device!r}, expected one of {", ".join(DEVICES)}')
    try:
        import onnxruntime
    except ImportError:
        raise ConfigError(
            "the extractor onnx needs ONNX Runtime, which is not installed; pip install 'neumap_ros[onnx]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or min(os.cpu_count() or 1, MOST_THREADS)
    # Threads that spin between two images take their cores from everything else on the robot.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    options.log_severity_level = 4  # what fails is raised
    providers = ['CPUExecutionProvider']
    if device != 'cpu' and 'CUDAExecutionProvider' in onnxruntime.get_available_providers():
        providers.insert(0, 'CUDAExecutionProvider')
    elif device == 'cuda':
        logger.warning('ONNX Runtime has no CUDA here (package onnxruntime-gpu), the network runs on the CPU')
    try:
        # From the bytes whose digest was taken: a network with weights in a second file is refused, because the digest
        # would not cover them.
        return onnxruntime.InferenceSession(data, options, providers)
    except Exception as error:  # ONNX Runtime's own exceptions have no common root but this one
        raise ConfigError(
            f'{what} cannot be loaded ({_first_line(error)}), expected an ONNX file that holds its weights; export it '
            'again, without external data'
        ) from None


def _check_input(session: Any, what: str) -> tuple[str, int, tuple[int, int] | None]:
    """Name of the input, its channels, and (width, height) where it takes one size only."""
    inputs = session.get_inputs()
    found = ', '.join(f'{i.name} {i.type} {i.shape}' for i in inputs)
    wrong = ConfigError(
        f'{what} takes {found}, expected one image (1, 1 or 3, H, W) of float32 or float16; export it with that input'
    )
    if len(inputs) != 1 or inputs[0].type not in _TYPES or len(inputs[0].shape) != 4:
        raise wrong
    batch, channels, height, width = (side if isinstance(side, int) else None for side in inputs[0].shape)
    if batch not in (None, 1) or channels not in (None, 1, 3):
        raise wrong
    size = None if height is None or width is None else (width, height)
    return inputs[0].name, channels or 1, size


def _batch(image: NDArray[np.uint8], channels: int) -> NDArray[np.float32]:
    """(H, W) grey or (H, W, 3) BGR -> (1, channels, H, W), RGB, from 0 to 1."""
    planes = np.repeat(image[None], channels, axis=0) if image.ndim == 2 else image[:, :, ::-1].transpose(2, 0, 1)
    return np.ascontiguousarray(planes[None], np.float32) / np.float32(255)


def _plain(array: Any) -> NDArray[np.float32]:
    return np.asarray(array, dtype=np.float32)


def _number(metadata: dict[str, str], key: str, default: float, what: str) -> float:
    text = metadata.get(key, str(default))
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f'{what} says {key} = {text!r}, expected a number; export it again') from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
