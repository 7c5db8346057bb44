# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Revisions kept on this machine: files named by what they hold, one pointer to the revision that is active.

::

    <cache>/objects/<sha256>       every file once, read-only
    <cache>/revisions/<sha256>/    map folders, named by their manifest's sha256; their files are links to the objects
    <cache>/active.json            which revision is active, which was before, and what had been asked for

A revision appears whole or not at all, and the pointer moves in one step. Whoever is killed while staging leaves only
whole objects, which the next attempt takes over, and unfinished ones, which it removes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from neumap_ros.errors import MapError
from neumap_ros.maps.atomic import FULL, partial_folder, put_in_place, sync_folder, write_file
from neumap_ros.maps.manifest import MANIFEST_NAME, manifest_sha256
from neumap_ros.maps.repository import MapReference
from neumap_ros.maps.storage import StoredMap, open_map, read_manifest_bytes
from neumap_ros.maps.types import MapFile

_POINTER = 'active.json'
_UNFINISHED = '.partial'
_CHUNK = 2**20
_READ_ONLY = 0o444
# Another process that stages may take so long before this one gives up; and how often to look.
LOCK_WAIT_S = 60.0
_LOCK_POLL_S = 0.05


class Cancelled(MapError):
    """Staging was given up because its caller said so."""


@dataclass(frozen=True)
class Activation:
    """What the pointer says.

    Attributes:
        sha256: of the active revision's manifest.
        reference: by which it was asked for.
        launch: what the parameters named when the process started that activated it.
        pushed: whether it was asked for while that process ran.
        previous: sha256 of the revision that was active before; empty: none.
    """

    sha256: str
    reference: MapReference
    launch: MapReference
    pushed: bool = False
    previous: str = ''


