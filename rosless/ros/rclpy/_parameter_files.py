# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""YAML as ROS 2's parameter parser reads it, which differs from YAML's own rules."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NoReturn

import yaml

# Parameters by the pattern of the nodes they are for (a full name, or with ``*`` and ``**``), in the order in which
# the patterns appeared first: later patterns win.
Overrides = dict[str, dict[str, Any]]

_PARAMETERS_KEY = 'ros__parameters'
_PLAIN = '!plain'
_STRING = 'tag:yaml.org,2002:str'
_TRUE = frozenset(word for base in ('y', 'yes', 'true', 'on') for word in (base, base.capitalize(), base.upper()))
_FALSE = frozenset(word for base in ('n', 'no', 'false', 'off') for word in (base, base.capitalize(), base.upper()))
_INTEGER = re.compile(r'[+-]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)')
_SPECIAL_FLOAT = re.compile(r'[+-]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)')


class ParameterFileError(ValueError):
    """A parameter file or value cannot be read."""


class _Loader(yaml.BaseLoader):  # type: ignore[misc]
    """Keeps unquoted scalars apart from quoted ones: only the unquoted may be numbers."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode and implicit[0]:
            return _PLAIN
        return str(super().resolve(kind, value, implicit))

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            _fail('ROS 2 parameter files cannot have aliases (*name)', self.peek_event().start_mark)
        return super().compose_node(parent, index)


def _fail(problem: str, mark: yaml.Mark) -> NoReturn:
    raise ParameterFileError(f'{problem}, line {mark.line + 1}')


def _compose(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ParameterFileError(f'not valid YAML: {error}') from None


def parse_value(text: str) -> Any:
    """Read the value of one parameter from a command line.

    Returns:
        A bool, int, float, str, or a list of one of them; None for an empty list, which has no type.

    Raises:
        ParameterFileError: The text is empty, a mapping, or a list of different types.
    """
    node = _compose(text)
    if node is None:
        raise ParameterFileError('no value')
    return _value(node)


def _value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if not isinstance(node, yaml.SequenceNode):
        _fail('the value of a parameter cannot be a mapping', node.start_mark)
    values: list[bool | int | float | str] = []
    for element in node.value:
        if not isinstance(element, yaml.ScalarNode):
            _fail('the value of a parameter cannot be a list of lists or mappings', element.start_mark)
        value = _scalar(element)
        if values and type(value) is not type(values[0]):
            _fail(
                f'a list must have values of one type, got {type(values[0]).__name__} and {type(value).__name__}',
                element.start_mark,
            )
        values.append(value)
    return values or None


def _scalar(node: yaml.ScalarNode) -> bool | int | float | str:
    text = str(node.value)
    # Of the tags that say what a value is, ROS 2 knows only this one; quoted values have it, too.
    if node.tag == _STRING:
        return text
    if not text:
        _fail('no value', node.start_mark)
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        # A leading zero means octal, as in C.
        octal = re.fullmatch(r'([+-]?)0([0-7]+)', text)
        number = int(f'{octal.group(1)}0o{octal.group(2)}', 0) if octal else int(text, 0)
        if -(2**63) <= number < 2**63:
            return number
    if _SPECIAL_FLOAT.fullmatch(text):
        return float(text.replace('.', ''))
    if '_' in text:
        return text
    try:
        return float(text)
    except ValueError:
        return text


def read_file(path: str | Path, overrides: Overrides) -> None:
    """Add the parameters of a file to those of other files and of the command line.

    Raises:
        ParameterFileError: The file is missing or not a ROS 2 parameter file.
    """
    try:
        node = _compose(Path(path).read_text(encoding='utf-8'))
    except OSError as error:
        raise ParameterFileError(error.strerror or str(error)) from None
    if node is not None:
        _read_nodes(node, '', overrides)


def _items(node: yaml.Node, what: str) -> list[tuple[str, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        _fail(f'expected {what}', node.start_mark)
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or not key.value:
            _fail(f'a name must be a word, expected {what}', key.start_mark)
    return [(str(key.value), value) for key, value in node.value]


def _read_nodes(node: yaml.Node, prefix: str, overrides: Overrides) -> None:
    for key, value in _items(node, f"names of nodes and below them '{_PARAMETERS_KEY}'"):
        if key != _PARAMETERS_KEY:
            _read_nodes(value, prefix + key if not prefix or prefix.endswith('/') else f'{prefix}/{key}', overrides)
            continue
        if not prefix:
            _fail(f"there is no name of a node above '{_PARAMETERS_KEY}'", node.start_mark)
        problem = _pattern_problem(prefix)
        if problem:
            _fail(f"'{prefix}' is not the name of a node: {problem}", node.start_mark)
        _read_parameters(value, '', overrides.setdefault(prefix, {}))


def _pattern_problem(pattern: str) -> str | None:
    """Return what is wrong with a node's name in which parts may be ``*`` or ``**``."""
    for part in pattern.removeprefix('/').split('/'):
        if not part:
            return "it has a repeated or trailing '/'"
        if part not in ('*', '**') and not re.fullmatch(r'[A-Za-z_][A-Za-z0-9_]*', part):
            return f"'{part}' is neither a name nor a wildcard"
    return None


def _read_parameters(node: yaml.Node, prefix: str, parameters: dict[str, Any]) -> None:
    for key, value in _items(node, 'names of parameters'):
        if isinstance(value, yaml.MappingNode):
            _read_parameters(value, f'{prefix}{key}.', parameters)
        else:
            parameters[prefix + key] = _value(value)


def overrides_for(node: str, overrides: Overrides) -> dict[str, Any]:
    """Return the parameters whose pattern matches the full name of a node."""
    chosen: dict[str, Any] = {}
    for pattern, parameters in overrides.items():
        # "/*" is one part of the name, "/**" any number of them.
        absolute = pattern if pattern.startswith('/') else f'/{pattern}'
        if re.fullmatch(absolute.replace('/*', r'(/\w+)'), node, re.ASCII):
            chosen.update(parameters)
    return chosen
