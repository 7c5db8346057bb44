# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The localizer over real DDS: images in, the poses of the core out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from robot import T_BASE_CAM, Robot, Stage, state_arguments, wait_until

from neumap_ros.localization.localizer import Localizer
from neumap_ros.mapping.sources import ImageSource, open_poses_json
from neumap_ros.maps.storage import open_map
from neumap_ros.nodes import conversions
from neumap_ros.nodes.localizer import LocalizerNode

AT_ONCE = ('-p', 'tracker.confirmations:=1', '-p', 'tracker.confirmation_window:=1')


@pytest.fixture(scope='module')
def localizer(demo_map: Path) -> Localizer:
    return Localizer(open_map(demo_map))


@pytest.fixture(scope='module')
def queries(demo_folder: Path) -> ImageSource:
    return open_poses_json(demo_folder, 'query')


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    stages: list[Stage] = []

    def make(*arguments: str) -> Stage:
        stages.append(Stage(*arguments, *state_arguments(tmp_path)))
        return stages[-1]

    yield make
    for made in stages:
        made.close()


def test_fixes_are_those_of_the_core_bit_for_bit(
    stage: Callable[..., Stage], localizer: Localizer, queries: ImageSource
) -> None:
    running = stage(*AT_ONCE, '-p', 'tf_mode:=none', '-p', 'max_image_age_s:=0.0')
    robot, node = running.add(Robot()), running.add(LocalizerNode())
    node.use_map(localizer)
    wait_until(robot.is_heard, 'subscriptions')
    robot.stand()
    accepted = 0
    for number, image in enumerate(queries.images):
        # Far apart in time, so that nothing is known of the next image.
        stamp_ns = (1000 + 1000 * number) * 10**9
        pixels = queries.read(image)
        robot.see(pixels, image.camera, stamp_ns)
        wait_until(partial(robot.has_statuses, number + 1), f'status {number}')
        status = robot.last()
        fix = localizer.localize(pixels, image.camera)
        assert status.reason == fix.reason.value, status.detail
        assert conversions.nanoseconds(status.header.stamp) == stamp_ns
        if fix.T_map_cam is None:
            continue
        accepted += 1
        wait_until(partial(robot.has_poses, accepted), 'pose')
        expected = conversions.pose_message(fix.T_map_cam @ T_BASE_CAM.inverse())
        assert robot.poses[-1].pose.pose == expected
        assert status.pose.pose == expected
    assert accepted >= 2
