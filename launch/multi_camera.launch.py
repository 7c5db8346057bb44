# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Localize a robot with several cameras: images on <camera>/image and calibrations on <camera>/camera_info.

ros2 launch neumap_ros multi_camera.launch.py map:=/maps/office cameras:="[front, left]"

Where the cameras sit on the robot comes from TF. Further arguments are those of localization.launch.py.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from launch import LaunchDescription

SHARE = Path(get_package_share_directory('neumap_ros'))


def generate_launch_description() -> LaunchDescription:
    """localization.launch.py with another list of cameras."""
    arguments = [
        DeclareLaunchArgument('map', description='Folder of a map, or of a repository of revisions.'),
        DeclareLaunchArgument('cameras', default_value='[front, left]', description='Names of the cameras, as a list.'),
        DeclareLaunchArgument(
            'image_transport',
            default_value='raw',
            choices=['raw', 'compressed'],
            description='raw: <camera>/image; compressed: <camera>/image/compressed.',
        ),
    ]
    localization = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(SHARE / 'launch' / 'localization.launch.py')),
        launch_arguments={name: LaunchConfiguration(name) for name in ('map', 'cameras', 'image_transport')}.items(),
    )
    return LaunchDescription([*arguments, localization])
