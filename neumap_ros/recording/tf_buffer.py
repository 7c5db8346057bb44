# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Transforms as they arrive, looked up as tf2 does: a buffer of some seconds, linear interpolation and slerp."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from numpy.typing import ArrayLike

from neumap_ros.errors import CalibrationError
from neumap_ros.geometry import Pose
from neumap_ros.localization.frames import BACKWARDS_NS
from neumap_ros.mapping.sources.trajectory import interpolate
from neumap_ros.ros_values import clean_frame

# What tf2's buffers keep by default.
CACHE_NS = 10 * 10**9

# A list is cut at its front only when it has grown by so many samples, because that copies the rest.
_CUT_AFTER = 1024


class TransformError(Exception):
    """A transform cannot be given; the message says why. Stays inside a replay, where it becomes a reason."""


@dataclass
class _Edge:
    """One frame in its parent: static, or samples by ascending stamp."""

    parent: str
    static: Pose | str | None = None
    stamps_ns: list[int] = field(default_factory=list)
    poses: list[Pose | str] = field(default_factory=list)


class TfBuffer:
    """Frames with one parent each. Stamps are whole nanoseconds, so that nothing is lost to rounding.

    A frame whose stamps go back by more than half a second starts anew: the recording was made of one that looped. On
    a robot the clock tells that.
    """

    def __init__(self) -> None:
        self._edges: dict[str, _Edge] = {}

    def add(
        self, parent: str, child: str, quaternion_wxyz: ArrayLike, translation_3: ArrayLike, stamp_ns: int | None
    ) -> None:
        """Add a transform; a broken one is an error only for who asks for it.

        Args:
            parent: frame.
            child: frame; the last parent given counts.
            quaternion_wxyz: rotation of ``T_parent_child``, scalar first.
            translation_3: translation of ``T_parent_child``.
            stamp_ns: None for a static transform.
        """
        parent, child = clean_frame(parent), clean_frame(child)
        value: Pose | str
        try:
            value = Pose.from_quaternion(quaternion_wxyz, translation_3, f'the transform from {parent!r} to {child!r}')
        except CalibrationError as error:
            value = str(error)
        edge = self._edges.get(child)
        if edge is None or edge.parent != parent:
            edge = self._edges[child] = _Edge(parent)
        if stamp_ns is None:
            edge.static = value
            return
        stamps, poses = edge.stamps_ns, edge.poses
        if stamps and stamp_ns < stamps[-1] - BACKWARDS_NS:
            stamps.clear()
            poses.clear()
        place = bisect_right(stamps, stamp_ns)
        if place and stamps[place - 1] == stamp_ns:
            poses[place - 1] = value
            return
        stamps.insert(place, stamp_ns)
        poses.insert(place, value)
        first = bisect_left(stamps, stamps[-1] - CACHE_NS)
        if first > _CUT_AFTER:
            del stamps[:first], poses[:first]

    def connected(self, target: str, source: str) -> bool:
        """Tell whether a chain of transforms joins two frames, whatever their stamps."""
        try:
            return self._ancestry(clean_frame(target))[-1] == self._ancestry(clean_frame(source))[-1]
        except TransformError:
            return False

    def lookup(self, target: str, source: str, stamp_ns: int) -> Pose:
        """Give ``T_target_source`` at a stamp.

        Raises:
            TransformError: no chain joins the frames, or one of it has no samples on both sides of the stamp, or is no
                rotation.
        """
        target, source = clean_frame(target), clean_frame(source)
        if target == source:
            return Pose.identity()
        up, down = self._ancestry(target), self._ancestry(source)
        if up[-1] != down[-1]:
            missing = [frame for frame in (target, source) if frame not in self.frames]
            raise TransformError(
                f'{" and ".join(missing)} {"is" if len(missing) == 1 else "are"} not in TF'
                if missing
                else f'{target} and {source} are in two trees that nothing joins'
            )
        meeting = next(frame for frame in up if frame in down)
        T_meeting_target = self._chain(up[: up.index(meeting)], stamp_ns)
        T_meeting_source = self._chain(down[: down.index(meeting)], stamp_ns)
        return T_meeting_target.inverse() @ T_meeting_source

    @property
    def frames(self) -> set[str]:
        """All frames."""
        return {*self._edges, *(edge.parent for edge in self._edges.values())}

    def _chain(self, frames: list[str], stamp_ns: int) -> Pose:
        T_top_first = Pose.identity()
        for frame in frames:
            T_top_first = self._step(frame, stamp_ns) @ T_top_first
        return T_top_first

    def _step(self, child: str, stamp_ns: int) -> Pose:
        edge = self._edges[child]
        if edge.static is not None:
            return _sound(edge.static)
        stamps = edge.stamps_ns
        after = bisect_left(stamps, stamp_ns)
        if after < len(stamps) and stamps[after] == stamp_ns:
            return _sound(edge.poses[after])
        if after == 0 or after == len(stamps):
            end_ns = stamps[0 if after == 0 else -1]
            raise TransformError(
                f'{child} in {edge.parent} is known {"from" if after == 0 else "until"} {end_ns / 1e9:.6f} s'
            )
        fraction = (stamp_ns - stamps[after - 1]) / (stamps[after] - stamps[after - 1])
        return interpolate(_sound(edge.poses[after - 1]), _sound(edge.poses[after]), fraction)

    def _ancestry(self, frame: str) -> list[str]:
        """List the frame, its parent, and so on to the root."""
        ancestry = [frame]
        while (edge := self._edges.get(ancestry[-1])) is not None:
            if edge.parent in ancestry:
                raise TransformError(f'the transforms around {frame} form a loop')
            ancestry.append(edge.parent)
        return ancestry


def _sound(value: Pose | str) -> Pose:
    if isinstance(value, str):
        raise TransformError(value)
    return value
