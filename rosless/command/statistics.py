# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rate and bandwidth of a topic, over a window of messages."""

from __future__ import annotations

import math
import time
from collections import deque
from itertools import pairwise


class Rate:
    """How often messages arrive.

    Args:
        window: Over how many of them.
    """

    def __init__(self, window: int) -> None:
        self._times: deque[float] = deque(maxlen=window + 1)
        self._reported = 0.0

    def add(self, data: bytes) -> None:
        """Take a message."""
        self._times.append(time.monotonic())

    def report(self) -> str | None:
        """The rate; None if there is nothing new."""
        times = list(self._times)
        if len(times) < 2 or times[-1] == self._reported:
            return None
        self._reported = times[-1]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        mean = sum(gaps) / len(gaps)
        deviation = math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / len(gaps))
        return (
            f'average rate: {1 / mean if mean else 0.0:.3f}\n'
            f'\tmin: {min(gaps):.3f}s max: {max(gaps):.3f}s std dev: {deviation:.5f}s window: {len(gaps)}'
        )


class Bandwidth:
    """How many bytes arrive.

    Args:
        window: Over how many messages.
    """

    def __init__(self, window: int) -> None:
        self._arrivals: deque[tuple[float, int]] = deque(maxlen=window)

    def add(self, data: bytes) -> None:
        """Take a message."""
        self._arrivals.append((time.monotonic(), len(data)))

    def report(self) -> str | None:
        """The bandwidth; None with fewer than two messages."""
        arrivals = list(self._arrivals)
        if len(arrivals) < 2:
            return None
        sizes = [size for _, size in arrivals]
        rate = sum(sizes) / (time.monotonic() - arrivals[0][0])
        factor, unit, digits = next(
            scale for scale in ((1e6, 'MB', 2), (1e3, 'KB', 2), (1.0, 'B', 0)) if rate >= scale[0] or scale[0] == 1.0
        )
        shown, mean, least, most = (
            f'{value / factor:.{digits}f} {unit}' for value in (rate, sum(sizes) / len(sizes), min(sizes), max(sizes))
        )
        return f'{shown}/s from {len(sizes)} messages\n\tMessage size mean: {mean} min: {least} max: {most}'
