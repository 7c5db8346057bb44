# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Evaluate a map against the images and poses of a ROS 2 bag, and shut down with the run written.

ros2 launch neumap_ros evaluate.launch.py map:=/maps/office bag:=/bags/drive_7 pose:=tf:map out:=/tmp/report
"""

from launch.actions import DeclareLaunchArgument, EmitEvent, ExecuteProcess, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_context import LaunchContext
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.substitutions import LaunchConfiguration

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """One process, ``neumap evaluate``; the launch ends when it does."""
    arguments = [
        DeclareLaunchArgument('map', description='Folder of the map.'),
        DeclareLaunchArgument('bag', description='ROS 2 bag (sqlite3 or mcap) with images, camera info and poses.'),
        DeclareLaunchArgument(
            'pose', default_value='tf:map', description='True poses: a topic, or tf:map or tf:map.base_link.'
        ),
        DeclareLaunchArgument('every', default_value='1', description='Evaluate every n-th image.'),
        DeclareLaunchArgument(
            'condition', default_value='', description='Under which the bag was recorded, such as night.'
        ),
        DeclareLaunchArgument('out', description='Folder of the run: run.json, attempts.csv and more.'),
        DeclareLaunchArgument(
            'extractor_weights', default_value='', description='Weights of the extractor of the map, where none ship.'
        ),
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_evaluate)])


def _evaluate(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The command with what was given, and the end of the launch when it ends."""
    given = {name: LaunchConfiguration(name).perform(context) for name in ('map', 'bag', 'pose', 'every', 'out')}
    command = ['neumap', 'evaluate', *(word for name, value in given.items() for word in (f'--{name}', value))]
    if condition := LaunchConfiguration('condition').perform(context):
        command += ['--label', f'condition={condition}']
    if weights := LaunchConfiguration('extractor_weights').perform(context):
        command += ['--extractor-weights', weights]
    evaluate = ExecuteProcess(cmd=command, output='screen')
    shutdown = RegisterEventHandler(
        OnProcessExit(target_action=evaluate, on_exit=[EmitEvent(event=Shutdown(reason='the evaluation has ended'))])
    )
    return [evaluate, shutdown]
