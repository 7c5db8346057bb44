# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0

import pytest
from rcl_interfaces.msg import SetParametersResult
from rclpy import qos
from rclpy.duration import Duration, Infinite
from rclpy.parameter import Parameter
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    InvalidQoSProfileException,
    LivelinessPolicy,
    QoSCompatibility,
    QoSPolicyKind,
    QoSPresetProfiles,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from rclpy.qos_overriding_options import InvalidQosOverridesError, QoSOverridingOptions
from std_msgs.msg import String

from rosless.test.peers import wait_until


def test_what_a_profile_needs():
    assert QoSProfile(depth=3).history == HistoryPolicy.KEEP_LAST
    assert QoSProfile(history=HistoryPolicy.KEEP_ALL).depth == 10
    with pytest.raises(InvalidQoSProfileException, match='History and/or depth'):
        QoSProfile()
    with pytest.raises(InvalidQoSProfileException, match='KEEP_LAST without a depth'):
        QoSProfile(history=HistoryPolicy.KEEP_LAST)


@pytest.mark.parametrize(
    'wrong',
    [
        {'depht': 1},
        {'reliability': 'reliable'},
        {'deadline': 1.0},
        {'lifespan': None},
        {'avoid_ros_namespace_conventions': 1},
    ],
)
def test_wrong_arguments(wrong):
    with pytest.raises(AssertionError):
        QoSProfile(depth=1, **wrong)


def test_policies_are_enums_whatever_they_are_given_as():
    profile = QoSProfile(depth=1, reliability=2, durability=1, liveliness=3)
    assert profile.reliability is ReliabilityPolicy.BEST_EFFORT
    assert profile.durability is DurabilityPolicy.TRANSIENT_LOCAL
    assert profile.liveliness is LivelinessPolicy.MANUAL_BY_TOPIC
    with pytest.raises(ValueError, match='99'):
        profile.history = 99
    with pytest.warns(UserWarning, match='depth of zero'):
        profile.depth = 0


def test_equality_and_text():
    assert QoSProfile(depth=1) == QoSProfile(depth=1) != QoSProfile(depth=2)
    assert QoSProfile(depth=1) != 1
    text = str(QoSProfile(depth=1, lifespan=Infinite))
    assert 'depth=1' in text and 'reliability=1' in text and 'lifespan=Infinite' in text


def test_presets():
    sensor = qos.qos_profile_sensor_data
    assert (sensor.depth, sensor.reliability) == (5, ReliabilityPolicy.BEST_EFFORT)
    assert QoSPresetProfiles.SENSOR_DATA.value is sensor
    assert QoSPresetProfiles.get_from_short_key('services_default') == qos.qos_profile_services_default
    assert 'parameters' in QoSPresetProfiles.short_keys()
    assert qos.qos_profile_parameter_events.depth == qos.qos_profile_parameters.depth == 1000
    assert ReliabilityPolicy.short_keys() == ['system_default', 'reliable', 'best_effort', 'unknown', 'best_available']
    assert ReliabilityPolicy.get_from_short_key('Best_Effort') == 2
    assert ReliabilityPolicy.BEST_EFFORT.short_key == 'best_effort'
    assert qos.qos_policy_name_from_kind(16) == 'RELIABILITY'


AUTOMATIC = {'liveliness': LivelinessPolicy.AUTOMATIC}


@pytest.mark.parametrize(
    ('offered', 'requested', 'result', 'reason'),
    [
        ({}, {}, QoSCompatibility.OK, ''),
        ({'reliability': ReliabilityPolicy.BEST_EFFORT}, {}, QoSCompatibility.ERROR, 'reliability is best_effort'),
        ({}, {'durability': DurabilityPolicy.TRANSIENT_LOCAL}, QoSCompatibility.ERROR, 'needs transient_local'),
        ({}, {'liveliness': LivelinessPolicy.MANUAL_BY_TOPIC}, QoSCompatibility.ERROR, 'liveliness is automatic'),
        ({}, {'deadline': Duration(seconds=1)}, QoSCompatibility.ERROR, 'has a deadline'),
        (
            {'deadline': Duration(seconds=2)},
            {'deadline': Duration(seconds=1)},
            QoSCompatibility.ERROR,
            'deadline is shorter',
        ),
        ({'deadline': Duration(seconds=1)}, {'deadline': Duration(seconds=2)}, QoSCompatibility.OK, ''),
        ({'reliability': ReliabilityPolicy.SYSTEM_DEFAULT}, {}, QoSCompatibility.WARNING, 'is system_default'),
        (
            {'reliability': ReliabilityPolicy.SYSTEM_DEFAULT},
            {'reliability': ReliabilityPolicy.BEST_EFFORT},
            QoSCompatibility.OK,
            '',
        ),
    ],
)
def test_compatibility(offered, requested, result, reason):
    profiles = (QoSProfile(depth=1, **{**AUTOMATIC, **changes}) for changes in (offered, requested))
    found, text = qos_check_compatible(*profiles)
    assert found is result and reason in text and bool(text) == bool(reason)


