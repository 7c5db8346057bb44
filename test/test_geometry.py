# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import copy
import pickle

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from neumap_ros.errors import CalibrationError
from neumap_ros.geometry import ROS_DISTORTION_MODELS, Camera, Pose

WIDTH, HEIGHT = 640, 480
# Off the middle and not square, so that swapped axes and a missing half pixel show.
FX, FY, CX, CY = 420.0, 431.0, 311.3, 247.9
K_33 = np.array([[FX, 0, CX], [0, FY, CY], [0, 0, 1]])

seeds = st.integers(0, 2**32 - 1)


def random_pose(seed: int) -> Pose:
    rng = np.random.default_rng(seed)
    return Pose(Rotation.random(random_state=rng).as_matrix(), rng.normal(size=3) * 3)


def points_in_view(count: int = 200) -> np.ndarray:
    """Points that fill the image of a camera with the intrinsics above."""
    rng = np.random.default_rng(5)
    depth = rng.uniform(1, 20, count)
    x, y = rng.uniform(-0.7, 0.7, count), rng.uniform(-0.5, 0.5, count)
    return np.stack([x * depth, y * depth, depth], axis=1)


@settings(deadline=None)
@given(seeds, seeds)
def test_composition_and_inverse_are_those_of_matrices(first, second):
    a, b = random_pose(first), random_pose(second)
    assert (a @ b).matrix_44 == pytest.approx(a.matrix_44 @ b.matrix_44, abs=1e-12)
    assert a.inverse().matrix_44 == pytest.approx(np.linalg.inv(a.matrix_44), abs=1e-12)
    points_N3 = np.random.default_rng(first).normal(size=(5, 3))
    homogeneous = np.c_[points_N3, np.ones(5)] @ a.matrix_44.T
    assert a.transform(points_N3) == pytest.approx(homogeneous[:, :3], abs=1e-12)
    assert (a @ b).transform(points_N3) == pytest.approx(a.transform(b.transform(points_N3)), abs=1e-12)
    assert (a @ Pose.identity()).matrix_44 == pytest.approx(a.matrix_44)


@settings(deadline=None)
@given(seeds)
def test_quaternions_are_those_of_scipy(seed):
    pose = random_pose(seed)
    x, y, z, w = Rotation.from_matrix(pose.rotation_33).as_quat(canonical=True)
    assert pose.quaternion_wxyz == pytest.approx([w, x, y, z], abs=1e-9)
    assert pose.quaternion_wxyz[0] >= 0
    for sign in (1, -1):
        back = Pose.from_quaternion(sign * pose.quaternion_wxyz, pose.translation_3)
        assert back.matrix_44 == pytest.approx(pose.matrix_44, abs=1e-9)


def test_a_slightly_rounded_quaternion_still_gives_a_rotation():
    pose = random_pose(1)
    back = Pose.from_quaternion(np.round(pose.quaternion_wxyz, 3), (0, 0, 0))
    assert back.rotation_33 @ back.rotation_33.T == pytest.approx(np.eye(3), abs=1e-12)


@pytest.mark.parametrize('angle_deg', [0, 1e-7, 1e-3, 1, 60, 89.999, 90.001, 120, 179.9999, 180])
def test_the_error_is_a_distance_and_an_angle(angle_deg):
    truth = random_pose(3)
    axis = np.array([0.6, -0.64, 0.48])
    turned = Pose(
        truth.rotation_33 @ Rotation.from_rotvec(np.radians(angle_deg) * axis).as_matrix(),
        truth.translation_3 + np.array([3.0, 0, -4]),
    )
    translation, rotation_deg = turned.error_to(truth)
    assert translation == pytest.approx(5)
    assert rotation_deg == pytest.approx(angle_deg, rel=1e-5, abs=1e-9)
    assert truth.error_to(turned) == pytest.approx((translation, rotation_deg), rel=1e-6, abs=1e-9)


