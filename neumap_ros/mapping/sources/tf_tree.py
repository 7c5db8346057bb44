# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The transforms of a recording, looked up at any time of it (tf2 forgets after ten seconds, a recording must not)."""

from __future__ import annotations

from collections import defaultdict

from neumap_ros.errors import SourceError
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources.trajectory import Trajectory


class TfTree:
    """Frames with one parent each, joined by static or moving transforms."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._static: dict[str, Pose] = {}
        self._samples: dict[str, list[tuple[float, Pose]]] = defaultdict(list)
        self._moving: dict[str, Trajectory] = {}

    def add(self, parent: str, child: str, T_parent_child: Pose, time_s: float | None) -> None:
        """Add a transform.

        Args:
            parent: frame.
            child: frame; it has one parent at a time, and the last one given counts.
            T_parent_child: child in parent.
            time_s: its stamp in seconds; None for a static transform.
        """
        parent, child = clean_frame(parent), clean_frame(child)
        if self._parents.get(child, parent) != parent:
            self._samples.pop(child, None)
            self._static.pop(child, None)
        self._parents[child] = parent
        if time_s is None:
            self._static[child] = T_parent_child
        else:
            self._samples[child].append((time_s, T_parent_child))
            self._moving.pop(child, None)

    @property
    def frames(self) -> tuple[str, ...]:
        """All frames, sorted."""
        return tuple(sorted({*self._parents, *self._parents.values()}))

    def connected(self, target: str, source: str) -> bool:
        """Tell whether a chain of transforms joins two frames."""
        return self._root(clean_frame(target)) == self._root(clean_frame(source))

    def lookup(self, target: str, source: str, time_s: float, max_time_difference_s: float) -> Pose | None:
        """Give ``T_target_source`` at a time.

        Args:
            target: frame to map into.
            source: frame to map from.
            time_s: in seconds.
            max_time_difference_s: how far a moving transform's nearest sample may be, in seconds.

        Returns:
            None where a moving transform has no sample near that time.

        Raises:
            SourceError: no chain of transforms joins the frames.
        """
        target, source = clean_frame(target), clean_frame(source)
        if not self.connected(target, source):
            raise SourceError(
                f'/tf and /tf_static do not connect {target!r} and {source!r}, expected a chain between two of '
                f'{", ".join(self.frames) or "no frames at all"}; record /tf and /tf_static, or name other frames'
            )
        chains = []
        for frame in (target, source):
            T_root_frame = Pose.identity()
            while frame in self._parents:
                step = self._step(frame, time_s, max_time_difference_s)
                if step is None:
                    return None
                T_root_frame = step @ T_root_frame
                frame = self._parents[frame]
            chains.append(T_root_frame)
        return chains[0].inverse() @ chains[1]

    def _step(self, child: str, time_s: float, max_time_difference_s: float) -> Pose | None:
        if child in self._static:
            return self._static[child]
        if child not in self._moving:
            self._moving[child] = Trajectory.from_samples(self._samples[child])
        return self._moving[child].at(time_s, max_time_difference_s)

    def _root(self, frame: str) -> str:
        visited = {frame}
        while frame in self._parents:
            frame = self._parents[frame]
            if frame in visited:
                raise SourceError(
                    f'the transforms around {frame!r} form a loop, expected a tree; correct the recording'
                )
            visited.add(frame)
        return frame


def clean_frame(frame_id: str) -> str:
    """Drop the leading slash that ROS 1 recordings carry."""
    return frame_id.lstrip('/')
