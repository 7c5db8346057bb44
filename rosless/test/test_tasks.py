# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0

import gc
import threading

import pytest
from rclpy.task import Future, Task


def test_results_and_exceptions():
    future = Future()
    assert not future.done() and future.result() is None and future.exception() is None
    future.set_result(5)
    assert future.done() and future.result() == 5 and not future.cancelled()
    failed, error = Future(), KeyError('x')
    failed.set_exception(error)
    assert failed.done() and failed.exception() is error
    with pytest.raises(KeyError):
        failed.result()


def test_callbacks_are_called_once_and_in_order():
    future, calls = Future(), []
    for number in range(3):
        future.add_done_callback(lambda done, number=number: calls.append((number, done.result())))
    future.set_result('r')
    assert calls == [(0, 'r'), (1, 'r'), (2, 'r')]
    future.add_done_callback(lambda done: calls.append('late'))
    assert calls[3:] == ['late']


def test_a_callback_that_raises_does_not_stop_the_others():
    future, calls = Future(), []
    future.add_done_callback(lambda done: 1 / 0)
    future.add_done_callback(calls.append)
    with pytest.warns(UserWarning, match='division by zero'):
        future.set_result(None)
    assert calls == [future]
    with pytest.raises(ZeroDivisionError):
        future.add_done_callback(lambda done: 1 / 0)


def test_cancelling():
    future, calls = Future(), []
    future.add_done_callback(calls.append)
    future.cancel()
    assert future.cancelled() and calls == [future]
    done = Future()
    done.set_result(1)
    done.cancel()
    assert not done.cancelled() and done.result() == 1


def test_an_exception_that_nobody_asked_for_is_told(capsys):
    future = Future()
    future.set_exception(RuntimeError('lost'))
    del future
    gc.collect()
    assert 'never retrieved: lost' in capsys.readouterr().err
    asked = Future()
    asked.set_exception(RuntimeError('found'))
    asked.exception()
    del asked
    gc.collect()
    assert capsys.readouterr().err == ''


def test_functions_as_tasks():
    task = Task(lambda a, b: a - b, (5,), {'b': 2})
    task()
    assert task.result() == 3
    task()
    assert task.result() == 3
    failed = Task(lambda: [][0])
    failed()
    assert isinstance(failed.exception(), IndexError)
    # Raised by a function, this is an error, not the end of a coroutine.
    stopped = Task(lambda: next(iter(())))
    stopped()
    assert isinstance(stopped.exception(), StopIteration)


def test_coroutines_as_tasks():
    gate = Future()

    async def add(number):
        return number + await gate

    for task in (Task(add, (1,)), Task(add(1))):
        task()
        assert not task.done() and not task.executing()
    gate.set_result(2)
    task()
    assert task.result() == 3


def test_a_task_does_not_run_twice_at_the_same_time():
    inside, release, runs = threading.Event(), threading.Event(), []

    def work():
        runs.append(1)
        inside.set()
        release.wait(5)

    task = Task(work)
    thread = threading.Thread(target=task)
    thread.start()
    inside.wait(5)
    assert task.executing()
    task()
    release.set()
    thread.join()
    assert runs == [1] and task.done()
