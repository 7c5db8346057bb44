# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From messages of one instant to a :class:`FrameSet`: decoded, calibrated, placed on the robot, with odometry.

No ROS in here: a replay of a bag reads its images with the same code as the node, so that both see the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from neumap_ros.errors import CalibrationError, ImageError
from neumap_ros.geometry import Camera, Pose
from neumap_ros.images import check_image_size
from neumap_ros.localization.attempt import FrameSet, View
from neumap_ros.localization.fix import Reason
from neumap_ros.ros_values import COMPRESSED_IMAGE, IMAGE, clean_frame, pixels_from_message


class CalibratedCamera(Protocol):
    """One camera: :class:`neumap_ros.nodes.camera_input.CameraInput`, or what a replay has in its place."""

    name: str

    def calibration(self, deadline_s: float) -> tuple[Camera | None, str, str]:
        """Camera, its optical frame, and a sentence that says why there is no camera; the first one is waited for."""
        ...


class TransformSource(Protocol):
    """TF: :class:`neumap_ros.nodes.transforms.Transforms`, or what a replay has in its place.

    Deadlines are on the clock of the :class:`FrameReader`; until then a transform is waited for.
    """

    def camera(self, frame_id: str, stamp_ns: int, deadline_s: float) -> Pose | str:
        """``T_base_cam`` at a stamp, or a sentence that says why there is none."""
        ...

    def odometry(self, stamp_ns: int, deadline_s: float) -> Pose | str:
        """``T_odom_base`` at a stamp, or a sentence that says why there is none."""
        ...

    def has_odometry(self) -> bool:
        """Whether TF joins odometry and base at any time."""
        ...


@dataclass
class ReadingSettings:
    """How images are taken in; may change between two images.

    Attributes:
        tf_wait_s: how long TF, and the first calibration of a camera, are waited for.
        max_image_age_s: older images are not used; 0: any age.
        needs_odometry: whether images without odometry are of no use.
    """

    tf_wait_s: float
    max_image_age_s: float
    needs_odometry: bool


@dataclass(frozen=True)
class Problem:
    """Why an image cannot be used."""

    reason: Reason
    detail: str


class FrameReader:
    """Reads sets of messages; called from the worker's thread.

    Args:
        cameras: inputs by name.
        transforms: TF.
        compressed: whether the images are compressed.
        settings: see there.
        clock_s: the clock of deadlines, in seconds from any zero.
    """

    def __init__(
        self,
        cameras: Mapping[str, CalibratedCamera],
        transforms: TransformSource,
        compressed: bool,
        settings: ReadingSettings,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self._clock_s = clock_s
        self._cameras = cameras
        self._transforms = transforms
        self._type = COMPRESSED_IMAGE if compressed else IMAGE

    def read(self, stamp_ns: int, messages: Mapping[str, Any], dropped: int, now_ns: int) -> FrameSet:
        """Read the messages of one instant.

        Args:
            stamp_ns: of the set.
            messages: image messages by camera.
            dropped: images skipped before these.
            now_ns: the node's time.
        """
        names = tuple(messages)
        if problem := self.too_old(stamp_ns, now_ns):
            return FrameSet(
                stamp_ns, dropped=dropped, problem=Reason.STALE_IMAGE, detail=problem, cameras=names, now_ns=now_ns
            )
        deadline_s = self._clock_s() + self.settings.tf_wait_s
        views: list[View] = []
        problems: list[Problem] = []
        for name, message in messages.items():
            outcome = self._view(self._cameras[name], message, stamp_ns, deadline_s)
            if isinstance(outcome, View):
                views.append(outcome)
            else:
                problems.append(outcome)
        details = [problem.detail for problem in problems]
        details += [f'no image of camera {name}' for name in self._cameras if name not in messages]
        if not views:
            return FrameSet(
                stamp_ns, dropped=dropped, problem=problems[0].reason, detail='; '.join(details), cameras=names
            )
        T_odom_base = self._odometry(stamp_ns, deadline_s)
        if isinstance(T_odom_base, str):
            return FrameSet(stamp_ns, dropped=dropped, problem=Reason.NO_TRANSFORM, detail=T_odom_base, cameras=names)
        used = tuple(view.name for view in views)
        return FrameSet(stamp_ns, tuple(views), T_odom_base, dropped, detail='; '.join(details), cameras=used)

    def too_old(self, stamp_ns: int, now_ns: int) -> str:
        """Why images with this stamp are not used, be it too old, of the future or none; empty if they are."""
        limit_s = self.settings.max_image_age_s
        if stamp_ns == 0:
            return 'the image has the stamp 0, expected the time of its exposure; set the stamp in the driver'
        age_s = (now_ns - stamp_ns) / 1e9
        if limit_s == 0 or abs(age_s) <= limit_s:
            return ''
        if age_s > 0:
            return (
                f'the image is {age_s:.3f} s old, expected at most {limit_s:g} s; compare the clocks of the machines, '
                'set use_sim_time where a recording is played with its own clock, or raise max_image_age_s'
            )
        return (
            f'the image is dated {-age_s:.3f} s into the future; compare the clocks of the machines, and see that '
            'use_sim_time is the same for all nodes'
        )

    def _view(self, source: CalibratedCamera, message: Any, stamp_ns: int, deadline_s: float) -> View | Problem:
        camera, info_frame, problem = source.calibration(deadline_s)
        if camera is None:
            return Problem(Reason.UNCALIBRATED_CAMERA, problem)
        try:
            image = pixels_from_message(message, self._type, source.name)
            check_image_size(image, camera, f'of camera {source.name}')
        except (ImageError, CalibrationError) as error:
            return Problem(Reason.IMAGE_ERROR, str(error))
        frame_id = clean_frame(message.header.frame_id) or clean_frame(info_frame)
        T_base_cam = self._transforms.camera(frame_id, stamp_ns, deadline_s)
        if isinstance(T_base_cam, str):
            return Problem(Reason.NO_TRANSFORM, T_base_cam)
        return View(source.name, image, camera, T_base_cam, frame_id)

    def _odometry(self, stamp_ns: int, deadline_s: float) -> Pose | str | None:
        """``T_odom_base``; None where there is none and none is needed; a sentence where one is needed."""
        if not self.settings.needs_odometry and not self._transforms.has_odometry():
            return None
        outcome = self._transforms.odometry(stamp_ns, deadline_s)
        return outcome if self.settings.needs_odometry or isinstance(outcome, Pose) else None
