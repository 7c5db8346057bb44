# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Map files -> :class:`DescriptorDecoder`, for the kinds ``full``, ``pq`` and ``dpqed``.

The kinds differ only in how a shard's bytes become descriptors. Digests tell whether a file is the one that was
written; what is checked here is whether what was written fits together, so that a map of another program or of a later
version is refused in one sentence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from neumap_ros.errors import ConfigError, MapError
from neumap_ros.features.basis import Basis, load_basis
from neumap_ros.localization.decoder import register_decoder
from neumap_ros.localization.descriptor_decoder import DEFAULT_RATIO, DescriptorDecoder, DescriptorTable, QuerySpace
from neumap_ros.maps.coordinates import decode_points
from neumap_ros.maps.storage import StoredMap
from neumap_ros.maps.types import Region, Tensors
from neumap_ros.models.codes import code_bytes, unpack_codes
from neumap_ros.models.dequantizer import Dequantizer, load_dequantizer
from neumap_ros.models.product_quantizer import ProductQuantizer
from neumap_ros.models.storage import unpack_floats


@register_decoder('full')
def load_full(stored: StoredMap) -> DescriptorDecoder:
    """A map of uncompressed descriptors."""
    basis = load_basis(stored.manifest.extractor['name'])
    size = len(basis.mean_D)
    points, descriptors = [], []
    for region, tensors, what in _shards(stored):
        points.append(_tensor(tensors, 'xyz', 'float32', (region.points, 3), what).astype(np.float64))
        half = _tensor(tensors, 'descriptors', 'float16', (region.points, size), what)
        descriptors.append(half.astype(np.float32))
    table = DescriptorTable(np.concatenate(points), torch.from_numpy(np.concatenate(descriptors)), _first(stored))
    return DescriptorDecoder(table, QuerySpace(basis, None), _ratio(stored))


@register_decoder('pq')
def load_pq(stored: StoredMap) -> DescriptorDecoder:
    """A map of plain product-quantised descriptors (k-means codebooks in the extractor's space)."""
    basis = load_basis(stored.manifest.extractor['name'])
    parts = _integer(stored, 'parts')
    if 'codebooks' not in stored.shared_names:
        raise MapError(f"map {stored.folder} has no shared file 'codebooks', expected one; build the map again")
    what = f"the shared file 'codebooks' of map {stored.folder}"
    codebooks = _tensor(stored.load_shared('codebooks'), 'codebooks', 'float16', (None, None, None), what)
    quantizer = _quantizer(torch.from_numpy(codebooks.astype(np.float32)), parts, None, len(basis.mean_D), what)
    points, codes = _points_and_codes(stored, quantizer)
    descriptors = functional.normalize(quantizer.lookup(codes).detach(), dim=1)
    table = DescriptorTable(points, descriptors, _first(stored))
    return DescriptorDecoder(table, QuerySpace(basis, None), _ratio(stored))


@register_decoder('dpqed')
def load_dpqed(stored: StoredMap) -> DescriptorDecoder:
    """A D-PQED map: codes, universal or scene codebooks, scene-specific dequantiser."""
    basis = load_basis(stored.manifest.extractor['name'])
    digest = str(_option(stored, 'basis_sha256'))
    if digest != basis.sha256:
        raise MapError(
            f'map {stored.folder} was built with the basis {digest[:12]}, this installation ships '
            f'{basis.sha256[:12]}; rebuild the map or install the version of neumap_ros that built it'
        )
    parts, centroids = _integer(stored, 'parts'), _integer(stored, 'centroids')
    if (parts, centroids) not in basis.codebooks:
        known = ', '.join(f'{m} of {k}' for m, k in sorted(basis.codebooks))
        raise MapError(
            f'map {stored.folder} has codes of {parts} numbers of {centroids} values, expected one of {known}; '
            'update neumap_ros or rebuild the map'
        )
    quantizer, dequantizer = _dpqed_models(stored, basis, parts, centroids)
    points, codes = _points_and_codes(stored, quantizer)
    with torch.no_grad():
        descriptors = dequantizer(quantizer.lookup(codes))
    table = DescriptorTable(points, descriptors, _first(stored))
    return DescriptorDecoder(table, QuerySpace(basis, parts), _ratio(stored))


