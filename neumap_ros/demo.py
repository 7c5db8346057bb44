# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From pictures to poses in a minute or two: ``python -m neumap_ros.demo``.

Without data it renders a small room with exact poses; with ``--data NAME`` it takes real photographs.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from neumap_ros.cli.console import bar, build_tables, format_bytes, one_line_errors, set_up_logging, stage_bars
from neumap_ros.errors import ConfigError

if TYPE_CHECKING:
    from neumap_ros.evaluation.run_types import AttemptRow, Run
    from neumap_ros.geometry import FloatArray
    from neumap_ros.localization.fix import Fix
    from neumap_ros.localization.localizer import Localizer
    from neumap_ros.mapping.sources import ImageSource

DATA_VARIABLE = 'NEUMAP_DATA'
BUDGET_BYTES = 250_000


def run_demo(
    console: Console,
    out: Path,
    data: str | None = None,
    *,
    size: tuple[int, int] = (640, 480),
    views: tuple[int, int] = (60, 20),
    budget_bytes: int | None = BUDGET_BYTES,
) -> Run:
    """Build a map, localize held-out images, print tables, write pictures and reports.

    Args:
        console: to print to.
        out: folder for everything.
        data: name of a data set; None renders one.
        size: of rendered images in pixels.
        views: how many images to render for the map, and how many to localize.
        budget_bytes: of the map; None keeps all points and measures nothing.

    Raises:
        NeumapError: as the parts say.
    """
    from neumap_ros.evaluation.pictures import draw_inliers, draw_plan, write_picture
    from neumap_ros.evaluation.run import evaluate
    from neumap_ros.evaluation.run_folder import write_run
    from neumap_ros.evaluation.run_pictures import WorstAttempts
    from neumap_ros.evaluation.run_tables import run_tables
    from neumap_ros.localization.localizer import Localizer
    from neumap_ros.mapping.build import BuildSettings, build_map
    from neumap_ros.mapping.sources import open_poses_json
    from neumap_ros.maps.storage import open_map

    folder = rendered_world(console, out / 'world', size, views) if data is None else find_data(data)
    mapping, queries = open_poses_json(folder, 'map'), open_poses_json(folder, 'query')
    results = out if data is None else out / Path(data).name
    map_folder = results / 'map'
    _make_folder(results)

    console.rule('map')
    console.print(f'mapping {mapping.description}', highlight=False, markup=False)
    with stage_bars(console) as progress:
        report = build_map(mapping, map_folder, BuildSettings(budget_bytes=budget_bytes), progress, overwrite=True)
    console.print(*build_tables(report))

    console.rule('localize')
    localizer = Localizer(open_map(map_folder))
    shown: list[tuple[AttemptRow, Fix]] = []

    def remember(row: AttemptRow, fix: Fix) -> None:
        if not shown or (fix.accepted and not shown[0][1].accepted):
            shown[:] = [(row, fix)]

    worst = WorstAttempts()
    with bar(console, 'localizing') as advance:
        run = evaluate(localizer, queries, advance, name=results.name, worst=worst, on_fix=remember)
    console.print(run_tables(run))

    run, pictures = worst.pictures(run)
    written = list(write_run(run, results / 'evaluation', pictures).values())
    row, fix = shown[0]
    image = next(image for image in queries.images if image.name == row.name)
    if row.detail == '':
        written.append(results / 'query_with_inliers.png')
        write_picture(written[-1], draw_inliers(queries.read(image), fix, image.camera, image.name))
    written.append(results / 'plan.png')
    drive = [image.T_map_cam for image in mapping.images if image.T_map_cam is not None]
    fixes = [row.pose for row in run.attempts if row.pose is not None]
    truths = [row.truth for row in run.attempts if row.truth is not None]
    write_picture(written[-1], draw_plan(drive, fixes, truths, _map_points(localizer)))
    console.rule('what next')
    _say_what_next(console, folder, map_folder, written, queries, report.total_bytes)
    return run


def rendered_world(console: Console, folder: Path, size: tuple[int, int], views: tuple[int, int]) -> Path:
    """Render the demonstration world, or find it rendered.

    Args:
        console: to print to.
        folder: of the world.
        size: of the images in pixels.
        views: how many for the map, and how many to localize.

    Returns:
        The folder.

    Raises:
        ConfigError: the ray caster is not installed, or the folder holds something else.
    """
    if (folder / 'split.json').is_file():
        console.print(f'the world in {folder} is already rendered', highlight=False, markup=False)
        return folder
    from neumap_ros.simulation.demo_world import make_demo_world

    _make_folder(folder.parent)
    with bar(console, 'rendering a room') as progress:
        make_demo_world(folder, size=size, mapping_views=views[0], query_views=views[1], progress=progress)
    return folder


def find_data(name: str) -> Path:
    """The folder of a data set: ``posed/NAME`` in ``$NEUMAP_DATA`` or in ``../shared/data`` beside the checkout.

    Raises:
        ConfigError: there is none.
    """
    given = os.environ.get(DATA_VARIABLE)
    root = Path(given) if given else Path(__file__).resolve().parents[2] / 'shared' / 'data'
    folder = root / 'posed' / name
    if not (folder / 'split.json').is_file():
        known = sorted(path.parent.name for path in (root / 'posed').glob('*/split.json'))
        names = f'expected one of {", ".join(known)}' if known else f'set {DATA_VARIABLE} to the folder around posed/'
        raise ConfigError(f'there is no data set {folder} with a split.json, {names}')
    return folder


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f'{folder} cannot be created ({error.strerror}), expected a folder; choose another') from None


def _map_points(localizer: Localizer) -> FloatArray | None:
    """Map points (P, 3) where the map's kind has points."""
    from neumap_ros.localization.descriptor_decoder import DescriptorDecoder

    return localizer.decoder.table.points_P3 if isinstance(localizer.decoder, DescriptorDecoder) else None


def _say_what_next(
    console: Console, data: Path, map_folder: Path, written: list[Path], queries: ImageSource, total_bytes: int
) -> None:
    def line(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    camera = queries.images[0].camera
    spelled = ','.join([camera.model, str(camera.width), str(camera.height), *(f'{p:.10g}' for p in camera.params)])
    image = data / 'images' / queries.images[0].name
    line(f'The map has {format_bytes(total_bytes)} and lies in {map_folder}. Written:')
    for path in written:
        line(f'  {path}')
    line('Try:')
    line(f'  neumap map info {shlex.quote(str(map_folder))}')
    line(f'  neumap localize {shlex.quote(str(image))} --map {shlex.quote(str(map_folder))} --camera {spelled}')
    line('Map your own images (README.md, "Map your own COLMAP model"):')
    line('  neumap map build --colmap MODEL --out my_map --budget 500kB')


def demo(
    data: Annotated[str | None, typer.Option(help=f'Data set in ${DATA_VARIABLE}/posed or ../shared/data.')] = None,
    out: Annotated[Path, typer.Option(help='Folder for everything that is written.')] = Path('demo_output'),
    debug: Annotated[bool, typer.Option('--debug', help='Show tracebacks and log more.')] = False,
) -> None:
    """Build a map, localize held-out images in it, show how good they are."""
    set_up_logging(debug)
    with one_line_errors(debug):
        run_demo(Console(), out, data)


def main() -> None:
    """Entry point of ``python -m neumap_ros.demo``."""
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(demo)
    app()


if __name__ == '__main__':
    main()
