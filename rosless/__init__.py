# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Ordinary rclpy nodes on machines without ROS 2, speaking ROS 2's wire protocol.

`activate()` makes `rclpy`, `tf2_ros`, `cv_bridge`, the message packages and a few more importable where no ROS 2 is
installed; where one is, it does nothing.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from importlib.abc import MetaPathFinder

__all__ = ['activate']

log = logging.getLogger(__name__)

_finder: MetaPathFinder | None = None


def activate() -> None:
    """Make the packages of ROS 2 importable, unless an rclpy is installed; calling it again changes nothing.

    An installed rclpy wins even if importing it fails: the error of a broken installation is the user's to see.
    """
    global _finder
    if _finder in sys.meta_path:
        return
    spec = importlib.util.find_spec('rclpy')
    if spec is not None:
        log.debug('rosless stays inactive: rclpy is installed in %s', spec.origin or 'a namespace package')
        return
    # Not before: importing it takes a while, and everything that the finder imports must be there before it finds.
    from rosless.finder import Finder

    _finder = Finder()
    # In front, because packages of ROS 1 (Debian has some) would hide those of the same name.
    sys.meta_path.insert(0, _finder)
