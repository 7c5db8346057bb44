# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Logits at full resolution -> the best keypoints between pixels, batched, on any device.

Suppression by pooling the whole map costs a CPU as much as the network's trunk. A keypoint is the largest of its cell
of 4 x 4 pixels instead, and only these few candidates are compared with their surroundings.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from neumap_ros.features.neumap_net import CELL

# Of two keypoints nearer than this in both directions only the better one stays, pixels.
SUPPRESSION_PX = 2
# No keypoint so near to the border of the image.
BORDER_PX = 4
# Window over which a keypoint's place is averaged; the network was trained for it.
PLACE_RADIUS = 2
# Below this (probability 0.2 %) there is nothing, not even in the dark.
SMALLEST_LOGIT = -6.0


class Keypoints(NamedTuple):
    """The best keypoints of a batch, best first.

    Attributes:
        keypoints_BN2: pixels, top-left pixel's centre at (0.5, 0.5).
        logits_BN: -inf where an image has fewer.
    """

    keypoints_BN2: Tensor
    logits_BN: Tensor


def find_keypoints(cell_logits_BChw: Tensor, content: tuple[int, int], count: int) -> Keypoints:
    """Find the best keypoints.

    Args:
        cell_logits_BChw: of cells of 4 x 4 pixels, row by row in the channels.
        content: (width, height) that is not padding.
        count: per image; there is at most one per cell.
    """
    batch, _, height, width = cell_logits_BChw.shape
    cells = cell_logits_BChw.contiguous()
    best_Bhw, index_Bhw = _largest(cells)
    rows = torch.arange(height, device=cells.device) * CELL
    columns = torch.arange(width, device=cells.device) * CELL
    y_Bhw = rows[:, None] + torch.div(index_Bhw, CELL, rounding_mode='floor')
    x_Bhw = columns + index_Bhw % CELL
    inside = (x_Bhw >= BORDER_PX) & (x_Bhw < content[0] - BORDER_PX)
    inside &= (y_Bhw >= BORDER_PX) & (y_Bhw < content[1] - BORDER_PX)
    keep = inside & (best_Bhw > SMALLEST_LOGIT) & ~_beaten(best_Bhw, x_Bhw, y_Bhw)
    score_BK = torch.where(keep, best_Bhw, torch.full_like(best_Bhw, -torch.inf)).flatten(1)
    # Some more, because slopes are left out below.
    score_BN, chosen_BN = score_BK.topk(min(count + count // 4 + 16, score_BK.shape[1]))
    # Those that are none may lie at the border; their place does not matter, but their window must exist.
    x_BN = x_Bhw.flatten(1).gather(1, chosen_BN).clamp(PLACE_RADIUS, width * CELL - 1 - PLACE_RADIUS)
    y_BN = y_Bhw.flatten(1).gather(1, chosen_BN).clamp(PLACE_RADIUS, height * CELL - 1 - PLACE_RADIUS)
    offsets = torch.arange(-PLACE_RADIUS, PLACE_RADIUS + 1, device=cells.device)
    y_BNY, x_BNX = y_BN[..., None] + offsets, x_BN[..., None] + offsets
    row_BNY = torch.div(y_BNY, CELL, rounding_mode='floor') * width + y_BNY % CELL * (CELL * height * width)
    column_BNX = torch.div(x_BNX, CELL, rounding_mode='floor') + x_BNX % CELL * (height * width)
    place_BNW = (row_BNY[..., None] + column_BNX[..., None, :]).flatten(2)
    window = cells.reshape(batch, -1).gather(1, place_BNW.flatten(1)).view(place_BNW.shape)
    # A maximum has no larger neighbour; on a slope the largest of a cell lies at its border and has one.
    middle = window.shape[2] // 2
    near = [k for k in range(window.shape[2]) if k != middle and _is_next(k)]
    peak = (window[..., near] <= window[..., middle : middle + 1]).all(dim=2)
    score_BN = torch.where(peak, score_BN, torch.full_like(score_BN, -torch.inf))
    score_BN, order_BN = score_BN.topk(min(count, score_BN.shape[1]))
    x_BN, y_BN = x_BN.gather(1, order_BN), y_BN.gather(1, order_BN)
    window = window.gather(1, order_BN[..., None].expand(-1, -1, window.shape[2]))
    weights = torch.softmax(window, dim=2).view(batch, -1, len(offsets), len(offsets))
    steps = offsets.to(weights.dtype)
    place_x = x_BN + 0.5 + (weights.sum(2) * steps).sum(2)
    place_y = y_BN + 0.5 + (weights.sum(3) * steps).sum(2)
    return Keypoints(torch.stack([place_x, place_y], dim=2), score_BN)


def _largest(cells_BChw: Tensor) -> tuple[Tensor, Tensor]:
    """The largest channel (B, h, w) and its number, of equals the first; faster than a maximum with its index."""
    best_Bhw = cells_BChw.amax(dim=1)
    count = cells_BChw.shape[1]
    ranks = torch.arange(count, 0, -1, dtype=torch.uint8, device=cells_BChw.device)[:, None, None]
    first_Bhw = ((cells_BChw == best_Bhw[:, None]).to(torch.uint8) * ranks).amax(dim=1)
    return best_Bhw, count - first_Bhw.long()


def _is_next(k: int) -> bool:
    """Whether the k-th place of the window touches its middle."""
    side = 2 * PLACE_RADIUS + 1
    return max(abs(k // side - PLACE_RADIUS), abs(k % side - PLACE_RADIUS)) == 1


def _beaten(best_Bhw: Tensor, x_Bhw: Tensor, y_Bhw: Tensor) -> Tensor:
    """Whether one of the eight neighbouring cells holds a better candidate that is too near."""
    height, width = best_Bhw.shape[1:]
    scores = functional.pad(best_Bhw, (1, 1, 1, 1), value=-torch.inf)
    xs, ys = (functional.pad(v, (1, 1, 1, 1)) for v in (x_Bhw, y_Bhw))
    beaten = torch.zeros_like(best_Bhw, dtype=torch.bool)
    for dy in range(3):
        for dx in range(3):
            if (dy, dx) == (1, 1):
                continue
            part = (slice(None), slice(dy, dy + height), slice(dx, dx + width))
            # Of equals the one above or to the left stays, so that exactly one does.
            better = scores[part] >= best_Bhw if (dy, dx) < (1, 1) else scores[part] > best_Bhw
            near = ((xs[part] - x_Bhw).abs() <= SUPPRESSION_PX) & ((ys[part] - y_Bhw).abs() <= SUPPRESSION_PX)
            beaten |= better & near
    return beaten
