# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The localizer's side of a map that comes by topics: what to ask for, what to keep, when to switch.

A :class:`neumap_ros.localization.localizer.Localizer` holds one revision, and a new revision is handed over only when
all that is wanted of it is there, so no fix mixes two. Whatever goes wrong, the map in use stays in use.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription

from neumap_ros.errors import MapError, NeumapError
from neumap_ros.geometry import Pose
from neumap_ros.localization.localizer import Localizer, LocalizerSettings
from neumap_ros.maps import exchange
from neumap_ros.maps.resident import ResidentMap, check_bytes
from neumap_ros.msg import MapIndex, MapRequest, MapShard
from neumap_ros.nodes import map_topics as topics
from neumap_ros.nodes.residency import ClientState, Offer, Wants, choose, needed
from neumap_ros.nodes.shard_requests import Requests

# While regions of the same revision come one by one, a localizer is made of them this often at most.
_REBUILD_S = 0.5
_TICK_S = 0.1


class MapClient:
    """Subscribes to a map_server and hands over localizers.

    Args:
        node: whose topics it uses, by relative names; its executor runs the callbacks, which only hand over.
        budget_bytes: memory for regions, as :meth:`neumap_ros.nodes.residency.Offer.cost` counts it. While a revision
            is replaced, the regions that differ are there twice.
        on_localizer: called from the client's thread with each new localizer; the one before stays usable.
        settings: of the localizers.
    """

    def __init__(
        self,
        node: Node,
        budget_bytes: int,
        on_localizer: Callable[[Localizer], None],
        settings: LocalizerSettings | None = None,
    ) -> None:
        self._node = node
        self._budget_bytes = budget_bytes
        self._on_localizer = on_localizer
        # Guarded by the lock: what callbacks, callers and the client's thread share.
        self._lock = threading.Condition()
        self._settings = settings or LocalizerSettings()
        self._offer: Offer | None = None
        self._wants = Wants()
        self._blobs: dict[str, bytes] = {}  # by sha256
        self._recent: dict[str, None] = {}  # region ids, the one needed last at the end
        self._requests = Requests()
        self._missing: tuple[str, ...] = ()
        self._refused = ''
        self._problem = ''
        self._damaged = 0
        self._changed = False
        self._stopping = False
        self._used: Offer | None = None
        self._resident: ResidentMap | None = None
        # The client's thread only.
        self._localizer: Localizer | None = None
        self._chosen: tuple[str, ...] = ()
        self._chosen_for: Wants | None = None
        self._last_build_s = -float('inf')
        self._last_request_s = -float('inf')
        self._thread: threading.Thread | None = None
        self._subscriptions: list[Subscription] = []
        self._publisher: Publisher | None = None

    @property
    def state(self) -> ClientState:
        """What is there now; may be asked from any thread."""
        with self._lock:
            offer, used, resident = self._offer, self._used, self._resident
            found = ClientState(
                offered_revision=offer.empty.manifest.revision if offer else 0,
                offered_sha256=offer.sha256 if offer else '',
                regions_missing=len(self._missing),
                bytes_budget=self._budget_bytes,
                damaged=self._damaged,
                refused=self._refused,
                problem=self._problem,
            )
        if used is None or resident is None:
            return found
        return replace(
            found,
            map_id=resident.manifest.map_id,
            revision=resident.manifest.revision,
            sha256=resident.manifest_sha256,
            regions=len(used.regions),
            regions_resident=len(resident.resident),
            bytes_resident=used.empty.resident_bytes
            + sum(used.cost(region) for region in used.regions if region.id in resident.shards),
        )

    def start(self) -> None:
        """Subscribe and begin to ask."""
        if self._thread is not None:
            return
        self._stopping = False
        self._last_request_s = -float('inf')
        self._publisher = self._node.create_publisher(MapRequest, topics.REQUEST_TOPIC, topics.REQUEST_QOS)
        self._subscriptions = [
            self._node.create_subscription(MapShard, topics.SHARD_TOPIC, self._on_shard, topics.SHARD_QOS),
            self._node.create_subscription(MapIndex, topics.INDEX_TOPIC, self._on_index, topics.LATCHED_QOS),
        ]
        self._thread = threading.Thread(target=self._work, name='map client', daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Cease to ask; the map in use and what came stay in memory until the client goes."""
        if self._thread is None:
            return
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
        self._thread.join()
        self._thread = None
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []
        if self._publisher is not None:
            self._node.destroy_publisher(self._publisher)
            self._publisher = None

    def update_wants(self, prior: Pose | None, radius: float, wanted_regions: Sequence[str] = ()) -> None:
        """Say where the robot probably is; cheap, may be called at every image from any thread.

        Args:
            prior: T_map_base, or None where nothing is known.
            radius: regions this close to it are needed, map units.
            wanted_regions: ids of regions that look like the images, most likely first; see ``RigFix``.
        """
        position = None
        if prior is not None:
            x, y, z = prior.translation_3.tolist()
            position = (x, y, z)
        with self._lock:
            # Nobody is woken: a robot that drives says so many times a second, and the thread looks often enough.
            self._wants = Wants(position, radius, tuple(wanted_regions))

    def use_settings(self, settings: LocalizerSettings) -> None:
        """Make another localizer of the same map with other settings."""
        with self._lock:
            self._settings = settings
            self._changed = True
            self._lock.notify_all()

    # Callbacks

    def _on_index(self, message: MapIndex) -> None:
        known = self._offer
        offer = known
        problem = ''
        if not message.sha256:
            problem = 'the map_server has no map; set its parameter map.uri'
        elif known is None or known.sha256 != message.sha256:
            try:
                offer = topics.read_index(message)
            except MapError as error:
                # Damaged on its way, perhaps. The next request is about another revision, so the server sends it again.
                problem = str(error)
                self._node.get_logger().error(f'the map on {topics.INDEX_TOPIC} is unusable: {problem}')
        with self._lock:
            self._problem = problem
            self._damaged += bool(problem and message.sha256)
            if offer is not known and offer is not None:
                self._offer, self._refused = offer, ''
                if self._resident is not None and self._resident.manifest_sha256 == offer.sha256:
                    # Back to the map in use: nothing has to be sent.
                    self._blobs |= {offer.files[r].sha256: data for r, data in self._resident.shards.items()}
            self._requests.forget()
            self._changed = True
            self._lock.notify_all()

    def _on_shard(self, message: MapShard) -> None:
        offer = self._offer
        region = None if offer is None else topics.region_of(offer, message)
        if offer is None or region is None or message.in_process not in ('', exchange.PROCESS_ID):
            return
        file = offer.files[region]
        data = None
        problem = message.error
        if file.sha256 in self._blobs or self._refused:
            # Of a revision that cannot be used nothing is wanted, and nothing would be dropped for its sake.
            return
        if not problem and message.in_process:
            data = exchange.take(file.sha256)
            problem = '' if data is not None else 'the map_server of this process has dropped it already'
        elif not problem:
            data = bytes(message.data)
            try:
                check_bytes(file, data, offer.empty.name)
            except MapError as error:
                problem = str(error)
        with self._lock:
            if problem or data is None:
                self._requests.failed_to_arrive(region, time.monotonic())
                self._damaged += data is not None
                self._problem = f'region {region} did not arrive: {problem}'
            else:
                self._requests.arrived(region, time.monotonic())
                self._blobs[file.sha256] = data
                self._needed([region])
            self._changed = True
            self._lock.notify_all()
        if problem:
            self._node.get_logger().warning(f'region {region} did not arrive: {problem}', throttle_duration_sec=1.0)

    # The client's thread

    def _work(self) -> None:
        while True:
            with self._lock:
                if not (self._changed or self._stopping):
                    self._lock.wait(_TICK_S)
                if self._stopping:
                    return
                changed, self._changed = self._changed, False
            try:
                self._step(changed, time.monotonic())
            except Exception:
                self._node.get_logger().error(f'the map client failed:\n{traceback.format_exc()}')
                time.sleep(1.0)

    def _step(self, changed: bool, now_s: float) -> None:
        """Decide, ask for what is missing, make a localizer if it is time."""
        with self._lock:
            offer, settings = self._offer, self._settings
            window: tuple[str, ...] = ()
            if offer is not None and not self._refused:
                if changed or (self._chosen_for is not self._wants and not self._is_whole(offer)):
                    self._choose(offer)
                window = self._requests.next(self._missing, offer.files, now_s)
            due = window or now_s - self._last_request_s > topics.HEARTBEAT_S
            request = self._request(window) if due else None
            here = {} if offer is None else {r: self._blobs[offer.files[r].sha256] for r in self._here(offer)}
            missing, failed = frozenset(self._missing), self._requests.failed
            usable = offer is not None and not self._refused
        self._send(request, now_s)
        if self._localizer is not None and self._resident is not None and self._localizer.settings is not settings:
            self._localizer = Localizer(self._resident, settings, reuse=self._localizer)
            self._on_localizer(self._localizer)
        if usable and offer is not None and self._is_time(offer, frozenset(here), missing - failed, missing, now_s):
            self._build(offer, here, settings)

    def _is_whole(self, offer: Offer) -> bool:
        return not self._missing and len(self._chosen) == len(offer.regions)

    def _here(self, offer: Offer) -> list[str]:
        return [r for r in self._chosen if r in offer.files and offer.files[r].sha256 in self._blobs]

    def _needed(self, regions: Sequence[str]) -> None:
        for region in regions:
            self._recent.pop(region, None)
            self._recent[region] = None

    def _choose(self, offer: Offer) -> None:
        """Choose what to hold and drop the rest; the lock is held."""
        self._chosen_for = self._wants
        self._needed([region for region in needed(offer, self._wants) if region in self._recent])
        held = [r for r in reversed(self._recent) if r in offer.files and offer.files[r].sha256 in self._blobs]
        self._chosen = choose(offer, self._budget_bytes, self._wants, held)
        keep = {offer.files[region].sha256 for region in self._chosen}
        if self._resident is not None and self._resident.manifest_sha256 == offer.sha256:
            keep |= {offer.files[region].sha256 for region in self._resident.shards}
        self._blobs = {sha256: data for sha256, data in self._blobs.items() if sha256 in keep}
        self._recent = {r: None for r in self._recent if r in self._chosen}
        self._missing = tuple(r for r in self._chosen if offer.files[r].sha256 not in self._blobs)
        if not self._missing:
            self._problem = ''

    def _is_time(
        self,
        offer: Offer,
        here: frozenset[str],
        waiting: frozenset[str],
        missing: frozenset[str],
        now_s: float,
    ) -> bool:
        """Whether a localizer shall be made of the regions that are here."""
        if self._resident is not None and self._resident.manifest_sha256 == offer.sha256:
            is_soon = bool(waiting) and now_s - self._last_build_s < _REBUILD_S
            return bool(here - self._resident.resident) and not is_soon
        # A first map may lack regions that cannot be had; it never replaces a map that works.
        return not missing or (self._resident is None and not waiting and bool(here))

    def _build(self, offer: Offer, here: dict[str, bytes], settings: LocalizerSettings) -> None:
        """Make a localizer of some regions and hand it over, or refuse the revision."""
        is_switch = self._resident is None or self._resident.manifest_sha256 != offer.sha256
        base = offer.empty if is_switch or self._resident is None else self._resident
        try:
            resident = base.without_regions(base.resident - here.keys()).with_regions(
                {region: data for region, data in here.items() if region not in base.shards}
            )
            localizer = Localizer(resident, settings, reuse=self._localizer)
        except Exception as error:
            if not isinstance(error, NeumapError):
                self._node.get_logger().error(traceback.format_exc())
            self._refuse(offer, str(error) or type(error).__name__)
            return
        with self._lock:
            if self._offer is not offer and is_switch:
                return  # Another revision came meanwhile; nobody wants this one any more.
            self._localizer, self._resident, self._used = localizer, resident, offer
            self._last_build_s = time.monotonic()
            request = self._request(()) if is_switch else None
        self._on_localizer(localizer)
        if is_switch:
            manifest = resident.manifest
            self._node.get_logger().info(
                f'localizing in map {manifest.map_id} revision {manifest.revision} ({offer.sha256[:12]}), '
                f'{len(resident.shards)} of {len(manifest.regions)} regions in memory'
            )
        self._send(request, time.monotonic())

    def _refuse(self, offer: Offer, reason: str) -> None:
        rest = 'the map before stays in use' if self._resident is not None else 'there is no other map'
        self._node.get_logger().error(f'revision {offer.sha256[:12]} cannot be used: {reason}; {rest}')
        with self._lock:
            if self._offer is not offer:
                return
            self._refused = reason
            request = self._request(())
        self._send(request, time.monotonic())

    def _request(self, window: Sequence[str]) -> MapRequest:
        return MapRequest(
            requester=self._node.get_fully_qualified_name(),
            process=exchange.PROCESS_ID,
            active_sha256=self._resident.manifest_sha256 if self._resident else '',
            map_sha256=self._offer.sha256 if self._offer else '',
            regions=list(window),
            refused=self._refused,
        )

    def _send(self, request: MapRequest | None, now_s: float) -> None:
        if request is not None and self._publisher is not None:
            self._last_request_s = now_s
            self._publisher.publish(request)
