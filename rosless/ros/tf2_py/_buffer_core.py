# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tree of frames."""

from __future__ import annotations

import math
import threading
from typing import Protocol

from geometry_msgs.msg import Quaternion, TransformStamped, Vector3
from geometry_msgs.msg import Transform as TransformMsg
from rclpy.constants import S_TO_NS
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.time import Time

from tf2_py._exceptions import (
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TransformException,
)
from tf2_py._math import IDENTITY, Transform, canonical, compose, inverse
from tf2_py._time_cache import Cache, Entry, StaticCache, TimeCache, seconds

_logger = get_logger('tf2')


class TimeMessage(Protocol):
    """``builtin_interfaces/msg/Time``."""

    sec: int
    nanosec: int


def to_nanoseconds(time: Time | TimeMessage) -> int:
    """Read a time that is an ``rclpy.time.Time`` or a message."""
    if isinstance(time, Time):
        return time.nanoseconds
    if hasattr(time, 'sec') and hasattr(time, 'nanosec'):
        return int(time.sec) * S_TO_NS + int(time.nanosec)
    raise TypeError(f'time must be an rclpy.time.Time or a builtin_interfaces.msg.Time, got {type(time).__name__}')


class BufferCore:
    """Keeps transforms and combines them along the tree."""

    def __init__(self, cache_time: Duration | None = None) -> None:
        """Create an empty tree.

        Args:
            cache_time: How long transforms are kept; 10 seconds if None.
        """
        self._cache_time = 10 * S_TO_NS if cache_time is None else cache_time.nanoseconds
        self._caches: dict[str, Cache] = {}
        self._authorities: dict[str, str] = {}
        # Every name that was ever a child or a parent.
        self._frames: dict[str, None] = {}
        self._tree_lock = threading.RLock()

    # Input

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """Add a transform that holds at its stamp.

        Args:
            transform: From its child frame to the frame of its header.
            authority: Who says so, for messages.
        """
        self._set(transform, authority, is_static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        """Add a transform that holds at all times."""
        self._set(transform, authority, is_static=True)

    def _set(self, message: TransformStamped, authority: str, *, is_static: bool) -> None:
        parent = message.header.frame_id.removeprefix('/')
        child = message.child_frame_id.removeprefix('/')
        position, orientation = message.transform.translation, message.transform.rotation
        transform = Transform(
            (position.x, position.y, position.z), (orientation.x, orientation.y, orientation.z, orientation.w)
        )
        if fault := _fault(parent, child, transform):
            _logger.error(f'Ignoring transform from "{parent}" to "{child}" of authority "{authority}": {fault}')
            return
        # As in tf2, quaternions of any other length are taken for what they point at.
        transform = transform._replace(rotation=canonical(transform.rotation))
        stamp = to_nanoseconds(message.header.stamp)
        with self._tree_lock:
            cache = self._caches.get(child)
            if cache is None or isinstance(cache, StaticCache) != is_static:
                cache = self._caches[child] = StaticCache() if is_static else TimeCache(self._cache_time)
            self._frames.setdefault(child)
            self._frames.setdefault(parent)
            if not cache.insert(stamp, Entry(parent, transform)):
                _logger.warning(
                    f'TF_OLD_DATA ignoring data from the past for frame {child} at time {seconds(stamp)} according to '
                    f'authority {authority}'
                )
                return
            self._authorities[child] = authority

    def clear(self) -> None:
        """Forget all transforms but the static ones."""
        with self._tree_lock:
            for cache in self._caches.values():
                cache.clear()

    # Output

    def lookup_transform_core(self, target_frame: str, source_frame: str, time: Time | TimeMessage) -> TransformStamped:
        """Return the transform from the source frame to the target frame.

        Args:
            target_frame: Frame in which the result expresses things.
            source_frame: Frame in which things are given.
            time: Time of the transform; the latest that all parts of the way have for zero.

        Raises:
            LookupException: A frame is unknown.
            ConnectivityException: The frames are not in one tree.
            ExtrapolationException: The time is outside of what is kept.
            InvalidArgumentException: A frame id is empty or begins with a slash.
        """
        with self._tree_lock:
            transform, stamp = self._lookup(target_frame, source_frame, to_nanoseconds(time), 'lookupTransform')
        return _to_message(transform, stamp, target_frame, source_frame)

    def lookup_transform_full_core(
        self,
        target_frame: str,
        target_time: Time | TimeMessage,
        source_frame: str,
        source_time: Time | TimeMessage,
        fixed_frame: str,
    ) -> TransformStamped:
        """Return the transform from the source frame at one time to the target frame at another.

        Args:
            target_frame: Frame in which the result expresses things.
            target_time: Time at which that frame is taken.
            source_frame: Frame in which things are given.
            source_time: Time at which that frame is taken.
            fixed_frame: Frame that does not move between the two times.
        """
        with self._tree_lock:
            for role, frame in (('target', target_frame), ('source', source_frame), ('fixed', fixed_frame)):
                self._require_frame(frame, f'lookupTransform argument {role}_frame')
            first, _ = self._lookup(fixed_frame, source_frame, to_nanoseconds(source_time), 'lookupTransform')
            second, stamp = self._lookup(target_frame, fixed_frame, to_nanoseconds(target_time), 'lookupTransform')
        return _to_message(compose(second, first), stamp, target_frame, source_frame)

    def can_transform_core(self, target_frame: str, source_frame: str, time: Time | TimeMessage) -> tuple[bool, str]:
        """Tell whether ``lookup_transform_core`` would succeed, and if not, why."""
        try:
            with self._tree_lock:
                self._lookup(target_frame, source_frame, to_nanoseconds(time), 'canTransform')
        except TransformException as error:
            return False, str(error)
        return True, ''

    def can_transform_full_core(
        self,
        target_frame: str,
        target_time: Time | TimeMessage,
        source_frame: str,
        source_time: Time | TimeMessage,
        fixed_frame: str,
    ) -> tuple[bool, str]:
        """Tell whether ``lookup_transform_full_core`` would succeed, and if not, why."""
        try:
            self.lookup_transform_full_core(target_frame, target_time, source_frame, source_time, fixed_frame)
        except TransformException as error:
            return False, str(error)
        return True, ''

    def get_latest_common_time(self, target_frame: str, source_frame: str) -> Time:
        """Return the latest time at which the transform between two frames is known; zero if it is static."""
        with self._tree_lock:
            for frame in (target_frame, source_frame):
                self._require_frame(frame, 'get_latest_common_time')
            if target_frame == source_frame:
                stamp = self._latest_stamp(target_frame)
            else:
                stamp = self._latest_common_time(target_frame, source_frame)
        return Time(nanoseconds=stamp)

    def all_frames_as_string(self) -> str:
        """Return one line for each frame that has a parent."""
        with self._tree_lock:
            return ''.join(
                f'Frame {child} exists with parent {cache.latest_parent() or "NO_PARENT"}.\n'
                for child, cache in self._caches.items()
            )

    def all_frames_as_yaml(self) -> str:
        """Return the tree as YAML: each frame with parent, broadcaster, rate and times."""
        with self._tree_lock:
            blocks = [self._frame_as_yaml(child, cache) for child, cache in self._caches.items()]
        return ''.join(blocks) or '[]'

    def _frame_as_yaml(self, child: str, cache: Cache) -> str:
        parent = cache.latest_parent()
        if parent is None:
            return ''
        length = cache.latest - cache.oldest
        # A single transform has no rate; tf2 counts it as if it came every 0.1 ms.
        rate = cache.length * 1e9 / max(length, 100_000)
        return (
            f"{child}: \n  parent: '{parent}'\n  broadcaster: '{self._authorities[child]}'\n  rate: {rate:.3f}\n"
            f'  most_recent_transform: {seconds(cache.latest)}\n  oldest_transform: {seconds(cache.oldest)}\n'
            f'  buffer_length: {length / 1e9:.3f}\n'
        )

    # The walk along the tree

    def _require_frame(self, frame: str, argument: str) -> None:
        if not frame or frame.startswith('/'):
            rule = "cannot start with a '/'" if frame else 'cannot be empty'
            raise InvalidArgumentException(f'Invalid argument "{frame}" passed to {argument}: frame ids {rule}')
        if frame not in self._frames:
            raise LookupException(f'"{frame}" passed to {argument} does not exist.')

    def _latest_stamp(self, frame: str) -> int:
        cache = self._caches.get(frame)
        return cache.latest if cache else 0

    def _lookup(self, target: str, source: str, time: int, function: str) -> tuple[Transform, int]:
        if target == source:
            return IDENTITY, time or self._latest_stamp(target)
        self._require_frame(target, f'{function} argument target_frame')
        self._require_frame(source, f'{function} argument source_frame')
        time = time or self._latest_common_time(target, source)
        # The source frame as seen from each of its ancestors.
        seen_from = {source: IDENTITY}
        frame = source
        gap: ExtrapolationException | None = None
        while frame != target and frame in self._caches:
            try:
                parent, transform = self._caches[frame].at(time)
            except ExtrapolationException as error:
                # There may still be a way: the target can be below this frame.
                gap = error
                break
            if parent in seen_from:
                raise self._loop()
            seen_from[parent] = compose(transform, seen_from[frame])
            frame = parent
        to_ancestor = IDENTITY
        frame = target
        visited = {target}
        while frame not in seen_from:
            try:
                if frame not in self._caches:
                    raise gap or self._not_connected(target, source)
                frame, transform = self._caches[frame].at(time)
            except ExtrapolationException as error:
                raise ExtrapolationException(
                    f'{error}, when looking up transform from frame [{source}] to frame [{target}]'
                ) from None
            if frame in visited:
                raise self._loop()
            visited.add(frame)
            to_ancestor = compose(transform, to_ancestor)
        return compose(inverse(to_ancestor), seen_from[frame]), time

    def _latest_common_time(self, target: str, source: str) -> int:
        # Static transforms hold at all times and do not count; infinity stands for none but those.
        latest: dict[str, float] = {source: math.inf}
        frame = source
        while frame != target and (step := self._latest_step(frame)):
            parent, stamp = step
            if parent in latest:
                raise self._loop()
            latest[parent] = min(latest[frame], stamp)
            frame = parent
        common = math.inf
        frame = target
        visited = {target}
        while frame not in latest:
            step = self._latest_step(frame)
            if step is None:
                raise self._not_connected(target, source)
            frame, stamp = step
            if frame in visited:
                raise self._loop()
            visited.add(frame)
            common = min(common, stamp)
        common = min(common, latest[frame])
        return 0 if common == math.inf else int(common)

    def _latest_step(self, frame: str) -> tuple[str, float] | None:
        """Return the parent of a frame and the stamp of the latest transform to it."""
        cache = self._caches.get(frame)
        parent = cache.latest_parent() if cache else None
        if cache is None or parent is None:
            return None
        return parent, cache.latest or math.inf

    def _not_connected(self, target: str, source: str) -> ConnectivityException:
        return ConnectivityException(
            f"Could not find a connection between '{target}' and '{source}' because they are not part of the same "
            'tree. Tf has two or more unconnected trees.'
        )

    def _loop(self) -> LookupException:
        return LookupException(f'The tf tree is invalid because it contains a loop.\n{self.all_frames_as_string()}')


def _fault(parent: str, child: str, transform: Transform) -> str | None:
    """Return why a transform cannot be taken."""
    if child == parent:
        return 'TF_SELF_TRANSFORM, frame_id and child_frame_id are the same'
    if not child:
        return 'TF_NO_CHILD_FRAME_ID, child_frame_id is not set'
    if not parent:
        return 'TF_NO_FRAME_ID, frame_id is not set'
    if any(math.isnan(value) for value in transform.translation + transform.rotation):
        return f'TF_NAN_INPUT, it contains nan: {transform.translation} {transform.rotation}'
    if not any(transform.rotation):
        return 'TF_DENORMALIZED_QUATERNION, all four numbers of the quaternion are zero'
    return None


def _to_message(transform: Transform, stamp: int, target: str, source: str) -> TransformStamped:
    message = TransformStamped(child_frame_id=source)
    message.header.frame_id = target
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, S_TO_NS)
    x, y, z = transform.translation
    translation = Vector3(x=x, y=y, z=z)
    x, y, z, w = canonical(transform.rotation)
    message.transform = TransformMsg(translation=translation, rotation=Quaternion(x=x, y=y, z=z, w=w))
    return message