def test_rounded_matrices_become_rotations():
    truth = random_pose(4)
    for shape in (4, 3):
        pose = Pose.from_matrix(np.round(truth.matrix_44, 5)[:shape])
        assert pose.rotation_33 @ pose.rotation_33.T == pytest.approx(np.eye(3), abs=1e-12)
        assert np.linalg.det(pose.rotation_33) == pytest.approx(1)
        assert pose.error_to(truth)[1] < 0.01


def test_matrices_that_are_not_rigid_are_refused():
    good = random_pose(4).matrix_44
    with_nan, infinite, scaled, mirrored, sheared = (good.copy() for _ in range(5))
    with_nan[0, 3] = np.nan
    infinite[1, 1] = np.inf
    scaled[:3, :3] *= 1.01
    mirrored[:3, 0] *= -1
    sheared[0, :3] += 0.1 * sheared[1, :3]
    for bad, word in (
        (with_nan, 'NaN'),
        (infinite, 'infinity'),
        (scaled, 'not rigid'),
        (mirrored, 'determinant -1'),
        (sheared, 'not rigid'),
        (np.zeros((4, 4)), 'not rigid'),
        (np.eye(3), r'shape \(3, 3\)'),
    ):
        with pytest.raises(CalibrationError, match=rf'frame 7.*{word}'):
            Pose.from_matrix(bad, 'frame 7')


@pytest.mark.parametrize(
    ('quaternion', 'translation'),
    [
        ((0, 0, 0, 0), (0, 0, 0)),
        ((1, 1, 0, 0), (0, 0, 0)),
        ((np.nan, 0, 0, 1), (0, 0, 0)),
        ((1, 0, 0, 0), (0, np.inf, 0)),
        ((1, 0, 0), (0, 0, 0)),
        ((1, 0, 0, 0), (0, 0)),
    ],
)
def test_bad_quaternions_are_refused(quaternion, translation):
    with pytest.raises(CalibrationError, match='frame 7'):
        Pose.from_quaternion(quaternion, translation, 'frame 7')


@pytest.mark.parametrize(
    ('ros_model', 'coefficients', 'colmap_model'),
    [
        ('plumb_bob', (), 'PINHOLE'),
        ('plumb_bob', (0, 0, 0, 0, 0), 'PINHOLE'),
        ('plumb_bob', (-0.25, 0.09, 0.003, -0.004), 'OPENCV'),
        ('plumb_bob', (-0.25, 0.09, 0.003, -0.004, 0), 'OPENCV'),
        ('plumb_bob', (-0.25, 0.09, 0.003, -0.004, -0.02), 'FULL_OPENCV'),
        ('rational_polynomial', (0.31, -0.12, 0.002, -0.001, 0.03, 0.55, -0.1, 0.02), 'FULL_OPENCV'),
        ('rational_polynomial', (0.31, -0.12, 0.002, -0.001, 0.03, 0.55, -0.1, 0.02, 0, 0, 0, 0), 'FULL_OPENCV'),
    ],
)
def test_ros_cameras_project_as_opencv_half_a_pixel_on(ros_model, coefficients, colmap_model):
    camera = Camera.from_ros(WIDTH, HEIGHT, K_33, ros_model, coefficients)
    assert camera.model == colmap_model
    points_N3 = points_in_view()
    expected, _ = cv2.projectPoints(points_N3, np.zeros(3), np.zeros(3), K_33, np.array(coefficients, np.float64))
    pixels, inside = camera.project(points_N3)
    assert inside.mean() > 0.8
    assert pixels == pytest.approx(expected[:, 0] + 0.5, abs=1e-6)
    assert camera.normalize(pixels[inside]) == pytest.approx((points_N3[:, :2] / points_N3[:, 2:])[inside], abs=1e-6)


