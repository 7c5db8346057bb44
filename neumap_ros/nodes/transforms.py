# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""TF: where odometry and cameras are at a stamp, and the one transform that the localizer sends."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import yaml
from rclpy.node import Node
from rclpy.time import Time
from tf2_ros import Buffer, TransformBroadcaster, TransformException, TransformListener

from neumap_ros.errors import CalibrationError, ConfigError
from neumap_ros.geometry import Pose
from neumap_ros.localization.attempt import Attempt
from neumap_ros.nodes import conversions

POLL_S = 0.002
# A parent that nobody has confirmed for so long is no parent any more.
SILENT_PARENT_S = 5.0
MAP_TO_ODOM, MAP_TO_BASE, NONE = 'map_to_odom', 'map_to_base', 'none'


@dataclass(frozen=True)
class Frames:
    """Names of the frames.

    Attributes:
        map: of the map.
        odom: of the odometry.
        base: of the robot.
    """

    map: str
    odom: str
    base: str

    def __post_init__(self) -> None:
        names = {'frames.map': self.map, 'frames.odom': self.odom, 'frames.base': self.base}
        for parameter, name in names.items():
            if not name or name.startswith('/') or name != name.strip():
                raise ConfigError(
                    f'parameter {parameter} is {name!r}, expected the name of a frame without a leading slash, '
                    'such as map, odom or base_link'
                )
        if len(set(names.values())) < len(names):
            listed = ', '.join(f'{parameter} {name!r}' for parameter, name in names.items())
            raise ConfigError(f'two of the frames are the same ({listed}), expected three names that differ')


class TfReader:
    """Looks transforms up.

    Args:
        node: listens to /tf and /tf_static.
    """

    def __init__(self, node: Node) -> None:
        self.buffer = Buffer(node=node)
        self._listener = TransformListener(self.buffer, node)
        self._node = node
        self._stop = threading.Event()

    def close(self) -> None:
        """Listen no more; who waits is woken."""
        self._stop.set()
        self._listener.unregister()
        service = getattr(self.buffer, 'srv', None)
        if service is not None:
            self._node.destroy_service(service)
        jump = getattr(self.buffer, 'jump_handle', None)
        if jump is not None:
            jump.unregister()

    def forget(self) -> None:
        """Forget what moves; static transforms stay."""
        self.buffer.clear()

    def at(self, target: str, source: str, stamp_ns: int, deadline_s: float = 0.0) -> Pose | str:
        """``T_target_source`` at a stamp, or a sentence that says why there is none.

        Args:
            target: frame.
            source: frame.
            stamp_ns: when.
            deadline_s: on the clock of :func:`time.monotonic`; until then it is waited for, in the caller's thread,
                which must not be one of the executor.
        """
        stamp = Time(nanoseconds=stamp_ns, clock_type=self._node.get_clock().clock_type)
        while not self.buffer.can_transform(target, source, stamp):
            if time.monotonic() >= deadline_s or self._stop.wait(POLL_S):
                break
        try:
            return conversions.pose_from_transform(self.buffer.lookup_transform(target, source, stamp))
        except TransformException as error:
            return f'TF does not give {source} in {target} at the stamp of the image, {stamp_ns / 1e9:.3f} s: {error}'
        except CalibrationError as error:
            return str(error)


class Transforms(TfReader):
    """Looks transforms of the robot up.

    Args:
        node: listens to /tf and /tf_static.
        frames: names.
    """

    def __init__(self, node: Node, frames: Frames) -> None:
        super().__init__(node)
        self.frames = frames

    def odometry(self, stamp_ns: int, deadline_s: float = 0.0) -> Pose | str:
        """``T_odom_base`` at a stamp, or a sentence that says why there is none.

        Args:
            stamp_ns: of the images.
            deadline_s: on the clock of :func:`time.monotonic`; until then it is waited for.
        """
        return self.at(self.frames.odom, self.frames.base, stamp_ns, deadline_s)

    def has_odometry(self) -> bool:
        """Whether TF joins odometry and base at any time."""
        return bool(self.buffer.can_transform(self.frames.odom, self.frames.base, Time()))

    def latest_odometry(self) -> tuple[int, Pose] | None:
        """Stamp (ns) and ``T_odom_base`` of the latest odometry."""
        try:
            message = self.buffer.lookup_transform(self.frames.odom, self.frames.base, Time())
            return conversions.nanoseconds(message.header.stamp), conversions.pose_from_transform(message)
        except (TransformException, CalibrationError):
            return None

    def camera(self, frame_id: str, stamp_ns: int, deadline_s: float = 0.0) -> Pose | str:
        """``T_base_cam`` of an optical frame at a stamp, or a sentence that says why there is none.

        Looked up for every image: it costs microseconds, and neither a new calibration nor a camera that turns needs
        to be noticed.
        """
        if not frame_id:
            return 'neither image nor camera_info names the optical frame of the camera; set frame_id in its driver'
        return self.at(self.frames.base, frame_id, stamp_ns, deadline_s)

    def parent_of(self, frame: str) -> str:
        """The parent of a frame in TF; empty if it has none, or has not been heard of for a while."""
        try:
            tree = yaml.safe_load(self.buffer.all_frames_as_yaml())
        except yaml.YAMLError:
            return ''
        entry = tree.get(frame) if isinstance(tree, dict) else None
        if not isinstance(entry, dict):
            return ''
        latest_s = float(entry.get('most_recent_transform', 0.0))  # 0 where it is static
        now_s = self._node.get_clock().now().nanoseconds / 1e9
        return str(entry.get('parent', '')) if latest_s == 0 or now_s - latest_s < SILENT_PARENT_S else ''


