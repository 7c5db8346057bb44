# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import gc
import threading
import time as python_time

import builtin_interfaces.msg
import pytest
from rclpy.clock import Clock, ClockChange, JumpThreshold, ROSClock
from rclpy.clock_type import ClockType
from rclpy.context import Context
from rclpy.duration import Duration, Infinite
from rclpy.exceptions import NotInitializedException
from rclpy.time import Time


def test_durations():
    assert Duration(seconds=1.5, nanoseconds=2).nanoseconds == 1_500_000_002
    assert Duration(seconds=-1) < Duration() < Duration(nanoseconds=1) <= Infinite
    assert Duration(seconds=1) == Duration(nanoseconds=10**9)
    assert Duration(seconds=1) != 1
    assert str(Infinite) == 'Infinite'
    assert str(Duration(nanoseconds=5)) == '5 nanoseconds'
    message = Duration(nanoseconds=-1).to_msg()
    assert (message.sec, message.nanosec) == (-1, 999_999_999)
    assert Duration.from_msg(message) == Duration(nanoseconds=-1)


def test_bad_durations():
    with pytest.raises(OverflowError):
        Duration(nanoseconds=2**63)
    with pytest.raises(TypeError, match='builtin_interfaces'):
        Duration.from_msg(builtin_interfaces.msg.Time())
    with pytest.raises(TypeError):
        hash(Duration())


def test_times():
    moment = Time(seconds=10, nanoseconds=5, clock_type=ClockType.ROS_TIME)
    assert moment.seconds_nanoseconds() == (10, 5)
    later = moment + Duration(seconds=1)
    assert later - moment == Duration(seconds=1)
    assert moment - later == Duration(seconds=-1)
    assert later - Duration(seconds=1) == moment
    assert later > moment
    assert later.clock_type is ClockType.ROS_TIME
    assert Time.from_msg(moment.to_msg()) == moment
    assert Time().clock_type is ClockType.SYSTEM_TIME


def test_bad_times():
    with pytest.raises(ValueError, match='seconds'):
        Time(seconds=-1)
    with pytest.raises(ValueError, match='nanoseconds'):
        Time(nanoseconds=-1)
    with pytest.raises(OverflowError):
        Time(nanoseconds=2**63)
    with pytest.raises(TypeError, match='ClockType'):
        Time(clock_type='ROS_TIME')
    with pytest.raises(ValueError, match='negative'):
        Time(seconds=1) - Duration(seconds=2)
    with pytest.raises(TypeError, match='builtin_interfaces'):
        Time.from_msg(3)
    with pytest.raises(TypeError):
        Time() + 1


@pytest.mark.parametrize('operation', ['__lt__', '__eq__', '__sub__', '__ge__'])
def test_times_of_different_clocks_do_not_mix(operation):
    with pytest.raises(TypeError, match='different clock types'):
        getattr(Time(clock_type=ClockType.ROS_TIME), operation)(Time(clock_type=ClockType.STEADY_TIME))


def test_clocks_show_their_kind_of_time():
    assert abs(Clock().now().nanoseconds - python_time.time_ns()) < 10**9
    assert abs(Clock(clock_type=ClockType.STEADY_TIME).now().nanoseconds - python_time.monotonic_ns()) < 10**9
    ros_clock = Clock(clock_type=ClockType.ROS_TIME)
    assert isinstance(ros_clock, ROSClock)
    assert ros_clock.now().clock_type is ClockType.ROS_TIME
    assert abs(ros_clock.now().nanoseconds - python_time.time_ns()) < 10**9
    with pytest.raises(TypeError):
        Clock(clock_type=2)


def ros_time(seconds):
    return Time(seconds=seconds, clock_type=ClockType.ROS_TIME)


def test_simulated_time():
    clock = ROSClock()
    clock.set_ros_time_override(ros_time(5))
    assert not clock.ros_time_is_active
    assert clock.now() > ros_time(1000)
    clock._set_ros_time_is_active(True)
    assert clock.ros_time_is_active
    assert clock.now() == ros_time(5)
    with pytest.raises(TypeError, match=r'rclpy\.time\.Time'):
        clock.set_ros_time_override(7)


