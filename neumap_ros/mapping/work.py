# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The folder in which a build keeps what it has finished, so that an interrupted build resumes."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from neumap_ros.errors import MapError
from neumap_ros.maps.tensors import deserialize_tensors, serialize_tensors

Tensors = Mapping[str, NDArray[Any]]


class WorkFolder:
    """Intermediate results beside the map, ``.<map>.build/``; removed when the map is complete.

    Results are kept under a key that names everything they depend on, so that another source or other settings never
    see them.

    Args:
        out: the map that is being built.
        key: anything JSON can express that the results depend on.
    """

    def __init__(self, out: Path, key: Any) -> None:
        digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:16]
        self._root = out.parent / f'.{out.name}.build'
        self.path = self._root / digest
        if self._root.exists() and not self.path.exists():
            shutil.rmtree(self._root, ignore_errors=True)  # left by a build of something else

    def load(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Tensors that an earlier run saved, or None; a damaged file counts as absent."""
        try:
            return dict(deserialize_tensors((self.path / f'{name}.safetensors').read_bytes(), name))
        except (OSError, MapError):
            return None

    def save(self, name: str, tensors: Tensors) -> None:
        """Save tensors so that a kill in between leaves no half file.

        Raises:
            MapError: the disk is full or not writable.
        """
        target = self.path / f'{name}.safetensors'
        partial = target.with_suffix('.partial')
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(serialize_tensors(tensors, name))
            partial.replace(target)
        except OSError as error:
            raise MapError(
                f'cannot save intermediate results in {self._root} ({error.strerror or error}), expected a writable '
                'folder with room; free some space or choose another --out'
            ) from None

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self._root, ignore_errors=True)
