# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0

import pytest
from rclpy.duration import Duration
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.qos import (
    DurabilityPolicy,
    LivelinessPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)
from ros_helpers import spin_for, spin_until
from std_msgs.msg import Bool, String

from rosless.dds import Participant, Qos, Writer

RELIABLE = QoSProfile(depth=10)
BEST_EFFORT = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def test_qos_that_does_not_fit_is_logged(executor, make_node, capsys):
    make_node('talker', namespace='/a').create_publisher(String, 'topic', BEST_EFFORT)
    received = []
    make_node('listener', namespace='/a').create_subscription(String, 'topic', received.append, RELIABLE)

    def told(text):
        return spin_until(executor, lambda: text in output(capsys))

    told(
        "[a.talker]: New subscription discovered on topic '/a/topic', requesting incompatible QoS. No messages will be "
        'sent to it. Last incompatible policy: RELIABILITY'
    )
    told(
        "[a.listener]: New publisher discovered on topic '/a/topic', offering incompatible QoS. No messages will be "
        'received from it. Last incompatible policy: RELIABILITY'
    )


def output(capsys, seen=[]):  # noqa: B006 - what was written is kept between calls
    """All that was written since the test began."""
    if not seen or seen[0] is not capsys:
        seen[:] = [capsys, '']
    seen[1] += capsys.readouterr().err
    return seen[1]


@pytest.mark.parametrize(
    ('offered', 'requested', 'policy'),
    [
        (BEST_EFFORT, RELIABLE, QoSPolicyKind.RELIABILITY),
        (RELIABLE, LATCHED, QoSPolicyKind.DURABILITY),
        (RELIABLE, QoSProfile(depth=1, deadline=Duration(seconds=1)), QoSPolicyKind.DEADLINE),
        (RELIABLE, QoSProfile(depth=1, liveliness=LivelinessPolicy.MANUAL_BY_TOPIC), QoSPolicyKind.LIVELINESS),
        (RELIABLE, QoSProfile(depth=1, liveliness_lease_duration=Duration(seconds=1)), QoSPolicyKind.LIVELINESS),
    ],
)
def test_callbacks_for_qos_that_does_not_fit(executor, make_node, offered, requested, policy):
    events = {}
    make_node('talker').create_publisher(
        String,
        'topic',
        offered,
        event_callbacks=PublisherEventCallbacks(incompatible_qos=lambda event: events.update(publisher=event)),
    )
    make_node('listener').create_subscription(
        String,
        'topic',
        print,
        requested,
        event_callbacks=SubscriptionEventCallbacks(incompatible_qos=lambda event: events.update(subscription=event)),
    )
    spin_until(executor, lambda: len(events) == 2)
    for event in events.values():
        assert (event.total_count, event.total_count_change, event.last_policy_kind) == (1, 1, policy)


def test_other_types_are_logged_and_not_delivered(executor, make_node, capsys):
    talker, received = make_node('talker'), []
    strings = talker.create_publisher(String, 'topic', 10)
    make_node('listener').create_subscription(Bool, 'topic', received.append, 10)
    problem = "[listener]: Incompatible type on topic '/topic', no messages will pass: a publisher sends "
    problem += 'std_msgs/msg/String, here it is std_msgs/msg/Bool'
    spin_until(executor, lambda: problem in output(capsys))
    spin_until(executor, lambda: 'a subscription expects std_msgs/msg/Bool, here it is' in output(capsys))
    strings.publish(String(data='not a Bool'))
    spin_for(executor, 0.1)
    assert received == [] and strings.get_subscription_count() == 0


def test_callbacks_for_other_types(executor, make_node, capsys):
    events = []
    callbacks = SubscriptionEventCallbacks(incompatible_type=events.append)
    make_node('listener').create_subscription(Bool, 'topic', print, 10, event_callbacks=callbacks)
    silent = PublisherEventCallbacks(use_default_callbacks=False)
    for index in range(2):
        make_node(f'talker{index}').create_publisher(String, 'topic', 10, event_callbacks=silent)
    spin_until(executor, lambda: sum(event.total_count_change for event in events) == 2)
    assert events[-1].total_count == 2
    assert output(capsys) == ''


