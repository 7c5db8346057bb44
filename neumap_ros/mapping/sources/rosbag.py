# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""ROS 2 recordings: images from one topic, poses from another or from TF. No ROS installation needed."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neumap_ros import ros_values as values
from neumap_ros.errors import CalibrationError, ConfigError, SourceError
from neumap_ros.geometry import Camera, Pose
from neumap_ros.mapping.sources import bag_messages as messages
from neumap_ros.mapping.sources.bag_reader import BagPosition, BagReader
from neumap_ros.mapping.sources.base import DEFAULT_FRAME_ID, ImageSource, PosedImage, file_fact
from neumap_ros.mapping.sources.tf_tree import TfTree
from neumap_ros.mapping.sources.trajectory import Trajectory

_log = logging.getLogger(__name__)

_TF_TOPICS, _TF_STATIC = ('/tf', '/tf_static'), '/tf_static'
_TF_PREFIXES = ('tf:', '/tf:')
NO_POSES = 'none'

# (time in seconds) -> T_map_cam, or None where the recording has no pose
_PoseAt = Callable[[float], Pose | None]


class BagSource(ImageSource):
    """Images in a recording; pixels are read and decoded when asked for."""

    def __init__(
        self,
        reader: BagReader,
        images: Sequence[PosedImage],
        positions: Mapping[str, BagPosition],
        msgtype: str,
        *,
        metric: bool | None,
        frame_id: str,
    ) -> None:
        """Keep where each image lies in the recording."""
        super().__init__(f'bag {reader.path}', images, metric=metric, frame_id=frame_id)
        self._reader = reader
        self._positions = dict(positions)
        self._msgtype = msgtype

    def close(self) -> None:
        """Close the recording; the next read opens it again."""
        self._reader.close()

    def _load(self, image: PosedImage) -> NDArray[np.uint8]:
        position = self._positions[image.name]
        name = f'{image.name} of {self._reader.path}'
        return values.pixels_from_message(self._reader.message_at(position), self._msgtype, name)

    def _file_facts(self) -> Iterable[tuple[str, int, int]]:
        path = self._reader.path
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        # The topic too: two cameras of one recording may share calibration and poses.
        topic = self._positions[self.images[0].name].topic
        return [(topic, 0, 0), *(file_fact(file) for file in files)]


@dataclass(frozen=True)
class _Request:
    """What the caller said about poses; None where the recording must answer."""

    pose: str | None
    body_frame: str | None
    camera_frame: str
    T_body_cam: Pose | None
    max_time_difference_s: float


