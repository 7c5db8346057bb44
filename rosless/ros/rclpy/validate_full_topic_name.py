# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Check of topic and service names that have been expanded."""

from typing import Literal

from rclpy._names import full_name_problem
from rclpy.exceptions import InvalidServiceNameException, InvalidTopicNameException


def validate_full_topic_name(name: str, *, is_service: bool = False) -> Literal[True]:
    """Check an absolute name.

    Raises:
        InvalidTopicNameException: The name of a topic is invalid.
        InvalidServiceNameException: The name of a service is invalid.
    """
    if problem := full_name_problem(name):
        raise (InvalidServiceNameException if is_service else InvalidTopicNameException)(name, *problem)
    return True
