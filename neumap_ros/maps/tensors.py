# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tensors as safetensors bytes: the same bytes for the same tensors, and nothing that executes on load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from neumap_ros.errors import MapError
from neumap_ros.maps.types import Tensors

# No bfloat16 and no complex numbers: numpy or the map kinds do not know them.
DTYPES = frozenset(
    ['bool', 'float16', 'float32', 'float64', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64']
)


def serialize_tensors(tensors: Mapping[str, NDArray[Any]], what: str) -> bytes:
    """Turn tensors into safetensors bytes.

    Args:
        tensors: arrays by name.
        what: what to call them in an error.

    Raises:
        MapError: a dtype that maps do not hold, or NaN or infinity.
    """
    plain: Tensors = {}
    for name in sorted(tensors):
        array = np.asarray(tensors[name])
        if array.dtype.name not in DTYPES:
            raise MapError(f'tensor {name!r} of {what} has dtype {array.dtype}, expected one of {sorted(DTYPES)}')
        if array.dtype.kind == 'f' and not np.isfinite(array).all():
            raise MapError(f'tensor {name!r} of {what} contains NaN or infinity, expected finite numbers only')
        plain[name] = np.asarray(array, dtype=array.dtype.newbyteorder('<'), order='C')
    return safetensors.numpy.save(plain)


def deserialize_tensors(data: bytes, what: str) -> Tensors:
    """Read safetensors bytes; the arrays may be views of ``data`` and read-only.

    Raises:
        MapError: not safetensors, or a dtype that maps do not hold.
    """
    try:
        return safetensors.numpy.load(data)
    except KeyError as error:
        raise MapError(f'{what} holds a tensor of dtype {error}, expected one of {sorted(DTYPES)}') from None
    except (safetensors.SafetensorError, ValueError, TypeError) as error:
        raise MapError(f'{what} is not a safetensors file ({error}); build the map again') from None
