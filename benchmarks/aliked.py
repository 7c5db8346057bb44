# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ALIKED (Zhao et al., IEEE TIM 2023) for comparison only: the network in plain tensor operations, from its weights.

Written from the paper and the shapes of the published weights, models/aliked-n16.pth of github.com/Shiaoming/ALIKED
(BSD-3), because the original needs torchvision and an extension in CUDA. Deformable convolutions are nine samples and a
product here; they are slower than a compiled one, which the times of the table contain.
"""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from neumap_ros.errors import ConfigError
from neumap_ros.features.base import ExtractorInfo, Features, register_extractor, to_gray
from neumap_ros.features.generic_basis import GLOBAL_SIZE
from neumap_ros.features.network_features import assemble, choose_device
from neumap_ros.features.weights import basis_of, read_weights

SHA256 = '5be8704840ed'
SIZE, POSITIONS, PATCH = 128, 16, 3
MULTIPLE = 32
# Of the published detector: suppression and soft argmax in 5 x 5 pixels. Of its two modes that with a number of
# keypoints; the other one keeps scores above 0.2, which are few in the dark.
RADIUS, TEMPERATURE = 2, 0.1
PATCH_RADIUS_PX = 4.0


@register_extractor('aliked')
class Aliked:
    """ALIKED n16.

    Args:
        path: the published weights.
        with_global: unused; every extractor has this switch.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    def __init__(self, path: str | Path | None = None, with_global: bool = True, device: str = 'auto') -> None:
        del with_global
        data, digest = read_weights(path or '', 'ALIKED')
        if not digest.startswith(SHA256):
            raise ConfigError(f'{path} has the sha256 {digest[:12]}, expected that of aliked-n16.pth, {SHA256}...')
        self._device = choose_device(device)
        weights = torch.load(io.BytesIO(data), map_location=self._device, weights_only=True)
        self._weights: dict[str, Tensor] = weights
        learned = [name for name in weights if 'running' not in name and 'num_batches' not in name]
        self.parameters = sum(weights[name].numel() for name in learned)
        self.info = ExtractorInfo('aliked', 1, digest, SIZE, GLOBAL_SIZE)
        self._basis = basis_of(self.info)

    @torch.inference_mode()
    def extract(self, image: NDArray[np.uint8], max_keypoints: int) -> Features:
        """See :class:`neumap_ros.features.base.Extractor`."""
        gray = to_gray(image)
        size = (gray.shape[1], gray.shape[0])
        if min(size) < MULTIPLE or gray.min() == gray.max():
            return assemble(self.info, self._basis, size, None)
        features_CHW, score_HW = self._dense(gray)
        pixels_N2, scores_N = _detect(score_HW, max_keypoints)
        descriptors_ND = self._describe(features_CHW, pixels_N2)
        order = scores_N.argsort(descending=True, stable=True)
        arrays = [t[order].cpu().numpy() for t in (pixels_N2 + 0.5, descriptors_ND, scores_N)]
        radius = np.full(len(order), PATCH_RADIUS_PX, np.float32)
        return assemble(self.info, self._basis, size, *arrays, radius)

    def _dense(self, gray: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        """Features (C, H, W) of unit length and scores (H, W)."""
        height, width = gray.shape
        down, right = -height % MULTIPLE, -width % MULTIPLE
        top, left = down // 2, right // 2
        padded = cv2.copyMakeBorder(gray, top, down - top, left, right - left, cv2.BORDER_REPLICATE)
        image = torch.from_numpy(padded).to(self._device)[None, None].expand(1, 3, -1, -1).float() / 255
        x1 = self._plain_block(image)
        x2 = self._residual('block2', functional.avg_pool2d(x1, 2))
        x3 = self._residual('block3', functional.avg_pool2d(x2, 4), is_deformed=True)
        x4 = self._residual('block4', functional.avg_pool2d(x3, 4), is_deformed=True)
        levels = []
        for number, (x, factor) in enumerate(((x1, 1), (x2, 2), (x3, 8), (x4, 32)), start=1):
            level = functional.selu(functional.conv2d(x, self._weights[f'conv{number}.weight']))
            if factor > 1:
                level = functional.interpolate(level, scale_factor=factor, mode='bilinear', align_corners=True)
            levels.append(level)
        joined = torch.cat(levels, dim=1)
        score = joined
        for number in (0, 2, 4, 6):
            weight = self._weights[f'score_head.{number}.weight']
            score = functional.conv2d(score, weight, padding=weight.shape[-1] // 2)
            score = torch.sigmoid(score) if number == 6 else functional.selu(score)
        inner = (..., slice(top, top + height), slice(left, left + width))
        return functional.normalize(joined, dim=1)[inner][0], score[inner][0, 0]

    def _norm(self, name: str, x: Tensor) -> Tensor:
        w = self._weights
        parts = (w[f'{name}.{part}'] for part in ('running_mean', 'running_var', 'weight', 'bias'))
        return functional.batch_norm(x, *parts)

    def _plain_block(self, x: Tensor) -> Tensor:
        for number in (1, 2):
            x = functional.conv2d(x, self._weights[f'block1.conv{number}.weight'], padding=1)
            x = functional.selu(self._norm(f'block1.bn{number}', x))
        return x

    def _residual(self, name: str, x: Tensor, is_deformed: bool = False) -> Tensor:
        w, out = self._weights, x
        for number in (1, 2):
            conv = f'{name}.conv{number}'
            if is_deformed:
                limit = max(out.shape[2:]) / 4
                offsets = functional.conv2d(
                    out, w[f'{conv}.offset_conv.weight'], w[f'{conv}.offset_conv.bias'], padding=1
                )
                out = deformed_conv(out, offsets.clamp(-limit, limit), w[f'{conv}.regular_conv.weight'])
            else:
                out = functional.conv2d(out, w[f'{conv}.weight'], padding=1)
            out = self._norm(f'{name}.bn{number}', out)
            if number == 1:
                out = functional.selu(out)
        shortcut = functional.conv2d(x, w[f'{name}.downsample.weight'], w[f'{name}.downsample.bias'])
        return functional.selu(out + shortcut)

    def _describe(self, features_CHW: Tensor, pixels_N2: Tensor) -> Tensor:
        """Descriptors (N, D) from samples at learned offsets around each keypoint (paper, section III-C)."""
        w, (_, height, width) = self._weights, features_CHW.shape
        # The patch whose top-left corner the published code takes.
        corner_N2 = (pixels_N2.long() - PATCH / 2 + 1).long()
        corner_N2[:, 0].clamp_(0, width - 1 - PATCH)
        corner_N2[:, 1].clamp_(0, height - 1 - PATCH)
        steps = torch.arange(PATCH, device=pixels_N2.device)
        y = corner_N2[:, 1, None, None] + steps[:, None]
        x = corner_N2[:, 0, None, None] + steps
        patches = features_CHW[:, y, x].permute(1, 0, 2, 3)
        head = 'desc_head.offset_conv'
        offsets = functional.selu(functional.conv2d(patches, w[f'{head}.0.weight'], w[f'{head}.0.bias']))
        offsets = functional.conv2d(offsets, w[f'{head}.2.weight'], w[f'{head}.2.bias'])
        limit = max(height, width) / 4
        offsets_NM2 = offsets[:, :, 0, 0].clamp(-limit, limit).view(-1, 2, POSITIONS).permute(0, 2, 1)
        extent = torch.tensor([width - 1, height - 1], device=pixels_N2.device)
        grid = 2 * (pixels_N2[:, None] + offsets_NM2) / extent - 1
        found = functional.grid_sample(features_CHW[None], grid[None], align_corners=True)  # (1, C, N, M)
        found = functional.selu(functional.conv2d(found, w['desc_head.sf_conv.weight']))[0]
        return functional.normalize(torch.einsum('cnp,pcd->nd', found, w['desc_head.agg_weights']), dim=1)


def deformed_conv(x_1CHW: Tensor, offsets_1KHW: Tensor, weight_OC33: Tensor) -> Tensor:
    """Deformable convolution of 3 x 3, padded by one (Dai et al., ICCV 2017); K = 18: dy, dx of each of nine taps."""
    _, channels, height, width = x_1CHW.shape
    offsets = offsets_1KHW.view(9, 2, height, width)
    rows = torch.arange(height, device=x_1CHW.device)[:, None]
    columns = torch.arange(width, device=x_1CHW.device)
    tap = torch.arange(9, device=x_1CHW.device)[:, None, None]
    y = rows + torch.div(tap, 3, rounding_mode='floor') - 1 + offsets[:, 0]
    x = columns + tap % 3 - 1 + offsets[:, 1]
    grid = torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], dim=3)
    found = functional.grid_sample(x_1CHW, grid.reshape(1, 9 * height, width, 2), align_corners=True)
    found = found.view(channels, 9, height * width)
    return torch.einsum('ock,ckn->on', weight_OC33.flatten(2), found).view(1, -1, height, width)


