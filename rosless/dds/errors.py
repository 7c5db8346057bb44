# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What can go wrong below the level of ROS."""


class DdsError(RuntimeError):
    """Cyclone DDS refused something."""

    def __init__(self, message: str, code: int = -1) -> None:
        super().__init__(message)
        self.code = code


class LibraryMissingError(ImportError):
    """There is no libddsc on this machine."""
