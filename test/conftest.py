# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A small rendered world and a map of it, made once for all tests."""

from pathlib import Path

import pytest

WORLD_SIZE = (320, 240)
MAPPING_VIEWS, QUERY_VIEWS = 16, 4


@pytest.fixture(scope='session')
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with images, poses.json and split.json of a rendered room."""
    pytest.importorskip('embreex', reason='the ray caster of the demo world is an optional dependency')
    from neumap_ros.simulation.demo_world import make_demo_world

    folder = tmp_path_factory.mktemp('demo') / 'world'
    make_demo_world(folder, size=WORLD_SIZE, mapping_views=MAPPING_VIEWS, query_views=QUERY_VIEWS)
    return folder


@pytest.fixture(scope='session')
def demo_map(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a map of that room. Tests must not write to it."""
    from neumap_ros.mapping.build import BuildSettings, build_map
    from neumap_ros.mapping.sources import open_poses_json

    folder = tmp_path_factory.mktemp('map') / 'room'
    build_map(open_poses_json(demo_folder, 'map'), folder, BuildSettings(kind='dpqed', parts=4))
    return folder
