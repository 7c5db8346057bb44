# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``python -m neumap_ros.demo``: a simulated building, or with ``--data NAME`` real photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from neumap_ros.cli.console import one_line_errors, set_up_logging
from neumap_ros.demo.drive import run_drive_demo
from neumap_ros.demo.photographs import DATA_VARIABLE, find_data, make_folder, run_photograph_demo


def demo(
    data: Annotated[str | None, typer.Option(help=f'Data set in ${DATA_VARIABLE}/posed or ../shared/data.')] = None,
    out: Annotated[Path, typer.Option(help='Folder for everything that is written.')] = Path('demo_output'),
    debug: Annotated[bool, typer.Option('--debug', help='Show tracebacks and log more.')] = False,
) -> None:
    """Map a simulated building by day, drive through it at night, write a report. With --data: real photographs."""
    set_up_logging(debug)
    with one_line_errors(debug):
        make_folder(out)
        if data is None:
            run_drive_demo(Console(), out)
        else:
            run_photograph_demo(Console(), find_data(data), out / Path(data).name)


def main() -> None:
    """Entry point of ``python -m neumap_ros.demo``."""
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(demo)
    app()


if __name__ == '__main__':
    main()
