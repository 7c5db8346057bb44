# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bytes handed from one part of a process to another without a copy, named by their sha256.

Whoever has bytes to give keeps the :class:`Offer`; when the last one of some bytes is gone, nobody can take them any
more and their memory is free once the takers have dropped them too. Nothing else holds them, so that nothing leaks.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import weakref

# Tells whether two nodes share this memory: the same string only in the same process. A child made by fork has a copy
# of the memory under the same name; what is offered later is not found there, so takers must be ready for None anyway.
PROCESS_ID = f'{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(8)}'


class Offer:
    """Keeps bytes on offer while it lives.

    Attributes:
        sha256: of the data in hex.
        data: the bytes.
    """

    __slots__ = ('__weakref__', 'data', 'sha256')

    def __init__(self, sha256: str, data: bytes) -> None:
        self.sha256 = sha256
        self.data = data


_lock = threading.Lock()
_offers: weakref.WeakValueDictionary[str, Offer] = weakref.WeakValueDictionary()


def offer(sha256: str, data: bytes) -> Offer:
    """Let other parts of this process take some bytes.

    Args:
        sha256: of the data in hex; the caller has checked it.
        data: immutable, so that takers share it.

    Returns:
        What keeps the offer alive; the one that is there already if these bytes are on offer.
    """
    with _lock:
        found = _offers.get(sha256)
        if found is None:
            found = _offers[sha256] = Offer(sha256, data)
        return found


def take(sha256: str) -> bytes | None:
    """The bytes with that digest, or None if nobody offers them (any more): then ask for them to be sent."""
    with _lock:
        found = _offers.get(sha256)
        return None if found is None else found.data