def test_what_others_see(make_node):
    node = make_node('node', namespace='/ns')
    profile = QoSProfile(
        depth=7,
        reliability=ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
        deadline=Duration(seconds=3),
        lifespan=Duration(seconds=4),
        liveliness=LivelinessPolicy.MANUAL_BY_TOPIC,
        liveliness_lease_duration=Duration(seconds=5),
    )
    node.create_publisher(String, 'topic', profile)
    (info,) = wait_until(lambda: node.get_publishers_info_by_topic('topic'))
    assert info.qos_profile == profile
    assert (info.node_name, info.node_namespace, info.topic_type) == ('node', '/ns', 'std_msgs/msg/String')
    assert info.topic_type_hash == 'RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18'
    assert 'History (Depth): KEEP_LAST (7)' in str(info)
    assert node.get_subscriptions_info_by_topic('topic') == []
    assert node.get_publishers_info_by_topic('rt/ns/topic', no_mangle=True)[0].topic_type == (
        'std_msgs::msg::dds_::String_'
    )


def test_best_available(make_node):
    node = make_node('node')
    free = node.create_publisher(String, 'free', qos.qos_profile_best_available)
    assert free.qos_profile.reliability == ReliabilityPolicy.RELIABLE
    assert free.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
    node.create_publisher(String, 'topic', qos.qos_profile_sensor_data)
    node.create_publisher(String, 'topic', QoSProfile(depth=1, deadline=Duration(seconds=2)))
    wait_until(lambda: node.count_publishers('topic') == 2)
    chosen = node.create_subscription(String, 'topic', print, qos.qos_profile_best_available).qos_profile
    assert chosen.reliability == ReliabilityPolicy.BEST_EFFORT
    assert chosen.durability == DurabilityPolicy.VOLATILE
    assert chosen.deadline == Duration(seconds=2)
    assert qos.qos_profile_best_available.reliability == ReliabilityPolicy.BEST_AVAILABLE


def test_unknown_policies_cannot_be_used(make_node):
    with pytest.raises(ValueError, match='history is UNKNOWN'):
        make_node('node').create_publisher(String, 'topic', qos.qos_profile_unknown)


@pytest.mark.parametrize('wrong', [1.5, '10', None, True])
def test_what_is_no_profile(make_node, wrong):
    with pytest.raises(TypeError, match='Expected QoSProfile or int'):
        make_node('node').create_publisher(String, 'topic', wrong)


def test_a_negative_depth(make_node):
    with pytest.raises(ValueError, match='greater than or equal to zero'):
        make_node('node').create_publisher(String, 'topic', -1)


# Overrides by parameters


def test_parameters_override_policies(make_node):
    prefix = 'qos_overrides./ns/topic.publisher'
    node = make_node(
        'node',
        namespace='/ns',
        parameter_overrides=[
            Parameter(f'{prefix}.depth', value=3),
            Parameter(f'{prefix}.reliability', value='best_effort'),
            Parameter(f'{prefix}.deadline', value=1_000_000_000),
        ],
    )
    kinds = [QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY, QoSPolicyKind.DEADLINE]
    given = QoSProfile(depth=10)
    publisher = node.create_publisher(String, 'topic', given, qos_overriding_options=QoSOverridingOptions(kinds))
    assert publisher.qos_profile == QoSProfile(
        depth=3, reliability=ReliabilityPolicy.BEST_EFFORT, deadline=Duration(seconds=1)
    )
    assert given == QoSProfile(depth=10)
    assert node.describe_parameter(f'{prefix}.depth').read_only
    # A second publisher of the topic shares the parameters, one with an identifier has its own.
    again = node.create_publisher(String, 'topic', 10, qos_overriding_options=QoSOverridingOptions(kinds))
    assert again.qos_profile == publisher.qos_profile
    own = QoSOverridingOptions(kinds, entity_id='own')
    assert node.create_publisher(String, 'topic', 10, qos_overriding_options=own).qos_profile.depth == 10
    assert node.has_parameter('qos_overrides./ns/topic.publisher_own.depth')


def test_default_policies_of_a_subscription(make_node):
    node = make_node('node')
    options = QoSOverridingOptions.with_default_policies()
    node.create_subscription(String, 'topic', print, 10, qos_overriding_options=options)
    prefix = 'qos_overrides./topic.subscription'
    assert node.get_parameter(f'{prefix}.history').value == 'keep_last'
    assert node.get_parameter(f'{prefix}.reliability').value == 'reliable'
    lifespan = QoSOverridingOptions([QoSPolicyKind.LIFESPAN])
    node.create_subscription(String, 'other', print, 10, qos_overriding_options=lifespan)
    assert not node.has_parameter('qos_overrides./other.subscription.lifespan')


def test_overrides_that_are_rejected(make_node):
    def small(profile):
        return SetParametersResult(successful=profile.depth <= 10, reason='too deep')

    options = QoSOverridingOptions([QoSPolicyKind.DEPTH], callback=small)
    make_node('good').create_publisher(String, 'topic', 10, qos_overriding_options=options)
    overrides = [Parameter('qos_overrides./topic.publisher.depth', value=11)]
    with pytest.raises(InvalidQosOverridesError, match='not valid: too deep'):
        make_node('bad', parameter_overrides=overrides).create_publisher(
            String, 'topic', 10, qos_overriding_options=options
        )
    overrides = [Parameter('qos_overrides./topic.publisher.reliability', value='perhaps')]
    with pytest.raises(ValueError, match="'perhaps', expected one of system_default, reliable"):
        make_node('unclear', parameter_overrides=overrides).create_publisher(
            String, 'topic', 10, qos_overriding_options=QoSOverridingOptions([QoSPolicyKind.RELIABILITY])
        )
