# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A ROS graph of its own per process of the tests, on this machine alone; on ROS 2 where it is, else on rosless."""

import importlib.util
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

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


# Nodes that a test starts inherit the domain. Apart from those of rosless/test, which may run at the same time.
os.environ['ROS_DOMAIN_ID'] = str(free_domain())
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
# A real rclpy checks what is assigned to messages only then, rosless always.
os.environ['ROS_PYTHON_CHECK_FIELDS'] = '1'

if importlib.util.find_spec('rclpy') is None:
    import rosless

    rosless.activate()

if TYPE_CHECKING:
    from localizer_robot import Stage

    from neumap_ros.localization.localizer import Localizer
    from neumap_ros.mapping.sources import ImageSource


@pytest.fixture(scope='session')
def demo_localizer(demo_map: Path) -> 'Localizer':
    from neumap_ros.localization.localizer import Localizer
    from neumap_ros.maps.storage import open_map

    return Localizer(open_map(demo_map))


@pytest.fixture(scope='session')
def demo_queries(demo_folder: Path) -> 'ImageSource':
    from neumap_ros.mapping.sources import open_poses_json

    return open_poses_json(demo_folder, 'query')


@pytest.fixture
def stage(tmp_path: Path) -> 'Iterator[Callable[..., Stage]]':
    """Makes a place for nodes to run in, with command-line arguments; ended with the test."""
    from localizer_robot import Stage

    made: list[Stage] = []

    def make(*arguments: str) -> Stage:
        made.append(Stage(*arguments, '-p', f'state_dir:={tmp_path}'))
        return made[-1]

    yield make
    for running in made:
        running.close()
