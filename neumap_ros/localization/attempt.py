# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a robot's localizer takes and gives: images of one instant in, an attempt out.

These values cross the wall between :class:`neumap_ros.localization.session.LocalizationSession` and whoever feeds it: a
ROS 2 node, or a replay of a recording without one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from neumap_ros.geometry import Camera, Pose
from neumap_ros.localization.fix import Correspondences, Evidence, Reason


class TrackingState(str, Enum):
    """What is known of the robot's pose; the same words as in msg/LocalizationStatus.msg."""

    UNLOCALIZED = 'unlocalized'
    CONFIRMING = 'confirming'
    LOCALIZED = 'localized'
    LOST = 'lost'


@dataclass(frozen=True)
class View:
    """The image of one camera.

    Attributes:
        name: of the camera, as the parameter ``cameras`` has it.
        image: grey (H, W), uint8.
        camera: intrinsics for this image size.
        T_base_cam: where the camera sits on the robot; metres.
        frame_id: its optical frame.
    """

    name: str
    image: NDArray[np.uint8]
    camera: Camera
    T_base_cam: Pose = field(default_factory=Pose.identity)
    frame_id: str = ''


@dataclass(frozen=True)
class FrameSet:
    """Images of one instant, and where odometry says that the robot was.

    Attributes:
        stamp_ns: of the images.
        views: of the cameras that took part; empty if ``problem`` says why.
        T_odom_base: odometry at the stamp; None where there is none.
        dropped: images skipped since the previous set because newer ones had arrived.
        problem: why nothing can be done with these images (``uncalibrated_camera``, ``no_transform``, ``image_error``,
            ``stale_image``), or None.
        detail: one sentence about the problem, or about a camera that is missing.
        cameras: names of the cameras, also of those with a problem.
        now_ns: what time it was when the images were read; counts instead of a stamp that is refused (``stale_image``),
            which may be any number. None: unknown.
    """

    stamp_ns: int
    views: tuple[View, ...] = ()
    T_odom_base: Pose | None = None
    dropped: int = 0
    problem: Reason | None = None
    detail: str = ''
    cameras: tuple[str, ...] = ()
    now_ns: int | None = None


@dataclass(frozen=True)
class RigFix:
    """A pose of the robot from one image or several; as :class:`neumap_ros.localization.fix.Fix`, for the base frame.

    Attributes:
        reason: ``ok``, or why there is no pose.
        T_map_base: the robot's pose, only if the reason is ``ok``.
        covariance_66: of (x, y, z, rotation about x, y, z) of the base, about the axes of the map frame; as
            geometry_msgs/PoseWithCovariance has it; metres and radians. Calibrated if the map knows how.
        evidence: what the decision rests on, summed over the cameras.
        confidence: probability that the hypothesis is right.
        hypothesis: the best ``T_map_base`` found even if it was not accepted.
        inliers: per view, the correspondences that support the pose; None where there is no hypothesis.
        regions: ids of the regions that were searched.
        wanted_regions: ids of regions that look like the images but are not in memory, most likely first.
        timings_ms: wall time per stage.
        detail: one sentence for people where the reason alone would puzzle: which camera contradicts the others, which
            image could not be used.
        solver_covariance_66: what gate and tracker judge by: the covariance before calibration. Their limits were set
            for it, so that a calibration changes what is told of a pose and not which poses are accepted.
    """

    reason: Reason
    T_map_base: Pose | None = None
    covariance_66: NDArray[np.float64] | None = None
    evidence: Evidence = field(default_factory=Evidence)
    confidence: float = 0.0
    hypothesis: Pose | None = None
    inliers: tuple[Correspondences, ...] | None = None
    regions: tuple[str, ...] = ()
    wanted_regions: tuple[str, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)
    detail: str = ''
    solver_covariance_66: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Attempt:
    """One attempt to localize one frame set, accepted or not: what LocalizationStatus.msg publishes.

    Attributes:
        stamp_ns: of the images.
        reason: of the gate, of the tracker, or of what was wrong with the images.
        detail: one sentence for people: what was found, what was expected.
        state: after this attempt.
        fix: what the images alone say.
        T_map_base: the accepted pose at the stamp; None unless the reason is ``ok``.
        covariance_66: of it; in the light of the fixes before, where odometry connects them.
        T_map_odom: the correction to odometry that this attempt brought; None unless accepted and with odometry.
        correction_m: distance between the fix and the pose that odometry predicted; NaN without a prediction.
        correction_rad: angle between them; NaN without a prediction.
        confirmations: fixes so far that agree on a first pose or on a large correction.
        confirmations_required: how many are needed.
        dropped: images skipped since the previous attempt.
        cameras: names of the cameras that took part.
        map_id: uuid of the place, empty without a map.
        revision: of the map.
        map_sha256: of its manifest.
        frame_id: of the map.
    """

    stamp_ns: int
    reason: Reason
    detail: str
    state: TrackingState
    fix: RigFix
    T_map_base: Pose | None = None
    covariance_66: NDArray[np.float64] | None = None
    T_map_odom: Pose | None = None
    correction_m: float = float('nan')
    correction_rad: float = float('nan')
    confirmations: int = 0
    confirmations_required: int = 0
    dropped: int = 0
    cameras: tuple[str, ...] = ()
    map_id: str = ''
    revision: int = 0
    map_sha256: str = ''
    frame_id: str = ''

    @property
    def accepted(self) -> bool:
        """Whether the pose was accepted."""
        return self.T_map_base is not None
