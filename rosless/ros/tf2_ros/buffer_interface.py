# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Transforms of whole messages, and the types that can be transformed."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.time import Time
from std_msgs.msg import Header


class TypeException(Exception):
    """Nobody has registered how to transform or convert a type."""

    def __init__(self, errstr: str) -> None:
        super().__init__(errstr)
        self.errstr = errstr


class NotImplementedException(Exception):
    """A buffer lacks ``lookup_transform`` or ``can_transform``."""

    def __init__(self) -> None:
        self.errstr = 'CanTransform or LookupTransform not implemented'
        super().__init__(self.errstr)


def _registered(registry: dict[Any, Callable[..., Any]], key: Any) -> Callable[..., Any]:
    if key not in registry:
        raise TypeException(
            f'Type {key} is not loaded or supported; for messages of geometry_msgs import tf2_geometry_msgs'
        )
    return registry[key]


class TransformRegistration:
    """Which function transforms which type."""

    _functions: dict[Any, Callable[..., Any]] = {}  # noqa: RUF012 - shared by all instances, as in tf2_ros

    def add(self, key: type, callback: Callable[[Any, TransformStamped], Any]) -> None:
        """Register a function that takes an object and a transform."""
        self._functions[key] = callback

    def get(self, key: type) -> Callable[[Any, TransformStamped], Any]:
        """Return the function of a type, or raise TypeException."""
        return _registered(self._functions, key)


class ConvertRegistration:
    """Which functions convert between types, directly or through a message."""

    _to_msg: dict[Any, Callable[..., Any]] = {}  # noqa: RUF012
    _from_msg: dict[Any, Callable[..., Any]] = {}  # noqa: RUF012
    _direct: dict[Any, Callable[..., Any]] = {}  # noqa: RUF012

    def add_from_msg(self, key: type, callback: Callable[[Any], Any]) -> None:
        """Register how a type is made of its message."""
        self._from_msg[key] = callback

    def add_to_msg(self, key: type, callback: Callable[[Any], Any]) -> None:
        """Register how a type becomes its message."""
        self._to_msg[key] = callback

    def add_convert(self, key: tuple[type, type], callback: Callable[[Any], Any]) -> None:
        """Register how one type becomes another."""
        self._direct[key] = callback

    def get_from_msg(self, key: type) -> Callable[[Any], Any]:
        """Return how a type is made of its message, or raise TypeException."""
        return _registered(self._from_msg, key)

    def get_to_msg(self, key: type) -> Callable[[Any], Any]:
        """Return how a type becomes its message, or raise TypeException."""
        return _registered(self._to_msg, key)

    def get_convert(self, key: tuple[type, type]) -> Callable[[Any], Any]:
        """Return how one type becomes another, or raise TypeException."""
        return _registered(self._direct, key)


def convert(a: Any, b_type: type) -> Any:
    """Convert an object to another type; a copy if it has that type."""
    registration = ConvertRegistration()
    try:
        return registration.get_convert((type(a), b_type))(a)
    except TypeException:
        if type(a) is b_type:
            return deepcopy(a)
        return registration.get_from_msg(b_type)(registration.get_to_msg(type(a))(a))


def Stamped(obj: Any, stamp: Any, frame_id: str) -> Any:
    """Give an object a header."""
    obj.header = Header(frame_id=frame_id, stamp=stamp)
    return obj


class BufferInterface:
    """A buffer that can transform messages."""

    def __init__(self) -> None:
        self.registration = TransformRegistration()

    def transform(
        self,
        object_stamped: Any,
        target_frame: str,
        timeout: Duration = Duration(),  # noqa: B008 - immutable
        new_type: type | None = None,
    ) -> Any:
        """Transform a message with a header into another frame, at the time of its header.

        Args:
            object_stamped: A message of a registered type.
            target_frame: The other frame.
            timeout: How long to wait for the transform.
            new_type: Type to convert the result to.
        """
        do_transform = self.registration.get(type(object_stamped))
        header = object_stamped.header
        transform = self.lookup_transform(target_frame, header.frame_id, header.stamp, timeout)
        result = do_transform(object_stamped, transform)
        return result if new_type is None else convert(result, new_type)

    def transform_full(
        self,
        object_stamped: Any,
        target_frame: str,
        target_time: Time,
        fixed_frame: str,
        timeout: Duration = Duration(),  # noqa: B008 - immutable
        new_type: type | None = None,
    ) -> Any:
        """Transform a message with a header into another frame at another time.

        Args:
            object_stamped: A message of a registered type.
            target_frame: The other frame.
            target_time: The other time.
            fixed_frame: Frame that does not move between the two times.
            timeout: How long to wait for the transform.
            new_type: Type to convert the result to.
        """
        do_transform = self.registration.get(type(object_stamped))
        header = object_stamped.header
        transform = self.lookup_transform_full(
            target_frame, target_time, header.frame_id, header.stamp, fixed_frame, timeout
        )
        result = do_transform(object_stamped, transform)
        return result if new_type is None else convert(result, new_type)

    def lookup_transform(self, *args: Any, **kwargs: Any) -> TransformStamped:
        """Return a transform; the buffer implements it."""
        raise NotImplementedException

    def lookup_transform_full(self, *args: Any, **kwargs: Any) -> TransformStamped:
        """Return a transform between two times; the buffer implements it."""
        raise NotImplementedException

    def can_transform(self, *args: Any, **kwargs: Any) -> Any:
        """Tell whether there is a transform; the buffer implements it."""
        raise NotImplementedException

    def can_transform_full(self, *args: Any, **kwargs: Any) -> Any:
        """Tell whether there is a transform between two times; the buffer implements it."""
        raise NotImplementedException
