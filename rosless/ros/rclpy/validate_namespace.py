# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Check of namespaces."""

from typing import Literal

from rclpy._names import namespace_problem
from rclpy.exceptions import InvalidNamespaceException


def validate_namespace(namespace: str) -> Literal[True]:
    """Check an absolute namespace.

    Raises:
        InvalidNamespaceException: It is not absolute, or invalid in another way.
    """
    if problem := namespace_problem(namespace):
        raise InvalidNamespaceException(namespace, *problem)
    return True