def test_jump_callbacks():
    clock = ROSClock()
    events = []
    forward = clock.create_jump_callback(
        JumpThreshold(min_forward=Duration(seconds=2), min_backward=None, on_clock_change=False),
        pre_callback=lambda: events.append(('before', clock.now().nanoseconds)),
        post_callback=lambda jump: events.append(('forward', jump.delta.nanoseconds)),
    )
    backward = clock.create_jump_callback(
        JumpThreshold(min_forward=None, min_backward=Duration(seconds=-2), on_clock_change=True),
        post_callback=lambda jump: events.append((jump.clock_change, jump.delta.nanoseconds)),
    )
    clock._set_ros_time_is_active(True)
    clock.set_ros_time_override(ros_time(1.5))
    clock.set_ros_time_override(ros_time(4))
    clock.set_ros_time_override(ros_time(3))
    clock.set_ros_time_override(ros_time(1))
    clock._set_ros_time_is_active(False)
    assert events == [
        (ClockChange.ROS_TIME_ACTIVATED, 0),
        ('before', 1_500_000_000),
        ('forward', 2_500_000_000),
        (ClockChange.ROS_TIME_NO_CHANGE, -2_000_000_000),
        (ClockChange.ROS_TIME_DEACTIVATED, 0),
    ]
    forward.unregister()
    del backward
    gc.collect()
    events.clear()
    clock._set_ros_time_is_active(True)
    clock.set_ros_time_override(ros_time(100))
    assert events == []


def test_bad_jump_callbacks():
    with pytest.raises(ValueError, match='min_forward'):
        JumpThreshold(min_forward=Duration(), min_backward=None)
    with pytest.raises(ValueError, match='min_backward'):
        JumpThreshold(min_forward=None, min_backward=Duration(seconds=1))
    with pytest.raises(ValueError, match='at least one'):
        JumpThreshold(min_forward=None, min_backward=None, on_clock_change=False)
    threshold = JumpThreshold(min_forward=None, min_backward=None)
    with pytest.raises(ValueError, match='callable'):
        Clock().create_jump_callback(threshold)
    with pytest.raises(ValueError, match='post_callback must be callable'):
        Clock().create_jump_callback(threshold, post_callback=3)


@pytest.fixture
def context():
    context = Context()
    context.init(args=[])
    yield context
    context.try_shutdown()


@pytest.mark.parametrize('clock_type', [ClockType.SYSTEM_TIME, ClockType.STEADY_TIME, ClockType.ROS_TIME])
def test_sleep(clock_type, context):
    clock = Clock(clock_type=clock_type)
    start = clock.now()
    assert clock.sleep_for(Duration(seconds=0.05), context)
    assert clock.now() - start >= Duration(seconds=0.05)
    assert clock.sleep_until(start, context)


def test_sleeping_often_leaves_nothing_behind(context):
    for _ in range(50):
        Clock().sleep_for(Duration(nanoseconds=1), context)
    assert len(context._callbacks) < 5


def in_thread(function):
    """Run a function in a thread; calling the result waits for its return value."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()

    def join():
        thread.join(timeout=5)
        assert not thread.is_alive()
        return results[0]

    return join


def test_sleep_in_simulated_time(context):
    clock = ROSClock()
    clock._set_ros_time_is_active(True)
    clock.set_ros_time_override(ros_time(10))
    join = in_thread(lambda: clock.sleep_for(Duration(seconds=2), context))
    python_time.sleep(0.05)
    clock.set_ros_time_override(ros_time(11))
    python_time.sleep(0.05)
    before = clock._jump_handles[0]()
    assert before is not None
    clock.set_ros_time_override(ros_time(12))
    assert join() is True


def test_sleep_ends_with_the_context(context):
    clock = ROSClock()
    clock._set_ros_time_is_active(True)
    join = in_thread(lambda: clock.sleep_for(Duration(seconds=1000), context))
    python_time.sleep(0.05)
    context.shutdown()
    assert join() is False
    with pytest.raises(NotInitializedException):
        clock.sleep_for(Duration(seconds=1), context)


def test_sleep_ends_when_the_clock_changes(context):
    clock = ROSClock()
    join = in_thread(lambda: clock.sleep_for(Duration(seconds=1000), context))
    python_time.sleep(0.05)
    clock._set_ros_time_is_active(True)
    assert join() is False


def test_sleep_until_a_time_of_another_clock(context):
    with pytest.raises(ValueError, match='STEADY_TIME'):
        Clock().sleep_until(Time(clock_type=ClockType.STEADY_TIME), context)
