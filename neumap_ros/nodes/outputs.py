# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the localizer publishes about an attempt; pictures and markers are made only if somebody looks."""

from __future__ import annotations

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import PoseWithCovarianceStamped, Vector3
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from neumap_ros.evaluation.pictures import draw_views, inliers_of_view
from neumap_ros.localization.attempt import Attempt, FrameSet, View
from neumap_ros.msg import LocalizationStatus
from neumap_ros.nodes import conversions
from neumap_ros.nodes.transforms import Frames

_GREEN, _RED = ColorRGBA(r=0.2, g=0.8, b=0.2, a=1.0), ColorRGBA(r=0.9, g=0.2, b=0.2, a=1.0)
_POINT_SIZE_M, _LINE_WIDTH_M = 0.03, 0.004
# Markers of a robot that sees nothing any more vanish by themselves.
_MARKER_LIFETIME = Duration(sec=2)


class Outputs:
    """The publishers of the localizer, TF apart.

    Args:
        node: publishes.
        frames: names of the frames.
    """

    def __init__(self, node: Node, frames: Frames) -> None:
        self._node = node
        self._frames = frames
        self._pose = node.create_publisher(PoseWithCovarianceStamped, 'pose', QoSProfile(depth=10))
        self._status = node.create_publisher(LocalizationStatus, '~/status', QoSProfile(depth=10))
        self._picture = node.create_publisher(Image, '~/debug_image', QoSProfile(depth=1))
        self._matches = node.create_publisher(MarkerArray, '~/matches', QoSProfile(depth=1))

    def close(self) -> None:
        """Publish no more."""
        for publisher in (self._pose, self._status, self._picture, self._matches):
            self._node.destroy_publisher(publisher)

    def publish(self, attempt: Attempt, frames: FrameSet, age_ms: float, total_ms: float) -> None:
        """Publish an attempt: its pose if it was accepted, its status always.

        Args:
            attempt: the outcome.
            frames: its images.
            age_ms: from their stamp to the start of the attempt.
            total_ms: the whole attempt.
        """
        if attempt.T_map_base is not None and attempt.covariance_66 is not None:
            self._pose.publish(
                conversions.pose_with_covariance(
                    attempt.T_map_base, attempt.covariance_66, self._frames.map, attempt.stamp_ns
                )
            )
        self._status.publish(
            conversions.status_message(
                attempt,
                map_frame=self._frames.map,
                base_frame=self._frames.base,
                camera_frames={view.name: view.frame_id for view in frames.views},
                age_ms=age_ms,
                total_ms=total_ms,
            )
        )
        if frames.views and self._picture.get_subscription_count():
            picture = draw_views(attempt, frames.views)
            self._picture.publish(conversions.picture_message(picture, frames.views[0].frame_id, attempt.stamp_ns))
        if frames.views and self._matches.get_subscription_count():
            self._matches.publish(match_markers(attempt, frames.views, self._frames.map))


def match_markers(attempt: Attempt, views: tuple[View, ...], map_frame: str) -> MarkerArray:
    """The map points that support the pose, and lines to them from the cameras; green if it was accepted, else red."""
    markers = MarkerArray()
    pose = attempt.T_map_base or attempt.fix.hypothesis
    if pose is None:
        return markers
    header, colour = conversions.header(attempt.stamp_ns, map_frame), _GREEN if attempt.accepted else _RED
    for number, view in enumerate(views):
        inliers = inliers_of_view(attempt, number)
        found = [] if inliers is None else [conversions.point_message(point) for point in inliers.points_C3]
        eye = conversions.point_message((pose @ view.T_base_cam).translation_3)
        for kind, size, points in (
            (Marker.POINTS, _POINT_SIZE_M, found),
            (Marker.LINE_LIST, _LINE_WIDTH_M, [p for point in found for p in (eye, point)]),
        ):
            marker = Marker(header=header, ns=view.name, id=kind, type=kind, action=Marker.ADD, color=colour)
            marker.scale = Vector3(x=size, y=size if kind == Marker.POINTS else 0.0, z=0.0)
            marker.pose.orientation.w = 1.0
            marker.points, marker.lifetime = points, _MARKER_LIFETIME
            if not points:
                marker.action = Marker.DELETE
            markers.markers.append(marker)
    return markers
