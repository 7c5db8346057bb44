# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Pictures that show why a pose is believed: a query with its inliers, and the scene from above."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ConfigError
from neumap_ros.evaluation.files import write_atomically
from neumap_ros.geometry import PIXEL_CENTRE, Camera, FloatArray, Pose
from neumap_ros.localization.attempt import Attempt, View
from neumap_ros.localization.fix import Correspondences, Fix

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Blue, green, red.
WHITE, BLACK, GREY = (255, 255, 255), (0, 0, 0), (150, 150, 150)
GREEN, RED, BLUE, ORANGE = (60, 180, 60), (50, 50, 230), (220, 120, 30), (0, 140, 255)

# Narrower images are enlarged so that marks and text can be read.
MIN_WIDTH_PX = 960
LINE_HEIGHT_PX = 26
FONT, FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.55
# cv2 draws at sub-pixel positions given in 1/16 pixel.
SHIFT = 4

MAP_SIZE_PX = 900
MAX_POINTS_DRAWN = 20_000
# Map points far from everything would shrink the rest of the plan.
POINT_PERCENTILES = (1, 99)


def draw_inliers(
    image: NDArray[np.uint8],
    fix: Fix,
    camera: Camera,
    name: str = '',
    max_error_px: float | None = None,
    keypoints_N2: NDArray[np.float32] | None = None,
) -> Picture:
    """Draw a query with the map points that support its pose.

    A ring is a keypoint, green where the reprojection error is 0 and red at the limit; the line leads to where the
    pose projects its map point. A pose that was not accepted is drawn too, and the header says so.

    Args:
        image: grey (H, W) or BGR (H, W, 3), uint8.
        fix: of this image.
        camera: of this image.
        name: of the image, for the header.
        max_error_px: error that is drawn red, in pixels of the image; by default the largest one.
        keypoints_N2: all keypoints, drawn as blue dots; COLMAP's pixels.

    Returns:
        BGR, uint8 (H', W', 3).
    """
    colour = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image.copy(), dtype=np.uint8)
    factor = max(1.0, MIN_WIDTH_PX / colour.shape[1])
    if factor > 1:
        size = (round(colour.shape[1] * factor), round(colour.shape[0] * factor))
        colour = np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    for keypoint in () if keypoints_N2 is None else keypoints_N2:
        cv2.circle(colour, _subpixel(keypoint, factor), 2 << SHIFT, BLUE, -1, cv2.LINE_AA, SHIFT)
    pose = fix.T_map_cam or fix.hypothesis
    errors = np.zeros(0)
    if pose is not None and fix.inliers is not None and len(fix.inliers):
        projected, _ = camera.project(pose.inverse().transform(fix.inliers.points_C3))
        errors = np.linalg.norm(projected - fix.inliers.pixels_C2, axis=1)
        limit = max_error_px or float(np.nanmax(errors, initial=0.0)) or 1.0
        for pixel, target, error in zip(fix.inliers.pixels_C2, projected, errors, strict=True):
            if np.isfinite(error):
                mark = _error_colour(float(error) / limit)
                start, end = _subpixel(pixel, factor), _subpixel(target, factor)
                cv2.line(colour, start, end, mark, 1, cv2.LINE_AA, SHIFT)
                cv2.circle(colour, start, 4 << SHIFT, mark, 1, cv2.LINE_AA, SHIFT)
    return _with_header(colour, _header(fix, pose, name, errors))


def draw_views(
    attempt: Attempt, views: Sequence[View], keypoints: Sequence[NDArray[np.float32]] = ()
) -> NDArray[np.uint8]:
    """Draw the images of all cameras side by side with the map points that support the pose.

    Args:
        attempt: of the images.
        views: the images, at least one.
        keypoints: (N, 2) of each view; none: they are not drawn.

    Returns:
        BGR, uint8 (H, W, 3).
    """
    pictures = [
        draw_inliers(
            view.image,
            _fix_of_view(attempt, number, view),
            view.camera,
            view.name,
            keypoints_N2=keypoints[number] if number < len(keypoints) else None,
        )
        for number, view in enumerate(views)
    ]
    height = max(picture.shape[0] for picture in pictures)
    padded = [
        cv2.copyMakeBorder(picture, 0, height - picture.shape[0], 0, 0, cv2.BORDER_CONSTANT) for picture in pictures
    ]
    return np.asarray(cv2.hconcat(padded), dtype=np.uint8)


def inliers_of_view(attempt: Attempt, number: int) -> Correspondences | None:
    """The correspondences of one camera that support the pose."""
    inliers = attempt.fix.inliers
    return inliers[number] if inliers is not None and number < len(inliers) else None


def _fix_of_view(attempt: Attempt, number: int, view: View) -> Fix:
    """What the attempt says of one camera."""
    fix, pose = attempt.fix, attempt.T_map_base
    return Fix(
        attempt.reason,
        None if pose is None else pose @ view.T_base_cam,
        evidence=fix.evidence,
        confidence=fix.confidence,
        hypothesis=None if fix.hypothesis is None else fix.hypothesis @ view.T_base_cam,
        inliers=inliers_of_view(attempt, number),
    )


