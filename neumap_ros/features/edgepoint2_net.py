# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The network of EdgePoint2 (Yao et al., EdgePoint2: Compact Descriptors for Superior Efficiency and Accuracy, 2025).

Written from the paper and from the shapes of the published weights; modules are named as in those files, so that they
load. Three stages at strides 2, 8 and 32; the descriptor head joins them at stride 4, the score head at stride 2 and
then doubles the resolution.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

STRIDE_OF_DESCRIPTORS = 4
# Sides of the image must be multiples of this: the coarsest stage.
MULTIPLE = 32


@dataclass(frozen=True)
class Widths:
    """Channels of one variant.

    Attributes:
        stem: of the first two layers, at stride 2.
        fine: of the stage at stride 2.
        middle: of the stage at stride 8.
        coarse: of the stage at stride 32.
        descriptor: numbers of a descriptor.
        score: of the score head.
    """

    stem: int
    fine: int
    middle: int
    coarse: int
    descriptor: int
    score: int

    @classmethod
    def of_weights(cls, weights: Mapping[str, torch.Tensor]) -> Widths:
        """Read them off the shapes of the published weights.

        Raises:
            KeyError: a tensor is missing.
        """
        return cls(
            *(len(weights[f'{name}.weight']) for name in ('block1.0.layer.0', 'block1.2.layer.0', 'block2.layer.0')),
            *(len(weights[f'{name}.weight']) for name in ('block3.layer.0', 'desc_head.2', 'conv1')),
        )


def _normed(inside: int, outside: int, size: int = 3, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inside, outside, size, stride, 1, groups=groups, bias=False), nn.BatchNorm2d(outside)]


class _Layer(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, inside: int, outside: int, size: int = 3, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.layer = nn.Sequential(*_normed(inside, outside, size, stride, groups), nn.ReLU())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.layer(x))


class _Residual(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.layer = nn.Sequential(*_normed(inside, outside), nn.ReLU(), *_normed(outside, outside))
        self.skip = nn.Identity() if inside == outside else nn.Conv2d(inside, outside, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.layer(x) + self.skip(x))


def _enlarged(x: torch.Tensor, factor: int) -> torch.Tensor:
    return functional.interpolate(x, scale_factor=factor, mode='bilinear', align_corners=False)


class EdgePoint2Net(nn.Module):
    """Image -> dense descriptors and scores.

    Args:
        widths: of the variant.
    """

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        w = widths
        total = w.fine + w.middle + w.coarse
        self.block1 = nn.Sequential(_Layer(1, w.stem, 4, 2), _Layer(w.stem, w.fine), _Residual(w.fine, w.fine))
        self.block2 = _Residual(w.fine, w.middle)
        self.block3 = _Residual(w.middle, w.coarse)
        self.desc_head = nn.Sequential(
            nn.Conv2d(total, total, 1), _Layer(total, total, groups=total // 16), nn.Conv2d(total, w.descriptor, 1)
        )
        self.conv1, self.conv2, self.conv3 = (nn.Conv2d(n, w.score, 1) for n in (w.fine, w.middle, w.coarse))
        self.score_head = nn.Sequential(
            nn.Conv2d(w.score, w.score, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(w.score, w.score, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(w.score, 4, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def forward(self, image_B1HW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Run the network.

        Args:
            image_B1HW: grey, of mean 0 and variance 1 over each image; H and W multiples of 32.

        Returns:
            (scores (B, 1, H, W), logits; descriptors (B, D, H / 4, W / 4), not normalised).
        """
        fine = self.block1(image_B1HW)
        fine_4 = functional.avg_pool2d(fine, 2)
        middle = self.block2(functional.avg_pool2d(fine_4, 2))
        coarse = self.block3(functional.avg_pool2d(middle, 4))
        descriptors = self.desc_head(torch.cat([fine_4, _enlarged(middle, 2), _enlarged(coarse, 8)], dim=1))
        scores = self.conv1(fine) + _enlarged(self.conv2(middle), 4) + _enlarged(self.conv3(coarse), 16)
        return self.score_head(scores), descriptors


def fuse(network: EdgePoint2Net) -> EdgePoint2Net:
    """The same network with batch norms folded into the convolutions before them, for inference."""
    network = network.eval()
    for module in list(network.modules()):
        if not isinstance(module, nn.Sequential):
            continue
        layers = list(module)
        for index, (first, second) in enumerate(itertools.pairwise(layers)):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                module[index] = nn.utils.fusion.fuse_conv_bn_eval(first, second)
                module[index + 1] = nn.Identity()
    return network.requires_grad_(False)