def open_bag(
    path: Path,
    image_topic: str | None = None,
    camera_info_topic: str | None = None,
    pose: str | None = None,
    every: int = 1,
    *,
    body_frame: str | None = None,
    camera_frame: str | None = None,
    T_body_cam: Pose | None = None,
    max_time_difference_s: float = 0.1,
    rectified: bool | None = None,
    metric: bool | None = True,
) -> BagSource:
    """Open a recording (sqlite3 or mcap). What is None is found in the recording where it is unambiguous.

    Args:
        path: rosbag2 folder.
        image_topic: sensor_msgs Image or CompressedImage.
        camera_info_topic: by default the ``camera_info`` beside the images.
        pose: a topic (PoseStamped, PoseWithCovarianceStamped, TransformStamped, Odometry), ``/topic.base_link`` to
            say whose pose it gives, ``tf:map`` or ``tf:map.base_link`` for TF, or ``none`` for images without poses.
        every: keep each n-th image.
        body_frame: whose pose the topic gives, where neither ``pose`` nor its messages say so (PoseStamped).
        camera_frame: optical frame of the camera, by default that of the image headers.
        T_body_cam: camera in the body, instead of TF.
        max_time_difference_s: an image farther than this from the nearest pose is left out.
        rectified: whether the images are rectified (then P counts, not K and D); by default, whether the image topic
            contains ``rect``.
        metric: whether poses are in metres (REP-103 says so).

    Raises:
        SourceError: no such recording, nothing in it, or a topic that is missing or ambiguous.
        CalibrationError: the camera is not calibrated, or a pose is none.
        ConfigError: ``every`` below 1.
    """
    if every < 1:
        raise ConfigError(f'every is {every}, expected at least 1; 1 keeps all images')
    reader = BagReader(Path(path))
    topics = reader.topics()
    if not topics:
        raise SourceError(f'the bag {path} is empty, expected images and poses; record it again')
    image_topic = image_topic or _choose_image_topic(topics, path)
    image_type = _check_type(topics, image_topic, (values.IMAGE, values.COMPRESSED_IMAGE), path)
    camera_info_topic = camera_info_topic or _choose_info_topic(topics, image_topic, path)
    _check_type(topics, camera_info_topic, (messages.CAMERA_INFO,), path)
    if rectified is None:
        rectified = 'rect' in image_topic
    camera = _read_camera(reader, camera_info_topic, rectified)

    stamped: list[tuple[float, BagPosition]] = []
    header_frame = ''
    for number, (position, message) in enumerate(reader.messages([image_topic])):
        header_frame = header_frame or values.clean_frame(message.header.frame_id)
        if number % every == 0:
            stamped.append((messages.stamp_s(message.header, position.bag_time_ns), position))
    request = _Request(
        pose, body_frame, values.clean_frame(camera_frame or '') or header_frame, T_body_cam, max_time_difference_s
    )
    frame_id, pose_at, poses_from = _poses(reader, topics, request)

    images: list[PosedImage] = []
    positions: dict[str, BagPosition] = {}
    for number, (time_s, position) in enumerate(stamped):
        T_map_cam = pose_at(time_s)
        if T_map_cam is not None or pose == NO_POSES:
            images.append(PosedImage(f'{number * every:06d}', camera, T_map_cam, time_s))
            positions[images[-1].name] = position
    left_out = len(stamped) - len(images)
    if not images:
        raise SourceError(
            f'{poses_from} of the bag {path} gives no pose within {max_time_difference_s} s of any of the '
            f'{len(stamped)} images on {image_topic} (t = {stamped[0][0]:.3f} to {stamped[-1][0]:.3f} s); '
            'check that both use one clock, or raise max_time_difference_s'
        )
    if left_out:
        _log.warning(
            '%d of %d images have no pose within %s s and are left out', left_out, len(stamped), max_time_difference_s
        )
    _log.info('bag %s: images from %s, camera from %s, poses from %s', path, image_topic, camera_info_topic, poses_from)
    return BagSource(reader, images, positions, image_type, metric=metric, frame_id=frame_id)


def _poses(reader: BagReader, topics: Mapping[str, str], request: _Request) -> tuple[str, _PoseAt, str]:
    """Give (frame of the poses, camera pose at a time, where they come from in words)."""
    if request.pose == NO_POSES:
        return DEFAULT_FRAME_ID, lambda time_s: None, 'nowhere'
    tf = read_tf(reader, topics)
    pose = request.pose or _choose_poses(topics, tf, request.camera_frame, reader.path)
    slack = request.max_time_difference_s
    prefix = next((prefix for prefix in _TF_PREFIXES if pose.startswith(prefix)), None)
    if prefix is not None:
        target, _, body = pose[len(prefix) :].partition('.')
        target, body = values.clean_frame(target), values.clean_frame(body) or request.camera_frame
        camera_in_body = _extrinsics(tf, body, request)
        if not tf.connected(target, body):
            tf.lookup(target, body, 0.0, slack)  # raises, naming the frames

        def from_tf(time_s: float) -> Pose | None:
            return _compose(tf.lookup(target, body, time_s, slack), camera_in_body(time_s))

        return target, from_tf, f'TF {target} -> {body}'

    topic, _, body = pose.partition('.')  # names of topics have no dots
    msgtype = _check_type(topics, topic, messages.POSE_TYPES, reader.path)
    samples = [
        messages.pose_from_message(message, msgtype, position.bag_time_ns, topic)
        for position, message in reader.messages([topic])
    ]
    child = values.clean_frame(body or request.body_frame or '') or samples[0].child
    if child is None and request.T_body_cam is None:
        raise SourceError(
            f'the messages on {topic} ({msgtype}) do not say whose pose they give, expected the frame behind the '
            f"topic; give '{topic}.base_link', or '{topic}.{request.camera_frame}' for the camera itself"
        )
    camera_in_body = _extrinsics(tf, child or '', request)
    trajectory = Trajectory.from_samples((sample.time_s, sample.T_parent_child) for sample in samples)

    def from_topic(time_s: float) -> Pose | None:
        return _compose(trajectory.at(time_s, slack), camera_in_body(time_s))

    return samples[0].parent or DEFAULT_FRAME_ID, from_topic, f'topic {topic}'


