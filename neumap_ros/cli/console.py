# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the commands share: one-line errors, progress bars, sizes in bytes, the report of a build."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from neumap_ros.errors import ConfigError, NeumapError

if TYPE_CHECKING:
    from neumap_ros.mapping.build import BuildReport

EXIT_PROBLEMS, EXIT_ERROR, EXIT_NOT_LOCALIZED, EXIT_INTERRUPTED = 1, 2, 3, 130

_UNITS = {'': 1, 'b': 1, 'kb': 10**3, 'mb': 10**6, 'gb': 10**9, 'kib': 2**10, 'mib': 2**20, 'gib': 2**30}
_SIZE = re.compile(r'\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*', re.IGNORECASE)

StageProgress = Callable[[str, int, int], None]


def parse_bytes(text: str) -> int:
    """A size such as ``30kB`` (1000 bytes each), ``64KiB`` (1024 each), ``1.5MB`` or ``250000``.

    Raises:
        ConfigError: not a positive size.
    """
    match = _SIZE.fullmatch(text)
    unit = match[2].lower() if match else ''
    if match is None or unit not in _UNITS or float(match[1]) * _UNITS[unit] < 1:
        raise ConfigError(
            f'the size is {text!r}, expected a positive number of bytes such as 250000, 30kB, 64KiB or 1MB'
        )
    return round(float(match[1]) * _UNITS[unit])


def format_bytes(count: int) -> str:
    """A size for people, for example ``248.3 kB``."""
    for factor, unit in ((10**9, 'GB'), (10**6, 'MB'), (10**3, 'kB')):
        if count >= factor:
            return f'{count / factor:.1f} {unit}'
    return f'{count} B'


def print_error(message: str) -> None:
    """One line on stderr."""
    typer.echo(f'error: {" ".join(message.split())}', err=True)


@contextmanager
def one_line_errors(debug: bool = False) -> Iterator[None]:
    """Turn our errors and Ctrl-C into one line and an exit code; with ``debug`` let them through."""
    try:
        yield
    except NeumapError as error:
        if debug:
            raise
        print_error(str(error))
        raise typer.Exit(EXIT_ERROR) from None
    except KeyboardInterrupt:
        if debug:
            raise
        typer.echo('interrupted', err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def set_up_logging(debug: bool = False) -> None:
    """Send warnings (with ``debug`` everything of ours) to stderr, one line each."""
    logging.basicConfig(level=logging.WARNING, format='%(levelname)s: %(message)s')
    if debug:
        logging.getLogger('neumap_ros').setLevel(logging.DEBUG)


@contextmanager
def stage_bars(console: Console) -> Iterator[StageProgress]:
    """Give a function (stage, done, total) that draws one bar per stage."""
    columns = (
        TextColumn('{task.description}'),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as bars:

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(escape(stage), total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield update


@contextmanager
def bar(console: Console, title: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function (done, total) that draws one bar."""
    with stage_bars(console) as update:
        yield lambda done, total: update(title, done, total)


@contextmanager
def busy(console: Console, title: str) -> Iterator[None]:
    """Show that something of unknown length goes on, and keep COLMAP from printing its own log meanwhile."""
    import pycolmap

    level = pycolmap.logging.minloglevel
    if not logging.getLogger('neumap_ros').isEnabledFor(logging.DEBUG):
        pycolmap.logging.minloglevel = pycolmap.logging.Level.ERROR.value
    columns = (SpinnerColumn(), TextColumn('{task.description}'), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, transient=True) as spinner:
            spinner.add_task(escape(title), total=None)
            yield
    finally:
        pycolmap.logging.minloglevel = level


def build_tables(report: BuildReport) -> list[Table]:
    """Make the tables of a finished build: where the bytes went, and what was measured on the way."""
    sizes = Table(title='where the bytes went', title_justify='left')
    sizes.add_column('part')
    sizes.add_column('bytes', justify='right')
    sizes.add_column('share', justify='right')
    for name, size in report.bytes_per_part.items():
        sizes.add_row(escape(name), f'{size:,}', f'{size / max(report.total_bytes, 1):.1%}')
    sizes.add_row('all files', f'{report.total_bytes:,}', '', style='bold')
    tables = [sizes]
    if report.candidates:
        columns = list(dict.fromkeys(key for row in report.candidates for key in row))
        measured = Table(title='candidates measured', title_justify='left')
        for column in columns:
            measured.add_column(escape(column.replace('_', ' ')), justify='right')
        for row in report.candidates:
            measured.add_row(*(escape(_cell(row.get(column, ''))) for column in columns))
        tables.append(measured)
    return tables


def _cell(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f'{value:,}' if isinstance(value, int) else f'{value:.4g}'
