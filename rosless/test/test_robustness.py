# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Processes that die, stop or are many, and programs that run long."""

import array
import gc
import signal
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import rclpy
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSProfile
from ros_helpers import call, spin_until
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

from rosless.dds import Participant, Qos, Reader, Writer
from rosless.test.peers import NODE, running, wait_until


def new_image():
    return Image(height=480, width=640, encoding='rgb8', step=1920, data=array.array('B', bytes(921_600)))


@pytest.mark.slow
def test_a_server_that_dies_and_another_that_takes_over(executor, make_node):
    client = make_node('node').create_client(Trigger, 'ask')
    with running(NODE, 'serve') as first:
        first.line()
        assert client.wait_for_service(10)
        assert call(executor, client, Trigger.Request()).message == str(first.process.pid)
        first.process.send_signal(signal.SIGSTOP)
        unanswered = client.call_async(Trigger.Request())
        executor.spin_until_future_complete(unanswered, timeout_sec=0.2)
        assert not unanswered.done()
        client.remove_pending_request(unanswered)
    wait_until(lambda: not client.service_is_ready(), 20)
    assert not client.wait_for_service(0.05)
    with running(NODE, 'serve') as second:
        second.line()
        assert client.wait_for_service(10)
        assert call(executor, client, Trigger.Request()).message == str(second.process.pid)
    assert not unanswered.done()


def test_a_call_ends_with_the_timeout_or_the_context(executor, make_node):
    node = make_node('node')
    client = node.create_client(Trigger, 'nobody', callback_group=ReentrantCallbackGroup())
    start = time.monotonic()
    assert client.call(Trigger.Request(), timeout_sec=0.2) is None
    assert 0.2 <= time.monotonic() - start < 5
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(client.call(Trigger.Request()))),
        threading.Thread(target=lambda: results.append(client.wait_for_service())),
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    rclpy.shutdown()
    for thread in threads:
        thread.join(5)
    assert sorted(results, key=str) == [False, None]


def test_each_client_gets_its_own_responses(executor, make_node):
    server, clients = make_node('server'), []

    def answer(request, response):
        response.message = 'answer'
        return response

    server.create_service(Trigger, 'ask', answer)
    for index in range(3):
        clients.append(make_node(f'client{index}').create_client(Trigger, 'ask'))
    assert all(client.wait_for_service(5) for client in clients)
    futures = [client.call_async(Trigger.Request()) for client in clients for _ in range(3)]
    spin_until(executor, lambda: all(future.done() for future in futures))
    assert all(not client._pending_requests for client in clients)


def test_a_callback_that_answers_with_something_else(executor, make_node):
    node = make_node('node')
    node.create_service(Trigger, 'ask', lambda request, response: 'done')
    client = node.create_client(Trigger, 'ask')
    assert client.wait_for_service(5)
    with pytest.raises(TypeError, match=r"callback of the service '/ask' must return a Trigger.Response, got 'done'"):
        call(executor, client, Trigger.Request())


def test_bytes_that_are_no_message_are_dropped_and_told(executor, make_node, capsys):
    """A peer whose type has the same name, but another definition."""
    received = []
    make_node('node').create_subscription(String, 'topic', lambda message: received.append(message.data), 10)
    participant = Participant()
    writer = Writer(participant, 'rt/topic', 'std_msgs::msg::dds_::String_', Qos())
    wait_until(writer.matched)
    writer.write(b'\0\1\0\0', b'\xff\xff\xff\x7f')
    writer.write(b'\0\1\0\0', b'\3\0\0\0ok\0\0')
    spin_until(executor, lambda: received == ['ok'])
    assert "[node]: A message on topic '/topic' is dropped: " in capsys.readouterr().err
    participant.delete()


def test_requests_that_cannot_be_read_are_dropped_and_told(executor, make_node, capsys):
    node = make_node('node')
    node.create_service(Trigger, 'ask', lambda request, response: response)
    participant = Participant()
    writer = Writer(participant, 'rq/askRequest', 'std_srvs::srv::dds_::Trigger_Request_', Qos())
    Reader(participant, 'rr/askReply', 'std_srvs::srv::dds_::Trigger_Response_', Qos())
    wait_until(writer.matched)
    writer.write(b'\0\1\0\0', bytes(8))  # Too short for the header of a request.
    client = node.create_client(Trigger, 'ask')
    assert client.wait_for_service(5)
    assert call(executor, client, Trigger.Request()) == Trigger.Response()
    participant.delete()


