# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Nodes in general, on rosless and on a real rclpy alike: graph, topics, services, timers, executors, clocks."""

import threading
import time

import pytest
import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import ClockType, JumpThreshold
from rclpy.context import Context
from rclpy.duration import Duration
from rclpy.exceptions import (
    InvalidNamespaceException,
    InvalidNodeNameException,
    InvalidServiceNameException,
    InvalidTopicNameException,
    NotInitializedException,
)
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.task import Future
from rclpy.time import Time
from ros_helpers import call, spin_for, spin_until
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Int32, String
from std_srvs.srv import SetBool

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)

# Begin and end


def test_init_and_shutdown():
    assert not rclpy.ok()
    with pytest.raises(NotInitializedException):
        Node('too_early')
    rclpy.init(args=[])
    assert rclpy.ok()
    with pytest.raises(RuntimeError):
        rclpy.init(args=[])
    rclpy.shutdown()
    assert not rclpy.ok()
    with pytest.raises(RuntimeError):
        rclpy.shutdown()
    rclpy.try_shutdown()
    with pytest.raises(NotInitializedException):
        Node('too_late')
    rclpy.init(args=[])
    rclpy.shutdown()


def test_a_context_of_its_own():
    context = Context()
    rclpy.init(args=[], context=context)
    node = Node('elsewhere', context=context)
    assert node.context is context
    assert not rclpy.ok()
    assert context.ok()
    node.destroy_node()
    rclpy.shutdown(context=context)
    assert not context.ok()


def test_shutdown_in_a_callback_ends_spin(executor, make_node):
    make_node('spinner').create_timer(0.05, rclpy.shutdown)
    executor.spin()
    assert not rclpy.ok()


def test_shutdown_in_another_thread_ends_spin(executor, make_node):
    make_node('spinner')
    threading.Timer(0.1, rclpy.shutdown).start()
    with pytest.raises(ExternalShutdownException):
        executor.spin()


def test_bad_arguments_of_the_process():
    for args in (['--ros-args', '--no-such-flag'], ['--ros-args', '-p', 'a'], ['--ros-args', '-r']):
        with pytest.raises(RuntimeError):
            rclpy.init(args=args, context=Context())


# Names


def test_names_of_nodes(make_node):
    node = make_node('name', namespace='robot/arm')
    assert node.get_name() == 'name'
    assert node.get_namespace() == '/robot/arm'
    assert node.get_fully_qualified_name() == '/robot/arm/name'
    assert make_node('name').get_namespace() == '/'
    for name in ('', 'a-b', '1a', 'a/b'):
        with pytest.raises(InvalidNodeNameException):
            Node(name)
    with pytest.raises(InvalidNamespaceException):
        Node('name', namespace='/a//b')


def test_names_of_topics_and_services(make_node):
    node = make_node('name', namespace='ns')
    publishers = [node.create_publisher(String, topic, 1) for topic in ('a', '/b', '~/c', '{node}/d')]
    assert [publisher.topic_name for publisher in publishers] == ['/ns/a', '/b', '/ns/name/c', '/ns/name/d']
    assert node.create_client(SetBool, '~/e').service_name == '/ns/name/e'
    for topic in ('', 'a b', '7up', 'a/', '~ab', '{x', 'a//b'):
        with pytest.raises(InvalidTopicNameException):
            node.create_publisher(String, topic, 1)
        with pytest.raises(InvalidTopicNameException):
            node.create_subscription(String, topic, print, 1)
        with pytest.raises(InvalidServiceNameException):
            node.create_service(SetBool, topic, print)


def test_remapping(make_node):
    args = ['--ros-args', '-r', '__node:=new', '-r', '__ns:=/there', '-r', 'a:=b', '-r', 'new:~/c:=/d']
    node = make_node('old', cli_args=args, use_global_arguments=False)
    assert node.get_fully_qualified_name() == '/there/new'
    assert node.create_publisher(String, 'a', 1).topic_name == '/there/b'
    assert node.create_publisher(String, '~/c', 1).topic_name == '/d'
    assert node.resolve_topic_name('a') == '/there/b'
    assert node.resolve_topic_name('a', only_expand=True) == '/there/a'
    assert node.resolve_service_name('a') == '/there/b'