def test_equidistant_cameras_project_as_opencv_half_a_pixel_on():
    coefficients = (0.03, -0.011, 0.004, -0.0012)
    camera = Camera.from_ros(WIDTH, HEIGHT, K_33.ravel(), 'equidistant', coefficients)
    points_N3 = points_in_view()
    expected, _ = cv2.fisheye.projectPoints(
        points_N3[:, None], np.zeros(3), np.zeros(3), K_33, np.array(coefficients, np.float64)
    )
    pixels, inside = camera.project(points_N3)
    assert inside.mean() > 0.8
    assert pixels == pytest.approx(expected[:, 0] + 0.5, abs=1e-6)
    assert camera.normalize(pixels[inside]) == pytest.approx((points_N3[:, :2] / points_N3[:, 2:])[inside], abs=1e-6)


def test_an_undistorted_fisheye_is_not_a_pinhole():
    fisheye = Camera.from_ros(WIDTH, HEIGHT, K_33, 'equidistant', (0, 0, 0, 0))
    pixels, _ = fisheye.project([[1.0, 0, 1.0]])
    assert pixels[0] == pytest.approx([CX + 0.5 + FX * np.pi / 4, CY + 0.5])


def test_an_uncalibrated_camera_is_named():
    for k in (np.zeros(9), K_33 * np.array([[0], [1], [1]]), -K_33):
        with pytest.raises(CalibrationError, match=r'front/camera_info is not calibrated.*camera_calibration'):
            Camera.from_ros(WIDTH, HEIGHT, k, 'plumb_bob', (0,) * 5, 'front/camera_info')


@pytest.mark.parametrize(
    ('model', 'coefficients', 'word'),
    [
        ('kannala_brandt', (0.1, 0, 0, 0), 'plumb_bob'),
        ('fisheye', (0.1, 0.1, 0.1), 'plumb_bob'),
        ('', (0.1, 0.1, 0.1), '3 distortion coefficients'),
        ('plumb_bob', (0.1, 0.1, 0.1), '3 distortion coefficients'),
        ('plumb_bob', (0.1,) * 6, '6 distortion coefficients'),
        ('equidistant', (0.1,) * 5, '5 fisheye coefficients'),
        ('rational_polynomial', (0.1,) * 12, 'thin-prism'),
        ('plumb_bob', (np.nan, 0, 0, 0), 'non-finite'),
    ],
)
def test_distortions_without_a_counterpart_are_refused(model, coefficients, word):
    with pytest.raises(CalibrationError, match=f'left.*{word}'):
        Camera.from_ros(WIDTH, HEIGHT, K_33, model, coefficients, 'left')


def test_an_empty_distortion_model_means_plumb_bob():
    for coefficients in ((), (0.0,) * 5, (0.1, 0.02, 0.003, 0.004), (0.1, 0.02, 0.003, 0.004, 0.05)):
        expected = Camera.from_ros(WIDTH, HEIGHT, K_33, 'plumb_bob', coefficients)
        assert Camera.from_ros(WIDTH, HEIGHT, K_33, '', coefficients) == expected


@pytest.mark.parametrize(('model', 'coefficients'), [('', ()), ('unknown', ()), ('plumb_bob', (0.1,) * 3)])
def test_an_uncalibrated_camera_is_told_so_first(model, coefficients):
    with pytest.raises(CalibrationError, match='left is not calibrated'):
        Camera.from_ros(WIDTH, HEIGHT, np.zeros(9), model, coefficients, 'left')


@pytest.mark.parametrize(
    ('arguments', 'word'),
    [
        (('OPENCV', 0, 480, (1,) * 8), 'image size of 0x480'),
        (('OPENCV', 640, 480, (1,) * 7), '7 parameters, expected 8'),
        (('PINHOLE', 640, 480, (1, 1, np.inf, 1)), 'non-finite'),
        (('PINHOLE', 640, 480, (1, -1, 1, 1)), 'not calibrated'),
        (('BROWN', 640, 480, (1,) * 8), "'BROWN', expected one of COLMAP"),
        (('INVALID', 640, 480, (1,) * 8), "'INVALID', expected one of COLMAP"),
        (('name', 640, 480, (1,) * 8), "'name', expected one of COLMAP"),
    ],
)
def test_bad_cameras_are_refused(arguments, word):
    with pytest.raises(CalibrationError, match=f'left.*{word}'):
        Camera(*arguments, name='left')