def test_a_stopped_subscriber_does_not_hold_up_the_publisher(make_node):
    publisher, image = make_node('node').create_publisher(Image, 'image', 10), new_image()
    with running(NODE, 'images') as peer:
        peer.line()
        wait_until(lambda: publisher.get_subscription_count() == 1)
        peer.process.send_signal(signal.SIGSTOP)
        longest = 0.0
        for _ in range(60):
            start = time.monotonic()
            publisher.publish(image)
            longest = max(longest, time.monotonic() - start)
        # It would be blocked until the other side is given up for dead, after seconds.
        assert longest < 1.0
        peer.process.send_signal(signal.SIGCONT)
        assert peer.line() == 'got 921600'


def test_an_image_is_a_view_and_outlives_its_node(ros):
    pixels, received = np.random.default_rng(0).integers(0, 256, 921_600, dtype=np.uint8), []
    image = new_image()
    image.data = array.array('B', pixels.tobytes())
    node = Node('node')
    node.create_subscription(Image, 'image', received.append, 10)
    node.create_publisher(Image, 'image', 10).publish(image)
    while not received:
        rclpy.spin_once(node, timeout_sec=1)
    node.destroy_node()
    rclpy.shutdown()
    gc.collect()
    assert np.array_equal(np.frombuffer(received[0].data, np.uint8), pixels)


def resident_kb():
    status = Path('/proc/self/status').read_text()
    return int(next(line for line in status.splitlines() if line.startswith('VmRSS')).split()[1])


@pytest.mark.slow
@pytest.mark.parametrize(('count', 'size'), [(1_000_000, 20), (20_000, 20_000)])
def test_samples_leave_nothing_behind(count, size):
    """Samples that are copied, and samples that are views; a leak of one byte a sample would be 1 MB."""
    participant = Participant()
    writer, reader = Writer(participant, 'a', 'T', Qos()), Reader(participant, 'a', 'T', Qos())
    body, before = bytes(size), 0
    for index in range(count):
        writer.write(b'\0\1\0\0', body)
        assert len(reader.take()) == 1 or wait_until(reader.take)
        if index == count // 10:
            before = resident_kb()
    assert resident_kb() - before < 1000
    participant.delete()


@pytest.mark.slow
def test_messages_leave_nothing_behind(executor, make_node):
    """A tenth of a million through nodes; the layers below are tested with a million."""
    node, count = make_node('node'), 0

    def on_message(message):
        nonlocal count
        count += 1

    node.create_subscription(String, 'topic', on_message, 10)
    publisher, message = node.create_publisher(String, 'topic', 10), String(data='x' * 100)
    before = 0
    for index in range(100_000):
        publisher.publish(message)
        while count <= index:
            executor.spin_once(timeout_sec=1)
        if index == 10_000:
            before = resident_kb()
    assert resident_kb() - before < 1000


@pytest.mark.slow
def test_nodes_and_calls_leave_nothing_behind(executor, ros):
    before = 0
    for index in range(120):
        node = Node('node')
        executor.add_node(node)
        node.create_subscription(String, 'topic', print, QoSProfile(depth=10))
        node.create_timer(1.0, print)
        node.create_service(Trigger, 'ask', lambda request, response: response)
        client = node.create_client(Trigger, 'ask')
        assert client.wait_for_service(5)
        call(executor, client, Trigger.Request())
        node.destroy_node()
        if index == 20:
            gc.collect()
            before = resident_kb()
    gc.collect()
    # Cyclone frees what it has deleted somewhat later.
    wait_until(lambda: resident_kb() - before < 3000)


@pytest.mark.slow
def test_fifty_processes_find_each_other():
    count = 50
    with ExitStack() as stack:
        peers = [stack.enter_context(running(NODE, 'crowd', str(count), lifetime_s=280)) for _ in range(count)]
        for peer in peers:
            assert peer.line() == 'complete'
