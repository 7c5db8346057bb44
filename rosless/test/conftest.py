# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Contexts, executors and nodes; the conftest above chooses the domain and activates rosless."""

import pytest


@pytest.fixture
def ros():
    """The default context, initialized."""
    import rclpy

    rclpy.init(args=[])
    yield
    rclpy.try_shutdown()


@pytest.fixture
def executor(ros):
    """An executor in one thread."""
    from rclpy.executors import SingleThreadedExecutor

    executor = SingleThreadedExecutor()
    yield executor
    executor.shutdown()


@pytest.fixture
def make_node(executor):
    """Makes nodes that the executor runs, or another one, and destroys them after the test."""
    from rclpy.node import Node

    nodes = []
    default = executor

    def make_node(name, *, executor=None, node_class=Node, **options):
        node = node_class(name, **options)
        nodes.append(node)
        (executor or default).add_node(node)
        return node

    yield make_node
    for node in nodes:
        node.destroy_node()
