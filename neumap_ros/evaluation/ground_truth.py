# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where the robot really was: from a topic of a recording, from its TF, or from a trajectory file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from neumap_ros.errors import SourceError
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources import bag_messages as messages
from neumap_ros.mapping.sources.bag_reader import BagReader
from neumap_ros.mapping.sources.rosbag import read_tf
from neumap_ros.mapping.sources.trajectory import Trajectory
from neumap_ros.mapping.sources.tum import read_tum
from neumap_ros.ros_values import clean_frame

# What neumap bag make writes.
TRUTH_TOPIC = '/ground_truth'

# A stamp without a true pose so near has none.
MAX_TIME_DIFFERENCE_S = 0.1

# (stamp in ns) -> T_map_base, or None where the truth is not known
TruthAt = Callable[[int], Pose | None]


def open_truth(text: str, bag: Path, base_frame: str, map_frame: str) -> TruthAt:
    """Open a source of true poses of the base.

    Args:
        text: a topic of the bag (PoseStamped, PoseWithCovarianceStamped, TransformStamped, Odometry),
            ``/topic.FRAME`` if it gives the pose of another frame than the base, ``tf:FRAME`` for the pose of the base
            in that frame, or a TUM file of the base.
        bag: the recording.
        base_frame: of the robot.
        map_frame: of the map.

    Raises:
        SourceError: no such topic, frame or file.
        CalibrationError: a pose is none.
    """
    if text.removeprefix('/').startswith('tf:'):
        target = text.removeprefix('/').removeprefix('tf:') or map_frame
        reader = BagReader(bag)
        tf = read_tf(reader, reader.topics())
        if not tf.connected(target, base_frame):
            tf.lookup(target, base_frame, 0.0, MAX_TIME_DIFFERENCE_S)  # raises, naming the frames
        return lambda stamp_ns: tf.lookup(target, base_frame, stamp_ns / 1e9, MAX_TIME_DIFFERENCE_S)
    if not text.startswith('/') or Path(text).is_file():
        return _at(read_tum(Path(text)))
    reader = BagReader(bag)
    topics = reader.topics()
    topic, _, frame = text.partition('.')
    if topic not in topics or topics[topic] not in messages.POSE_TYPES:
        poses = [name for name, msgtype in topics.items() if msgtype in messages.POSE_TYPES]
        raise SourceError(
            f'the bag {bag} has no poses on {topic}, expected one of {", ".join(poses) or "none: it has no poses"}, '
            'tf:map, or a TUM file'
        )
    return _from_topic(reader, topics, topic, clean_frame(frame), clean_frame(base_frame))


def _from_topic(reader: BagReader, topics: Mapping[str, str], topic: str, frame: str, base: str) -> TruthAt:
    samples = [
        messages.pose_from_message(message, topics[topic], position.bag_time_ns, topic)
        for position, message in reader.messages([topic])
    ]
    frame = frame or samples[0].child or base
    at = _at(Trajectory.from_samples((sample.time_s, sample.T_parent_child) for sample in samples))
    if frame == base:
        return at
    tf = read_tf(reader, topics)
    if not tf.connected(frame, base):
        tf.lookup(frame, base, 0.0, MAX_TIME_DIFFERENCE_S)  # raises, naming the frames

    def base_at(stamp_ns: int) -> Pose | None:
        T_map_frame, T_frame_base = at(stamp_ns), tf.lookup(frame, base, stamp_ns / 1e9, MAX_TIME_DIFFERENCE_S)
        return None if T_map_frame is None or T_frame_base is None else T_map_frame @ T_frame_base

    return base_at


def _at(trajectory: Trajectory) -> TruthAt:
    return lambda stamp_ns: trajectory.at(stamp_ns / 1e9, MAX_TIME_DIFFERENCE_S)
