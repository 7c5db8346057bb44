# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A ROS graph of its own for each process of the tests, on this machine alone; on ROS 2 where it is, else on rosless."""

import importlib.util
import os

# Nodes that a test starts inherit the domain. Apart from those of rosless/test, which may run at the same time.
os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
# A real rclpy checks what is assigned to messages only then, rosless always.
os.environ['ROS_PYTHON_CHECK_FIELDS'] = '1'

if importlib.util.find_spec('rclpy') is None:
    import rosless

    rosless.activate()
