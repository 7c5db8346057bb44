# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Differentiable product quantisation (D-PQED, ECCV 2024, arXiv 2407.15540; Jegou et al., PAMI 2011 for PQ itself)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neumap_ros.errors import ConfigError

# More would cost more megabytes of codebooks than they save bytes of codes.
MOST_CENTROIDS = 4096
# Distances computed at once: 4 MB of floats, which stay in the cache and are not mapped anew for every chunk.
DISTANCES_AT_ONCE = 2**20


class ProductQuantizer(nn.Module):
    """Splits a vector of D numbers into M parts and replaces each by the nearest of K centroids.

    Args:
        codebooks_MKS: initial centroids, S = D / M numbers each.
    """

    def __init__(self, codebooks_MKS: Tensor) -> None:
        super().__init__()
        if codebooks_MKS.dim() != 3 or not 2 <= codebooks_MKS.shape[1] <= MOST_CENTROIDS:
            raise ConfigError(
                f'codebooks have shape {tuple(codebooks_MKS.shape)}, expected (M, K, S) with 2 <= K <= {MOST_CENTROIDS}'
            )
        self.codebooks_MKS = nn.Parameter(codebooks_MKS.detach().clone().float())

    @property
    def parts(self) -> int:
        """M, the numbers of a code."""
        return int(self.codebooks_MKS.shape[0])

    @property
    def centroids(self) -> int:
        """K, how many values each number of a code has."""
        return int(self.codebooks_MKS.shape[1])

    @property
    def size(self) -> int:
        """D, the length of a vector."""
        return int(self.codebooks_MKS.shape[0] * self.codebooks_MKS.shape[2])

    def _distances(self, vectors_ND: Tensor) -> Tensor:
        """Squared distances (M, N, K) of each part to each centroid."""
        parts_MNS = vectors_ND.reshape(len(vectors_ND), self.parts, -1).transpose(0, 1)
        cross = torch.bmm(parts_MNS, self.codebooks_MKS.transpose(1, 2))
        squares_MN1 = parts_MNS.square().sum(-1, keepdim=True)
        return squares_MN1 - 2 * cross + self.codebooks_MKS.square().sum(-1)[:, None, :]

    def encode(self, vectors_ND: Tensor) -> Tensor:
        """Codes (N, M), int16, of the nearest centroids."""
        rows = max(1, DISTANCES_AT_ONCE // (self.parts * self.centroids))
        with torch.no_grad():
            nearest = [self._distances(chunk).argmin(dim=2).T for chunk in torch.split(vectors_ND, rows)]
            return torch.cat(nearest).to(torch.int16)

    def lookup(self, codes_NM: Tensor) -> Tensor:
        """Concatenated centroids (N, D) of codes (N, M)."""
        index = codes_NM.long()
        return torch.cat([self.codebooks_MKS[m, index[:, m]] for m in range(self.parts)], dim=1)

    def forward(self, vectors_ND: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        """Quantise with a straight-through gradient (D-PQED section 3: hard forward, soft backward).

        Args:
            vectors_ND: vectors to quantise.
            temperature: of the soft assignment, in units of squared distance.

        Returns:
            (quantised vectors (N, D), commitment loss: mean squared distance of the
            centroids to their vectors, which pulls centroids).
        """
        distances_MNK = self._distances(vectors_ND)
        soft_MNK = torch.softmax(-distances_MNK / temperature, dim=2)
        hard_ND = self.lookup(distances_MNK.detach().argmin(dim=2).T)
        # The value is that of the hard assignment, whose gradient moves the chosen centroids; the soft part is zero
        # but hands its gradient to the distances. Equal to z = (soft + sg(hard - soft)) C without the one-hot matrix.
        soft_MNS = torch.bmm(soft_MNK, self.codebooks_MKS.detach())
        soft_ND = soft_MNS.transpose(0, 1).reshape(len(vectors_ND), -1)
        commitment = (vectors_ND.detach() - hard_ND).square().sum(dim=1).mean()
        return hard_ND + soft_ND - soft_ND.detach(), commitment


def kmeans(vectors_ND: Tensor, clusters: int, generator: torch.Generator, iterations: int = 20) -> Tensor:
    """Lloyd's k-means from random vectors, with re-seeding of empty clusters.

    Args:
        vectors_ND: data, at least one vector; with fewer vectors than clusters the surplus centroids repeat vectors.
        clusters: K.
        generator: source of randomness.
        iterations: Lloyd steps.

    Returns:
        Centroids (K, D).
    """
    count = len(vectors_ND)
    if count <= clusters:
        index = torch.arange(clusters) % max(count, 1)
        return vectors_ND[index].clone()
    centroids_KD = vectors_ND[torch.randperm(count, generator=generator)[:clusters]].clone()
    squares_N = vectors_ND.square().sum(1)
    for _ in range(iterations):
        offset_K = centroids_KD.square().sum(1)
        found = [
            (offset_K - 2 * chunk @ centroids_KD.T).min(dim=1)
            for chunk in torch.split(vectors_ND, max(1, DISTANCES_AT_ONCE // clusters))
        ]
        assigned = torch.cat([indices for _, indices in found])
        nearest = torch.cat([values for values, _ in found]) + squares_N
        sums_KD = torch.zeros_like(centroids_KD).index_add_(0, assigned, vectors_ND)
        sizes_K = torch.bincount(assigned, minlength=clusters)
        used = sizes_K > 0
        centroids_KD[used] = sums_KD[used] / sizes_K[used, None]
        empty = torch.nonzero(~used)[:, 0]
        if len(empty):  # the worst represented vectors become centroids
            centroids_KD[empty] = vectors_ND[nearest.topk(len(empty)).indices]
    return centroids_KD


def kmeans_codebooks(
    vectors_ND: Tensor, parts: int, generator: torch.Generator, clusters: int = 256, iterations: int = 20
) -> Tensor:
    """Codebooks (M, K, D / M) by k-means in each subspace (plain PQ, the start of D-PQED)."""
    return torch.stack([kmeans(part, clusters, generator, iterations) for part in vectors_ND.chunk(parts, dim=1)])
