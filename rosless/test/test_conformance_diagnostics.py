# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""diagnostic_updater, on rosless and on ROS 2 alike."""

import time

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from diagnostic_updater import (
    CompositeDiagnosticTask,
    DiagnosedPublisher,
    DiagnosticStatusWrapper,
    DiagnosticTask,
    FrequencyStatus,
    FrequencyStatusParam,
    FunctionDiagnosticTask,
    HeaderlessTopicDiagnostic,
    Heartbeat,
    TimeStampStatus,
    TimeStampStatusParam,
    TopicDiagnostic,
    Updater,
)
from rclpy.parameter import Parameter
from rclpy.time import Time
from ros_helpers import spin_until
from std_msgs.msg import Header

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def values(status):
    return {value.key: value.value for value in status.values}


class Fixed(DiagnosticTask):
    """A task that always says the same."""

    def __init__(self, name, level, message):
        super().__init__(name)
        self._level, self._message = level, message

    def run(self, stat):
        stat.summary(self._level, self._message)
        stat.add(self.name, 'value')
        return stat


@pytest.fixture
def listen(make_node, executor):
    """Waits for statuses on /diagnostics that satisfy a condition and returns them by name."""
    received = []
    make_node('listener').create_subscription(DiagnosticArray, '/diagnostics', received.append, 10)

    def wait(condition):
        def find():
            for array in received:
                statuses = {status.name: status for status in array.status}
                if condition(statuses):
                    return array, statuses
            return None

        return spin_until(executor, find)

    return wait


def test_status():
    status = DiagnosticStatusWrapper()
    status.summary(WARN, 'warm')
    assert (status.level, status.message) == (WARN, 'warm')
    status.add('temperature', '80')
    assert values(status) == {'temperature': '80'}
    other = DiagnosticStatusWrapper()
    other.summary(status)
    assert (other.level, other.message) == (WARN, 'warm')
    other.clearSummary()
    assert (other.level, other.message) == (OK, '')
    assert isinstance(status, DiagnosticStatus)


@pytest.mark.parametrize(
    ('first', 'second', 'merged'),
    [
        ((OK, 'a'), (OK, 'b'), (OK, 'a; b')),
        ((OK, ''), (OK, 'b'), (OK, 'b')),
        ((OK, 'a'), (WARN, 'b'), (WARN, 'b')),
        ((WARN, 'a'), (OK, 'b'), (WARN, 'a')),
        ((WARN, 'a'), (ERROR, 'b'), (ERROR, 'a; b')),
        ((ERROR, 'a'), (WARN, 'b'), (ERROR, 'a; b')),
    ],
)
def test_merging(first, second, merged):
    status = DiagnosticStatusWrapper()
    status.summary(*first)
    status.mergeSummary(*second)
    assert (status.level, status.message) == merged


def test_tasks():
    task = FunctionDiagnosticTask('doubled', lambda stat: stat)
    status = DiagnosticStatusWrapper()
    assert task.getName() == 'doubled'
    assert task.run(status) is status
    assert (Heartbeat().run(status).level, status.message) == (OK, 'Alive')


def test_composite():
    composite = CompositeDiagnosticTask('all')
    composite.addTask(Fixed('one', OK, 'fine'))
    composite.addTask(Fixed('two', ERROR, 'broken'))
    composite.addTask(Fixed('three', WARN, 'slow'))
    status = composite.run(DiagnosticStatusWrapper())
    assert (status.level, status.message) == (ERROR, 'broken; slow')
    assert list(values(status)) == ['one', 'two', 'three']


def test_frequency():
    bounds = {'min': 10.0, 'max': 100.0}
    task = FrequencyStatus(FrequencyStatusParam(bounds, 0.1, 1))
    assert (task.run(DiagnosticStatusWrapper()).level, task.getName()) == (ERROR, 'FrequencyStatus')
    for _ in range(5):
        task.tick()
        time.sleep(0.02)
    status = task.run(DiagnosticStatusWrapper())
    assert (status.level, status.message) == (OK, 'Desired frequency met')
    assert values(status)['Events in window'] == '5'
    assert 10 < float(values(status)['Actual frequency (Hz)']) < 100
    assert float(values(status)['Minimum acceptable frequency (Hz)']) == pytest.approx(9.0)
    task.tick()
    time.sleep(0.2)
    status = task.run(DiagnosticStatusWrapper())
    assert (status.level, status.message) == (WARN, 'Frequency too low.')
    assert values(status)['Events since startup'] == '6'
    for _ in range(1000):
        task.tick()
    time.sleep(0.01)
    assert task.run(DiagnosticStatusWrapper()).message == 'Frequency too high.'
    task.clear()
    assert values(task.run(DiagnosticStatusWrapper()))['Events since startup'] == '0'


