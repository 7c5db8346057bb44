# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap report``: runs as a page for people, or as a recording for the Rerun viewer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from neumap_ros.cli.console import format_bytes
from neumap_ros.cli.extractor_options import ExtractorWeightsOption, with_weights
from neumap_ros.errors import ConfigError

if TYPE_CHECKING:
    from neumap_ros.evaluation.html.view import RunView

DEFAULT_OUT = Path('report.html')


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar='RUN...', help='Folders that evaluate, replay or the node evaluator wrote.'),
    ],
    out: Annotated[
        Path | None, typer.Option('--out', help=f'HTML file; {DEFAULT_OUT} unless --rerun is given.')
    ] = None,
    title: Annotated[str, typer.Option(help='Of the page; by default the names of the runs.')] = '',
    rerun: Annotated[Path | None, typer.Option(help='Recording for the Rerun viewer (.rrd) instead of a page.')] = None,
    map_folder: Annotated[
        Path | None, typer.Option('--map', help='Map whose points and regions the recording shows.')
    ] = None,
    extractor_weights: ExtractorWeightsOption = None,
    browse: Annotated[bool, typer.Option('--open', help='Open the page in the browser.')] = False,
) -> None:
    """Write one HTML page about one or several runs, side by side; it needs no network and no other file.

    With --rerun: what the localizer did over time, for `rerun FILE.rrd`.

    Example: neumap report runs/day runs/night --out report.html
    """
    from neumap_ros.evaluation.files import write_atomically
    from neumap_ros.evaluation.html.page import page
    from neumap_ros.evaluation.html.verdict import paragraph
    from neumap_ros.evaluation.html.view import read_views

    if map_folder is not None and rerun is None:
        raise ConfigError('--map is for recordings: add --rerun FILE.rrd, or leave it out')
    console = Console()
    views = read_views(runs)
    if rerun is not None:
        _record(views, rerun, map_folder, extractor_weights)
        console.print(f'Written: {escape(str(rerun))}; look at it: rerun {escape(str(rerun))}', highlight=False)
        if out is None:
            return
    path = out or DEFAULT_OUT
    data = page(views, title).encode()
    write_atomically(path, data)
    console.print(escape(paragraph(views)), highlight=False)
    console.print(f'Written: {escape(str(path))} ({format_bytes(len(data))})', highlight=False, soft_wrap=True)
    if browse:
        typer.launch(str(path))


def _record(views: list[RunView], path: Path, map_folder: Path | None, weights: Path | None) -> None:
    from neumap_ros.evaluation.rerun_recording import write_recording

    localizer = None
    if map_folder is not None:
        from neumap_ros.localization.localizer import Localizer
        from neumap_ros.maps.repository import open_revision

        localizer = Localizer(open_revision(str(map_folder)), with_weights(None, weights))
    write_recording(
        [view.run for view in views], [view.folder for view in views], [view.label for view in views], path, localizer
    )
