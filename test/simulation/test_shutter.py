# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Motion blur and rolling shutter by a warp, against many renderings of a scene whose picture is known exactly."""

import cv2
import numpy as np
import pytest

from neumap_ros.geometry import Camera, Pose
from neumap_ros.simulation.shutter import exposed_in_motion, margin_px, padded

WALL_M = 3.0
PINHOLE = Camera('PINHOLE', 160, 120, (120.0, 120.0, 80.0, 60.0))
FISHEYE = Camera('OPENCV_FISHEYE', 160, 120, (72.0, 72.0, 80.0, 60.0, 0.02, -0.004, 0.0, 0.0))


def picture(camera, T_world_cam, rows=None):
    """A wall at z = 3 m whose brightness is a sum of waves, and its depth; exact at every pixel."""
    u, v = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height)[rows or slice(None)] + 0.5)
    rays = np.column_stack([camera.normalize(np.stack([u, v], -1).reshape(-1, 2)), np.ones(u.size)])
    directions = rays @ T_world_cam.rotation_33.T
    depth = (WALL_M - T_world_cam.translation_3[2]) / directions[:, 2]
    x, y, _ = (T_world_cam.translation_3 + depth[:, None] * directions).T
    light = 1 + 0.4 * np.sin(9 * x + 1) * np.cos(7 * y) + 0.4 * np.sin(4 * y - 3 * x)
    radiance = np.repeat(light.reshape(u.shape)[..., None], 3, axis=2)
    return radiance.astype(np.float32), depth.reshape(u.shape).astype(np.float32)


def moving(ahead_m_s, turn_rad_s):
    def at(offset_s):
        rotation, _ = cv2.Rodrigues(np.array([0.02, turn_rad_s * offset_s, 0.0]))
        return Pose(np.asarray(rotation, dtype=np.float64), np.array([0.1, 0.0, ahead_m_s * offset_s]))

    return at


def many_renderings(camera, at, exposure_s, readout_s, samples=41):
    result = np.zeros((camera.height, camera.width, 3))
    shares = (np.arange(samples) + 0.5) / samples - 0.5
    if not readout_s:
        return np.mean([picture(camera, at(share * exposure_s))[0] for share in shares], axis=0)
    for row in range(camera.height):
        middle_s = ((row + 0.5) / camera.height - 0.5) * readout_s
        moments = middle_s + (shares * exposure_s if exposure_s else np.zeros(1))
        rows = slice(row, row + 1)
        result[row] = np.mean([picture(camera, at(moment), rows)[0][0] for moment in moments], axis=0)
    return result


@pytest.mark.parametrize('camera', [PINHOLE, FISHEYE], ids=['pinhole', 'fisheye'])
@pytest.mark.parametrize(('exposure_s', 'readout_s'), [(0.05, 0.0), (0.0, 0.02), (0.03, 0.02)])
@pytest.mark.parametrize(('ahead_m_s', 'turn_rad_s'), [(1.0, 0.0), (0.6, 1.0)])
def test_the_warp_agrees_with_many_renderings(camera, exposure_s, readout_s, ahead_m_s, turn_rad_s):
    at = moving(ahead_m_s, turn_rad_s)
    margin = margin_px(camera, at, (exposure_s + readout_s) / 2)
    radiance, depth = picture(padded(camera, margin), at(0.0))
    warped = exposed_in_motion(
        radiance, depth, camera, at, margin_px=margin, exposure_s=exposure_s, readout_s=readout_s
    )
    samples = 41 if not readout_s else 9 if exposure_s else 1
    truth = many_renderings(camera, at, exposure_s, readout_s, samples)
    # At its edges the fisheye sees the wall at such an angle that the waves are shorter than a pixel.
    rays = camera.normalize(np.stack(np.meshgrid(np.arange(160) + 0.5, np.arange(120) + 0.5), -1).reshape(-1, 2))
    clear = (np.linalg.norm(rays, axis=1) < 1.0).reshape(120, 160)
    still = picture(camera, at(0.0))[0]
    error = np.abs(warped - truth)[clear].max()
    assert error < 0.03
    if turn_rad_s:
        assert np.abs(still - truth)[clear].max() > 3 * error


def test_a_camera_that_stands_sees_a_still_picture():
    at = moving(0.0, 0.0)
    radiance, depth = picture(PINHOLE, at(0.0))
    seen = exposed_in_motion(radiance, depth, PINHOLE, at, exposure_s=0.03, readout_s=0.02)
    assert np.allclose(seen, radiance, atol=1e-6)


def test_the_sky_moves_only_when_the_camera_turns():
    radiance, depth = picture(PINHOLE, moving(0, 0)(0.0))
    driving = exposed_in_motion(radiance, 0 * depth, PINHOLE, moving(1.0, 0.0), exposure_s=0.1)
    turning = exposed_in_motion(radiance, 0 * depth, PINHOLE, moving(0.0, 1.0), exposure_s=0.1)
    assert np.allclose(driving, radiance, atol=1e-3)
    assert np.abs(turning - radiance).max() > 0.1


def test_a_larger_sensor_sees_the_same_in_its_middle():
    for camera in (PINHOLE, FISHEYE, Camera('SIMPLE_RADIAL', 160, 120, (120.0, 80.0, 60.0, 0.01))):
        points = np.array([[0.1, -0.2, 1.0], [0.4, 0.3, 1.2]])
        assert np.allclose(padded(camera, 16).project(points)[0], camera.project(points)[0] + 16)
