# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Messages from our values and back; the only file that knows both, besides ``neumap_ros/ros_values.py`` in the core.

Images come in through :func:`neumap_ros.ros_values.pixels_from_message`, which a replay of a bag uses too, so that both
see the same grey values bit for bit. A test compares them with cv_bridge's, which agree but for the rounding of Bayer
patterns by another version of OpenCV; cv_bridge refuses ``8UC3``, ``yuyv``, padded rows and rows that are cut short,
and rounds 16 bits differently. It makes the pictures that go out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from builtin_interfaces.msg import Time as TimeMessage
from cv_bridge import CvBridge
from geometry_msgs.msg import Point, PoseWithCovarianceStamped, TransformStamped
from geometry_msgs.msg import Pose as PoseMessage
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import Attempt, TrackingState
from neumap_ros.msg import LocalizationStatus
from neumap_ros.ros_values import quaternion_wxyz, xyz

S_TO_NS = 1_000_000_000
NO_NUMBER = math.nan

_STATES = {
    TrackingState.UNLOCALIZED: LocalizationStatus.STATE_UNLOCALIZED,
    TrackingState.CONFIRMING: LocalizationStatus.STATE_CONFIRMING,
    TrackingState.LOCALIZED: LocalizationStatus.STATE_LOCALIZED,
    TrackingState.LOST: LocalizationStatus.STATE_LOST,
}
# Stages of the core, by the field of the message that they belong to; those of no other field are part of the pose.
_STAGE_FIELDS = {'features': 'features_ms', 'retrieval': 'retrieval_ms', 'matching': 'matching_ms'}
_NO_STAGES = ('total',)


# Times and poses


def nanoseconds(stamp: TimeMessage) -> int:
    """A stamp as whole nanoseconds since its clock's zero."""
    return int(stamp.sec) * S_TO_NS + int(stamp.nanosec)


def time_message(stamp_ns: int) -> TimeMessage:
    """A stamp as a message."""
    seconds, rest = divmod(stamp_ns, S_TO_NS)
    return TimeMessage(sec=seconds, nanosec=rest)


def header(stamp_ns: int, frame_id: str) -> Header:
    """A header."""
    return Header(stamp=time_message(stamp_ns), frame_id=frame_id)


def pose_message(pose: Pose) -> PoseMessage:
    """A pose as a message."""
    message = PoseMessage()
    message.position.x, message.position.y, message.position.z = (float(v) for v in pose.translation_3)
    w, x, y, z = (float(v) for v in pose.quaternion_wxyz)
    message.orientation.w, message.orientation.x, message.orientation.y, message.orientation.z = w, x, y, z
    return message


def pose_from_message(message: PoseMessage, name: str) -> Pose:
    """A pose from a message.

    Raises:
        CalibrationError: NaN, or a quaternion that is none.
    """
    return Pose.from_quaternion(quaternion_wxyz(message.orientation), xyz(message.position), name)


def pose_from_transform(message: TransformStamped) -> Pose:
    """``T_parent_child`` of a transform.

    Raises:
        CalibrationError: NaN, or a quaternion that is none.
    """
    name = f'the transform from {message.child_frame_id} to {message.header.frame_id}'
    transform = message.transform
    return Pose.from_quaternion(quaternion_wxyz(transform.rotation), xyz(transform.translation), name)


def transform_message(T_parent_child: Pose, parent: str, child: str, stamp_ns: int) -> TransformStamped:
    """A transform as a message."""
    message = TransformStamped(header=header(stamp_ns, parent), child_frame_id=child)
    pose = pose_message(T_parent_child)
    message.transform.translation.x = pose.position.x
    message.transform.translation.y = pose.position.y
    message.transform.translation.z = pose.position.z
    message.transform.rotation = pose.orientation
    return message


