# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One thread that does all heavy work; callbacks only hand over. The newest images win."""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from neumap_ros.localization.frames import Assembled, FrameAssembler

# How often the thread looks at things that nobody tells it: simulated time, deadlines, when to save.
TICK_S = 0.05


class Worker:
    """Takes sets of images and commands, one after the other.

    Args:
        assembler: groups the images; used under this object's lock only.
        on_frames: called in the thread with each set of images.
        on_tick: called in the thread after each piece of work and at least every :data:`TICK_S`.
        now_ns: the node's time.
        log_error: called with the traceback of what went wrong in the thread, which then goes on.
    """

    def __init__(
        self,
        assembler: FrameAssembler[Any],
        on_frames: Callable[[Assembled[Any]], None],
        on_tick: Callable[[], None],
        now_ns: Callable[[], int],
        log_error: Callable[[str], Any],
    ) -> None:
        self._assembler = assembler
        self._on_frames = on_frames
        self._on_tick = on_tick
        self._now_ns = now_ns
        self._log_error = log_error
        self._changed = threading.Condition()
        self._commands: deque[Callable[[], None]] = deque()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name='localizer', daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the work in hand; what waits is dropped."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    def post(self, camera: str, stamp_ns: int, payload: Any) -> None:
        """Hand over an image."""
        now_ns = self._now_ns()
        with self._changed:
            self._assembler.add(camera, stamp_ns, payload, now_ns)
            self._changed.notify()

    def call(self, command: Callable[[], None]) -> None:
        """Have something done in the thread, before the next images."""
        with self._changed:
            self._commands.append(command)
            self._changed.notify()

    def drop_images(self) -> None:
        """Forget the images that wait."""
        with self._changed:
            self._assembler.reset()

    def _run(self) -> None:
        while True:
            with self._changed:
                frames = None
                if not self._stopping and not self._commands:
                    frames = self._assembler.take(self._now_ns())
                    if frames is None:
                        self._changed.wait(self._patience_s())
                if self._stopping:
                    return
                command = self._commands.popleft() if self._commands and frames is None else None
            if command is not None:
                self._guard(command)
            if frames is not None:
                self._guard(partial(self._on_frames, frames))
            self._guard(self._on_tick)

    def _patience_s(self) -> float:
        deadline_ns = self._assembler.next_deadline_ns
        if deadline_ns is None:
            return TICK_S
        return min(TICK_S, max(0.001, (deadline_ns - self._now_ns()) / 1e9))

    def _guard(self, do: Callable[[], None]) -> None:
        try:
            do()
        except Exception:
            self._log_error(traceback.format_exc())
