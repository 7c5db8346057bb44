# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A single message, without a callback."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from rclpy.constants import S_TO_NS
from rclpy.qos import QoSProfile
from rosless.dds import DdsError, Waitset
from rosless.interfaces import deserialize

if TYPE_CHECKING:
    from rclpy.node import Node

# Shutdown and signals end the wait after at most this time.
_LONGEST_WAIT_S = 0.1


def wait_for_message(
    msg_type: type[Any],
    node: Node,
    topic: str,
    *,
    qos_profile: QoSProfile | int = 1,
    time_to_wait: float = -1,
) -> tuple[bool, Any]:
    """Wait for a message of a topic, without running callbacks of the node.

    Args:
        msg_type: Class of the message.
        node: Whose subscription it is.
        topic: Relative, private or absolute name.
        qos_profile: What the subscription asks for.
        time_to_wait: Seconds; for ever if negative.

    Returns:
        Whether there was one, and the message or None.
    """
    # The node may be spun by another thread, whose executor then takes the message.
    received: list[Any] = []
    subscription = node.create_subscription(msg_type, topic, received.append, qos_profile)
    waitset = Waitset()
    waitset.attach(subscription._reader.condition)
    end = math.inf if time_to_wait < 0 else time.monotonic() + time_to_wait
    try:
        while node.context.ok() and not received and (left := end - time.monotonic()) > 0:
            waitset.wait(int(min(left, _LONGEST_WAIT_S) * S_TO_NS))
            received.extend(deserialize(sample.data, msg_type) for sample in subscription._reader.take())
    except DdsError:
        # The shutdown of the context may have come in between.
        if node.context.ok():
            raise
    finally:
        node.destroy_subscription(subscription)
    return bool(received), received[0] if received else None
