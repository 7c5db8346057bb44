# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What is known of a publisher or subscription somewhere in the graph."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from rclpy.qos import HistoryPolicy, QoSProfile


class TopicEndpointTypeEnum(IntEnum):
    """Which of the two it is."""

    INVALID = 0
    PUBLISHER = 1
    SUBSCRIPTION = 2


@dataclass
class TopicEndpointInfo:
    """A publisher or subscription.

    Attributes:
        node_name: Name of its node.
        node_namespace: Namespace of its node.
        topic_type: For example `std_msgs/msg/String`.
        topic_type_hash: Hash of the definition of the type, `INVALID` if its process does not tell.
        endpoint_type: Which of the two it is.
        endpoint_gid: The 16 bytes by which DDS knows it.
        qos_profile: What it offers or asks for.
    """

    node_name: str
    node_namespace: str
    topic_type: str
    topic_type_hash: str
    endpoint_type: TopicEndpointTypeEnum
    endpoint_gid: list[int]
    qos_profile: QoSProfile

    def __str__(self) -> str:
        qos = self.qos_profile
        depth = f' ({qos.depth})' if qos.history == HistoryPolicy.KEEP_LAST else ''
        lines = [
            f'Node name: {self.node_name}',
            f'Node namespace: {self.node_namespace}',
            f'Topic type: {self.topic_type}',
            f'Topic type hash: {self.topic_type_hash}',
            f'Endpoint type: {self.endpoint_type.name}',
            f'GID: {".".join(f"{byte:02x}" for byte in self.endpoint_gid)}',
            'QoS profile:',
            f'  Reliability: {qos.reliability.name}',
            f'  History (Depth): {qos.history.name}{depth}',
            f'  Durability: {qos.durability.name}',
            f'  Lifespan: {qos.lifespan}',
            f'  Deadline: {qos.deadline}',
            f'  Liveliness: {qos.liveliness.name}',
            f'  Liveliness lease duration: {qos.liveliness_lease_duration}',
        ]
        return '\n'.join(lines)