def test_the_graph(executor, make_node):
    here, there = make_node('here', namespace='ns'), make_node('there')
    here.create_publisher(String, '/words', LATCHED)
    there.create_subscription(String, '/words', print, QoSProfile(depth=3, reliability=ReliabilityPolicy.BEST_EFFORT))
    there.create_service(SetBool, 'switch', print)
    spin_until(executor, lambda: ('here', '/ns') in there.get_node_names_and_namespaces())
    spin_until(executor, lambda: there.count_publishers('/words') == here.count_subscribers('/words') == 1)
    assert ('/words', ['std_msgs/msg/String']) in there.get_topic_names_and_types()
    spin_until(executor, lambda: ('/switch', ['std_srvs/srv/SetBool']) in here.get_service_names_and_types())
    assert ('/words', ['std_msgs/msg/String']) in there.get_publisher_names_and_types_by_node('here', '/ns')
    assert ('/words', ['std_msgs/msg/String']) in here.get_subscriber_names_and_types_by_node('there', '/')
    (info,) = there.get_publishers_info_by_topic('/words')
    assert (info.node_name, info.node_namespace, info.topic_type) == ('here', '/ns', 'std_msgs/msg/String')
    assert info.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
    (info,) = here.get_subscriptions_info_by_topic('/words')
    assert info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    here.destroy_node()
    spin_until(executor, lambda: ('here', '/ns') not in there.get_node_names_and_namespaces())
    spin_until(executor, lambda: there.count_publishers('/words') == 0)


# Topics


def test_messages_arrive_in_order(executor, make_node):
    received = []
    node = make_node('node')
    publisher = node.create_publisher(Int32, 'numbers', 50)
    make_node('other').create_subscription(Int32, 'numbers', lambda msg: received.append(msg.data), 50)
    spin_until(executor, lambda: publisher.get_subscription_count() == 1)
    for number in range(50):
        publisher.publish(Int32(data=number))
    spin_until(executor, lambda: len(received) == 50)
    assert received == list(range(50))


def test_a_late_subscription_gets_the_latched_message(executor, make_node):
    node, received = make_node('node'), []
    publisher = node.create_publisher(String, 'latched', LATCHED)
    for text in ('old', 'new'):
        publisher.publish(String(data=text))
    node.create_subscription(String, 'latched', lambda msg: received.append(msg.data), LATCHED)
    node.create_subscription(String, 'latched', lambda msg: received.append('volatile'), 1)
    spin_until(executor, lambda: received)
    spin_for(executor, 0.2)
    assert received == ['new']


def test_different_types_on_one_topic_do_not_meet(executor, make_node):
    node, received = make_node('node'), []
    publisher = node.create_publisher(String, 'mixed', 10)
    node.create_subscription(Int32, 'mixed', received.append, 10)
    node.create_subscription(String, 'mixed', lambda msg: received.append(msg.data), 10)
    spin_until(executor, lambda: publisher.get_subscription_count() >= 1)
    publisher.publish(String(data='text'))
    spin_until(executor, lambda: received)
    spin_for(executor, 0.2)
    assert received == ['text']


def test_what_cannot_be_published(make_node):
    publisher = make_node('node').create_publisher(String, 'words', 1)
    with pytest.raises(TypeError):
        publisher.publish(Int32())
    with pytest.raises(TypeError):
        publisher.publish('text')
    # Python's assertions may be what refuses the value, at the assignment or at the serialisation.
    with pytest.raises((AssertionError, TypeError)):
        publisher.publish(String(data=3))
    with pytest.raises(AttributeError):
        String().no_such_field = 3


def test_what_is_destroyed_receives_no_more(executor, make_node):
    node, received = make_node('node'), []
    publisher = node.create_publisher(String, 'words', 10)
    subscription = node.create_subscription(String, 'words', received.append, 10)
    spin_until(executor, lambda: publisher.get_subscription_count() == 1)
    assert node.destroy_subscription(subscription)
    assert not node.destroy_subscription(subscription)
    publisher.publish(String())
    spin_for(executor, 0.2)
    assert received == []
    assert node.destroy_publisher(publisher)
    with pytest.raises(RuntimeError):
        publisher.publish(String())


# Services


def double(request, response):
    response.success = not request.data
    response.message = 'x' * 1000
    return response


def test_services(executor, make_node):
    server, caller = make_node('server'), make_node('caller')
    client, deaf = caller.create_client(SetBool, 'switch'), caller.create_client(SetBool, 'nobody_offers_this')
    assert not client.wait_for_service(timeout_sec=0.05)
    service = server.create_service(SetBool, 'switch', double)
    assert client.wait_for_service(timeout_sec=10)
    assert not deaf.service_is_ready()
    assert call(executor, client, SetBool.Request(data=True)).success is False
    response = call(executor, client, SetBool.Request(data=False))
    assert (response.success, len(response.message)) == (True, 1000)
    with pytest.raises(TypeError):
        client.call_async(SetBool.Response())
    server.destroy_service(service)
    spin_until(executor, lambda: not client.service_is_ready())