def _extrinsics(tf: TfTree, body: str, request: _Request) -> _PoseAt:
    """Give ``T_body_cam`` at a time."""
    fixed = request.T_body_cam
    if fixed is None and body == request.camera_frame:
        fixed = Pose.identity()
    if fixed is not None:
        return lambda time_s: fixed
    if not request.camera_frame:
        raise SourceError('the image headers name no frame, expected the optical frame of the camera; name it')
    if not tf.connected(body, request.camera_frame):
        raise SourceError(
            f'/tf_static does not say where the camera {request.camera_frame!r} sits on {body!r}, expected a chain of '
            'transforms between them; record /tf_static, or give T_body_cam'
        )
    return lambda time_s: tf.lookup(body, request.camera_frame, time_s, request.max_time_difference_s)


def _compose(first: Pose | None, second: Pose | None) -> Pose | None:
    return None if first is None or second is None else first @ second


def read_tf(reader: BagReader, topics: Mapping[str, str]) -> TfTree:
    """Read all transforms of a recording.

    Raises:
        SourceError: the recording is damaged.
    """
    tree = TfTree()
    for position, message in reader.messages([topic for topic in _TF_TOPICS if topic in topics]):
        for item in message.transforms:
            time_s = None if position.topic == _TF_STATIC else messages.stamp_s(item.header, position.bag_time_ns)
            rotation, translation = item.transform.rotation, item.transform.translation
            quaternion, offset = values.quaternion_wxyz(rotation), values.xyz(translation)
            tree.add(item.header.frame_id, item.child_frame_id, quaternion, offset, time_s)
    return tree


def _read_camera(reader: BagReader, topic: str, rectified: bool) -> Camera:
    name = f'the camera on {topic}'
    cameras: set[Camera] = set()
    for _, message in reader.messages([topic]):
        cameras.add(values.camera_from_info(message, name, rectified=rectified))
        if len(cameras) > 1:
            raise CalibrationError(
                f'{name} changes its calibration during the recording, expected one; split the bag where it changes'
            )
    return cameras.pop()


def _check_type(topics: Mapping[str, str], topic: str, expected: Sequence[str], path: Path) -> str:
    if topic not in topics:
        raise SourceError(
            f'the bag {path} has no messages on {topic}, expected one of {", ".join(topics)}; correct the topic'
        )
    if topics[topic] not in expected:
        raise SourceError(
            f'{topic} in the bag {path} is a {topics[topic]}, expected {" or ".join(expected)}; choose another topic'
        )
    return topics[topic]


def _choose_image_topic(topics: Mapping[str, str], path: Path) -> str:
    found = [topic for topic, msgtype in topics.items() if msgtype in (values.IMAGE, values.COMPRESSED_IMAGE)]
    # A depth image is no photograph, and the compressed copy of a recorded topic is no second camera.
    found = [topic for topic in found if 'depth' not in topic.lower()]
    found = [topic for topic in found if posixpath.dirname(topic) not in found]
    return _only(found, 'image topic', path, 'record a camera')


def _choose_info_topic(topics: Mapping[str, str], image_topic: str, path: Path) -> str:
    found = [topic for topic, msgtype in topics.items() if msgtype == messages.CAMERA_INFO]
    if not found:
        raise SourceError(
            f'the bag {path} has no CameraInfo, expected one beside {image_topic}; record the camera_info topic too'
        )
    folder = posixpath.dirname(image_topic)
    for parent in (folder, posixpath.dirname(folder)):
        sibling = posixpath.join(parent, 'camera_info')
        if sibling in found:
            return sibling
    return _only(found, 'CameraInfo topic', path, 'record the camera_info topic')


def _choose_poses(topics: Mapping[str, str], tf: TfTree, camera_frame: str, path: Path) -> str:
    found = [topic for topic, msgtype in topics.items() if msgtype in messages.POSE_TYPES]
    if DEFAULT_FRAME_ID in tf.frames and camera_frame and tf.connected(DEFAULT_FRAME_ID, camera_frame):
        found.append(f'tf:{DEFAULT_FRAME_ID}.{camera_frame}')
    return _only(found, 'source of poses (topic or TF)', path, 'record a pose topic or /tf, or map with poses from SfM')


def _only(found: Sequence[str], what: str, path: Path, remedy: str) -> str:
    if len(found) == 1:
        return found[0]
    if not found:
        raise SourceError(f'the bag {path} has no {what}, expected one; {remedy}')
    raise SourceError(f'the bag {path} has more than one {what}: {", ".join(found)}, expected one; name the one to use')
