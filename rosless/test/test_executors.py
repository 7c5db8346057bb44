# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What executors do beyond the conformance tests: threads, order, changes while they spin, coroutines."""

import threading
import time

import pytest
import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future
from rclpy.wait_for_message import wait_for_message
from ros_helpers import spin_for, spin_until
from std_msgs.msg import Int32, String
from std_srvs.srv import Trigger

from rosless.test.peers import wait_until


@pytest.fixture(params=[SingleThreadedExecutor, lambda: MultiThreadedExecutor(4)], ids=['single', 'multi'])
def spinning(request, ros):
    """An executor that spins in a thread; what spin raises is raised at the end."""
    executor, errors = request.param(), []

    def spin():
        try:
            executor.spin()
        except ExternalShutdownException:
            pass
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=spin)
    thread.start()
    yield executor
    executor.shutdown()
    thread.join(5)
    assert not thread.is_alive()
    if errors:
        raise errors[0]


def test_what_is_made_while_it_spins_is_served(spinning, make_node):
    node, received = make_node('node', executor=spinning), []
    publisher = node.create_publisher(String, 'topic', 10)
    node.create_subscription(String, 'topic', lambda message: received.append(message.data), 10)
    publisher.publish(String(data='a'))
    wait_until(lambda: received == ['a'])
    ticks = []
    node.create_timer(0.01, lambda: ticks.append(1))
    wait_until(lambda: len(ticks) > 2)
    guard = node.create_guard_condition(lambda: received.append('guard'))
    guard.trigger()
    wait_until(lambda: received == ['a', 'guard'])
    node.create_service(Trigger, 'ask', lambda request, response: response)
    client = node.create_client(Trigger, 'ask', callback_group=ReentrantCallbackGroup())
    assert client.wait_for_service(5)
    assert client.call(Trigger.Request(), timeout_sec=5) == Trigger.Response()


def test_what_is_destroyed_while_it_spins(spinning, make_node):
    """Endpoints, timers and nodes come and go under full load; nothing may raise, and nothing is called afterwards."""
    source = make_node('source', executor=spinning)
    publisher = source.create_publisher(Int32, 'numbers', 10)
    source.create_timer(0.0005, lambda: publisher.publish(Int32(data=1)))
    for round_ in range(30):
        node, calls = Node(f'node{round_}'), []
        spinning.add_node(node)
        subscription = node.create_subscription(Int32, 'numbers', calls.append, 10)
        timer = node.create_timer(0.0005, lambda calls=calls: calls.append(None))
        wait_until(lambda calls=calls: len(calls) > 5)
        if round_ % 3:
            node.destroy_subscription(subscription)
            node.destroy_timer(timer)
        node.destroy_node()
        time.sleep(0.01)
        after = len(calls)
        time.sleep(0.005)
        assert len(calls) == after
    assert spinning.get_nodes() == [source]


def test_nodes_are_added_and_removed(spinning, make_node):
    node, ticks = make_node('node', executor=spinning), []
    node.create_timer(0.005, lambda: ticks.append(1))
    for _ in range(5):
        count = len(ticks)
        wait_until(lambda count=count: len(ticks) > count)
        spinning.remove_node(node)
        time.sleep(0.02)
        count = len(ticks)
        time.sleep(0.03)
        assert len(ticks) == count
        assert spinning.add_node(node) and not spinning.add_node(node)


