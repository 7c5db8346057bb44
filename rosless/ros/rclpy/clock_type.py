# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Kinds of clocks."""

from enum import IntEnum


class ClockType(IntEnum):
    """What a clock measures: simulated or wall time (ROS), wall time (system), or time since boot (steady)."""

    UNINITIALIZED = 0
    ROS_TIME = 1
    SYSTEM_TIME = 2
    STEADY_TIME = 3
