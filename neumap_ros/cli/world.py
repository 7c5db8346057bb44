# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap world``: simulated worlds with exact ground truth."""

from __future__ import annotations

import os
import re
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from neumap_ros.cli.bag import Storage
from neumap_ros.cli.console import bar, stage_bars
from neumap_ros.errors import ConfigError
from neumap_ros.simulation.folders import CACHE_VARIABLE

app = typer.Typer(no_args_is_help=True, help='Make simulated worlds with exact ground truth.')

_WORLD, _DRIVE, _CAMERA, _BAG = 'The world', 'The drive', 'The camera', 'The bag'
_SIZE = re.compile(r'(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)')
# What a camera does to the light; each can be switched off.
EFFECTS = (
    'auto-exposure',
    'white-balance',
    'response',
    'noise',
    'motion-blur',
    'rolling-shutter',
    'vignetting',
    'dirt',
)
# Images of a mapping drive that are closer together tell a map nothing new.
MAPPING_SPACING_M = 0.5


class WorldKind(str, Enum):
    """Kinds of world."""

    building = 'building'
    square = 'square'
    mixed = 'mixed'


class Light(str, Enum):
    """Conditions of light."""

    day = 'day'
    evening = 'evening'
    lamps = 'lamps'
    night = 'night'


class DriveKind(str, Enum):
    """Kinds of drive."""

    mapping = 'mapping'
    query = 'query'


@app.callback()
def _world() -> None:
    """Keep ``make`` a command of its own."""


