# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Files of regions in memory, read from the disk when needed and checked each time."""

from __future__ import annotations

import threading

from neumap_ros.maps import exchange
from neumap_ros.maps.storage import StoredMap
from neumap_ros.maps.types import MapFile


class ShardStore:
    """Keeps the bytes of regions within a budget; the least recently needed leave first.

    What is kept is on offer to localizers of the same process, see :mod:`neumap_ros.maps.exchange`. May be used from
    several threads.

    Args:
        budget_bytes: for all files together; the last one that was needed stays even if it alone is larger.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._lock = threading.Lock()
        self._offers: dict[str, exchange.Offer] = {}  # by sha256, the one needed last at the end
        self._bytes = 0
        self._evictions = 0

    @property
    def regions(self) -> int:
        """How many files are in memory."""
        return len(self._offers)

    @property
    def held_bytes(self) -> int:
        """How many bytes they have."""
        return self._bytes

    @property
    def evictions(self) -> int:
        """How many files have left to make room since the start."""
        return self._evictions

    @property
    def budget_bytes(self) -> int:
        """How many bytes may be kept."""
        return self._budget_bytes

    @budget_bytes.setter
    def budget_bytes(self, budget_bytes: int) -> None:
        with self._lock:
            self._budget_bytes = budget_bytes
            self._make_room()

    def get(self, stored: StoredMap, file: MapFile) -> bytes:
        """The bytes of a file of a map.

        Args:
            stored: the map.
            file: one of its manifest.

        Raises:
            MapError: the file is missing or damaged.
        """
        with self._lock:
            if (found := self._offers.pop(file.sha256, None)) is not None:
                self._offers[file.sha256] = found
                return found.data
        data = stored.read_file(file.path)
        with self._lock:
            if file.sha256 not in self._offers:
                self._offers[file.sha256] = exchange.offer(file.sha256, data)
                self._bytes += len(data)
                self._make_room()
            return data

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._offers.clear()
            self._bytes = 0

    def _make_room(self) -> None:
        while self._bytes > self._budget_bytes and len(self._offers) > 1:
            sha256 = next(iter(self._offers))
            self._bytes -= len(self._offers.pop(sha256).data)
            self._evictions += 1
