# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages from values and back."""

from __future__ import annotations

import math

import numpy as np
import pytest
from cv_bridge import CvBridge, CvBridgeError
from geometry_msgs.msg import Pose as PoseMessage
from neumap_ros.msg import LocalizationStatus
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CompressedImage, Image

from neumap_ros.errors import CalibrationError
from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import Attempt, RigFix, TrackingState
from neumap_ros.localization.fix import Evidence, Reason
from neumap_ros.nodes import conversions
from neumap_ros.ros_images import SUPPORTED_ENCODINGS
from neumap_ros.ros_values import COMPRESSED_IMAGE, IMAGE, pixels_from_message

# cv_bridge does not say what the channels of these are, and rounds sixteen bits where we keep the upper eight.
NOT_OF_CV_BRIDGE = {'8UC1', '8UC3', '8UC4', 'mono16'}
CHANNELS = {'mono8': 1, 'bgr8': 3, 'rgb8': 3, 'bgra8': 4, 'rgba8': 4}


@pytest.mark.parametrize('encoding', sorted(set(SUPPORTED_ENCODINGS) - NOT_OF_CV_BRIDGE))
@pytest.mark.parametrize('padding', [0, 4])
def test_grey_is_that_of_cv_bridge(encoding: str, padding: int) -> None:
    rng = np.random.default_rng(3)
    width, height = 32, 24
    channels = CHANNELS.get(encoding, 1 if encoding.startswith('bayer') else 2)
    step = (width + padding) * channels
    data = rng.integers(0, 256, height * step, dtype=np.uint8)
    message = Image(height=height, width=width, encoding=encoding, step=step, data=data.tobytes())
    try:
        expected = CvBridge().imgmsg_to_cv2(message, 'mono8')
    except CvBridgeError:
        assert encoding in ('uyvy', 'yuyv')
        pytest.skip(f'this cv_bridge knows {encoding} by its old name only')
    difference = np.abs(pixels_from_message(message, IMAGE, 'x').astype(int) - expected)
    # The cv_bridge of ROS 2 may link another OpenCV than Python does; their versions round Bayer patterns differently.
    assert difference.max() <= encoding.startswith('bayer')


def test_compressed_grey_is_that_of_cv_bridge() -> None:
    picture = np.random.default_rng(4).integers(0, 256, (24, 32), dtype=np.uint8)
    message = CvBridge().cv2_to_compressed_imgmsg(picture, 'png')
    assert isinstance(message, CompressedImage)
    assert np.array_equal(pixels_from_message(message, COMPRESSED_IMAGE, 'x'), picture)


def test_poses_and_transforms_come_back() -> None:
    pose = Pose(Rotation.from_euler('xyz', [10, -20, 170], degrees=True).as_matrix(), (1.5, -2.0, 0.25))
    for again in (
        conversions.pose_from_message(conversions.pose_message(pose), 'x'),
        conversions.pose_from_transform(conversions.transform_message(pose, 'a', 'b', 5)),
    ):
        metres, degrees = again.error_to(pose)
        assert metres == 0 and degrees < 1e-9
    message = conversions.transform_message(pose, 'a', 'b', 12_345_678_901)
    assert (message.header.frame_id, message.child_frame_id) == ('a', 'b')
    assert conversions.nanoseconds(message.header.stamp) == 12_345_678_901


def test_orientation_without_a_direction_is_refused() -> None:
    message = PoseMessage()
    message.orientation.w = 0.0
    with pytest.raises(CalibrationError, match='initialpose'):
        conversions.pose_from_message(message, 'initialpose')


def _status(attempt: Attempt) -> LocalizationStatus:
    return conversions.status_message(
        attempt,
        map_frame='map',
        base_frame='base_link',
        camera_frames={'front': 'front_optical'},
        age_ms=3.0,
        total_ms=9.0,
    )


def test_status_of_an_accepted_attempt() -> None:
    pose = Pose(np.eye(3), (1, 2, 3))
    covariance = np.diag([1, 2, 3, 4, 5, 6.0])
    evidence = Evidence(500, 200, 80, 120, 6.0, 0.4, 1.25, 0.5)
    timings = {'features': 10.0, 'retrieval': 1.0, 'matching': 5.0, 'pose': 2.0, 'guided': 3.0, 'total': 99.0}
    fix = RigFix(Reason.OK, pose, covariance, evidence, 0.97, pose, None, ('r1', 'r2'), timings_ms=timings)
    attempt = Attempt(
        7 * 10**9, Reason.OK, 'fine', TrackingState.LOCALIZED, fix, pose, covariance,
        correction_m=0.1, correction_rad=0.02, dropped=4, cameras=('front', 'left'), map_id='m', revision=18,
        map_sha256='s',
    )  # fmt: skip
    status = _status(attempt)
    assert status.accepted and status.has_pose and status.reason == LocalizationStatus.REASON_OK
    assert status.state == LocalizationStatus.STATE_LOCALIZED
    assert (status.map_id, status.revision, status.map_sha256) == ('m', 18, 's')
    assert list(status.regions) == ['r1', 'r2'] and list(status.cameras) == ['front_optical', 'left']
    assert (status.header.frame_id, status.child_frame_id) == ('map', 'base_link')
    assert status.pose.covariance.reshape(6, 6)[5, 5] == 6.0
    assert (status.keypoints, status.matches, status.inliers, status.dropped_images) == (500, 200, 80, 4)
    assert math.isclose(status.ambiguity_ratio, 0.05, rel_tol=1e-6)
    assert (status.features_ms, status.retrieval_ms, status.matching_ms, status.solving_ms) == (10.0, 1.0, 5.0, 5.0)
    assert (status.age_ms, status.total_ms) == (3.0, 9.0)


@pytest.mark.parametrize('reason', list(Reason))
@pytest.mark.parametrize('state', list(TrackingState))
def test_every_reason_and_state_has_its_constant(reason: Reason, state: TrackingState) -> None:
    status = _status(Attempt(1, reason, '', state, RigFix(reason)))
    assert status.reason == getattr(LocalizationStatus, f'REASON_{reason.name}')
    assert status.state == getattr(LocalizationStatus, f'STATE_{state.name}')
    assert not status.accepted and not status.has_pose
    assert status.pose.covariance[0] == -1.0
    for name in ('confidence', 'inlier_ratio', 'coverage_ratio', 'ambiguity_ratio', 'correction_m', 'solving_ms'):
        assert math.isnan(getattr(status, name)), name
