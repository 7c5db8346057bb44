# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap map``: build, show, check and publish maps."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from neumap_ros.cli import sources as options
from neumap_ros.cli.console import (
    EXIT_PROBLEMS,
    build_tables,
    busy,
    format_bytes,
    parse_bytes,
    print_error,
    stage_bars,
)
from neumap_ros.cli.extractor_options import ExtractorWeightsOption
from neumap_ros.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help='Build, show, check and publish maps.')


class Kind(str, Enum):
    """Kinds of map."""

    dpqed = 'dpqed'
    pq = 'pq'
    full = 'full'


@app.command('build')
@options.with_options
def map_build(
    out: Annotated[Path, typer.Option('--out', help='Map folder to write.')],
    source: options.SourceOptions,
    kind: Annotated[Kind, typer.Option(help='dpqed; pq and full are references to compare with.')] = Kind.dpqed,
    budget: Annotated[
        str | None,
        typer.Option(help='Bytes of the whole map folder, such as 30kB, 64KiB or 1MB; default: all points.'),
    ] = None,
    extractor: Annotated[str, typer.Option(help='Which local features.')] = 'rootsift',
    extractor_weights: ExtractorWeightsOption = None,
    parts: Annotated[
        int | None,
        typer.Option(help='Numbers of a descriptor code: 2, 4, 8 or 16; default: chosen by measurement.'),
    ] = None,
    centroids: Annotated[
        int | None,
        typer.Option(help='Values of each: 256 (a byte) or, up to 8 numbers, 4096 (1.5 bytes); default: measured.'),
    ] = None,
    bundle_adjust: Annotated[bool, typer.Option('--bundle-adjust', help='Refine poses (from odometry).')] = False,
    min_distance: Annotated[float, typer.Option(help='Drop images that moved less than this, in map units ...')] = 0.0,
    min_angle: Annotated[float, typer.Option(help='... and turned less than this, in degrees.')] = 0.0,
    calibration: Annotated[
        str,
        typer.Option(
            help='Mapping images held out to measure how wrong poses are: a number, or off (the covariance is then '
            'pixel noise times a constant).'
        ),
    ] = '40',
    seed: Annotated[int, typer.Option(help='Of everything random.')] = 0,
    overwrite: Annotated[bool, typer.Option('--overwrite', help='Replace an existing map.')] = False,
    notes: Annotated[str, typer.Option(help='Licence and remarks, stored in the map.')] = '',
) -> None:
    """Build a map from posed images.

    Example: neumap map build --colmap office/sparse/0 --out office_map --budget 500kB
    """
    kind_of_source = source.check()
    budget_bytes = None if budget is None else parse_bytes(budget)
    if parts is not None and parts not in (2, 4, 8, 16):
        raise ConfigError(f'--parts is {parts}, expected 2, 4, 8 or 16 numbers per descriptor')
    if centroids is not None and (centroids not in (256, 4096) or (centroids, parts) == (4096, 16)):
        raise ConfigError(f'--centroids is {centroids}, expected 256, or 4096 with --parts 2, 4 or 8')
    calibration_images = _calibration_images(calibration)
    if out.exists() and not overwrite:
        raise ConfigError(f'{out} exists already, expected a new folder; choose another one or add --overwrite')
    if not out.absolute().parent.is_dir():
        raise ConfigError(f'the folder {out.absolute().parent} of the map does not exist, expected it; create it first')
    console = Console()

    from neumap_ros.mapping.build import BuildSettings, build_map
    from neumap_ros.mapping.sources import thin

    if kind_of_source == 'images':
        console.print('No poses are given: structure from motion finds them. The scale will be arbitrary, not metres.')
    with busy(console, 'structure from motion' if kind_of_source == 'images' else 'opening the images'):
        images = source.open('map', out.with_name(f'{out.name}.sfm'))
    if min_distance or min_angle:
        images = thin(images, min_distance, min_angle)
    console.print(f'mapping {escape(images.description)}', highlight=False)
    if images.metric is None:
        console.print('The source does not say so: it is taken for metres. Add --metric or --arbitrary-scale.')
    settings = BuildSettings(
        kind=kind.value,
        budget_bytes=budget_bytes,
        parts=parts,
        centroids=centroids,
        extractor=extractor,
        extractor_weights='' if extractor_weights is None else str(extractor_weights),
        bundle_adjust=bundle_adjust,
        calibration_images=calibration_images,
        seed=seed,
        notes=notes,
    )
    with stage_bars(console) as progress:
        report = build_map(images, out, settings, progress, overwrite=overwrite)
    console.print(*build_tables(report))
    if report.calibration is not None:
        console.print(report.calibration.sentence(), highlight=False, soft_wrap=True)
    console.print(
        f'{report.views} images, {report.points_kept:,} of {report.points_found:,} points, '
        f'{format_bytes(report.total_bytes)}, {sum(report.seconds.values()):.0f} s',
        highlight=False,
    )
    console.print(
        f'The map lies in {escape(str(out))}. Next: neumap localize IMAGE --map {escape(str(out))} --camera-yaml FILE',
        highlight=False,
        soft_wrap=True,
    )


def _calibration_images(text: str) -> int:
    if text == 'off':
        return 0
    if not text.isascii() or not text.isdigit():
        raise ConfigError(f'--calibration is {text!r}, expected a number of images such as 40, or off')
    return int(text)


@app.command('info')
def map_info(folder: Annotated[Path, typer.Argument(metavar='MAP', help='Map folder.')]) -> None:
    """Show what a map is and where its bytes go."""
    from neumap_ros.maps import info

    Console().print(info.info_tables(info.map_info(folder)))


@app.command('verify')
def map_verify(folder: Annotated[Path, typer.Argument(metavar='MAP', help='Map folder.')]) -> None:
    """Check every byte of a map; exit code 1 and all problems if it is not sound."""
    from neumap_ros.maps.verify import verify_map

    problems = verify_map(folder)
    for problem in problems:
        print_error(str(problem))
    if problems:
        raise typer.Exit(EXIT_PROBLEMS)
    typer.echo(f'map {folder} is sound')


@app.command('publish')
def map_publish(
    folder: Annotated[Path, typer.Argument(metavar='MAP', help='Map folder.')],
    repository: Annotated[
        Path, typer.Option('--repository', help='Folder of revisions of one map; made if there is none.')
    ],
) -> None:
    """Add a map to a repository as its next revision, for robots to switch to.

    Example: neumap map publish office_map --repository office_repository
    """
    from neumap_ros.maps.repository import publish

    stored = publish(folder, repository)
    typer.echo(f'revision {stored.manifest.revision} of map {stored.manifest.map_id} lies in {stored.folder}')
    typer.echo(f'sha256 {stored.manifest_sha256}')
    typer.echo(
        f'Next: ros2 param set /map_server map.revision {stored.manifest.revision}, where map.uri is '
        f'{repository.absolute()}'
    )
