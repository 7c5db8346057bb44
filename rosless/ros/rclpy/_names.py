# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The rules for names of topics, services, nodes and namespaces.

Each function returns what is wrong and the index of the first wrong character, or None.
"""

from __future__ import annotations

import re

# DDS limits topic names to 255 characters, of which ROS 2 keeps some for its prefixes.
MAX_TOPIC_NAME_LENGTH = 247
MAX_NAMESPACE_LENGTH = 245
MAX_NODE_NAME_LENGTH = 255

Problem = tuple[str, int]

_BRACES = re.compile(r'\{([^{}]*)\}')


def topic_name_problem(name: str) -> Problem | None:
    """Check a name as a node writes it: absolute, relative, private (``~/x``), with ``{node}`` or ``{ns}``."""
    if not name:
        return 'topic name must not be empty string', 0
    if name[0].isdigit():
        return 'topic name token must not start with a number', 0
    if name[-1] == '/':
        return 'topic name must not end with a forward slash', len(name) - 1
    return _substitution_problem(name) or _topic_token_problem(name)


def _substitution_problem(name: str) -> Problem | None:
    # Blanked out, a well-formed substitution leaves only braces that have no partner.
    rest = _BRACES.sub(lambda match: ' ' * len(match.group()), name)
    for index, character in enumerate(rest):
        if character in '{}':
            if character == '{' and '{' in name[index + 1 :]:
                nested = name.index('{', index + 1)
                return "substitution name must not contain characters other than alphanumerics or '_'", nested
            return "topic name must not have unmatched (unbalanced) curly braces '{}'", index
    for match in _BRACES.finditer(name):
        inner = match.group(1)
        if wrong := re.search(r'[^A-Za-z0-9_]', inner):
            message = "substitution name must not contain characters other than alphanumerics or '_'"
            return message, match.start(1) + wrong.start()
        if inner[:1].isdigit():
            return 'substitution name must not start with a number', match.start(1)
    return None


def _topic_token_problem(name: str) -> Problem | None:
    if wrong := re.search(r'[^A-Za-z0-9_/~{}]', name):
        message = "topic name must not contain characters other than alphanumerics, '_', '~', '{', or '}'"
        return message, wrong.start()
    if (tilde := name.find('~', 1)) > 0:
        return "topic name must not have tilde '~' unless it is the first character", tilde
    if name[0] == '~' and name[1:2] not in ('', '/'):
        return "topic name must not have a tilde '~' that is not followed by a forward slash '/'", 1
    if number := re.search(r'/([0-9])', name):
        return 'topic name token must not start with a number', number.start(1)
    return None


def full_name_problem(name: str, what: str = 'topic name', max_length: int = MAX_TOPIC_NAME_LENGTH) -> Problem | None:
    """Check a name that has been expanded to an absolute one."""
    if not name:
        return f'{what} must not be empty', 0
    if name[0] != '/':
        return f"{what} must be absolute, it must lead with a '/'", 0
    if name[-1] == '/':
        return f"{what} must not end with a '/'", len(name) - 1
    if wrong := re.search(r'[^A-Za-z0-9_/]', name):
        return f"{what} must not contain characters other than alphanumerics, '_', or '/'", wrong.start()
    if wrong := re.search(r'/(/|[0-9])', name):
        repeated = wrong.group(1) == '/'
        fault = "contain repeated '/'" if repeated else 'have a token that starts with a number'
        return f'{what} must not {fault}', wrong.start(1)
    if len(name) > max_length:
        return f"{what} length should not exceed '{max_length}'", max_length - 1
    return None


def namespace_problem(namespace: str) -> Problem | None:
    """Check an absolute namespace."""
    return None if namespace == '/' else full_name_problem(namespace, 'namespace', MAX_NAMESPACE_LENGTH)


def node_name_problem(name: str) -> Problem | None:
    """Check the name of a node, without its namespace."""
    if not name:
        return 'node name must not be empty', 0
    if wrong := re.search(r'[^A-Za-z0-9_]', name):
        return "node name must not contain characters other than alphanumerics or '_'", wrong.start()
    if name[0].isdigit():
        return 'node name must not start with a number', 0
    if len(name) > MAX_NODE_NAME_LENGTH:
        return f"node name length should not exceed '{MAX_NODE_NAME_LENGTH}'", MAX_NODE_NAME_LENGTH - 1
    return None
