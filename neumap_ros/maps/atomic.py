# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Folders that appear on the disk whole or not at all, whoever is killed, whatever is full."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from neumap_ros.errors import MapError
from neumap_ros.maps.manifest import MANIFEST_NAME

# Full disk, full quota, file size limit.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check_target(folder: Path, overwrite: bool) -> None:
    """Whether a map can be written there; long work asks before it begins.

    Raises:
        MapError: the parent is missing, or the folder exists and may not be replaced or is no map.
    """
    if not folder.parent.is_dir():
        raise MapError(f'cannot write map {folder}: the folder {folder.parent} does not exist; create it first')
    if not os.path.lexists(folder):
        return
    if not overwrite:
        raise MapError(f'cannot write map {folder}: it exists already; choose another folder or allow overwriting')
    if not (folder / MANIFEST_NAME).is_file():
        raise MapError(
            f'cannot overwrite {folder}: it has no {MANIFEST_NAME}, so it is no map; choose another folder or remove it'
        )


@contextmanager
def partial_folder(folder: Path) -> Iterator[Path]:
    """Give an empty, locked folder beside the final one; it is gone in the end unless it was renamed."""
    partial, old = folder.with_name(f'.{folder.name}.partial'), folder.with_name(f'.{folder.name}.old')
    with as_map_errors(folder, partial, 0):
        partial.mkdir(exist_ok=True)
        handle = os.open(partial, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # The kernel drops it when the process dies.
        except BlockingIOError:
            raise MapError(f'another process is writing map {folder}; wait for it or choose another folder') from None
        if not _is_same(handle, partial):
            raise MapError(f'another process has just written map {folder}; look at it before writing again')
        try:
            with as_map_errors(folder, partial, 0):
                _finish_replacement(folder, old)
                for name in ('shared', 'shards'):
                    shutil.rmtree(partial / name, ignore_errors=True)
                    (partial / name).mkdir()
                (partial / MANIFEST_NAME).unlink(missing_ok=True)
            yield partial
        finally:
            if _is_same(handle, partial):
                shutil.rmtree(partial, ignore_errors=True)
    finally:
        os.close(handle)


def _is_same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def put_in_place(partial: Path, folder: Path, overwrite: bool) -> None:
    """Give the finished partial folder its final name, after what lies in it has reached the disk.

    Raises:
        MapError: see :func:`check_target`.
        OSError: a rename failed; what was there before is there still.
    """
    for name in ('shared', 'shards', '.'):
        sync_folder(partial / name)
    check_target(folder, overwrite)
    old = folder.with_name(f'.{folder.name}.old')
    try:
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
        sync_folder(folder.parent)
    finally:
        _finish_replacement(folder, old)


def _finish_replacement(folder: Path, old: Path) -> None:
    """Remove the old map if the new one is in place, else bring it back."""
    if old.exists() and folder.exists():
        shutil.rmtree(old, ignore_errors=True)  # The new map counts; the next write tries again.
    elif old.exists():
        old.rename(folder)


@contextmanager
def as_map_errors(folder: Path, partial: Path, needed: int) -> Iterator[None]:
    """Raise what the system says as a MapError.

    Args:
        folder: the map that is written.
        partial: removed if the disk is full.
        needed: bytes of the map as far as known.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            shutil.rmtree(partial, ignore_errors=True)
            raise MapError(
                f'cannot write map {folder}: the disk is full or a limit is reached ({error.strerror}), the map needs '
                f'at least {needed} bytes and {shutil.disk_usage(folder.parent).free} are free; free some space or '
                'choose another folder'
            ) from error
        if isinstance(error, FileExistsError) and error.filename is not None:
            raise MapError(f'cannot write map {folder}: {Path(error.filename).stem} comes twice; rename one') from None
        raise MapError(
            f'cannot write map {folder}: {error.strerror or error}; check the folder and its permissions'
        ) from error


def write_file(path: Path, data: bytes) -> None:
    """Write a new file and wait until it has reached the disk."""
    with path.open('xb') as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder have reached the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
