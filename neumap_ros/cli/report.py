# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap report``: runs as a page for people, or as a recording for the Rerun viewer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from neumap_ros.cli.console import format_bytes

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
    browse: Annotated[bool, typer.Option('--open', help='Open the page in the browser.')] = False,
) -> None:
    """Write one HTML page about one or several runs, side by side; it needs no network and no other file.

    Example: neumap report runs/day runs/night --out report.html
    """
    from neumap_ros.evaluation.files import write_atomically
    from neumap_ros.evaluation.html.page import page
    from neumap_ros.evaluation.html.verdict import paragraph
    from neumap_ros.evaluation.html.view import read_views

    console = Console()
    views = read_views(runs)
    path = out or DEFAULT_OUT
    data = page(views, title).encode()
    write_atomically(path, data)
    console.print(escape(paragraph(views)), highlight=False)
    console.print(f'Written: {escape(str(path))} ({format_bytes(len(data))})', highlight=False, soft_wrap=True)
    if browse:
        typer.launch(str(path))