def _dpqed_models(stored: StoredMap, basis: Basis, parts: int, centroids: int) -> tuple[ProductQuantizer, Dequantizer]:
    what = f"the shared file 'dpqed' of map {stored.folder}"
    packed = stored.load_shared('dpqed') if 'dpqed' in stored.shared_names else {}
    try:
        shared = unpack_floats(packed)
        codebooks = shared.pop('codebooks', torch.from_numpy(basis.codebooks[parts, centroids]))
        quantizer = _quantizer(codebooks, parts, centroids, basis.size, what)
        return quantizer, load_dequantizer(shared, basis.size)
    except (RuntimeError, ValueError):  # shapes, or names, that do not fit: torch lists them on many lines
        shapes = ', '.join(f'{name} {tensor.shape}' for name, tensor in packed.items())
        raise MapError(
            f'{what} holds {shapes}, expected codebooks and a dequantiser for vectors of {basis.size} numbers; '
            'build the map again'
        ) from None


def _quantizer(codebooks_MKS: Tensor, parts: int, centroids: int | None, size: int, what: str) -> ProductQuantizer:
    """The quantiser of a map's codebooks; None stands for any number of centroids."""
    shape = tuple(codebooks_MKS.shape)
    if len(shape) != 3 or shape[0] != parts or centroids not in (None, shape[1]) or shape[0] * shape[2] != size:
        raise MapError(
            f'{what} holds codebooks of shape {shape}, expected {parts} parts of {centroids or "any number of"} '
            f'centroids of {size // parts} numbers; build the map again'
        )
    try:
        return ProductQuantizer(codebooks_MKS)
    except ConfigError as error:
        raise MapError(f'{what} is unusable: {error}; build the map again') from None


def _points_and_codes(stored: StoredMap, quantizer: ProductQuantizer) -> tuple[NDArray[np.float64], Tensor]:
    bits = _integer(stored, 'coordinate_bits')
    width = code_bytes(quantizer.parts, quantizer.centroids)
    points, codes = [], []
    for region, tensors, what in _shards(stored):
        packed = _tensor(tensors, 'xyz', 'uint8', (None,), what)
        points.append(decode_points(packed, region.points, bits, region.box_min_3, region.box_max_3))
        stored_codes = _tensor(tensors, 'codes', 'uint8', (region.points, width), what)
        codes.append(unpack_codes(stored_codes, quantizer.parts, quantizer.centroids, what))
    return np.concatenate(points), torch.from_numpy(np.concatenate(codes))


def _shards(stored: StoredMap) -> list[tuple[Region, Tensors, str]]:
    """(region, its tensors, what to call them in an error) of every region."""
    return [
        (region, stored.load_shard(region.id).tensors, f'region {region.id} of map {stored.folder}')
        for region in stored.manifest.regions
    ]


def _first(stored: StoredMap) -> NDArray[np.int64]:
    return np.cumsum([0, *(region.points for region in stored.manifest.regions)]).astype(np.int64)


def _tensor(tensors: Tensors, name: str, dtype: str, shape: tuple[int | None, ...], what: str) -> NDArray[Any]:
    """A tensor that must be there; None in the shape stands for any length."""
    wanted = f'{dtype} ({", ".join("any" if n is None else str(n) for n in shape)})'
    if name not in tensors:
        raise MapError(f'{what} has no tensor {name!r}, expected {wanted}; build the map again')
    tensor = tensors[name]
    fits = tensor.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, tensor.shape, strict=True))
    if tensor.dtype.name != dtype or not fits:
        raise MapError(
            f'{what} holds the tensor {name!r} as {tensor.dtype} {tensor.shape}, expected {wanted}; build the map again'
        )
    return tensor


def _option(stored: StoredMap, key: str) -> Any:
    """A value of the manifest's section on the decoder."""
    if key not in stored.manifest.decoder:
        raise MapError(
            f'map {stored.folder} does not say its {key}, expected it in the section "decoder" of the manifest; '
            'build the map again'
        )
    return stored.manifest.decoder[key]


def _integer(stored: StoredMap, key: str) -> int:
    value = _option(stored, key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise MapError(f'map {stored.folder} has {key} = {value!r}, expected a positive number; build the map again')
    return value


def _ratio(stored: StoredMap) -> float:
    value = stored.manifest.decoder.get('ratio', DEFAULT_RATIO)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MapError(f'map {stored.folder} has ratio = {value!r}, expected a number; build the map again')
    return float(value)
