# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The command, with nodes in other processes. Expected output is what `ros2` prints in the same situation."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticStatus
from ros_helpers import NODES, Process
from sensor_msgs.msg import CameraInfo, Image
from typer.testing import CliRunner

from rosless import interfaces
from rosless.command import app
from rosless.command.formatting import Shortening, to_csv, to_text, to_yaml

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope='module', autouse=True)
def nodes():
    """A talker and a lifecycle node."""
    processes = [
        Process('talker.py', '--ros-args', '-r', '__ns:=/robot'),
        Process('managed.py'),
    ]
    processes[0].wait_for('ready')
    yield
    for process in processes:
        process.stop()


def rosless(*args, code=0):
    """Run the command here and return what it wrote."""
    result = CliRunner().invoke(app, list(args))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


class Running:
    """The command in a process of its own."""

    def __init__(self, *args, stdin=None):
        self._popen = subprocess.Popen(
            [sys.executable, '-m', 'rosless', *args],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=CHECKOUT,
            env={**os.environ, 'PYTHONUNBUFFERED': '1'},
        )

    def read_until(self, pattern):
        """Read lines up to one that matches, and return them all."""
        lines = []
        while not lines or not re.search(pattern, lines[-1]):
            line = self._popen.stdout.readline()
            assert line, ''.join(lines)
            lines.append(line)
        return ''.join(lines)

    def interrupt(self):
        """Press Ctrl-C and return the rest of the output."""
        self._popen.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self):
        output, _ = self._popen.communicate(timeout=20)
        assert self._popen.returncode == 0, output
        return output


def test_topic_list():
    topics = rosless('topic', 'list', '-t').splitlines()
    assert '/robot/chatter [std_msgs/msg/String]' in topics
    assert '/managed/transition_event [lifecycle_msgs/msg/TransitionEvent]' in topics
    assert topics == sorted(topics)
    assert rosless('topic', 'list', '-c').strip() == str(len(topics))
    verbose = rosless('topic', 'list', '-v')
    assert ' * /robot/chatter [std_msgs/msg/String] 1 publisher\n' in verbose
    assert verbose.startswith('Published topics:\n')
    assert '\n\nSubscribed topics:\n' in verbose


def test_topic_info():
    assert rosless('topic', 'info', '/robot/chatter') == (
        'Type: std_msgs/msg/String\nPublisher count: 1\nSubscription count: 0\n'
    )
    verbose = rosless('topic', 'info', '-v', 'robot/chatter')
    assert 'Node name: talker\nNode namespace: /robot\nTopic type: std_msgs/msg/String\n' in verbose
    assert '  Reliability: RELIABLE\n  History (Depth): KEEP_LAST (10)\n  Durability: VOLATILE\n' in verbose
    assert rosless('topic', 'info', '/nothing', code=1) == "Unknown topic '/nothing'\n"


def test_topic_type():
    assert rosless('topic', 'type', '/robot/chatter') == 'std_msgs/msg/String\n'


def test_topic_echo():
    assert rosless('topic', 'echo', '--once', '/robot/chatter') == 'data: hello\n---\n'
    assert rosless('topic', 'echo', '--once', '--field', 'data', '/robot/chatter') == 'hello\n---\n'
    assert rosless('topic', 'echo', '--once', '--csv', '/robot/chatter', 'std_msgs/msg/String') == 'hello\n'
    assert rosless('topic', 'echo', '--once', '--no-str', '/robot/chatter') == "data: '<string length: <5>>'\n---\n"
    assert 'String has no field text' in rosless('topic', 'echo', '--once', '--field', 'text', '/robot/chatter', code=1)


def test_topic_echo_of_what_is_not_there():
    assert rosless('topic', 'echo', '--spin-time', '0.2', '/nothing', code=1) == (
        'WARNING: topic [/nothing] does not appear to be published yet\n'
        'Could not determine the type for the passed topic\n'
    )
    assert 'no message std_msgs/msg/Strong' in rosless('topic', 'echo', '/nothing', 'std_msgs/msg/Strong', code=1)
    assert 'must not start with a number' in rosless('topic', 'echo', '/1', 'std_msgs/msg/String', code=1)
    start = time.monotonic()
    assert rosless('topic', 'echo', '--timeout', '0.3', '/nothing', 'std_msgs/msg/String') == ''
    assert time.monotonic() - start < 5


