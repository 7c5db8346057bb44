# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node that has the map: stages revisions that parameters name, and sends localizers the regions that they need."""

from __future__ import annotations

import threading
import time
from copy import copy
from pathlib import Path
from typing import Any

from geometry_msgs.msg import PoseWithCovarianceStamped
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from rclpy.timer import Timer

from neumap_ros.errors import MapError
from neumap_ros.maps.cache import MapCache
from neumap_ros.maps.repository import check_reference
from neumap_ros.msg import MapIndex, MapRequest, MapShard, MapStatus
from neumap_ros.nodes import map_topics as topics
from neumap_ros.nodes.diagnostics import new_updater
from neumap_ros.nodes.lifecycle import ManagedNode
from neumap_ros.nodes.localizer_book import LocalizerBook
from neumap_ros.nodes.map_references import completed, reference_of
from neumap_ros.nodes.map_status import index_message, map_diagnostics, memory_diagnostics, status_message
from neumap_ros.nodes.map_updates import MapUpdates
from neumap_ros.nodes.parameters import MAP_SERVER, problem
from neumap_ros.nodes.prefetch import Prefetcher
from neumap_ros.nodes.shard_service import ShardService
from neumap_ros.nodes.shard_store import ShardStore
from neumap_ros.nodes.staging import Staged

MB = 1_000_000
# A localizer that missed three of its requests is gone.
_LOCALIZER_PATIENCE_S = 3.5 * topics.HEARTBEAT_S
_TICK_S = 0.5
# A localizer that asks about another revision than the active one gets the index again, this often at most.
_INDEX_PAUSE_S = 2.0
_POSE_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


