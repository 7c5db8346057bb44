# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The options of commands that write a run, and how they end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from neumap_ros.evaluation.run_pictures import WorstAttempts
    from neumap_ros.evaluation.run_types import Run

LabelOption = Annotated[
    list[str] | None,
    typer.Option('--label', help='key=value to tell runs apart, such as condition=night; repeatable.'),
]
NameOption = Annotated[str | None, typer.Option('--name', help='Name of the run; default: that of its folder.')]
RerunOption = Annotated[
    Path | None, typer.Option(help='Recording for the Rerun viewer (.rrd) with every image and its inliers.')
]
PicturesOption = Annotated[int, typer.Option(help='How many of the worst attempts to draw.', min=0, max=1000)]


def write(console: Console, run: Run, out: Path | None, worst: WorstAttempts, source: Path | None) -> Run:
    """Show a run, and write it with its pictures.

    Args:
        console: to print to.
        run: the run.
        out: where to; None: nowhere.
        worst: heard of its attempts.
        source: folder that it comes from; ``floor.json`` of a simulated world in it becomes part of the run.

    Returns:
        The run as it was written.

    Raises:
        SourceError: it has no attempts.
        ConfigError: the folder cannot be written.
    """
    from dataclasses import replace

    from neumap_ros.evaluation.run_folder import FLOOR_NAME, read_floor, write_run
    from neumap_ros.evaluation.run_tables import print_run

    print_run(console, run)
    if out is None:
        return run
    if source is not None:
        run = replace(run, floor=read_floor(source / FLOOR_NAME))
    run, pictures = worst.pictures(run)
    write_run(run, out, pictures)
    written = f'Written: {out / "run.json"} and what belongs to it'
    console.print(escape(written), highlight=False, soft_wrap=True)
    return run
