# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap_nano`` and ``neumap_small``: our own network as an extractor, with the weights that ship."""

from __future__ import annotations

import copy
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional

from neumap_ros.errors import ConfigError
from neumap_ros.features.base import ExtractorInfo, Features, register_extractor, to_gray
from neumap_ros.features.network_features import choose_device
from neumap_ros.features.network_image import NetworkImage, fit
from neumap_ros.features.neumap_detection import BORDER_PX, find_keypoints
from neumap_ros.features.neumap_net import SIZES, STRIDE, NeumapNet, sample

logger = logging.getLogger(__name__)

VERSION = 1
# Radius of what decides where a keypoint is, pixels of the network's image.
PATCH_RADIUS_PX = 4.0
# Smaller images are enlarged to about so many pixels, at most twofold. Two cameras that see the same part of the world
# then show it at nearly the same scale to the network, which bridges a factor of two badly; and corners of a small,
# noisy image are found between its pixels. Of 8 night queries of half the map's resolution 7 instead of 0 were
# localized.
USUAL_PIXELS, LARGEST_ENLARGEMENT = 640 * 480, 2.0


class NeumapExtractor:
    """Runs a network and picks the keypoints; everything but the transfers happens on the network's device.

    Args:
        network: in any state of training.
        info: of the extractor.
        device: ``auto`` (CUDA where there is a usable GPU), ``cpu`` or ``cuda``.
    """

    def __init__(self, network: NeumapNet, info: ExtractorInfo, device: str = 'auto') -> None:
        self.info = info
        self._folded = network.folded().cpu()
        self.parameters = sum(p.numel() for p in self._folded.parameters())
        self.context_size = network.size.widths[1]
        self._move(choose_device(device))

    def _move(self, device: str) -> None:
        self._device = device
        # Half precision only where it is faster; channels last is faster on both.
        self._dtype = torch.float16 if device == 'cuda' else torch.float32
        self._network = copy.deepcopy(self._folded).to(device, self._dtype).channels_last()

    def extract(self, image: NDArray[np.uint8], max_keypoints: int) -> Features:
        """See :class:`neumap_ros.features.base.Extractor`. An image without texture gives zero keypoints."""
        return self.extract_batch([image], max_keypoints)[0]

    def extract_batch(self, images: Sequence[NDArray[np.uint8]], max_keypoints: int) -> list[Features]:
        """Extract the features of several images, those of one size in one run of the network.

        Args:
            images: each grey (H, W) or BGR (H, W, 3), uint8.
            max_keypoints: of each image, best scores first.

        Raises:
            ImageError: not an image of that kind.
        """
        grays = [to_gray(image) for image in images]
        fitted = [_fit(gray) for gray in grays]
        results: dict[int, Features] = {}
        groups: dict[tuple[tuple[int, ...], tuple[int, int]], list[int]] = {}
        for number, given in enumerate(fitted):
            groups.setdefault((given.image.shape, given.content), []).append(number)
        for numbers in groups.values():
            rows_BNX, global_BG = self._run([fitted[number] for number in numbers], max_keypoints)
            for number, rows_NX, global_G in zip(numbers, rows_BNX, global_BG, strict=True):
                results[number] = self._features(grays[number], fitted[number], rows_NX, global_G)
        return [results[number] for number in range(len(images))]

    def _run(
        self, given: Sequence[NetworkImage], max_keypoints: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Rows (B, N, 3 + D + C) of x, y, logit, descriptor, context; global descriptors (B, G)."""
        images = torch.from_numpy(np.stack([g.image for g in given]))[:, None]
        try:
            return self._run_on_device(images, given[0].content, max_keypoints)
        except torch.cuda.OutOfMemoryError:
            logger.warning('the GPU has no memory left for the extractor %s, it goes on on the CPU', self.info.name)
            self._move('cpu')
            torch.cuda.empty_cache()
            return self._run_on_device(images, given[0].content, max_keypoints)

    @torch.inference_mode()
    def _run_on_device(
        self, images_B1HW: Tensor, content: tuple[int, int], max_keypoints: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        batch = images_B1HW.to(self._device).to(self._dtype).div_(255)
        found = describe(self._network, batch.contiguous(memory_format=torch.channels_last), content, max_keypoints)
        rows = torch.cat([found.keypoints_BN2, found.logits_BN[..., None], found.descriptors_BND, found.context_BNC], 2)
        # One transfer back.
        flat = torch.cat([rows.flatten(), found.global_BG.flatten()]).cpu().numpy()
        return flat[: rows.numel()].reshape(rows.shape), flat[rows.numel() :].reshape(len(rows), -1)

    def exportable(self, max_keypoints: int) -> nn.Module:
        """The whole extractor as a network for ``neumap export extractor``.

        Args:
            max_keypoints: it gives so many rows, or as many as there are cells.

        Returns:
            Grey image (1, 1, H, W) from 0 to 1, sides multiples of 32 -> keypoints (N, 2), descriptors (N, D), scores
            (N,), -inf where there are fewer keypoints, context (N, C), global descriptor (1, G).
        """
        return _Exportable(self._folded, max_keypoints)

    def _features(
        self,
        gray: NDArray[np.uint8],
        given: NetworkImage,
        rows_NX: NDArray[np.float32],
        global_G: NDArray[np.float32],
    ) -> Features:
        flat = min(given.content) <= 2 * BORDER_PX or gray.min() == gray.max()
        rows = rows_NX[:0] if flat else rows_NX[np.isfinite(rows_NX[:, 2])]
        size = self.info.descriptor_size
        return Features(
            keypoints_N2=np.ascontiguousarray(given.to_given(rows[:, :2])),
            scales_N=np.full(len(rows), PATCH_RADIUS_PX / min(given.scale), np.float32),
            descriptors_ND=np.ascontiguousarray(rows[:, 3 : 3 + size]),
            scores_N=np.asarray(1 / (1 + np.exp(-rows[:, 2])), np.float32),
            global_descriptor_G=np.zeros_like(global_G) if flat else global_G.copy(),
            image_size=(gray.shape[1], gray.shape[0]),
            context_NC=np.ascontiguousarray(rows[:, 3 + size :]),
        )


def _fit(gray: NDArray[np.uint8]) -> NetworkImage:
    """Enlarge a small image, shrink a huge one, and pad it."""
    height, width = gray.shape
    factor = min(LARGEST_ENLARGEMENT, (USUAL_PIXELS / (width * height)) ** 0.5)
    if factor <= 1:
        return fit(gray, STRIDE)
    size = (round(width * factor), round(height * factor))
    given = fit(np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_CUBIC), np.uint8), STRIDE)
    return replace(given, scale=(size[0] / width, size[1] / height))


class Described(NamedTuple):
    """Keypoints of a batch with all that belongs to them, float32.

    Attributes:
        keypoints_BN2: pixels, top-left pixel's centre at (0.5, 0.5).
        logits_BN: largest first, -inf where an image has fewer.
        descriptors_BND: L2-normalised.
        context_BNC: not normalised.
        global_BG: of the images, L2-normalised.
    """

    keypoints_BN2: Tensor
    logits_BN: Tensor
    descriptors_BND: Tensor
    context_BNC: Tensor
    global_BG: Tensor


def describe(network: NeumapNet, images_B1HW: Tensor, content: tuple[int, int], count: int) -> Described:
    """Run a network and pick the best keypoints.

    Args:
        network: for inference.
        images_B1HW: grey values 0..1; height and width multiples of 32.
        content: (width, height) that is not padding.
        count: of keypoints, per image.
    """
    dense = network(images_B1HW)
    found = find_keypoints(dense.cell_logits_BChw.float(), content, count)
    size = (images_B1HW.shape[3], images_B1HW.shape[2])
    descriptors = sample(dense.descriptors_BDhw, found.keypoints_BN2, size).float()
    context = sample(dense.context_BChw, found.keypoints_BN2, size).float()
    return Described(*found, functional.normalize(descriptors, dim=2), context, dense.global_BG.float())


class _Exportable(nn.Module):
    def __init__(self, network: NeumapNet, max_keypoints: int) -> None:
        super().__init__()
        self.network, self.max_keypoints = network, max_keypoints

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        found = describe(self.network, image, (image.shape[3], image.shape[2]), self.max_keypoints)
        rows = (found.keypoints_BN2, found.descriptors_BND, found.logits_BN, found.context_BNC)
        return (*(row[0] for row in rows), found.global_BG)


def _register(name: str) -> None:
    @register_extractor(name)
    def create(path: str | Path | None = None, with_global: bool = True, device: str = 'auto') -> NeumapExtractor:
        """Open the weights that ship, or others of the same size.

        Args:
            path: safetensors file of ``neumap train extractor``; None: the weights that ship.
            with_global: unused; every extractor has this switch.
            device: ``auto``, ``cpu`` or ``cuda``.

        Raises:
            ConfigError: the weights are missing, unreadable, or of another network.
        """
        del with_global
        network, digest = load_network(name, path)
        size = SIZES[name]
        return NeumapExtractor(network, ExtractorInfo(name, VERSION, digest, size.descriptor, size.global_size), device)


for _name in SIZES:
    _register(_name)


def load_network(name: str, path: str | Path | None = None) -> tuple[NeumapNet, str]:
    """A trained network and the sha256 of its weights.

    Args:
        name: one of SIZES.
        path: safetensors file; None: the weights that ship.

    Raises:
        ConfigError: the weights are missing, unreadable, or of another network.
    """
    shipped = resources.files('neumap_ros') / 'weights' / f'{name}.safetensors'
    file = shipped if path is None else Path(path).expanduser()
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f'the weights {file} of the extractor {name} cannot be read ({error.strerror or error}), expected a '
            'file; install neumap_ros again, or make them with neumap train extractor'
        ) from None
    network = NeumapNet(SIZES[name])
    try:
        tensors = load(data)
        network.load_state_dict({key: value.float() for key, value in tensors.items()})
    except (SafetensorError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise ConfigError(
            f'{file} holds no weights of {name} ({first}), expected a file of neumap train extractor --size {name}; '
            'give that one'
        ) from None
    return network.eval(), hashlib.sha256(data).hexdigest()
