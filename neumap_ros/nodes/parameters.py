# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters: declared from one table, checked against it, documented from it.

``python -m neumap_ros.nodes.parameters`` prints ``docs/parameters.md``. Without ROS 2 the tables can be read all the
same: only :func:`declare` and what it needs import its messages.
"""

from __future__ import annotations

import dataclasses
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from neumap_ros.errors import ConfigError
from neumap_ros.localization.localizer import LocalizerSettings
from neumap_ros.localization.session import SessionSettings
from neumap_ros.localization.tracker import TrackerSettings
from neumap_ros.nodes.parameter_row import Row, Value, number
from neumap_ros.nodes.parameter_tables import CORE, EVALUATOR, LIVE, LIVE_EVALUATOR, LOCALIZER, MAP_SERVER

if TYPE_CHECKING:
    from rcl_interfaces.msg import ParameterDescriptor
    from rclpy.node import Node
    from rclpy.parameter import Parameter

__all__ = ['CORE', 'EVALUATOR', 'LIVE', 'LIVE_EVALUATOR', 'LOCALIZER', 'MAP_SERVER', 'Row', 'Value']

S = TypeVar('S')

TABLES: dict[str, tuple[Row, ...]] = {'localizer': LOCALIZER, 'map_server': MAP_SERVER, 'evaluator': EVALUATOR}


def declare(node: Node, table: Iterable[Row]) -> None:
    """Declare the parameters of a table, with the values given at start.

    Raises:
        ConfigError: a value given at start is of another type or out of range.
    """
    from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException

    for row in table:
        default = list(row.default) if isinstance(row.default, tuple) else row.default
        try:
            given = node.declare_parameter(row.name, default, descriptor(row)).value
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            raise ConfigError(
                f'parameter {row.name} of {node.get_fully_qualified_name()} cannot have the value given at start: '
                f'{error}; expected {row.type_name}{_range_text(row, " from {} to {}")}'
            ) from None
        if text := row.problem(_python(given)):
            raise ConfigError(f'{node.get_fully_qualified_name()}: {text}')


def descriptor(row: Row) -> ParameterDescriptor:
    """What ``ros2 param describe`` shows."""
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

    unit = f' [{row.unit}]' if row.unit else ''
    result = ParameterDescriptor(description=row.description + unit, read_only=row.read_only)
    if row.choices:
        result.additional_constraints = 'one of: ' + ', '.join(row.choices)
    if row.low is not None and row.high is not None:
        if isinstance(row.default, int):
            result.integer_range = [IntegerRange(from_value=int(row.low), to_value=int(row.high))]
        elif isinstance(row.default, float):
            result.floating_point_range = [FloatingPointRange(from_value=float(row.low), to_value=float(row.high))]
        else:
            result.additional_constraints = f'each from {number(row.low)} to {number(row.high)}'
    return result


def read(node: Node, table: Iterable[Row]) -> dict[str, Any]:
    """Values of the declared parameters by name; lists as tuples."""
    return {row.name: _python(node.get_parameter(row.name).value) for row in table}


def values(table: Iterable[Row], given: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name where there is no node: the defaults, changed by those given.

    Raises:
        ConfigError: an unknown name, a value of another type or out of range.
    """
    rows = {row.name: row for row in table}
    if unknown := sorted(set(given) - set(rows)):
        raise ConfigError(f'unknown parameter {unknown[0]!r}, expected one of {", ".join(sorted(rows))}')
    result = {name: row.default for name, row in rows.items()} | {name: _python(v) for name, v in given.items()}
    for name, row in rows.items():
        if text := row.problem(result[name]):
            raise ConfigError(text)
    return result


def problem(table: Sequence[Row], parameters: Iterable[Parameter]) -> str:
    """Say why a change of parameters is refused; empty if the table allows it. Unknown names are not judged."""
    rows = {row.name: row for row in table}
    for parameter in parameters:
        if (row := rows.get(parameter.name)) and (text := row.problem(_python(parameter.value))):
            return text
    return ''


def localizer_settings(values: Mapping[str, Any]) -> LocalizerSettings:
    """The core's settings from the values of parameters by name."""
    return _fill(LocalizerSettings(), values, '')


def tracker_settings(values: Mapping[str, Any]) -> TrackerSettings:
    """The tracker's settings.

    Raises:
        ConfigError: values that contradict each other.
    """
    return _fill(TrackerSettings(), values, 'tracker.')