class MapCache:
    """Revisions on this machine's disk. Several threads and processes may use the same folder.

    Args:
        folder: of the cache; made when something is first written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._objects = self.folder / 'objects'
        self._revisions = self.folder / 'revisions'

    def stage(
        self,
        stored: StoredMap,
        progress: Callable[[int, int], object] = lambda copied, total: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> StoredMap:
        """Copy a revision here, only the files that are not here yet, and check every byte of it.

        Args:
            stored: the revision; its folder is only read, and may disappear afterwards.
            progress: called with (bytes copied, bytes to copy).
            cancelled: asked often; true ends the work soon.

        Returns:
            The revision in the cache. Its files are immutable.

        Raises:
            Cancelled: ``cancelled`` said so.
            MapError: the source is damaged or disappeared, the disk is full or read-only, or another process keeps the
                cache busy. No revision appears then; files that had come whole are kept for the next attempt unless
                the disk is full.
        """
        folder = self._revisions / stored.manifest_sha256
        with self._locked(cancelled):
            if stored.folder.absolute() == folder:
                return self.open(stored.manifest_sha256)
            with suppress(MapError):  # not here, or damaged and made anew
                found = self.open(stored.manifest_sha256)
                progress(0, 0)
                return found
            manifest = read_manifest_bytes(stored.folder)
            if manifest_sha256(manifest) != stored.manifest_sha256:
                raise MapError(f'map {stored.folder} was replaced while it was copied; try again')
            missing = [file for file in _distinct(stored.manifest.files) if not self._has(file, cancelled)]
            self._copy_all(stored, missing, progress, cancelled)
            with self._as_map_errors('a revision', len(manifest)), partial_folder(folder) as partial:
                for file in stored.manifest.files:
                    _link(self._objects / file.sha256, partial / file.path)
                write_file(partial / MANIFEST_NAME, manifest)
                (partial / MANIFEST_NAME).chmod(_READ_ONLY)
                put_in_place(partial, folder, overwrite=folder.exists())
        return open_map(folder)

    def open(self, sha256: str) -> StoredMap:
        """Open a revision of the cache after checking every byte of it.

        Args:
            sha256: of its manifest.

        Raises:
            MapError: it is not here, or damaged.
        """
        folder = self._revisions / sha256
        if not folder.is_dir():
            raise MapError(f'the map cache {self.folder} has no revision {sha256[:16]}...; stage it again')
        stored = open_map(folder)
        if stored.manifest_sha256 != sha256:
            raise MapError(f'the manifest of revision {sha256[:16]}... in {self.folder} is damaged; stage it again')
        for file in stored.manifest.files:
            stored.read_file(file.path)
        return stored

    def activate(
        self, sha256: str, reference: MapReference, launch: MapReference | None = None, pushed: bool = False
    ) -> Activation:
        """Move the pointer to a revision of the cache, in one step that survives a power cut.

        Args:
            sha256: of its manifest.
            reference: by which it was asked for.
            launch: what the parameters named when this process started; None: as the pointer says already.
            pushed: whether it was asked for while the process ran.

        Raises:
            MapError: the revision is not here, or the disk is full or read-only; the pointer stays.
        """
        with self._locked(lambda: False):
            if not (self._revisions / sha256 / MANIFEST_NAME).is_file():
                raise MapError(f'the map cache {self.folder} has no revision {sha256[:16]}...; stage it first')
            before = self.last_good()
            previous = ''
            if before is not None:
                previous = before.previous if before.sha256 == sha256 else before.sha256
                launch = launch or before.launch
            activation = Activation(sha256, reference, launch or MapReference(), pushed, previous)
            data = json.dumps(asdict(activation), indent=1).encode()
            new = self.folder / f'.{_POINTER}{_UNFINISHED}'
            with self._as_map_errors('the active revision', len(data)):
                new.unlink(missing_ok=True)
                write_file(new, data)
                new.replace(self.folder / _POINTER)
                sync_folder(self.folder)
            return activation

    def last_good(self) -> Activation | None:
        """What was activated last; None if nothing was or the pointer cannot be read. Its files are not looked at."""
        try:
            fields: dict[str, Any] = json.loads((self.folder / _POINTER).read_bytes())
            fields.update({key: MapReference(**fields[key]) for key in ('reference', 'launch')})
            return Activation(**fields)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def prune(self, keep: Iterable[str] = ()) -> int:
        """Remove all but the active revision, the one before, and some others.

        Args:
            keep: manifests' sha256 of revisions that are in use otherwise.

        Returns:
            Bytes that became free.

        Raises:
            MapError: the folder is read-only, or another process keeps the cache busy.
        """
        if not self.folder.is_dir():
            return 0
        active = self.last_good()
        kept = {*keep, *(() if active is None else (active.sha256, active.previous))}
        with self._locked(lambda: False), self._as_map_errors('the pruned cache', 0):
            for folder in self._revisions.iterdir():
                if folder.name not in kept:
                    shutil.rmtree(folder)
            needed = set()
            for folder in self._revisions.iterdir():
                with suppress(MapError):
                    needed |= {file.sha256 for file in open_map(folder).manifest.files}
            freed = 0
            for path in self._objects.iterdir():
                if path.name not in needed:
                    freed += path.stat().st_size
                    path.unlink()
        return freed

    def _copy_all(
        self,
        stored: StoredMap,
        files: list[MapFile],
        progress: Callable[[int, int], object],
        cancelled: Callable[[], bool],
    ) -> None:
        total, done = sum(file.bytes for file in files), 0
        progress(0, total)
        copied: list[Path] = []
        try:
            with self._as_map_errors(f'revision {stored.manifest.revision}', total):
                for file in files:
                    for count in _copy(stored, file, self._objects / f'.{file.sha256}{_UNFINISHED}'):
                        done += count
                        progress(done, total)
                        if cancelled():
                            raise Cancelled(f'copying map {stored.folder} was given up')
                    final = self._objects / file.sha256
                    final.with_name(f'.{file.sha256}{_UNFINISHED}').replace(final)
                    copied.append(final)
                sync_folder(self._objects)
        except MapError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno in FULL:
                for path in copied:
                    path.unlink(missing_ok=True)
            raise
        finally:
            self._remove_unfinished()

    def _has(self, file: MapFile, cancelled: Callable[[], bool]) -> bool:
        """Whether an object is here with the right bytes; a damaged one is copied anew."""
        if cancelled():
            raise Cancelled(f'looking for {file.path} in {self.folder} was given up')
        try:
            data = (self._objects / file.sha256).read_bytes()
        except OSError:
            return False
        return hashlib.sha256(data).hexdigest() == file.sha256

    def _remove_unfinished(self) -> None:
        for path in self._objects.glob(f'.*{_UNFINISHED}'):
            path.unlink(missing_ok=True)

    @contextmanager
    def _locked(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Keep other threads and processes out; the kernel lets them in when this one dies."""
        with self._as_map_errors('the folder', 0):
            for folder in (self._objects, self._revisions):
                folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            give_up_s = time.monotonic() + LOCK_WAIT_S
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if cancelled():
                        raise Cancelled(f'waiting for the map cache {self.folder} was given up') from None
                    if time.monotonic() > give_up_s:
                        raise MapError(
                            f'the map cache {self.folder} has been busy for {LOCK_WAIT_S:.0f} s: another process is '
                            'staging; give each map_server a state_dir of its own'
                        ) from None
                    time.sleep(_LOCK_POLL_S)
            yield
        finally:
            os.close(handle)

    @contextmanager
    def _as_map_errors(self, what: str, needed: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in FULL:
                place = self.folder
                while not place.exists():
                    place = place.parent
                raise MapError(
                    f'cannot keep {what} in the map cache {self.folder}: the disk is full or a limit is reached '
                    f'({error.strerror}), {needed} bytes are needed and {shutil.disk_usage(place).free} are free; free '
                    'some space or choose another state_dir'
                ) from error
            raise MapError(
                f'cannot keep {what} in the map cache {self.folder}: {error.strerror or error}; check the folder and '
                'its permissions, or choose another state_dir'
            ) from error


def _distinct(files: Iterable[MapFile]) -> list[MapFile]:
    """One of the files of each content."""
    return list({file.sha256: file for file in files}.values())


def _copy(stored: StoredMap, file: MapFile, target: Path) -> Iterator[int]:
    """Copy a file in pieces and check it; gives the bytes of each piece.

    Raises:
        MapError: the source cannot be read or holds other bytes.
        OSError: the target cannot be written.
    """
    digest = hashlib.sha256()
    target.unlink(missing_ok=True)
    with _open_source(stored, file) as source, target.open('xb') as out:
        while True:
            try:
                chunk = source.read(_CHUNK)
            except OSError as error:
                raise _unreadable(stored, file, error) from None
            if not chunk:
                break
            digest.update(chunk)
            out.write(chunk)
            yield len(chunk)
        if digest.hexdigest() != file.sha256:
            stored.read_file(file.path)  # says what is wrong, in the words that every reader uses
            raise MapError(f'file {file.path} of map {stored.folder} changed while it was copied; try again')
        out.flush()
        os.fchmod(out.fileno(), _READ_ONLY)
        os.fsync(out.fileno())


def _open_source(stored: StoredMap, file: MapFile) -> BinaryIO:
    try:
        return (stored.folder / file.path).open('rb')
    except OSError as error:
        raise _unreadable(stored, file, error) from None


def _unreadable(stored: StoredMap, file: MapFile, error: OSError) -> MapError:
    what = 'disappeared while it was copied' if isinstance(error, FileNotFoundError) else f'cannot be read ({error})'
    return MapError(f'file {file.path} of map {stored.folder} {what}; try again when the map is there')


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without hard links, or too many of them
        write_file(target, source.read_bytes())
        target.chmod(_READ_ONLY)
