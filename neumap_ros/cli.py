# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ``neumap`` command: argument parsing only. Heavy imports stand inside the commands, so that --help is quick."""

from __future__ import annotations

import json
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from neumap_ros import cli_sources as options
from neumap_ros.cli_console import (
    EXIT_ERROR,
    EXIT_NOT_LOCALIZED,
    EXIT_PROBLEMS,
    bar,
    build_tables,
    busy,
    format_bytes,
    one_line_errors,
    parse_bytes,
    print_error,
    set_up_logging,
    stage_bars,
)
from neumap_ros.errors import ConfigError, ImageError


class Commands(TyperGroup):
    """The commands; our errors become one line here and nowhere else."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with one_line_errors(debug=bool(ctx.params.get('debug'))):
            return super().invoke(ctx)


app = typer.Typer(
    name='neumap',
    cls=Commands,
    help='Map a place from posed images in a few hundred kilobytes, and localize new images in it.',
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
map_app = typer.Typer(no_args_is_help=True, help='Build, show and check maps.')
train_app = typer.Typer(no_args_is_help=True, help='Train what ships with the package.')
app.add_typer(map_app, name='map')
app.add_typer(train_app, name='train')


class Kind(str, Enum):
    """Kinds of map."""

    dpqed = 'dpqed'
    pq = 'pq'
    full = 'full'


MapOption = Annotated[Path, typer.Option('--map', help='Map folder.')]


@app.callback()
def _common(debug: Annotated[bool, typer.Option('--debug', help='Show tracebacks and log more.')] = False) -> None:
    set_up_logging(debug)


@map_app.command('build')
def map_build(
    out: Annotated[Path, typer.Option('--out', help='Map folder to write.')],
    dataset: options.DatasetOption = None,
    colmap: options.ColmapOption = None,
    transforms: options.TransformsOption = None,
    tum: options.TumOption = None,
    bag: options.BagOption = None,
    images: options.ImagesOption = None,
    split: options.SplitOption = None,
    camera_yaml: options.CameraYamlOption = None,
    image_topic: options.ImageTopicOption = None,
    camera_info_topic: options.CameraInfoTopicOption = None,
    pose: options.PoseOption = None,
    every: options.EveryOption = None,
    metric: options.MetricOption = None,
    kind: Annotated[Kind, typer.Option(help='dpqed; pq and full are references to compare with.')] = Kind.dpqed,
    budget: Annotated[
        str | None,
        typer.Option(help='Bytes of the whole map folder, such as 30kB, 64KiB or 1MB; default: all points.'),
    ] = None,
    extractor: Annotated[str, typer.Option(help='Which local features.')] = 'rootsift',
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
    seed: Annotated[int, typer.Option(help='Of everything random.')] = 0,
    overwrite: Annotated[bool, typer.Option('--overwrite', help='Replace an existing map.')] = False,
    notes: Annotated[str, typer.Option(help='Licence and remarks, stored in the map.')] = '',
) -> None:
    """Build a map from posed images.

    Example: neumap map build --colmap office/sparse/0 --out office_map --budget 500kB
    """
    chosen = options.SourceOptions(
        dataset, colmap, transforms, tum, bag, images, split, camera_yaml, image_topic, camera_info_topic, pose, every,
        metric,
    )  # fmt: skip
    source_kind = chosen.check()
    budget_bytes = None if budget is None else parse_bytes(budget)
    if parts is not None and parts not in (2, 4, 8, 16):
        raise ConfigError(f'--parts is {parts}, expected 2, 4, 8 or 16 numbers per descriptor')
    if centroids is not None and (centroids not in (256, 4096) or (centroids, parts) == (4096, 16)):
        raise ConfigError(f'--centroids is {centroids}, expected 256, or 4096 with --parts 2, 4 or 8')
    if out.exists() and not overwrite:
        raise ConfigError(f'{out} exists already, expected a new folder; choose another one or add --overwrite')
    if not out.absolute().parent.is_dir():
        raise ConfigError(f'the folder {out.absolute().parent} of the map does not exist, expected it; create it first')
    console = Console()

    from neumap_ros.mapping.build import BuildSettings, build_map
    from neumap_ros.mapping.sources import thin

    if source_kind == 'images':
        console.print('No poses are given: structure from motion finds them. The scale will be arbitrary, not metres.')
    with busy(console, 'structure from motion' if source_kind == 'images' else 'opening the images'):
        source = chosen.open('map', out.with_name(f'{out.name}.sfm'))
    if min_distance or min_angle:
        source = thin(source, min_distance, min_angle)
    console.print(f'mapping {escape(source.description)}', highlight=False)
    if source.metric is None:
        console.print('The source does not say so: it is taken for metres. Add --metric or --arbitrary-scale.')
    settings = BuildSettings(
        kind=kind.value,
        budget_bytes=budget_bytes,
        parts=parts,
        centroids=centroids,
        extractor=extractor,
        bundle_adjust=bundle_adjust,
        seed=seed,
        notes=notes,
    )
    with stage_bars(console) as progress:
        report = build_map(source, out, settings, progress, overwrite=overwrite)
    console.print(*build_tables(report))
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


@map_app.command('info')
def map_info(folder: Annotated[Path, typer.Argument(metavar='MAP', help='Map folder.')]) -> None:
    """Show what a map is and where its bytes go."""
    from neumap_ros.maps import info

    Console().print(info.info_tables(info.map_info(folder)))


@map_app.command('verify')
def map_verify(folder: Annotated[Path, typer.Argument(metavar='MAP', help='Map folder.')]) -> None:
    """Check every byte of a map; exit code 1 and all problems if it is not sound."""
    from neumap_ros.maps.verify import verify_map

    problems = verify_map(folder)
    for problem in problems:
        print_error(str(problem))
    if problems:
        raise typer.Exit(EXIT_PROBLEMS)
    typer.echo(f'map {folder} is sound')


@app.command()
def localize(
    images: Annotated[list[Path], typer.Argument(metavar='IMAGE...', help='Images of one camera.')],
    map_folder: MapOption,
    camera_yaml: options.CameraYamlOption = None,
    camera: Annotated[
        str | None,
        typer.Option(help="MODEL,width,height,params... in COLMAP's order."),
    ] = None,
    as_json: Annotated[bool, typer.Option('--json', help='One JSON object per line and image.')] = False,
    picture: Annotated[
        Path | None,
        typer.Option(help='Folder for pictures of the images with their inliers.'),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help='Localizer settings, see config/localizer.yaml.'),
    ] = None,
) -> None:
    """Localize images in a map; exit code 0 if all were localized, 3 if some were not."""
    the_camera = options.open_camera(camera_yaml, camera)

    from neumap_ros.cli_output import fix_document, fix_line, picture_paths
    from neumap_ros.images import read_image

    localizer = _localizer(map_folder, config)
    pictures = picture_paths(picture, images)
    unlocalized = failed = 0
    for path, picture_path in zip(images, pictures, strict=True):
        try:
            pixels = read_image(path)
            fix = localizer.localize(pixels, the_camera, name=str(path))
        except ImageError as error:  # the other images may be sound
            print_error(str(error))
            failed += 1
            continue
        unlocalized += not fix.accepted
        if as_json:
            typer.echo(json.dumps(fix_document(path, fix), allow_nan=False))
        else:
            typer.echo(fix_line(path, fix, localizer.manifest.metric))
        if picture_path is not None:
            from neumap_ros.evaluation.pictures import draw_inliers, write_picture

            write_picture(picture_path, draw_inliers(pixels, fix, the_camera, path.name))
    if failed or unlocalized:
        raise typer.Exit(EXIT_ERROR if failed else EXIT_NOT_LOCALIZED)


@app.command()
def evaluate(
    map_folder: MapOption,
    out: Annotated[Path, typer.Option('--out', help='Folder for results.json, trajectory.tum and poses.txt.')],
    dataset: options.DatasetOption = None,
    colmap: options.ColmapOption = None,
    transforms: options.TransformsOption = None,
    tum: options.TumOption = None,
    bag: options.BagOption = None,
    images: options.ImagesOption = None,
    split: options.SplitOption = None,
    camera_yaml: options.CameraYamlOption = None,
    image_topic: options.ImageTopicOption = None,
    camera_info_topic: options.CameraInfoTopicOption = None,
    pose: options.PoseOption = None,
    every: options.EveryOption = None,
    metric: options.MetricOption = None,
    config: Annotated[
        Path | None,
        typer.Option(help='Localizer settings, see config/localizer.yaml.'),
    ] = None,
) -> None:
    """Localize images with known poses in a map and say how good it is.

    Of a --dataset with a split, the queries count.
    """
    chosen = options.SourceOptions(
        dataset, colmap, transforms, tum, bag, images, split, camera_yaml, image_topic, camera_info_topic, pose, every,
        metric,
    )  # fmt: skip
    source = chosen.open('query')

    from neumap_ros.evaluation import report, run

    localizer = _localizer(map_folder, config)
    console = Console()
    with bar(console, 'localizing') as progress:
        result = run.evaluate(localizer, source, progress)
    paths = report.write_report(result, out)
    console.print(report.summary_tables(result))
    console.print(f'Written: {escape(", ".join(map(str, paths.values())))}', highlight=False, soft_wrap=True)


@train_app.command('basis')
def train_basis(
    images: Annotated[Path, typer.Option('--images', help='Folder of ordinary photographs, at least 128.')],
    out: Annotated[Path, typer.Option('--out', help='safetensors file to write; the log goes beside it.')],
    extractor: Annotated[str, typer.Option(help='Whose descriptors are projected.')] = 'rootsift',
    seed: Annotated[int, typer.Option(help='Of the warps and of k-means.')] = 0,
) -> None:
    """Train the scene-independent projection and codebooks of an extractor."""
    from neumap_ros.evaluation.report import write_atomically
    from neumap_ros.features import create_extractor
    from neumap_ros.training import basis

    network = create_extractor(extractor, with_global=False)
    console = Console()
    with bar(console, 'photographs') as progress:
        figures = basis.train_basis(images, network, out, seed, progress)
    text = basis.log_lines(figures, ['neumap', *sys.argv[1:]])
    write_atomically(out.with_suffix('.log'), text.encode())
    console.print(text, highlight=False, markup=False)
    console.print(f'Written: {out}, {out.with_suffix(".log")}', highlight=False, markup=False, soft_wrap=True)


def _localizer(map_folder: Path, config: Path | None) -> Any:
    """Open a map and load it."""
    from neumap_ros.localization.localizer import Localizer
    from neumap_ros.localization.settings import load_settings
    from neumap_ros.maps.storage import open_map

    settings = None if config is None else load_settings(config)
    return Localizer(open_map(map_folder), settings)


def main() -> None:
    """Entry point of the console command."""
    app()


if __name__ == '__main__':
    main()
