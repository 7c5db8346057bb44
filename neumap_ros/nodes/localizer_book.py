# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a map_server knows of the localizers that ask it for regions."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Known:
    """A localizer.

    Attributes:
        process: in which it runs.
        active_sha256: revision that it localizes with, empty: none.
        heard_s: when it last sent a request.
        sent: sha256 of the files that were sent to it.
    """

    process: str
    active_sha256: str
    heard_s: float
    sent: set[str] = field(default_factory=set)


class LocalizerBook:
    """Localizers by full name of their node; those that are silent for too long are forgotten.

    Args:
        patience_s: how long that is.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._known: dict[str, Known] = {}

    def heard(self, name: str, process: str, active_sha256: str, now_s: float) -> Known:
        """Note a request; one from another process, or that has lost its map, comes from a node that started anew."""
        found = self._known.get(name)
        if found is None or found.process != process or (found.active_sha256 and not active_sha256):
            found = self._known[name] = Known(process, active_sha256, now_s)
        found.active_sha256, found.heard_s = active_sha256, now_s
        return found

    def expire(self, now_s: float) -> list[str]:
        """Forget the silent ones and return their names."""
        gone = [name for name, known in self._known.items() if now_s - known.heard_s > self._patience_s]
        for name in gone:
            del self._known[name]
        return gone

    def items(self) -> list[tuple[str, Known]]:
        """Names and localizers, by name."""
        return sorted(self._known.items())

    def users_of(self, sha256: str) -> list[str]:
        """Names of those that localize with a revision."""
        return [name for name, known in self.items() if known.active_sha256 == sha256]
