# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import re
import sys

import pytest
import rclpy.logging
from rclpy.clock import ROSClock
from rclpy.clock_type import ClockType
from rclpy.impl.logging_output import log_output
from rclpy.logging import LoggingSeverity, get_logger
from rclpy.time import Time


@pytest.fixture(autouse=True)
def fresh_levels(monkeypatch):
    for name in ('CONSOLE_OUTPUT_FORMAT', 'COLORIZED_OUTPUT', 'LOGGING_USE_STDOUT'):
        monkeypatch.delenv(f'RCUTILS_{name}', raising=False)
    rclpy.logging.clear_config()
    yield
    monkeypatch.undo()
    rclpy.logging.clear_config()


def test_console_line(capsys):
    assert get_logger('here').info('a {message}') is True
    assert re.fullmatch(r'\[INFO\] \[\d{10}\.\d{9}\] \[here\]: a \{message\}\n', capsys.readouterr().err)


def test_levels_are_inherited_along_dots(capsys):
    parent = get_logger('parent')
    child = parent.get_child('child')
    assert child.name == 'parent.child'
    assert child.get_effective_level() is LoggingSeverity.INFO
    assert child.debug('hidden') is False
    parent.set_level(LoggingSeverity.DEBUG)
    assert child.is_enabled_for(LoggingSeverity.DEBUG)
    child.debug('shown')
    child.set_level(LoggingSeverity.FATAL)
    child.error('hidden')
    child.fatal('shown too')
    assert not get_logger('parents').is_enabled_for(LoggingSeverity.DEBUG)
    rclpy.logging.set_logger_level('', LoggingSeverity.ERROR)
    assert get_logger('other').get_effective_level() is LoggingSeverity.ERROR
    assert rclpy.logging.get_logger_level('other') is LoggingSeverity.UNSET
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(': ')[1] for line in lines] == ['shown', 'shown too']


def test_format_and_stream_of_the_environment(monkeypatch, capsys):
    tokens = '{severity}|{name}|{message}|{function_name}|{line_number}|{unknown}|{time_as_nanoseconds}'
    monkeypatch.setenv('RCUTILS_CONSOLE_OUTPUT_FORMAT', tokens + r'|{date_time_with_ms}|{file_name}\t!')
    monkeypatch.setenv('RCUTILS_LOGGING_USE_STDOUT', '1')
    monkeypatch.setenv('RCUTILS_COLORIZED_OUTPUT', '1')
    rclpy.logging.initialize()
    line_number = sys._getframe().f_lineno + 1
    get_logger('me').warning('look')
    captured = capsys.readouterr()
    assert captured.err == ''
    function = 'test_format_and_stream_of_the_environment'
    pattern = (
        rf'\x1b\[33mWARN\|me\|look\|{function}\|{line_number}\|\{{unknown\}}\|\d{{19}}'
        rf'\|\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{{3}}\|{re.escape(__file__)}\t!\x1b\[0m\n'
    )
    assert re.fullmatch(pattern, captured.out)


def test_a_wrong_switch_in_the_environment(monkeypatch):
    monkeypatch.setenv('RCUTILS_COLORIZED_OUTPUT', 'yes')
    with pytest.raises(ValueError, match="RCUTILS_COLORIZED_OUTPUT is 'yes'"):
        rclpy.logging.initialize()


def test_once_and_skip_first():
    logger = get_logger('filters')
    assert [logger.info('once', once=True) for _ in range(3)] == [True, False, False]
    assert [logger.info('skip', skip_first=True) for _ in range(3)] == [False, True, True]
    # Each line of code has its own memory.
    assert logger.info('once', once=True) is True


def test_throttle():
    clock = ROSClock()
    clock._set_ros_time_is_active(True)
    logger = get_logger('throttled')
    passed = []
    for seconds in (10, 10.5, 11, 11.9, 12, 3, 3.5):
        clock.set_ros_time_override(Time(seconds=seconds, clock_type=ClockType.ROS_TIME))
        if logger.info('x', throttle_duration_sec=1, throttle_time_source_type=clock):
            passed.append(seconds)
    # Time that is set back begins anew.
    assert passed == [10, 11, 12, 3]


def test_a_message_below_the_level_is_not_filtered():
    logger = get_logger('quiet')
    outcomes = []
    for level in (LoggingSeverity.INFO, LoggingSeverity.DEBUG):
        logger.set_level(level)
        outcomes.append(logger.debug('first', once=True))
    assert outcomes == [False, True]


def test_bad_calls():
    logger = get_logger('bad')
    with pytest.raises(TypeError, match='must be a str, got int'):
        logger.info(3)
    with pytest.raises(TypeError, match="'twice' is not a logging option"):
        logger.info('x', twice=True)
    with pytest.raises(TypeError, match="'throttle_duration_sec' is missing"):
        logger.info('x', throttle_time_source_type=ROSClock())
    with pytest.raises(ValueError, match='must be a clock'):
        logger.info('x', throttle_duration_sec=1, throttle_time_source_type='SYSTEM_TIME')
    with pytest.raises(ValueError, match='severity cannot be changed'):
        for severity in (LoggingSeverity.INFO, LoggingSeverity.WARN):
            logger.log('x', severity)
    with pytest.raises(ValueError, match='filters'):
        for duration in (1, 2):
            logger.info('x', throttle_duration_sec=duration)
    with pytest.raises(ValueError, match='empty'):
        get_logger('')
    with pytest.raises(ValueError, match='empty'):
        logger.get_child('')
    with pytest.raises(ValueError, match='17'):
        logger.set_level(17)


def test_severities_by_name():
    assert rclpy.logging.get_logging_severity_from_string('warn') is LoggingSeverity.WARN
    with pytest.raises(RuntimeError, match="'loud'"):
        rclpy.logging.get_logging_severity_from_string('loud')


def test_listeners_hear_a_logger_and_its_children():
    heard = []
    listener = heard.append
    log_output.add_listener('talker', listener)
    try:
        get_logger('talker').info('one')
        get_logger('talker.child').warning('two')
        get_logger('talkers').info('three')
    finally:
        log_output.remove_listener('talker', listener)
    get_logger('talker').info('four')
    assert [(record.name, record.message) for record in heard] == [('talker', 'one'), ('talker.child', 'two')]
    assert heard[0].function == 'test_listeners_hear_a_logger_and_its_children'
    assert heard[0].file == __file__
