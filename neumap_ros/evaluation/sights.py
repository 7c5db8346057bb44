# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the cameras saw in an attempt, for those who want to look over the localizer's shoulder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neumap_ros.evaluation.pictures import inliers_of_view
from neumap_ros.evaluation.run_types import AttemptRow
from neumap_ros.geometry import Camera, FloatArray, Pose
from neumap_ros.localization.attempt import Attempt, FrameSet
from neumap_ros.localization.fix import Correspondences, Fix


@dataclass(frozen=True)
class Sight:
    """What one camera saw, and which of it agrees with the map.

    Attributes:
        name: of the camera.
        camera: its intrinsics.
        T_body_cam: where it sits; identity if the pose is that of the camera.
        image: grey (H, W) or BGR (H, W, 3), uint8.
        pixels_C2: inliers, COLMAP's pixels.
        points_C3: the map points that they show, map frame.
    """

    name: str
    camera: Camera
    T_body_cam: Pose
    image: NDArray[np.uint8]
    pixels_C2: FloatArray
    points_C3: FloatArray


# Called with every attempt and what its cameras saw; images are too large to keep.
OnSights = Callable[[AttemptRow, Sequence[Sight]], None]


def sight_of_fix(camera: Camera, image: NDArray[np.uint8], fix: Fix) -> Sight:
    """What the camera of a single image saw."""
    inliers = fix.inliers or Correspondences.none()
    return Sight('camera', camera, Pose.identity(), image, inliers.pixels_C2, inliers.points_C3)


def sights_of_attempt(attempt: Attempt, frames: FrameSet) -> list[Sight]:
    """What each camera of a robot saw."""
    sights = []
    for number, view in enumerate(frames.views):
        inliers = inliers_of_view(attempt, number) or Correspondences.none()
        sights.append(Sight(view.name, view.camera, view.T_base_cam, view.image, inliers.pixels_C2, inliers.points_C3))
    return sights
