# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ROS 2 face: plain rclpy nodes around :mod:`neumap_ros.localization` and :mod:`neumap_ros.maps`."""
