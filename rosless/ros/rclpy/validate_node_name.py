# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Check of node names."""

from typing import Literal

from rclpy._names import node_name_problem
from rclpy.exceptions import InvalidNodeNameException


def validate_node_name(node_name: str) -> Literal[True]:
    """Check the name of a node, without its namespace.

    Raises:
        InvalidNodeNameException: The name is invalid.
    """
    if problem := node_name_problem(node_name):
        raise InvalidNodeNameException(node_name, *problem)
    return True
