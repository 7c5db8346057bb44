# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Learns the scene-independent basis of an extractor from ordinary photographs and random warps of them.

No labels and no poses: a photograph and a warped, re-lit, blurred, noisy copy of it share points that are known
exactly. Their descriptors tell how one point varies (within class) against how points differ (total), which gives the
discriminant projection; the universal codebooks and vocabularies are then fitted to the projected descriptors.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from neumap_ros.errors import SourceError
from neumap_ros.features.base import Extractor, Features
from neumap_ros.features.basis import vlad
from neumap_ros.images import IMAGE_SUFFIXES, read_image
from neumap_ros.models.product_quantizer import ProductQuantizer, kmeans, kmeans_codebooks

logger = logging.getLogger(__name__)

SIZE = 64
WORDS = 1024
VLAD_WORDS = 16
GLOBAL_SIZE = 128
# Shrinks the within-class covariance towards a sphere. On tracks of mapping images 0.1, 0.5 and 2 gave the same number
# of right matches within 1 %, and each as many as the full 128 numbers.
SHRINKAGE = 0.5

WARPS_PER_IMAGE = 2
KEYPOINTS_PER_IMAGE = 800
MATCH_DISTANCE_PX = 1.5
MATCH_SIMILARITY = 0.6
# (M, K) of the universal codebooks. Large codebooks cost nothing in a map when they ship with the package: M = 4 with
# 4,096 centroids (6 bytes) gives nine tenths of the right matches of M = 8 with 256 (8 bytes).
CODEBOOKS = ((2, 256), (4, 256), (8, 256), (16, 256), (2, 4096), (4, 4096), (8, 4096))
# Descriptors for k-means.
QUANTISER_SAMPLE = 60_000
LARGE_SAMPLE = 200_000
OPQ_ITERATIONS = 8

Float32 = NDArray[np.float32]


def train_basis(
    images: Path, extractor: Extractor, out: Path, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> dict[str, float]:
    """Train a basis and write it.

    Args:
        images: folder of photographs, searched recursively.
        extractor: whose descriptors are projected.
        out: safetensors file to write.
        seed: of the warps and of k-means.
        progress: called with (images done, images).

    Returns:
        Figures for the training log: pairs, quantisation error per code length.

    Raises:
        SourceError: too few photographs.
    """
    files = sorted(p for p in images.rglob('*') if p.suffix.lower() in IMAGE_SUFFIXES)
    if len(files) < GLOBAL_SIZE:
        raise SourceError(f'{images} holds {len(files)} photographs, expected at least {GLOBAL_SIZE}')
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    first, second, groups = [], [], []
    for number, path in enumerate(files):
        image = read_image(path)
        features = extractor.extract(image, KEYPOINTS_PER_IMAGE)
        groups.append(features.descriptors_ND)
        for _ in range(WARPS_PER_IMAGE):
            warped, homography = _random_view(image, rng)
            other = extractor.extract(warped, KEYPOINTS_PER_IMAGE)
            groups.append(other.descriptors_ND)
            pair = _same_points(features, other, homography)
            first.append(features.descriptors_ND[pair[:, 0]])
            second.append(other.descriptors_ND[pair[:, 1]])
        if progress:
            progress(number + 1, len(files))
    a, b = np.concatenate(first), np.concatenate(second)
    everything = np.concatenate(groups)
    mean, projection = discriminant_projection(everything, a, b, SIZE)

    def project(x: Float32) -> Float32:
        y = (x - mean) @ projection.T
        return np.asarray(y / np.maximum(np.linalg.norm(y, axis=1, keepdims=True), 1e-9), np.float32)

    tensors: dict[str, Float32] = {'mean': mean, 'projection': projection}
    figures: dict[str, float] = {'images': len(files), 'pairs': len(a)}
    sample = project(np.concatenate([a, b]))
    shuffled = torch.from_numpy(sample[rng.permutation(len(sample))[:LARGE_SAMPLE]])
    sample_t = shuffled[:QUANTISER_SAMPLE]
    for parts, centroids in CODEBOOKS:
        if centroids == 256:
            rotation, codebooks, error = optimised_product_quantiser(sample_t, parts, generator)
            tensors[f'rotation.{parts}'] = rotation.numpy()
        else:  # in the rotation of the shorter codes, so that one map space serves both
            rotated = shuffled @ torch.from_numpy(tensors[f'rotation.{parts}'])
            codebooks = kmeans_codebooks(rotated, parts, generator, centroids, iterations=12)
            quantizer = ProductQuantizer(codebooks)
            error = (quantizer.lookup(quantizer.encode(rotated)) - rotated).square().sum(1).mean().item()
        tensors[f'codebooks.{parts}.{centroids}'] = codebooks.numpy().astype(np.float16)
        figures[f'squared_error_M{parts}_K{centroids}'] = error
        logger.info('M=%d, K=%d: squared error %.3f', parts, centroids, error)
    tensors['words'] = kmeans(sample_t, WORDS, generator).numpy().astype(np.float16)
    tensors['vlad.words'] = kmeans(sample_t, VLAD_WORDS, generator).numpy()
    vectors = np.stack([vlad(project(g), tensors['vlad.words']) for g in groups if len(g) >= 20])
    tensors['vlad.mean'] = vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    tensors['vlad.projection'] = np.ascontiguousarray(axes[:GLOBAL_SIZE]).astype(np.float16)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, out)
    return figures


