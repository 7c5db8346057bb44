# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Evaluate a map against the images and poses of a ROS 2 bag, and shut down with the run written.

ros2 launch neumap_ros evaluate.launch.py map:=/maps/office bag:=/bags/drive_7 pose:=tf:map out:=/tmp/report
"""

from launch.actions import DeclareLaunchArgument, EmitEvent, ExecuteProcess, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
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
            'condition', default_value='none', description='Under which the bag was recorded, such as night.'
        ),
        DeclareLaunchArgument('out', description='Folder of the run: run.json, attempts.csv and more.'),
    ]
    evaluate = ExecuteProcess(
        cmd=[
            *('neumap', 'evaluate', '--map', LaunchConfiguration('map'), '--bag', LaunchConfiguration('bag')),
            *('--pose', LaunchConfiguration('pose'), '--every', LaunchConfiguration('every')),
            *('--out', LaunchConfiguration('out'), '--label', ['condition=', LaunchConfiguration('condition')]),
        ],
        output='screen',
    )
    shutdown = RegisterEventHandler(
        OnProcessExit(target_action=evaluate, on_exit=[EmitEvent(event=Shutdown(reason='the evaluation has ended'))])
    )
    return LaunchDescription([*arguments, evaluate, shutdown])
