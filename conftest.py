# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A ROS graph of its own per process of the tests, on this machine alone; on ROS 2 where it is, else on rosless."""

import importlib.util
import os
import socket


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


# Nodes that a test starts inherit the domain.
os.environ['ROS_DOMAIN_ID'] = str(free_domain())
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
# A real rclpy checks what is assigned to messages only then, rosless always.
os.environ['ROS_PYTHON_CHECK_FIELDS'] = '1'

# The node tests and the conformance tests of rosless also run where there is a real rclpy.
if importlib.util.find_spec('rclpy') is None:
    import rosless

    rosless.activate()