def draw_plan(
    mapping: Sequence[Pose],
    estimates: Sequence[Pose],
    truths: Sequence[Pose] = (),
    points_P3: FloatArray | None = None,
) -> Picture:
    """Draw the scene from above: mapping cameras blue, estimates orange, true poses green, map points grey.

    Up is where the tops of the mapping images point on average, because not every map knows gravity.

    Args:
        mapping: ``T_map_cam`` of the mapping images, at least one.
        estimates: accepted poses.
        truths: true poses of the queries.
        points_P3: map points, map units.

    Returns:
        BGR, uint8 (MAP_SIZE_PX, MAP_SIZE_PX, 3) below a header.

    Raises:
        ConfigError: no mapping camera.
    """
    if not mapping:
        raise ConfigError('a plan needs mapping cameras, got none; give the poses of the mapping images')
    centres = np.array([pose.translation_3 for pose in mapping])
    plane_23 = _ground_plane(mapping)
    points = np.zeros((0, 2)) if points_P3 is None else np.asarray(points_P3, dtype=np.float64) @ plane_23.T
    shown = [centres @ plane_23.T]
    shown += [np.array([pose.translation_3]) @ plane_23.T for pose in (*estimates, *truths)]
    if len(points):
        points = points[:: -(-len(points) // MAX_POINTS_DRAWN)]
        shown.append(np.percentile(points, POINT_PERCENTILES, axis=0))
    corners = np.concatenate(shown)
    low, high = corners.min(axis=0), corners.max(axis=0)
    span = max(float((high - low).max()), 1e-9) * 1.1
    offset = (low + high) / 2 - span / 2

    def place(flat_N2: FloatArray) -> FloatArray:
        return np.asarray((flat_N2 - offset) / span * MAP_SIZE_PX)

    plan = np.full((MAP_SIZE_PX, MAP_SIZE_PX, 3), 255, dtype=np.uint8)
    columns, rows = np.floor(place(points)).astype(int).T
    inside = (columns >= 0) & (columns < MAP_SIZE_PX) & (rows >= 0) & (rows < MAP_SIZE_PX)
    plan[rows[inside], columns[inside]] = GREY
    for poses, colour, radius in ((mapping, BLUE, 2), (truths, GREEN, 5), (estimates, ORANGE, 3)):
        for pose in poses:
            centre = place(pose.translation_3 @ plane_23.T)
            tip = centre + 22 * (pose.rotation_33[:, 2] @ plane_23.T)
            cv2.line(plan, _subpixel(centre), _subpixel(tip), colour, 1, cv2.LINE_AA, SHIFT)
            cv2.circle(plan, _subpixel(centre), radius << SHIFT, colour, -1, cv2.LINE_AA, SHIFT)
    legend = f'{len(mapping)} mapping cameras blue, {len(estimates)} estimates orange, {len(truths)} true poses green'
    return _with_header(plan, [legend, f'{span:.3g} map units across'])


def _ground_plane(mapping: Sequence[Pose]) -> FloatArray:
    """Axes (2, 3) of the plan in the map frame: to the right and down on the paper, seen from above."""
    up = -np.mean([pose.rotation_33[:, 1] for pose in mapping], axis=0)
    up = up / np.linalg.norm(up) if np.linalg.norm(up) > 1e-3 else np.array([0.0, 0.0, 1.0])
    right = np.eye(3)[0 if abs(up[0]) < 0.8 else 1]
    right = right - up * (right @ up)
    right /= np.linalg.norm(right)
    return np.stack([right, -np.cross(up, right)])


def write_picture(path: Path, picture: Picture) -> None:
    """Write a picture as PNG, whole or not at all; its folder is created.

    Raises:
        ConfigError: it cannot be written.
    """
    done, data = cv2.imencode('.png', picture)
    if not done:
        raise ConfigError(f'{path} cannot be encoded as PNG, expected OpenCV to do so; reinstall OpenCV')
    write_atomically(path, data.tobytes())


def _header(fix: Fix, pose: Pose | None, name: str, errors: FloatArray) -> list[str]:
    evidence = fix.evidence
    first = f'{name}  ' if name else ''
    first += f'{fix.reason.value}  {len(errors)} inliers of {evidence.keypoints} keypoints'
    if np.isfinite(errors).any():
        first += f', median error {np.nanmedian(errors):.2f} px (largest {np.nanmax(errors):.2f})'
    if pose is None:
        return [first, 'no pose']
    position = ' '.join(f'{value:.3f}' for value in pose.translation_3)
    quaternion = ' '.join(f'{value:.4f}' for value in pose.quaternion_wxyz)
    which = 'position' if fix.accepted else 'NOT ACCEPTED: position'
    return [first, f'{which} {position}  quaternion wxyz {quaternion}']


def _with_header(picture: Picture, lines: Sequence[str]) -> Picture:
    """Put lines of text above a picture, shrunk where they are too long for its width."""
    header = np.zeros((LINE_HEIGHT_PX * len(lines) + 8, picture.shape[1], 3), dtype=np.uint8)
    for number, line in enumerate(lines):
        ascii_line = line.encode('ascii', 'replace').decode()
        (width, _), _ = cv2.getTextSize(ascii_line, FONT, FONT_SCALE, 1)
        scale = FONT_SCALE * min(1.0, (picture.shape[1] - 16) / max(width, 1))
        origin = (8, LINE_HEIGHT_PX * (number + 1) - 4)
        cv2.putText(header, ascii_line, origin, FONT, scale, WHITE, 1, cv2.LINE_AA)
    return np.concatenate([header, picture])


def _error_colour(share: float) -> Colour:
    """Green at 0, yellow at a half, red at 1 and beyond."""
    share = min(max(share, 0.0), 1.0)
    return 40, round(220 * min(1.0, 2 - 2 * share)), round(240 * min(1.0, 2 * share))


def _subpixel(position_2: FloatArray, factor: float = 1.0) -> tuple[int, int]:
    """COLMAP's pixels of the image -> cv2's fixed-point pixels of the picture enlarged by a factor."""
    x, y = np.rint((np.asarray(position_2) * factor - PIXEL_CENTRE) * (1 << SHIFT)).astype(int)
    return int(x), int(y)
