# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from torch.nn import functional

from neumap_ros.models.dequantizer import Dequantizer, load_dequantizer
from neumap_ros.models.storage import pack_floats, unpack_floats

SIZE = 16


@pytest.fixture
def quantised_ND():
    return torch.randn(30, SIZE, generator=torch.Generator().manual_seed(0))


def trained(hidden: int) -> Dequantizer:
    dequantizer = Dequantizer(SIZE, hidden)
    for parameter in dequantizer.parameters():
        parameter.data = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(hidden)) * 0.3
    return dequantizer


@pytest.mark.parametrize('hidden', [0, 8])
def test_untrained_it_only_normalises(quantised_ND, hidden):
    restored = Dequantizer(SIZE, hidden)(quantised_ND)
    assert restored.detach().numpy() == pytest.approx(functional.normalize(quantised_ND, dim=1).numpy(), abs=1e-6)


def test_it_is_the_formula(quantised_ND):
    dequantizer = trained(8)
    w = {name: value.double().numpy() for name, value in dequantizer.state_dict().items()}
    z = quantised_ND.double().numpy()
    inner = z @ w['expand.weight'].T + w['expand.bias']
    gelu = inner * torch.special.ndtr(torch.from_numpy(inner)).numpy()
    total = z + gelu @ w['contract.weight'].T + w['contract.bias']
    expected = total / np.linalg.norm(total, axis=1, keepdims=True)
    assert dequantizer(quantised_ND).detach().numpy() == pytest.approx(expected, abs=1e-5)


def test_an_untrained_one_can_learn(quantised_ND):
    """W2 = 0 must not stop the gradient."""
    dequantizer = Dequantizer(SIZE, 8)
    target = functional.normalize(quantised_ND.roll(1, dims=1), dim=1)
    optimizer = torch.optim.Adam(dequantizer.parameters(), lr=0.02)
    losses = []
    for _ in range(150):
        loss = (dequantizer(quantised_ND) - target).square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize('hidden', [0, 5])
def test_it_is_rebuilt_from_its_tensors(quantised_ND, hidden):
    dequantizer = trained(hidden)
    tensors = {name: value.clone() for name, value in dequantizer.state_dict().items()}
    rebuilt = load_dequantizer(tensors, SIZE)
    assert rebuilt.hidden == hidden
    assert (rebuilt(quantised_ND) == dequantizer(quantised_ND)).all()
    packed = load_dequantizer(unpack_floats(pack_floats(tensors)), SIZE)
    similarity = (packed(quantised_ND) * dequantizer(quantised_ND)).sum(1).detach()
    assert float(similarity.min()) > 0.999
