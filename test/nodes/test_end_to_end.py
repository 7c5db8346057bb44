# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A recording of a drive through the demo world, played by the usual tool to both nodes in processes of their own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
from localizer_robot import Robot, wait_until
from neumap_ros.msg import LocalizationStatus, MapRequest
from user_processes import TOOL, complaints, terminal

from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources.base import ImageSource, PosedImage
from neumap_ros.maps.storage import open_map
from neumap_ros.nodes import conversions
from neumap_ros.recording.make import TRUTH_FILE, BagSettings, make_bag

pytestmark = pytest.mark.slow

# The map has 16 views of the loop; the drive is a third of it, with five pictures between two of these views.
STEPS_OF_THE_LOOP, IMAGES = 96, 30
RATE_HZ = 2.5
# A busy machine skips images, and the first pose needs three fixes that agree.
FEWEST_POSES = 8
DEADLINE_S = 120.0
# A pixel of these small pictures is a centimetre at two metres.
FIX_M, FIX_DEG = 0.06, 2.0
TF_M, TF_DEG = 0.12, 4.0


class Drive(ImageSource):
    """Pictures along the drive that the map was made on, rendered when they are read."""

    def __init__(self, size: tuple[int, int]) -> None:
        from neumap_ros.simulation.demo_world import demo_camera, demo_renderer, mapping_drive

        camera, poses = demo_camera(size), mapping_drive(STEPS_OF_THE_LOOP)[:IMAGES]
        super().__init__('drive', [PosedImage(f'{i:04d}', camera, pose) for i, pose in enumerate(poses)], metric=True)
        self._renderer = demo_renderer(size=size)

    def _load(self, image: PosedImage) -> np.ndarray:
        from neumap_ros.simulation.demo_world import sensor

        picture = self._renderer.render(image.camera, image.T_map_cam)
        return cv2.cvtColor(sensor(picture, np.random.default_rng([1, int(image.name)])), cv2.COLOR_BGR2GRAY)

    def _file_facts(self) -> Iterable[tuple[str, int, int]]:
        return ()


@pytest.fixture(scope='module')
def bag(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('drive') / 'bag'
    height, width = cv2.imread(str(next((demo_folder / 'images').iterdir()))).shape[:2]
    make_bag(Drive((width, height)), folder, BagSettings(rate_hz=RATE_HZ))
    return folder


def truth_of(folder: Path) -> dict[int, Pose]:
    """``T_map_base`` by stamp in milliseconds."""
    poses = {}
    for line in (folder / TRUTH_FILE).read_text().splitlines():
        stamp_s, tx, ty, tz, qx, qy, qz, qw = map(float, line.split())
        poses[round(stamp_s * 1e3)] = Pose.from_quaternion((qw, qx, qy, qz), (tx, ty, tz), 'truth')
    return poses


def milliseconds(stamp) -> int:
    return round(conversions.nanoseconds(stamp) / 1e6)


def poses_through_tf(transforms: list) -> dict[int, Pose]:
    """``T_map_base`` by stamp of the odometry in milliseconds, each with the correction that held when it came."""
    T_map_odom, found = None, {}
    for transform in transforms:
        pose = conversions.pose_from_transform(transform)
        if transform.header.frame_id == 'map':
            assert transform.child_frame_id == 'odom'
            T_map_odom = pose
        elif transform.child_frame_id == 'base_link' and T_map_odom is not None:
            found[milliseconds(transform.header.stamp)] = T_map_odom @ pose
    return found


def test_drive_is_localized_right(stage, bag: Path, demo_map: Path, tmp_path: Path) -> None:
    robot, truth, sha256 = stage().add(Robot()), truth_of(bag), open_map(demo_map).manifest_sha256
    requests: list[MapRequest] = []
    robot.create_subscription(MapRequest, 'map/request', requests.append, 10)
    with terminal(tmp_path) as shell:
        server = shell.run_nodes('map_server', use_sim_time=True, map__uri=demo_map)
        localizer = shell.run_nodes('localizer', use_sim_time=True, max_image_age_s=0.0)
        wait_until(lambda: any(r.active_sha256 == sha256 for r in requests), 'map', DEADLINE_S)
        player = shell.start(*TOOL, 'bag', 'play', bag, '--clock', 100)
        assert player.popen.wait(DEADLINE_S) == 0, player.output()
        last_ms = max(truth)
        wait_until(lambda: milliseconds(robot.last().header.stamp) == last_ms, 'last image', DEADLINE_S)

        poses = {milliseconds(message.header.stamp): message for message in robot.poses}
        assert len(poses) >= FEWEST_POSES, [status.detail for status in robot.statuses]
        for stamp_ms, message in poses.items():
            assert message.header.frame_id == 'map'
            metres, degrees = conversions.pose_from_message(message.pose.pose, 'pose').error_to(truth[stamp_ms])
            assert metres < FIX_M and degrees < FIX_DEG, f'{stamp_ms}: {metres:.3f} m {degrees:.2f} deg'
        through_tf = {ms: pose for ms, pose in poses_through_tf(robot.transforms).items() if ms in truth}
        assert len(through_tf) >= FEWEST_POSES
        for stamp_ms, pose in through_tf.items():
            metres, degrees = pose.error_to(truth[stamp_ms])
            assert metres < TF_M and degrees < TF_DEG, f'TF at {stamp_ms}: {metres:.3f} m {degrees:.2f} deg'

        statuses = robot.statuses
        assert {status.map_sha256 for status in statuses} == {sha256}
        assert [status.accepted for status in statuses].count(True) == len(robot.poses)
        assert statuses[-1].state == LocalizationStatus.STATE_LOCALIZED
        # None is lost: looked at, or counted as dropped.
        seen = sorted(truth).index(milliseconds(statuses[0].header.stamp))
        assert len(statuses) + sum(status.dropped_images for status in statuses[1:]) == IMAGES - seen
        assert (localizer.end(), server.end()) == (0, 0)
        assert not complaints(localizer.output()) and not complaints(server.output())
