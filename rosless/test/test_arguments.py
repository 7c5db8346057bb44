# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import pytest
from rclpy._arguments import NodeArguments, parse_arguments, remove_ros_args
from rclpy._parameter_files import ParameterFileError, parse_value
from rclpy._rclpy_pybind11 import RCLError, RCLInvalidROSArgsError, UnknownROSArgsError
from rclpy.logging import LoggingSeverity


def for_node(*args, own=()):
    process = parse_arguments(['--ros-args', *args])
    return NodeArguments(parse_arguments(['--ros-args', *own]), process)


def overrides(node, *args, own=()):
    parameters = for_node(*args, own=own).parameter_overrides(node)
    return {name: parameter.value for name, parameter in parameters.items()}


def test_other_arguments_are_kept():
    line = ['program', '--flag', '--ros-args', '-p', 'a:=1', '--', 'file', '--ros-args', '-r', 'x:=y']
    assert remove_ros_args(line) == ['program', '--flag', 'file']
    assert remove_ros_args(['program']) == ['program']


def test_a_rule_outside_of_ros_args_counts_and_is_told(capsys):
    arguments = parse_arguments(['program', 'a:=b'])
    assert arguments.others == ['program']
    assert arguments.remap_rules[0].replacement == 'b'
    assert 'deprecated' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('true', True),
        ('Yes', True),
        ('off', False),
        ('n', False),
        ('"true"', 'true'),
        ('5', 5),
        ('-5', -5),
        ('+5', 5),
        ('0x10', 16),
        ('010', 8),
        ('-010', -8),
        ('9223372036854775807', 2**63 - 1),
        ('9223372036854775808', float(2**63)),
        ('5.0', 5.0),
        ('1e3', 1000.0),
        ('.5', 0.5),
        ('-.inf', float('-inf')),
        ('1_000', '1_000'),
        ('08', 8.0),
        ("'5'", '5'),
        ('!!str 5', '5'),
        ('!!float 5', 5),
        ('hello', 'hello'),
        ('hello world', 'hello world'),
        ('null', 'null'),
        ('2024-01-01', '2024-01-01'),
        ('/abs/path', '/abs/path'),
        ('""', ''),
        ('[1, 2]', [1, 2]),
        ('[1.0, 2.5]', [1.0, 2.5]),
        ('[true, no]', [True, False]),
        ("[a, 'b']", ['a', 'b']),
        ('[]', None),
    ],
)
def test_values_have_the_types_that_ros_gives_them(text, value):
    parsed = parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize('text', ['', '{a: 1}', '[1, 2.0]', '[1, [2]]', '[1', '&x [1]\n*x', '[1, true]', '[,]'])
def test_values_that_ros_refuses(text):
    with pytest.raises(ParameterFileError):
        parse_value(text)


def test_parameters_of_the_command_line():
    args = ('-p', 'a:=1', '--param', 'b.c:=x', '-p', 'me:d:=true', '-p', 'qos_overrides./tf.publisher.depth:=5')
    expected = {'a': 1, 'b.c': 'x', 'qos_overrides./tf.publisher.depth': 5}
    assert overrides('/ns/you', *args) == expected
    assert overrides('/me', *args) == {**expected, 'd': True}
    assert overrides('/me', '-p', 'a:=1', '-p', 'a:=2') == {'a': 2}
    assert overrides('/me', '-p', 'a:=1', own=('-p', 'a:=2')) == {'a': 2}


FILE = """
/**:
  ros__parameters:
    everywhere: 1
    nested: {deep: {er: 2.5}, 'quoted.name': yes}
/*:
  ros__parameters: {root_only: 1}
/ns/*:
  ros__parameters: {in_ns: [1, 2]}
/ns:
  camera:
    ros__parameters:
      everywhere: 3
      text: '5'
  '**/lidar':
    ros__parameters: {any_lidar: true}
bare:
  ros__parameters: {bare: 1}
"""


def test_parameter_files(tmp_path):
    path = tmp_path / 'params.yaml'
    path.write_text(FILE)
    everywhere = {'everywhere': 1, 'nested.deep.er': 2.5, 'nested.quoted.name': True}
    args = ('--params-file', str(path))
    assert overrides('/other', *args) == {**everywhere, 'root_only': 1}
    assert overrides('/a/b/other', *args) == everywhere
    assert overrides('/bare', *args) == {**everywhere, 'root_only': 1, 'bare': 1}
    assert overrides('/ns/camera', *args) == {**everywhere, 'in_ns': [1, 2], 'everywhere': 3, 'text': '5'}
    assert overrides('/ns/x/y/lidar', *args) == {**everywhere, 'any_lidar': True}
    assert overrides('/ns/lidar', *args) == {**everywhere, 'in_ns': [1, 2], 'any_lidar': True}


