# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command line between ``--ros-args`` and ``--``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

from rclpy._parameter_files import Overrides, ParameterFileError, overrides_for, parse_value, read_file
from rclpy._rclpy_pybind11 import RCLInvalidROSArgsError, UnknownROSArgsError
from rclpy._remapping import RemapRule, parse_remap_rule, remap_name, remap_namespace, remap_node
from rclpy.impl.logging_output import log_output
from rclpy.impl.logging_severity import LoggingSeverity
from rclpy.logging import get_logger, get_logging_severity_from_string
from rclpy.parameter import Parameter

_TOKEN = r'[A-Za-z_][A-Za-z0-9_]*'
_PARAMETER_PART = rf'/*{_TOKEN}(?:/+{_TOKEN})*/*'
_PARAMETER_RULE = re.compile(
    rf'(?:(?P<node>{_TOKEN}):)?(?P<name>{_PARAMETER_PART}(?:\.{_PARAMETER_PART})*):=(?P<value>.*)', re.DOTALL
)
_LOG_LEVEL = re.compile(r'(?:(?P<logger>.+):=)?(?P<level>\w+)')
_SWITCH = re.compile(r'--(?P<word>enable|disable)-(?P<output>stdout|rosout|external-lib)-logs')
# Flags with a value: those of rcl, of which rosless has no use for the last three.
_FLAGS = {
    '-p': 'parameter',
    '--param': 'parameter',
    '-r': 'remap rule',
    '--remap': 'remap rule',
    '--params-file': 'parameter file',
    '--log-level': 'log level',
    '-e': 'ignored',
    '--enclave': 'ignored',
    '--log-config-file': 'ignored',
    '--log-file-name': 'ignored',
}


@dataclass
class Arguments:
    """What a command line says."""

    remap_rules: list[RemapRule] = field(default_factory=list)
    overrides: Overrides = field(default_factory=dict)
    # The empty name is the default of all loggers.
    log_levels: dict[str, LoggingSeverity] = field(default_factory=dict)
    logs: dict[str, bool] = field(default_factory=lambda: {'stdout': True, 'rosout': True, 'external-lib': True})
    others: list[str] = field(default_factory=list)

    def configure_logging(self) -> None:
        """Set the levels of the loggers and switch the console off if the command line says so."""
        for name, level in self.log_levels.items():
            log_output.set_level(name, level)
        log_output.console.enabled = self.logs['stdout']


def parse_arguments(args: Sequence[str]) -> Arguments:
    """Read a command line; arguments outside of ``--ros-args ... --`` are kept in ``others``.

    Raises:
        RCLInvalidROSArgsError: A flag has no value, or one that cannot be read.
        UnknownROSArgsError: There are arguments that ROS 2 does not know after ``--ros-args``.
    """
    result = Arguments()
    unknown = []
    remaining = iter(args)
    inside = False
    for argument in remaining:
        if argument == '--ros-args':
            inside = True
        elif inside and argument == '--':
            inside = False
        elif not inside:
            _read_other(argument, result)
        elif argument in _FLAGS:
            _read_flag(argument, remaining, result)
        elif switch := _SWITCH.fullmatch(argument):
            result.logs[switch['output']] = switch['word'] == 'enable'
        else:
            unknown.append(argument)
    if unknown:
        raise UnknownROSArgsError(f'Found unknown ROS arguments: {unknown}')
    return result


def remove_ros_args(args: Sequence[str]) -> list[str]:
    """Return the arguments that are not for ROS."""
    return parse_arguments(args).others


def _read_other(argument: str, result: Arguments) -> None:
    # Before --ros-args existed, rules stood alone; rcl still takes them.
    if rule := parse_remap_rule(argument):
        get_logger('rcl').warning(
            f"Found remap rule '{argument}'. This syntax is deprecated. Use '--ros-args --remap {argument}' instead."
        )
        result.remap_rules.append(rule)
    else:
        result.others.append(argument)


def _read_flag(flag: str, remaining: Iterator[str], result: Arguments) -> None:
    kind = _FLAGS[flag]
    value = next(remaining, None)
    if value is None:
        raise RCLInvalidROSArgsError(f"'{flag}' is the last argument, expected a {kind} after it")
    try:
        if kind == 'parameter':
            _read_parameter(value, result.overrides)
        elif kind == 'remap rule':
            rule = parse_remap_rule(value)
            if rule is None:
                raise ValueError("expected 'from:=to', 'node:from:=to', '__node:=name' or '__ns:=/namespace'")
            result.remap_rules.append(rule)
        elif kind == 'parameter file':
            read_file(value, result.overrides)
        elif kind == 'log level':
            _read_log_level(value, result.log_levels)
    except (ValueError, RuntimeError) as error:
        raise RCLInvalidROSArgsError(f"cannot read '{flag} {value}': {error}") from None


def _read_parameter(text: str, overrides: Overrides) -> None:
    rule = _PARAMETER_RULE.fullmatch(text)
    if rule is None:
        raise ParameterFileError("expected 'name:=value' or 'node:name:=value'")
    overrides.setdefault(rule['node'] or '/**', {})[rule['name']] = parse_value(rule['value'])


def _read_log_level(text: str, log_levels: dict[str, LoggingSeverity]) -> None:
    rule = _LOG_LEVEL.fullmatch(text)
    if rule is None:
        raise ValueError("expected 'level' or 'logger:=level'")
    log_levels[rule['logger'] or ''] = get_logging_severity_from_string(rule['level'])


class NodeArguments:
    """What the command lines say about one node: its own arguments, then those of the process."""

    def __init__(self, own: Arguments, process: Arguments | None) -> None:
        """Combine them.

        Args:
            own: Arguments that were given to the node.
            process: Arguments that were given to ``rclpy.init()``; None for a node that does not use them.
        """
        self._own = own
        self._process = process or Arguments()

    def _rules(self) -> Iterator[RemapRule]:
        return chain(self._own.remap_rules, self._process.remap_rules)

    def node_name(self, name: str) -> str:
        """Return the name of the node after remapping."""
        return remap_node(self._rules(), name)

    def namespace(self, node_name: str, namespace: str) -> str:
        """Return the namespace after remapping, for the name after remapping."""
        return remap_namespace(self._rules(), node_name, namespace)

    def resolve(self, name: str, node_name: str, namespace: str, kind: Literal['topic', 'service']) -> str:
        """Return an absolute name after remapping."""
        return remap_name(self._rules(), name, node_name, namespace, kind)

    def parameter_overrides(self, full_node_name: str) -> dict[str, Parameter]:
        """Return the parameters that the command lines set for the node; its own arguments win."""
        values: dict[str, Any] = {}
        for arguments in (self._process, self._own):
            values.update(overrides_for(full_node_name, arguments.overrides))
        return {name: Parameter(name, value=value) for name, value in values.items()}

    @property
    def rosout_enabled(self) -> bool:
        """Whether log messages go to /rosout."""
        return self._process.logs['rosout']
