# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the cameras of a rig say by themselves, held against the pose that they give together.

Wrong extrinsics, or a copy of another place before one camera, do not show in the number of inliers: a camera that sees
much carries the pose, right or wrong, and a small error of an extrinsic is divided among all cameras.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from neumap_ros.geometry import Pose
from neumap_ros.localization.evidence import largest_sigma, sigma_of
from neumap_ros.localization.fix import Correspondences, Evidence
from neumap_ros.localization.rig_solver import FEWEST_INLIERS
from neumap_ros.localization.sight import Sight
from neumap_ros.localization.solver import Solution, normal_matrix

# Squared Mahalanobis distance that chance exceeds once in a thousand times (chi-square, 6 degrees of freedom).
SIGNIFICANT = 22.5


def disagreement(
    T_map_rig: Pose, sight: Sight, alone: Solution, matches: Correspondences
) -> NDArray[np.float64] | None:
    """How far the pose that one camera gives by itself is from the rig's.

    Args:
        T_map_rig: the pose of all cameras together.
        sight: one camera.
        alone: its own pose.
        matches: what that pose was found from.

    Returns:
        (6,) shift of the rig's position and rotation vector about the map's axes, or None where the noise of the
        camera's keypoints explains it.
    """
    if alone.inliers_C.sum() < FEWEST_INLIERS:
        return None
    own = alone.T_map_cam @ sight.T_rig_cam.inverse()
    turn = Rotation.from_matrix(own.rotation_33 @ T_map_rig.rotation_33.T).as_rotvec()
    shift_6 = np.concatenate([own.translation_3 - T_map_rig.translation_3, turn])
    sigma_px = sigma_of(float(np.median(alone.residuals_C[alone.inliers_C])))
    points_C3 = matches.points_C3[alone.inliers_C]
    normal_66 = normal_matrix(alone.T_map_cam, sight.camera, points_C3, sigma_px, own.translation_3)
    return shift_6 if shift_6 @ normal_66 @ shift_6 > SIGNIFICANT else None


def widen(
    evidence: Evidence, covariance_66: NDArray[np.float64], shifts: list[NDArray[np.float64]]
) -> tuple[Evidence, NDArray[np.float64]]:
    """Let the covariance admit what the cameras disagree about: nothing tells which of them is right.

    All of it grows by one factor, so that the largest difference lies at one standard deviation: the error that wrong
    extrinsics bring to the joint pose is as large as the differences, but need not have their direction.

    Args:
        evidence: for the rig's pose.
        covariance_66: of that pose.
        shifts: what :func:`disagreement` gave.
    """
    wider_66 = admit(covariance_66, shifts)
    position, rotation = largest_sigma(wider_66[:3, :3]), largest_sigma(wider_66[3:, 3:])
    return (
        replace(
            evidence,
            position_sigma=position,
            relative_sigma=evidence.relative_sigma * position / evidence.position_sigma,
            rotation_sigma_deg=float(np.degrees(rotation)),
        ),
        wider_66,
    )


def admit(covariance_66: NDArray[np.float64], shifts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The covariance, so much larger that no difference lies beyond one standard deviation."""
    factor = max(1.0, *(float(shift @ np.linalg.solve(covariance_66, shift)) for shift in shifts))
    return np.asarray(factor * covariance_66)
