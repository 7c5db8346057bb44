# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A place for nodes to run in, and what they localize with."""

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