def test_several_parameter_files(tmp_path):
    first, second = tmp_path / 'first.yaml', tmp_path / 'second.yaml'
    first.write_text('/**: {ros__parameters: {a: 1, b: 1}}\n/me: {ros__parameters: {c: 1}}')
    second.write_text('/**: {ros__parameters: {b: 2, c: 2}}')
    args = ('--params-file', str(first), '--params-file', str(second), '-p', 'a:=3')
    # A pattern keeps the place where it appeared first, so /me still wins over the later /**.
    assert overrides('/me', *args) == {'a': 3, 'b': 2, 'c': 1}
    assert overrides('/you', *args) == {'a': 3, 'b': 2, 'c': 2}


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        ('just text', 'names of nodes'),
        ('ros__parameters: {a: 1}', 'no name of a node'),
        ('/me: {a: 1}', 'names of nodes'),
        ('/me: {ros__parameters: 3}', 'names of parameters'),
        ('/me: {ros__parameters: {a: }}', 'no value'),
        ('/me: {ros__parameters: {a: [1, x]}}', 'one type'),
        ('/me: {ros__parameters: {a: [[1]]}}', 'list of lists'),
        ('/a-b: {ros__parameters: {a: 1}}', "'a-b' is neither"),
        ('/a//b: {ros__parameters: {a: 1}}', 'repeated'),
        ('/me: &x {ros__parameters: {a: 1}}\n/you: *x', 'aliases'),
        ('/me: [', 'not valid YAML'),
    ],
)
def test_bad_parameter_files(tmp_path, content, words):
    path = tmp_path / 'params.yaml'
    path.write_text(content)
    with pytest.raises(RCLInvalidROSArgsError, match=words) as error:
        parse_arguments(['--ros-args', '--params-file', str(path)])
    assert str(path) in str(error.value)


def test_a_missing_parameter_file(tmp_path):
    with pytest.raises(RCLError, match='No such file'):
        parse_arguments(['--ros-args', '--params-file', str(tmp_path / 'none.yaml')])


def test_an_empty_parameter_file(tmp_path):
    path = tmp_path / 'params.yaml'
    path.write_text('# nothing yet\n')
    assert overrides('/me', '--params-file', str(path)) == {}


def test_names_of_nodes_and_namespaces_are_remapped():
    arguments = for_node('-r', '__node:=new', '-r', '__ns:=/robot/arm')
    assert arguments.node_name('old') == 'new'
    assert arguments.namespace('new', '/') == '/robot/arm'
    assert for_node('-r', '__ns:=/').namespace('me', '/a') == '/'
    arguments = for_node('-r', 'a:__name:=b', '--remap', 'b:__ns:=/ns')
    assert arguments.node_name('a') == 'b'
    assert arguments.node_name('c') == 'c'
    assert arguments.namespace('b', '/') == '/ns'
    assert arguments.namespace('c', '/') == '/'
    # The node's own arguments win.
    assert for_node('-r', '__node:=x', own=('-r', '__node:=y')).node_name('z') == 'y'


@pytest.mark.parametrize(
    ('rule', 'name', 'topic', 'service'),
    [
        ('a:=b', '/ns/a', '/ns/b', '/ns/b'),
        ('a:=b', '/a', '/a', '/a'),
        ('/a:=/b/c', '/a', '/b/c', '/b/c'),
        ('/ns/a:=~/b', '/ns/a', '/ns/me/b', '/ns/me/b'),
        ('~/a:=/b', '/ns/me/a', '/b', '/b'),
        ('rostopic://a:=b', '/ns/a', '/ns/b', '/ns/a'),
        ('rosservice:///a:=/b', '/a', '/a', '/b'),
        ('me:a:=b', '/ns/a', '/ns/b', '/ns/b'),
        ('you:a:=b', '/ns/a', '/ns/a', '/ns/a'),
        ('me:rostopic://~/a:=b', '/ns/me/a', '/ns/b', '/ns/me/a'),
    ],
)
def test_topics_and_services_are_remapped(rule, name, topic, service):
    arguments = for_node('-r', rule)
    assert arguments.resolve(name, 'me', '/ns', 'topic') == topic
    assert arguments.resolve(name, 'me', '/ns', 'service') == service


def test_the_first_matching_rule_counts():
    arguments = for_node('-r', 'a:=b', '-r', 'a:=c', '-r', 'b:=d')
    assert arguments.resolve('/a', 'me', '/', 'topic') == '/b'


@pytest.mark.parametrize(
    'rule',
    [
        *('', 'a', 'a:=', ':=b', 'a:=b:=c', 'a b:=c', '*:=b', '/a/:=b', '1:=2'),
        *('__ns:=relative', '__ns:=/a/', '__node:=a/b'),
    ],
)
def test_bad_remap_rules(rule):
    with pytest.raises(RCLInvalidROSArgsError, match='cannot read'):
        parse_arguments(['--ros-args', '-r', rule])


def test_log_levels():
    arguments = parse_arguments(['--ros-args', '--log-level', 'warn', '--log-level', 'my.logger:=DEBUG'])
    assert arguments.log_levels == {'': LoggingSeverity.WARN, 'my.logger': LoggingSeverity.DEBUG}
    for bad in ('loud', 'logger:=loud', ':=debug', ''):
        with pytest.raises(RCLInvalidROSArgsError, match='cannot read'):
            parse_arguments(['--ros-args', '--log-level', bad])


def test_log_outputs():
    arguments = parse_arguments(['--ros-args', '--disable-stdout-logs', '--disable-rosout-logs', '-e', '/enclave'])
    assert arguments.logs == {'stdout': False, 'rosout': False, 'external-lib': True}
    assert not NodeArguments(parse_arguments([]), arguments).rosout_enabled


def test_bad_flags():
    with pytest.raises(UnknownROSArgsError, match=r"\['--what', 'else'\]"):
        parse_arguments(['--ros-args', '--what', 'else', '-p', 'a:=1'])
    with pytest.raises(RCLInvalidROSArgsError, match="'-p' is the last argument"):
        parse_arguments(['--ros-args', '-p'])
    for bad in ('a', 'a:=', ':=1', 'a b:=1', 'a-b:=1', '*:=1'):
        with pytest.raises(RCLInvalidROSArgsError, match='cannot read'):
            parse_arguments(['--ros-args', '-p', bad])
