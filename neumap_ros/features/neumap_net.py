# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The network behind ``neumap_nano`` and ``neumap_small``: grey image -> keypoint logits, descriptors, context, global.

It starts at a quarter of the resolution (the 4 x 4 pixels of a cell become 16 channels), because on a CPU few channels
at full resolution cost more than many at a coarse one. A U of four strides (4, 8, 16, 32) follows. The keypoint logits
return to full resolution by the inverse shuffle; the idea of shuffled detectors is that of SuperPoint (DeTone et al.,
CVPRW 2018), that of a coarse start and separate light heads that of XFeat (Potje et al., CVPR 2024).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

# The coarsest stride: images are padded to multiples of it.
STRIDE = 32
# Pixels per side of a cell that becomes channels, and stride of descriptors and context.
CELL = 4
DESCRIPTOR_STRIDE = 8
# Local contrast is measured over 9 cells, 36 pixels.
CONTRAST_CELLS = 9
# Contrast below which there is only noise, as standard deviation in grey values of 0..1: 2.5 of 255.
CONTRAST_FLOOR = 2.5 / 255


# Added to eigenvalues before the logarithm, in squares of the local contrast per pixel.
CORNER_FLOOR = 0.003


@dataclass(frozen=True)
class NetSize:
    """Channels of the network.

    Attributes:
        widths: channels at strides 4, 8, 16 and 32.
        descriptor: numbers of a local descriptor.
        global_size: numbers of the image's descriptor.
    """

    widths: tuple[int, int, int, int]
    descriptor: int
    global_size: int = 128


SIZES = {
    'neumap_nano': NetSize((32, 48, 64, 64), 32),
    'neumap_small': NetSize((48, 64, 80, 88), 64),
}


class Dense(NamedTuple):
    """What the network says about a batch of images of (H, W) pixels.

    Attributes:
        cell_logits_BChw: how likely each pixel is a keypoint, the 16 pixels of a cell as channels, row by row.
        descriptors_BDhw: at stride 8, not normalised; sample, then normalise.
        context_BChw: the trunk's features at stride 8.
        global_BG: descriptors of the images, L2-normalised.
    """

    cell_logits_BChw: Tensor
    descriptors_BDhw: Tensor
    context_BChw: Tensor
    global_BG: Tensor

    @property
    def logits_B1HW(self) -> Tensor:
        """The keypoints' logits as an image; the larger, the likelier."""
        return functional.pixel_shuffle(self.cell_logits_BChw, CELL)


class NeumapNet(nn.Module):
    """Detector, descriptors, context and global descriptor on one trunk."""

    def __init__(self, size: NetSize) -> None:
        super().__init__()
        self.size = size
        fine, mid, coarse, widest = size.widths
        self.stem = nn.Sequential(_conv(CELL * CELL, fine), _conv(fine, fine))
        # Averaging before a convolution, unlike a stride, keeps the cells' centres where upsampling expects them.
        self.to8 = nn.Sequential(nn.AvgPool2d(2), _conv(fine, mid), _conv(mid, mid), _conv(mid, mid))
        self.to16 = nn.Sequential(nn.AvgPool2d(2), _conv(mid, coarse), _conv(coarse, coarse))
        self.to32 = nn.Sequential(nn.AvgPool2d(2), _conv(coarse, widest), _conv(widest, widest))
        self.from32 = nn.Conv2d(widest, coarse, 1)
        self.from16 = nn.Conv2d(coarse, mid, 1)
        self.fuse = _conv(mid, mid)
        self.describe = nn.Sequential(_conv(mid, mid, kernel=1), nn.Conv2d(mid, size.descriptor, 1))
        self.from8 = nn.Conv2d(mid, fine, 1)
        score = nn.Conv2d(fine, CELL * CELL, 1)
        # Keypoints are rare; without this the first steps teach only that.
        score.bias = nn.Parameter(torch.full((CELL * CELL,), -4.0))
        self.detect = nn.Sequential(_conv(fine + CELL * CELL, fine), score)
        # How much a corner by the formula counts before the network has its say.
        self.corner_gain = nn.Parameter(torch.ones(()))
        self.summarise = nn.Linear(widest + coarse, size.global_size)

    def forward(self, gray_B1HW: Tensor) -> Dense:
        """Run the network.

        Args:
            gray_B1HW: grey values 0..1; height and width multiples of 32.
        """
        cells = _even_contrast(to_cells(gray_B1HW))
        corners = to_cells(cornerness(_to_image(cells)))
        x4 = self.stem(cells)
        x8 = self.to8(x4)
        x16 = self.to16(x8)
        x32 = self.to32(x16)
        y16 = functional.relu(x16 + _upsample(self.from32(x32)), inplace=True)
        y8 = self.fuse(functional.relu(x8 + _upsample(self.from16(y16)), inplace=True))
        detail = functional.relu(x4 + _upsample(self.from8(y8)), inplace=True)
        cell_logits = self.detect(torch.cat([detail, corners], dim=1)) + self.corner_gain * corners
        pooled = torch.cat([_generalised_mean(x32), _generalised_mean(y16)], dim=1)
        return Dense(cell_logits, self.describe(y8), y8, functional.normalize(self.summarise(pooled), dim=1))

    def channels_last(self) -> NeumapNet:
        """Order the weights as the fastest convolutions want them; images must have that order too."""
        for parameter in self.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        return self

    def folded(self) -> NeumapNet:
        """A copy for inference with every batch normalisation folded into its convolution."""
        result = copy.deepcopy(self).eval()
        for parent in list(result.modules()):
            if isinstance(parent, _ConvBlock) and isinstance(parent.norm, nn.BatchNorm2d):
                parent.conv = fuse_conv_bn_eval(parent.conv, parent.norm)
                parent.norm = nn.Identity()
        return result


