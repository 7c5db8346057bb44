# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Where rosless is more forgiving than rclpy, and services that only some nodes have."""

import pytest
import rclpy
import tf2_ros
from geometry_msgs.msg import TransformStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Log, LoggerLevel
from rcl_interfaces.srv import GetLoggerLevels, SetLoggerLevels
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.logging import LoggingSeverity
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.parameter_event_handler import ParameterEventHandler
from rclpy.time import Time
from ros_helpers import call, spin_for, spin_until
from tf2_msgs.srv import FrameGraph


class Forgetful(LifecycleNode):
    def on_configure(self, state):
        """Forget to return anything."""


def test_a_lifecycle_callback_that_returns_nothing(make_node, capsys):
    node = make_node('forgetful', node_class=Forgetful)
    assert node.trigger_configure() is TransitionCallbackReturn.ERROR
    assert 'on_configure() must return a TransitionCallbackReturn, got None' in capsys.readouterr().err


def test_a_lifecycle_callback_that_raises_is_told_with_its_traceback(make_node, capsys):
    node = make_node('failing', node_class=LifecycleNode)
    node.on_configure = lambda state: 1 / 0
    assert node.trigger_configure() is TransitionCallbackReturn.ERROR
    error = capsys.readouterr().err
    assert 'ZeroDivisionError' in error
    assert __file__ in error


def test_a_request_for_an_impossible_transition_is_refused(executor, make_node, capsys):
    make_node('managed', node_class=LifecycleNode)
    client = make_node('caller').create_client(ChangeState, '/managed/change_state')
    assert client.wait_for_service(timeout_sec=10)
    for number in (Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_ON_CONFIGURE_SUCCESS, 200):
        request = ChangeState.Request(transition=Transition(id=number))
        assert not call(executor, client, request).success
    assert "no transition '3' in state 'unconfigured'; possible: configure, shutdown" in capsys.readouterr().err


def test_a_lifecycle_node_without_services(make_node):
    node = make_node('alone', node_class=LifecycleNode, enable_communication_interface=False)
    assert not [service for service in node.services if 'state' in service.srv_name]
    assert node.trigger_configure() is TransitionCallbackReturn.SUCCESS
    with pytest.raises(TypeError, match='publisher_class'):
        node.create_lifecycle_publisher(Log, 'x', 1, publisher_class=None)


def test_levels_of_loggers_from_outside(executor, make_node):
    make_node('noisy', enable_logger_service=True)
    node = make_node('caller')
    get = node.create_client(GetLoggerLevels, '/noisy/get_logger_levels')
    set_ = node.create_client(SetLoggerLevels, '/noisy/set_logger_levels')
    assert get.wait_for_service(timeout_sec=10)
    assert set_.wait_for_service(timeout_sec=10)
    wishes = [LoggerLevel(name='noisy', level=40), LoggerLevel(name='noisy', level=41)]
    try:
        good, bad = call(executor, set_, SetLoggerLevels.Request(levels=wishes)).results
        assert (good.successful, bad.successful) == (True, False)
        assert '41' in bad.reason
        levels = call(executor, get, GetLoggerLevels.Request(names=['noisy', 'other'])).levels
        assert [(one.name, one.level) for one in levels] == [('noisy', 40), ('other', 0)]
        assert not rclpy.logging.get_logger('noisy').is_enabled_for(LoggingSeverity.WARN)
    finally:
        rclpy.logging.clear_config()


def test_rosout_can_be_switched_off():
    rclpy.init(args=['--ros-args', '--disable-rosout-logs', '--disable-stdout-logs'])
    try:
        node = Node('quiet')
        assert not [publisher for publisher in node.publishers if publisher.topic_name == '/rosout']
        node.destroy_node()
    finally:
        rclpy.shutdown()
        rclpy.logging.clear_config()


def test_the_tree_of_frames_from_outside(executor, make_node):
    buffer = tf2_ros.Buffer(node=make_node('owner'))
    message = TransformStamped(child_frame_id='base')
    message.header.frame_id = 'map'
    buffer.set_transform_static(message, 'test')
    client = make_node('caller').create_client(FrameGraph, '/tf2_frames')
    assert client.wait_for_service(timeout_sec=10)
    assert "base: \n  parent: 'map'" in call(executor, client, FrameGraph.Request()).frame_yaml


def test_a_static_transform_can_be_corrected(executor, make_node):
    broadcaster = tf2_ros.StaticTransformBroadcaster(make_node('robot'))
    buffer = tf2_ros.Buffer()
    listener = tf2_ros.TransformListener(buffer, make_node('listener'))
    for x in (1.0, 2.0):
        message = TransformStamped(child_frame_id='base')
        message.header.frame_id = 'map'
        message.transform.translation.x = x
        broadcaster.sendTransform(message)
        spin_until(executor, lambda: buffer.can_transform('map', 'base', Time()))
    spin_until(executor, lambda: buffer.lookup_transform('map', 'base', Time()).transform.translation.x == 2)
    listener.unregister()


def test_a_listener_ends_its_thread(executor):
    node = Node('alone')
    listener = tf2_ros.TransformListener(tf2_ros.Buffer(), node, spin_thread=True)
    listener.unregister()
    assert not listener.dedicated_listener_thread.is_alive()
    second = tf2_ros.TransformListener(tf2_ros.Buffer(), node, spin_thread=True)
    rclpy.shutdown()
    second.dedicated_listener_thread.join(timeout=10)
    assert not second.dedicated_listener_thread.is_alive()


def test_parameter_handlers_know_relative_names(executor, make_node):
    node = make_node('owner', namespace='ns')
    node.declare_parameter('a', 1)
    handler, values = ParameterEventHandler(make_node('listener', namespace='ns')), []
    for name in ('owner', '/ns/owner', 'other', ''):
        handler.add_parameter_callback('a', name, lambda one, name=name: values.append(name))
    everything = handler.add_parameter_event_callback(lambda event: values.append(event.node))
    spin_until(executor, lambda: node.count_subscribers('/parameter_events') == 1)
    node.set_parameters([Parameter('a', value=2)])
    spin_until(executor, lambda: '/ns/owner' in values)
    spin_for(executor, 0.1)
    assert values == ['/ns/owner', 'owner', '/ns/owner']
    handler.remove_parameter_event_callback(everything)
    handler.destroy()
