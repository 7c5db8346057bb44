# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A ROS graph of its own per process of the tests, on this machine alone; on ROS 2 where it is, else on rosless."""

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

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

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
