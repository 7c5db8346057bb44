# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Waiting for several things at once."""

from __future__ import annotations

import ctypes as ct
import threading
import weakref

from rosless.dds import library


class Guard:
    """Something that a thread sets to wake those who wait for it."""

    def __init__(self) -> None:
        self.handle: int = library.check(library.create_guard_condition(library.LIBRARY_HANDLE), 'create a guard')
        self._free = weakref.finalize(self, library.delete, self.handle)

    def trigger(self) -> None:
        """Wake whoever waits; on a deleted guard this does nothing."""
        library.set_guard_condition(self.handle, True)

    def take(self) -> bool:
        """Reset, and tell whether it was set."""
        triggered = ct.c_bool()
        library.take_guard_condition(self.handle, ct.byref(triggered))
        return triggered.value

    def delete(self) -> None:
        """Free it now, not only when nobody has it any more; a second time does nothing."""
        self._free()


class Waitset:
    """Conditions, guards and entities that are waited for together.

    Waiting is level-triggered: what is not taken is reported again.
    """

    def __init__(self) -> None:
        self.handle: int = library.check(library.create_waitset(library.LIBRARY_HANDLE), 'create a waitset')
        self._free = weakref.finalize(self, library.delete, self.handle)
        self._lock = threading.Lock()
        self._attached: set[int] = set()

    def attach(self, handle: int) -> bool:
        """Wait for it too; False if it no longer exists."""
        with self._lock:
            if handle in self._attached:
                return True
            if library.waitset_attach(self.handle, handle, handle) < 0:
                return False
            self._attached.add(handle)
            return True

    def detach(self, handle: int) -> None:
        """Do not wait for it any more."""
        with self._lock:
            if handle in self._attached:
                self._attached.discard(handle)
                # Fails where the entity was deleted, which has detached it already.
                library.waitset_detach(self.handle, handle)

    def wait(self, timeout_ns: int) -> list[int]:
        """Block until something is ready or the time is over; other threads run meanwhile.

        Args:
            timeout_ns: How long; 0 only looks, `library.INFINITY_NS` waits for ever.

        Returns:
            The handles that are ready.
        """
        room = max(8, len(self._attached))
        ready = (ct.c_ssize_t * room)()
        count = library.check(library.waitset_wait(self.handle, ready, room, timeout_ns), 'wait')
        return list(ready[: min(count, room)])

    def delete(self) -> None:
        """Free it now, not only when nobody has it any more; who waits on it gets an error."""
        self._free()
