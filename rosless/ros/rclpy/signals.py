# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""SIGINT and SIGTERM shut the contexts down.

Python runs signal handlers in the main thread and only between two of its own steps, so a main thread that waits in
Cyclone DDS would not notice. A thread that Python tells of each signal at once does the shutdown, which ends the wait.
"""

from __future__ import annotations

import atexit
import contextlib
import signal
import socket
import threading
import weakref
from enum import IntFlag
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rclpy.context import Context

_lock = threading.Lock()
_contexts: weakref.WeakSet[Context] = weakref.WeakSet()
_previous: dict[signal.Signals, Any] = {}
_wake_socket: socket.socket | None = None


class SignalHandlerOptions(IntFlag):
    """Which signals are handled."""

    NO = 0
    SIGINT = 1
    SIGTERM = 2
    ALL = 3


_SIGNALS = {SignalHandlerOptions.SIGINT: signal.SIGINT, SignalHandlerOptions.SIGTERM: signal.SIGTERM}


def install_signal_handlers(options: SignalHandlerOptions = SignalHandlerOptions.ALL) -> None:
    """Shut all contexts down when one of these signals arrives; what handled it before is called too.

    Python allows this in the main thread only; elsewhere nothing is installed.
    """
    global _wake_socket
    if threading.current_thread() is not threading.main_thread():
        return
    with _lock:
        if options and _wake_socket is None:
            reader, _wake_socket = socket.socketpair()
            _wake_socket.setblocking(False)
            threading.Thread(target=_watch, args=(reader,), name='rosless signals', daemon=True).start()
        if options and _wake_socket is not None:
            signal.set_wakeup_fd(_wake_socket.fileno(), warn_on_full_buffer=False)
        for option, number in _SIGNALS.items():
            if option in options and number not in _previous:
                _previous[number] = signal.signal(number, _handle)


def uninstall_signal_handlers() -> None:
    """Handle the signals as before."""
    if threading.current_thread() is not threading.main_thread():
        return
    with _lock:
        for number, previous in list(_previous.items()):
            # A handler that was installed later may call ours, so it stays and ours stays with it.
            if signal.getsignal(number) is _handle:
                signal.signal(number, previous)
                del _previous[number]
        if not _previous and _wake_socket is not None:
            current = signal.set_wakeup_fd(-1)
            if current != _wake_socket.fileno():
                signal.set_wakeup_fd(current)


def get_current_signal_handlers_options() -> SignalHandlerOptions:
    """Which signals are handled now."""
    handled = SignalHandlerOptions.NO
    for option, number in _SIGNALS.items():
        if number in _previous:
            handled |= option
    return handled


def register_context(context: Context) -> None:
    """Shut it down when a signal arrives or the process ends: peers then know at once."""
    _contexts.add(context)


@atexit.register
def _disconnect() -> None:
    for context in list(_contexts):
        context.try_shutdown()
    uninstall_signal_handlers()
    if _wake_socket is not None:
        _wake_socket.close()


def _watch(reader: socket.socket) -> None:
    with reader:
        while numbers := reader.recv(64):
            for number in numbers:
                with contextlib.suppress(ValueError):
                    if signal.Signals(number) in _previous and signal.getsignal(number) is _handle:
                        _shut_contexts_down()


def _handle(number: int, frame: FrameType | None) -> None:
    for context in list(_contexts):
        context._interrupted = True
    # What waits for the shutdown is told by the thread: this function may have interrupted the holder of any lock. The
    # thread may know already, but not if somebody else, such as asyncio, has taken over Python's wakeup socket.
    if _wake_socket is not None:
        with contextlib.suppress(OSError):
            _wake_socket.send(bytes([number]))
    previous = _previous.get(signal.Signals(number))
    if callable(previous):
        previous(number, frame)


def _shut_contexts_down() -> None:
    for context in list(_contexts):
        context._interrupted = True
        # Nodes can still be destroyed in order, so the connection stays.
        context._stop()
