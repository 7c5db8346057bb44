# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Extractors whose weights are a file of the user's: opened by path, recognised by sha256.

A map records the extractor and the digest of its weights, never their path: on another machine they lie elsewhere.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from neumap_ros.errors import ConfigError, MapError
from neumap_ros.features.base import Extractor, ExtractorInfo, create_extractor, extractor_factory, extractor_names
from neumap_ros.features.basis import Basis, load_basis, ships_basis
from neumap_ros.features.generic_basis import generic_basis

HOW_TO_GIVE = 'give it with --extractor-weights FILE (nodes: parameter extractor_weights)'

_WeightsPath = str | Path | None


def basis_of(extractor: ExtractorInfo | Mapping[str, Any]) -> Basis:
    """The basis of an extractor: the one that ships for its weights, otherwise the generic one for its descriptor size.

    Args:
        extractor: what describes it, as :class:`ExtractorInfo` or as a map's manifest has it.

    Raises:
        ConfigError: the basis that ships is unreadable.
        MapError: the manifest names no descriptor size.
    """
    fields = extractor if isinstance(extractor, Mapping) else vars(extractor)
    name, size = fields.get('name'), fields.get('descriptor_size')
    if isinstance(name, str) and ships_basis(name) and fields.get('weights_sha256', '') in ('', _shipped_digest(name)):
        return load_basis(name)
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= 4096:
        raise MapError(
            f'the extractor {name!r} has descriptor_size = {size!r}, expected a number from 1 to 4096; build the map '
            'again'
        )
    return generic_basis(size)


@cache
def _shipped_digest(name: str) -> str:
    """The sha256 of the weights that ship for an extractor, empty if none do; a basis fits these weights only."""
    try:
        data = (resources.files('neumap_ros') / 'weights' / f'{name}.safetensors').read_bytes()
    except OSError:
        return ''
    return hashlib.sha256(data).hexdigest()


def takes_weights(name: str) -> bool:
    """Whether an extractor takes a file of weights."""
    return 'path' in inspect.signature(extractor_factory(name)).parameters


def read_weights(path: str | Path, what: str) -> tuple[bytes, str]:
    """A file of weights and its sha256 in hex.

    Args:
        path: of the file; ``~`` is the home folder.
        what: whose weights, for the error.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        data = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise ConfigError(
            f'the weights {path} of {what} cannot be read ({error.strerror or error}), expected a file; check the path'
        ) from None
    return data, hashlib.sha256(data).hexdigest()


def open_extractor(name: str, weights: _WeightsPath = None, **options: Any) -> Extractor:
    """Create an extractor, with the weights that the user named.

    Args:
        name: registry name.
        weights: file of its weights; empty or None: those that ship.
        options: of the extractor.

    Raises:
        ConfigError: unknown name, weights for an extractor that has none, or unusable weights.
    """
    if not weights:
        return create_extractor(name, **options)
    if not takes_weights(name):
        takers = ', '.join(other for other in extractor_names() if takes_weights(other))
        raise ConfigError(
            f'the extractor {name} takes no weights, got {weights}; leave them out, or choose one that does: {takers}'
        )
    return create_extractor(name, path=weights, **options)


def extractor_of_map(wanted: Mapping[str, Any], weights: _WeightsPath, map_name: str) -> Extractor:
    """The extractor that a map was built with.

    Args:
        wanted: the section ``extractor`` of the manifest.
        weights: file of weights that the user named; ignored where the extractor has none, so that a robot may
            switch between maps of several extractors.
        map_name: what to call the map in an error.

    Raises:
        MapError: this version does not have the extractor, or the weights are others than the map's.
        ConfigError: the weights cannot be read.
    """
    name, digest = str(wanted.get('name')), str(wanted.get('weights_sha256') or '')
    if name not in extractor_names():
        raise MapError(
            f'map {map_name} was built with the extractor {name!r}, this version has '
            f'{", ".join(extractor_names())}; update neumap_ros or rebuild the map'
        )
    if not takes_weights(name):
        return create_extractor(name)
    if not weights:
        try:
            return create_extractor(name)
        except ConfigError as error:
            raise MapError(
                f'map {map_name} was built with the extractor {name} and weights of sha256 {digest[:12]}, which are '
                f'needed here too: {error}'
            ) from None
    _, given = read_weights(weights, f'the extractor {name}')
    if given == digest:
        return create_extractor(name, path=weights)
    shipped = _shipped(name)
    if shipped is not None and shipped.info.weights_sha256 == digest:
        return shipped
    raise MapError(
        f'map {map_name} was built with the weights {digest[:12]} of the extractor {name}, {weights} has '
        f'{given[:12]}; give the file that the map was built with, or rebuild the map'
    )


def _shipped(name: str) -> Extractor | None:
    try:
        return create_extractor(name)
    except ConfigError:
        return None
