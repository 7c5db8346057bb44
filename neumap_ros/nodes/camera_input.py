# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The topics of one camera: images are handed over as they come, the calibration is kept."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_policy_name_from_kind,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from neumap_ros.errors import CalibrationError, ConfigError
from neumap_ros.geometry import Camera
from neumap_ros.nodes import conversions
from neumap_ros.ros_values import camera_from_info

_NAME = re.compile(r'[A-Za-z][A-Za-z0-9_]*(/[A-Za-z][A-Za-z0-9_]*)*')
# Silence of a topic that has spoken before is worth a warning after so long.
SILENCE_S = 2.0
_RATE_WINDOW = 30
POLL_S = 0.002


def check_names(names: Sequence[str]) -> None:
    """Refuse names of cameras that cannot be parts of topics, or that occur twice.

    Raises:
        ConfigError: such a name, or none at all.
    """
    if not names:
        raise ConfigError('parameter cameras is empty, expected the names of the cameras, such as [front, left]')
    for name in names:
        if not _NAME.fullmatch(name) or name.endswith('_') or '__' in name:
            raise ConfigError(
                f'parameter cameras holds {name!r}, expected a name of letters, digits and underscores that can stand '
                'in a topic, such as front'
            )
    if len(set(names)) < len(names):
        raise ConfigError(f'parameter cameras names a camera twice ({", ".join(names)}), expected different names')


def sensor_data() -> QoSProfile:
    """Best effort, which every publisher satisfies; a profile of its own, because overrides change it."""
    return QoSProfile(
        depth=5,
        history=HistoryPolicy.KEEP_LAST,
        reliability=ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.VOLATILE,
    )


class Topic:
    """A subscription, and what diagnostics say about it.

    Args:
        node: subscribes.
        message_type: of the topic.
        name: relative name; remapping applies.
        callback: gets the messages.
    """

    def __init__(self, node: Node, message_type: type[Any], name: str, callback: Callable[[Any], None]) -> None:
        self.last_stamp_ns = 0
        self.count = 0
        self._node = node
        self._type = message_type
        self._callback = callback
        self._arrivals: deque[float] = deque(maxlen=_RATE_WINDOW)
        self._mismatch = ''
        self._subscription = node.create_subscription(
            message_type,
            name,
            self._receive,
            sensor_data(),
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible_qos),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self.name: str = self._subscription.topic_name

    def close(self) -> None:
        """Subscribe no more."""
        self._node.destroy_subscription(self._subscription)

    @property
    def rate_hz(self) -> float:
        """Messages a second lately."""
        times = list(self._arrivals)
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else 0.0

    @property
    def silence_s(self) -> float:
        """Time since the last message."""
        return time.monotonic() - self._arrivals[-1] if self._arrivals else float('inf')

    def problem(self) -> str:
        """Why nothing comes, in one sentence; empty if messages come."""
        if self.silence_s < SILENCE_S:
            return ''
        wanted = f'{self._type.__module__.split(".")[0]}/msg/{self._type.__name__}'
        since = f'the last message came {self.silence_s:.0f} s ago' if self.count else 'no message has come'
        publishers = self._node.get_publishers_info_by_topic(self.name)
        if not publishers:
            return f'{self.name} ({wanted}): {since}, and there is no publisher; remap the topic or start the driver'
        others = sorted({info.topic_type for info in publishers} - {wanted})
        if others and not any(info.topic_type == wanted for info in publishers):
            return f'{self.name}: publishers send {", ".join(others)}, expected {wanted}'
        if self._mismatch:
            return f'{self.name}: {since}; {self._mismatch}'
        stamp = f' with the stamp {self.last_stamp_ns / 1e9:.3f} s' if self.count else ''
        offered = ', '.join(sorted({info.qos_profile.reliability.name.lower() for info in publishers}))
        return f'{self.name} ({wanted}, offered {offered}): {since}{stamp}, though there is a publisher'

    def _receive(self, message: Any) -> None:
        self.count += 1
        self._arrivals.append(time.monotonic())
        self.last_stamp_ns = conversions.nanoseconds(message.header.stamp)
        self._callback(message)

    def _on_incompatible_qos(self, event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        own = self._subscription.qos_profile
        self._mismatch = (
            f'a publisher offers another {policy} than asked for here (reliability {own.reliability.name.lower()}, '
            f'durability {own.durability.name.lower()}), so that nothing comes from it; remove qos_overrides'
        )
        self._node.get_logger().warning(f'{self.name}: {self._mismatch}')


class CameraInput:
    """Images and calibration of one camera.

    Args:
        node: subscribes.
        name: of the camera.
        compressed: whether images are compressed.
        rectified: whether they are rectified.
        on_image: called with camera, stamp (ns) and message.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        *,
        compressed: bool,
        rectified: bool,
        on_image: Callable[[str, int, Any], None],
    ) -> None:
        self.name = name
        self._node = node
        self._rectified = rectified
        self._on_image = on_image
        self._info_key: tuple[Any, ...] = ()
        self._is_told = False
        # Both at once, so that the worker never sees one without the other: the calibration or what is wrong with it.
        self._calibration: tuple[Camera | None, str, str] = (None, '', '')
        image = f'{name}/image/compressed' if compressed else f'{name}/image'
        self.images = Topic(node, CompressedImage if compressed else Image, image, self._on_image_message)
        self.infos = Topic(node, CameraInfo, f'{name}/camera_info', self._on_info)

    def close(self) -> None:
        """Subscribe no more."""
        self.images.close()
        self.infos.close()

    def calibration(self, deadline_s: float = 0.0) -> tuple[Camera | None, str, str]:
        """Camera, its optical frame, and a sentence that says why there is no camera.

        Args:
            deadline_s: on the clock of :func:`time.monotonic`; until then the first calibration is waited for, which
                may come just after the first image. Not in a thread of the executor.
        """
        while not self._is_told and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
        if not self._is_told:
            return None, '', f'camera {self.name} is not calibrated: no message on {self.infos.name} yet'
        return self._calibration

    def problem(self) -> str:
        """What is wrong with the topics or the calibration, in one sentence; empty if all is well."""
        problem = self.images.problem()
        if not problem and not self.infos.count:
            problem = self.infos.problem() or f'{self.infos.name}: no message has come'
        return problem or self.calibration()[2]

    def _on_image_message(self, message: Any) -> None:
        self._on_image(self.name, self.images.last_stamp_ns, message)

    def _on_info(self, info: Any) -> None:
        roi = info.roi
        key = (
            *(info.header.frame_id, info.width, info.height, info.distortion_model, info.binning_x, info.binning_y),
            *(tuple(info.d), tuple(info.k), tuple(info.p)),
            *(roi.x_offset, roi.y_offset, roi.width, roi.height),
        )
        if key == self._info_key:
            return
        try:
            camera = camera_from_info(info, self.name, rectified=self._rectified)
        except (CalibrationError, ValueError) as error:
            self._calibration = (None, info.header.frame_id, str(error))
            self._node.get_logger().warning(f'{self.infos.name}: {error}')
        else:
            self._calibration = (camera, info.header.frame_id, '')
            change = 'changed' if self._info_key else 'received'
            self._node.get_logger().info(
                f'calibration of camera {self.name} {change}: {camera.width}x{camera.height}, {camera.model}'
            )
        self._info_key = key
        self._is_told = True