@app.command('make')
def make(
    out: Annotated[Path, typer.Option('--out', help='Folder to write.')],
    seed: Annotated[int, typer.Option(help='Of the world and all that happens in it.', rich_help_panel=_WORLD)] = 7,
    size: Annotated[str, typer.Option(help='Metres.', rich_help_panel=_WORLD)] = '30x20',
    kind: Annotated[WorldKind, typer.Option(help='Of world.', rich_help_panel=_WORLD)] = WorldKind.building,
    condition: Annotated[Light, typer.Option(help='Light; night: headlight.', rich_help_panel=_WORLD)] = Light.day,
    day: Annotated[
        int | None,
        typer.Option(
            help='Other furniture, people and another query drive each day; default 0, query drives 1.',
            rich_help_panel=_WORLD,
        ),
    ] = None,
    drive: Annotated[
        DriveKind,
        typer.Option(help='mapping: every way in both directions; query: another way.', rich_help_panel=_DRIVE),
    ] = DriveKind.mapping,
    length: Annotated[float, typer.Option(help='Of a query drive, metres.', rich_help_panel=_DRIVE)] = 60.0,
    kidnap: Annotated[
        int, typer.Option(help='So often a query drive jumps to a far place.', rich_help_panel=_DRIVE)
    ] = 0,
    rate: Annotated[float, typer.Option(help='Images per second.', rich_help_panel=_DRIVE)] = 10.0,
    spacing: Annotated[
        float | None,
        typer.Option(
            help='Only images so far apart, metres; 0: all. Default: 0.5 for a folder of a mapping drive, otherwise 0.',
            rich_help_panel=_DRIVE,
        ),
    ] = None,
    image_size: Annotated[str, typer.Option('--image-size', help='Pixels.', rich_help_panel=_CAMERA)] = '320x240',
    cameras: Annotated[
        str, typer.Option(help='Of front, left, rear and right, with commas.', rich_help_panel=_CAMERA)
    ] = 'front',
    fisheye: Annotated[bool, typer.Option('--fisheye', help='127 degrees.', rich_help_panel=_CAMERA)] = False,
    depth: Annotated[bool, typer.Option('--depth', help='True depth too.', rich_help_panel=_CAMERA)] = False,
    without: Annotated[
        str, typer.Option(help=f'Effects to leave out, with commas: {", ".join(EFFECTS)}.', rich_help_panel=_CAMERA)
    ] = '',
    as_bag: Annotated[
        bool, typer.Option('--bag', help='A ROS 2 bag instead of a folder of images.', rich_help_panel=_BAG)
    ] = False,
    compressed: Annotated[bool, typer.Option('--compressed', help='JPEG.', rich_help_panel=_BAG)] = False,
    storage: Annotated[Storage, typer.Option(help='Of the bag.', rich_help_panel=_BAG)] = Storage.mcap,
    drift_m: Annotated[
        float, typer.Option(help='Error of the odometry per metre, after ten metres.', rich_help_panel=_BAG)
    ] = 0.02,
    drift_deg_per_10m: Annotated[
        float, typer.Option(help='Error of its heading after ten metres, degrees.', rich_help_panel=_BAG)
    ] = 1.0,
    odometry_rate: Annotated[float, typer.Option(help='Samples per second; 0: none.', rich_help_panel=_BAG)] = 50.0,
    imu_rate: Annotated[float, typer.Option(help='Samples per second; 0: none.', rich_help_panel=_BAG)] = 200.0,
    cache: Annotated[
        Path | None,
        typer.Option(help='Keeps what was made for the next time.', envvar=CACHE_VARIABLE),
    ] = None,
    workers: Annotated[int | None, typer.Option(help='Processes; default: all processors.')] = None,
) -> None:
    """Drive a robot through a simulated world: posed images or a bag, with exact poses.

    Examples:
        neumap world make --seed 7 --out mapping

        neumap world make --seed 7 --condition night --drive query --out night

        neumap world make --seed 7 --condition night --drive query --kidnap 2 --out night_bag --bag
    """
    from neumap_ros.recording.drift import DriftSettings
    from neumap_ros.simulation.imu import ImuSettings
    from neumap_ros.simulation.posed_images import DriveSummary, make_posed_images
    from neumap_ros.simulation.requests import DriveRequest
    from neumap_ros.simulation.sensor import SensorSettings
    from neumap_ros.simulation.world_bag import WorldBagSettings, make_world_bag

    width, height = (int(value) for value in _parse_size(image_size, '--image-size', '320x240', whole=True))
    if spacing is None:
        spacing = MAPPING_SPACING_M if drive is DriveKind.mapping and not as_bag else 0.0
    request = DriveRequest(
        seed=seed,
        size_m=_parse_size(size, '--size', '30x20'),
        kind=kind.value,
        condition=condition.value,
        drive=drive.value,
        day=day if day is not None else int(drive is DriveKind.query),
        rate_hz=rate,
        spacing_m=spacing,
        length_m=length,
        kidnaps=kidnap,
        image_size=(width, height),
        cameras=tuple(name.strip() for name in cameras.split(',')),
        fisheye=fisheye,
        depth=depth,
        sensor=SensorSettings(**{name.replace('-', '_'): False for name in _effects(without)}),
    )
    processes = workers or os.cpu_count() or 1
    console = Console()
    if not as_bag:
        with bar(console, 'images') as progress:
            summary = make_posed_images(request, out, cache=cache, workers=processes, progress=progress)
    else:
        settings = WorldBagSettings(
            compressed=compressed,
            odometry_rate_hz=odometry_rate,
            drift=DriftSettings(drift_m, drift_deg_per_10m, seed),
            imu=ImuSettings(imu_rate, seed=seed),
            storage=storage.value,
        )
        with stage_bars(console) as stages:
            driven, counts = make_world_bag(request, out, settings, cache=cache, workers=processes, progress=stages)
        summary = DriveSummary.of(driven)
        for topic, count in counts.items():
            console.print(f'  {topic}  {count}', highlight=False)
    console.print(
        f'{summary.images} images of {summary.cameras} camera{"s" if summary.cameras > 1 else ""}, '
        f'{summary.duration_s:.0f} s, {summary.length_m:.0f} m',
        highlight=False,
    )
    where = escape(str(out))
    if drive is DriveKind.mapping:
        hint = f'neumap map build --{"bag" if as_bag else "dataset"} {where} --out MAP'
    else:
        hint = (
            f'neumap replay {where} --map MAP --out RUN' if as_bag else f'neumap evaluate --dataset {where} --map MAP'
        )
    console.print(f'The drive lies in {where}. Next: {hint}', highlight=False, soft_wrap=True)


def _parse_size(text: str, option: str, example: str, *, whole: bool = False) -> tuple[float, float]:
    match = _SIZE.fullmatch(text.strip())
    if match is None or (whole and '.' in text):
        raise ConfigError(f'{option} is {text!r}, expected width x height such as {example}')
    return float(match[1]), float(match[2])


def _effects(text: str) -> list[str]:
    names = [name.strip() for name in text.split(',') if name.strip()]
    unknown = [name for name in names if name not in EFFECTS]
    if unknown:
        raise ConfigError(f'--without is {text!r}, expected some of {", ".join(EFFECTS)}')
    return names
