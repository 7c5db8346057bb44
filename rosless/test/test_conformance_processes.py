# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Node files in processes of their own, on rosless and on a real rclpy alike."""

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.duration import Duration
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient
from rclpy.time import Time
from ros_helpers import Process, call, spin_for, spin_until
from std_msgs.msg import String
from std_srvs.srv import SetBool
from tf2_ros import Buffer, TransformListener


@pytest.fixture
def start():
    processes = []

    def start(name, *args):
        processes.append(Process(name, *args))
        return processes[-1]

    yield start
    for process in processes:
        process.stop()


def test_a_talker(start, executor, make_node, tmp_path):
    path = tmp_path / 'params.yaml'
    path.write_text('/**:\n  ros__parameters: {text: from the file, limits: {low: 5}, never_declared: 1}\n')
    process = start(
        'talker.py',
        *('--ros-args', '-r', '__ns:=/robot', '-r', '__node:=speaker', '-r', 'chatter:=/news'),
        *('--params-file', str(path), '-p', 'rate:=50.0'),
    )
    node, received = make_node('listener'), []
    node.create_subscription(String, '/news', lambda msg: received.append(msg.data), 10)
    spin_until(executor, lambda: len(received) > 10, timeout=20)
    assert set(received) == {'from the file'}
    assert ('speaker', '/robot') in node.get_node_names_and_namespaces()
    assert '[robot.speaker]: ready' in process.output()

    client = AsyncParameterClient(node, '/robot/speaker')
    spin_until(executor, client.services_are_ready)

    def ask(future):
        spin_until(executor, future.done)
        return future.result()

    values = ask(client.get_parameters(['text', 'limits.low', 'rate'])).values
    assert [parameter_value_to_python(value) for value in values] == ['from the file', 5, 50.0]
    results = ask(client.set_parameters([Parameter('text', value='changed'), Parameter('rate', value=1000.0)])).results
    assert [result.successful for result in results] == [True, False]
    spin_until(executor, lambda: received[-1] == 'changed')

    mute = node.create_client(SetBool, '/robot/speaker/mute')
    assert mute.wait_for_service(timeout_sec=10)
    assert call(executor, mute, SetBool.Request(data=True)).message == 'muted: True'
    spin_for(executor, 0.2)
    count = len(received)
    spin_for(executor, 0.3)
    assert len(received) == count

    assert process.interrupt() == 0, process.output()
    assert 'Traceback' not in process.output()
    spin_until(executor, lambda: ('speaker', '/robot') not in node.get_node_names_and_namespaces())


def test_a_robot(start, executor, make_node):
    start('robot.py')
    buffer = Buffer()
    listener = TransformListener(buffer, make_node('listener'))
    spin_until(executor, lambda: buffer.can_transform('map', 'camera', Time()), timeout=20)
    first = Time.from_msg(buffer.lookup_transform('map', 'camera', Time()).header.stamp)
    half, whole = first + Duration(seconds=0.5), first + Duration(seconds=1)
    spin_until(executor, lambda: buffer.can_transform('map', 'camera', whole))
    begin, middle, end = (
        buffer.lookup_transform('map', 'camera', time).transform.translation for time in (first, half, whole)
    )
    assert (middle.x - begin.x, end.x - begin.x) == (pytest.approx(0.5), pytest.approx(1))
    assert middle.z == 0.5
    moved = buffer.lookup_transform_full('camera', whole, 'camera', first, 'map').transform.translation
    assert moved.x == pytest.approx(-1)
    listener.unregister()


@pytest.mark.parametrize(
    ('args', 'words'),
    [
        (['-p', 'rate:=fast'], 'InvalidParameterTypeException'),
        (['-p', 'rate:=1000.0'], 'InvalidParameterValueException'),
        (['-p', 'rate'], 'ROSArgsError|RCLError'),
        (['--params-file', '/no/such/file.yaml'], 'ROSArgsError|RCLError'),
        (['-r', '__node:=a/b'], 'ROSArgsError|RCLError'),
        (['--what'], 'UnknownROSArgsError'),
    ],
)
def test_bad_command_lines(start, args, words):
    process = start('talker.py', '--ros-args', *args)
    assert process.wait() == 1
    assert any(word in process.output() for word in words.split('|')), process.output()


def test_a_callback_that_raises_ends_the_process(start):
    process = start('misbehaving.py', 'raise')
    assert process.wait() == 1
    assert 'Traceback' in process.output()
    assert 'RuntimeError: this callback always fails' in process.output()


def test_an_interrupt_in_a_callback(start):
    process = start('misbehaving.py', 'long')
    process.wait_for('in the callback')
    assert process.interrupt() == 0, process.output()
    assert 'interrupted' in process.output()


def test_a_managed_node(start, executor, make_node):
    start('managed.py', '--ros-args', '-r', '__ns:=/first')
    node, received = make_node('manager'), []
    node.create_subscription(String, '/first/state', lambda msg: received.append(msg.data), 10)
    change_state = node.create_client(ChangeState, '/first/managed/change_state')
    assert change_state.wait_for_service(timeout_sec=20)
    get_state = node.create_client(GetState, '/first/managed/get_state')
    assert get_state.wait_for_service(timeout_sec=10)

    def change(label):
        assert call(executor, change_state, ChangeState.Request(transition=Transition(label=label))).success
        return call(executor, get_state, GetState.Request()).current_state.label

    assert change('configure') == 'inactive'
    spin_for(executor, 0.2)
    assert received == []
    assert change('activate') == 'active'
    spin_until(executor, lambda: len(received) > 3)
    assert change('deactivate') == 'inactive'
    assert change('shutdown') == 'finalized'


def test_a_managed_node_that_raises(start, executor, make_node):
    process = start('managed.py', '--ros-args', '-r', '__ns:=/second', '-p', 'configure:=raise')
    node = make_node('manager')
    change_state = node.create_client(ChangeState, '/second/managed/change_state')
    assert change_state.wait_for_service(timeout_sec=20)
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
    assert not call(executor, change_state, request).success
    # The node lives on.
    assert not call(executor, change_state, request).success
    assert process.interrupt() == 0, process.output()
