# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Dense outputs of a network -> keypoints and their descriptors; plain tensor operations, so that they can be exported.

Positions are (x, y) in COLMAP's convention everywhere: the centre of the top-left cell is (0.5, 0.5).
"""

from __future__ import annotations

import torch
from torch.nn import functional


def peaks(score_HW: torch.Tensor, radius: int, border: int = 0) -> torch.Tensor:
    """The scores where they are the largest within a square, -inf elsewhere.

    Args:
        score_HW: detector response.
        radius: of the square, in cells; (2 radius + 1) cells wide.
        border: cells at each side that hold no peak.

    Returns:
        (H, W); of equal neighbours all are peaks, unless everything in the square is equal: that is no corner.
    """
    score = score_HW[None, None]
    size = 2 * radius + 1
    largest = functional.max_pool2d(score, size, 1, radius)
    smallest = -functional.max_pool2d(-score, size, 1, radius)
    best = torch.where((score == largest) & (largest > smallest), score, torch.full_like(score, -torch.inf))
    if border:
        best = functional.pad(best[..., border:-border, border:-border], (border,) * 4, value=-torch.inf)
    return best[0, 0]


def strongest(peaks_HW: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The best peaks.

    Args:
        peaks_HW: from :func:`peaks`.
        count: at most so many; not more than there are cells.

    Returns:
        (scores (count,), largest first, -inf where there are fewer peaks; cells (count, 2) as x, y).
    """
    width = peaks_HW.shape[1]
    scores_N, index_N = peaks_HW.reshape(-1).topk(count)
    row_N = torch.div(index_N, width, rounding_mode='floor')
    # Not index_N % width: PyTorch 2.13 cannot export that with an open width.
    return scores_N, torch.stack([index_N - width * row_N, row_N], dim=1)


def sub_cell(score_HW: torch.Tensor, cells_N2: torch.Tensor) -> torch.Tensor:
    """Positions (N, 2) of peaks between cells: the vertex of a parabola along each axis, at most half a cell away.

    Args:
        score_HW: detector response.
        cells_N2: peaks as x, y, not in the outermost cells of the map (those stay where they are).
    """
    height, width = score_HW.shape
    flat = score_HW.reshape(-1)
    x, y = cells_N2[:, 0], cells_N2[:, 1]
    offsets = []
    for step, place, last in ((1, x, width - 1), (width, y, height - 1)):
        index = y * width + x
        inside = (place > 0) & (place < last)
        step_N = torch.where(inside, torch.full_like(index, step), torch.zeros_like(index))
        before, here, after = flat[index - step_N], flat[index], flat[index + step_N]
        curvature = (2 * here - before - after).clamp_min(1e-9)
        offsets.append((0.5 * (after - before) / curvature).clamp(-0.5, 0.5))
    return cells_N2.to(score_HW.dtype) + 0.5 + torch.stack(offsets, dim=1)


def sample(map_DHW: torch.Tensor, positions_N2: torch.Tensor) -> torch.Tensor:
    """Unit descriptors (N, D) at positions of a map, between its cells bilinearly.

    Args:
        map_DHW: dense descriptors.
        positions_N2: in cells of this map.
    """
    height, width = map_DHW.shape[1], map_DHW.shape[2]
    size_2 = torch.tensor([width, height], dtype=positions_N2.dtype, device=positions_N2.device)
    grid = (2 * positions_N2 / size_2 - 1)[None, :, None]
    found = functional.grid_sample(map_DHW[None], grid, mode='bilinear', padding_mode='border', align_corners=False)
    return functional.normalize(found[0, :, :, 0].T, dim=1)
