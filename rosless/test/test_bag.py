# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bags: recorded from nodes in other processes, played to nodes here."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_helpers import Process, spin_until
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Header, Int32, String
from typer.testing import CliRunner

from rosless import interfaces
from rosless.command import app

CHECKOUT = Path(__file__).parents[2]
START = 1_700_000_000_000_000_000
_FOREVER = QosTime(9223372036, 854775807)


def qos(durability=QosDurability.VOLATILE, reliability=QosReliability.RELIABLE):
    return Qos(
        QosHistory.KEEP_LAST, 1, reliability, durability, _FOREVER, _FOREVER, QosLiveliness.AUTOMATIC, _FOREVER, False
    )


def write_bag(path, messages, *, storage='mcap', profiles=None):
    """Write (topic, seconds, message) into a bag."""
    with Writer(path, version=9, storage_plugin=StoragePlugin[storage.upper()]) as writer:
        connections = {}
        for topic, seconds, message in messages:
            name = interfaces.type_name(type(message))
            if topic not in connections:
                connections[topic] = writer.add_connection(
                    topic,
                    name,
                    msgdef=interfaces.definition_text(name),
                    rihs01=interfaces.type_hash(name),
                    offered_qos_profiles=(profiles or {}).get(topic, ()),
                )
            writer.write(connections[topic], START + round(seconds * 1e9), interfaces.serialize(message))
    return path


def rosless(*args, code=0):
    """Run the command here and return what it wrote."""
    result = CliRunner().invoke(app, list(map(str, args)))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


