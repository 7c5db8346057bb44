# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Replay a bag through the localizer as it runs on a robot, write what came out, and shut down.

ros2 launch neumap_ros replay.launch.py bag:=/bags/drive_7 map:=/maps/office out:=/tmp/drive_7

Recorded localization is left out: /clock, the topics of the localizer, transforms from the map to odom or base_link.
Faster than real time and the same every time, without topics: neumap replay.
"""

import atexit
import posixpath
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from ament_index_python.packages import get_package_share_directory
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
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
# Time to write the files and end, seconds; a busy machine needs more than the five of launch.
PATIENCE_S = '30'
ENDING_SLOWLY: dict[str, Any] = {'sigterm_timeout': PATIENCE_S, 'output': 'screen'}
TRUTH_TOPIC = '/ground_truth'

RAW, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'


def generate_launch_description() -> LaunchDescription:
    """The player, the nodes, and an evaluator that sums up; all end with the player."""
    arguments = [
        DeclareLaunchArgument('bag', description='Folder of the bag, sqlite3 or mcap.'),
        DeclareLaunchArgument('map', description='Folder of a map, or of a repository of revisions.'),
        DeclareLaunchArgument('out', default_value='replay', description='Folder of the run: run.json and more.'),
        DeclareLaunchArgument(
            'image', default_value='', description='Topic of the images; default: found if the bag has one camera.'
        ),
        DeclareLaunchArgument(
            'camera_info', default_value='', description='Topic of the calibration; default: beside the images.'
        ),
        DeclareLaunchArgument(
            'image_transport',
            default_value='',
            choices=['', 'raw', 'compressed'],
            description='What the images are; default: what the bag says.',
        ),
        DeclareLaunchArgument(
            'ground_truth',
            default_value='',
            description='True poses: /topic, /topic.FRAME, tf:FRAME or a TUM file; default: /ground_truth if recorded.',
        ),
        DeclareLaunchArgument('condition', default_value='', description='Under which it was recorded, such as night.'),
        DeclareLaunchArgument(
            'params_file',
            default_value=str(SHARE / 'config' / 'localization.yaml'),
            description='Parameters of both nodes; see config/localization.yaml.',
        ),
        DeclareLaunchArgument('rate', default_value='1.0', description='Times as fast as recorded.'),
        DeclareLaunchArgument(
            'start_offset',
            default_value='0.0',
            description='Seconds of the bag to leave out; ros2 bag play then leaves out /tf_static of that time, too.',
        ),
        DeclareLaunchArgument(
            'rviz', default_value='false', choices=['true', 'false'], description='Open RViz beside the nodes.'
        ),
    ]
    simulated = {'use_sim_time': True}
    tf_filter = Node(package='neumap_ros', executable='tf_filter', parameters=[simulated], **ENDING_SLOWLY)
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
    return LaunchDescription(
        [
            *arguments,
            OpaqueFunction(function=_localization),
            OpaqueFunction(function=_evaluator),
            *(tf_filter, ready, beginning, ending),
        ]
    )


def _localization(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """localization.launch.py with the topics of the bag."""
    given = {
        name: LaunchConfiguration(name).perform(context)
        for name in ('map', 'image', 'camera_info', 'image_transport', 'params_file', 'rviz')
    }
    types = _types(Path(LaunchConfiguration('bag').perform(context)))
    given['image'] = given['image'] or _image_topic(types, given['image_transport'])
    images = [topic for topic, kind in types.items() if kind in (RAW, COMPRESSED)]
    if types and not images:
        raise RuntimeError(f'the bag has no images; it has {", ".join(types)}')
    if types and given['image'] and given['image'] not in images:
        raise RuntimeError(f'the bag has no images on {given["image"]}; it has them on {", ".join(images)}')
    if given['image']:
        beside = posixpath.dirname(given['image'].removesuffix('/compressed'))
        given['camera_info'] = given['camera_info'] or f'{beside}/camera_info'
        if types:
            given['image_transport'] = 'compressed' if types[given['image']] == COMPRESSED else 'raw'
    # The last pose of another replay, or of this robot, is no place to begin, and this one is none for the robot.
    given['state_dir'] = tempfile.mkdtemp(prefix='neumap_replay_')
    atexit.register(shutil.rmtree, given['state_dir'], ignore_errors=True)
    source = PythonLaunchDescriptionSource(str(SHARE / 'launch' / 'localization.launch.py'))
    return [IncludeLaunchDescription(source, launch_arguments={'use_sim_time': 'true', **given}.items())]


def _evaluator(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """The evaluator with the true poses that are given, or those of the bag."""

    def given(name: str) -> str:
        return LaunchConfiguration(name).perform(context)

    recorded = TRUTH_TOPIC if TRUTH_TOPIC in _types(Path(given('bag'))) else ''
    values = {
        'use_sim_time': True,
        'out': given('out'),
        'condition': given('condition'),
        'ground_truth': given('ground_truth') or recorded,
    }
    return [Node(package='neumap_ros', executable='evaluator', parameters=[values], **ENDING_SLOWLY)]


def _types(bag: Path) -> dict[str, str]:
    """Type of every topic that has messages; empty for a file without the description beside it.

    Read here and not by the package: ``ros2 launch`` may run in another Python than the nodes.
    """
    try:
        described = yaml.safe_load((bag / 'metadata.yaml').read_text(encoding='utf-8'))
        topics = described['rosbag2_bagfile_information']['topics_with_message_count']
        return {t['topic_metadata']['name']: t['topic_metadata']['type'] for t in topics if t['message_count']}
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return {}


def _image_topic(types: Mapping[str, str], transport: str) -> str:
    """The topic of the only camera; empty where there are several, which a parameter file names."""
    wanted = {'raw': (RAW,), 'compressed': (COMPRESSED,)}.get(transport, (RAW, COMPRESSED))
    images = [topic for topic, kind in types.items() if kind in wanted and 'depth' not in topic.lower()]
    # The compressed copy of a recorded topic is no second camera.
    images = [topic for topic in images if posixpath.dirname(topic) not in images]
    return images[0] if len(images) == 1 else ''


def _play_or_end(player: ExecuteProcess) -> Callable[[ProcessExited, LaunchContext], list[LaunchDescriptionEntity]]:
    """What to do when the wait is over."""

    def decide(event: ProcessExited, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        if event.returncode == 0:
            return [player]
        return [EmitEvent(event=Shutdown(reason='there is no map to localize in'))]

    return decide
