# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neumap_ros.models.storage import pack_floats, unpack_floats


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 40), st.floats(-2, 4))
def test_the_error_is_at_most_half_a_step_of_its_row(seed, rows, columns, exponent):
    values = torch.from_numpy(np.random.default_rng(seed).normal(size=(rows, columns)) * 10**exponent).float()
    restored = unpack_floats(pack_floats({'w': values}))['w']
    step = values.abs().amax(dim=1, keepdim=True) / 127
    # fp16 rounds the step itself by up to 1/2048, which 127 steps add up.
    assert ((restored - values).abs() <= step * (0.5 + 127 / 2048)).all()
    assert restored.dtype == torch.float32


def test_the_bytes_are_one_a_number_and_two_a_row():
    packed = pack_floats({'w': torch.randn(64, 48), 'c': torch.randn(4, 16, 8), 'b': torch.randn(48)})
    sizes = {name: array.nbytes for name, array in packed.items()}
    assert sizes == {'w': 64 * 48, 'w.scale': 64 * 2, 'c': 4 * 16 * 8, 'c.scale': 4 * 16 * 2, 'b': 48 * 2}


def test_vectors_keep_half_precision():
    bias = torch.tensor([0.1, -3.0, 1000.0])
    restored = unpack_floats(pack_floats({'b': bias}))['b']
    assert restored.numpy() == pytest.approx(bias.numpy(), rel=1e-3)


def test_rows_do_not_share_a_scale():
    values = torch.tensor([[100.0, -100.0], [0.01, -0.01]])
    restored = unpack_floats(pack_floats({'w': values}))['w']
    assert restored.numpy() == pytest.approx(values.numpy(), rel=0.01)


def test_zeros_and_shapes_come_back():
    for shape in ((3, 4), (2, 3, 4), (5,)):
        restored = unpack_floats(pack_floats({'w': torch.zeros(shape)}))
        assert list(restored) == ['w']
        assert restored['w'].shape == shape
        assert not restored['w'].any()


def test_packing_twice_changes_nothing():
    once = pack_floats({'w': torch.randn(6, 20, generator=torch.Generator().manual_seed(1), requires_grad=True)})
    twice = pack_floats(unpack_floats(once))
    for name, array in once.items():
        assert array == pytest.approx(twice[name], rel=1e-3), name