def test_topic_echo_until_interrupted():
    echo = Running('topic', 'echo', '/robot/chatter')
    echo.read_until('---')
    assert set(echo.interrupt().splitlines()) <= {'data: hello', '---'}


def test_topic_hz():
    rate = Running('topic', 'hz', '/robot/chatter')
    text = rate.read_until('window')
    assert 10 < float(re.search(r'average rate: ([\d.]+)\n', text)[1]) < 40
    assert re.search(r'\tmin: [\d.]+s max: [\d.]+s std dev: [\d.]+s window: \d+\n', text)
    rate.interrupt()


def test_topic_bw():
    bandwidth = Running('topic', 'bw', '/robot/chatter')
    text = bandwidth.read_until('mean')
    assert re.search(r'^Subscribed to \[/robot/chatter\]\n\d+ B/s from \d+ messages\n', text)
    assert '\tMessage size mean: 16 B min: 16 B max: 16 B\n' in text
    bandwidth.interrupt()


def test_topic_pub():
    echo = Running('topic', 'echo', '/heard', 'std_msgs/msg/String')
    text = rosless('topic', 'pub', '-t', '3', '-r', '20', '/heard', 'std_msgs/msg/String', '{data: hey}')
    assert "publisher: beginning loop\npublishing #1: std_msgs.msg.String(data='hey')\n\npublishing #2" in text
    assert 'Waiting for at least 1 matching subscription(s)...\n' in text
    for _ in range(3):
        assert echo.read_until('---') == 'data: hey\n---\n'
    echo.interrupt()


def test_topic_pub_of_the_present_time():
    echo = Running('topic', 'echo', '--once', '--field', 'header', '/pose', 'geometry_msgs/msg/PoseStamped')
    values = '{header: auto, pose: {position: {x: 1}}}'
    rosless('topic', 'pub', '--once', '/pose', 'geometry_msgs/msg/PoseStamped', values)
    header = yaml.safe_load(echo.wait().removesuffix('---\n'))
    assert abs(header['stamp']['sec'] - time.time()) < 10


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (('std_msgs/msg/String', '{dat: 1}'), "std_msgs/msg/String has no field 'dat'; it has data"),
        (('std_msgs/msg/String', 'text'), 'needs to be a dictionary in YAML'),
        (('std_msgs/msg/String', '{data: ['), 'the values are no YAML'),
        (('std_msgs/msg/String', '--rate', '0'), 'the rate must be greater than zero, got 0.0'),
        (('std_msgs/msg/String', '-1', '--max-wait-time-secs', '0.1'), 'Timed out waiting for subscribers: expected 1'),
    ],
)
def test_topic_pub_of_what_cannot_be(args, message):
    assert message in rosless('topic', 'pub', '/unheard', *args, code=1)


def test_node_list():
    assert {'/managed', '/robot/talker'} <= set(rosless('node', 'list').splitlines())
    everyone = rosless('node', 'list', '--all').splitlines()
    assert any(name.startswith('/_rosless') for name in everyone)


def test_node_info():
    text = rosless('node', 'info', '/robot/talker')
    assert text.startswith('/robot/talker\n  Subscribers:\n\n  Publishers:\n    /parameter_events: rcl_interfaces/msg/')
    assert '    /robot/chatter: std_msgs/msg/String\n' in text
    assert '  Service Servers:\n' in text
    assert '    /robot/talker/mute: std_srvs/srv/SetBool\n' in text
    assert text.endswith('  Service Clients:\n\n  Action Servers:\n\n  Action Clients:\n\n')
    assert rosless('node', 'info', '--spin-time', '0.2', 'other', code=1) == "Unable to find node '/other'\n"


def test_param_list():
    text = rosless('param', 'list', '/robot/talker', '--param-type')
    assert '  limits.low (type: integer)\n  rate (type: double)\n' in text
    assert rosless('param', 'list', '/robot/talker', '--filter', '^te') == '  text\n'
    assert rosless('param', 'list', '/robot/talker', '--param-prefixes', 'limits') == '  limits.low\n'
    everyone = rosless('param', 'list')
    assert '/managed:\n  configure\n' in everyone
    assert '/robot/talker:\n  limits.low\n' in everyone


