# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A repository: a folder of revisions of one map, ``<repository>/<any name>/manifest.json``.

A map folder by itself counts as a repository of one revision. What operators do with one: docs/map_updates.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from neumap_ros.errors import MapError
from neumap_ros.maps.atomic import as_map_errors, partial_folder, put_in_place, write_file
from neumap_ros.maps.manifest import MANIFEST_NAME, manifest_sha256, manifest_to_bytes, parse_manifest
from neumap_ros.maps.storage import StoredMap, open_map, read_manifest_bytes

_SCHEME = re.compile(r'([A-Za-z][A-Za-z0-9+.-]*)://')
_SHA256 = re.compile(r'[0-9a-f]{64}')
# An error lists so many revisions, newest first.
LISTED = 8


@dataclass(frozen=True)
class MapReference:
    """Which map somebody wants: the parameters ``map.uri``, ``map.revision``, ``map.sha256``.

    Attributes:
        uri: path or ``file://`` address of a repository or of a map folder.
        revision: 0 means the newest.
        sha256: of the manifest in hex; empty means any.
    """

    uri: str = ''
    revision: int = 0
    sha256: str = ''


@dataclass(frozen=True)
class Revision:
    """One revision in a repository.

    Attributes:
        folder: its map folder.
        map_id: uuid of the place.
        number: its revision.
        sha256: of its manifest, in hex.
        frame_id: of its coordinates.
    """

    folder: Path
    map_id: str
    number: int
    sha256: str
    frame_id: str


def check_reference(uri: str, revision: int = 0, sha256: str = '') -> Revision:
    """Find the revision that a reference means, from manifests alone: fast, and nothing changes.

    Args:
        uri: path or ``file://`` address of a repository or of a map folder.
        revision: 0 means the newest.
        sha256: the manifest's digest in hex must be this one; empty means any.

    Raises:
        MapError: one sentence that says what is wrong with the reference, and what there is.
    """
    if isinstance(revision, bool) or not isinstance(revision, int) or revision < 0:
        raise MapError(f'the map revision {revision!r} is no number from 1; use 0 for the newest')
    if sha256 and not _SHA256.fullmatch(sha256):
        raise MapError(
            f'the map digest {sha256[:70]!r} is not 64 digits of 0-9 a-f; `sha256sum {MANIFEST_NAME}` prints it, '
            'leave it empty to take any'
        )
    folder = folder_of(uri)
    revisions, damaged = _scan(folder)
    if not revisions and not damaged:
        raise MapError(
            f'there is no map at {folder}: neither it nor a folder in it has a {MANIFEST_NAME}; check the path'
        )
    _check_one_place(folder, revisions)
    if not revision and damaged and not sha256:
        raise MapError(f'the newest revision in {folder} cannot be told: {damaged[0]}')
    there = _listing(revisions, damaged)
    found = [r for r in revisions if (not revision or r.number == revision) and (not sha256 or r.sha256 == sha256)]
    if not found:
        same = [r for r in revisions if r.number == revision or r.sha256 == sha256]
        what = f'revision {revision}' if revision else 'revision'
        digest = f' with sha256 {sha256[:16]}...' if sha256 else ''
        raise MapError(f'{folder} has no {what}{digest}; it has {_listing(same, ()) if same else there}')
    newest = max(r.number for r in found)
    choice = [r for r in found if r.number == newest]
    if len({r.sha256 for r in choice}) > 1:
        names = ' and '.join(r.folder.name for r in choice)
        raise MapError(f'{folder} has two revisions {newest}, {names}; name one by its sha256 or remove the other')
    return choice[0]


def open_revision(uri: str, revision: int = 0, sha256: str = '') -> StoredMap:
    """Open the revision that a reference means.

    Args:
        uri: path or ``file://`` address of a repository or of a map folder.
        revision: 0 means the newest.
        sha256: of the manifest in hex; empty means any.

    Raises:
        MapError: as :func:`check_reference`, or a file of the revision is missing or has another size.
    """
    found = check_reference(uri, revision, sha256)
    stored = open_map(found.folder)
    if stored.manifest_sha256 != found.sha256:
        raise MapError(f'map {found.folder} was replaced while it was opened; try again')
    return stored


def list_revisions(uri: str) -> list[Revision]:
    """The readable revisions of a repository, newest first.

    Raises:
        MapError: not a path, or no folder there.
    """
    return sorted(_scan(folder_of(uri))[0], key=lambda r: (-r.number, r.folder.name))


def folder_of(uri: str) -> Path:
    """The folder that an address means.

    Args:
        uri: a path, ``~`` allowed, or ``file:///path``.

    Raises:
        MapError: empty, or another kind of address.
    """
    if not uri or '\0' in uri:
        raise MapError(f'the map address {uri!r} is {"empty" if not uri else "no path"}; give the path of a map folder')
    scheme = _SCHEME.match(uri)
    if scheme is None:
        return Path(uri).expanduser().absolute()
    parts = urlsplit(uri)
    if scheme.group(1).lower() != 'file' or parts.netloc not in ('', 'localhost') or not parts.path:
        raise MapError(
            f'the map address {uri!r} is not supported, expected a path or file:///path; mount or copy the '
            'repository to this machine'
        )
    path = unquote(parts.path)
    if '\0' in path:
        raise MapError(f'the map address {uri!r} is no path; give the path of a map folder')
    return Path(path)


