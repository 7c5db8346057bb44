# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Remap rules: other names for nodes, namespaces, topics and services, without a change of the node."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from rclpy.expand_topic_name import expand_topic_name

Kind = Literal['node', 'namespace', 'topic', 'service', 'topic or service']

# Two underscores in a row begin a keyword such as __node.
_TOKEN = r'(?:[A-Za-z]|_(?!_))(?:[A-Za-z0-9]|_(?!_))*'
_NAME = rf'(?:~/|/)?{_TOKEN}(?:/{_TOKEN})*'
_NODE_RULE = re.compile(rf'(?:(?P<for>{_TOKEN}):)?__(?:node|name):=(?P<to>{_TOKEN})')
_NAMESPACE_RULE = re.compile(rf'(?:(?P<for>{_TOKEN}):)?__ns:=(?P<to>/(?:{_TOKEN}(?:/{_TOKEN})*)?)')
_NAME_RULE = re.compile(
    rf'(?:(?P<for>{_TOKEN}):(?!//))?(?P<scheme>rostopic://|rosservice://)?(?P<from>{_NAME}):=(?P<to>{_NAME})'
)
_SCHEMES: dict[str | None, Kind] = {'rostopic://': 'topic', 'rosservice://': 'service', None: 'topic or service'}


@dataclass(frozen=True)
class RemapRule:
    """One rule; ``node`` limits it to nodes of that name."""

    kind: Kind
    replacement: str
    match: str = ''
    node: str | None = None

    def concerns(self, node_name: str) -> bool:
        """Tell whether the rule is for nodes of this name."""
        return self.node is None or self.node == node_name


def parse_remap_rule(text: str) -> RemapRule | None:
    """Read ``from:=to``, ``node:from:=to``, ``rostopic://from:=to``, ``__node:=name``, ``__ns:=/namespace``.

    Returns:
        The rule, or None if the text is none.
    """
    if found := _NODE_RULE.fullmatch(text):
        return RemapRule('node', found['to'], node=found['for'])
    if found := _NAMESPACE_RULE.fullmatch(text):
        return RemapRule('namespace', found['to'], node=found['for'])
    if found := _NAME_RULE.fullmatch(text):
        return RemapRule(_SCHEMES[found['scheme']], found['to'], found['from'], found['for'])
    return None


def remap_node(rules: Iterable[RemapRule], node_name: str) -> str:
    """Return the name that the rules give to a node."""
    return next((rule.replacement for rule in rules if rule.kind == 'node' and rule.concerns(node_name)), node_name)


def remap_namespace(rules: Iterable[RemapRule], node_name: str, namespace: str) -> str:
    """Return the namespace that the rules give to a node."""
    chosen = (rule.replacement for rule in rules if rule.kind == 'namespace' and rule.concerns(node_name))
    return next(chosen, namespace)


def remap_name(
    rules: Iterable[RemapRule], name: str, node_name: str, namespace: str, kind: Literal['topic', 'service']
) -> str:
    """Return the name that the rules give to a topic or service.

    Args:
        rules: Rules; the first that matches counts.
        name: Absolute name.
        node_name: Name of the node, which expands private names in the rules.
        namespace: Absolute namespace of the node, which expands relative ones.
        kind: What the name is of.
    """
    for rule in rules:
        if kind not in rule.kind or not rule.concerns(node_name):
            continue
        if expand_topic_name(rule.match, node_name, namespace) == name:
            return expand_topic_name(rule.replacement, node_name, namespace)
    return name