def test_param_get():
    assert rosless('param', 'get', '/robot/talker', 'text') == 'String value is: hello\n'
    assert rosless('param', 'get', '/robot/talker', 'limits.low') == 'Integer value is: 1\n'
    assert rosless('param', 'get', '/robot/talker', 'use_sim_time') == 'Boolean value is: False\n'
    assert rosless('param', 'get', '--hide-type', '/robot/talker', 'rate') == '20.0\n'
    assert rosless('param', 'get', '/robot/talker', 'nothing', code=1) == 'Parameter not set\n'
    assert rosless('param', 'get', '--spin-time', '0.2', '/nothing', 'rate', code=1) == 'Node not found\n'


def test_param_set():
    assert rosless('param', 'set', '/robot/talker', 'limits.low', '-5') == 'Set parameter successful\n'
    assert rosless('param', 'get', '/robot/talker', 'limits.low') == 'Integer value is: -5\n'
    assert rosless('param', 'set', '/robot/talker', 'limits.low', '1') == 'Set parameter successful\n'
    out_of_range = rosless('param', 'set', '/robot/talker', 'rate', '1000.0', code=1)
    assert out_of_range.startswith('Setting parameter failed: Parameter rate out of range')
    assert 'undeclared' in rosless('param', 'set', '/robot/talker', 'nothing', '1', code=1)
    assert 'Deleting parameter failed' in rosless('param', 'delete', '/robot/talker', 'text', code=1)


def test_param_describe():
    assert rosless('param', 'describe', '/robot/talker', 'rate') == (
        'Parameter name: rate\n  Type: double\n  Constraints:\n    Min value: 1.0\n    Max value: 100.0\n'
    )


def test_param_dump_and_load(tmp_path):
    text = rosless('param', 'dump', '/robot/talker')
    parameters = yaml.safe_load(text)['/robot/talker']['ros__parameters']
    assert parameters['limits'] == {'low': 1}
    assert (parameters['rate'], parameters['text']) == (20.0, 'hello')
    file = tmp_path / 'parameters.yaml'
    file.write_text('/robot/talker:\n  ros__parameters: {text: loaded, limits: {low: 7}}\n')
    assert rosless('param', 'load', '/robot/talker', str(file)) == (
        'Set parameter text successful\nSet parameter limits.low successful\n'
    )
    assert rosless('param', 'get', '/robot/talker', 'text') == 'String value is: loaded\n'
    file.write_text(text)
    rosless('param', 'load', '/robot/talker', str(file))
    assert rosless('param', 'get', '/robot/talker', 'text') == 'String value is: hello\n'
    file.write_text('/robot/talker:\n  ros__parameters: {rate: 1000.0}\n')
    assert 'Set parameter rate failed: ' in rosless('param', 'load', '/robot/talker', str(file), code=1)
    assert 'cannot be loaded' in rosless('param', 'load', '/robot/talker', str(tmp_path / 'none.yaml'), code=1)


def test_service_list():
    services = rosless('service', 'list', '-t').splitlines()
    assert '/robot/talker/mute [std_srvs/srv/SetBool]' in services
    assert '/managed/change_state [lifecycle_msgs/srv/ChangeState]' in services
    assert rosless('service', 'type', '/robot/talker/mute') == 'std_srvs/srv/SetBool\n'
    assert rosless('service', 'type', '--spin-time', '0.2', '/nothing', code=1) == "Unknown service '/nothing'\n"


def test_service_call():
    assert rosless('service', 'call', '/robot/talker/mute', 'std_srvs/srv/SetBool', '{data: false}') == (
        'requester: making request: std_srvs.srv.SetBool_Request(data=False)\n\n'
        "response:\nstd_srvs.srv.SetBool_Response(success=True, message='muted: False')\n\n"
    )
    wrong = rosless('service', 'call', '/robot/talker/mute', 'std_srvs/srv/SetBool', '{dat: 1}', code=1)
    assert "has no field 'dat'" in wrong
    assert 'is a message, not a service' in rosless('service', 'call', '/a', 'std_msgs/msg/String', code=1)
    missing = rosless('service', 'call', '/nothing', 'std_srvs/srv/Trigger', '--timeout', '0.2', code=1)
    assert 'waiting for service to become available...\n' in missing
    assert 'the service /nothing did not appear within 0.2 s\n' in missing


