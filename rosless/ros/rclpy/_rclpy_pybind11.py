# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Exceptions that the real rclpy defines in its C extension, under the name by which nodes catch them."""


class RCLError(RuntimeError):
    """An operation of the client library failed."""


class RCLInvalidROSArgsError(RCLError):
    """An argument after ``--ros-args`` cannot be read."""


class UnknownROSArgsError(RuntimeError):
    """An argument after ``--ros-args`` is none that ROS 2 knows."""


class NodeNameNonExistentError(RCLError):
    """A graph query names a node that nobody has announced."""


class InvalidHandle(RuntimeError):
    """A publisher, subscription, service, client, timer or node is used after it was destroyed."""
