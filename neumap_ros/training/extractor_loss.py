# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the extractor is trained for: keypoints where they were by day, descriptors that find their like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from neumap_ros.features.neumap_detection import PLACE_RADIUS
from neumap_ros.features.neumap_net import Dense, sample
from neumap_ros.training.extractor_pairs import Pair, View

# Width of the hill that stands for a keypoint, pixels, and how far it is drawn.
HILL_SIGMA_PX, HILL_RADIUS = 0.9, 3
# Points of a pair that enter the descriptor loss.
POINTS_PER_PAIR = 192
# Weights of the parts; the keypoints' is 1.
DESCRIPTOR_WEIGHT, TEACHER_WEIGHT, GLOBAL_WEIGHT = 1.0, 2.0, 0.1
PLACE_WEIGHT, MEAN_WEIGHT = 1.0, 1.0
# Views of other photographs are told apart at this temperature.
GLOBAL_TEMPERATURE = 0.1


@dataclass(frozen=True)
class Batch:
    """Pairs as tensors; the views of pair n are images n and n + B.

    Attributes:
        images_N1SS: grey values 0..1, N = 2 B.
        hills_N1SS: 1 at keypoints, falling off around them.
        seen_N1SS: 1 where a view shows the photograph.
        places_K3: image number, x and y of each keypoint, pixels.
        points_2BP2: points of each pair in its first and its second view, pixels.
        valid_BP: whether the point is there; pairs have fewer than P.
        teacher_BPT: descriptors of the points, zeros where unknown.
        names_B: of the photographs; views of one are not told apart.
    """

    images_N1SS: Tensor
    hills_N1SS: Tensor
    seen_N1SS: Tensor
    places_K3: Tensor
    points_2BP2: Tensor
    valid_BP: Tensor
    teacher_BPT: Tensor
    names_B: Tensor

    def to(self, device: str) -> Batch:
        """The batch on another device."""
        return Batch(**{name: value.to(device) for name, value in vars(self).items()})


def collate(pairs: Sequence[Pair], names: Sequence[int], rng: np.random.Generator) -> Batch:
    """Pairs to a batch; of pairs with too many points a random choice."""
    views = [p.first for p in pairs] + [p.second for p in pairs]
    images = np.stack([v.image for v in views])[:, None]
    seen = np.stack([v.seen for v in views])[:, None]
    places = np.concatenate(
        [np.concatenate([np.full((len(v.keypoints_K2), 1), n), v.keypoints_K2], axis=1) for n, v in enumerate(views)]
    ).astype(np.float32)
    width = len(pairs[0].descriptors_PT.T)
    points = np.zeros((2, len(pairs), POINTS_PER_PAIR, 2), np.float32)
    valid = np.zeros((len(pairs), POINTS_PER_PAIR), bool)
    teacher = np.zeros((len(pairs), POINTS_PER_PAIR, width), np.float32)
    for n, pair in enumerate(pairs):
        chosen = rng.permutation(len(pair.points_first_P2))[:POINTS_PER_PAIR]
        count = len(chosen)
        points[0, n, :count], points[1, n, :count] = pair.points_first_P2[chosen], pair.points_second_P2[chosen]
        teacher[n, :count], valid[n, :count] = pair.descriptors_PT[chosen], True
    return Batch(
        torch.from_numpy(images),
        torch.from_numpy(_hills(views)),
        torch.from_numpy(seen.astype(np.float32)),
        torch.from_numpy(places),
        torch.from_numpy(points),
        torch.from_numpy(valid),
        torch.from_numpy(teacher),
        torch.tensor(list(names)),
    )


def _hills(views: Sequence[View]) -> NDArray[np.float32]:
    """The heat maps that the detector shall show; the pixel that holds a keypoint is exactly 1."""
    size = views[0].image.shape[0]
    padded = size + 2 * HILL_RADIUS
    result = np.zeros((len(views), padded, padded), np.float32)
    offsets = np.arange(-HILL_RADIUS, HILL_RADIUS + 1)
    for number, view in enumerate(views):
        if not len(view.keypoints_K2):
            continue
        columns, rows = np.floor(view.keypoints_K2).astype(int).T
        distance_x = columns[:, None] + offsets + 0.5 - view.keypoints_K2[:, :1]
        distance_y = rows[:, None] + offsets + 0.5 - view.keypoints_K2[:, 1:]
        hill_KYX = np.exp(-(distance_y[:, :, None] ** 2 + distance_x[:, None, :] ** 2) / (2 * HILL_SIGMA_PX**2))
        place_y = rows[:, None, None] + HILL_RADIUS + offsets[:, None]
        place_x = columns[:, None, None] + HILL_RADIUS + offsets
        np.maximum.at(result[number], (place_y, place_x), hill_KYX.astype(np.float32))
        result[number, rows + HILL_RADIUS, columns + HILL_RADIUS] = 1
    inner = slice(HILL_RADIUS, -HILL_RADIUS)
    return result[:, None, inner, inner]


