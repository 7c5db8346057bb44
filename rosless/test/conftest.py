# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A ROS graph for each run of the tests, on this machine alone."""

import importlib.util
import os
import socket

import pytest


def free_domain() -> int:
    """A domain that nobody on this machine uses: no participant holds its first ports (DDSI-RTPS, 9.6.1)."""
    for offset in range(100):
        domain = 1 + (os.getpid() + offset) % 100
        try:
            for port in (7400, 7410, 7411):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind(('', port + 250 * domain))
        except OSError:
            continue
        return domain
    raise RuntimeError('all ROS domains from 1 to 100 are in use on this machine; end some nodes')


# Every process of the tests has a domain of its own; the nodes that it starts inherit it.
os.environ['ROS_DOMAIN_ID'] = str(free_domain())
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
# A real rclpy checks what is assigned to messages only then, rosless always.
os.environ['ROS_PYTHON_CHECK_FIELDS'] = '1'

# The conformance tests also run where there is a real rclpy.
if importlib.util.find_spec('rclpy') is None:
    import rosless

    rosless.activate()


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
