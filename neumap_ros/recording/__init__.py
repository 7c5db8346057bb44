# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ROS 2 bags written and read without ROS: recordings made from posed images, and the transforms of a recording."""