def discriminant_projection(
    all_ND: Float32, first_PD: Float32, second_PD: Float32, size: int
) -> tuple[Float32, Float32]:
    """Mean and projection that whiten the variation of one point and keep what tells points apart.

    Fisher's linear discriminant with pairs instead of classes (Cai, Mikolajczyk and Matas, PAMI 2011).

    Args:
        all_ND: descriptors of all keypoints.
        first_PD: descriptors of points in one view.
        second_PD: descriptors of the same points in another view.
        size: numbers to keep.

    Returns:
        (mean (D,), projection (size, D)).
    """
    mean = all_ND.mean(axis=0)
    total = np.cov(all_ND.T.astype(np.float64))
    difference = (first_PD - second_PD).astype(np.float64)
    within = difference.T @ difference / (2 * len(difference))
    within += SHRINKAGE * np.trace(within) / len(within) * np.eye(len(within))
    # Generalised eigenproblem total v = w within v through the Cholesky factor of `within`.
    inverse = np.linalg.inv(np.linalg.cholesky(within))
    values, vectors = np.linalg.eigh(inverse @ total @ inverse.T)
    best = np.argsort(-values)[:size]
    return mean.astype(np.float32), (vectors[:, best].T @ inverse).astype(np.float32)


def optimised_product_quantiser(
    vectors_ND: torch.Tensor, parts: int, generator: torch.Generator, iterations: int = OPQ_ITERATIONS
) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Rotation and codebooks of optimised product quantisation (Ge et al., PAMI 2014, section 3.2).

    Returns:
        (rotation (D, D) so that ``x @ rotation`` is quantised, codebooks (M, K, D / M), mean squared error).
    """
    rotation = _balanced_axes(vectors_ND, parts)
    codebooks = kmeans_codebooks(vectors_ND @ rotation, parts, generator, iterations=6)
    for _ in range(iterations):
        rotated = vectors_ND @ rotation
        quantizer = ProductQuantizer(codebooks)
        codes = quantizer.encode(rotated)
        codebooks = _recentred(codebooks, codes, rotated)
        quantised = ProductQuantizer(codebooks).lookup(codes).detach()
        left, _, right = torch.linalg.svd(vectors_ND.T @ quantised)
        rotation = left @ right
    rotated = vectors_ND @ rotation
    for _ in range(15):
        codebooks = _recentred(codebooks, ProductQuantizer(codebooks).encode(rotated), rotated)
    quantizer = ProductQuantizer(codebooks)
    error = (quantizer.lookup(quantizer.encode(rotated)) - rotated).square().sum(1).mean().item()
    return rotation, codebooks, error


def _recentred(codebooks_MKS: torch.Tensor, codes_NM: torch.Tensor, vectors_ND: torch.Tensor) -> torch.Tensor:
    """One Lloyd step: every used centroid moves to the mean of its vectors."""
    result = codebooks_MKS.clone()
    for m, part in enumerate(vectors_ND.chunk(len(codebooks_MKS), dim=1)):
        index = codes_NM[:, m].long()
        sums = torch.zeros_like(result[m]).index_add_(0, index, part)
        sizes = torch.bincount(index, minlength=len(result[m]))
        result[m][sizes > 0] = sums[sizes > 0] / sizes[sizes > 0, None]
    return result


def _balanced_axes(vectors_ND: torch.Tensor, parts: int) -> torch.Tensor:
    """Principal axes dealt to the parts so that every part has about the same product of variances."""
    values, axes = np.linalg.eigh(np.cov(vectors_ND.T.numpy()))
    per_part = len(values) // parts
    buckets: list[list[int]] = [[] for _ in range(parts)]
    logs = np.zeros(parts)
    for axis in np.argsort(-values):
        free = [m for m in range(parts) if len(buckets[m]) < per_part]
        chosen = min(free, key=lambda m: logs[m])
        buckets[chosen].append(int(axis))
        logs[chosen] += np.log(max(values[axis], 1e-12))
    return torch.from_numpy(axes[:, [axis for bucket in buckets for axis in bucket]].astype(np.float32))


def _random_view(image: NDArray[np.uint8], rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A warped, re-lit, blurred and noisy copy of an image and the homography that made it."""
    height, width = image.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    angle, scale = rng.normal() * 0.35, rng.uniform(0.6, 1.3)
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (corners - corners.mean(0)) @ rotation.T + corners.mean(0)
    moved += rng.uniform(-0.15, 0.15, (4, 2)) * [width, height]
    homography = cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32))
    light = cv2.warpPerspective(image, homography, (width, height)) / 255.0
    light = 255 * rng.uniform(0.3, 1.2) * light ** rng.uniform(0.5, 2.0)
    if rng.random() < 0.5:
        light = cv2.GaussianBlur(np.asarray(light, np.float64), (0, 0), rng.uniform(0.4, 1.5))
    light = light + rng.normal(size=light.shape) * rng.uniform(0.5, 5.0)
    return np.clip(light, 0, 255).astype(np.uint8), np.asarray(homography, np.float64)


def _same_points(first: Features, second: Features, homography: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pairs of keypoints that the homography maps onto each other; of several nearby the most similar one."""
    if not len(first) or not len(second):
        return np.zeros((0, 2), np.int64)
    # The homography is in OpenCV's pixels, half a pixel from ours.
    mapped = cv2.perspectiveTransform((first.keypoints_N2 - 0.5)[None].astype(np.float64), homography)[0] + 0.5
    near = ((mapped[:, None] - second.keypoints_N2[None]) ** 2).sum(2) < MATCH_DISTANCE_PX**2
    similarity = np.where(near, first.descriptors_ND @ second.descriptors_ND.T, -1)
    best = similarity.argmax(axis=1)
    rows = np.flatnonzero(similarity[np.arange(len(best)), best] > MATCH_SIMILARITY)
    return np.stack([rows, best[rows]], axis=1)


def log_lines(figures: dict[str, float], command: Sequence[str]) -> str:
    """The training log that is kept beside the weights."""
    return (
        '\n'.join([f'command: {" ".join(command)}', *(f'{name}: {value:g}' for name, value in figures.items())]) + '\n'
    )
