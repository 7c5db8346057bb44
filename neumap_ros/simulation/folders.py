# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Folders that are made in a long time: complete or not there, resumed where they were left, kept for the next time."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from neumap_ros.errors import ConfigError

# Names the cache of the command line.
CACHE_VARIABLE = 'NEUMAP_WORLD_CACHE'
REQUEST_FILE = 'world.json'


def make_folder(out: Path, document: dict[str, Any], fill: Callable[[Path], None], cache: Path | None = None) -> bool:
    """Make a folder, or take it from the cache.

    The work goes on in a hidden folder beside the wanted one. If it is interrupted, it is found there the next time
    the same is asked for, and ``fill`` goes on with it.

    Args:
        out: folder to create; one that is there already and answers the same request is left as it is.
        document: the request; its ``key`` names it. It is written as ``world.json``.
        fill: makes the content in the folder it is given; some of it may be there from before.
        cache: folder with a copy of everything that was made so far; None keeps none.

    Returns:
        Whether anything had to be made.

    Raises:
        ConfigError: the folder holds something else, or cannot be written.
    """
    out = out.absolute()
    if out.exists():
        if folder_key(out) == document['key']:
            return False
        raise ConfigError(
            f'{out} exists already and holds something else, expected a new folder; choose another one or remove it'
        )
    try:
        if cache is None:
            return _made(out, document, fill)
        cache = cache.absolute()
        cache.mkdir(parents=True, exist_ok=True)
        entry = cache / document['key']
        made = _made(entry, document, fill)
        _made(out, document, lambda folder: _copy(entry, folder))
    except OSError as error:
        raise ConfigError(
            f'the folder {error.filename or out} cannot be written ({error.strerror or error}), expected one with free '
            'space and write permission; choose another one'
        ) from None
    return made


def _made(out: Path, document: dict[str, Any], fill: Callable[[Path], None]) -> bool:
    if not out.parent.is_dir():
        raise ConfigError(f'the folder {out.parent} does not exist; create it first')
    with _work_folder(out) as work:
        if work is None:  # somebody else made it while we waited
            return False
        if folder_key(work) != document['key']:
            for path in work.iterdir():
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            (work / REQUEST_FILE).write_text(json.dumps(document, indent=1) + '\n', encoding='utf-8')
        try:
            fill(work)
        except BaseException:
            if [path.name for path in work.iterdir()] == [REQUEST_FILE]:  # nothing that could be gone on with
                shutil.rmtree(work)
            raise
        work.rename(out)
    return True


@contextmanager
def _work_folder(out: Path) -> Iterator[Path | None]:
    """Give the locked folder in which ``out`` is made; None if ``out`` is there when the lock is free."""
    work = out.with_name(f'.{out.name}.partial')
    while True:
        if out.exists():
            yield None
            return
        work.mkdir(exist_ok=True)
        try:
            handle = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)  # waits; the kernel drops it when its owner dies
            if not work.is_dir() or work.stat().st_ino != os.fstat(handle).st_ino:
                continue
            yield work
            return
        finally:
            os.close(handle)


def _copy(entry: Path, folder: Path) -> None:
    for path in sorted(entry.rglob('*')):
        target = folder / path.relative_to(entry)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            shutil.copyfile(path, target)


def folder_key(folder: Path) -> str | None:
    """Give the key of the request that a folder answers; None if it answers none."""
    try:
        document = json.loads((folder / REQUEST_FILE).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None
    return document.get('key') if isinstance(document, dict) else None
