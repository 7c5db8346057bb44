# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Float tensors as int8 with one scale per row: a quarter of the bytes of fp32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SCALE_SUFFIX = '.scale'


def pack_floats(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    """Quantise tensors symmetrically to int8, one fp16 scale per row of the last axis; vectors stay fp16."""
    packed: dict[str, NDArray[Any]] = {}
    for name, tensor in tensors.items():
        values = tensor.detach().cpu().numpy().astype(np.float32)
        if values.ndim < 2:
            packed[name] = values.astype(np.float16)
            continue
        scale = np.abs(values).max(axis=-1, keepdims=True) / 127
        scale = np.maximum(scale.astype(np.float16), np.float16(1e-6))
        packed[name] = np.clip(np.rint(values / scale.astype(np.float32)), -127, 127).astype(np.int8)
        packed[name + SCALE_SUFFIX] = scale
    return packed


def unpack_floats(packed: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """Undo :func:`pack_floats`, to fp32."""
    result = {}
    for name, values in packed.items():
        if name.endswith(SCALE_SUFFIX):
            continue
        restored = values.astype(np.float32)
        if name + SCALE_SUFFIX in packed:
            restored = restored * packed[name + SCALE_SUFFIX].astype(np.float32)
        result[name] = torch.from_numpy(restored)
    return result
