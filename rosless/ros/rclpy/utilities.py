# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The default context, and small helpers."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

from rclpy.constants import S_TO_NS
from rclpy.context import Context

_lock = threading.Lock()
_default_context: Context | None = None


def get_default_context(*, shutting_down: bool = False) -> Context:
    """The context that is used where none is given.

    Args:
        shutting_down: Return it for the last time; the next call makes another.
    """
    global _default_context
    with _lock:
        context = _default_context or Context()
        _default_context = None if shutting_down else context
        return context


def ok(*, context: Context | None = None) -> bool:
    """Whether a context, the default one if None, is initialized and not shut down."""
    return (context or get_default_context()).ok()


def shutdown(*, context: Context | None = None) -> None:
    """Shut a context down, the default one if None.

    Raises:
        RCLError: It is shut down already.
        RuntimeError: It was never initialized.
    """
    (context or get_default_context(shutting_down=True)).shutdown()


def try_shutdown(*, context: Context | None = None) -> None:
    """Shut a context down, the default one if None, unless it is already."""
    (context or get_default_context(shutting_down=True)).try_shutdown()


def remove_ros_args(args: Sequence[str] | None = None) -> list[str]:
    """The arguments that are not for ROS; of `sys.argv` if None."""
    from rclpy._arguments import remove_ros_args as remove

    return remove(sys.argv if args is None else args)


def get_rmw_implementation_identifier() -> str:
    """The name of the ROS 2 middleware whose wire protocol is spoken."""
    return 'rmw_cyclonedds_cpp'


def timeout_sec_to_nsec(timeout_sec: float | None) -> int:
    """Nanoseconds of a timeout; -1, for ever, if it is None or negative."""
    return -1 if timeout_sec is None or timeout_sec < 0 else int(float(timeout_sec) * S_TO_NS)