class MapServer(ManagedNode):
    """Serves one map to the localizers of one robot.

    Args:
        options: of ``rclpy.node.Node``.

    Raises:
        ConfigError: a parameter given at start is unusable.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__('map_server', MAP_SERVER, **options)
        self._launched_with = reference_of(self, [])
        self._updates: MapUpdates | None = None
        self._service: ShardService | None = None
        self._shards = ShardStore(self._budget_bytes())
        self._book = LocalizerBook(_LOCALIZER_PATIENCE_S)
        self._prefetcher = Prefetcher(0.0, 0.0)
        self._publish_lock = (
            threading.RLock()
        )  # Of what is published: the index and the status never overtake each other.
        self._status_publisher: Publisher | None = None
        self._index_publisher: Publisher | None = None
        self._shard_publisher: Publisher | None = None
        self._subscriptions_: list[Subscription] = []
        self._timer: Timer | None = None
        self._last_status: MapStatus | None = None
        self._index_sent_s = -float('inf')
        self._activated: tuple[str, Any] = ('', None)  # revision and its stamp
        self._updater = new_updater(self)
        self._updater.add('map', lambda status: map_diagnostics(status, self._status()))
        self._updater.add('memory', lambda status: memory_diagnostics(status, self._status()))
        self.add_pre_set_parameters_callback(lambda parameters: completed(self, parameters))
        self.add_on_set_parameters_callback(self._check_parameters)
        self.add_post_set_parameters_callback(self._take_parameters)

    # Parameters

    def _budget_bytes(self) -> int:
        return int(self.get_parameter('memory_budget_mb').value) * MB

    def _check_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        """Accept or refuse a change, fast and without doing anything."""
        reason = problem(MAP_SERVER, parameters)
        if not reason and any(parameter.name.startswith('map.') for parameter in parameters):
            wanted = reference_of(self, parameters)
            try:
                check_reference(wanted.uri, wanted.revision, wanted.sha256)
            except MapError as error:
                reason = str(error)
        return SetParametersResult(successful=not reason, reason=reason)

    def _take_parameters(self, parameters: list[Parameter]) -> None:
        """Act on a change that was accepted."""
        names = {parameter.name for parameter in parameters}
        if 'memory_budget_mb' in names:
            self._shards.budget_bytes = self._budget_bytes()
        if names & {'prefetch_radius_m', 'prefetch_horizon_s'}:
            self._set_up_prefetching()
        if any(name.startswith('map.') for name in names):
            if self._updates is not None:
                self._updates.ask(reference_of(self, []))
            elif self.start_failed:
                # Perhaps what kept the node from being configured is repaired now. One that somebody has cleaned up
                # stays so.
                self.start()

    def _set_up_prefetching(self) -> None:
        self._prefetcher = Prefetcher(
            self.get_parameter('prefetch_radius_m').value, self.get_parameter('prefetch_horizon_s').value
        )

    # Lifecycle

    def configure(self) -> None:
        """Open the cache and begin to stage what the parameters name."""
        name = self.get_fully_qualified_name().strip('/').replace('/', '.')
        cache = MapCache(Path(self.get_parameter('state_dir').value).expanduser() / 'maps' / name)
        self._set_up_prefetching()
        self._status_publisher = self.create_publisher(MapStatus, topics.STATUS_TOPIC, topics.LATCHED_QOS)
        self._updates = MapUpdates(cache, self._publish_status, lambda _: self._serve(), self.get_logger())
        self._updates.begin(reference_of(self, []), self._launched_with)
        self._publish_status()

    def activate(self) -> None:
        """Publish the map and answer requests."""
        shard_publisher = self.create_publisher(MapShard, topics.SHARD_TOPIC, topics.SHARD_QOS)
        index_publisher = self.create_publisher(MapIndex, topics.INDEX_TOPIC, topics.LATCHED_QOS)
        service = ShardService(self._shards, self._book, shard_publisher.publish, self._on_damage)
        with self._publish_lock:
            self._shard_publisher, self._index_publisher, self._service = shard_publisher, index_publisher, service
            self._serve()
        self._subscriptions_ = [
            self.create_subscription(MapRequest, topics.REQUEST_TOPIC, self._on_request, topics.REQUEST_QOS),
            self.create_subscription(
                PoseWithCovarianceStamped,
                'pose',
                self._on_pose,
                _POSE_QOS,
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            ),
        ]
        # Not the node's clock: a clock that stands still does not keep localizers alive.
        self._timer = self.create_timer(_TICK_S, self._on_tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def deactivate(self) -> None:
        """Send nothing any more; localizers keep what they have."""
        if self._timer is not None:
            self.destroy_timer(self._timer)
            self._timer = None
        for subscription in self._subscriptions_:
            self.destroy_subscription(subscription)
        self._subscriptions_ = []
        with self._publish_lock:
            service, self._service = self._service, None
            publishers = [self._shard_publisher, self._index_publisher]
            self._shard_publisher = self._index_publisher = None
        if service is not None:
            service.close()
        for publisher in publishers:
            if publisher is not None:
                self.destroy_publisher(publisher)
        self._book.expire(float('inf'))

    def clean_up(self) -> None:
        """Give up what is being staged and drop what is in memory; the cache stays on the disk."""
        if self._updates is not None:
            self._updates.close()
            self._updates = None
        self._shards.clear()
        with self._publish_lock:
            publisher, self._status_publisher, self._last_status = self._status_publisher, None, None
        if publisher is not None:
            self.destroy_publisher(publisher)

    # Callbacks

    def _on_request(self, message: MapRequest) -> None:
        service, updates = self._service, self._updates
        if service is None or updates is None:
            return
        now_s = time.monotonic()
        with service.lock:
            self._book.heard(message.requester, message.process, message.active_sha256, now_s)
            users = self._book.users_of(message.map_sha256)
        active = updates.state.active
        if active is None or message.map_sha256 != active.offer.sha256:
            if now_s - self._index_sent_s > _INDEX_PAUSE_S:
                self._publish_index(active)
            return
        if message.refused:
            updates.refuse(message.map_sha256, message.requester, message.refused, users)
        elif message.regions:
            service.ask(message.requester, message.regions)

    def _on_pose(self, message: PoseWithCovarianceStamped) -> None:
        position, stamp = message.pose.pose.position, message.header.stamp
        self._prefetcher.observe(stamp.sec * 1_000_000_000 + stamp.nanosec, (position.x, position.y, position.z))

    def _on_tick(self) -> None:
        """Push regions ahead of the robot, forget localizers that are gone, tell what has changed."""
        service, updates = self._service, self._updates
        if service is None or updates is None:
            return
        with service.lock:
            for name in self._book.expire(time.monotonic()):
                self.get_logger().info(f'localizer {name} is gone')
        active = updates.state.active
        if active is not None and self._prefetcher.radius_m > 0.0:
            ahead = self._prefetcher.regions(active.offer.regions)
            if ahead:
                service.push(ahead)
        self._publish_status()

    def _on_damage(self, region_id: str, reason: str) -> None:
        """A file in the cache cannot be read; called by the service's thread."""
        self.get_logger().error(f'region {region_id} cannot be sent: {reason}')
        if self._updates is not None:
            self._updates.repair(region_id, reason)

    # Publishing

    def _serve(self) -> None:
        """Send the active revision from now on."""
        with self._publish_lock:
            if self._service is None or self._updates is None:
                return
            # Asked for here and not handed over: two threads may be about to serve, and the last one has to be right.
            active = self._updates.state.active
            self._service.serve(active)
            self._publish_index(active)
        self._publish_status()

    def _publish_index(self, active: Staged | None) -> None:
        with self._publish_lock:
            if self._index_publisher is None:
                return
            sha256 = '' if active is None else active.offer.sha256
            if self._activated[0] != sha256 or self._activated[1] is None:
                self._activated = (sha256, self.get_clock().now().to_msg())
            self._index_sent_s = time.monotonic()
            self._index_publisher.publish(index_message(active, self._activated[1]))

    def _status(self) -> MapStatus:
        updates = self._updates
        state = None if updates is None else updates.state
        service = self._service
        localizers: list[tuple[str, str]] = []
        if service is not None:
            with service.lock:
                localizers = [(name, known.active_sha256) for name, known in self._book.items()]
        return status_message(state, self._shards, localizers)

    def _publish_status(self) -> None:
        """Publish the status unless it is the one that was published last."""
        with self._publish_lock:
            if self._status_publisher is None:
                return
            status = self._status()
            if status != self._last_status:
                self._last_status = copy(status)
                status.stamp = self.get_clock().now().to_msg()
                self._status_publisher.publish(status)
