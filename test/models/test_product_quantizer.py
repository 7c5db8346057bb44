# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from neumap_ros.errors import ConfigError
from neumap_ros.models.product_quantizer import ProductQuantizer, kmeans, kmeans_codebooks

PARTS, CENTROIDS, SIZE = 3, 7, 12


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def quantizer():
    return ProductQuantizer(torch.randn(PARTS, CENTROIDS, SIZE // PARTS, generator=generator()))


@pytest.fixture
def vectors_ND():
    return torch.randn(50, SIZE, generator=generator(1))


def brute_force_codes(vectors: np.ndarray, codebooks: np.ndarray) -> np.ndarray:
    parts = vectors.reshape(len(vectors), len(codebooks), -1)
    distances = np.linalg.norm(parts[:, :, None] - codebooks[None], axis=3)
    return distances.argmin(axis=2)


def test_codes_are_the_nearest_centroids(quantizer, vectors_ND):
    codes = quantizer.encode(vectors_ND)
    assert codes.dtype == torch.int16
    expected = brute_force_codes(vectors_ND.numpy(), quantizer.codebooks_MKS.detach().numpy())
    assert (codes.numpy() == expected).all()
    assert (quantizer.parts, quantizer.size) == (PARTS, SIZE)


def test_lookup_puts_the_centroids_in_order(quantizer, vectors_ND):
    codes = quantizer.encode(vectors_ND)
    restored = quantizer.lookup(codes)
    codebooks = quantizer.codebooks_MKS.detach()
    for n in (0, 17, 49):
        expected = torch.cat([codebooks[m, int(codes[n, m])] for m in range(PARTS)])
        assert (restored[n] == expected).all()
    assert (quantizer.encode(restored) == codes).all(), 'a centroid is its own nearest one'


def test_all_256_centroids_fit_a_byte():
    codebooks = torch.arange(256.0)[None, :, None]
    quantizer = ProductQuantizer(codebooks)
    assert quantizer.encode(torch.arange(256.0)[:, None])[:, 0].tolist() == list(range(256))
    assert quantizer.lookup(quantizer.encode(torch.tensor([[254.9]]))).item() == 255


@pytest.mark.parametrize('shape', [(2, 1, 4), (2, 4097, 4), (8, 4)])
def test_codebooks_of_impossible_shapes_are_refused(shape):
    with pytest.raises(ConfigError, match='codebooks have shape'):
        ProductQuantizer(torch.zeros(shape))


@pytest.mark.parametrize('temperature', [1e-3, 0.1, 10.0])
def test_forward_gives_the_hard_value(quantizer, vectors_ND, temperature):
    quantised, commitment = quantizer(vectors_ND, temperature)
    hard = quantizer.lookup(quantizer.encode(vectors_ND))
    assert quantised.detach().numpy() == pytest.approx(hard.detach().numpy(), abs=1e-5)
    assert commitment.item() == pytest.approx((vectors_ND - hard).square().sum(1).mean().item(), rel=1e-4)


def numerical_gradient(function, at: np.ndarray, step: float = 1e-5) -> np.ndarray:
    gradient = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        shift = np.zeros_like(at)
        shift[place] = step
        gradient[place] = (function(at + shift) - function(at - shift)) / (2 * step)
    return gradient


def test_the_gradient_is_that_of_the_soft_assignment(quantizer):
    """Hard forward, soft backward: with weights g, d/dx sum g * soft(x) @ C; for C also the used centroids' own g."""
    quantizer.double()
    temperature = 0.7
    rng = np.random.default_rng(2)
    vectors = rng.normal(size=(4, SIZE))
    weights = rng.normal(size=(4, SIZE))
    codebooks = quantizer.codebooks_MKS.detach().numpy().copy()

    def soft(x: np.ndarray, c: np.ndarray) -> np.ndarray:
        distances = ((x.reshape(4, PARTS, 1, -1) - c[None]) ** 2).sum(-1) / temperature
        exponent = np.exp(-distances + distances.min(axis=2, keepdims=True))
        return exponent / exponent.sum(axis=2, keepdims=True)

    def weighted(assignment: np.ndarray, c: np.ndarray) -> float:
        return float((weights * np.einsum('nmk,mks->nms', assignment, c).reshape(4, SIZE)).sum())

    given = torch.from_numpy(vectors).requires_grad_()
    (quantizer(given, temperature)[0] * torch.from_numpy(weights)).sum().backward()

    by_vectors = numerical_gradient(lambda x: weighted(soft(x, codebooks), codebooks), vectors)
    assert given.grad.numpy() == pytest.approx(by_vectors, rel=1e-4, abs=1e-7)

    hard = np.eye(CENTROIDS)[brute_force_codes(vectors, codebooks)]
    by_codebooks = numerical_gradient(
        lambda c: weighted(soft(vectors, c), codebooks) + weighted(hard, c), codebooks.copy()
    )
    assert quantizer.codebooks_MKS.grad.numpy() == pytest.approx(by_codebooks, rel=1e-4, abs=1e-7)


def test_kmeans_finds_clusters():
    centres = torch.tensor([[0.0, 0], [10, 0], [0, 10], [10, 10]])
    cloud = centres.repeat_interleave(100, 0) + 0.3 * torch.randn(400, 2, generator=generator(3))
    # A random start may split one cluster and join two others; the best of some seeds does not.
    found = min(
        (kmeans(cloud, 4, generator(seed)) for seed in range(5)), key=lambda c: torch.cdist(cloud, c).amin(1).sum()
    )
    nearest = torch.cdist(centres, found)
    assert sorted(nearest.argmin(1).tolist()) == [0, 1, 2, 3]
    assert float(nearest.amin(1).max()) < 0.15


def test_kmeans_ends_where_lloyd_has_nothing_to_improve():
    vectors = torch.randn(300, 3, generator=generator(4))
    centroids = kmeans(vectors, 5, generator(), iterations=100)
    assigned = torch.cdist(vectors, centroids).argmin(1)
    for k in range(5):
        assert centroids[k].numpy() == pytest.approx(vectors[assigned == k].mean(0).numpy(), abs=1e-4)


@pytest.mark.parametrize('count', [1, 5, 16])
def test_few_vectors_become_the_centroids(count):
    vectors = torch.randn(count, 4, generator=generator(5))
    centroids = kmeans(vectors, 16, generator())
    assert centroids.shape == (16, 4)
    assert float(torch.cdist(vectors, centroids).amin(1).max()) < 1e-3
    assert float(torch.cdist(centroids, vectors).amin(1).max()) < 1e-3, 'a centroid that is no vector'


def test_empty_clusters_move_to_the_worst_vectors():
    # Nearly all vectors are equal, so most of the random starts coincide and own nothing.
    vectors = torch.zeros(1000, 2)
    vectors[:3] = torch.tensor([[5.0, 0], [0, 5], [-5, -5]])
    for seed in range(5):
        centroids = kmeans(vectors, 8, generator(seed))
        assert torch.isfinite(centroids).all()
        assert float(torch.cdist(vectors, centroids).amin(1).max()) < 1e-3


def test_kmeans_is_deterministic_and_leaves_its_input_alone():
    vectors = torch.randn(200, 4, generator=generator(6))
    before = vectors.clone()
    assert (kmeans(vectors, 8, generator(1)) == kmeans(vectors, 8, generator(1))).all()
    kmeans(vectors[:5], 8, generator(1)).fill_(7)
    assert (vectors == before).all()


def test_codebooks_are_one_kmeans_a_part():
    vectors = torch.cat([torch.randn(200, 2, generator=generator(7)), 100 + torch.zeros(200, 2)], dim=1)
    codebooks = kmeans_codebooks(vectors, 2, generator(), clusters=16)
    assert codebooks.shape == (2, 16, 2)
    assert (codebooks[1] == 100).all()
    quantizer = ProductQuantizer(codebooks)
    error = (quantizer.lookup(quantizer.encode(vectors)) - vectors).square().sum(1).mean().detach()
    assert float(error) < 0.3, 'two numbers of variance 1 with 16 centroids'
