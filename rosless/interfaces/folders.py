# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Folders with the definitions of a package's own messages and services.

A folder belongs to a package if it has `msg/*.msg` or `srv/*.srv` and

* it was named by `add_folder`,
* it is the folder from which the Python package of that name is imported, or
* it is the parent of that folder and its `package.xml` has that name: a checkout of a ROS package, or
* it is `share/<package>` below the prefix of this Python, where wheels can put it, as colcon does.

The Python package may consist of nothing else, so any folder on `sys.path` works; only its `package.xml` tells then.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

from rosless.interfaces.definitions import InterfaceError

_added: dict[str, Path] = {}
_NAME = re.compile(r'<name>\s*([\w-]+)\s*</name>')


def add_folder(package: str, folder: Path | str) -> None:
    """Say where the definitions of a package are.

    Args:
        package: Its name.
        folder: Has the folders `msg` or `srv` or both.

    Raises:
        InterfaceError: It has neither.
    """
    folder = Path(folder)
    if not _has_definitions(folder):
        raise InterfaceError(f'{folder} has no definitions of {package}; expected msg/*.msg or srv/*.srv in it')
    _added[package] = folder


def find(package: str) -> Path | None:
    """The folder with a package's definitions, None if it has none."""
    if package in _added:
        return _added[package]
    for location in map(Path, _locations(package)):
        if _has_definitions(location):
            return location
        if _has_definitions(location.parent) and _package_name(location.parent) == package:
            return location.parent
    shared = Path(sys.prefix) / 'share' / package
    return shared if _has_definitions(shared) else None


def names(package: str, kind: str) -> list[str]:
    """The short names of a package's messages (kind `msg`) or services (`srv`)."""
    folder = find(package)
    return sorted(path.stem for path in (folder / kind).glob(f'*.{kind}')) if folder else []


def read(name: str) -> tuple[str, Path] | None:
    """The text of a definition (`package/msg/Name`) and its file, None if there is none."""
    package, kind, short = name.split('/')
    folder = find(package)
    path = folder / kind / f'{short}.{kind}' if folder else None
    if path is None or not path.is_file():
        return None
    return path.read_text(encoding='utf-8'), path


def _locations(package: str) -> list[str]:
    module = sys.modules.get(package)
    if module is not None:
        return list(getattr(module, '__path__', []))
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return []
    return list(spec.submodule_search_locations or []) if spec else []


def _has_definitions(folder: Path) -> bool:
    return any(next((folder / kind).glob(f'*.{kind}'), None) for kind in ('msg', 'srv'))


def _package_name(folder: Path) -> str | None:
    try:
        match = _NAME.search((folder / 'package.xml').read_text(encoding='utf-8'))
    except OSError:
        return None
    return match[1] if match else None
