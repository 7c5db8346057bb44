# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Single files that appear complete or not at all."""

from __future__ import annotations

import uuid
from pathlib import Path

from neumap_ros.errors import ConfigError


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that appears complete or not at all; its folder is created.

    Raises:
        ConfigError: it cannot be written.
    """
    partial = path.with_name(f'.{path.name}.{uuid.uuid4().hex[:8]}')
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(data)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f'{path} cannot be written ({error.strerror or error}), expected a folder with free space and write '
            'permission; choose another one'
        ) from None