def test_stamps():
    task = TimeStampStatus(TimeStampStatusParam(min_acceptable=-1, max_acceptable=5))
    assert (task.run(DiagnosticStatusWrapper()).level, task.getName()) == (WARN, 'Timestamp Status')
    task.tick(time.time())
    task.tick(Time(nanoseconds=time.time_ns() - 1_000_000_000))
    status = task.run(DiagnosticStatusWrapper())
    assert (status.level, status.message) == (OK, 'Timestamps are reasonable.')
    assert float(values(status)['Latest timestamp delay:']) == pytest.approx(1.0, abs=0.5)
    assert float(values(status)['Earliest timestamp delay:']) == pytest.approx(0.0, abs=0.5)
    for stamp, message, key in (
        (time.time() - 10, 'Timestamps too far in past seen.', 'Late diagnostic update count:'),
        (time.time() + 10, 'Timestamps too far in future seen.', 'Early diagnostic update count:'),
    ):
        task.tick(stamp)
        status = task.run(DiagnosticStatusWrapper())
        assert (status.level, status.message, values(status)[key]) == (ERROR, message, '1')
    task.tick(0.0)
    task.tick(time.time())
    assert task.run(DiagnosticStatusWrapper()).message == 'Zero timestamp seen.'
    assert task.run(DiagnosticStatusWrapper()).message == 'No data since last update.'


def test_updater(make_node, listen):
    node = make_node('watched', namespace='robot')
    updater = Updater(node, period=0.05)
    updater.setHardwareID('camera 7')
    updater.add('temperature', lambda stat: Fixed('t', WARN, 'warm').run(stat))
    updater.add(Heartbeat())
    assert (updater.period, updater.timer.timer_period_ns) == (0.05, 50_000_000)
    array, statuses = listen(lambda statuses: len(statuses) == 2)
    assert set(statuses) == {'watched: temperature', 'watched: Heartbeat'}
    status = statuses['watched: temperature']
    assert (status.level, status.message, status.hardware_id) == (WARN, 'warm', 'camera 7')
    assert values(status) == {'t': 'value'}
    assert abs(Time.from_msg(array.header.stamp).nanoseconds - time.time_ns()) < 10e9
    assert updater.removeByName('temperature')
    assert not updater.removeByName('temperature')
    listen(
        lambda statuses: set(statuses) == {'watched: Heartbeat'} and statuses['watched: Heartbeat'].message == 'Alive'
    )


def test_period_and_name_from_parameters(make_node, listen):
    overrides = [
        Parameter('diagnostic_updater.period', value=0.03),
        Parameter('diagnostic_updater.use_fqn', value=True),
    ]
    updater = Updater(make_node('watched', namespace='robot', parameter_overrides=overrides))
    assert updater.period == 0.03
    updater.add(Heartbeat())
    listen(lambda statuses: '/robot/watched: Heartbeat' in statuses)


def test_messages_at_once(make_node, listen):
    updater = Updater(make_node('watched'), period=100.0)
    updater.add(Fixed('one', ERROR, 'broken'))
    updater.force_update()
    listen(lambda statuses: statuses.get('watched: one') and statuses['watched: one'].message == 'broken')
    updater.broadcast(WARN, 'going down')
    listen(lambda statuses: statuses.get('watched: one') and statuses['watched: one'].message == 'going down')


def test_topics(make_node, listen):
    node = make_node('watched')
    updater = Updater(node, period=100.0)
    frequency, stamp = FrequencyStatusParam({'min': 1.0}), TimeStampStatusParam()
    HeaderlessTopicDiagnostic('plain', updater, frequency).tick()
    TopicDiagnostic('stamped', updater, frequency, stamp).tick(time.time())

    from diagnostic_msgs.msg import DiagnosticArray as Stamped

    publisher = DiagnosedPublisher(node.create_publisher(Stamped, 'sent', 1), updater, frequency, stamp)
    publisher.publish(Stamped(header=Header(stamp=node.get_clock().now().to_msg())))
    updater.force_update()
    _, statuses = listen(lambda statuses: len(statuses) == 3)
    assert {status.level for status in statuses.values()} == {OK}
    assert set(statuses) == {f'watched: {name} topic status' for name in ('plain', 'stamped', '/sent')}
    assert 'Earliest timestamp delay:' in values(statuses['watched: /sent topic status'])