def test_a_service_call_inside_a_callback(make_node):
    executor = MultiThreadedExecutor(num_threads=3)
    node, results = make_node('node', executor=executor), []
    client = node.create_client(SetBool, 'switch', callback_group=MutuallyExclusiveCallbackGroup())
    node.create_service(SetBool, 'switch', double, callback_group=MutuallyExclusiveCallbackGroup())

    def blocking():
        results.append(client.call(SetBool.Request(data=False)).success)

    async def awaiting():
        results.append((await client.call_async(SetBool.Request(data=True))).success)

    assert client.wait_for_service(timeout_sec=10)
    timers = [node.create_timer(0.1, callback) for callback in (blocking, awaiting)]
    spin_until(executor, lambda: {True, False} <= set(results))
    for timer in timers:
        timer.cancel()
    executor.shutdown()


# Timers, tasks and executors


def test_timers(executor, make_node):
    node, ticks = make_node('node'), []
    timer = node.create_timer(0.05, lambda: ticks.append(time.monotonic()))
    spin_until(executor, lambda: len(ticks) >= 5)
    assert 0.15 < ticks[4] - ticks[0] < 2
    assert not timer.is_canceled()
    timer.cancel()
    assert timer.is_canceled()
    count = len(ticks)
    spin_for(executor, 0.15)
    assert len(ticks) == count
    timer.reset()
    spin_until(executor, lambda: len(ticks) > count)
    assert timer.timer_period_ns == 50_000_000


def test_a_callback_that_raises(executor, make_node):
    make_node('node').create_timer(0.01, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        spin_for(executor, 5)


def test_groups_decide_what_runs_at_the_same_time(make_node):
    executor = MultiThreadedExecutor(num_threads=4)
    node = make_node('node', executor=executor)
    for group, most in ((ReentrantCallbackGroup(), 2), (MutuallyExclusiveCallbackGroup(), 1)):
        running, peaks, lock = [0], [], threading.Lock()

        def work(running=running, peaks=peaks, lock=lock):
            with lock:
                running[0] += 1
                peaks.append(running[0])
            time.sleep(0.05)
            with lock:
                running[0] -= 1

        timers = [node.create_timer(0.02, work, callback_group=group) for _ in range(2)]
        spin_until(executor, lambda peaks=peaks: len(peaks) > 10)
        for timer in timers:
            node.destroy_timer(timer)
        assert max(peaks) >= 2 if most > 1 else max(peaks) == 1
    executor.shutdown()


def test_guard_conditions_and_futures(executor, make_node):
    node, future = make_node('node'), Future()
    guard = node.create_guard_condition(lambda: future.set_result('done'))
    threading.Timer(0.1, guard.trigger).start()
    executor.spin_until_future_complete(future, timeout_sec=10)
    assert future.result() == 'done'
    task = executor.create_task(lambda: 6 * 7)
    executor.spin_until_future_complete(task, timeout_sec=10)
    assert task.result() == 42
    failed = executor.create_task(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        executor.spin_until_future_complete(failed, timeout_sec=10)
        failed.result()
    executor.spin_until_future_complete(Future(), timeout_sec=0.05)


def test_a_node_belongs_to_one_executor(executor, make_node):
    node = make_node('node')
    other = SingleThreadedExecutor()
    other.add_node(node)
    assert node.executor is other
    assert node not in executor.get_nodes()
    other.remove_node(node)


# Time


def test_simulated_time(executor, make_node):
    node = make_node('node', parameter_overrides=[Parameter('use_sim_time', value=True)])
    clock, ticks, jumps = node.get_clock(), [], []
    assert clock.now().nanoseconds == 0
    threshold = JumpThreshold(min_forward=None, min_backward=Duration(seconds=-1))
    handle = clock.create_jump_callback(threshold, post_callback=lambda jump: jumps.append(jump.delta.nanoseconds))
    node.create_timer(1.0, lambda: ticks.append(clock.now().nanoseconds // 10**9))
    publisher = make_node('simulator').create_publisher(Clock, '/clock', 1)
    spin_until(executor, lambda: publisher.get_subscription_count() == 1)

    def show(seconds):
        wanted = Time(seconds=seconds, clock_type=ClockType.ROS_TIME)
        publisher.publish(Clock(clock=wanted.to_msg()))
        spin_until(executor, lambda: clock.now() == wanted)
        spin_for(executor, 0.05)

    for seconds in (100, 100.5, 101, 102.5):
        show(seconds)
    assert ticks[-2:] == [101, 102]
    show(50)
    assert jumps == [-52_500_000_000]
    handle.unregister()
    node.set_parameters([Parameter('use_sim_time', value=False)])
    assert clock.now().nanoseconds > 10**18
