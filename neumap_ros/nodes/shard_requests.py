# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which missing regions a localizer asks for, and when it asks again: decisions only, no ROS, no threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from neumap_ros.maps.types import MapFile

# A region that failed so often counts as not to be had.
GIVEN_UP = 3


class Requests:
    """Which missing regions to ask for, and when to ask again.

    Args:
        window_bytes: at most so many bytes are asked for at once, but always one region.
        window_regions: and at most so many regions.
        patience_s: without any arrival for so long, what was asked for is asked for again.
        backoff_s: a region that came damaged or not at all is asked for again after this; twice as long each time.
    """

    def __init__(
        self,
        window_bytes: int = 8_000_000,
        window_regions: int = 32,
        patience_s: float = 2.0,
        backoff_s: float = 0.1,
        longest_backoff_s: float = 10.0,
    ) -> None:
        self._window_bytes = window_bytes
        self._window_regions = window_regions
        self._patience_s = patience_s
        self._backoff_s = backoff_s
        self._longest_backoff_s = longest_backoff_s
        self._asked: set[str] = set()
        self._last_s = -float('inf')
        self._failures: dict[str, int] = {}
        self._not_before_s: dict[str, float] = {}

    @property
    def failed(self) -> frozenset[str]:
        """Regions that did not come however often they were asked for; they still are asked for."""
        return frozenset(name for name, count in self._failures.items() if count >= GIVEN_UP)

    def forget(self) -> None:
        """Begin anew: another revision, or another server."""
        self._asked.clear()
        self._failures.clear()
        self._not_before_s.clear()
        self._last_s = -float('inf')

    def arrived(self, region_id: str, now_s: float) -> None:
        """A region came and was good."""
        self._asked.discard(region_id)
        self._failures.pop(region_id, None)
        self._not_before_s.pop(region_id, None)
        self._last_s = now_s

    def failed_to_arrive(self, region_id: str, now_s: float) -> None:
        """A region came damaged, or the server cannot send it."""
        self._asked.discard(region_id)
        count = self._failures[region_id] = self._failures.get(region_id, 0) + 1
        delay_s = self._backoff_s * 2.0 ** min(count - 1, 20)
        self._not_before_s[region_id] = now_s + min(delay_s, self._longest_backoff_s)

    def next(self, missing: Sequence[str], files: Mapping[str, MapFile], now_s: float) -> tuple[str, ...]:
        """Regions to ask for now; empty if it is better to wait.

        Args:
            missing: ids, most urgent first.
            files: of all regions, for their sizes.
            now_s: any clock that only grows.
        """
        self._asked &= set(missing)
        if self._asked and now_s - self._last_s < self._patience_s:
            return ()
        window: list[str] = []
        left = self._window_bytes
        for name in missing:
            if now_s < self._not_before_s.get(name, now_s):
                continue
            if window and (files[name].bytes > left or len(window) >= self._window_regions):
                break
            window.append(name)
            left -= files[name].bytes
        if window:
            self._asked = set(window)
            self._last_s = now_s
        return tuple(window)
