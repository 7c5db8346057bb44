# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Sends regions to localizers from a thread of its own: what was asked for first, then what will be needed soon."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from neumap_ros.errors import MapError
from neumap_ros.maps import exchange
from neumap_ros.msg import MapShard
from neumap_ros.nodes.localizer_book import LocalizerBook
from neumap_ros.nodes.map_topics import packed
from neumap_ros.nodes.shard_store import ShardStore
from neumap_ros.nodes.staging import Staged


class ShardService:
    """Answers requests and pushes regions.

    Args:
        store: where the bytes come from.
        book: whom to send to; guarded by :attr:`lock`.
        send: publishes a message; called from the service's thread.
        on_damage: called from there with a region's id and the reason when its file cannot be read.
    """

    def __init__(
        self,
        store: ShardStore,
        book: LocalizerBook,
        send: Callable[[MapShard], None],
        on_damage: Callable[[str, str], None],
    ) -> None:
        self.lock = threading.Condition()
        self._store = store
        self._book = book
        self._send = send
        self._on_damage = on_damage
        self._staged: Staged | None = None
        self._asked: dict[str, deque[str]] = {}  # regions by name of the localizer
        self._pushed: deque[str] = deque()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name='shard service', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; what was not sent yet is not sent."""
        with self.lock:
            self._stopping = True
            self.lock.notify_all()
        self._thread.join()

    def serve(self, staged: Staged | None) -> None:
        """Send regions of this revision from now on; requests for the one before are dropped."""
        with self.lock:
            self._staged = staged
            self._asked.clear()
            self._pushed.clear()
            # What the revision does not have localizers drop; kept for ever the names would fill the memory, and should
            # an older revision come back, its regions would not be sent ahead.
            here = set() if staged is None else {file.sha256 for file in staged.offer.files.values()}
            for _, known in self._book.items():
                known.sent &= here

    def ask(self, name: str, regions: Sequence[str]) -> None:
        """Send regions to a localizer of the book; a new request replaces what is left of the one before."""
        with self.lock:
            self._asked[name] = deque(regions)
            self.lock.notify_all()

    def push(self, regions: Sequence[str]) -> None:
        """Send regions to whoever has not got them; replaces what is left of the push before."""
        with self.lock:
            self._pushed = deque(regions)
            self.lock.notify_all()

    def _work(self) -> None:
        while True:
            with self.lock:
                while not (self._stopping or any(self._asked.values()) or self._pushed):
                    self.lock.wait()
                if self._stopping:
                    return
                staged = self._staged
                name, region = self._next()
            if staged is not None:
                self._deliver(staged, name, region)

    def _next(self) -> tuple[str, str]:
        """The next region, and the localizer that asked for it, or an empty name; the lock is held."""
        for name, regions in list(self._asked.items()):
            if regions:
                # To the end of the line: localizers take turns.
                self._asked[name] = self._asked.pop(name)
                return name, regions.popleft()
        return '', self._pushed.popleft()

    def _deliver(self, staged: Staged, name: str, region_id: str) -> None:
        offer = staged.offer
        file = offer.files.get(region_id)
        if file is None:
            problem = f'the map has no region {region_id!r}; it has {len(offer.regions)} regions'
            self._send(MapShard(map_sha256=offer.sha256, error=problem))
            return
        receivers = self._receivers(name, region_id, file.sha256)
        if not receivers:
            return
        message = MapShard(map_sha256=offer.sha256, path=file.path, sha256=file.sha256)
        try:
            data = self._store.get(staged.stored, file)
        except MapError as error:
            message.error = str(error)
            self._send(message)
            self._on_damage(region_id, str(error))
            return
        if exchange.PROCESS_ID in receivers:
            message.in_process = exchange.PROCESS_ID
            self._send(message)
        if receivers - {exchange.PROCESS_ID}:
            message.in_process = ''
            message.data = packed(data)
            self._send(message)

    def _receivers(self, name: str, region_id: str, sha256: str) -> set[str]:
        """Processes that the region shall reach; noted as sent, and not sent again to others who wait for it."""
        with self.lock:
            known = dict(self._book.items())
            if name:
                if name not in known:
                    return set()
                process = known[name].process
                reached = {n for n, k in known.items() if _hears(k.process, process)}
                processes = {process}
            else:
                reached = {n for n, k in known.items() if sha256 not in k.sent}
                processes = {known[n].process for n in reached}
            for other in reached:
                known[other].sent.add(sha256)
                if other != name and region_id in self._asked.get(other, ()):
                    self._asked[other].remove(region_id)
            return processes


def _hears(process: str, sent_to: str) -> bool:
    """Whether a localizer takes what is sent to another process: bytes that travel reach everybody."""
    return sent_to != exchange.PROCESS_ID or process == exchange.PROCESS_ID
