# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A robot's localization over time: frame sets in, attempts out; the same for a node and for a replay."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from neumap_ros.errors import NeumapError
from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import Attempt, FrameSet, RigFix, TrackingState, View
from neumap_ros.localization.fix import Reason
from neumap_ros.localization.frames import BACKWARDS_NS, RateCap
from neumap_ros.localization.localizer import Localizer
from neumap_ros.localization.motion import NS_PER_S
from neumap_ros.localization.rig import RigPrior, localize_views
from neumap_ros.localization.sentences import explain
from neumap_ros.localization.tracker import Tracker, TrackerSettings

LocalizeViews = Callable[[Localizer, Sequence[View], RigPrior | None], RigFix]


@dataclass(frozen=True)
class SessionSettings:
    """How a robot is localized over time.

    Attributes:
        tracker: when a fix is believed.
        require_odometry: images without odometry are refused with ``no_transform``; otherwise the tracker falls back on
            what the robot can move.
        max_rate_hz: most attempts a second, by the stamps of the images; 0: every frame set.
    """

    tracker: TrackerSettings = field(default_factory=TrackerSettings)
    require_odometry: bool = True
    max_rate_hz: float = 0.0


class LocalizationSession:
    """Localizes one robot, in whatever map is active. All methods belong to one thread.

    Args:
        settings: see there.
        localize: finds a pose for the images of one instant.

    Raises:
        ConfigError: a negative rate.
    """

    def __init__(self, settings: SessionSettings | None = None, localize: LocalizeViews = localize_views) -> None:
        self.settings = settings or SessionSettings()
        self.tracker = Tracker(self.settings.tracker)
        self._localize = localize
        self._localizer: Localizer | None = None
        self._map_id = ''
        self._rate = RateCap(self.settings.max_rate_hz)
        self._last_ns: int | None = None

    @property
    def localizer(self) -> Localizer | None:
        """Of the active map; None without one."""
        return self._localizer

    @property
    def state(self) -> TrackingState:
        """What is known of the robot's pose."""
        return self.tracker.state

    @property
    def T_map_odom(self) -> Pose | None:
        """The correction to odometry that holds now; None while there is none. While LOST it may be wrong."""
        return self.tracker.T_map_odom

    def use_settings(self, settings: SessionSettings) -> None:
        """Work by other settings from the next frame set on; what is known of the robot stays.

        Raises:
            ConfigError: a negative rate.
        """
        if settings.max_rate_hz != self.settings.max_rate_hz:
            self._rate = RateCap(settings.max_rate_hz)
        self.tracker.use_settings(settings.tracker)
        self.settings = settings

    def use_map(self, localizer: Localizer | None) -> None:
        """Switch to another map, or another revision, or none, from the next attempt on.

        Revisions of one map share a frame, so that the pose stays; a map of another place starts anew.
        """
        if localizer is not None:
            map_id = localizer.manifest.map_id
            if self._map_id and map_id != self._map_id:
                self.reset(f'map {map_id} is of another place than {self._map_id}')
            self._map_id = map_id
        self._localizer = localizer

    def initialize(
        self, T_map_base: Pose, radius_m: float, stamp_ns: int | None = None, T_odom_base: Pose | None = None
    ) -> str:
        """Take in where somebody says that the robot is; see :meth:`Tracker.initialize`."""
        return self.tracker.initialize(T_map_base, radius_m, stamp_ns, T_odom_base)

    def relocalize(self) -> None:
        """Forget the pose and search the whole map from the next attempt on."""
        self.tracker.reset('relocalization was asked for')

    def reset(self, cause: str) -> None:
        """Forget pose, prior, candidates and stamps.

        Args:
            cause: why, in a few words; told with the next attempt.
        """
        self.tracker.reset(cause)
        self._last_ns = None

    def due(self, stamp_ns: int) -> bool:
        """Whether the rate cap lets the images with this stamp through; ask once for each, before decoding them."""
        return self._rate.due(stamp_ns)

    def predict(self, stamp_ns: int, T_odom_base: Pose | None) -> tuple[Pose, float] | None:
        """Where the robot probably is and how far off that may be, in metres; None if nothing is known."""
        return self.tracker.predict(stamp_ns, T_odom_base)

    def process(self, frames: FrameSet) -> Attempt:
        """Attempt to localize a frame set. What is wrong with its images is told by the attempt's reason.

        Stamps that go back by more than half a second start anew: a recording that loops, or a clock that was set. One
        that is refused as too old, or as of the future, tells no time: a driver's glitch must not cost the pose.
        """
        start = time.perf_counter()
        judged_ns = frames.stamp_ns
        if frames.problem is Reason.STALE_IMAGE:
            judged_ns = next(ns for ns in (frames.now_ns, self._last_ns, frames.stamp_ns) if ns is not None)
        else:
            if self._last_ns is not None and frames.stamp_ns < self._last_ns - BACKWARDS_NS:
                self.reset(f'time went back by {(self._last_ns - frames.stamp_ns) / NS_PER_S:.2f} s')
            self._last_ns = frames.stamp_ns if self._last_ns is None else max(frames.stamp_ns, self._last_ns)
        # One map for the whole attempt.
        localizer = self._localizer
        fix, detail = self._fix(localizer, frames)
        tracking = time.perf_counter()
        verdict = self.tracker.update(fix, judged_ns, frames.T_odom_base)
        end = time.perf_counter()
        timings = {**fix.timings_ms, 'tracking': (end - tracking) * 1e3, 'total': (end - start) * 1e3}
        accepted = verdict.accepted and fix.T_map_base is not None
        manifest = localizer.manifest if localizer is not None else None
        return Attempt(
            stamp_ns=frames.stamp_ns,
            reason=verdict.reason,
            detail='; '.join(part for part in (detail, verdict.detail) if part),
            state=verdict.state,
            fix=replace(fix, timings_ms=timings),
            T_map_base=fix.T_map_base if accepted else None,
            covariance_66=(verdict.covariance_66 if verdict.covariance_66 is not None else fix.covariance_66)
            if accepted
            else None,
            T_map_odom=verdict.T_map_odom,
            correction_m=verdict.correction_m,
            correction_rad=verdict.correction_rad,
            confirmations=verdict.confirmations,
            confirmations_required=verdict.required,
            dropped=frames.dropped,
            cameras=tuple(view.name for view in frames.views) or frames.cameras,
            map_id=manifest.map_id if manifest is not None else '',
            revision=manifest.revision if manifest is not None else 0,
            map_sha256=localizer.map_sha256 if localizer is not None else '',
            frame_id=manifest.frame_id if manifest is not None else '',
        )

    def _fix(self, localizer: Localizer | None, frames: FrameSet) -> tuple[RigFix, str]:
        """What the images say: (fix, sentence about it)."""
        if localizer is None:
            return RigFix(Reason.NO_MAP), 'no map is active; wait for the map_server or check its map.uri'
        if frames.problem is not None:
            return RigFix(frames.problem), frames.detail
        if self.settings.require_odometry and frames.T_odom_base is None:
            return RigFix(Reason.NO_TRANSFORM), frames.detail or 'there is no odometry at the stamp of the images'
        if not frames.views:
            return RigFix(Reason.IMAGE_ERROR), frames.detail or 'no camera delivered an image'
        known = self.tracker.predict(frames.stamp_ns, frames.T_odom_base)
        prior = RigPrior(*known) if known is not None else None
        try:
            fix = self._localize(localizer, frames.views, prior)
        except NeumapError as error:
            return RigFix(Reason.IMAGE_ERROR), str(error)
        except (cv2.error, np.linalg.LinAlgError) as error:
            # What these libraries cannot compute from an image is no reason to stop the robot's localization.
            return RigFix(Reason.IMAGE_ERROR), f'the images cannot be evaluated ({" ".join(str(error).split())})'
        told = '; '.join(part for part in (explain(fix, localizer.settings.gate), fix.detail, frames.detail) if part)
        return fix, told
