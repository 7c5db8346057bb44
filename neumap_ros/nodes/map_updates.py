# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From a wish for a revision to its activation, or back to the one before. No topics: the node tells what happens."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol

from neumap_ros.errors import MapError
from neumap_ros.maps.cache import Activation, Cancelled, MapCache
from neumap_ros.maps.repository import MapReference, open_revision
from neumap_ros.nodes.staging import Job, Staged, Stager, prepare

# `ros2 param load` sets one value after the other.
SETTLE_S = 0.3
_PROGRESS_PAUSE_S = 0.2
_REPAIR_PAUSE_S = 10.0


class Outcome(Enum):
    """How the last wish ended; the same words as in msg/MapStatus.msg."""

    NONE = 'none'
    OK = 'ok'
    PENDING = 'pending'
    FAILED = 'failed'
    REFUSED = 'refused'
    SUPERSEDED = 'superseded'


class Logger(Protocol):
    """What is used of a ROS logger."""

    def info(self, message: str) -> object:
        """Log what happened."""

    def warning(self, message: str) -> object:
        """Log what went wrong and does no harm."""

    def error(self, message: str) -> object:
        """Log what went wrong."""


@dataclass(frozen=True)
class UpdateState:
    """Where things stand.

    Attributes:
        active: the revision that is served.
        pending: what is being prepared.
        outcome: of the last wish.
        detail: one sentence for people.
        bytes_to_copy: of the pending revision, those that are new to this machine.
        bytes_copied: of them.
    """

    active: Staged | None = None
    pending: MapReference | None = None
    outcome: Outcome = Outcome.NONE
    detail: str = ''
    bytes_to_copy: int = 0
    bytes_copied: int = 0


