# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The thread that does the work: newest images win, commands come first, nothing that fails ends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from localizer_robot import wait_until

from neumap_ros.localization.frames import FrameAssembler
from neumap_ros.nodes.worker import Worker


class Bench:
    """A worker whose work waits until it is let go."""

    def __init__(self) -> None:
        self.taken: list = []
        self.errors: list[str] = []
        self.ticks = 0
        self.may_go = threading.Event()
        self.is_at_work = threading.Event()
        self.worker = Worker(
            FrameAssembler(('front',), 0, 0), self.on_frames, self.on_tick, time.time_ns, self.errors.append
        )
        self.worker.start()

    def on_frames(self, frames) -> None:
        self.is_at_work.set()
        assert self.may_go.wait(30)
        self.taken.append(frames)
        if frames.payloads['front'] == 'bad':
            raise ValueError('a bug in the work')

    def on_tick(self) -> None:
        self.ticks += 1


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.may_go.set()
    bench.worker.stop()


def test_newest_wins_and_the_others_are_counted(bench: Bench) -> None:
    bench.worker.post('front', 1, 'first')
    assert bench.is_at_work.wait(30)
    for number in range(2, 7):
        bench.worker.post('front', number, number)
    bench.may_go.set()
    wait_until(lambda: len(bench.taken) == 2, 'two pieces of work')
    assert [frames.stamp_ns for frames in bench.taken] == [1, 6]
    assert [frames.dropped for frames in bench.taken] == [0, 4]


def test_commands_come_before_images_that_wait(bench: Bench) -> None:
    order: list = []
    bench.worker.post('front', 1, 'first')
    assert bench.is_at_work.wait(30)
    bench.worker.post('front', 2, 'second')
    bench.worker.call(lambda: order.append([frames.stamp_ns for frames in bench.taken]))
    bench.may_go.set()
    wait_until(lambda: len(bench.taken) == 2, 'work')
    assert order == [[1]]


def test_images_that_wait_can_be_dropped(bench: Bench) -> None:
    bench.worker.post('front', 1, 'first')
    assert bench.is_at_work.wait(30)
    bench.worker.post('front', 2, 'of another time')
    bench.worker.drop_images()
    bench.may_go.set()
    done = threading.Event()
    bench.worker.call(done.set)
    assert done.wait(30)
    bench.worker.post('front', 1, 'of this time')
    wait_until(lambda: len(bench.taken) == 2, 'work')
    assert bench.taken[1].payloads == {'front': 'of this time'}


def test_failures_are_told_and_the_work_goes_on(bench: Bench) -> None:
    bench.may_go.set()
    bench.worker.post('front', 1, 'bad')
    wait_until(lambda: bench.errors, 'error')
    assert 'a bug in the work' in bench.errors[0]

    def fails() -> None:
        raise ValueError('a bug in a command')

    bench.worker.call(fails)
    wait_until(lambda: len(bench.errors) == 2, 'error')
    bench.worker.post('front', 2, 'good')
    wait_until(lambda: len(bench.taken) == 2, 'work')


def test_ticks_come_without_work(bench: Bench) -> None:
    before = bench.ticks
    wait_until(lambda: bench.ticks > before + 3, 'ticks')


def test_stop_waits_for_the_work_in_hand_only(bench: Bench) -> None:
    bench.worker.post('front', 1, 'first')
    assert bench.is_at_work.wait(30)
    bench.worker.post('front', 2, 'second')
    stopping = threading.Thread(target=bench.worker.stop)
    stopping.start()
    wait_until(lambda: bench.worker._stopping, 'stop')
    assert stopping.is_alive()
    bench.may_go.set()
    stopping.join(30)
    assert not stopping.is_alive()
    assert [frames.stamp_ns for frames in bench.taken] == [1]


def test_worker_that_was_never_started_stops() -> None:
    worker = Worker(FrameAssembler(('front',), 0, 0), print, print, time.time_ns, print)
    worker.stop()
