# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap evaluate``: how good a map is, judged by images whose poses are known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from neumap_ros.cli import sources as options
from neumap_ros.cli.console import bar
from neumap_ros.cli.evaluate_trajectories import TrajectoryOptions, evaluate_trajectories
from neumap_ros.cli.extractor_options import ExtractorWeightsOption
from neumap_ros.cli.localize import open_localizer
from neumap_ros.cli.run_options import LabelOption, NameOption, PicturesOption, RerunOption, write
from neumap_ros.errors import ConfigError


@options.with_options
def evaluate(
    source: options.SourceOptions,
    trajectories: TrajectoryOptions,
    map_folder: Annotated[Path | None, typer.Option('--map', help='Map folder.')] = None,
    out: Annotated[
        Path | None, typer.Option('--out', help='Folder for run.json, attempts.csv, poses.txt and more.')
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help='Localizer settings, see config/core.yaml.'),
    ] = None,
    extractor_weights: ExtractorWeightsOption = None,
    label: LabelOption = None,
    name: NameOption = None,
    pictures: PicturesOption = 12,
    rerun: RerunOption = None,
) -> None:
    """Localize images with known poses in a map and say how good it is, or compare two trajectories.

    Images: neumap evaluate --map MAP --dataset D --out RUN; of a --dataset with a split, the queries count.

    Trajectories: neumap evaluate ESTIMATE.tum --ground-truth TRUTH.tum gives the numbers of evo_ape and evo_rpe.

    What is written is a run, which neumap report compares with others.
    """
    from neumap_ros.evaluation.rerun_recording import record_run
    from neumap_ros.evaluation.run import evaluate as run_evaluation
    from neumap_ros.evaluation.run import parse_labels
    from neumap_ros.evaluation.run_pictures import WorstAttempts

    labels = parse_labels(label or [], '--label')
    if trajectories.check():
        others = {'map': map_folder, 'config': config, 'extractor_weights': extractor_weights}
        trajectories.refuse({**others, **vars(source), 'metric': None})
        metric = source.metric is not False
        evaluate_trajectories(trajectories, out=out, metric=metric, name=name, labels=labels)
        return
    if map_folder is None or out is None:
        raise ConfigError(
            f'{"--map" if map_folder is None else "--out"} is missing, expected --map and --out with a source of '
            'images, or ESTIMATE.tum with --ground-truth; add it'
        )
    images = source.open('query')
    localizer = open_localizer(map_folder, config, extractor_weights)
    console, worst = Console(), WorstAttempts(pictures)
    given_name, metric = name or out.resolve().name, localizer.manifest.metric and images.metric is not False
    with record_run(rerun, localizer, given_name, 'camera', metric) as recorder, bar(console, 'localizing') as progress:
        run = run_evaluation(
            localizer,
            images,
            progress,
            name=given_name,
            labels=labels,
            worst=worst,
            on_sights=None if recorder is None else recorder.add,
        )
        if recorder is not None:
            recorder.finish(run)
    write(console, run, out, worst, source.folder)