def test_points_behind_or_beside_the_image_are_not_inside():
    camera = Camera.from_opencv(WIDTH, HEIGHT, FX, FY, CX, CY)
    pixels, inside = camera.project([[0, 0, 1], [0, 0, -1], [0, 0, 0], [5, 0, 1], [-5, 0, 1], [0, 5, 1], [0, -5, 1]])
    assert inside.tolist() == [True] + [False] * 6
    assert np.isnan(pixels[1:3]).all()
    assert np.isfinite(pixels[3:]).all(), 'residuals of points just beside the image are needed'
    corner = camera.normalize([[0.0, 0.0], [WIDTH - 1e-6, HEIGHT - 1e-6]])
    assert camera.project(np.c_[corner * 2, [2, 2]])[1].all()
    assert camera.project(np.zeros((0, 3)))[0].shape == (0, 2)
    assert camera.normalize(np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize('factor', [0.5, 2.0, (0.5, 0.25)])
def test_a_scaled_camera_sees_scaled_pixels(factor):
    factors = np.broadcast_to(factor, 2)
    camera = Camera.from_opencv(WIDTH, HEIGHT, FX, FY, CX, CY, (-0.25, 0.09, 0.003, -0.004))
    small = camera.scaled(*np.atleast_1d(factor).tolist())
    assert (small.width, small.height) == tuple((factors * [WIDTH, HEIGHT]).astype(int))
    points_N3 = points_in_view()
    assert small.project(points_N3)[0] == pytest.approx(camera.project(points_N3)[0] * factors, abs=1e-9)


def test_scaling_to_a_rounded_size_scales_by_the_rounded_size():
    camera = Camera.from_opencv(641, 481, FX, FY, CX, CY)
    small = camera.scaled(0.5)
    assert (small.width, small.height) == (320, 240)
    assert small.focal_lengths == pytest.approx((FX * 320 / 641, FY * 240 / 481))


@pytest.mark.parametrize('model', ROS_DISTORTION_MODELS)
def test_cameras_survive_json_pycolmap_pickle_and_copy(model):
    camera = Camera.from_ros(WIDTH, HEIGHT, K_33, model, (0.1, 0.02, 0.003, 0.004))
    camera.project([[0, 0, 1]])
    assert Camera.from_json(camera.to_json()) == camera
    assert Camera.from_pycolmap(camera.to_pycolmap()) == camera
    assert pickle.loads(pickle.dumps(camera)) == camera
    assert copy.deepcopy(camera) == camera
    assert hash(copy.deepcopy(camera)) == hash(camera)


@pytest.mark.parametrize(
    'data', [{}, {'model': 'PINHOLE', 'width': 'x', 'height': 1, 'params': []}, {'model': 'PINHOLE', 'width': 4}]
)
def test_bad_json_cameras_are_refused(data):
    with pytest.raises(CalibrationError, match='left is described by'):
        Camera.from_json(data, 'left')


def test_the_field_of_view_of_a_pinhole_is_its_corners():
    camera = Camera('PINHOLE', 640, 480, (400.0, 500.0, 320.0, 200.0))
    low, high = camera.field_of_view
    assert low == pytest.approx([-320 / 400, -200 / 500])
    assert high == pytest.approx([320 / 400, 280 / 500])


def test_points_that_the_distortion_folds_back_are_not_inside():
    """r (1 - 0.3 r^2) turns back at r = 1.05: a point at r = 1.6 lands on the same pixel as one at r = 0.4."""
    camera = Camera('OPENCV', 640, 480, (600.0, 600.0, 320.0, 240.0, -0.3, 0.0, 0.0, 0.0))
    pixels, inside = camera.project([[0.4, 0.0, 1.0], [1.6, 0.0, 1.0]])
    assert 0 <= pixels[1, 0] < 640, 'the test would say nothing'
    assert inside.tolist() == [True, False]
