# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the worst attempts of a run: false fixes first, then images without a pose, then the largest errors.

Attempts are offered as they happen, with a way to draw them; only the worst are kept, and drawn in the end.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError
from neumap_ros.evaluation.metrics import Threshold, false_fix_threshold
from neumap_ros.evaluation.run_folder import PICTURES_NAME
from neumap_ros.evaluation.run_types import AttemptRow, Run

Draw = Callable[[], NDArray[np.uint8]]

DEFAULT_COUNT = 12
MAX_WIDTH_PX, JPEG_QUALITY = 800, 80
# One picture stands for what happens within so long: neighbouring images fail alike.
EPISODE_NS = 5_000_000_000

_FALSE, _MISSING, _RIGHT = 2, 1, 0


@dataclass
class _Episode:
    """Attempts that one picture stands for."""

    key: Hashable
    kind: int
    size: float
    index: int
    tie: int
    draw: Draw

    @property
    def rank(self) -> tuple[int, float, int, int]:
        return self.kind, self.size, self.tie, self.index


class WorstAttempts:
    """Keeps the worst attempts of a run.

    Args:
        count: how many; 0: none.
    """

    def __init__(self, count: int = DEFAULT_COUNT) -> None:
        self._count = count
        self._false: Threshold = false_fix_threshold(True)
        self._extent = 0.0
        self._kept: list[tuple[tuple[int, float, int, int], _Episode]] = []
        self._open: _Episode | None = None

    def set_scale(self, metric: bool, extent: float) -> None:
        """Say what a large error is.

        Args:
            metric: whether a map unit is a metre.
            extent: of the scene in map units.
        """
        self._false, self._extent = false_fix_threshold(metric), extent

    def offer(self, index: int, row: AttemptRow, draw: Draw, *, tracked: bool) -> None:
        """Hear of an attempt.

        Args:
            index: of the row in the run, ascending.
            row: judged.
            draw: gives the picture, BGR; called in the end if it is among the worst, so that it may hold the image.
            tracked: whether attempts follow one another in time; then one stands for a few seconds.
        """
        if self._count <= 0 or (row.accepted and row.truth is None):
            return
        kind, size = self._judge(row)
        period = (row.stamp_ns or 0) // EPISODE_NS if tracked else index
        key = (kind, row.reason, period)
        # Of equals a draw decides, so that not all pictures show the beginning.
        episode = _Episode(key, kind, size, index, zlib.crc32(row.name.encode()), draw)
        if self._open is None or self._open.key != key:
            self._close()
            self._open = episode
        elif kind == _MISSING:
            self._open.size += size
        elif size > self._open.size:
            self._open = episode

    def pictures(self, run: Run) -> tuple[Run, dict[str, bytes]]:
        """Draw the worst.

        Args:
            run: of the attempts that were offered.

        Returns:
            The run whose rows name their pictures, and the JPEG files by those names.
        """
        rows, files = list(run.attempts), {}
        # The last episode may go on: a live run is written now and then.
        every = [*self._kept, *([] if self._open is None else [(self._open.rank, self._open)])]
        for _, episode in heapq.nlargest(self._count, every, key=lambda item: item[0]):
            name = f'{PICTURES_NAME}/{episode.index:06d}.jpg'
            files[name] = encode(episode.draw())
            rows[episode.index] = replace(rows[episode.index], picture=name)
        return replace(run, attempts=tuple(rows)), files

    def _judge(self, row: AttemptRow) -> tuple[int, float]:
        if not row.accepted:
            return _MISSING, 1.0
        unit = (self._false.distance * self._extent if self._false.relative else self._false.distance) or 1.0
        size = max(row.error_m / unit, row.error_deg / self._false.angle_deg)
        return (_FALSE if size > 1 else _RIGHT), size

    def _close(self) -> None:
        if self._open is not None:
            heapq.heappush(self._kept, (self._open.rank, self._open))
            self._open = None
            if len(self._kept) > self._count:
                heapq.heappop(self._kept)


def encode(picture: NDArray[np.uint8]) -> bytes:
    """A picture (H, W, 3) as a small JPEG file.

    Raises:
        ConfigError: OpenCV cannot write JPEG.
    """
    height, width = picture.shape[:2]
    if width > MAX_WIDTH_PX:
        size = (MAX_WIDTH_PX, max(1, round(height * MAX_WIDTH_PX / width)))
        picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    done, data = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ConfigError('a picture cannot be encoded as JPEG, expected OpenCV to do so; reinstall OpenCV')
    return bytes(data)
