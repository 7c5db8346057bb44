# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Finds the packages of ROS 2: those in `rosless/ros` under their own names, and message packages."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from rosless import interfaces

_ROS = Path(__file__).parent / 'ros'
_KINDS = ('msg', 'srv')


class Finder(importlib.abc.MetaPathFinder):
    """Finds nothing but ROS packages; everything else is left to the finders after it."""

    def __init__(self) -> None:
        self._packages = {path.parent.name: path for path in _ROS.glob('*/__init__.py')}
        self._interface_packages = interfaces.packages()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        package, _, rest = fullname.partition('.')
        if not rest:
            if init := self._packages.get(package):
                return importlib.util.spec_from_file_location(fullname, init)
            if package in self._interface_packages:
                return importlib.machinery.ModuleSpec(fullname, _EmptyLoader(), is_package=True)
            return None
        if rest not in _KINDS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.origin is not None:
            return None  # Python code of that name; a folder of definitions has no origin.
        if not interfaces.names(package, rest):
            return None
        return importlib.machinery.ModuleSpec(fullname, _InterfaceLoader(package, rest))


class _EmptyLoader(importlib.abc.Loader):
    def exec_module(self, module: ModuleType) -> None:
        """A package that has only messages has nothing of its own."""


class _InterfaceLoader(importlib.abc.Loader):
    """Makes a module whose attributes are message or service classes, built when they are first asked for."""

    def __init__(self, package: str, kind: str) -> None:
        self._package, self._kind = package, kind

    def exec_module(self, module: ModuleType) -> None:
        package, kind = self._package, self._kind
        names = interfaces.names(package, kind)
        parts = [f'{name}_{part}' for name in names for part in ('Request', 'Response')] if kind == 'srv' else []

        def get_attribute(name: str) -> Any:
            if name not in names and name not in parts:
                raise AttributeError(f'module {module.__name__!r} has no attribute {name!r}')
            cls = interfaces.load(f'{package}/{kind}/{name}')
            setattr(module, name, cls)
            return cls

        module.__all__ = names  # type: ignore[attr-defined]
        module.__getattr__ = get_attribute  # type: ignore[method-assign]
        module.__dir__ = lambda: names  # type: ignore[method-assign]