@dataclass(frozen=True)
class _Held:
    """What an accepted fix says, until another one does."""

    map_id: str
    stamp_ns: int
    T_map_base: Pose
    T_map_odom: Pose | None


class TransformSender:
    """Sends the correction of the odometry (or the pose) again and again, and never gives a frame a second parent.

    A correction is held while the robot is lost, because odometry goes on; it is forgotten with the place that it was
    of, and when time jumps. All methods may be called from any thread.

    Args:
        node: sends.
        transforms: for the latest odometry and for parents.
        mode: ``map_to_odom``, ``map_to_base`` or ``none``.
        tolerance_s: how far into the future the correction is dated.
    """

    def __init__(self, node: Node, transforms: Transforms, mode: str, tolerance_s: float) -> None:
        self.tolerance_s = tolerance_s
        self.conflict = ''
        self._node = node
        self._transforms = transforms
        self._mode = mode
        self._broadcaster = None if mode == NONE else TransformBroadcaster(node)
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._last_ns = 0
        self._has_sent = False

    def close(self) -> None:
        """Send nothing any more."""
        self.forget()
        broadcaster, self._broadcaster = self._broadcaster, None
        publisher = getattr(broadcaster, 'pub_tf', None)
        if publisher is not None:
            self._node.destroy_publisher(publisher)

    def hold(self, attempt: Attempt) -> None:
        """Take over an accepted fix and send it."""
        if attempt.T_map_base is None:
            return
        with self._lock:
            self._held = _Held(attempt.map_id, attempt.stamp_ns, attempt.T_map_base, attempt.T_map_odom)
        if not self._has_sent:
            self.check_parents()
        self.send()

    def forget(self) -> None:
        """Forget the fix; nothing is sent until there is another one."""
        with self._lock:
            self._held = None
            self._last_ns = 0

    def pose_now(self) -> tuple[int, Pose, str] | None:
        """Stamp (ns), ``T_map_base`` and map id: the latest fix, carried on by odometry where there is some."""
        with self._lock:
            held = self._held
        if held is None:
            return None
        latest = self._transforms.latest_odometry() if held.T_map_odom is not None else None
        if latest is None or held.T_map_odom is None or latest[0] <= held.stamp_ns:
            return held.stamp_ns, held.T_map_base, held.map_id
        return latest[0], held.T_map_odom @ latest[1], held.map_id

    def send(self) -> None:
        """Send the transform; a timer does so ``tf_rate_hz`` times a second."""
        with self._lock:
            held = self._held
        if held is None or self._broadcaster is None or self.conflict:
            return
        frames = self._transforms.frames
        if self._mode == MAP_TO_ODOM:
            now_ns = self._node.get_clock().now().nanoseconds
            if held.T_map_odom is None or now_ns == 0:
                return
            stamp_ns, child, pose = now_ns + round(self.tolerance_s * 1e9), frames.odom, held.T_map_odom
        else:
            # The base moves: a pose is true at its stamp only, and is never dated into the future.
            current = self.pose_now()
            if current is None or current[0] <= self._last_ns:
                return
            (stamp_ns, pose, _), child = current, frames.base
        with self._lock:
            if self._held is None or self._broadcaster is None:
                return  # forgotten meanwhile
            self._last_ns = stamp_ns
            self._has_sent = True
            self._broadcaster.sendTransform(conversions.transform_message(pose, frames.map, child, stamp_ns))

    def check_parents(self) -> str:
        """Look who else gives the child a parent; while another parent is there, nothing is sent.

        Returns:
            A sentence about what is wrong, empty if nothing is.
        """
        if self._mode == NONE:
            return ''
        frames = self._transforms.frames
        child = frames.odom if self._mode == MAP_TO_ODOM else frames.base
        parent = self._transforms.parent_of(child)
        conflict = ''
        if parent and parent != frames.map:
            conflict = (
                f'TF has {child} as a child of {parent} already, so that {frames.map} -> {child} is not sent: a frame '
                'has one parent; change frames.* or tf_mode'
            )
        # In one step: another thread sends as soon as there is no conflict.
        self.conflict = conflict
        if parent == frames.map and not self._has_sent:
            return (
                f'another node sends {frames.map} -> {child}; stop it (AMCL, SLAM, a static publisher, a recording), '
                'or set tf_mode to none'
            )
        return self.conflict