def _detect(score_HW: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Pixels (N, 2) from (0, 0) at the first one's centre, and scores (N,)."""
    height, width = score_HW.shape
    kept = _suppressed(score_HW)
    inner = torch.zeros_like(kept)
    inner[RADIUS:-RADIUS, RADIUS:-RADIUS] = kept[RADIUS:-RADIUS, RADIUS:-RADIUS]
    index_N = torch.nonzero((inner > 0).flatten())[:, 0]
    index_N = index_N[score_HW.flatten()[index_N].argsort(descending=True, stable=True)[:count]]
    place_N2 = torch.stack([index_N % width, torch.div(index_N, width, rounding_mode='floor')], dim=1)
    steps = torch.arange(-RADIUS, RADIUS + 1, device=score_HW.device)
    around = (steps[:, None] * width + steps).flatten()
    window = score_HW.flatten()[index_N[:, None] + around]
    weights = torch.softmax(window / TEMPERATURE, dim=1).view(-1, len(steps), len(steps))
    offsets = torch.stack([(weights.sum(1) * steps).sum(1), (weights.sum(2) * steps).sum(1)], dim=1)
    pixels_N2 = place_N2 + offsets
    grid = 2 * pixels_N2 / torch.tensor([width - 1, height - 1], device=score_HW.device) - 1
    scores = functional.grid_sample(score_HW[None, None], grid[None, None], align_corners=True)[0, 0, 0]
    return pixels_N2, scores


def _suppressed(score_HW: Tensor) -> Tensor:
    """Scores of maxima; what two rounds of removing the maxima's surroundings uncover counts too."""

    def largest(x: Tensor) -> Tensor:
        return functional.max_pool2d(x[None], 2 * RADIUS + 1, 1, RADIUS)[0]

    is_peak = score_HW == largest(score_HW)
    for _ in range(2):
        covered = largest(is_peak.float()) > 0
        rest = torch.where(covered, torch.zeros_like(score_HW), score_HW)
        is_peak |= (rest == largest(rest)) & ~covered
    return torch.where(is_peak, score_HW, torch.zeros_like(score_HW))
