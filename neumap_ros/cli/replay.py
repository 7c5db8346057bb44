# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap replay``: a recording through the localizer of the robot, without ROS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from neumap_ros.cli.console import EXIT_NOT_LOCALIZED, bar
from neumap_ros.cli.extractor_options import ExtractorWeightsOption, with_weights
from neumap_ros.cli.params_file import parse_assignments, read_params_file
from neumap_ros.cli.run_options import LabelOption, NameOption, PicturesOption, RerunOption, write
from neumap_ros.errors import ConfigError

if TYPE_CHECKING:
    from neumap_ros.evaluation.replay import ReplaySettings
    from neumap_ros.localization.localizer import LocalizerSettings

NO_TRUTH = 'none'


def replay(
    bag: Annotated[Path, typer.Argument(metavar='BAG', help='ROS 2 recording (sqlite3 or mcap).')],
    map_folder: Annotated[Path, typer.Option('--map', help='Map folder, or a repository: its newest revision.')],
    out: Annotated[
        Path | None, typer.Option('--out', help='Folder for run.json, attempts.csv, trajectory.tum and more.')
    ] = None,
    params_file: Annotated[
        Path | None, typer.Option(help='ROS parameter file of the localizer; the same as on the robot.')
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option('--param', '-p', help='name:=value, after those of the file; repeatable.')
    ] = None,
    camera: Annotated[
        list[str] | None,
        typer.Option(help='NAME=/topic of its images; repeatable. Default: found if there is one camera.'),
    ] = None,
    ground_truth: Annotated[
        str | None,
        typer.Option(
            help='True poses of the base: a topic, /topic.FRAME for those of another frame, tf:map, a TUM file, or '
            'none; default: /ground_truth where the bag has it.'
        ),
    ] = None,
    extractor_weights: ExtractorWeightsOption = None,
    label: LabelOption = None,
    name: NameOption = None,
    pictures: PicturesOption = 12,
    rerun: RerunOption = None,
) -> None:
    """Localize in a recording as the robot would have, without ROS and as fast as it goes; the same on every run.

    Exit code 3 if no pose was accepted. Example: neumap replay office_bag --map office_map --out office_replay
    """
    given = {} if params_file is None else read_params_file(params_file, 'localizer')
    given |= parse_assignments(param or [])
    topics = _camera_options(camera or [])

    from neumap_ros.evaluation.ground_truth import TRUTH_TOPIC, open_truth
    from neumap_ros.evaluation.replay import Replayer
    from neumap_ros.evaluation.replay_run import replay_run
    from neumap_ros.evaluation.rerun_recording import record_run
    from neumap_ros.evaluation.run import parse_labels
    from neumap_ros.evaluation.run_pictures import WorstAttempts
    from neumap_ros.localization.localizer import Localizer
    from neumap_ros.mapping.sources.bag_reader import BagReader
    from neumap_ros.maps.repository import open_revision

    settings, core = settings_from(given, topics)
    labels = parse_labels(label or [], '--label')
    console = Console()
    replayer = Replayer(bag, settings)
    if ground_truth is None:
        ground_truth = TRUTH_TOPIC if TRUTH_TOPIC in BagReader(bag).topics() else NO_TRUTH
    truth = None
    if ground_truth != NO_TRUTH:
        truth = open_truth(ground_truth, bag, settings.base_frame, settings.map_frame)
    for used in replayer.cameras:
        console.print(f'camera {used.name}: {used.image}, {used.info}', highlight=False, markup=False)
    if settings.session.require_odometry and not replayer.has_odometry:
        console.print(
            f'TF of the bag does not join {settings.odom_frame} and {settings.base_frame}: there is no odometry, the '
            'replay goes on as with tf_mode map_to_base',
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    localizer = Localizer(open_revision(str(map_folder)), with_weights(core, extractor_weights))
    worst = WorstAttempts(0 if out is None else pictures)
    given_name = name or (bag if out is None else out).resolve().name
    body, metric = settings.base_frame, localizer.manifest.metric
    with record_run(rerun, localizer, given_name, body, metric) as recorder, bar(console, 'images') as progress:
        run = replay_run(
            replayer,
            localizer,
            truth=truth,
            progress=progress,
            name=given_name,
            labels=labels,
            worst=worst,
            on_sights=None if recorder is None else recorder.add,
        )
        if recorder is not None:
            recorder.finish(run)
    write(console, run, out, worst, bag)
    if not any(row.accepted for row in run.attempts):
        raise typer.Exit(EXIT_NOT_LOCALIZED)


def settings_from(
    given: Mapping[str, Any], image_topics: Mapping[str, str]
) -> tuple[ReplaySettings, LocalizerSettings]:
    """Make the settings of a replay from parameters of the node ``localizer``.

    Args:
        given: values by dotted name; the others have their defaults.
        image_topics: topic by camera; empty where the parameter ``cameras`` or the recording says it.

    Raises:
        ConfigError: an unknown parameter, or a value that it cannot have.
    """
    from neumap_ros.evaluation.replay import ReplaySettings
    from neumap_ros.nodes import parameters

    # Parameters that every node has.
    own = {name: value for name, value in given.items() if name.split('.')[0] not in ('use_sim_time', 'qos_overrides')}
    values = parameters.values(parameters.LOCALIZER, own)
    settings = ReplaySettings(
        session=parameters.session_settings(values),
        cameras=tuple(values['cameras']),
        image_topics=image_topics,
        compressed=values['image_transport'] == 'compressed' if 'image_transport' in given else None,
        rectified=values['rectified'] if 'rectified' in given else None,
        map_frame=values['frames.map'],
        odom_frame=values['frames.odom'],
        base_frame=values['frames.base'],
        tf_wait_s=values['tf_wait_s'],
        sync_tolerance_s=values['sync_tolerance_s'],
        sync_wait_s=values['sync_wait_s'],
    )
    return settings, parameters.localizer_settings(values)


def _camera_options(texts: list[str]) -> dict[str, str]:
    topics: dict[str, str] = {}
    for text in texts:
        name, mark, topic = text.partition('=')
        if not (name and mark and topic.startswith('/')):
            raise ConfigError(f'--camera is {text!r}, expected NAME=/topic such as front=/front/image_raw')
        if name in topics:
            raise ConfigError(f'--camera names {name!r} twice, expected a name of its own for each camera')
        topics[name] = topic
    return topics