def losses(dense: Dense, batch: Batch, temperature: Tensor, teacher_TD: Tensor | None) -> dict[str, Tensor]:
    """The parts of the loss, weighted.

    Args:
        dense: of the network for the batch's images.
        batch: what is true.
        temperature: by which similarities are divided, learned.
        teacher_TD: projects the teacher's descriptors to ours; None without a teacher to imitate.
    """
    size = (batch.images_N1SS.shape[3], batch.images_N1SS.shape[2])
    logits = dense.logits_B1HW.float()
    first, second = dense.descriptors_BDhw.float().chunk(2)
    a = functional.normalize(sample(first, batch.points_2BP2[0], size), dim=2)
    b = functional.normalize(sample(second, batch.points_2BP2[1], size), dim=2)
    parts = {
        'keypoints': _focal(logits, batch),
        'places': _places(logits, batch.places_K3),
        'descriptors': DESCRIPTOR_WEIGHT * _contrast(a[batch.valid_BP], b[batch.valid_BP], temperature),
        'global': GLOBAL_WEIGHT * _tell_apart(dense.global_BG.float(), batch.names_B),
    }
    if teacher_TD is not None:
        wanted = batch.teacher_BPT @ teacher_TD
        known = batch.valid_BP & (batch.teacher_BPT.abs().sum(2) > 0)
        target = functional.normalize(wanted[known], dim=1)
        likeness = ((a[known] * target).sum(1).mean() + (b[known] * target).sum(1).mean()) / 2
        parts['teacher'] = TEACHER_WEIGHT * (1 - likeness)
    return parts


def _focal(logits: Tensor, batch: Batch) -> Tensor:
    """Focal loss with soft surroundings (Law and Deng, CornerNet, ECCV 2018, equation 1), per keypoint."""
    hills, seen = batch.hills_N1SS, batch.seen_N1SS
    probability = torch.sigmoid(logits)
    at_peak = (hills == 1).float() * seen
    missed = functional.softplus(-logits) * (1 - probability) ** 2 * at_peak
    invented = functional.softplus(logits) * probability**2 * (1 - hills) ** 4 * (seen - at_peak)
    return (missed.sum() + invented.sum()) / at_peak.sum().clamp(min=1)


def _places(logits: Tensor, places_K3: Tensor) -> Tensor:
    """How surely the logits around a keypoint name its place, and how far their mean lies from it.

    The logits of a window are a distribution over its pixels. It shall be the one that stands for a place between
    pixels: the four nearest centres, weighted bilinearly. The mean over the inner window is what the extractor returns.
    """
    wide, inner, size = HILL_RADIUS, PLACE_RADIUS, logits.shape[-1]
    kept = ((places_K3[:, 1:] > wide + 1) & (places_K3[:, 1:] < size - wide - 1)).all(dim=1)
    if not kept.any():
        return logits.sum() * 0
    image, place = places_K3[kept, 0].long(), places_K3[kept, 1:]
    offsets = torch.arange(-wide, wide + 1, device=logits.device)
    corner = place.floor().long()
    rows, columns = corner[:, 1, None, None] + offsets[:, None], corner[:, 0, None, None] + offsets
    window = logits[image[:, None, None], 0, rows, columns]
    fraction = place - corner - 0.5
    weight_x, weight_y = ((1 - (offsets - fraction[:, k : k + 1]).abs()).clamp(min=0) for k in (0, 1))
    target = weight_y[:, :, None] * weight_x[:, None, :]
    surprise = -(target * torch.log_softmax(window.flatten(1), dim=1).view_as(window)).sum(dim=(1, 2)).mean()
    part = slice(wide - inner, wide + inner + 1)
    core = window[:, part, part]
    weights = torch.softmax(core.flatten(1), dim=1).view_as(core)
    steps = offsets[part].to(weights.dtype)
    found = torch.stack([(weights.sum(1) * steps).sum(1), (weights.sum(2) * steps).sum(1)], dim=1)
    return PLACE_WEIGHT * surprise + MEAN_WEIGHT * functional.smooth_l1_loss(found, fraction, beta=0.5)


def _contrast(a_PD: Tensor, b_PD: Tensor, temperature: Tensor) -> Tensor:
    """Cross entropy of the right partner among all points of all pairs, in both directions (InfoNCE)."""
    if not len(a_PD):
        return a_PD.sum()
    similarity = a_PD @ b_PD.T / temperature
    right = torch.arange(len(a_PD), device=a_PD.device)
    return (functional.cross_entropy(similarity, right) + functional.cross_entropy(similarity.T, right)) / 2


def _tell_apart(global_NG: Tensor, names_B: Tensor) -> Tensor:
    """The same for whole images; other views of the same photograph or world do not count as different."""
    a, b = global_NG.chunk(2)
    similarity = a @ b.T / GLOBAL_TEMPERATURE
    same = names_B[:, None] == names_B[None]
    same.fill_diagonal_(False)
    similarity = similarity.masked_fill(same, -1e4)
    right = torch.arange(len(a), device=a.device)
    return (functional.cross_entropy(similarity, right) + functional.cross_entropy(similarity.T, right)) / 2
