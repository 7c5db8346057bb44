# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The values of localization: correspondences in, a fix out."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from neumap_ros.geometry import Pose


class Reason(str, Enum):
    """Why an attempt ended as it did; the same words as in msg/LocalizationStatus.msg."""

    OK = 'ok'
    NO_MAP = 'no_map'
    NO_REGIONS = 'no_regions'
    FEW_KEYPOINTS = 'few_keypoints'
    FEW_MATCHES = 'few_matches'
    FEW_INLIERS = 'few_inliers'
    BAD_GEOMETRY = 'bad_geometry'
    AMBIGUOUS = 'ambiguous'
    INCONSISTENT_WITH_ODOMETRY = 'inconsistent_with_odometry'
    CONFIRMING = 'confirming'
    STALE_IMAGE = 'stale_image'
    NO_TRANSFORM = 'no_transform'
    UNCALIBRATED_CAMERA = 'uncalibrated_camera'
    IMAGE_ERROR = 'image_error'


@dataclass(frozen=True)
class Correspondences:
    """Keypoints and the map points that they may show.

    Attributes:
        keypoint_C: index into the query's keypoints; none occurs twice.
        pixels_C2: where, in COLMAP's pixels.
        points_C3: map frame, map units, float64.
        similarity_C: cosine of query and map descriptor, larger is better.
        quality_C: how likely it is right, by any measure, larger is better; RANSAC draws the best first.
        region_C: index of the point's region in the manifest.
    """

    keypoint_C: NDArray[np.int64]
    pixels_C2: NDArray[np.float64]
    points_C3: NDArray[np.float64]
    similarity_C: NDArray[np.float64]
    quality_C: NDArray[np.float64]
    region_C: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.keypoint_C)

    @staticmethod
    def none() -> Correspondences:
        """No correspondences."""
        whole, real = np.zeros(0, np.int64), np.zeros(0)
        return Correspondences(whole, np.zeros((0, 2)), np.zeros((0, 3)), real, real, whole)

    def take(self, index: NDArray[np.int64] | NDArray[np.bool_]) -> Correspondences:
        """Some of the correspondences."""
        return Correspondences(
            self.keypoint_C[index],
            self.pixels_C2[index],
            self.points_C3[index],
            self.similarity_C[index],
            self.quality_C[index],
            self.region_C[index],
        )


@dataclass(frozen=True)
class Evidence:
    """What the gate knows about a pose; published with every attempt so that a gate can be tuned from a recording.

    Of several cameras: sums, and medians over all inliers.

    Attributes:
        keypoints: in the query.
        matches: correspondences before the solver.
        inliers: distinct keypoints that agree with the pose, found by descriptors alone.
        guided_inliers: distinct keypoints that agree after searching around the projected map points.
        chance_inliers: how many such keypoints a wrong pose would collect, measured with displaced projections.
        inlier_ratio: inliers / matches.
        residual_px: median reprojection error of the inliers.
        coverage: share of the image's 4 x 4 cells that hold a guided inlier; of several images the mean, weighted by
            their inliers.
        position_sigma: largest standard deviation of the camera's position as the solver sees it, before calibration;
            map units. So are the next two.
        relative_sigma: position_sigma / median depth of the inliers.
        rotation_sigma_deg: largest standard deviation of the orientation.
    """

    keypoints: int = 0
    matches: int = 0
    inliers: int = 0
    guided_inliers: int = 0
    chance_inliers: float = 0.0
    inlier_ratio: float = 0.0
    residual_px: float = 0.0
    coverage: float = 0.0
    position_sigma: float = float('inf')
    relative_sigma: float = float('inf')
    rotation_sigma_deg: float = 180.0


@dataclass(frozen=True)
class Fix:
    """The outcome of one attempt to localize an image.

    Attributes:
        reason: ``ok``, or why there is no pose.
        T_map_cam: the camera's pose, only if the reason is ``ok``.
        covariance_66: of (x, y, z, rotation about x, y, z), about the axes of the map frame, as
            geometry_msgs/PoseWithCovariance has it; map units and radians. Calibrated if the map knows how.
        evidence: what the decision rests on.
        confidence: probability that the hypothesis is right, judged by the evidence.
        hypothesis: the best pose found even if it was not accepted; for judging the gate, never for navigation.
        inliers: the correspondences that support the pose.
        regions: ids of the regions that were searched.
        wanted_regions: ids of regions that look like the image but are not in memory, most likely first.
        map_id: uuid of the place.
        revision: of the map.
        time_s: stamp of the image, if one was given.
        timings_ms: wall time per stage.
    """

    reason: Reason
    T_map_cam: Pose | None = None
    covariance_66: NDArray[np.float64] | None = None
    evidence: Evidence = field(default_factory=Evidence)
    confidence: float = 0.0
    hypothesis: Pose | None = None
    inliers: Correspondences | None = None
    regions: tuple[str, ...] = ()
    wanted_regions: tuple[str, ...] = ()
    map_id: str = ''
    revision: int = 0
    time_s: float | None = None
    timings_ms: dict[str, float] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether there is a pose."""
        return self.T_map_cam is not None
