# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ROS parameter files and ``name:=value``, read without ROS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from neumap_ros.errors import ConfigError

_PARAMETERS = 'ros__parameters'


def read_params_file(path: Path, node: str) -> dict[str, Any]:
    """Read what a parameter file says about a node: dotted names and values.

    Sections of other nodes are passed over; of several that fit, the last one counts, as in ROS.

    Args:
        path: YAML file as ``ros2 param dump`` and ``--params-file`` have it.
        node: name of the node without its namespace.

    Raises:
        ConfigError: no file, no YAML, or another layout.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, 'strerror', None) or 'not UTF-8 text'
        raise ConfigError(f'the parameter file {path} cannot be read ({reason}); check the path') from None
    except yaml.YAMLError as error:
        mark = getattr(error, 'problem_mark', None)
        line = f' at line {mark.line + 1}' if mark else ''
        raise ConfigError(f'the parameter file {path} is not valid YAML{line}; correct that line') from None
    if not isinstance(data, dict):
        raise ConfigError(
            f'the parameter file {path} holds no sections, expected "{node}:" with "{_PARAMETERS}:" below it'
        )
    found: dict[str, Any] = {}
    for key, section in _sections(data, '', path):
        if _fits(key, node):
            _flatten(section, '', found)
    return found


def parse_assignments(texts: Sequence[str]) -> dict[str, Any]:
    """Read ``name:=value`` each, values as in YAML.

    Raises:
        ConfigError: not of that form.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, mark, value = text.partition(':=')
        if not (name and mark):
            raise ConfigError(f'-p is {text!r}, expected name:=value such as frames.base:=base_footprint')
        try:
            values[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ConfigError(f'-p is {text!r}, whose value is not valid YAML') from None
    return values


def _sections(data: Mapping[Any, Any], prefix: str, path: Path) -> list[tuple[str, Mapping[Any, Any]]]:
    """Give (full name with wildcards, parameters) of every section; namespaces may be nested."""
    sections: list[tuple[str, Mapping[Any, Any]]] = []
    for key, value in data.items():
        if not isinstance(value, dict):
            raise ConfigError(
                f'the parameter file {path} has {key!r} where a node is expected, whose "{_PARAMETERS}:" holds the '
                'parameters'
            )
        name = f'{prefix}/{str(key).strip("/")}'
        if _PARAMETERS in value:
            parameters = value[_PARAMETERS]
            if parameters is not None and not isinstance(parameters, dict):
                raise ConfigError(f'the parameter file {path}: "{_PARAMETERS}:" of {key!r} holds no names with values')
            sections.append((name, parameters or {}))
        else:
            sections += _sections(value, name, path)
    return sections


def _fits(key: str, node: str) -> bool:
    """Whether a section is of a node, in whatever namespace: there is none where nothing runs."""
    return fnmatchcase(node, key.rsplit('/', 1)[-1].replace('**', '*'))


def _flatten(section: Mapping[Any, Any], prefix: str, out: dict[str, Any]) -> None:
    for key, value in section.items():
        if isinstance(value, dict):
            _flatten(value, f'{prefix}{key}.', out)
        else:
            out[f'{prefix}{key}'] = value