def test_matches(executor, make_node):
    events = {'publisher': [], 'subscription': []}
    talker, listener = make_node('talker'), make_node('listener')
    publisher = talker.create_publisher(
        String, 'topic', 10, event_callbacks=PublisherEventCallbacks(matched=events['publisher'].append)
    )
    subscription = listener.create_subscription(
        String, 'topic', print, 10, event_callbacks=SubscriptionEventCallbacks(matched=events['subscription'].append)
    )
    spin_until(executor, lambda: events['publisher'] and events['subscription'])
    for heard in events.values():
        assert (heard[0].current_count, heard[0].current_count_change, heard[0].total_count) == (1, 1, 1)
    assert publisher.get_subscription_count() == subscription.get_publisher_count() == 1
    listener.destroy_subscription(subscription)
    spin_until(executor, lambda: len(events['publisher']) == 2)
    assert (events['publisher'][1].current_count, events['publisher'][1].current_count_change) == (0, -1)


def test_deadlines(executor, make_node):
    missed = {'offered': [], 'requested': []}
    qos = QoSProfile(depth=1, deadline=Duration(nanoseconds=50_000_000))
    node = make_node('node')
    node.create_subscription(
        String,
        'topic',
        lambda _: None,
        qos,
        event_callbacks=SubscriptionEventCallbacks(deadline=missed['requested'].append),
    )
    publisher = node.create_publisher(
        String, 'topic', qos, event_callbacks=PublisherEventCallbacks(deadline=missed['offered'].append)
    )
    publisher.publish(String())
    spin_until(executor, lambda: missed['offered'] and missed['requested'])
    assert missed['requested'][-1].total_count >= missed['requested'][-1].total_count_change >= 1


def test_liveliness(executor, make_node):
    lost, changes = [], []
    qos = QoSProfile(
        depth=1,
        liveliness=LivelinessPolicy.MANUAL_BY_TOPIC,
        liveliness_lease_duration=Duration(nanoseconds=100_000_000),
    )
    node = make_node('node')
    node.create_subscription(
        String, 'topic', lambda _: None, qos, event_callbacks=SubscriptionEventCallbacks(liveliness=changes.append)
    )
    publisher = node.create_publisher(
        String, 'topic', qos, event_callbacks=PublisherEventCallbacks(liveliness=lost.append)
    )
    publisher.assert_liveliness()
    spin_until(executor, lambda: any(change.alive_count == 1 for change in changes))
    spin_until(executor, lambda: lost and changes[-1].alive_count == 0)
    assert (changes[-1].not_alive_count, lost[-1].total_count) == (1, 1)
    publisher.publish(String())
    spin_until(executor, lambda: changes[-1].alive_count == 1)


def test_a_coroutine_as_event_callback(executor, make_node):
    heard = []

    async def on_match(event):
        heard.append(event.current_count)

    node = make_node('node')
    node.create_publisher(String, 'topic', 10, event_callbacks=PublisherEventCallbacks(matched=on_match))
    node.create_subscription(String, 'topic', print, 10)
    spin_until(executor, lambda: heard == [1])


def test_waiting_for_acknowledgments(make_node):
    node = make_node('node')
    publisher = node.create_publisher(String, 'topic', 10)
    node.create_subscription(String, 'topic', print, 10)
    publisher.publish(String())
    assert publisher.wait_for_all_acked(Duration(seconds=5))
    assert publisher.wait_for_all_acked()


def test_another_definition_of_the_same_type(executor, make_node, capsys):
    """Its bytes may look like messages; they are not delivered."""
    received = []
    make_node('listener').create_subscription(String, 'topic', lambda message: received.append(message.data), 10)
    participant = Participant()
    type_name = 'std_msgs::msg::dds_::String_'
    other = Writer(participant, 'rt/topic', type_name, Qos(user_data=b'typehash=RIHS01_0123;'))
    silent = Writer(participant, 'rt/topic', type_name, Qos())
    spin_until(executor, lambda: other.matched() and silent.matched())
    problem = 'a publisher sends std_msgs/msg/String with another definition: RIHS01_0123, here RIHS01_df668c74'
    spin_until(executor, lambda: problem in output(capsys))
    other.write(b'\0\1\0\0', b'\2\0\0\0a\0\0\0')
    silent.write(b'\0\1\0\0', b'\2\0\0\0b\0\0\0')
    spin_until(executor, lambda: received)
    spin_for(executor, 0.1)
    assert received == ['b']
    participant.delete()
