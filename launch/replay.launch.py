# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Replay a bag through the localizer as it runs on a robot, write what came out, and shut down.

ros2 launch neumap_ros replay.launch.py bag:=/bags/drive_7 map:=/maps/office out:=/tmp/drive_7

Recorded localization is left out: /clock, the topics of the localizer, transforms from the map to odom or base_link.
Faster than real time and the same every time, without topics: neumap replay.
"""

from collections.abc import Callable
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    IncludeLaunchDescription,
    RegisterEventHandler,
    TimerAction,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.events.process import ProcessExited
from launch.launch_context import LaunchContext
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription

SHARE = Path(get_package_share_directory('neumap_ros'))

# What the localizer and the map server publish, and the clock, which the player makes itself.
LEFT_OUT = (
    '/clock',
    '/pose',
    '/localizer/status',
    '/localizer/debug_image',
    '/localizer/matches',
    '/map/index',
    '/map/shard',
    '/map/status',
    '/map/request',
    '/diagnostics',
)
# Time for the last images to be localized before everything ends, seconds.
DRAIN_S = 2.0


def generate_launch_description() -> LaunchDescription:
    """The player, the nodes, and a recorder that sums up; all end with the player."""
    arguments = [
        DeclareLaunchArgument('bag', description='Folder of the bag, sqlite3 or mcap.'),
        DeclareLaunchArgument('map', description='Folder of a map, or of a repository of revisions.'),
        DeclareLaunchArgument('out', default_value='replay', description='Folder for the trajectory and the table.'),
        DeclareLaunchArgument('image', default_value='/camera/image', description='Topic of the images in the bag.'),
        DeclareLaunchArgument(
            'camera_info', default_value='/camera/camera_info', description='Topic of the calibration in the bag.'
        ),
        DeclareLaunchArgument(
            'image_transport', default_value='raw', choices=['raw', 'compressed'], description='What the images are.'
        ),
        DeclareLaunchArgument(
            'ground_truth', default_value='/ground_truth', description='Topic of true poses (PoseStamped), if any.'
        ),
        DeclareLaunchArgument(
            'params_file',
            default_value=str(SHARE / 'config' / 'localization.yaml'),
            description='Parameters of both nodes; see config/localization.yaml.',
        ),
        DeclareLaunchArgument('rate', default_value='1.0', description='Times as fast as recorded.'),
        DeclareLaunchArgument('start_offset', default_value='0.0', description='Seconds of the bag to leave out.'),
        DeclareLaunchArgument(
            'rviz', default_value='false', choices=['true', 'false'], description='Open RViz beside the nodes.'
        ),
    ]
    localization = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SHARE / 'launch' / 'localization.launch.py')),
        launch_arguments={
            'use_sim_time': 'true',
            **{
                name: LaunchConfiguration(name)
                for name in ('map', 'image', 'camera_info', 'image_transport', 'params_file', 'rviz')
            },
        }.items(),
    )
    simulated = {'use_sim_time': True}
    tf_filter = Node(package='neumap_ros', executable='tf_filter', parameters=[simulated], output='screen')
    recorder = Node(
        package='neumap_ros',
        executable='recorder',
        parameters=[simulated, {'out': LaunchConfiguration('out')}],
        remappings=[('ground_truth', LaunchConfiguration('ground_truth'))],
        output='screen',
    )
    ready = Node(package='neumap_ros', executable='wait_until_ready', output='screen')
    player = ExecuteProcess(
        cmd=[
            *('ros2', 'bag', 'play', LaunchConfiguration('bag'), '--clock', '100', '--delay', '1'),
            *('--rate', LaunchConfiguration('rate'), '--start-offset', LaunchConfiguration('start_offset')),
            *('--exclude-topics', *LEFT_OUT),
            *('--remap', '/tf:=/recorded_tf', '/tf_static:=/recorded_tf_static'),
        ],
        output='screen',
    )
    beginning = RegisterEventHandler(OnProcessExit(target_action=ready, on_exit=_play_or_end(player)))
    ending = RegisterEventHandler(
        OnProcessExit(
            target_action=player,
            on_exit=[TimerAction(period=DRAIN_S, actions=[EmitEvent(event=Shutdown(reason='the bag has ended'))])],
        )
    )
    return LaunchDescription([*arguments, localization, tf_filter, recorder, ready, beginning, ending])


def _play_or_end(player: ExecuteProcess) -> Callable[[ProcessExited, LaunchContext], list[LaunchDescriptionEntity]]:
    """What to do when the wait is over."""

    def decide(event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        if event.returncode == 0:
            return [player]
        return [EmitEvent(event=Shutdown(reason='there is no map to localize in'))]

    return decide
