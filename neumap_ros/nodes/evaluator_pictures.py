# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of the worst attempts of a live run, from what the localizer draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from cv_bridge import CvBridge
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from neumap_ros.evaluation.run_pictures import WorstAttempts, encode
from neumap_ros.evaluation.run_types import AttemptRow, Run
from neumap_ros.nodes.conversions import nanoseconds

# An attempt whose truth has not come after so many others is taken as it is.
PATIENCE = 50


class LivePictures:
    """Keeps the pictures of the last attempts until it is known how bad they were.

    Args:
        count: how many of the worst to keep; 0: none.

    Attributes:
        heard: how many pictures came.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._worst = WorstAttempts(count)
        self._recent: dict[int, bytes] = {}
        self._offered = 0
        self.heard = 0

    def take(self, message: Image) -> None:
        """Hear of a picture of ``~/debug_image``."""
        picture: NDArray[np.uint8] = CvBridge().imgmsg_to_cv2(message, 'bgr8')
        self._recent[nanoseconds(message.header.stamp)] = encode(picture)
        self.heard += 1

    def offer(self, rows: Sequence[AttemptRow], *, metric: bool, has_truth: bool, final: bool = False) -> None:
        """Choose among attempts whose picture and truth have come.

        Args:
            rows: of the run.
            metric: whether a map unit is a metre.
            has_truth: whether true poses are expected.
            final: whether nothing more will come.
        """
        if not self._count:
            return
        self._worst.set_scale(metric, 0.0)
        while self._offered < len(rows):
            row = rows[self._offered]
            late = final or len(rows) - self._offered > PATIENCE
            if not late and (row.stamp_ns not in self._recent or (has_truth and row.truth is None)):
                return
            data = self._recent.pop(row.stamp_ns or 0, None)
            if data is not None:
                self._worst.offer(self._offered, row, _decoder(data), tracked=True)
            self._offered += 1

    def pictures(self, run: Run) -> tuple[Run, dict[str, bytes]]:
        """The run that names its pictures, and the JPEG files by those names."""
        return self._worst.pictures(run)


def _decoder(data: bytes) -> Callable[[], NDArray[np.uint8]]:
    def decode() -> NDArray[np.uint8]:
        return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8)

    return decode
