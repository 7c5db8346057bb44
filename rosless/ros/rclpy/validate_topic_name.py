# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Check of topic and service names as a node writes them."""

from typing import Literal

from rclpy._names import topic_name_problem
from rclpy.exceptions import InvalidServiceNameException, InvalidTopicNameException

TOPIC_SEPARATOR_STRING = '/'


def validate_topic_name(name: str, *, is_service: bool = False) -> Literal[True]:
    """Check a name that need not be absolute.

    Raises:
        InvalidTopicNameException: The name of a topic is invalid.
        InvalidServiceNameException: The name of a service is invalid.
    """
    if problem := topic_name_problem(name):
        raise (InvalidServiceNameException if is_service else InvalidTopicNameException)(name, *problem)
    return True
