# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The filter of recorded transforms over real topics."""

import pytest
from map_helpers import spin_until


def transform(parent, child, x, seconds=1):
    from builtin_interfaces.msg import Time
    from geometry_msgs.msg import TransformStamped

    message = TransformStamped()
    message.header.frame_id, message.header.stamp = parent, Time(sec=seconds)
    message.child_frame_id = child
    message.transform.translation.x = float(x)
    message.transform.rotation.w = 1.0
    return message


@pytest.fixture
def graph():
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    from neumap_ros.nodes.tf_filter import TfFilter

    rclpy.init(args=[])
    executor = SingleThreadedExecutor()
    bag = rclpy.create_node('bag')
    for node in (bag, TfFilter()):
        executor.add_node(node)
    yield bag, executor
    executor.shutdown()
    rclpy.shutdown()


def test_recorded_localization_is_left_out_and_the_rest_is_not(graph):
    from rclpy.qos import DurabilityPolicy, QoSProfile
    from tf2_msgs.msg import TFMessage

    bag, executor = graph
    latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    moving = bag.create_publisher(TFMessage, 'recorded_tf', 100)
    static = bag.create_publisher(TFMessage, 'recorded_tf_static', latched)
    seen = {}

    def remember(message):
        seen.update({(t.header.frame_id, t.child_frame_id): t.transform.translation.x for t in message.transforms})

    bag.create_subscription(TFMessage, '/tf', remember, 100)
    bag.create_subscription(TFMessage, '/tf_static', remember, latched)
    spin_until(executor, lambda: moving.get_subscription_count() == 1 and static.get_subscription_count() == 1)
    spin_until(executor, lambda: bag.count_publishers('/tf') == 1)

    static.publish(TFMessage(transforms=[transform('base_link', 'camera', 1), transform('map', 'odom', 2)]))
    spin_until(executor, lambda: ('base_link', 'camera') in seen)
    # A transform that is left out stands beside, and before, others that are not.
    moving.publish(TFMessage(transforms=[transform('map', 'base_link', 3), transform('/map', 'odom', 4)]))
    moving.publish(TFMessage(transforms=[transform('map', 'odom', 5), transform('odom', 'base_link', 6)]))
    moving.publish(TFMessage(transforms=[transform('map', 'anchor', 7)]))
    spin_until(executor, lambda: ('map', 'anchor') in seen)
    assert seen == {('base_link', 'camera'): 1.0, ('odom', 'base_link'): 6.0, ('map', 'anchor'): 7.0}
