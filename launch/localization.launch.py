# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Localize a robot in a map: the map server and the localizer.

ros2 launch neumap_ros localization.launch.py map:=/maps/office image:=/front/image_raw camera_info:=/front/camera_info
"""

import tempfile
from pathlib import Path
from typing import Any

import yaml
from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, GroupAction, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnShutdown
from launch.launch_context import LaunchContext
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node, PushRosNamespace, SetParameter
from launch_ros.parameter_descriptions import ParameterFile

from launch import LaunchDescription

SHARE = Path(get_package_share_directory('neumap_ros'))


def generate_launch_description() -> LaunchDescription:
    """One process with both nodes, or one process each."""
    arguments = [
        DeclareLaunchArgument('map', default_value='', description='Folder of a map, or of a repository of revisions.'),
        DeclareLaunchArgument('cameras', default_value='', description='Names of the cameras, such as [front, left].'),
        DeclareLaunchArgument(
            'image_transport',
            default_value='',
            choices=['', 'raw', 'compressed'],
            description='raw: <camera>/image; compressed: <camera>/image/compressed; default: as in params_file.',
        ),
        DeclareLaunchArgument('image', default_value='', description='Topic of the images; default: camera/image.'),
        DeclareLaunchArgument('camera_info', default_value='', description='Topic of the calibration of the camera.'),
        DeclareLaunchArgument(
            'params_file',
            default_value=str(SHARE / 'config' / 'localization.yaml'),
            description='Parameters of both nodes; see config/localization.yaml.',
        ),
        DeclareLaunchArgument('namespace', default_value='', description='Namespace of both nodes.'),
        DeclareLaunchArgument(
            'processes',
            default_value='one',
            choices=['one', 'two'],
            description='One process for both nodes (regions are not copied), or one each.',
        ),
        DeclareLaunchArgument(
            'use_sim_time', default_value='false', choices=['true', 'false'], description='Take the time from /clock.'
        ),
        DeclareLaunchArgument(
            'autostart',
            default_value='true',
            choices=['true', 'false'],
            description='Configure and activate by themselves; false where a lifecycle manager does it.',
        ),
        DeclareLaunchArgument(
            'rviz', default_value='false', choices=['true', 'false'], description='Open RViz beside the nodes.'
        ),
        DeclareLaunchArgument('log_level', default_value='info', description='debug, info, warn or error.'),
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_nodes)])


def _nodes(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The nodes; what the user did not give stays as the parameter file has it."""

    def given(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    of_both: dict[str, Any] = {'autostart': given('autostart') == 'true'}
    # No argument for users, who have the parameter file: replay.launch.py asks for a folder of its own.
    if state_dir := LaunchConfiguration('state_dir', default='').perform(context):
        of_both['state_dir'] = state_dir
    of_localizer = dict(of_both)
    if given('cameras'):
        of_localizer['cameras'] = _names(given('cameras'))
    if given('image_transport'):
        of_localizer['image_transport'] = given('image_transport')
    of_server = {**of_both, **({'map': {'uri': given('map')}} if given('map') else {})}
    # A file with the same patterns as config/localization.yaml: what launch_ros makes of a dictionary has the pattern
    # /**, which loses against those.
    chosen = {'/**/localizer': of_localizer, '/**/map_server': of_server}
    with tempfile.NamedTemporaryFile('w', prefix='neumap_launch_', suffix='.yaml', delete=False) as file:
        yaml.safe_dump({pattern: {'ros__parameters': values} for pattern, values in chosen.items()}, file)
    parameters = [ParameterFile(given('params_file'), allow_substs=True), ParameterFile(file.name)]
    # In a namespace every robot has a TF tree of its own, as Nav2 has it; without one these are /tf and /tf_static.
    remappings = [('/tf', 'tf'), ('/tf_static', 'tf_static')]
    remappings += [
        (topic, given(name))
        for topic, name in (
            ('camera/image', 'image'),
            ('camera/image/compressed', 'image'),
            ('camera/camera_info', 'camera_info'),
        )
        if given(name)
    ]
    executables = ['localization'] if given('processes') == 'one' else ['map_server', 'localizer']
    nodes: list[LaunchDescriptionEntity] = [
        Node(
            package='neumap_ros',
            executable=executable,
            parameters=parameters,
            remappings=remappings,
            arguments=['--ros-args', '--log-level', given('log_level')],
            output='screen',
            emulate_tty=True,
            sigterm_timeout='30',  # a busy machine needs more than the five seconds of launch to end
        )
        for executable in executables
    ]
    if given('rviz') == 'true':
        nodes.append(Node(package='rviz2', executable='rviz2', arguments=['-d', str(SHARE / 'rviz' / 'neumap.rviz')]))
    written = Path(file.name)
    return [
        RegisterEventHandler(OnShutdown(on_shutdown=lambda event, context: written.unlink(missing_ok=True))),
        GroupAction(
            [
                SetParameter('use_sim_time', given('use_sim_time') == 'true'),
                *([PushRosNamespace(given('namespace'))] if given('namespace') else []),
                *nodes,
            ]
        ),
    ]


def _names(text: str) -> list[str]:
    """A list of camera names as YAML has it."""
    names = yaml.safe_load(text)
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise ValueError(f'cameras is {text!r}, expected a list of names such as [front, left]')
    return names
