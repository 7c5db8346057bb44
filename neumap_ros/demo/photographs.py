# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The demonstration with posed photographs: map one part of them, localize the other."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from neumap_ros.cli.console import bar, build_tables, format_bytes, stage_bars
from neumap_ros.errors import ConfigError

if TYPE_CHECKING:
    from neumap_ros.evaluation.run_types import AttemptRow, Run
    from neumap_ros.geometry import FloatArray
    from neumap_ros.localization.fix import Fix
    from neumap_ros.localization.localizer import Localizer
    from neumap_ros.mapping.sources import ImageSource

DATA_VARIABLE = 'NEUMAP_DATA'
BUDGET_BYTES = 250_000


def run_photograph_demo(console: Console, data: Path, out: Path, budget_bytes: int | None = BUDGET_BYTES) -> Run:
    """Build a map, localize held-out images, print tables, write pictures and a run.

    Args:
        console: to print to.
        data: folder with ``poses.json`` and ``split.json``.
        out: folder for everything.
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

    mapping, queries = open_poses_json(data, 'map'), open_poses_json(data, 'query')
    map_folder = out / 'map'
    make_folder(out)

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
        run = evaluate(localizer, queries, advance, name=out.name, worst=worst, on_fix=remember)
    console.print(run_tables(run))

    run, pictures = worst.pictures(run)
    written = list(write_run(run, out / 'evaluation', pictures).values())
    row, fix = shown[0]
    image = next(image for image in queries.images if image.name == row.name)
    if row.detail == '':
        written.append(out / 'query_with_inliers.png')
        write_picture(written[-1], draw_inliers(queries.read(image), fix, image.camera, image.name))
    written.append(out / 'plan.png')
    drive = [image.T_map_cam for image in mapping.images if image.T_map_cam is not None]
    fixes = [row.pose for row in run.attempts if row.pose is not None]
    truths = [row.truth for row in run.attempts if row.truth is not None]
    write_picture(written[-1], draw_plan(drive, fixes, truths, _map_points(localizer)))
    console.rule('what next')
    _say_what_next(console, data, map_folder, written, queries, report.total_bytes)
    return run


def find_data(name: str) -> Path:
    """The folder of a data set: ``posed/NAME`` in ``$NEUMAP_DATA`` or in ``../shared/data`` beside the checkout.

    Raises:
        ConfigError: there is none.
    """
    given = os.environ.get(DATA_VARIABLE)
    root = Path(given) if given else Path(__file__).resolve().parents[3] / 'shared' / 'data'
    folder = root / 'posed' / name
    if not (folder / 'split.json').is_file():
        known = sorted(path.parent.name for path in (root / 'posed').glob('*/split.json'))
        names = f'expected one of {", ".join(known)}' if known else f'set {DATA_VARIABLE} to the folder around posed/'
        raise ConfigError(f'there is no data set {folder} with a split.json, {names}')
    return folder


def make_folder(folder: Path) -> None:
    """Create a folder with those around it.

    Raises:
        ConfigError: it cannot be created.
    """
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