class MapUpdates:
    """Stages what is asked for, activates it, and goes back where that turns out to be wrong.

    Whatever fails, the active revision stays. May be used from several threads.

    Args:
        cache: where revisions are kept on this machine.
        on_change: called when the state has changed, from whatever thread did it.
        on_active: called with each revision that becomes active, before ``on_change``.
        logger: of the node.
        settle_s: see :class:`neumap_ros.nodes.staging.Stager`.
    """

    def __init__(
        self,
        cache: MapCache,
        on_change: Callable[[], None],
        on_active: Callable[[Staged], None],
        logger: Logger,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._cache = cache
        self._on_change = on_change
        self._on_active = on_active
        self._logger = logger
        self._lock = threading.RLock()
        self._pointer_lock = threading.Lock()  # Taken before the other one.
        self._state = UpdateState()
        self._launch = MapReference()
        self._before: Staged | None = None
        self._refused: set[str] = set()
        self._told_s = 0.0
        self._repaired_s = -float('inf')
        self._closing = False
        self._stager = Stager(self._work, settle_s)

    @property
    def state(self) -> UpdateState:
        """Where things stand."""
        return self._state

    def begin(self, wanted: MapReference, launch: MapReference) -> None:
        """Bring up a map when the node starts.

        The last good revision comes up if it was asked for while the node ran, or the node went back to it, and the
        node is started as it was then. Otherwise what is wanted counts, and the last good revision stands in for it.

        Args:
            wanted: what the parameters name now; an empty address: whatever was active last.
            launch: what they named when the process began.
        """
        self._launch = launch
        last = self._cache.last_good()
        if not wanted.uri and last is None:
            self._tell(detail='there is no map: set the parameter map.uri')
            return
        as_before = last is not None and wanted == launch == last.launch and last.pushed
        self._submit(Job(None if as_before or not wanted.uri else wanted, at_start=True))

    def ask(self, wanted: MapReference) -> None:
        """Stage a revision; what is being staged is given up."""
        self._submit(Job(wanted))

    def refuse(self, sha256: str, name: str, reason: str, users: Sequence[str]) -> None:
        """Take note that a localizer cannot use the active revision: the one before comes back.

        Where another localizer does use it the fault is not the revision's, and it stays.

        Args:
            sha256: the revision; nothing happens if it is not active any more.
            name: of the localizer.
            reason: in its words.
            users: names of localizers that do use the revision.
        """
        with self._lock:
            active, before = self._state.active, self._before
            if active is None or active.offer.sha256 != sha256:
                return
            told = f'localizer {name} refused revision {active.stored.manifest.revision} ({sha256[:12]}): {reason}'
            if users:
                self._tell_once(f'{told}; it stays active, because {", ".join(users)} can use it')
                return
            self._refused.add(sha256)
            if before is None or before.offer.sha256 in self._refused:
                last = self._cache.last_good()
                previous = last.previous if last is not None and last.sha256 == sha256 else ''
                if not previous or previous in self._refused:
                    self._tell_once(f'{told}; it stays active, because there is no other revision to go back to')
                elif self._state.pending is None:
                    # Not in memory, because the node has started anew since.
                    back = replace(active.reference, revision=0, sha256=previous)
                    self._submit(Job(back, instead_of=told))
                return
            self._before = None
            self._state = replace(self._state, active=before)
        self._logger.error(told)
        self._on_active(before)
        self._tell(outcome=Outcome.REFUSED, detail=_back(told, before))
        # The pointer waits for its turn where something is being staged; localizers do not.
        threading.Thread(target=self._remember, args=(before,), name='map pointer', daemon=True).start()

    def repair(self, region: str, reason: str) -> None:
        """Fetch the active revision again from where it came, because a file of it is damaged."""
        with self._lock:
            active, now_s = self._state.active, time.monotonic()
            if active is None or self._state.pending is not None or now_s - self._repaired_s < _REPAIR_PAUSE_S:
                return
            self._repaired_s = now_s
        revision = active.stored.manifest.revision
        self._tell(detail=f'region {region} of revision {revision} is damaged ({reason}); fetching it again')
        self._stager.submit(Job(replace(active.reference, revision=revision, sha256=active.offer.sha256)))

    def close(self) -> None:
        """Give up what is being staged; the cache is as it was before."""
        self._closing = True
        self._stager.close()

    # The stager's thread

    def _submit(self, job: Job) -> None:
        # Where something is being done, the thread says first that it is given up, and then turns to this job.
        if not self._stager.submit(job):
            self._tell_pending(job)

    def _tell_pending(self, job: Job) -> None:
        wanted = job.reference or MapReference()
        self._tell(
            pending=wanted,
            outcome=Outcome.PENDING,
            detail=f'staging {_name(job.reference)}',
            bytes_to_copy=0,
            bytes_copied=0,
        )

    def _work(self, job: Job, gives_up: Callable[[], bool]) -> None:
        """Do a job; nothing is raised."""
        self._tell_pending(job)
        try:
            staged, pushed = self._stage(job, gives_up)
            if gives_up():
                raise Cancelled('given up')
            self._activate(staged, pushed)
        except Cancelled:
            if not self._closing:
                told = f'{_name(job.reference)} was given up for a newer wish'
                self._tell(pending=None, outcome=Outcome.SUPERSEDED, detail=told)
        except Exception as error:
            if not isinstance(error, MapError):
                self._logger.error(traceback.format_exc())
            self._fail(job, str(error) or type(error).__name__)
        else:
            manifest = staged.stored.manifest
            told = f'revision {manifest.revision} of map {manifest.map_id} ({staged.offer.sha256[:12]}) is active'
            self._logger.info(told)
            if job.instead_of:
                self._tell(pending=None, outcome=Outcome.REFUSED, detail=_back(job.instead_of, staged))
            else:
                self._tell(pending=None, outcome=Outcome.OK, detail=told)
            self._prune()

    def _stage(self, job: Job, gives_up: Callable[[], bool]) -> tuple[Staged, bool]:
        """Bring a revision into the cache and read what is sent of it first; also whether a restart shall keep it."""
        if job.reference is None:
            return self._last_good(gives_up)
        if job.instead_of:
            stored = self._cache.open(job.reference.sha256)
            return prepare(stored, replace(job.reference, revision=stored.manifest.revision)), True
        source = open_revision(job.reference.uri, job.reference.revision, job.reference.sha256)
        stored = self._cache.stage(source, self._on_progress, gives_up)
        return prepare(stored, job.reference), job.reference != self._launch

    def _last_good(self, gives_up: Callable[[], bool]) -> tuple[Staged, bool]:
        """The last good revision from the cache, or once more from its source, or else the one before it."""
        last = self._cache.last_good()
        if last is None:
            raise MapError('there is no last good revision; set the parameter map.uri')
        try:
            return prepare(self._cache.open(last.sha256), last.reference), last.pushed
        except MapError as error:
            self._logger.warning(f'the last good revision is damaged: {error}')
            try:
                source = open_revision(last.reference.uri, 0, last.sha256)
                stored = self._cache.stage(source, self._on_progress, gives_up)
                return prepare(stored, last.reference), last.pushed
            except Cancelled:
                raise
            except MapError as worse:
                return self._one_before(last, f'{error}; {worse}')

    def _one_before(self, last: Activation, reason: str) -> tuple[Staged, bool]:
        if not last.previous:
            raise MapError(reason)
        self._logger.warning(f'going back to the revision before the last good one: {reason}')
        stored = self._cache.open(last.previous)
        reference = MapReference(last.reference.uri, stored.manifest.revision, last.previous)
        return prepare(stored, reference), True

    def _activate(self, staged: Staged, pushed: bool) -> None:
        """Make a revision the active one.

        Raises:
            MapError: the cache cannot remember it, so that the next start would not know.
        """
        with self._pointer_lock:
            self._cache.activate(staged.offer.sha256, staged.reference, self._launch, pushed)
            with self._lock:
                active = self._state.active
                if active is not None and active.offer.sha256 != staged.offer.sha256:
                    self._before = active
                self._refused.discard(staged.offer.sha256)
                self._state = replace(self._state, active=staged)
        self._on_active(staged)

    def _remember(self, staged: Staged) -> None:
        """Let the pointer follow after going back, unless something else is active already."""
        with self._pointer_lock:
            if self._state.active is not staged:
                return
            try:
                self._cache.activate(staged.offer.sha256, staged.reference, self._launch, pushed=True)
            except MapError as error:
                self._logger.error(f'a restart will bring up the refused revision again: {error}')

    def _fail(self, job: Job, reason: str) -> None:
        told = f'{_name(job.reference)} cannot be used: {reason}'
        if job.at_start and job.reference is not None:
            try:
                self._activate(*self._last_good(lambda: self._closing))
            except MapError as error:
                self._logger.warning(f'no other revision stands in for it: {error}')
        active = self._state.active
        rest = 'there is no map' if active is None else f'revision {active.stored.manifest.revision} is active'
        self._logger.error(f'{told}; {rest}')
        self._tell(pending=None, outcome=Outcome.FAILED, detail=f'{told}; {rest}')

    def _prune(self) -> None:
        """Remove what nobody will go back to."""
        before = self._before
        try:
            self._cache.prune(() if before is None else (before.offer.sha256,))
        except MapError as error:
            self._logger.warning(f'old revisions stay in the cache: {error}')

    def _on_progress(self, copied: int, total: int) -> None:
        now_s = time.monotonic()
        if copied in (0, total) or now_s - self._told_s > _PROGRESS_PAUSE_S:
            self._told_s = now_s
            self._tell(bytes_to_copy=total, bytes_copied=copied)

    def _tell_once(self, refusal: str) -> None:
        if self._state.detail != refusal:
            self._logger.error(refusal)
            self._tell(outcome=Outcome.REFUSED, detail=refusal)

    def _tell(self, **changes: Any) -> None:
        with self._lock:
            self._state = replace(self._state, **changes)
        self._on_change()


def _name(reference: MapReference | None) -> str:
    if reference is None:
        return 'the last good revision'
    revision = f'revision {reference.revision}' if reference.revision else 'the newest revision'
    return f'{revision} of {reference.uri}'


def _back(refusal: str, staged: Staged) -> str:
    return f'{refusal}; revision {staged.stored.manifest.revision} is active again'
