# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One picture that tells what happened: the place by day, the same place at night with its matches, the drive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.evaluation.pictures import draw_inliers
from neumap_ros.geometry import FloatArray, Pose

if TYPE_CHECKING:
    from neumap_ros.evaluation.run_types import Run
    from neumap_ros.mapping.sources import ImageSource

PANEL_PX = (640, 480)
PLAN_WIDTH_PX = 2 * PANEL_PX[0]
MARGIN_M = 1.2
# Blue, green, red.
WALL, TRUTH, GOOD, POOR = (120, 120, 120), (190, 150, 60), (70, 170, 50), (40, 60, 220)
# Errors that are drawn in the colours of good and poor, metres.
GOOD_M, POOR_M = 0.05, 0.5
# A turned camera sees another thing: a radian counts as so many metres when the nearest mapping image is looked for.
METRES_PER_RADIAN = 2.0
LINE_PX = 24

Picture = NDArray[np.uint8]


def story(run: Run, mapping: ImageSource, map_folder: Path, bag: Path, camera: str) -> Picture:
    """Draw the demonstration.

    Args:
        run: of the nodes.
        mapping: images that the map was made from.
        map_folder: the map.
        bag: that was played.
        camera: its name in the bag.

    Returns:
        BGR, uint8 (H, W, 3): a mapping image beside a query with its inliers, and the plan of the drive below.
    """
    from neumap_ros.localization.localizer import Localizer
    from neumap_ros.mapping.sources import open_bag
    from neumap_ros.maps.storage import open_map

    queries = open_bag(bag, f'/{camera}/image/compressed', pose='/ground_truth.base_link')
    localizer = Localizer(open_map(map_folder))
    panels = []
    # The image in the middle of those that gave a pose: neither the best nor the worst.
    accepted = {row.stamp_ns for row in run.attempts if row.accepted}
    images = [i for i in queries.images if i.time_s is not None and round(i.time_s * 1e9) in accepted] or queries.images
    query = images[len(images) // 2]
    pixels = queries.read(query)
    fix = localizer.localize(pixels, query.camera)
    poses = [image.T_map_cam for image in mapping.images if image.T_map_cam is not None]
    pose = query.T_map_cam or fix.T_map_cam
    if pose is not None and poses:
        nearest = min(range(len(poses)), key=lambda index: _distance(poses[index], pose))
        panels.append(_captioned(_fitted(mapping.read(mapping.images[nearest])), 'mapped by day'))
    panels.append(_captioned(_fitted(draw_inliers(pixels, fix, query.camera)), f'localized: {run.name}'))
    while len(panels) < 2:
        panels.append(np.full_like(panels[0], 255))
    return np.asarray(cv2.vconcat([cv2.hconcat(panels), _plan(run)]), dtype=np.uint8)


def _distance(first: Pose, second: Pose) -> float:
    metres, degrees = first.error_to(second)
    return metres + METRES_PER_RADIAN * float(np.radians(degrees))


def _fitted(picture: Picture) -> Picture:
    colour = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR) if picture.ndim == 2 else picture
    return np.asarray(cv2.resize(colour, PANEL_PX, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _captioned(picture: Picture, text: str) -> Picture:
    header = np.full((LINE_PX + 8, picture.shape[1], 3), 255, dtype=np.uint8)
    cv2.putText(header, text, (8, LINE_PX - 2), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
    return np.asarray(cv2.vconcat([header, picture]), dtype=np.uint8)


def _plan(run: Run) -> Picture:
    """The drive from above: floor, true path, and every answer in the colour of its error."""
    shapes = [np.array(polygon, dtype=np.float64) for polygon in run.floor]
    truths = _positions([row.truth for row in run.attempts])
    # The rooms around the drive; the plan also knows the houses opposite.
    seen = truths if len(truths) else np.zeros((1, 2))
    low, high = seen.min(axis=0) - MARGIN_M, seen.max(axis=0) + MARGIN_M
    scale = PLAN_WIDTH_PX / float(high[0] - low[0])
    plan = np.full((max(1, round(float(high[1] - low[1]) * scale)), PLAN_WIDTH_PX, 3), 255, dtype=np.uint8)

    def place(points_N2: FloatArray) -> NDArray[np.int32]:
        pixels = (np.asarray(points_N2, dtype=np.float64).reshape(-1, 2) - low) * scale
        pixels[:, 1] = len(plan) - pixels[:, 1]
        return np.asarray(np.rint(pixels), dtype=np.int32)

    for shape in shapes:
        cv2.polylines(plan, [place(shape)], True, WALL, 1, cv2.LINE_AA)
    if len(truths):
        cv2.polylines(plan, [place(truths)], False, TRUTH, 2, cv2.LINE_AA)
    missed = 0
    for row in run.attempts:
        if row.truth is None:
            continue
        if row.pose is None:
            missed += 1
            cv2.drawMarker(plan, _pixel(place(row.truth.translation_3[:2])), POOR, cv2.MARKER_TILTED_CROSS, 10, 1)
            continue
        cv2.circle(plan, _pixel(place(row.pose.translation_3[:2])), 5, _colour(row.error_m), -1, cv2.LINE_AA)
    found = sum(row.accepted for row in run.attempts)
    errors = [row.error_m for row in run.attempts if row.accepted and np.isfinite(row.error_m)]
    middle = f', median error {100 * float(np.median(errors)):.1f} cm' if errors else ''
    return _captioned(
        plan, f'{found} answers{middle} (green: {100 * GOOD_M:g} cm or less, red: {100 * POOR_M:g} cm or more); '
        f'{missed} images without an answer (crosses)'
    )  # fmt: skip


def _positions(poses: Sequence[Pose | None]) -> FloatArray:
    return np.array([pose.translation_3[:2] for pose in poses if pose is not None]).reshape(-1, 2)


def _pixel(pixels_12: NDArray[np.int32]) -> tuple[int, int]:
    return int(pixels_12[0, 0]), int(pixels_12[0, 1])


def _colour(error_m: float) -> tuple[int, int, int]:
    share = float(np.clip(np.log(max(error_m, 1e-6) / GOOD_M) / np.log(POOR_M / GOOD_M), 0, 1))
    return tuple(round(a + share * (b - a)) for a, b in zip(GOOD, POOR, strict=True))  # type: ignore[return-value]
