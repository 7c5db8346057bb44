# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Signals, as a real rclpy handles them."""

import os
import signal
import time

import pytest
import rclpy
from rclpy.context import Context
from rclpy.signals import (
    SignalHandlerOptions,
    get_current_signal_handlers_options,
    install_signal_handlers,
    uninstall_signal_handlers,
)

from rosless.test.peers import NODE, running, wait_until


@pytest.mark.parametrize(
    ('how', 'number', 'expected'),
    [
        ('plain', signal.SIGINT, 'KeyboardInterrupt False'),
        ('plain', signal.SIGTERM, 'ExternalShutdownException False'),
        ('multi', signal.SIGINT, 'KeyboardInterrupt False'),
        ('multi', signal.SIGTERM, 'returned False'),
        ('callback', signal.SIGINT, 'KeyboardInterrupt False'),
        ('rate', signal.SIGINT, 'KeyboardInterrupt False'),
        ('rate', signal.SIGTERM, 'ROSInterruptException False'),
    ],
)
def test_how_spinning_ends(how, number, expected):
    with running(NODE, 'spin', how) as peer:
        peer.line()
        time.sleep(0.1)
        peer.process.send_signal(number)
        assert peer.line() == expected
        assert peer.line() == 'end'
        assert peer.process.wait(10) == 0


def test_handlers_are_installed_and_removed():
    uninstall_signal_handlers()  # a test before this one may have left a context with handlers
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    rclpy.init(args=[])
    assert get_current_signal_handlers_options() == SignalHandlerOptions.ALL
    rclpy.shutdown()
    assert get_current_signal_handlers_options() == SignalHandlerOptions.NO
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.SIGTERM)
    assert get_current_signal_handlers_options() == SignalHandlerOptions.SIGTERM
    assert signal.getsignal(signal.SIGINT) == before[1]
    rclpy.shutdown()
    context = Context()
    rclpy.init(args=[], context=context)
    assert get_current_signal_handlers_options() == SignalHandlerOptions.NO
    rclpy.shutdown(context=context)


def test_what_handled_a_signal_before_is_called_too():
    calls = []
    previous = signal.signal(signal.SIGTERM, lambda number, frame: calls.append(number))
    try:
        rclpy.init(args=[])
        os.kill(os.getpid(), signal.SIGTERM)
        wait_until(lambda: calls == [signal.SIGTERM] and not rclpy.ok())
        with pytest.raises(RuntimeError, match='already called'):
            rclpy.shutdown()
        rclpy.try_shutdown()
    finally:
        uninstall_signal_handlers()
        signal.signal(signal.SIGTERM, previous)


def test_who_takes_a_signal_over_keeps_the_context():
    calls = []
    rclpy.init(args=[])
    ours = signal.signal(signal.SIGTERM, lambda number, frame: calls.append(number))
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        wait_until(lambda: calls)
        time.sleep(0.05)
        assert rclpy.ok()
    finally:
        signal.signal(signal.SIGTERM, ours)
        rclpy.shutdown()


def test_all_contexts_end():
    with Context() as one, Context() as two:
        install_signal_handlers(SignalHandlerOptions.SIGTERM)
        ended = []
        one.on_shutdown(lambda: ended.append('one'))
        two.on_shutdown(lambda: ended.append('two'))
        os.kill(os.getpid(), signal.SIGTERM)
        wait_until(lambda: sorted(ended) == ['one', 'two'])
        assert not one.ok() and not two.ok()
    uninstall_signal_handlers()
