# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What happens to images in the localizer's thread: read, localize, publish, remember."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.node import Node

from neumap_ros.errors import CalibrationError, ConfigError
from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import Attempt, FrameSet, TrackingState
from neumap_ros.localization.frames import Assembled, FrameAssembler
from neumap_ros.localization.localizer import Localizer
from neumap_ros.localization.session import LocalizationSession
from neumap_ros.nodes import conversions, parameters
from neumap_ros.nodes.camera_input import CameraInput
from neumap_ros.nodes.diagnostics import Statistics
from neumap_ros.nodes.frame_reader import FrameReader, ReadingSettings
from neumap_ros.nodes.outputs import Outputs
from neumap_ros.nodes.relocalization import Relocalization
from neumap_ros.nodes.saved_pose import SavedPose, initial_radius_m, read_pose, saved_pose_path, write_pose
from neumap_ros.nodes.transforms import MAP_TO_ODOM, Transforms, TransformSender
from neumap_ros.nodes.worker import Worker

# The robot may have been pushed while it was off.
SAVED_RADIUS_M = 3.0
# Regions this close to the robot are kept in memory.
WANTED_RADIUS_M = 20.0
# Stamps that go back by more than this are another playing of a recording; less is an image that was overtaken.
BACKWARDS_NS = 500_000_000


