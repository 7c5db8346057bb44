# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""tf2 to compare with: that of ROS 2 where it is, else that of rosless."""

import importlib.util

if importlib.util.find_spec('rclpy') is None:
    import rosless

    rosless.activate()
