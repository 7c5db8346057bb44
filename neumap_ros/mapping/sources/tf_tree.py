# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The transforms of a recording, looked up at any time of it (tf2 forgets after ten seconds, a recording must not)."""

from __future__ import annotations

from collections import defaultdict

from numpy.typing import ArrayLike

from neumap_ros.errors import SourceError
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources.trajectory import Trajectory
from neumap_ros.ros_values import clean_frame

_Raw = tuple[ArrayLike, ArrayLike]


class TfTree:
    """Frames with one parent each, joined by static or moving transforms."""

    def __init__(self) -> None:
        # Raw numbers until somebody asks: a broken transform of a frame that nobody needs is no error.
        self._parents: dict[str, str] = {}
        self._static: dict[str, _Raw] = {}
        self._samples: dict[str, list[tuple[float, _Raw]]] = defaultdict(list)
        self._moving: dict[str, Trajectory] = {}

    def add(
        self, parent: str, child: str, quaternion_wxyz: ArrayLike, translation_3: ArrayLike, time_s: float | None
    ) -> None:
        """Add a transform of a child in its parent.

        Args:
            parent: frame.
            child: frame; it has one parent, and the last one given counts.
            quaternion_wxyz: rotation of ``T_parent_child``, scalar first.
            translation_3: translation of ``T_parent_child``.
            time_s: its stamp in seconds; None for a static transform.
        """
        parent, child = clean_frame(parent), clean_frame(child)
        if self._parents.get(child, parent) != parent:
            self._samples.pop(child, None)
            self._static.pop(child, None)
        self._parents[child] = parent
        raw = (quaternion_wxyz, translation_3)
        if time_s is None:
            self._static[child] = raw
        else:
            self._samples[child].append((time_s, raw))
            self._moving.pop(child, None)

    @property
    def frames(self) -> tuple[str, ...]:
        """All frames, sorted."""
        return tuple(sorted({*self._parents, *self._parents.values()}))

    def connected(self, target: str, source: str) -> bool:
        """Tell whether a chain of transforms joins two frames."""
        return self._ancestry(clean_frame(target))[-1] == self._ancestry(clean_frame(source))[-1]

    def lookup(self, target: str, source: str, time_s: float, max_time_difference_s: float) -> Pose | None:
        """Give ``T_target_source`` at a time.

        Args:
            target: frame to map into.
            source: frame to map from.
            time_s: in seconds.
            max_time_difference_s: how far a moving transform's nearest sample may be, in seconds.

        Returns:
            None where a moving transform between the two has no sample near that time.

        Raises:
            SourceError: no chain of transforms joins the frames.
            CalibrationError: a transform of the chain is NaN or no rotation.
        """
        target, source = clean_frame(target), clean_frame(source)
        up, down = self._ancestry(target), self._ancestry(source)
        if up[-1] != down[-1]:
            raise SourceError(
                f'/tf and /tf_static do not connect {target!r} and {source!r}, expected a chain between two of '
                f'{", ".join(self.frames) or "no frames at all"}; record /tf and /tf_static, or name other frames'
            )
        meeting = next(frame for frame in up if frame in down)
        T_meeting_target = self._chain(up[: up.index(meeting)], time_s, max_time_difference_s)
        T_meeting_source = self._chain(down[: down.index(meeting)], time_s, max_time_difference_s)
        if T_meeting_target is None or T_meeting_source is None:
            return None
        return T_meeting_target.inverse() @ T_meeting_source

    def _chain(self, frames: list[str], time_s: float, max_time_difference_s: float) -> Pose | None:
        """``T_top_first`` of frames from the lowest up, where ``top`` is the last one's parent."""
        T_top_first = Pose.identity()
        for frame in frames:
            step = self._step(frame, time_s, max_time_difference_s)
            if step is None:
                return None
            T_top_first = step @ T_top_first
        return T_top_first

    def _step(self, child: str, time_s: float, max_time_difference_s: float) -> Pose | None:
        name = f'the transform from {self._parents[child]!r} to {child!r}'
        if child in self._static:
            return Pose.from_quaternion(*self._static[child], name)
        if child not in self._moving:
            self._moving[child] = Trajectory.from_samples(
                (stamp_s, Pose.from_quaternion(*raw, name)) for stamp_s, raw in self._samples[child]
            )
        return self._moving[child].at(time_s, max_time_difference_s)

    def _ancestry(self, frame: str) -> list[str]:
        """List the frame, its parent, and so on to the root."""
        ancestry = [frame]
        while ancestry[-1] in self._parents:
            parent = self._parents[ancestry[-1]]
            if parent in ancestry:
                raise SourceError(
                    f'the transforms around {frame!r} form a loop, expected a tree; correct the recording'
                )
            ancestry.append(parent)
        return ancestry
