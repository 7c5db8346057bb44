# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Map files -> :class:`DescriptorDecoder`, for the kinds ``full``, ``pq`` and ``dpqed``.

The kinds differ only in how a shard's bytes become descriptors. Digests tell whether a file is the one that was
written; what is checked here is whether what was written fits together, so that a map of another program or of a later
version is refused in one sentence. Regions that are not resident have no points.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from neumap_ros.errors import ConfigError, MapError
from neumap_ros.features.basis import Basis
from neumap_ros.features.weights import basis_of
from neumap_ros.localization.decoder import Decoder, register_kind
from neumap_ros.localization.descriptor_decoder import DEFAULT_RATIO, DescriptorDecoder, DescriptorTable, QuerySpace
from neumap_ros.localization.retrieval import read_retrieval
from neumap_ros.maps.coordinates import decode_points
from neumap_ros.maps.types import ReadableMap, Region, Tensors
from neumap_ros.models.codes import code_bytes, unpack_codes
from neumap_ros.models.dequantizer import Dequantizer, load_dequantizer
from neumap_ros.models.product_quantizer import ProductQuantizer
from neumap_ros.models.storage import unpack_floats


@dataclass(frozen=True)
class ShardReader:
    """How the shards of one map are read, with the models they need loaded.

    Attributes:
        space: in which the descriptors are compared with queries.
        decode: region, its tensors, what to call them in an error -> points (P, 3), unit descriptors (P, C).
    """

    space: QuerySpace
    decode: Callable[[Region, Tensors, str], tuple[NDArray[np.float64], Tensor]]


class DescriptorKind:
    """A map kind whose shards hold points with descriptors; see :class:`neumap_ros.localization.decoder.MapKind`.

    Args:
        open_reader: loads what a map's regions share.
    """

    def __init__(self, open_reader: Callable[[ReadableMap], ShardReader]) -> None:
        self._open_reader = open_reader

    def load(self, stored: ReadableMap, reuse: Decoder | None = None) -> DescriptorDecoder:
        """See :class:`neumap_ros.localization.decoder.MapKind`."""
        reader = self._open_reader(stored)
        counts_RW = read_retrieval(stored, reader.space.vocabulary_sha256)
        old = reuse.table if isinstance(reuse, DescriptorDecoder) else None
        rows_of = {} if old is None else {key: row for row, key in enumerate(old.keys) if key is not None}
        keys = _keys(stored)
        points, descriptors = [np.zeros((0, 3))], [torch.zeros(0, reader.space.size)]
        first = [0]
        for region, key in zip(stored.manifest.regions, keys, strict=True):
            if key is not None:
                if old is not None and key in rows_of:
                    row = rows_of[key]
                    part = slice(int(old.first_R1[row]), int(old.first_R1[row + 1]))
                    points_N3, descriptors_NC = old.points_P3[part], old.descriptors_PC[part]
                else:
                    points_N3, descriptors_NC = _decode(stored, region, reader)
                points.append(points_N3)
                descriptors.append(descriptors_NC)
            first.append(first[-1] + (region.points if key is not None else 0))
        table = DescriptorTable(np.concatenate(points), torch.cat(descriptors), np.array(first, np.int64), keys)
        return DescriptorDecoder(table, reader.space, _ratio(stored), counts_RW)

    def count_words(self, stored: ReadableMap) -> Iterator[NDArray[np.int64]]:
        """See :class:`neumap_ros.localization.decoder.MapKind`."""
        reader = self._open_reader(stored)
        for region in stored.manifest.regions:
            yield reader.space.count_words(_decode(stored, region, reader)[1])

    def vocabulary_sha256(self, stored: ReadableMap) -> str:
        """See :class:`neumap_ros.localization.decoder.MapKind`."""
        return basis_of(stored.manifest.extractor).sha256


def _decode(stored: ReadableMap, region: Region, reader: ShardReader) -> tuple[NDArray[np.float64], Tensor]:
    # Region by region wherever it is done: a product of other rows may differ in its last bit.
    what = f'region {region.id} of map {stored.name}'
    return reader.decode(region, stored.load_shard(region.id).tensors, what)


def _keys(stored: ReadableMap) -> tuple[Hashable, ...]:
    """For each region all that its decoded rows depend on, None where it is not resident."""
    manifest = stored.manifest
    digests = {file.path: file.sha256 for file in manifest.files}
    shared = tuple(sorted((path, digest) for path, digest in digests.items() if path.startswith('shared/')))
    common = (manifest.kind, json.dumps([manifest.extractor, manifest.decoder], sort_keys=True), shared)
    resident = stored.resident
    return tuple(
        (*common, digests[r.shard], r.box_min_3, r.box_max_3, r.points) if r.id in resident else None
        for r in manifest.regions
    )


def open_full(stored: ReadableMap) -> ShardReader:
    """Shards of uncompressed descriptors."""
    basis = basis_of(stored.manifest.extractor)
    size = len(basis.mean_D)

    def decode(region: Region, tensors: Tensors, what: str) -> tuple[NDArray[np.float64], Tensor]:
        points = _tensor(tensors, 'xyz', 'float32', (region.points, 3), what).astype(np.float64)
        half = _tensor(tensors, 'descriptors', 'float16', (region.points, size), what)
        return points, torch.from_numpy(half.astype(np.float32))

    return ShardReader(QuerySpace(basis, None), decode)


