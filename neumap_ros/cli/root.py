# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tree of commands."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from neumap_ros.cli import bag, evaluate, export, localize, maps, replay, report, run, train, wait, world
from neumap_ros.cli.console import one_line_errors, set_up_logging


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
app.command()(localize.localize)
app.command()(evaluate.evaluate)
app.command()(replay.replay)
app.command()(report.report)
app.command()(run.run)
app.command()(wait.wait)
app.add_typer(maps.app, name='map')
app.add_typer(bag.app, name='bag')
app.add_typer(train.app, name='train')
app.add_typer(export.app, name='export')
app.add_typer(world.app, name='world')


@app.callback()
def _common(debug: Annotated[bool, typer.Option('--debug', help='Show tracebacks and log more.')] = False) -> None:
    set_up_logging(debug)


def main() -> None:
    """Entry point of the console command."""
    app()
