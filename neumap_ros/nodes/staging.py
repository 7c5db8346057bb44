# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Fetches and checks a revision in the background; the newest wish wins."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from neumap_ros.localization.retrieval import retrieval_bytes
from neumap_ros.maps.repository import MapReference
from neumap_ros.maps.resident import resident_map
from neumap_ros.maps.storage import StoredMap, read_manifest_bytes
from neumap_ros.nodes.residency import Offer


@dataclass(frozen=True)
class Staged:
    """A revision that is ready to be served.

    Attributes:
        reference: by which it was asked for.
        stored: in the cache.
        manifest: its bytes.
        offer: what is sent before any region: manifest, shared files, visual words.
    """

    reference: MapReference
    stored: StoredMap
    manifest: bytes
    offer: Offer


@dataclass(frozen=True)
class Job:
    """Something to stage.

    Attributes:
        reference: what to stage; None: the last good revision from the cache.
        at_start: whether the node just started, so that the last good revision stands in for one that fails.
        instead_of: why the active revision was refused, so that this one comes back from the cache; empty: it was not.
    """

    reference: MapReference | None
    at_start: bool = False
    instead_of: str = ''


def prepare(stored: StoredMap, reference: MapReference) -> Staged:
    """Read what is sent before any region; proves on the way that this version can read all of the map.

    Args:
        stored: a complete map in the cache.
        reference: by which it was asked for.

    Raises:
        MapError: damaged, or this version cannot use it.
    """
    manifest = read_manifest_bytes(stored.folder)
    shared = {f.path: stored.read_file(f.path) for f in stored.manifest.files if f.path.startswith('shared/')}
    empty = resident_map(manifest, shared, {}, retrieval_bytes(stored), sha256=stored.manifest_sha256)
    return Staged(reference, stored, manifest, Offer(empty))


class Stager:
    """A thread that works on one job at a time; a newer one makes it give up the one before.

    Args:
        work: does a job; its second argument tells whether to give up. Must not raise.
        settle_s: how long to wait for an even newer job before beginning, so that parameters that are set one after
            the other are one job.
    """

    def __init__(self, work: Callable[[Job, Callable[[], bool]], None], settle_s: float) -> None:
        self._work = work
        self._settle_s = settle_s
        self._lock = threading.Condition()
        self._next: Job | None = None
        self._begin_s = 0.0
        self._busy = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name='stager', daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> bool:
        """Begin a job soon.

        Returns:
            Whether one that had begun is given up for it.
        """
        with self._lock:
            self._next = job
            self._begin_s = time.monotonic() + (0.0 if job.at_start else self._settle_s)
            self._lock.notify_all()
            return self._busy

    def close(self) -> None:
        """Give up whatever is done, and wait until nothing is half done."""
        with self._lock:
            self._closing = True
            self._lock.notify_all()
        self._thread.join()

    def _gives_up(self) -> bool:
        return self._closing or self._next is not None

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._closing and (self._next is None or time.monotonic() < self._begin_s):
                    self._lock.wait(None if self._next is None else max(0.0, self._begin_s - time.monotonic()))
                if self._closing:
                    return
                job, self._next = self._next, None
                self._busy = True
            if job is not None:
                self._work(job, self._gives_up)
            with self._lock:
                self._busy = False