def open_pq(stored: ReadableMap) -> ShardReader:
    """Shards of plain product-quantised descriptors (k-means codebooks in the extractor's space)."""
    basis = basis_of(stored.manifest.extractor)
    parts = _integer(stored, 'parts')
    if 'codebooks' not in stored.shared_names:
        raise MapError(f"map {stored.name} has no shared file 'codebooks', expected one; build the map again")
    what = f"the shared file 'codebooks' of map {stored.name}"
    codebooks = _tensor(stored.load_shared('codebooks'), 'codebooks', 'float16', (None, None, None), what)
    quantizer = _quantizer(torch.from_numpy(codebooks.astype(np.float32)), parts, None, len(basis.mean_D), what)
    bits = _integer(stored, 'coordinate_bits')

    def decode(region: Region, tensors: Tensors, what: str) -> tuple[NDArray[np.float64], Tensor]:
        points, codes = _points_and_codes(region, tensors, quantizer, bits, what)
        return points, functional.normalize(quantizer.lookup(codes).detach(), dim=1)

    return ShardReader(QuerySpace(basis, None), decode)


def open_dpqed(stored: ReadableMap) -> ShardReader:
    """Shards of D-PQED: codes, universal or scene codebooks, scene-specific dequantiser."""
    basis = basis_of(stored.manifest.extractor)
    digest = str(_option(stored, 'basis_sha256'))
    if digest != basis.sha256:
        raise MapError(
            f'map {stored.name} was built with the basis {digest[:12]}, this installation ships '
            f'{basis.sha256[:12]}; rebuild the map or install the version of neumap_ros that built it'
        )
    parts, centroids = _integer(stored, 'parts'), _integer(stored, 'centroids')
    if parts not in basis.rotations or (basis.codebooks and (parts, centroids) not in basis.codebooks):
        known = ', '.join(f'{m} of {k}' for m, k in sorted(basis.codebooks) or [(m, 256) for m in basis.rotations])
        raise MapError(
            f'map {stored.name} has codes of {parts} numbers of {centroids} values, expected one of {known}; '
            'update neumap_ros or rebuild the map'
        )
    quantizer, dequantizer = _dpqed_models(stored, basis, parts, centroids)
    bits = _integer(stored, 'coordinate_bits')

    def decode(region: Region, tensors: Tensors, what: str) -> tuple[NDArray[np.float64], Tensor]:
        points, codes = _points_and_codes(region, tensors, quantizer, bits, what)
        with torch.no_grad():
            return points, dequantizer(quantizer.lookup(codes))

    return ShardReader(QuerySpace(basis, parts), decode)


register_kind('full', DescriptorKind(open_full))
register_kind('pq', DescriptorKind(open_pq))
register_kind('dpqed', DescriptorKind(open_dpqed))


def _dpqed_models(
    stored: ReadableMap, basis: Basis, parts: int, centroids: int
) -> tuple[ProductQuantizer, Dequantizer]:
    what = f"the shared file 'dpqed' of map {stored.name}"
    packed = stored.load_shared('dpqed') if 'dpqed' in stored.shared_names else {}
    try:
        shared = unpack_floats(packed)
        if (parts, centroids) in basis.codebooks:
            shared.setdefault('codebooks', torch.from_numpy(basis.codebooks[parts, centroids]))
        if 'codebooks' not in shared:
            raise MapError(
                f'{what} has no codebooks, expected them: none ship for the extractor '
                f'{stored.manifest.extractor["name"]!r}; build the map again'
            )
        codebooks = shared.pop('codebooks')
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


def _points_and_codes(
    region: Region, tensors: Tensors, quantizer: ProductQuantizer, bits: int, what: str
) -> tuple[NDArray[np.float64], Tensor]:
    packed = _tensor(tensors, 'xyz', 'uint8', (None,), what)
    points_N3 = decode_points(packed, region.points, bits, region.box_min_3, region.box_max_3)
    stored_codes = _tensor(
        tensors, 'codes', 'uint8', (region.points, code_bytes(quantizer.parts, quantizer.centroids)), what
    )
    return points_N3, torch.from_numpy(unpack_codes(stored_codes, quantizer.parts, quantizer.centroids, what))


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


def _option(stored: ReadableMap, key: str) -> Any:
    """A value of the manifest's section on the decoder."""
    if key not in stored.manifest.decoder:
        raise MapError(
            f'map {stored.name} does not say its {key}, expected it in the section "decoder" of the manifest; '
            'build the map again'
        )
    return stored.manifest.decoder[key]


def _integer(stored: ReadableMap, key: str) -> int:
    value = _option(stored, key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise MapError(f'map {stored.name} has {key} = {value!r}, expected a positive number; build the map again')
    return value


def _ratio(stored: ReadableMap) -> float:
    value = stored.manifest.decoder.get('ratio', DEFAULT_RATIO)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise MapError(f'map {stored.name} has ratio = {value!r}, expected a number; build the map again')
    return float(value)
