# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The demonstration without data: map a simulated building by day, find the way in it at night, read the report."""

from __future__ import annotations

import os
import shlex
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
from rich.console import Console

from neumap_ros.cli.console import bar, build_tables, format_bytes, stage_bars
from neumap_ros.demo.live import replay_through_nodes
from neumap_ros.demo.picture import story

if TYPE_CHECKING:
    from neumap_ros.evaluation.run_types import Run
    from neumap_ros.simulation.requests import DriveRequest

# What the only camera of a drive is called, and so its topics.
CAMERA = 'camera'
MAPPING_SPACING_M = 0.6
JPEG_QUALITY = 85


@dataclass(frozen=True)
class DemoSettings:
    """Size of the demonstration.

    Attributes:
        seed: of the world.
        size_m: of the building.
        image_size: width and height in pixels.
        length_m: of the drive at night.
        budget_bytes: of the map.
        condition: light of the second drive.
        rate: times as fast as recorded that it is replayed.
    """

    seed: int = 7
    size_m: tuple[float, float] = (14.0, 10.0)
    image_size: tuple[int, int] = (320, 240)
    length_m: float = 25.0
    budget_bytes: int = 300_000
    condition: str = 'night'
    rate: float = 1.0


def run_drive_demo(console: Console, out: Path, settings: DemoSettings | None = None) -> Run:
    """Make a world, map it, drive through it at night with the nodes, write a report and a picture.

    Images that are there already are kept.

    Args:
        console: to print to.
        out: folder for everything; it exists.
        settings: how large.

    Returns:
        The run of the nodes.

    Raises:
        NeumapError: as the parts say.
    """
    from neumap_ros.evaluation.files import write_atomically
    from neumap_ros.evaluation.html.page import page
    from neumap_ros.evaluation.html.view import read_views
    from neumap_ros.evaluation.run_folder import FLOOR_NAME, read_run
    from neumap_ros.evaluation.run_tables import print_run
    from neumap_ros.mapping.build import BuildSettings, build_map
    from neumap_ros.mapping.sources import open_poses_json

    settings = settings or DemoSettings()
    mapping_folder, bag, map_folder = out / 'mapping', out / f'{settings.condition}_bag', out / 'map'
    day = _request(settings)
    _photograph(console, day, mapping_folder)

    console.rule('map')
    mapping = open_poses_json(mapping_folder, 'map')
    with stage_bars(console) as progress:
        report = build_map(
            mapping, map_folder, BuildSettings(budget_bytes=settings.budget_bytes), progress, overwrite=True
        )
    console.print(*build_tables(report))

    console.rule(f'drive, {settings.condition}')
    night = replace(day, condition=settings.condition, drive='query', day=1, spacing_m=0.0, length_m=settings.length_m)
    _record(console, night, bag)
    run_folder = out / 'run'
    with tempfile.TemporaryDirectory(prefix='neumap_demo_') as state:
        replay_through_nodes(
            console,
            bag,
            run_folder,
            {
                'localizer': {'cameras': [CAMERA], 'image_transport': 'compressed', 'state_dir': state},
                'map_server': {'map.uri': str(map_folder.absolute()), 'state_dir': state},
                'evaluator': {
                    'out': str(run_folder.absolute()),
                    'name': f'{settings.condition} drive',
                    'condition': settings.condition,
                    'ground_truth': '/ground_truth',
                    'pictures': 12,
                },
            },
            settings.rate,
        )
    # The nodes do not know the building; the report draws it below the drive.
    write_atomically(run_folder / FLOOR_NAME, (bag / FLOOR_NAME).read_bytes())
    run = read_run(run_folder)
    print_run(console, run)

    console.rule('what next')
    page_path, picture_path = out / 'report.html', out / 'demo.jpg'
    write_atomically(page_path, page(read_views([run_folder]), '').encode())
    picture = story(run, mapping, map_folder, bag, CAMERA)
    write_atomically(picture_path, cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes())
    _say_what_next(console, out, report.total_bytes)
    return run


def _request(settings: DemoSettings) -> DriveRequest:
    from neumap_ros.simulation.requests import DriveRequest

    return DriveRequest(
        seed=settings.seed,
        size_m=settings.size_m,
        image_size=settings.image_size,
        spacing_m=MAPPING_SPACING_M,
    )


def _photograph(console: Console, request: DriveRequest, folder: Path) -> None:
    from neumap_ros.simulation.posed_images import make_posed_images

    with bar(console, 'a drive by day') as progress:
        summary = make_posed_images(request, folder, workers=os.cpu_count() or 1, progress=progress)
    console.print(f'{summary.images} images, {summary.length_m:.0f} m', highlight=False)


def _record(console: Console, request: DriveRequest, bag: Path) -> None:
    from neumap_ros.simulation.folders import folder_key
    from neumap_ros.simulation.world_bag import WorldBagSettings, make_world_bag

    if bag.exists() and folder_key(bag) == request.to_json()['key']:
        console.print(f'the bag {bag} is already recorded', highlight=False, markup=False)
        return
    with stage_bars(console) as stages:
        drive, _ = make_world_bag(
            request, bag, WorldBagSettings(compressed=True), workers=os.cpu_count() or 1, progress=stages
        )
    console.print(
        f'{len(drive.times_s)} images, {drive.motion.end_s:.0f} s, {drive.length_m:.0f} m, odometry that drifts',
        highlight=False,
    )


def _say_what_next(console: Console, out: Path, total_bytes: int) -> None:
    def line(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    map_folder, bag = shlex.quote(str(out / 'map')), shlex.quote(str(next(out.glob('*_bag'))))
    line(f'The map has {format_bytes(total_bytes)}. Open the report in a browser: {out / "report.html"}')
    line('Try:')
    line(f'  neumap map info {map_folder}')
    line(f'  neumap replay {bag} --map {map_folder} --ground-truth /ground_truth')
    line('Map your own images (README.md, "Map your own COLMAP model"):')
    line('  neumap map build --colmap MODEL --out my_map --budget 500kB')
