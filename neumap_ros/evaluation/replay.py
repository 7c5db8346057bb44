# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A recording through the localizer of the robot, without ROS, as fast as it goes, the same on every run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from neumap_ros.errors import SourceError
from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import Attempt, FrameSet
from neumap_ros.localization.frames import Assembled, FrameAssembler
from neumap_ros.localization.localizer import Localizer
from neumap_ros.localization.session import LocalizationSession, SessionSettings
from neumap_ros.mapping.sources.bag_reader import BagReader
from neumap_ros.nodes.frame_reader import FrameReader, ReadingSettings
from neumap_ros.recording.playback import TF_STATIC_TOPIC, TF_TOPIC, Playback, RecordedCamera
from neumap_ros.recording.tf_buffer import TfBuffer
from neumap_ros.recording.topics import CameraTopics, camera_topics
from neumap_ros.ros_values import clean_frame

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ReplaySettings:
    """How a recording is replayed; the names and defaults are those of the node's parameters.

    Attributes:
        session: of the tracker. ``require_odometry`` is dropped if the recording has none.
        cameras: names; the only camera of a recording gets the first of them whatever its topics are called.
        image_topics: topic by camera instead of ``cameras``.
        compressed: which of both is meant if the recording has raw and compressed images; None: the raw ones.
        rectified: whether the images are; None: where the topic's name contains ``rect``.
        map_frame: name of the map's frame.
        odom_frame: of the odometry.
        base_frame: of the robot.
        tf_wait_s: how long an image waits for TF, in the time of the recording.
        sync_tolerance_s: images of several cameras this close are taken together.
        sync_wait_s: how long a set waits for a camera, in the time of the recording.
    """

    session: SessionSettings = field(default_factory=SessionSettings)
    cameras: tuple[str, ...] = ('camera',)
    image_topics: Mapping[str, str] = field(default_factory=dict)
    compressed: bool | None = None
    rectified: bool | None = None
    map_frame: str = 'map'
    odom_frame: str = 'odom'
    base_frame: str = 'base_link'
    tf_wait_s: float = 0.1
    sync_tolerance_s: float = 0.02
    sync_wait_s: float = 0.05


@dataclass(frozen=True)
class Step:
    """One attempt of a replay.

    Attributes:
        attempt: the outcome; its correspondences are left out.
        T_odom_base: odometry at the stamp, None without.
        T_map_odom: the correction that holds after the attempt, None while there is none.
        camera_frames: optical frame of every camera that took part.
        total_ms: wall time of the attempt, with the reading of the images.
    """

    attempt: Attempt
    T_odom_base: Pose | None
    T_map_odom: Pose | None
    camera_frames: Mapping[str, str]
    total_ms: float


OnStep = Callable[[Step, FrameSet], None]


@dataclass(frozen=True)
class Replay:
    """A recording that was replayed.

    Attributes:
        bag: the recording.
        steps: attempts in order.
        cameras: topics that were used.
        has_odometry: whether TF had the odometry.
        start_ns: stamp of the first image; None without any.
        end_ns: stamp of the last one.
        wall_s: how long the replay took.
        settings: as they were used.
    """

    bag: Path
    steps: tuple[Step, ...]
    cameras: tuple[CameraTopics, ...]
    has_odometry: bool
    start_ns: int | None
    end_ns: int | None
    wall_s: float
    settings: ReplaySettings