class Pipeline:
    """The session and all that is around it; methods without a remark may be called from any thread.

    Args:
        node: for its clock, logger and name.
        values: of the parameters.
        transforms: TF.
        sender: sends the transform.
        outputs: publishes.
        statistics: counts.
        relocalization: calls that wait.
    """

    def __init__(
        self,
        node: Node,
        values: Mapping[str, Any],
        transforms: Transforms,
        sender: TransformSender,
        outputs: Outputs,
        statistics: Statistics,
        relocalization: Relocalization,
    ) -> None:
        self.on_wants: Callable[[Pose | None, float, tuple[str, ...]], None] | None = None
        self._node = node
        self._values = dict(values)
        self._transforms, self._sender, self._outputs = transforms, sender, outputs
        self._statistics, self._relocalization = statistics, relocalization
        self._session = LocalizationSession(parameters.session_settings(values))
        self._localizer: Localizer | None = None
        self._worker: Worker | None = None
        self._reader: FrameReader | None = None
        # Attempts that began before a jump of time must not be published after it, and images that were taken up
        # before it must not begin one.
        self._era = self._session_era = 0
        self._last_stamp_ns = 0
        # Newer images had arrived, before images that the rate cap left out.
        self._dropped = 0
        self._path = saved_pose_path(values['state_dir'], node.get_fully_qualified_name())
        self._saved: SavedPose | None = None
        self._next_save_s = 0.0

    # Starting and ending

    def start(self, cameras: Mapping[str, CameraInput], localizer: Localizer | None) -> None:
        """Begin to work.

        Args:
            cameras: inputs by name.
            localizer: of the map that is there already.
        """
        values = self._values
        self._localizer = localizer
        self._session.reset('started')
        self._last_stamp_ns = 0
        # A jump while there was no thread is settled with the reset.
        self._session_era = self._era
        self._saved = self._read_saved_pose()
        self._next_save_s = time.monotonic() + values['save_pose_period_s']
        self._reader = FrameReader(
            cameras, self._transforms, values['image_transport'] == 'compressed', _reading_settings(values)
        )
        assembler: FrameAssembler[Any] = FrameAssembler(
            values['cameras'],
            round(values['sync_tolerance_s'] * 1e9),
            round(values['sync_wait_s'] * 1e9),
            values['max_wait_periods'],
        )
        self._worker = Worker(assembler, self._on_frames, self._on_tick, self._now_ns, self._log_error)
        self._worker.start()

    def stop(self) -> None:
        """End after the attempt in hand, and save the pose."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        worker.stop()
        if self._values['save_pose_period_s'] > 0:
            self._save_pose()

    # Handing over

    def use_map(self, localizer: Localizer | None) -> None:
        """Localize with this from the next images on."""
        self._localizer = localizer

    def use_parameters(self, values: Mapping[str, Any]) -> None:
        """Apply parameters that may change at run time, from the next images on."""
        if self._worker is None:
            self._apply(values)
        else:
            self._call(lambda: self._apply(values))

    def post(self, camera: str, stamp_ns: int, message: Any) -> None:
        """Hand over an image message."""
        worker = self._worker
        if worker is not None and self._now_ns() > 0:
            worker.post(camera, stamp_ns, message)

    def initialize(self, message: PoseWithCovarianceStamped) -> None:
        """Take a pose from a person as a prior."""
        self._call(lambda: self._initialize(message))

    def relocalize(self) -> bool:
        """Forget the pose and look everywhere; whether there is a thread that will do so."""
        return self._call(self._relocalize)

    def on_time_jump(self, cause: str) -> None:
        """Forget what belongs to another time."""
        self._era += 1
        worker = self._worker
        if worker is not None:
            worker.drop_images()
        self._transforms.forget()
        self._sender.forget()
        self._node.get_logger().warning(f'{cause}: images, transforms and pose of the time before are forgotten')
        era = self._era
        self._call(lambda: self._restart(cause, era))

    def _call(self, command: Callable[[], None]) -> bool:
        worker = self._worker
        if worker is not None:
            worker.call(command)
        return worker is not None

    # In the worker's thread

    def _restart(self, cause: str, era: int) -> None:
        self._session.reset(cause)
        self._last_stamp_ns = 0
        self._session_era = era

    def _apply(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)
        self._session.use_settings(parameters.session_settings(values))
        if self._reader is not None:
            self._reader.settings = _reading_settings(values)

    def _relocalize(self) -> None:
        self._saved = None
        self._session.relocalize()
        self._relocalization.begin()

    def _switch_map(self) -> None:
        """Take over the newest localizer between two attempts."""
        localizer = self._localizer
        if localizer is self._session.localizer:
            return
        self._session.use_map(localizer)
        if self._session.state not in (TrackingState.LOCALIZED, TrackingState.LOST):
            # Another place: its first attempt must not be accompanied by the correction of this one.
            self._sender.forget()

    def _on_frames(self, images: Assembled[Any]) -> None:
        era, now_ns = self._era, self._now_ns()
        if era != self._session_era:
            return
        self._switch_map()
        if self._values['mode'] == 'on_request' and not self._relocalization.is_wanted:
            return
        if not self._session.due(images.stamp_ns):
            self._dropped += images.dropped
            return
        assert self._reader is not None
        # Images that will be refused for their stamp say nothing about time.
        if not self._reader.too_old(images.stamp_ns, now_ns):
            if images.stamp_ns < self._last_stamp_ns - BACKWARDS_NS:
                self._sender.forget()
                self._transforms.forget()
            self._last_stamp_ns = images.stamp_ns
        start_s = time.perf_counter()
        age_ms = (now_ns - images.stamp_ns) / 1e6
        frames = self._reader.read(images.stamp_ns, images.payloads, self._dropped + images.dropped, now_ns)
        self._dropped = 0
        self._use_saved_pose(frames)
        attempt = self._session.process(frames)
        total_ms = (time.perf_counter() - start_s) * 1e3
        if era != self._era:
            return
        self._take(attempt, frames, age_ms, total_ms)

    def _take(self, attempt: Attempt, frames: FrameSet, age_ms: float, total_ms: float) -> None:
        self._sender.hold(attempt)
        self._outputs.publish(attempt, frames, age_ms, total_ms)
        self._statistics.add(attempt, age_ms, total_ms)
        self._relocalization.on_attempt(attempt)
        if self.on_wants is not None:
            known = self._session.predict(frames.stamp_ns, frames.T_odom_base)
            pose, radius = (None, 0.0) if known is None else known
            self.on_wants(attempt.T_map_base or pose, max(radius, WANTED_RADIUS_M), attempt.fix.wanted_regions)

    def _on_tick(self) -> None:
        self._switch_map()
        # Held while the robot is lost, because odometry goes on. Not after a jump, at another place, or when somebody
        # said that the pose is wrong.
        if self._session.state not in (TrackingState.LOCALIZED, TrackingState.LOST):
            self._sender.forget()
        self._relocalization.check_deadlines()
        period_s = self._values['save_pose_period_s']
        if period_s > 0 and time.monotonic() >= self._next_save_s:
            self._next_save_s = time.monotonic() + period_s
            self._save_pose()

    def _initialize(self, message: PoseWithCovarianceStamped) -> None:
        log, frames = self._node.get_logger(), self._transforms.frames
        frame_id = message.header.frame_id
        if frame_id != frames.map:
            log.warning(f'initialpose is in the frame {frame_id!r}, expected {frames.map!r}; it is not used')
            return
        try:
            T_map_base = conversions.pose_from_message(message.pose.pose, 'initialpose')
        except CalibrationError as error:
            log.warning(f'{error}; it is not used')
            return
        radius = initial_radius_m(message.pose.covariance)
        stamp_ns = conversions.nanoseconds(message.header.stamp)
        T_odom_base = self._transforms.odometry(stamp_ns) if stamp_ns else 'no stamp'
        moment: tuple[int | None, Pose | None]
        if not isinstance(T_odom_base, str):
            moment, where = (stamp_ns, T_odom_base), 'odometry at its stamp'
        elif (latest := self._transforms.latest_odometry()) is not None:
            moment, where = latest, 'the latest odometry'
        else:
            moment, where = (None, None), 'no odometry'
        # A person knows better than a file.
        self._saved = None
        done = self._session.initialize(T_map_base, radius, *moment)
        log.info(f'initialpose, with {where}: {done}')

    # The saved pose

    def _read_saved_pose(self) -> SavedPose | None:
        if self._values['save_pose_period_s'] == 0:
            return None
        try:
            return read_pose(self._path)
        except ConfigError as error:
            self._node.get_logger().warning(str(error))
            return None

    def _use_saved_pose(self, frames: FrameSet) -> None:
        """Begin where the robot was last, if it is the same place."""
        saved, localizer = self._saved, self._session.localizer
        if saved is None or localizer is None or frames.problem is not None:
            return
        self._saved = None
        if saved.map_id != localizer.manifest.map_id:
            self._node.get_logger().info(f'the saved pose is of another map ({saved.map_id}); it is not used')
            return
        done = self._session.initialize(saved.T_map_base, SAVED_RADIUS_M, frames.stamp_ns, frames.T_odom_base)
        self._node.get_logger().info(f'saved pose: {done}')

    def _save_pose(self) -> None:
        last, current = self._statistics.last, self._sender.pose_now()
        if current is None or last is None or last.state is not TrackingState.LOCALIZED:
            return
        stamp_ns, T_map_base, map_id = current
        try:
            write_pose(self._path, SavedPose(map_id, T_map_base, stamp_ns))
        except ConfigError as error:
            self._node.get_logger().warning(str(error), once=True)

    # Small things

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)

    def _log_error(self, traceback: str) -> None:
        self._node.get_logger().error(f'an attempt failed:\n{traceback}', throttle_duration_sec=5.0)


def _reading_settings(values: Mapping[str, Any]) -> ReadingSettings:
    return ReadingSettings(values['tf_wait_s'], values['max_image_age_s'], values['tf_mode'] == MAP_TO_ODOM)
