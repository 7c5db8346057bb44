# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which topics of a bag are meant, and under which names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import Reader, ReaderError

from rosless import interfaces
from rosless.command.session import CommandError, absolute, is_hidden


class Selection:
    """Chooses topics by name.

    Args:
        topics: Names; all if there are none and no regular expression either.
        regex: Names that match are chosen, too.
        exclude_topics: Names that are never chosen.
        exclude_regex: Names that match are never chosen.
        hidden: Whether topics with a leading underscore can be chosen without being named.

    Raises:
        CommandError: A regular expression is none.
    """

    def __init__(
        self,
        topics: list[str],
        regex: str | None,
        exclude_topics: list[str],
        exclude_regex: str | None,
        *,
        hidden: bool,
    ) -> None:
        self._topics = {absolute(topic) for topic in topics}
        self._excluded = {absolute(topic) for topic in exclude_topics}
        self._regex, self._exclude_regex = _compile(regex), _compile(exclude_regex)
        self._hidden = hidden

    def __contains__(self, topic: str) -> bool:
        if topic in self._excluded or (self._exclude_regex and self._exclude_regex.search(topic)):
            return False
        if topic in self._topics:
            return True
        if is_hidden(topic) and not self._hidden:
            return False
        return bool(self._regex.search(topic)) if self._regex else not self._topics


def _compile(regex: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(regex) if regex is not None else None
    except re.error as error:
        raise CommandError(f'{regex!r} is no regular expression: {error}') from None


def parse_remapping(text: str) -> tuple[str, str]:
    """The old and the new name in `old:=new`.

    Raises:
        CommandError: It is no such text.
    """
    old, mark, new = text.partition(':=')
    if not (old and mark and new):
        raise CommandError(f'a topic is remapped by OLD:=NEW, got {text!r}')
    return absolute(old), absolute(new)


@contextmanager
def open_bag(path: Path) -> Iterator[Reader]:
    """A bag to read.

    Raises:
        CommandError: There is none, or it cannot be read.
    """
    try:
        with Reader(path) as reader:
            yield reader
    except (FileNotFoundError, ReaderError) as error:
        raise CommandError(f'{path} cannot be read as a bag: {error}') from None


def load_type(connection: Any) -> type[Any]:
    """The class of the messages of a bag's topic; the bag's own definition is used where there is no other.

    Raises:
        InterfaceError: There is no definition of the type.
    """
    try:
        return interfaces.load(connection.msgtype)
    except interfaces.InterfaceError:
        text = connection.msgdef.data
        if not text or connection.msgdef.format.name != 'MSG':
            raise
        interfaces.add_definitions(connection.msgtype, text)
        return interfaces.load(connection.msgtype)
