# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The topics between a map_server and its localizers: names, quality of service, messages to and from values."""

from __future__ import annotations

import array

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from neumap_ros.maps.resident import resident_map
from neumap_ros.msg import MapIndex, MapShard
from neumap_ros.nodes.residency import Offer

INDEX_TOPIC, SHARD_TOPIC, REQUEST_TOPIC, STATUS_TOPIC = 'map/index', 'map/shard', 'map/request', 'map/status'
LATCHED_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# More regions than a client asks for at once.
SHARD_QOS = QoSProfile(depth=128, reliability=ReliabilityPolicy.RELIABLE)
REQUEST_QOS = QoSProfile(depth=32, reliability=ReliabilityPolicy.RELIABLE)

# A request is repeated this often, so that a map_server knows who is there, and one that has started anew does, too.
HEARTBEAT_S = 3.0


def packed(data: bytes) -> array.array[int]:
    """Bytes as a message takes them without looking at each one."""
    return array.array('B', data)


def read_index(message: MapIndex) -> Offer:
    """Check an index and keep its bytes.

    Raises:
        MapError: damaged, or of a format that this version does not read.
    """
    shared = {shard.path: bytes(shard.data) for shard in message.shared}
    manifest, retrieval = bytes(message.manifest), bytes(message.retrieval)
    return Offer(resident_map(manifest, shared, {}, retrieval or None, sha256=message.sha256))


def region_of(offer: Offer, message: MapShard) -> str | None:
    """The region of the revision on offer whose file came; None if it is none of it.

    A file that did not change is that of both revisions.
    """
    region = offer.by_path.get(message.path)
    if region is None:
        return None
    same = message.map_sha256 == offer.sha256 or message.sha256 == offer.files[region].sha256
    return region if same else None
