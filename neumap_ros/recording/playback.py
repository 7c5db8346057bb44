# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A recording as a robot's localizer would have received it: in order of arrival, TF into a buffer, without ROS."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from neumap_ros.errors import CalibrationError
from neumap_ros.geometry import Camera, Pose
from neumap_ros.mapping.sources.bag_messages import TF_MESSAGE
from neumap_ros.mapping.sources.bag_reader import BagReader
from neumap_ros.recording.tf_buffer import TfBuffer, TransformError
from neumap_ros.recording.topics import CameraTopics
from neumap_ros.ros_values import camera_from_info, clean_frame, quaternion_wxyz, xyz

TF_TOPIC, TF_STATIC_TOPIC = '/tf', '/tf_static'


class Arrival(NamedTuple):
    """An image that arrived."""

    bag_time_ns: int
    camera: str
    stamp_ns: int
    message: Any


class RecordedCamera:
    """Calibration of one camera as far as it has arrived.

    Args:
        topics: of the camera.
        rectified: whether its images are rectified.
    """

    def __init__(self, topics: CameraTopics, rectified: bool) -> None:
        self.name = topics.name
        self.topics = topics
        self.is_told = False
        self.wait: Callable[[float], bool] = lambda deadline_s: False
        self._rectified = rectified
        self._calibration: tuple[Camera | None, str, str] = (
            None,
            '',
            f'camera {self.name} is not calibrated: no message on {topics.info} yet',
        )

    def calibration(self, deadline_s: float) -> tuple[Camera | None, str, str]:
        """Camera, its optical frame, and a sentence that says why there is no camera; the first one is waited for."""
        while not self.is_told and self.wait(deadline_s):
            pass
        return self._calibration

    def take_info(self, info: Any) -> None:
        """Take over a sensor_msgs/CameraInfo."""
        frame_id, self.is_told = info.header.frame_id, True
        try:
            self._calibration = (camera_from_info(info, self.name, rectified=self._rectified), frame_id, '')
        except (CalibrationError, ValueError) as error:
            self._calibration = (None, frame_id, str(error))


class Playback:
    """Reads images in order of arrival; TF and calibrations are taken over on the way.

    A robot that waits for TF receives other messages meanwhile. So does this: what waits until a deadline reads on
    until then, in the time of the recording; images that are met on the way come later.

    Args:
        reader: of the recording.
        cameras: by topics.
        odom_frame: of the odometry.
        base_frame: of the robot.
        map_frame: recorded transforms from it to the other two are left out, because they are what is looked for.
    """

    def __init__(
        self, reader: BagReader, cameras: Sequence[RecordedCamera], odom_frame: str, base_frame: str, map_frame: str
    ) -> None:
        self._odom, self._base, self._map = (clean_frame(frame) for frame in (odom_frame, base_frame, map_frame))
        self.buffer = TfBuffer()
        self.now_ns = 0
        self._images = {camera.topics.image: camera for camera in cameras}
        self._infos: dict[str, list[RecordedCamera]] = {}
        for camera in cameras:
            camera.wait = self._wait
            self._infos.setdefault(camera.topics.info, []).append(camera)
        self._types = reader.topics()
        topics = [*self._images, *self._infos, TF_TOPIC, TF_STATIC_TOPIC]
        self._messages = reader.messages(topics)
        self._waiting: deque[Arrival] = deque()
        self._start_ns: int | None = None
        self._read_until_ns = 0

    def images(self) -> Iterator[Arrival]:
        """Give the images in order of arrival.

        Raises:
            SourceError: the recording is damaged.
        """
        while self._waiting or self._advance():
            if self._waiting:
                yield self._waiting.popleft()

    def clock_s(self) -> float:
        """Time of the recording in seconds since its first message; :attr:`now_ns` is set by who takes the images."""
        return self._seconds(self.now_ns)

    # What neumap_ros.nodes.frame_reader asks of TF

    def has_odometry(self) -> bool:
        """Whether TF joins odometry and base at any time."""
        return self.buffer.connected(self._odom, self._base)

    def odometry(self, stamp_ns: int, deadline_s: float) -> Pose | str:
        """``T_odom_base`` at a stamp, or a sentence that says why there is none."""
        return self._at(self._odom, self._base, stamp_ns, deadline_s)

    def camera(self, frame_id: str, stamp_ns: int, deadline_s: float) -> Pose | str:
        """``T_base_cam`` of an optical frame at a stamp, or a sentence that says why there is none."""
        if not frame_id:
            return 'neither image nor camera_info names the optical frame of the camera; set frame_id in its driver'
        return self._at(self._base, frame_id, stamp_ns, deadline_s)

    def _at(self, target: str, source: str, stamp_ns: int, deadline_s: float) -> Pose | str:
        while True:
            try:
                return self.buffer.lookup(target, source, stamp_ns)
            except TransformError as error:
                if not self._wait(deadline_s):
                    where = f'{source} in {target} at the stamp of the image, {stamp_ns / 1e9:.3f} s'
                    return f'TF does not give {where}: {error}'

    def _seconds(self, bag_time_ns: int) -> float:
        # From the start, because a double cannot hold today's time in nanoseconds.
        return (bag_time_ns - (self._start_ns or 0)) / 1e9

    def _wait(self, deadline_s: float) -> bool:
        """Read one message more; False if there is none before the deadline."""
        return self._seconds(self._read_until_ns) <= deadline_s and self._advance()

    def _advance(self) -> bool:
        """Read one message; False at the end."""
        entry = next(self._messages, None)
        if entry is None:
            return False
        position, message = entry
        self._read_until_ns = position.bag_time_ns
        if self._start_ns is None:
            self._start_ns = position.bag_time_ns
        if position.topic in (TF_TOPIC, TF_STATIC_TOPIC):
            if self._types[position.topic] == TF_MESSAGE:
                self._take_tf(message, static=position.topic == TF_STATIC_TOPIC)
        elif position.topic in self._infos:
            for camera in self._infos[position.topic]:
                camera.take_info(message)
        else:
            camera = self._images[position.topic]
            stamp = message.header.stamp
            stamp_ns = stamp.sec * 10**9 + stamp.nanosec
            self._waiting.append(Arrival(position.bag_time_ns, camera.name, stamp_ns, message))
        return True

    def _take_tf(self, message: Any, *, static: bool) -> None:
        for item in message.transforms:
            parent, child = clean_frame(item.header.frame_id), clean_frame(item.child_frame_id)
            if parent == self._map and child in (self._odom, self._base):
                continue
            stamp = item.header.stamp
            stamp_ns = None if static else stamp.sec * 10**9 + stamp.nanosec
            rotation, translation = item.transform.rotation, item.transform.translation
            self.buffer.add(parent, child, quaternion_wxyz(rotation), xyz(translation), stamp_ns)