def publish(map_folder: Path, repository: Path) -> StoredMap:
    """Add a map to a repository as its next revision.

    The new revision takes the repository's map id, because it is the same place, and the next number; all other files
    are copied byte for byte, so that robots fetch only regions that changed. It appears whole or not at all.

    Args:
        map_folder: a map; it is checked completely and stays as it is.
        repository: a folder, made if its parent exists. The first revision keeps its map id and number.

    Returns:
        The revision in the repository.

    Raises:
        MapError: the map is damaged, is the newest revision already, or has another frame; the repository holds
            something else, is full, or may not be written.
    """
    source = open_map(map_folder)
    repository = repository.absolute()
    if (repository / MANIFEST_NAME).is_file():
        raise MapError(f'{repository} is a map folder, expected a folder of revisions; give its parent or a new folder')
    try:
        repository.mkdir(exist_ok=True)
    except OSError as error:
        raise MapError(f'cannot make the repository {repository}: {error.strerror}; check the path') from None
    revisions, damaged = _scan(repository)
    if damaged:
        raise MapError(f'cannot publish to {repository}: {damaged[0]}')
    _check_one_place(repository, revisions)
    manifest = source.manifest
    if revisions:
        newest = max(revisions, key=lambda r: r.number)
        if newest.frame_id != manifest.frame_id:
            raise MapError(
                f'cannot publish {map_folder} to {repository}: its frame is {manifest.frame_id!r}, expected '
                f'{newest.frame_id!r} as in revision {newest.number}; publish it to a repository of its own'
            )
        number = max(newest.number + 1, manifest.revision)
        manifest = replace(manifest, map_id=newest.map_id, revision=number)
        before = parse_manifest(read_manifest_bytes(newest.folder), str(newest.folder))
        if replace(manifest, revision=before.revision, created=before.created, build=before.build) == before:
            raise MapError(f'{map_folder} is revision {newest.number} of {repository} already; nothing to publish')
    folder = repository / f'{manifest.revision:06d}'
    data = manifest_to_bytes(manifest)
    with partial_folder(folder) as partial, as_map_errors(folder, partial, source.total_bytes):
        for file in manifest.files:
            write_file(partial / file.path, source.read_file(file.path))
        write_file(partial / MANIFEST_NAME, data)
        put_in_place(partial, folder, overwrite=False)
    return open_map(folder)


def _scan(folder: Path) -> tuple[list[Revision], list[str]]:
    """The revisions of a repository by name, and what is wrong with those that cannot be read."""
    try:
        candidates = [folder]
        if not (folder / MANIFEST_NAME).exists():
            candidates = sorted(path for path in folder.iterdir() if not path.name.startswith('.'))
    except OSError as error:
        what = 'does not exist' if isinstance(error, FileNotFoundError) else f'cannot be read ({error.strerror})'
        raise MapError(f'there is no map at {folder}: it {what}; check the path') from None
    revisions, damaged = [], []
    for path in candidates:
        try:
            status = (path / MANIFEST_NAME).stat()
        except OSError:
            continue  # something else, or gone meanwhile
        try:
            revisions.append(_read(path, status.st_ino, status.st_mtime_ns, status.st_size))
        except MapError as error:
            damaged.append(str(error))
    return revisions, damaged


@lru_cache(maxsize=512)
def _read(folder: Path, inode: int, mtime_ns: int, size: int) -> Revision:
    """Read a manifest; remembered until the file is another one, because parameters are checked often."""
    data = read_manifest_bytes(folder)
    manifest = parse_manifest(data, str(folder))
    return Revision(folder, manifest.map_id, manifest.revision, manifest_sha256(data), manifest.frame_id)


def _check_one_place(folder: Path, revisions: Sequence[Revision]) -> None:
    by_id = {r.map_id: r for r in reversed(revisions)}
    if len(by_id) > 1:
        names = ', '.join(f'{r.folder.name} ({map_id})' for map_id, r in sorted(by_id.items()))
        raise MapError(f'{folder} holds maps of {len(by_id)} places: {names}; give each a repository of its own')


def _listing(revisions: Sequence[Revision], damaged: Sequence[str]) -> str:
    newest = sorted(revisions, key=lambda r: -r.number)
    words = [f'revision {r.number} (sha256 {r.sha256[:16]}...)' for r in newest[:LISTED]]
    if len(newest) > LISTED:
        words.append(f'{len(newest) - LISTED} older ones')
    if damaged:
        words.append(f'{len(damaged)} that cannot be read')
    return ', '.join(words)