def start(*args):
    """Run the command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, '-m', 'rosless', 'bag', *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=CHECKOUT,
        env={**os.environ, 'PYTHONUNBUFFERED': '1'},
    )


@pytest.fixture
def listen(make_node):
    """Makes a subscription and returns the list of (time, message) that it fills."""
    node = make_node('listener')

    def listen(message_type, topic, profile=10):
        received = []
        node.create_subscription(message_type, topic, lambda one: received.append((time.monotonic(), one)), profile)
        return received

    return listen


@pytest.fixture
def playing(executor):
    """Plays a bag in another process while callbacks run here."""

    def play(*args, until=None):
        process = start('play', *args)
        spin_until(executor, until or (lambda: process.poll() is not None), 20)
        if until:
            process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=10)
        assert process.returncode == 0, output
        executor.spin_once(timeout_sec=0.1)
        return output

    return play


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_record(tmp_path, storage):
    talker = Process('talker.py', '--ros-args', '-r', '__ns:=/robot')
    talker.wait_for('ready')
    folder = tmp_path / 'bag'
    recorder = start('record', '--all', '--exclude-regex', 'parameter_.*', '-o', folder, '-s', storage)
    try:
        lines = [recorder.stdout.readline() for _ in range(3)]
        assert set(lines[1:]) == {"Subscribed to topic '/robot/chatter'\n", "Subscribed to topic '/rosout'\n"}
        time.sleep(1)
        recorder.send_signal(signal.SIGINT)
        output, _ = recorder.communicate(timeout=10)
        assert recorder.returncode == 0, output
    finally:
        recorder.kill()
        talker.stop()
    with Reader(folder) as bag:
        assert set(bag.topics) == {'/robot/chatter', '/rosout'}
        assert 5 < bag.topics['/robot/chatter'].msgcount < 40
        assert bag.topics['/rosout'].msgcount == 1  # From before the recording: it is latched.
        store = get_typestore(Stores.ROS2_JAZZY)
        for connection, stamp, data in bag.messages():
            message = store.deserialize_cdr(data, connection.msgtype)
            assert (message.data if connection.topic == '/robot/chatter' else message.msg) in ('hello', 'ready')
            assert abs(stamp - time.time_ns()) < 60e9
            assert connection.digest == interfaces.type_hash(connection.msgtype)
            assert connection.ext.offered_qos_profiles[0].reliability is QosReliability.RELIABLE
        (rosout,) = bag.topics['/rosout'].connections
        assert rosout.ext.offered_qos_profiles[0].durability is QosDurability.TRANSIENT_LOCAL
        types = get_types_from_msg(rosout.msgdef.data, 'rcl_interfaces/msg/Log')
        assert 'builtin_interfaces/msg/Time' in types
    assert f'Storage id:        {storage}\n' in rosless('bag', 'info', folder)


def test_record_refuses(tmp_path):
    assert 'exists already' in rosless('bag', 'record', '-a', '-o', tmp_path, code=1)
    assert 'name the topics' in rosless('bag', 'record', code=1)
    assert 'mcap or sqlite3, got rosbag' in rosless('bag', 'record', '-a', '-s', 'rosbag', code=1)
    assert 'is no regular expression' in rosless('bag', 'record', '-e', '(', code=1)


def test_info(tmp_path):
    bag = write_bag(tmp_path / 'bag', [('/b', 0, String(data='x')), ('/a', 1.5, Int32(data=1)), ('/a', 2, Int32())])
    text = rosless('bag', 'info', bag)
    assert text.startswith('Files:             bag.mcap\nBag size:          ')
    assert 'Duration:          2.000000000s\n' in text
    assert '(1700000000.000000000)\n' in text
    assert 'Messages:          3\n' in text
    assert 'Topic information: Topic: /a | Type: std_msgs/msg/Int32 | Count: 2 | Serialization Format: cdr\n' in text
    assert text.endswith(
        '                   Topic: /b | Type: std_msgs/msg/String | Count: 1 | Serialization Format: cdr\n'
    )
    assert 'cannot be read as a bag' in rosless('bag', 'info', tmp_path / 'other', code=1)
    empty = write_bag(tmp_path / 'empty', [])
    assert 'Messages:          0\n' in rosless('bag', 'info', empty)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_play(tmp_path, listen, playing, storage):
    messages = [('/numbers', 0.1 * number, Int32(data=number)) for number in range(8)]
    bag = write_bag(tmp_path / 'bag', messages, storage=storage)
    received = listen(Int32, '/numbers')
    playing(bag)
    assert [message.data for _, message in received] == list(range(8))
    assert 0.5 < received[-1][0] - received[0][0] < 3


def test_play_faster(tmp_path, listen, playing):
    bag = write_bag(tmp_path / 'bag', [('/numbers', number, Int32(data=number)) for number in range(5)])
    received = listen(Int32, '/numbers')
    playing(bag, '--rate', 10)
    assert 0.3 < received[-1][0] - received[0][0] < 3
    assert len(received) == 5


def test_play_part(tmp_path, listen, playing):
    bag = write_bag(tmp_path / 'bag', [('/numbers', number, Int32(data=number)) for number in range(10)])
    received = listen(Int32, '/numbers')
    playing(bag, '-r', 100, '--start-offset', 3, '--playback-duration', 4)
    assert [message.data for _, message in received] == [3, 4, 5, 6, 7]


def test_play_some_topics_under_other_names(tmp_path, listen, playing):
    topics = ('/a', '/b', '/camera/left', '/camera/right')
    bag = write_bag(tmp_path / 'bag', [(topic, 0, String(data=topic)) for topic in topics])
    received = [listen(String, topic) for topic in ('/a', '/b', '/camera/left', '/camera/right', '/other')]
    playing(bag, '--topics', '/a', 'b', '--regex', 'camera', '--exclude-topics', '/camera/right', '-m', '/b:=/other')
    assert [[message.data for _, message in one] for one in received] == [['/a'], [], ['/camera/left'], [], ['/b']]


def test_play_with_clock(tmp_path, listen, playing):
    stamps = [0.0, 0.5, 1.0]
    bag = write_bag(tmp_path / 'bag', [('/header', stamp, Header()) for stamp in stamps])
    received, clock = listen(Header, '/header'), listen(Clock, '/clock', 100)
    playing(bag, '--clock', '-r', 2)
    times = [one.clock.sec * 10**9 + one.clock.nanosec - START for _, one in clock]
    # 40 per second of real time, which is half the time of the bag.
    assert times == [50_000_000 * tick for tick in range(21)]
    assert len(received) == 3
    middle = next(moment for moment, one in clock if one.clock.nanosec == 500_000_000)
    assert abs(middle - received[1][0]) < 0.3


def test_play_for_ever(tmp_path, listen, playing):
    bag = write_bag(tmp_path / 'bag', [('/numbers', 0.1 * number, Int32(data=number)) for number in range(3)])
    received = listen(Int32, '/numbers')
    playing(bag, '--loop', '-r', 2, until=lambda: len(received) > 7)
    assert [message.data for _, message in received][:8] == [0, 1, 2, 0, 1, 2, 0, 1]


def test_play_to_late_subscriptions(tmp_path, executor, make_node):
    """What was latched when it was recorded is latched again, messages of several publishers included."""
    messages = [('/latched', 0, String(data=str(number))) for number in range(20)] + [('/latched', 30, String())]
    bag = write_bag(tmp_path / 'bag', messages, profiles={'/latched': [qos(QosDurability.TRANSIENT_LOCAL)] * 20})
    process = start('play', bag)
    try:
        node, received = make_node('late'), []
        spin_until(executor, lambda: node.count_publishers('/latched'))
        time.sleep(1)
        profile = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        node.create_subscription(String, '/latched', received.append, profile)
        spin_until(executor, lambda: len(received) == 20)
    finally:
        process.kill()
        process.communicate()
    assert [message.data for message in received] == [str(number) for number in range(20)]


def test_play_types_that_only_the_bag_knows(tmp_path, make_node, executor):
    store = get_typestore(Stores.EMPTY)
    text = 'int32 LIMIT=5\nInner[<=2] inner\nfloat64 w 1\n' + '=' * 80 + '\nMSG: unheard_msgs/Inner\nstring<=9 text\n'
    store.register(get_types_from_msg(text, 'unheard_msgs/msg/Outer'))
    outer = store.types['unheard_msgs/msg/Outer']([store.types['unheard_msgs/msg/Inner']('hey')], 2.0)
    with Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection('/outer', 'unheard_msgs/msg/Outer', msgdef=text, rihs01='RIHS01_0')
        writer.write(connection, START, store.serialize_cdr(outer, 'unheard_msgs/msg/Outer'))
    interfaces.add_definitions('unheard_msgs/msg/Outer', text)
    cls = interfaces.load('unheard_msgs/msg/Outer')
    assert (cls().w, cls.LIMIT) == (1.0, 5)
    received = []
    make_node('listener').create_subscription(cls, '/outer', received.append, 10)
    process = start('play', tmp_path / 'bag')
    spin_until(executor, lambda: received)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 0, output
    assert interfaces.to_dict(received[0]) == {'inner': [{'text': 'hey'}], 'w': 2.0}
    assert interfaces.definition_text('unheard_msgs/msg/Outer') == (
        'int32 LIMIT=5\nunheard_msgs/Inner[<=2] inner\nfloat64 w 1.0\n'
        + '=' * 80
        + '\nMSG: unheard_msgs/Inner\nstring<=9 text\n'
    )


def test_play_refuses(tmp_path):
    bag = write_bag(tmp_path / 'bag', [('/a', 0, String()), ('/b', 1, String())])
    assert 'has none of the topics; it has /a, /b' in rosless('bag', 'play', bag, '--topics', '/c', code=1)
    assert 'greater than zero' in rosless('bag', 'play', bag, '-r', '0', code=1)
    assert "OLD:=NEW, got '/a'" in rosless('bag', 'play', bag, '--remap', '/a', code=1)
    assert 'requires an argument' in rosless('bag', 'play', bag, '--topics', code=2)
    assert 'cannot be read as a bag' in rosless('bag', 'play', tmp_path / 'none', code=1)
    (tmp_path / 'bad.mcap').write_bytes(b'no bag')
    assert 'cannot be read as a bag' in rosless('bag', 'play', tmp_path / 'bad.mcap', code=1)
