# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From the name that a node writes to the absolute one."""

from __future__ import annotations

import re

from rclpy._names import namespace_problem, node_name_problem, topic_name_problem


def expand_topic_name(topic_name: str, node_name: str, node_namespace: str) -> str:
    """Make a topic or service name absolute.

    Args:
        topic_name: Absolute, relative or private (``~/x``), possibly with ``{node}``, ``{ns}`` or ``{namespace}``.
        node_name: Name of the node.
        node_namespace: Absolute namespace of the node.

    Raises:
        ValueError: One of the names is invalid, or a substitution is unknown.
    """
    for name, problem in (
        (topic_name, topic_name_problem(topic_name)),
        (node_name, node_name_problem(node_name)),
        (node_namespace, namespace_problem(node_namespace)),
    ):
        if problem:
            raise ValueError(f"cannot expand topic name '{topic_name}': {problem[0]}, got '{name}'")
    prefix = node_namespace.rstrip('/')
    expanded = f'{prefix}/{node_name}{topic_name[1:]}' if topic_name.startswith('~') else topic_name
    substitutions = {'node': node_name, 'ns': node_namespace, 'namespace': node_namespace}

    def substitute(match: re.Match[str]) -> str:
        if match.group(1) not in substitutions:
            raise ValueError(f"unknown substitution '{match.group()}' in topic name '{topic_name}'")
        return substitutions[match.group(1)]

    expanded = re.sub(r'\{(.*?)\}', substitute, expanded)
    return expanded if expanded.startswith('/') else f'{prefix}/{expanded}'
