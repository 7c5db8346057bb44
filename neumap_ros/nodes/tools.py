# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs the small nodes that stand beside the localizer in a replay, until SIGINT or SIGTERM."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from neumap_ros.msg import MapStatus
from neumap_ros.nodes.map_topics import LATCHED_QOS, STATUS_TOPIC


def filter_transforms() -> None:
    """Run :class:`neumap_ros.nodes.tf_filter.TfFilter` with the command line of the process."""
    from neumap_ros.nodes.tf_filter import TfFilter

    rclpy.init()
    node = TfFilter()
    _spin(node)
    _end(node)


def wait_until_ready(args: Sequence[str] | None = None) -> None:
    """End the process when a localizer has the active map; exit code 1 after the parameter ``timeout_s``.

    Args:
        args: command line with ``--ros-args``; that of the process by default.
    """
    rclpy.init(args=None if args is None else list(args))
    node = rclpy.create_node('wait_until_ready')
    # The clock of the system: a simulated one may only start when this has ended.
    deadline = time.monotonic() + float(node.declare_parameter('timeout_s', 300.0).value)
    ready: list[MapStatus] = []

    def look(status: MapStatus) -> None:
        if status.sha256 and status.sha256 in status.localizers_sha256:
            ready.append(status)

    node.create_subscription(MapStatus, STATUS_TOPIC, look, LATCHED_QOS)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        while not ready and time.monotonic() < deadline:
            rclpy.spin_once(node, timeout_sec=0.1)
    if not ready:
        node.get_logger().error('no localizer has a map; look at the messages of the localizer and of the map_server')
    _end(node)
    sys.exit(0 if ready else 1)


def _spin(node: Node) -> None:
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)


def _end(node: Node) -> None:
    node.destroy_node()
    rclpy.try_shutdown()
