# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Why a transform cannot be had."""


class TransformException(Exception):
    """Base of all of them."""


class ConnectivityException(TransformException):
    """Two frames are known but nothing connects them."""


class LookupException(TransformException):
    """A frame is unknown."""


class ExtrapolationException(TransformException):
    """The time is outside of what the buffer holds."""


class InvalidArgumentException(TransformException):
    """A frame id is empty or begins with a slash."""


class TimeoutException(TransformException):
    """A transform did not become available in time."""
