# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Localizer settings from a YAML file, read strictly; ``config/core.yaml`` explains every key."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

import yaml

from neumap_ros.errors import ConfigError
from neumap_ros.localization.localizer import LocalizerSettings

S = TypeVar('S')

# Smallest and largest sensible value of every number, bounds included.
RANGES: dict[str, tuple[float, float]] = {
    'math_threads': (1, 256),
    'max_keypoints': (10, 100_000),
    'points_per_attempt': (100, 10_000_000),
    'points_near_prior': (100, 10_000_000),
    'points_guided': (100, 10_000_000),
    'max_attempts': (1, 1000),
    'alternatives': (1, 20),
    'guided_radius_px': (0.5, 500),
    'solver.max_error_px': (0.1, 500),
    'solver.max_trials': (1, 10_000_000),
    'solver.confidence': (0.5, 0.9999999),
    'solver.seed': (0, 2**31 - 1),
    'gate.min_inliers': (4, 100_000),
    'gate.min_guided_inliers': (4, 100_000),
    'gate.min_surplus': (0, 1000),
    'gate.min_confidence': (0, 1),
    'gate.max_relative_sigma': (1e-6, 100),
    'gate.max_rotation_sigma_deg': (1e-6, 180),
    'gate.min_coverage': (0, 1),
}


# Settings that are true or false.
SWITCHES = ('keep_memory',)
# Settings that are any text.
FREE_TEXT = ('extractor_weights',)
# Values of settings that are words.
CHOICES: dict[str, tuple[str, ...]] = {'solver.method': ('poselib', 'pycolmap')}


def load_settings(path: Path) -> LocalizerSettings:
    """Read settings; what the file leaves out keeps its default.

    Raises:
        ConfigError: no file, no YAML, an unknown key, a value of another type or out of range.
    """
    try:
        text = Path(path).read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, 'strerror', None) or 'not UTF-8 text'
        raise ConfigError(f'settings {path} cannot be read ({reason}), expected a YAML file; check the path') from None
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, 'problem_mark', None)
        line = f' at line {mark.line + 1}' if mark else ''
        raise ConfigError(f'settings {path} are not valid YAML{line}; correct that line') from None
    return _section(LocalizerSettings(), {} if data is None else data, '', f'settings {path}')


def _section(default: S, data: Any, prefix: str, where: str) -> S:
    """A copy of a dataclass with the values of a mapping."""
    what = f'section {prefix[:-1]!r}' if prefix else 'the file'
    if not isinstance(data, dict):
        raise ConfigError(f'{where}: {what} holds a {type(data).__name__}, expected keys with values')
    known = {field.name: getattr(default, field.name) for field in dataclasses.fields(default)}  # type: ignore[arg-type]
    hints = get_type_hints(type(default))
    changes: dict[str, Any] = {}
    for key, value in data.items():
        if key not in known:
            raise ConfigError(f'{where}: {what} has no key {key!r}, expected one of {", ".join(sorted(known))}')
        name = f'{prefix}{key}'
        if dataclasses.is_dataclass(known[key]):
            changes[key] = _section(known[key], value, f'{name}.', where)
        elif get_origin(hints[key]) is tuple:
            if not isinstance(value, list):
                raise ConfigError(f'{where}: {name} is {value!r}, expected a list of numbers such as [16.0, 10.0]')
            changes[key] = tuple(_number(item, float, name, where) for item in value)
        elif hints[key] is bool:
            if not isinstance(value, bool):
                raise ConfigError(f'{where}: {name} is {value!r}, expected true or false')
            changes[key] = value
        elif hints[key] is str:
            if name in FREE_TEXT:
                if not isinstance(value, str):
                    raise ConfigError(f'{where}: {name} is {value!r}, expected text')
            elif value not in CHOICES[name]:
                raise ConfigError(f'{where}: {name} is {value!r}, expected one of {", ".join(CHOICES[name])}')
            changes[key] = value
        else:
            changes[key] = _number(value, hints[key], name, where)
    return dataclasses.replace(default, **changes)  # type: ignore[type-var]


def _number(value: Any, kind: type, name: str, where: str) -> float | int:
    low, high = RANGES[name]
    wanted = 'a whole number' if kind is int else 'a number'
    right_type = isinstance(value, int) if kind is int else isinstance(value, (int, float))
    if isinstance(value, bool) or not right_type or not math.isfinite(value) or not low <= value <= high:
        raise ConfigError(f'{where}: {name} is {value!r}, expected {wanted} from {low:g} to {high:g}')
    return int(value) if kind is int else float(value)