class Replayer:
    """Opens a recording and checks that it can be replayed, before anything slow begins.

    Args:
        bag: rosbag2 folder.
        settings: see there.

    Raises:
        SourceError: the recording cannot be read, or has no images, no calibration or no place of the camera.
        ConfigError: images of different types.
    """

    def __init__(self, bag: Path, settings: ReplaySettings | None = None) -> None:
        settings = settings or ReplaySettings()
        self._reader = BagReader(bag)
        topics = self._reader.topics()
        self.cameras = camera_topics(
            topics, bag, given=settings.image_topics, names=settings.cameras, compressed=settings.compressed
        )
        self.has_odometry = self._check_transforms(topics, settings)
        if not self.has_odometry:
            settings = replace(settings, session=replace(settings.session, require_odometry=False))
        self.settings = settings
        self.images = self._reader.count([camera.image for camera in self.cameras])

    def run(self, localizer: Localizer, progress: Progress | None = None, on_step: OnStep | None = None) -> Replay:
        """Replay the recording from its beginning.

        Args:
            localizer: of the map.
            progress: called with (images read, images).
            on_step: called with every step, its attempt with all correspondences, and its images, for pictures; both
                are too large to keep.

        Raises:
            SourceError: the recording is damaged.
        """
        start = time.perf_counter()
        steps: list[Step] = []
        stamps: list[int] = []
        for count, stamp_ns, done in self._steps(localizer, on_step):
            stamps.append(stamp_ns)
            steps += done
            if progress is not None:
                progress(count, self.images)
        return Replay(
            bag=self._reader.path,
            steps=tuple(steps),
            cameras=self.cameras,
            has_odometry=self.has_odometry,
            start_ns=min(stamps, default=None),
            end_ns=max(stamps, default=None),
            wall_s=time.perf_counter() - start,
            settings=self.settings,
        )

    def _steps(self, localizer: Localizer, on_step: OnStep | None) -> Iterator[tuple[int, int, list[Step]]]:
        """Give (images read, stamp of the last one, attempts made) image by image."""
        settings = self.settings
        cameras = {
            camera.name: RecordedCamera(
                camera, 'rect' in camera.image if settings.rectified is None else settings.rectified
            )
            for camera in self.cameras
        }
        playback = Playback(
            self._reader, list(cameras.values()), settings.odom_frame, settings.base_frame, settings.map_frame
        )
        # A replay is never late: no image is too old for it.
        reading = ReadingSettings(settings.tf_wait_s, 0.0, settings.session.require_odometry)
        frame_reader = FrameReader(cameras, playback, self.cameras[0].compressed, reading, playback.clock_s)
        session = LocalizationSession(settings.session)
        session.use_map(localizer)
        assembler: FrameAssembler[Any] = FrameAssembler(
            list(cameras), round(settings.sync_tolerance_s * 1e9), round(settings.sync_wait_s * 1e9)
        )
        step = _Stepper(playback, frame_reader, session, on_step)
        count, stamp_ns = 0, 0
        for count, arrival in enumerate(playback.images(), start=1):
            stamp_ns = arrival.stamp_ns
            # A set that waits for a camera goes on when its time is over, which may be before this image arrived.
            done = step.take_until(assembler, arrival.bag_time_ns)
            assembler.add(arrival.camera, stamp_ns, arrival.message, arrival.bag_time_ns)
            done += step.take(assembler, arrival.bag_time_ns)
            yield count, stamp_ns, done
        if count:
            yield count, stamp_ns, step.take_until(assembler, None)

    def _check_transforms(self, topics: Mapping[str, str], settings: ReplaySettings) -> bool:
        """Refuse a recording that never says where a camera is; tell whether it has odometry."""
        frames = {camera.name: self._camera_frame(camera) for camera in self.cameras}
        buffer = TfBuffer()
        base = clean_frame(settings.base_frame)
        wanted = [(base, frame) for frame in frames.values()] + [(clean_frame(settings.odom_frame), base)]
        missing = [pair for pair in wanted if pair[0] != pair[1]]
        for _, message in self._reader.messages([topic for topic in (TF_STATIC_TOPIC, TF_TOPIC) if topic in topics]):
            for item in message.transforms:
                buffer.add(item.header.frame_id, item.child_frame_id, (1, 0, 0, 0), (0, 0, 0), None)
            missing = [pair for pair in missing if not buffer.connected(*pair)]
            if not missing:
                break
        for name, frame in frames.items():
            if (base, frame) in missing:
                listed = ', '.join(sorted(buffer.frames)) or 'no frames'
                raise SourceError(
                    f'TF in the bag {self._reader.path} does not say where camera {name} ({frame or "no frame_id"!r}) '
                    f'sits on {base!r} (it has {listed}), expected /tf_static with that transform; record it, or set '
                    f'frames.base to {frame!r} for the pose of the camera itself'
                )
        return (clean_frame(settings.odom_frame), base) not in missing

    def _camera_frame(self, camera: CameraTopics) -> str:
        for topic in (camera.image, camera.info):
            for _, message in self._reader.messages([topic]):
                if frame := clean_frame(message.header.frame_id):
                    return frame
                break
        return ''


class _Stepper:
    """Makes the attempts of a replay, with the clock of the recording."""

    def __init__(
        self, playback: Playback, reader: FrameReader, session: LocalizationSession, on_step: OnStep | None
    ) -> None:
        self._playback = playback
        self._on_step = on_step
        self._reader = reader
        self._session = session
        self._dropped = 0

    def take_until(self, assembler: FrameAssembler[Any], now_ns: int | None) -> list[Step]:
        """Take the sets whose waiting ended before ``now_ns``; None: all."""
        steps: list[Step] = []
        while (deadline_ns := assembler.next_deadline_ns) is not None and (now_ns is None or deadline_ns < now_ns):
            if (assembled := assembler.take(deadline_ns)) is None:
                break
            steps += self._attempts(assembled, deadline_ns)
        return steps

    def take(self, assembler: FrameAssembler[Any], now_ns: int) -> list[Step]:
        """Take the set that is ready, if there is one."""
        assembled = assembler.take(now_ns)
        return [] if assembled is None else self._attempts(assembled, now_ns)

    def _attempts(self, assembled: Assembled[Any], now_ns: int) -> list[Step]:
        """Make an attempt, or none if the rate cap says so."""
        self._dropped += assembled.dropped
        if not self._session.due(assembled.stamp_ns):
            return []
        dropped, self._dropped = self._dropped, 0
        return [self._attempt(assembled, dropped, now_ns)]

    def _attempt(self, assembled: Assembled[Any], dropped: int, now_ns: int) -> Step:
        start = time.perf_counter()
        self._playback.now_ns = now_ns
        frames = self._reader.read(assembled.stamp_ns, assembled.payloads, dropped, now_ns)
        attempt = self._session.process(frames)
        total_ms = (time.perf_counter() - start) * 1e3
        step = Step(
            attempt=attempt,
            T_odom_base=frames.T_odom_base,
            T_map_odom=self._session.T_map_odom,
            camera_frames={view.name: view.frame_id for view in frames.views},
            total_ms=total_ms,
        )
        if self._on_step is not None:
            self._on_step(step, frames)
        return replace(step, attempt=replace(attempt, fix=replace(attempt.fix, inliers=None)))


def replay(
    bag: Path, localizer: Localizer, settings: ReplaySettings | None = None, progress: Progress | None = None
) -> Replay:
    """Replay a recording; see :class:`Replayer`."""
    return Replayer(bag, settings).run(localizer, progress)


def robot_pose(step: Step) -> Pose | None:
    """Where TF puts the robot after an attempt: the correction that holds, carried on by odometry.

    Without odometry it is the accepted pose of that attempt.
    """
    if step.T_map_odom is not None and step.T_odom_base is not None:
        return step.T_map_odom @ step.T_odom_base
    return step.attempt.T_map_base
