# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""When rosless supplies packages and when it keeps away; each in an interpreter of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


def run(code, *folders):
    """Run Python code with these folders first on its path and return what it printed."""
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(map(str, (*folders, CHECKOUT)))}
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.fixture
def installed(tmp_path):
    """Writes the `__init__.py` of a package into a folder for `run`."""

    def install(name, text):
        (tmp_path / name).mkdir()
        (tmp_path / name / '__init__.py').write_text(text)
        return tmp_path

    return install


def test_modules_have_the_names_of_the_real_ones():
    code = """
import rosless
rosless.activate()
import rclpy.node, tf2_ros, std_msgs.msg, std_srvs.srv
from rclpy.node import Node
print(Node.__module__, rclpy.node.Node is Node, std_msgs.msg.String.__module__, std_srvs.srv.Trigger.__name__)
"""
    assert run(code) == 'rclpy.node True std_msgs.msg Trigger'


def test_activating_twice_changes_nothing():
    code = 'import sys, rosless; rosless.activate(); before = list(sys.meta_path); rosless.activate()\n'
    assert run(code + 'print(before == sys.meta_path)') == 'True'


def test_an_installed_rclpy_is_left_alone(installed):
    folder = installed('rclpy', 'NAME = "real"\n')
    code = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout, format='%(message)s')
before = list(sys.meta_path)
import rosless
rosless.activate()
import rclpy
print(rclpy.NAME, before == sys.meta_path, 'numpy' in sys.modules)
"""
    log, result = run(code, folder).splitlines()
    assert log == f'rosless stays inactive: rclpy is installed in {folder}/rclpy/__init__.py'
    assert result == 'real True False'


def test_a_broken_rclpy_stays_an_error(installed):
    folder = installed('rclpy', 'raise ImportError("librcl.so is missing")\n')
    code = """
import rosless
rosless.activate()
try:
    import rclpy
except ImportError as error:
    print(error)
"""
    assert run(code, folder) == 'librcl.so is missing'


def test_packages_of_ros_1_are_hidden(installed):
    folder = installed('sensor_msgs', 'NAME = "ROS 1"\n')
    code = """
import rosless
rosless.activate()
import sensor_msgs
from sensor_msgs.msg import Image
print(hasattr(sensor_msgs, 'NAME'), Image.__module__)
"""
    assert run(code, folder) == 'False sensor_msgs.msg'


def test_other_packages_are_not_touched(installed):
    folder = installed('some_msgs', 'NAME = "own"\n')
    code = """
import rosless
rosless.activate()
import some_msgs
try:
    import some_msgs.msg
except ModuleNotFoundError as error:
    print(some_msgs.NAME, error.name)
"""
    assert run(code, folder) == 'own some_msgs.msg'


def test_pytest_plugin(tmp_path):
    (tmp_path / 'test_it.py').write_text('from std_msgs.msg import String\ndef test_it(): assert String().data == ""\n')
    command = [sys.executable, '-m', 'pytest', '-q', '-p', 'rosless.pytest_plugin', str(tmp_path)]
    environment = {**os.environ, 'PYTHONPATH': str(CHECKOUT)}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
