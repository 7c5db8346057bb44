# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The transforms of one frame to its parent over time."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from tf2_py._exceptions import ExtrapolationException
from tf2_py._math import Transform, interpolate


def seconds(nanoseconds: int) -> str:
    """Write a time as tf2 does in its messages."""
    return f'{nanoseconds / 1e9:.6f}'


class Entry(NamedTuple):
    """A frame's parent and the transform to it."""

    parent: str
    transform: Transform


class StaticCache:
    """One transform that holds at all times."""

    oldest = 0
    latest = 0
    length = 1

    def __init__(self) -> None:
        self._entry: Entry | None = None

    def insert(self, stamp: int, entry: Entry) -> bool:
        """Replace the transform."""
        self._entry = entry
        return True

    def at(self, time: int) -> Entry:
        """Return the transform."""
        assert self._entry is not None
        return self._entry

    def latest_parent(self) -> str | None:
        """Return the parent."""
        return self.at(0).parent

    def clear(self) -> None:
        """Keep the transform: it holds on both sides of a jump of time."""


class TimeCache:
    """Transforms of the last seconds, in the order of their stamps."""

    def __init__(self, duration: int) -> None:
        """Create an empty cache that keeps this many nanoseconds."""
        self._duration = duration
        self._stamps: list[int] = []
        self._entries: list[Entry] = []

    @property
    def oldest(self) -> int:
        """Stamp of the oldest transform, 0 if there is none."""
        return self._stamps[0] if self._stamps else 0

    @property
    def latest(self) -> int:
        """Stamp of the latest transform, 0 if there is none."""
        return self._stamps[-1] if self._stamps else 0

    @property
    def length(self) -> int:
        """Number of transforms."""
        return len(self._stamps)

    def insert(self, stamp: int, entry: Entry) -> bool:
        """Add a transform.

        Returns:
            False if it is older than the cache keeps.
        """
        horizon = self.latest - self._duration
        outdated = next((index for index, old in enumerate(self._stamps) if old >= horizon), 0)
        del self._stamps[:outdated], self._entries[:outdated]
        if self._stamps and stamp < horizon:
            return False
        index = bisect_right(self._stamps, stamp)
        if index and self._stamps[index - 1] == stamp and self._entries[index - 1] == entry:
            return True
        self._stamps.insert(index, stamp)
        self._entries.insert(index, entry)
        return True

    def at(self, time: int) -> Entry:
        """Return the transform at a time, interpolated between its neighbours; the latest for 0.

        Raises:
            ExtrapolationException: The time is outside of the cache.
        """
        stamps = self._stamps
        if not stamps:
            raise ExtrapolationException('Lookup would require extrapolation: no data is in the buffer')
        if time in (0, stamps[-1]):
            return self._entries[-1]
        if len(stamps) == 1:
            raise ExtrapolationException(
                f'Lookup would require extrapolation at time {seconds(time)}, but only time {seconds(stamps[0])} '
                'is in the buffer'
            )
        if time > stamps[-1]:
            raise ExtrapolationException(
                f'Lookup would require extrapolation into the future.  Requested time {seconds(time)} but the latest '
                f'data is at time {seconds(stamps[-1])}'
            )
        if time < stamps[0]:
            raise ExtrapolationException(
                f'Lookup would require extrapolation into the past.  Requested time {seconds(time)} but the earliest '
                f'data is at time {seconds(stamps[0])}'
            )
        if time == stamps[0]:
            # Of several transforms with the oldest stamp tf2 takes the one that came first, elsewhere the last.
            return self._entries[0]
        newer = bisect_right(stamps, time)
        before, after = self._entries[newer - 1], self._entries[newer]
        if before.parent != after.parent:
            return before
        ratio = (time - stamps[newer - 1]) / (stamps[newer] - stamps[newer - 1])
        return Entry(before.parent, interpolate(before.transform, after.transform, ratio))

    def latest_parent(self) -> str | None:
        """Return the parent in the latest transform, None if there is none."""
        return self._entries[-1].parent if self._entries else None

    def clear(self) -> None:
        """Forget everything."""
        self._stamps.clear()
        self._entries.clear()


Cache = TimeCache | StaticCache
