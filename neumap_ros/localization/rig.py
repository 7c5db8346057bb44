# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Images of one instant in, a pose of the robot out, whether it carries one camera or several."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neumap_ros.errors import ImageError
from neumap_ros.geometry import Pose
from neumap_ros.images import check_image_size
from neumap_ros.localization.attempt import RigFix, View
from neumap_ros.localization.fix import Correspondences, Fix, Reason
from neumap_ros.localization.localizer import Localizer, Prior

NO_CORRESPONDENCES = Correspondences(
    np.zeros(0, np.int64), np.zeros((0, 2)), np.zeros((0, 3)), np.zeros(0), np.zeros(0), np.zeros(0, np.int64)
)


@dataclass(frozen=True)
class RigPrior:
    """Where the robot probably is.

    Attributes:
        T_map_base: probable pose.
        radius: how far off it may be, map units.
    """

    T_map_base: Pose
    radius: float


def localize_views(localizer: Localizer, views: Sequence[View], prior: RigPrior | None = None) -> RigFix:
    """Localize the robot from the images of its cameras.

    Args:
        localizer: of the map; its settings hold for every camera.
        views: images of one instant. One that cannot be used does not stop the others.
        prior: narrows the search; without it, or when nothing is found there, the whole map is searched.

    Returns:
        A fix of the base frame; its reason says why there is no pose.
    """
    best: RigFix | None = None
    for number, view in enumerate(views):
        try:
            check_image_size(view.image, view.camera, view.name)
        except ImageError:
            continue
        fix = _of_base(_localize_view(localizer, view, prior), number, views)
        if best is None or (fix.reason is Reason.OK, fix.confidence) > (best.reason is Reason.OK, best.confidence):
            best = fix
    return best or RigFix(Reason.IMAGE_ERROR)


def _localize_view(localizer: Localizer, view: View, prior: RigPrior | None) -> Fix:
    near = None if prior is None else Prior(prior.T_map_base @ view.T_base_cam, prior.radius)
    return localizer.localize(view.image, view.camera, near, name=view.name)


def _of_base(fix: Fix, number: int, views: Sequence[View]) -> RigFix:
    """A camera's fix, said of the robot."""
    start = time.perf_counter()
    T_cam_base = views[number].T_base_cam.inverse()
    T_map_base = None if fix.T_map_cam is None else fix.T_map_cam @ T_cam_base
    covariance = None
    if fix.T_map_cam is not None and T_map_base is not None and fix.covariance_66 is not None:
        covariance = move_covariance(fix.covariance_66, T_map_base.translation_3 - fix.T_map_cam.translation_3)
    inliers = None
    if fix.inliers is not None:
        inliers = tuple(fix.inliers if i == number else NO_CORRESPONDENCES for i in range(len(views)))
    return RigFix(
        fix.reason,
        T_map_base,
        covariance,
        fix.evidence,
        fix.confidence,
        None if fix.hypothesis is None else fix.hypothesis @ T_cam_base,
        inliers,
        fix.regions,
        timings_ms={**fix.timings_ms, 'rig': (time.perf_counter() - start) * 1e3},
    )


def move_covariance(covariance_66: NDArray[np.float64], offset_3: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance of another point of the same rigid body.

    Args:
        covariance_66: of the position of one point and of the rotation about the map's axes.
        offset_3: from that point to the other one, map frame.

    Returns:
        The same (6, 6) for the other point; the adjoint's effect where rotations are about the map's axes.
    """
    if not np.isfinite(covariance_66).all():
        return np.full((6, 6), np.inf)
    x, y, z = offset_3
    # A rotation vector w moves the other point by w x offset = -(offset x w).
    jacobian = np.eye(6)
    jacobian[:3, 3:] = -np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(jacobian @ covariance_66 @ jacobian.T)
