# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which callbacks may run at the same time."""

from __future__ import annotations

import threading
import weakref
from typing import Any


class CallbackGroup:
    """Base of the callback groups; an executor asks its group before it runs a callback."""

    def __init__(self) -> None:
        super().__init__()
        self.entities: set[weakref.ref[Any]] = set()

    def add_entity(self, entity: Any) -> None:
        """Add a subscription, timer, client, service, guard condition or event handler."""
        self.entities.add(weakref.ref(entity, self.entities.discard))

    def has_entity(self, entity: Any) -> bool:
        """Whether it was added."""
        return weakref.ref(entity) in self.entities

    def can_execute(self, entity: Any) -> bool:
        """Whether its callback could run now."""
        raise NotImplementedError

    def beginning_execution(self, entity: Any) -> bool:
        """Ask to run its callback; if this says True, `ending_execution` must follow."""
        raise NotImplementedError

    def ending_execution(self, entity: Any) -> None:
        """Tell that the callback has ended."""
        raise NotImplementedError


class ReentrantCallbackGroup(CallbackGroup):
    """Its callbacks run whenever there is something for them, also several times at once."""

    def can_execute(self, entity: Any) -> bool:
        """Always."""
        return True

    def beginning_execution(self, entity: Any) -> bool:
        """Always."""
        return True

    def ending_execution(self, entity: Any) -> None:
        """Nothing to do."""


class MutuallyExclusiveCallbackGroup(CallbackGroup):
    """Of its callbacks only one runs at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._active_entity: Any = None
        self._lock = threading.Lock()

    def can_execute(self, entity: Any) -> bool:
        """Whether none runs."""
        return self._active_entity is None

    def beginning_execution(self, entity: Any) -> bool:
        """Begin, if none runs."""
        with self._lock:
            if self._active_entity is not None:
                return False
            self._active_entity = entity
            return True

    def ending_execution(self, entity: Any) -> None:
        """Let the next one run."""
        with self._lock:
            assert self._active_entity is entity, 'a callback ended that had not begun'
            self._active_entity = None