def pose_with_covariance(
    T_map_base: Pose, covariance_66: NDArray[np.float64], frame_id: str, stamp_ns: int
) -> PoseWithCovarianceStamped:
    """An accepted pose as a message."""
    message = PoseWithCovarianceStamped(header=header(stamp_ns, frame_id))
    message.pose.pose = pose_message(T_map_base)
    message.pose.covariance = [float(v) for v in covariance_66.reshape(-1)]
    return message


def point_message(point_3: NDArray[np.float64]) -> Point:
    """A point as a message."""
    return Point(x=float(point_3[0]), y=float(point_3[1]), z=float(point_3[2]))


# Pictures


def picture_message(picture_HW3: NDArray[np.uint8], frame_id: str, stamp_ns: int) -> Image:
    """A picture, blue first, as a message."""
    message: Image = CvBridge().cv2_to_imgmsg(picture_HW3, 'bgr8')
    message.header = header(stamp_ns, frame_id)
    return message


# Status


def status_message(
    attempt: Attempt,
    *,
    map_frame: str,
    base_frame: str,
    camera_frames: Mapping[str, str],
    age_ms: float,
    total_ms: float,
) -> LocalizationStatus:
    """An attempt as a message.

    Args:
        attempt: the outcome.
        map_frame: frame of the map.
        base_frame: frame of the robot.
        camera_frames: optical frame of each camera by the camera's name, where it is known.
        age_ms: from the stamp of the images to the start of the attempt.
        total_ms: the whole attempt.
    """
    fix, evidence = attempt.fix, attempt.fix.evidence
    message = LocalizationStatus(header=header(attempt.stamp_ns, map_frame), child_frame_id=base_frame)
    message.map_id, message.revision, message.map_sha256 = attempt.map_id, attempt.revision, attempt.map_sha256
    message.regions = list(fix.regions)
    message.cameras = [camera_frames.get(name, '') or name for name in attempt.cameras]
    message.state = _STATES[attempt.state]
    message.accepted = attempt.accepted
    message.reason, message.detail = attempt.reason.value, attempt.detail

    message.pose.covariance[0] = -1.0
    estimate = attempt.T_map_base or fix.hypothesis
    if estimate is not None:
        message.has_pose = True
        message.pose.pose = pose_message(estimate)
        covariance = attempt.covariance_66 if attempt.covariance_66 is not None else fix.covariance_66
        if covariance is not None:
            message.pose.covariance = [float(v) for v in covariance.reshape(-1)]

    searched, solved = evidence.matches > 0, fix.hypothesis is not None
    message.confidence = float(fix.confidence) if solved else NO_NUMBER
    message.keypoints, message.matches, message.inliers = evidence.keypoints, evidence.matches, evidence.inliers
    message.inlier_ratio = evidence.inlier_ratio if searched and solved else NO_NUMBER
    message.coverage_ratio = evidence.coverage if solved else NO_NUMBER
    guided = evidence.guided_inliers
    message.ambiguity_ratio = min(1.0, evidence.chance_inliers / guided) if solved and guided else NO_NUMBER
    message.reprojection_error_px = evidence.residual_px if solved else NO_NUMBER
    message.correction_m, message.correction_rad = attempt.correction_m, attempt.correction_rad
    message.confirmations, message.confirmations_required = attempt.confirmations, attempt.confirmations_required

    message.age_ms, message.total_ms = float(age_ms), float(total_ms)
    message.features_ms = message.retrieval_ms = message.matching_ms = message.solving_ms = NO_NUMBER
    for field, value in _stages(fix.timings_ms).items():
        setattr(message, field, value)
    message.dropped_images = attempt.dropped
    return message


def _stages(timings_ms: Mapping[str, float]) -> dict[str, float]:
    """Wall times of the stages by field of the message; only of those that were reached."""
    sums: dict[str, float] = {}
    for stage, value in timings_ms.items():
        if stage in _NO_STAGES:
            continue
        field = _STAGE_FIELDS.get(stage, 'solving_ms')
        sums[field] = sums.get(field, 0.0) + float(value)
    return sums
