# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The worst answers with their pictures, small enough to travel inside a page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from neumap_ros.evaluation import metrics
from neumap_ros.evaluation.html import words
from neumap_ros.evaluation.html.statistics import FloatArray
from neumap_ros.evaluation.html.view import RunView

# About 45 kB a picture: a page with 36 of them stays near 2 MB.
MOST_PICTURES, MOST_OF_A_RUN, LEAST_OF_A_RUN = 36, 12, 3
WIDTH_PX, QUALITY = 640, 70


@dataclass(frozen=True)
class Shot:
    """An answer with its picture.

    Attributes:
        run: index of the run.
        attempt: index of the attempt.
        name: of the image.
        outcome: what is bad about it, in a few words.
        false: whether it is a false fix.
        sentence: the localizer's own words.
        facts: figures for the caption.
        picture: data URI of a JPEG; empty if the run has none of it.
        width: of the picture in pixels.
        height: likewise.
    """

    run: int
    attempt: int
    name: str
    outcome: str
    false: bool
    sentence: str
    facts: tuple[str, ...]
    picture: str
    width: int
    height: int


# Kinds of answers from bad to good.
FALSE, OFF, MISSING, FINE = range(4)


def ranks(view: RunView) -> tuple[FloatArray, FloatArray]:
    """How bad each attempt is: its kind (N,), and how bad it is among its kind (N,), larger is worse."""
    coarse = metrics.coarse_threshold(view.run.metric)
    limit = coarse.distance * (view.run.extent if coarse.relative else 1.0)
    off_N = view.accepted_N & view.judged_N & ~coarse.met(view.error_N, view.angle_N, view.run.extent)
    size_N = np.maximum(view.error_N / max(limit, 1e-12), view.angle_N / coarse.angle_deg)
    kind_N = np.where(view.false_N, FALSE, np.where(off_N, OFF, np.where(~view.accepted_N, MISSING, FINE)))
    # Of those without a pose, the ones that were nearest to being accepted tell the most.
    confidence_N = np.array([row.confidence for row in view.attempts], dtype=np.float64)
    size_N = np.nan_to_num(np.where(kind_N == MISSING, confidence_N, size_N), posinf=0.0)
    return kind_N.astype(np.float64), size_N


def failures(view: RunView) -> int:
    """How many attempts gave no pose, or one beyond the coarse threshold."""
    return int((ranks(view)[0] < FINE).sum())


def gallery(views: Sequence[RunView]) -> list[list[Shot]]:
    """The answers to show of each run: those with a picture, the worst first."""
    most = min(MOST_OF_A_RUN, max(LEAST_OF_A_RUN, MOST_PICTURES // max(len(views), 1)))
    shots = []
    for index, view in enumerate(views):
        mine: list[Shot] = []
        kind_N, size_N = ranks(view)
        pictured = [number for number, row in enumerate(view.attempts) if row.picture]
        for attempt in sorted(pictured, key=lambda number: (kind_N[number], -size_N[number], number)):
            shot = _shot(index, view, attempt, int(kind_N[attempt])) if len(mine) < most else None
            if shot is not None:
                mine.append(shot)
        shots.append(mine)
    return shots


def _shot(index: int, view: RunView, attempt: int, kind: int) -> Shot | None:
    row = view.attempts[attempt]
    found = small_picture(view.folder, row.picture)
    if found is None:
        return None
    picture, width, height = found
    outcome = {FALSE: 'false fix', OFF: 'pose that is off', MISSING: row.reason}.get(kind, 'large error')
    facts = []
    if row.accepted and row.truth is not None:
        facts.append(f'{words.length(row.error_m, view.unit)} and {words.angle(row.error_deg)} from the truth')
    elif np.isfinite(row.estimate_error_m):
        facts.append(
            f'best guess {words.length(row.estimate_error_m, view.unit)} and '
            f'{words.angle(row.estimate_error_deg)} from the truth'
        )
    facts.append(f'{words.number(row.evidence.guided_inliers, "inlier")} of {row.evidence.matches:,} matches')
    if np.isfinite(row.confidence):
        facts.append(f'confidence {row.confidence:.2f}')
    facts.append(words.seconds(float(view.time_N[attempt])) if view.has_stamps else f'image {attempt + 1}')
    return Shot(index, attempt, row.name, outcome, kind == FALSE, row.detail, tuple(facts), picture, width, height)


def small_picture(folder: Path, name: str) -> tuple[str, int, int] | None:
    """A picture of a run as a small JPEG.

    Args:
        folder: of the run; nothing outside it is read.
        name: path of the picture in it.

    Returns:
        (data URI, width, height), None if there is no such picture.
    """
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return None
    encoded = np.frombuffer(path.read_bytes(), np.uint8)
    pixels = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if len(encoded) else None
    if pixels is None:
        return None
    if pixels.shape[1] > WIDTH_PX:
        size = (WIDTH_PX, max(1, round(pixels.shape[0] * WIDTH_PX / pixels.shape[1])))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        return None
    uri = 'data:image/jpeg;base64,' + base64.b64encode(data.tobytes()).decode()
    return uri, int(pixels.shape[1]), int(pixels.shape[0])
