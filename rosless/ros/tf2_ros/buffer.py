# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The buffer that nodes use."""

from __future__ import annotations

import threading
import time as python_time
from collections.abc import Callable
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.clock import Clock, JumpThreshold, TimeJump
from rclpy.constants import S_TO_NS
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.task import Future
from rclpy.time import Time
from tf2_msgs.srv import FrameGraph
from tf2_py import BufferCore

from tf2_ros.buffer_interface import BufferInterface

_NO_WAIT = Duration()


class Buffer(BufferCore, BufferInterface):
    """Keeps transforms, waits for them, and forgets them when time jumps back."""

    def __init__(self, cache_time: Duration | None = None, node: Node | None = None) -> None:
        """Create an empty buffer.

        Args:
            cache_time: How long transforms are kept; 10 seconds if None.
            node: Gets a service ``tf2_frames`` with the tree as YAML; its clock tells of jumps in time.
        """
        BufferCore.__init__(self, cache_time)
        BufferInterface.__init__(self)
        self._new_data = threading.Condition()
        self._waiting: list[tuple[Future, Callable[[], TransformStamped | None]]] = []
        if node is not None:
            self.srv = node.create_service(FrameGraph, 'tf2_frames', self._on_frame_graph)
        self.clock = node.get_clock() if node is not None else Clock()
        threshold = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1), on_clock_change=True)
        self.jump_handle = self.clock.create_jump_callback(threshold, post_callback=self.time_jump_callback)

    def _on_frame_graph(self, request: Any, response: Any) -> Any:
        response.frame_yaml = self.all_frames_as_yaml()
        return response

    def time_jump_callback(self, time_jump: TimeJump) -> None:
        """Forget the transforms of the time before the jump."""
        get_logger('tf2_buffer').warning('Detected jump back in time. Clearing tf buffer.')
        self.clear()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Add a transform that holds at its stamp."""
        super().set_transform(transform, authority)
        self._on_new_data()

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Add a transform that holds at all times."""
        super().set_transform_static(transform, authority)
        self._on_new_data()

    def _on_new_data(self) -> None:
        with self._new_data:
            self._new_data.notify_all()
            waiting = [(future, attempt) for future, attempt in self._waiting if not _is_over(future)]
            self._waiting = waiting.copy()
        for future, attempt in waiting:
            _try_to_finish(future, attempt)

    # Lookup

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = _NO_WAIT
    ) -> TransformStamped:
        """Return the transform from the source frame to the target frame.

        Args:
            target_frame: Frame in which the result expresses things.
            source_frame: Frame in which things are given.
            time: Time of the transform; the latest known for zero.
            timeout: How long to wait for it, in wall time.

        Raises:
            LookupException: A frame is unknown.
            ConnectivityException: The frames are not in one tree.
            ExtrapolationException: The time is outside of what is kept.
            InvalidArgumentException: A frame id is empty or begins with a slash.
        """
        self.can_transform(target_frame, source_frame, time, timeout)
        return self.lookup_transform_core(target_frame, source_frame, time)

    async def lookup_transform_async(self, target_frame: str, source_frame: str, time: Time) -> TransformStamped:
        """Wait without blocking, then return the transform."""
        await self.wait_for_transform_async(target_frame, source_frame, time)
        return self.lookup_transform_core(target_frame, source_frame, time)

    def lookup_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = _NO_WAIT,
    ) -> TransformStamped:
        """Return the transform from the source frame at one time to the target frame at another.

        Args:
            target_frame: Frame in which the result expresses things.
            target_time: Time at which that frame is taken.
            source_frame: Frame in which things are given.
            source_time: Time at which that frame is taken.
            fixed_frame: Frame that does not move between the two times.
            timeout: How long to wait for it, in wall time.
        """
        self.can_transform_full(target_frame, target_time, source_frame, source_time, fixed_frame, timeout)
        return self.lookup_transform_full_core(target_frame, target_time, source_frame, source_time, fixed_frame)

    async def lookup_transform_full_async(
        self, target_frame: str, target_time: Time, source_frame: str, source_time: Time, fixed_frame: str
    ) -> TransformStamped:
        """Wait without blocking, then return the transform between two times."""
        await self.wait_for_transform_full_async(target_frame, target_time, source_frame, source_time, fixed_frame)
        return self.lookup_transform_full_core(target_frame, target_time, source_frame, source_time, fixed_frame)

    # Waiting

    def can_transform(
        self,
        target_frame: str,
        source_frame: str,
        time: Time,
        timeout: Duration = _NO_WAIT,
        return_debug_tuple: bool = False,
    ) -> Any:
        """Tell whether there is a transform, or whether it comes within the timeout.

        Args:
            target_frame: Frame in which the result would express things.
            source_frame: Frame in which things would be given.
            time: Time of the transform; the latest known for zero.
            timeout: How long to wait for it, in wall time. Someone else must run the callbacks meanwhile.
            return_debug_tuple: Return also why not.

        Returns:
            Whether there is one, or a tuple of that and the reason.
        """
        result = self._await(lambda: self.can_transform_core(target_frame, source_frame, time), timeout)
        return result if return_debug_tuple else result[0]

    def can_transform_full(
        self,
        target_frame: str,
        target_time: Time,
        source_frame: str,
        source_time: Time,
        fixed_frame: str,
        timeout: Duration = _NO_WAIT,
        return_debug_tuple: bool = False,
    ) -> Any:
        """Tell whether there is a transform between two times; see ``can_transform``."""
        result = self._await(
            lambda: self.can_transform_full_core(target_frame, target_time, source_frame, source_time, fixed_frame),
            timeout,
        )
        return result if return_debug_tuple else result[0]

    def _await(self, check: Callable[[], tuple[bool, str]], timeout: Duration) -> tuple[bool, str]:
        deadline = python_time.monotonic() + timeout.nanoseconds / S_TO_NS
        with self._new_data:
            while not (result := check())[0]:
                remaining = deadline - python_time.monotonic()
                if remaining <= 0:
                    break
                self._new_data.wait(min(remaining, threading.TIMEOUT_MAX))
        return result

    def wait_for_transform_async(self, target_frame: str, source_frame: str, time: Time) -> Future:
        """Return a future that gets the transform once there is one."""

        def attempt() -> TransformStamped | None:
            possible, _ = self.can_transform_core(target_frame, source_frame, time)
            return self.lookup_transform_core(target_frame, source_frame, time) if possible else None

        return self._future(attempt)

    def wait_for_transform_full_async(
        self, target_frame: str, target_time: Time, source_frame: str, source_time: Time, fixed_frame: str
    ) -> Future:
        """Return a future that gets the transform between two times once there is one."""
        arguments = (target_frame, target_time, source_frame, source_time, fixed_frame)

        def attempt() -> TransformStamped | None:
            possible, _ = self.can_transform_full_core(*arguments)
            return self.lookup_transform_full_core(*arguments) if possible else None

        return self._future(attempt)

    def _future(self, attempt: Callable[[], TransformStamped | None]) -> Future:
        future = Future()
        # Registered before the first attempt, so that data in between is not missed.
        with self._new_data:
            self._waiting.append((future, attempt))
        _try_to_finish(future, attempt)
        return future


def _is_over(future: Future) -> bool:
    return bool(future.done() or future.cancelled())


def _try_to_finish(future: Future, attempt: Callable[[], TransformStamped | None]) -> None:
    """Give a future its transform if there is one; the one who waits shall also learn of errors."""
    try:
        transform = attempt()
    except Exception as error:
        future.set_exception(error)
        return
    if transform is not None and not _is_over(future):
        future.set_result(transform)
