# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Parameters between nodes, and their log messages, on rosless and on a real rclpy alike."""

import pytest
import rclpy
from rcl_interfaces.msg import (
    IntegerRange,
    Log,
    ParameterDescriptor,
    ParameterEvent,
    ParameterType,
    SetParametersResult,
)
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterImmutableException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from rclpy.logging import LoggingSeverity
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient
from rclpy.parameter_event_handler import ParameterEventHandler
from ros_helpers import spin_until

# Parameters that nodes have of themselves; not all implementations have the second.
EVERY_NODE = {'use_sim_time', 'start_type_description_service'}


@pytest.fixture
def node(make_node):
    node = make_node('owner', namespace='ns')
    node.declare_parameters(
        '',
        [
            ('number', 5, ParameterDescriptor(integer_range=[IntegerRange(from_value=0, to_value=10, step=5)])),
            ('fixed', 'text', ParameterDescriptor(read_only=True)),
            ('free', None, ParameterDescriptor(dynamic_typing=True)),
            ('unset', Parameter.Type.DOUBLE),
            ('deep.list', [1.0, 2.0]),
        ],
    )
    return node


@pytest.fixture
def ask(executor, make_node):
    """Call a method of a parameter client and return the response."""
    client = AsyncParameterClient(make_node('asker'), '/ns/owner')

    def ask(method, *args):
        spin_until(executor, client.services_are_ready)
        future = getattr(client, method)(*args)
        spin_until(executor, future.done)
        return future.result()

    return ask


def test_errors_of_the_owner(node):
    with pytest.raises(ParameterAlreadyDeclaredException):
        node.declare_parameter('number', 1)
    with pytest.raises(ParameterNotDeclaredException):
        node.get_parameter('what')
    with pytest.raises(ParameterNotDeclaredException):
        node.set_parameters([Parameter('what', value=1)])
    with pytest.raises(ParameterUninitializedException):
        node.get_parameter('unset')
    with pytest.raises(ParameterImmutableException):
        node.undeclare_parameter('fixed')
    with pytest.raises(InvalidParameterValueException):
        node.declare_parameter('far', 11, ParameterDescriptor(integer_range=[IntegerRange(from_value=0, to_value=10)]))
    reasons = [
        result.reason
        for result in node.set_parameters(
            [Parameter('number', value=11), Parameter('number', value=4), Parameter('number', value='x')]
        )
    ]
    assert 'out of range' in reasons[0]
    assert 'not a valid step' in reasons[1]
    assert 'Wrong parameter type' in reasons[2]
    assert node.get_parameter('number').value == 5


def test_overrides(make_node, tmp_path):
    path = tmp_path / 'params.yaml'
    path.write_text(
        '/**: {ros__parameters: {a: 1, b: 1, nested: {c: [u, v]}}}\n/ns/*: {ros__parameters: {b: 2}}\n'
        '/ns/owner: {ros__parameters: {d: 1.5}}\n/ns/other: {ros__parameters: {d: 2.5}}\n'
    )
    args = ['--ros-args', '--params-file', str(path), '-p', 'e:=true', '-p', 'f:="5"']
    node = make_node(
        'owner',
        namespace='ns',
        cli_args=args,
        parameter_overrides=[Parameter('a', value=7)],
        automatically_declare_parameters_from_overrides=True,
    )
    values = {name: parameter.value for name, parameter in node.get_parameters_by_prefix('').items()}
    values = {name: value for name, value in values.items() if name not in EVERY_NODE}
    assert values == {'a': 7, 'b': 2, 'nested.c': ['u', 'v'], 'd': 1.5, 'e': True, 'f': '5'}
    typed = make_node('typed', parameter_overrides=[Parameter('g', value='text')])
    with pytest.raises(InvalidParameterTypeException):
        typed.declare_parameter('g', 1)


def test_reading_from_outside(node, ask):
    names = set(ask('list_parameters').result.names) - EVERY_NODE
    assert names == {'deep.list', 'fixed', 'free', 'number', 'unset'}
    listed = ask('list_parameters', ['deep'], 1).result
    assert (listed.names, listed.prefixes) == (['deep.list'], ['deep'])
    values = ask('get_parameters', ['number', 'fixed', 'deep.list', 'free']).values
    assert [parameter_value_to_python(value) for value in values] == [5, 'text', [1.0, 2.0], None]
    assert ask('get_parameters', ['number', 'what']).values == []
    assert list(ask('get_parameter_types', ['number', 'free']).types) == [
        ParameterType.PARAMETER_INTEGER,
        ParameterType.PARAMETER_NOT_SET,
    ]
    (descriptor,) = ask('describe_parameters', ['number']).descriptors
    assert (descriptor.name, descriptor.type) == ('number', ParameterType.PARAMETER_INTEGER)
    assert (descriptor.integer_range[0].to_value, descriptor.integer_range[0].step) == (10, 5)
    assert ask('describe_parameters', ['what']).descriptors == []


