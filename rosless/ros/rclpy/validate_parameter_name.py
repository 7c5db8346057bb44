# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Check of parameter names."""

from typing import Literal

from rclpy.exceptions import InvalidParameterException


def validate_parameter_name(name: str) -> Literal[True]:
    """Check the name of a parameter; ROS 2 only refuses the empty one.

    Raises:
        InvalidParameterException: The name is empty.
    """
    if not name:
        raise InvalidParameterException(name)
    return True
