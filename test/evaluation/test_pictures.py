# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from neumap_ros.errors import ConfigError
from neumap_ros.evaluation.pictures import BLUE, LINE_HEIGHT_PX, MAP_SIZE_PX, draw_inliers, draw_plan, write_picture
from neumap_ros.geometry import Camera, Pose
from neumap_ros.localization.fix import Correspondences, Evidence, Fix, Reason

CAMERA = Camera('PINHOLE', 320, 240, (250, 250, 160, 120))
HEADER = 2 * LINE_HEIGHT_PX + 8


def make_fix(accepted=True):
    pixels = np.array([[40.5, 60.5], [200.5, 100.5], [300.5, 200.5]])
    points = np.column_stack([CAMERA.normalize(pixels) * 4, np.full(3, 4.0)])
    offset = np.array([[0.0, 0.0], [0.0, 0.0], [-20.0, 0.0]])
    inliers = Correspondences(np.arange(3), pixels + offset, points, np.ones(3), np.ones(3), np.zeros(3, int))
    pose = Pose.identity() if accepted else None
    reason = Reason.OK if accepted else Reason.AMBIGUOUS
    return Fix(reason, pose, evidence=Evidence(keypoints=50), hypothesis=Pose.identity(), inliers=inliers)


@pytest.mark.parametrize('channels', [(), (3,)])
def test_inliers_are_drawn_where_they_are(channels):
    picture = draw_inliers(np.full((240, 320, *channels), 90, np.uint8), make_fix(), CAMERA, 'größe.png')
    assert picture.shape == (720 + HEADER, 960, 3)
    assert picture[:HEADER].any()
    body = picture[HEADER:]
    changed = (body != 90).any(axis=2)
    # the good one is green: a ring of radius 4 around its place, three times enlarged
    blue, green, red = body[181, 125].astype(int)
    assert green > red and green > blue
    # the bad one is red, with a line of 60 pixels to the projection
    assert changed[601, 842:900].all()
    blue, green, red = body[601, 870].astype(int)
    assert red > 150 > green


def test_a_large_image_keeps_its_size():
    image = np.zeros((1000, 1500), np.uint8)
    camera = Camera('PINHOLE', 1500, 1000, (900, 900, 750, 500))
    picture = draw_inliers(image, Fix(Reason.FEW_KEYPOINTS), camera)
    assert picture.shape == (1000 + HEADER, 1500, 3)
    assert not picture[HEADER:].any()


def test_a_pose_that_was_not_accepted_says_so():
    image = np.zeros((240, 320), np.uint8)
    accepted, rejected = draw_inliers(image, make_fix(), CAMERA), draw_inliers(image, make_fix(False), CAMERA)
    assert (accepted[HEADER:] == rejected[HEADER:]).all()
    assert (accepted[:HEADER] != rejected[:HEADER]).any()


def test_the_plan_looks_from_above():
    # two cameras at the same height (z up in the map), the second to the right (x) and ahead (y)
    level = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    poses = [Pose(level, np.array(p)) for p in ([0.0, 0, 1], [4.0, 2, 1])]
    plan = draw_plan(poses, [], (), np.tile([2.0, 1, 0], (1000, 1)))
    assert plan.shape == (MAP_SIZE_PX + HEADER, MAP_SIZE_PX, 3)
    rows, columns = np.nonzero((plan[HEADER:] == BLUE).all(axis=2))
    left, right = columns < MAP_SIZE_PX / 2, columns > MAP_SIZE_PX / 2
    assert left.any() and right.any()
    assert rows[left].mean() > rows[right].mean()


def test_a_plan_needs_cameras():
    with pytest.raises(ConfigError, match='mapping cameras'):
        draw_plan([], [])


def test_a_plan_of_one_camera():
    assert draw_plan([Pose.identity()], [Pose.identity()]).any()


def test_pictures_are_png(tmp_path):
    picture = draw_inliers(np.zeros((240, 320), np.uint8), make_fix(), CAMERA)
    write_picture(tmp_path / 'new' / 'a.png', picture)
    assert (cv2.imread(str(tmp_path / 'new' / 'a.png')) == picture).all()