def test_lifecycle():
    assert rosless('lifecycle', 'nodes') == '/managed\n'
    assert rosless('lifecycle', 'get') == '/managed: unconfigured [1]\n'
    assert rosless('lifecycle', 'list', '/managed') == (
        '- configure [1]\n\tStart: unconfigured\n\tGoal: configuring\n'
        '- shutdown [5]\n\tStart: unconfigured\n\tGoal: shuttingdown\n'
    )
    assert rosless('lifecycle', 'set', '/managed', 'configure') == 'Transitioning successful\n'
    assert rosless('lifecycle', 'get', 'managed') == 'inactive [2]\n'
    assert rosless('lifecycle', 'set', '/managed', '3') == 'Transitioning successful\n'
    assert rosless('lifecycle', 'set', '/managed', 'configure', code=1) == (
        'Unknown transition requested, available ones are:\n- deactivate [4]\n- shutdown [7]\n'
    )
    assert rosless('lifecycle', 'set', '--spin-time', '0.2', '/robot/talker', 'configure', code=1) == 'Node not found\n'
    assert '- activate [3]\n\tStart: inactive\n' in rosless('lifecycle', 'list', '--all', '/managed')


def test_run():
    node = Running('run', str(NODES / 'talker.py'), '--ros-args', '-r', '__node:=runner', '-p', 'text:=ran')
    assert 'runner' in node.read_until('ready')
    assert rosless('param', 'get', '/runner', 'text') == 'String value is: ran\n'
    node.interrupt()
    assert rosless('run', 'missing.py', code=1) == 'there is no file missing.py\n'


def test_run_module(tmp_path):
    (tmp_path / 'some_module.py').write_text('import sys\nfrom std_msgs.msg import String\nprint(sys.argv, __name__)\n')
    command = [sys.executable, '-m', 'rosless', 'run', '-m', 'some_module', '--help', '-x']
    environment = {**os.environ, 'PYTHONPATH': str(CHECKOUT)}
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env=environment)
    assert result.stdout == f"[{str(tmp_path / 'some_module.py')!r}, '--help', '-x'] __main__\n"


def test_ros_2_is_preferred(tmp_path):
    (tmp_path / 'rclpy').mkdir()
    (tmp_path / 'rclpy' / '__init__.py').write_text('')
    (tmp_path / 'rclpy' / 'executors.py').write_text('class ExternalShutdownException(Exception): pass\n')
    (tmp_path / 'rclpy' / 'node.py').write_text('class Node: pass\n')
    command = [sys.executable, '-m', 'rosless', 'node', 'list']
    environment = {**os.environ, 'PYTHONPATH': f'{tmp_path}{os.pathsep}{CHECKOUT}'}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (result.returncode, result.stderr) == (
        1,
        'ROS 2 is installed here; use its command ros2 instead of rosless\n',
    )


def test_output_that_nobody_reads():
    command = f'{sys.executable} -m rosless topic echo /robot/chatter | head -n 1'
    result = subprocess.run(command, shell=True, cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=20)
    assert (result.stdout, result.stderr) == ('data: hello\n', '')


def test_long_messages_are_shortened():
    info = CameraInfo(d=[0.5, 1.5, 2.5], distortion_model='plumb_bob')
    text = to_yaml(info, Shortening(2, no_strings=True))
    assert "distortion_model: '<string length: <9>>'\nd:\n- 0.5\n- 1.5\n- '...'\nk:\n- 0.0\n- 0.0\n- '...'\n" in text
    text = to_yaml(info, Shortening(no_arrays=True), flow_style=True)
    assert "d: '<sequence type: double, length: 3>'\nk: '<array type: double[9]>'\n" in text
    assert text.startswith("header:\n  stamp:\n    sec: 0\n    nanosec: 0\n  frame_id: ''\nheight: 0\n")
    image = interfaces.deserialize(interfaces.serialize(Image(height=2, data=bytes(4))), Image)
    assert to_yaml(image, Shortening(2), flow_style=True).endswith("step: 0\ndata: [0, 0, '...']\n")
    assert to_csv(image, Shortening(2)) == '0,0,,2,0,,0,0,0,0,...'
    assert to_text(image.data, Shortening()) == "array('B', [0, 0, 0, 0])\n"
    assert to_yaml(DiagnosticStatus(level=b'\x02'), Shortening()).startswith('level: "\\x02"\n')
    assert to_csv(DiagnosticStatus(level=b'\n'), Shortening()) == "b'\\n',,,,"
