# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The scene-specific dequantiser of D-PQED: a two-layer MLP from concatenated centroids back to descriptors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Dequantizer(nn.Module):
    """``x_hat = normalise(z + W2 gelu(W1 z + b1) + b2)``.

    The residual path makes an untrained dequantiser (W2 = 0) plain product quantisation, so that a small hidden layer
    never starts worse than none.

    Args:
        size: D, length of a descriptor.
        hidden: width of the hidden layer; 0 means no MLP at all, only the normalisation.
        generator: source of randomness of the first weights; only a dequantiser that is trained needs it.
    """

    def __init__(self, size: int, hidden: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.hidden = hidden
        if hidden:
            self.expand = nn.Linear(size, hidden)
            self.contract = nn.Linear(hidden, size)
            if generator is not None:  # as nn.Linear does it, but the same scene gives the same map
                with torch.no_grad():
                    self.expand.weight.uniform_(-(size**-0.5), size**-0.5, generator=generator)
                    self.expand.bias.uniform_(-(size**-0.5), size**-0.5, generator=generator)
            nn.init.zeros_(self.contract.weight)
            nn.init.zeros_(self.contract.bias)

    def forward(self, quantised_ND: Tensor) -> Tensor:
        """Unit descriptors (N, D) of quantised vectors (N, D)."""
        restored = quantised_ND
        if self.hidden:
            restored = restored + self.contract(functional.gelu(self.expand(quantised_ND)))
        return functional.normalize(restored, dim=1)


def load_dequantizer(tensors: dict[str, Tensor], size: int) -> Dequantizer:
    """Rebuild a dequantiser from the tensors of its ``state_dict``; none at all means hidden = 0."""
    hidden = int(tensors['expand.weight'].shape[0]) if 'expand.weight' in tensors else 0
    dequantizer = Dequantizer(size, hidden)
    dequantizer.load_state_dict({name: torch.as_tensor(value).float() for name, value in tensors.items()})
    return dequantizer.eval()