def test_threads_may_ask_for_callbacks_all_the_time(spinning, make_node):
    node, calls = make_node('node', executor=spinning), []
    guard = node.create_guard_condition(lambda: calls.append(1))
    threads = [threading.Thread(target=lambda: [guard.trigger() for _ in range(2000)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: calls)
    count = len(calls)
    assert count <= 6000
    guard.trigger()
    wait_until(lambda: len(calls) > count)


def test_spin_once_runs_one_callback(executor, make_node):
    node, calls = make_node('node'), []
    publisher = node.create_publisher(Int32, 'numbers', 10)
    for name in 'ab':
        node.create_subscription(
            Int32, 'numbers', lambda message, name=name: calls.append(name + str(message.data)), 10
        )
    for number in range(3):
        publisher.publish(Int32(data=number))
    for count in range(1, 7):
        executor.spin_once(timeout_sec=5)
        assert len(calls) == count
    # Each in its order, and both in turn.
    assert calls == ['a0', 'b0', 'a1', 'b1', 'a2', 'b2']
    executor.spin_once(timeout_sec=0)
    assert len(calls) == 6


def test_nobody_starves(executor, make_node):
    """A timer that is always due does not keep messages waiting."""
    node, received, ticks = make_node('node'), [], []
    node.create_timer(0.0, lambda: ticks.append(1))
    node.create_subscription(Int32, 'numbers', received.append, 10)
    node.create_publisher(Int32, 'numbers', 10).publish(Int32(data=1))
    spin_until(executor, lambda: received)
    assert len(ticks) < 1000


def test_messages_that_wait_for_a_busy_executor_are_the_last_ones(make_node):
    """All threads are busy: what the depth does not keep is lost, it does not pile up in the executor."""
    executor = MultiThreadedExecutor(2)
    node, received, busy = make_node('node', executor=executor), [], threading.Event()
    group = ReentrantCallbackGroup()

    def slow(message):
        received.append(message.data)
        busy.wait()

    node.create_subscription(Int32, 'numbers', slow, 2, callback_group=group)
    publisher = node.create_publisher(Int32, 'numbers', 100)
    for number in range(2):
        publisher.publish(Int32(data=number))
        spin_until(executor, lambda number=number: len(received) == number + 1)
    for number in range(2, 50):
        publisher.publish(Int32(data=number))
        executor.spin_once(timeout_sec=0)
    busy.set()
    spin_until(executor, lambda: received and received[-1] == 49)
    assert set(received[:2]) == {0, 1} and len(received) <= 6
    executor.shutdown()


def test_exclusion_holds_between_kinds_of_callbacks(make_node):
    executor = MultiThreadedExecutor(6)
    node, group, inside, overlaps, kinds = make_node('node', executor=executor), None, [], [], set()
    group = MutuallyExclusiveCallbackGroup()

    def work(kind):
        inside.append(kind)
        overlaps.append(len(inside))
        time.sleep(0.001)
        inside.remove(kind)
        kinds.add(kind)

    publisher = node.create_publisher(Int32, 'numbers', 10)
    node.create_subscription(Int32, 'numbers', lambda _: work('subscription'), 10, callback_group=group)
    node.create_timer(0.001, lambda: work('timer'), callback_group=group)
    guard = node.create_guard_condition(lambda: work('guard'), callback_group=group)

    def serve(request, response):
        work('service')
        return response

    node.create_service(Trigger, 'ask', serve, callback_group=group)
    client = node.create_client(Trigger, 'ask', callback_group=ReentrantCallbackGroup())
    assert client.wait_for_service(5)

    def cause():
        publisher.publish(Int32())
        guard.trigger()
        client.call_async(Trigger.Request())

    node.create_timer(0.002, cause, callback_group=ReentrantCallbackGroup())
    spin_until(executor, lambda: len(overlaps) > 200 and len(kinds) == 4)
    assert max(overlaps) == 1
    executor.shutdown()


def test_an_error_in_a_thread_is_raised_by_spin(make_node):
    executor = MultiThreadedExecutor(2)
    node = make_node('node', executor=executor)
    timer = node.create_timer(0.01, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError) as error:
        executor.spin()
    assert error.traceback[-1].name == '<lambda>'
    timer.cancel()
    ticks = []
    node.create_timer(0.01, lambda: ticks.append(1))
    spin_until(executor, lambda: len(ticks) > 2)
    executor.shutdown()


def test_shutdown_waits_for_callbacks(make_node):
    executor = MultiThreadedExecutor(2)
    node, begun, ended = make_node('node', executor=executor), threading.Event(), []

    def slow():
        begun.set()
        time.sleep(0.3)
        ended.append(True)

    node.create_timer(0.01, slow)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    begun.wait()
    assert not executor.shutdown(timeout_sec=0.01)
    assert executor.shutdown() and ended == [True]
    thread.join(5)
    assert not thread.is_alive()


def test_shutdown_inside_a_callback_does_not_wait_for_itself(executor, make_node):
    node, results = make_node('node'), []
    node.create_timer(0.01, lambda: results.append(executor.shutdown()))
    executor.spin()
    assert results == [True]


def test_the_global_executor(ros):
    node, ticks = Node('node'), []
    node.create_timer(0.01, lambda: ticks.append(1))
    rclpy.spin_once(node, timeout_sec=5)
    assert len(ticks) == 1
    future = rclpy.get_global_executor().create_task(lambda: 5)
    rclpy.spin_until_future_complete(node, future, timeout_sec=5)
    assert future.result() == 5
    before = time.monotonic()
    rclpy.spin_until_future_complete(node, Future(), timeout_sec=0.1)
    assert 0.1 <= time.monotonic() - before < 5
    first = rclpy.get_global_executor()
    rclpy.shutdown()
    rclpy.init(args=[])
    assert rclpy.get_global_executor() is not first


def test_spin_in_a_thread_ends_silently_with_a_shutdown(ros):
    node, errors = Node('node'), []
    thread = threading.Thread(target=lambda: errors.append(rclpy.spin(node)))
    thread.start()
    time.sleep(0.1)
    rclpy.shutdown()
    thread.join(5)
    assert errors == [None]


def test_an_executor_says_that_the_context_was_shut_down(executor, make_node):
    make_node('node')
    threading.Timer(0.1, rclpy.shutdown).start()
    with pytest.raises(ExternalShutdownException):
        executor.spin()
    executor.spin()


# Coroutines


def test_a_coroutine_waits_without_being_polled(executor, make_node, monkeypatch):
    node, gate, order = make_node('node'), Future(), []

    async def wait():
        order.append('begins')
        order.append(await gate)
        return 'result'

    waits = []
    original = executor._queue.wait
    monkeypatch.setattr(executor._queue, 'wait', lambda *args: (waits.append(1), original(*args))[1])
    task = executor.create_task(wait)
    spin_for(executor, 0.3)
    assert order == ['begins'] and not task.done()
    assert len(waits) < 20
    threading.Timer(0.05, gate.set_result, ['goes on']).start()
    executor.spin_until_future_complete(task, timeout_sec=5)
    assert order == ['begins', 'goes on'] and task.result() == 'result'
    assert node.executor is executor


def test_a_coroutine_keeps_its_group_busy(executor, make_node):
    node, gate, order = make_node('node'), Future(), []
    group = MutuallyExclusiveCallbackGroup()

    async def wait(message):
        order.append(f'begin {message.data}')
        await gate
        order.append(f'end {message.data}')

    node.create_subscription(Int32, 'numbers', wait, 10, callback_group=group)
    publisher = node.create_publisher(Int32, 'numbers', 10)
    for number in range(2):
        publisher.publish(Int32(data=number))
    spin_for(executor, 0.2)
    assert order == ['begin 0']
    gate.set_result(None)
    spin_until(executor, lambda: len(order) == 4)
    assert order == ['begin 0', 'end 0', 'begin 1', 'end 1']


def test_coroutines_of_a_reentrant_group_take_turns(executor, make_node):
    node, gates, order = make_node('node'), [Future(), Future()], []

    async def wait(message):
        order.append(f'begin {message.data}')
        await gates[message.data]
        order.append(f'end {message.data}')

    node.create_subscription(Int32, 'numbers', wait, 10, callback_group=ReentrantCallbackGroup())
    publisher = node.create_publisher(Int32, 'numbers', 10)
    for number in range(2):
        publisher.publish(Int32(data=number))
    spin_until(executor, lambda: len(order) == 2)
    gates[1].set_result(None)
    gates[0].set_result(None)
    spin_until(executor, lambda: len(order) == 4)
    assert order == ['begin 0', 'begin 1', 'end 1', 'end 0']


def test_a_coroutine_that_raises(executor, make_node):
    node = make_node('node')
    client = node.create_client(Trigger, 'ask')
    node.create_service(Trigger, 'ask', lambda request, response: response)

    async def fail():
        await client.call_async(Trigger.Request())
        raise LookupError('after waiting')

    assert client.wait_for_service(5)
    timer = node.create_timer(0.01, fail, callback_group=MutuallyExclusiveCallbackGroup())
    with pytest.raises(LookupError, match='after waiting'):
        spin_for(executor, 5)
    timer.cancel()


def test_a_service_may_answer_later(executor, make_node):
    node, gate = make_node('node'), Future()

    async def answer(request, response):
        response.message = await gate
        return response

    node.create_service(Trigger, 'ask', answer, callback_group=ReentrantCallbackGroup())
    client = node.create_client(Trigger, 'ask')
    assert client.wait_for_service(5)
    futures = [client.call_async(Trigger.Request()) for _ in range(3)]
    spin_for(executor, 0.1)
    assert not any(future.done() for future in futures)
    gate.set_result('later')
    spin_until(executor, lambda: all(future.done() for future in futures))
    assert {future.result().message for future in futures} == {'later'}


def test_waiting_for_one_message(executor, make_node):
    node = make_node('node')
    assert wait_for_message(Int32, node, 'numbers', time_to_wait=0.05) == (False, None)
    publisher = node.create_publisher(Int32, 'numbers', 1)
    stop = threading.Event()

    def publish():
        while not stop.wait(0.02):
            publisher.publish(Int32(data=7))

    thread = threading.Thread(target=publish)
    thread.start()
    found, message = wait_for_message(Int32, node, 'numbers', time_to_wait=5)
    stop.set()
    thread.join()
    assert found and message.data == 7
    assert not list(node.subscriptions)