class _ConvBlock(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.norm(self.conv(x)), inplace=True)


def _conv(inputs: int, outputs: int, kernel: int = 3) -> _ConvBlock:
    return _ConvBlock(inputs, outputs, kernel)


def to_cells(image_B1HW: Tensor) -> Tensor:
    """The 4 x 4 pixels of a cell as channels, row by row, (B, 16, h, w); channels last, as convolutions want them."""
    batch, _, height, width = image_B1HW.shape
    parts = image_B1HW.reshape(batch, height // CELL, CELL, width // CELL, CELL).permute(0, 1, 3, 2, 4)
    return parts.reshape(batch, height // CELL, width // CELL, CELL * CELL).permute(0, 3, 1, 2)


def _to_image(cells_BChw: Tensor) -> Tensor:
    """The inverse of :func:`to_cells`."""
    batch, _, height, width = cells_BChw.shape
    parts = cells_BChw.permute(0, 2, 3, 1).reshape(batch, height, width, CELL, CELL).permute(0, 1, 3, 2, 4)
    return parts.reshape(batch, 1, height * CELL, width * CELL)


def _even_contrast(cells_BChw: Tensor) -> Tensor:
    """Subtract the local mean and divide by the local standard deviation: a lamp or a dark corner changes little."""
    half = CONTRAST_CELLS // 2

    def around(x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, CONTRAST_CELLS, 1, half, count_include_pad=False)

    centred = cells_BChw - around(cells_BChw.mean(dim=1, keepdim=True))
    variance = around(centred.square().mean(dim=1, keepdim=True))
    return centred * torch.rsqrt(variance + CONTRAST_FLOOR**2)


def cornerness(image_B1HW: Tensor) -> Tensor:
    """Logarithm of the smaller eigenvalue of the structure tensor (Shi and Tomasi, CVPR 1994), about -9 to 1.

    A fixed formula: squares and roots that a few rectified layers would take long to learn. The network decides which
    corners count and moves them.
    """
    # In place, because every pass over a whole image costs; what is around the image repeats its border.
    x = functional.pad(image_B1HW.detach(), (4, 4, 4, 4), mode='replicate')
    x = _binomial(_binomial(x.transpose(2, 3)).transpose(2, 3))
    right = x[..., 1:-1, 2:] - x[..., 1:-1, :-2]
    down = x[..., 2:, 1:-1] - x[..., :-2, 1:-1]
    xy = _box(right * down)
    xx, yy = _box(right.square_()), _box(down.square_())
    difference = (xx - yy).mul_(0.5).square_().addcmul_(xy, xy).add_(1e-8).sqrt_()
    return xx.add_(yy).mul_(0.5).sub_(difference).clamp_(min=0).add_(CORNER_FLOOR).log_()


def _binomial(x: Tensor) -> Tensor:
    """Average five columns with the weights 1 4 6 4 1, standard deviation 1, without the outermost two."""
    outer, inner = x[..., :-4] + x[..., 4:], x[..., 1:-3] + x[..., 3:-1]
    return outer.mul_(0.0625).add_(inner, alpha=0.25).add_(x[..., 2:-2], alpha=0.375)


def _box(x: Tensor) -> Tensor:
    """Sums over 3 x 3 pixels, without the outermost ones."""
    x = (x[..., :-2, :] + x[..., 1:-1, :]).add_(x[..., 2:, :])
    return (x[..., :-2] + x[..., 1:-1]).add_(x[..., 2:])


def _upsample(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode='bilinear', align_corners=False)


def _generalised_mean(x_BChw: Tensor) -> Tensor:
    """Pool to (B, C) with exponent 3 (Radenovic et al., PAMI 2018)."""
    return x_BChw.clamp(min=1e-4).pow(3).mean(dim=(2, 3)).pow(1 / 3)


def sample(map_BChw: Tensor, points_BN2: Tensor, image_size: tuple[int, int]) -> Tensor:
    """Bilinear values of a coarse map at points of the image.

    Args:
        map_BChw: covers the whole image.
        points_BN2: pixels, top-left pixel's centre at (0.5, 0.5).
        image_size: (width, height) of the image that the network saw.

    Returns:
        (B, N, C).
    """
    extent = torch.tensor(image_size, dtype=points_BN2.dtype, device=points_BN2.device)
    grid = (points_BN2 / extent * 2 - 1).to(map_BChw.dtype)
    values = functional.grid_sample(map_BChw, grid[:, :, None], mode='bilinear', align_corners=False)
    return values[..., 0].transpose(1, 2)
