# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap bag``: recordings made from posed images."""

from __future__ import annotations

import math
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from neumap_ros.cli import sources as options
from neumap_ros.cli.console import bar, busy

app = typer.Typer(no_args_is_help=True, help='Make ROS 2 bags.')


class Part(str, Enum):
    """Which images of a data set with a split."""

    query = 'query'
    map = 'map'
    all = 'all'


class Storage(str, Enum):
    """How rosbag2 stores messages."""

    mcap = 'mcap'
    sqlite3 = 'sqlite3'


@app.command('make')
@options.with_options
def make(
    source: options.SourceOptions,
    out: Annotated[Path, typer.Option('--out', help='Folder of the bag to write.')],
    part: Annotated[Part, typer.Option(help='Images of a --dataset with a split that are recorded.')] = Part.query,
    rate: Annotated[
        float | None,
        typer.Option(help='Images per second; default: the stamps of the source, or 15 where it has none.'),
    ] = None,
    compressed: Annotated[
        bool, typer.Option('--compressed', help='CompressedImage; JPEG files keep their bytes.')
    ] = False,
    drift_m: Annotated[float, typer.Option(help='Error of the odometry per metre, after ten metres.')] = 0.02,
    drift_deg_per_10m: Annotated[float, typer.Option(help='Error of its heading after ten metres, degrees.')] = 1.0,
    odometry_rate: Annotated[float, typer.Option(help='At least so many odometry samples per second; 0: none.')] = 50.0,
    storage: Annotated[Storage, typer.Option(help='Of the bag.')] = Storage.mcap,
    seed: Annotated[int, typer.Option(help='Of the drift.')] = 0,
) -> None:
    """Make a ROS 2 bag from posed images: camera, calibration, TF, odometry that drifts, and the true poses.

    Example: neumap bag make --dataset office --out office_bag --compressed
    """
    kind = source.check()

    from neumap_ros.recording.drift import DriftSettings
    from neumap_ros.recording.make import TRUTH_FILE, BagSettings, make_bag

    settings = BagSettings(
        rate_hz=rate,
        compressed=compressed,
        odometry_rate_hz=odometry_rate,
        drift=DriftSettings(drift_m, drift_deg_per_10m, seed),
        storage=storage.value,
    )
    console = Console()
    with busy(console, 'structure from motion' if kind == 'images' else 'opening the images'):
        images = source.open(part.value, out.with_name(f'{out.name}.sfm'))
    console.print(f'recording {escape(images.description)}', highlight=False)
    with bar(console, 'images') as progress:
        report = make_bag(images, out, settings, progress)
    for topic, count in report.counts.items():
        console.print(f'  {topic}  {count}', highlight=False)
    unit = 'm' if images.metric is not False else 'units'
    console.print(f'{report.duration_s:.1f} s, {report.distance_m:.1f} {unit}', highlight=False)
    if math.isfinite(report.drift_m_per_m):
        console.print(
            f'odometry drifts {report.drift_m_per_m:.1%} and {report.drift_deg_per_10m:.1f} deg in 10 {unit}',
            highlight=False,
        )
    if report.cameras > 1:
        console.print(f'The images have {report.cameras} calibrations: camera_info changes during the recording.')
    if images.metric is False:
        console.print('The scale of the source is arbitrary: its units are taken for metres.')
    console.print(
        f'The bag lies in {escape(str(out))}, the true poses of base_link in {escape(str(out / TRUTH_FILE))}.',
        highlight=False,
        soft_wrap=True,
    )