def test_setting_from_outside(node, ask):
    wishes = [
        Parameter('number', value=10),
        Parameter('number', value=11),
        Parameter('number', value=1.0),
        Parameter('fixed', value='other'),
        Parameter('what', value=1),
        Parameter('free', value=[True]),
    ]
    results = ask('set_parameters', wishes).results
    assert [result.successful for result in results] == [True, False, False, False, False, True]
    assert all(result.reason for result in results if not result.successful)
    assert node.get_parameter('number').value == 10
    assert node.get_parameter('free').value == [True]
    pair = [Parameter('number', value=0), Parameter('fixed', value='other')]
    assert not ask('set_parameters_atomically', pair).result.successful
    assert node.get_parameter('number').value == 10
    assert ask('delete_parameters', ['free']).results[0].successful
    assert not node.has_parameter('free')


def test_a_file_from_outside(node, ask, tmp_path):
    path = tmp_path / 'params.yaml'
    path.write_text('/ns/owner:\n  ros__parameters: {number: 0, deep: {list: [3.5]}}\n')
    assert [result.successful for result in ask('load_parameter_file', str(path)).results] == [True, True]
    assert node.get_parameter('number').value == 0
    assert list(node.get_parameter('deep.list').value) == [3.5]


def test_callbacks(node, ask):
    seen = []

    def refuse_zero(parameters):
        seen.append([parameter.name for parameter in parameters])
        return SetParametersResult(successful=all(one.value != 0 for one in parameters), reason='zero')

    node.add_on_set_parameters_callback(refuse_zero)
    node.add_post_set_parameters_callback(lambda parameters: seen.append('done'))
    results = ask('set_parameters', [Parameter('number', value=0), Parameter('number', value=10)]).results
    assert [(result.successful, result.reason) for result in results] == [(False, 'zero'), (True, '')]
    assert seen == [['number'], ['number'], 'done']


def test_events(executor, make_node, node):
    listener, events, values = make_node('listener'), [], []
    listener.create_subscription(
        ParameterEvent, '/parameter_events', lambda event: event.node == '/ns/owner' and events.append(event), 10
    )
    handler = ParameterEventHandler(listener)
    handle = handler.add_parameter_callback('number', '/ns/owner', lambda one: values.append(one.value.integer_value))
    spin_until(executor, lambda: node.count_subscribers('/parameter_events') == 2)
    node.set_parameters_atomically([Parameter('number', value=10), Parameter('free', value='new')])
    spin_until(executor, lambda: events and values)
    assert values == [10]
    assert [one.name for one in events[0].changed_parameters] == ['number']
    assert [one.name for one in events[0].new_parameters] == ['free']
    handler.remove_parameter_callback(handle)
    with pytest.raises(RuntimeError):
        handler.remove_parameter_callback(handle)
    node.set_parameters([Parameter('number', value=0), Parameter('free')])
    spin_until(executor, lambda: events[-1].deleted_parameters)
    assert values == [10]


def test_a_node_without_services(executor, make_node):
    silent = make_node('silent', start_parameter_services=False)
    assert not [service for service in silent.services if 'parameter' in service.srv_name]


def test_log_messages_reach_rosout(executor, make_node):
    node, received = make_node('talker', namespace='ns'), []
    make_node('silent', enable_rosout=False).get_logger().warning('not heard')
    make_node('console').create_subscription(Log, '/rosout', received.append, 100)
    spin_until(executor, lambda: node.count_subscribers('/rosout') == 1)
    node.get_logger().get_child('part').warning('look out')
    spin_until(executor, lambda: [log for log in received if log.msg == 'look out'])
    (log,) = [log for log in received if log.msg == 'look out']
    assert (log.name, log.level) == ('ns.talker.part', LoggingSeverity.WARN)
    assert (log.file, log.function) == (__file__, 'test_log_messages_reach_rosout')
    assert log.line > 0
    assert not [log for log in received if log.msg == 'not heard']


def test_levels_of_the_command_line():
    rclpy.init(args=['--ros-args', '--log-level', 'error', '--log-level', 'chatty:=debug'])
    try:
        assert rclpy.logging.get_logger('any').get_effective_level() == LoggingSeverity.ERROR
        node = Node('chatty')
        assert node.get_logger().is_enabled_for(LoggingSeverity.DEBUG)
        node.destroy_node()
    finally:
        rclpy.logging.set_logger_level('', LoggingSeverity.INFO)
        rclpy.shutdown()