def session_settings(values: Mapping[str, Any]) -> SessionSettings:
    """The session's settings: odometry is required where its correction is what is published.

    Raises:
        ConfigError: values that contradict each other.
    """
    return SessionSettings(
        tracker_settings(values),
        require_odometry=values['tf_mode'] == 'map_to_odom',
        max_rate_hz=values['max_rate_hz'],
    )


def _fill(settings: S, values: Mapping[str, Any], prefix: str) -> S:
    """A copy of a dataclass of settings with the values of the parameters that are named as its fields."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(settings):  # type: ignore[arg-type]
        name, default = prefix + field.name, getattr(settings, field.name)
        if dataclasses.is_dataclass(default):
            changes[field.name] = _fill(default, values, f'{name}.')
        elif name in values:
            changes[field.name] = values[name]
    return dataclasses.replace(settings, **changes)  # type: ignore[type-var]


def _python(value: Any) -> Any:
    """A value of a parameter; lists and arrays as tuples."""
    return value if isinstance(value, str) or not hasattr(value, '__len__') else tuple(value)


def _range_text(row: Row, form: str) -> str:
    return '' if row.low is None or row.high is None else form.format(number(row.low), number(row.high))


# Documents


def markdown() -> str:
    """``docs/parameters.md``."""
    lines = [
        '# Parameters',
        '',
        '<!-- Written by: python -m neumap_ros.nodes.parameters > docs/parameters.md -->',
        '',
        '[config/localization.yaml](../config/localization.yaml) holds all of them with their defaults. What may',
        'change at any time takes effect between two images; the rest takes effect at configure and is refused after',
        'that. A value out of range is refused with a reason. The QoS of the topics of the cameras can be changed at',
        'start with `qos_overrides.TOPIC.subscription.reliability`, `.history` and `.depth`.',
        'Numbers with a decimal point need one in files and on the command line: `5.0`, not `5`.',
    ]
    for node, table in TABLES.items():
        if not table:
            continue
        lines += ['', f'## {node}', '', '| name | default | unit | range | when | |', '|---|---|---|---|---|---|']
        for row in table:
            allowed = ', '.join(row.choices) if row.choices else _range_text(row, '{} to {}')
            is_live = node == 'map_server' or row.name in (LIVE_EVALUATOR if node == 'evaluator' else LIVE)
            when = 'start' if row.read_only else 'any time' if is_live else 'configure'
            lines.append(
                f'| `{row.name}` | {_yaml(row.default)} | {row.unit} | {allowed} | {when} | {row.description} |'
            )
    return '\n'.join(lines) + '\n'


def parameter_file() -> str:
    """``config/localization.yaml``."""
    lines = [
        '# SPDX-FileCopyrightText: 2026 neumap_ros contributors',
        '# SPDX-License-Identifier: Apache-2.0',
        '#',
        '# Parameters of all nodes, all at their defaults; a file may hold only those that differ.',
        '# Written by: python -m neumap_ros.nodes.parameters --file > config/localization.yaml',
    ]
    for node, table in TABLES.items():
        if not table:
            continue
        lines += ['', f'/**/{node}:', '  ros__parameters:']
        open_groups: list[str] = []
        for row in table:
            *groups, name = row.name.split('.')
            for depth, group in enumerate(groups):
                if open_groups[: depth + 1] != groups[: depth + 1]:
                    lines.append(f'{"  " * (depth + 2)}{group}:')
            open_groups = groups
            indent = '  ' * (len(groups) + 2)
            unit = f' [{row.unit}]' if row.unit else ''
            words = f' One of {", ".join(row.choices)}.' if row.choices else ''
            lines += textwrap.wrap(
                f'{row.description}{words}{unit}',
                118 - len(indent),
                initial_indent=f'{indent}# ',
                subsequent_indent=f'{indent}# ',
            )
            lines.append(f'{indent}{name}: {_yaml(row.default)}')
    return '\n'.join(lines) + '\n'


def _yaml(value: Value) -> str:
    if isinstance(value, tuple):
        return f'[{", ".join(_yaml(item) for item in value)}]'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value or "''"
    return repr(value)


if __name__ == '__main__':
    sys.stdout.write(parameter_file() if '--file' in sys.argv[1:] else markdown())
