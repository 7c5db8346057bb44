# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A suite run from its tasks to its tables: run, compare, keep, print."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.datasets import data_root
from benchmarks.regression.comparison import Comparison, compare, slower
from benchmarks.regression.digests import code_version
from benchmarks.regression.records import SuiteRun, append_history, facts_of_now, save_baseline
from benchmarks.regression.results import CaseResult
from benchmarks.regression.schedule import run_tasks
from benchmarks.regression.tables import Sheet, changes_sheet, drives_sheet, figures_sheet, markdown_page, times_sheet
from benchmarks.regression.task import Folders, Task, build_settings
from neumap_ros.errors import ConfigError

PAGE_FILE = 'latest.md'
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Settings:
    """How to run a suite.

    Attributes:
        suite: ``full``, ``subset`` or ``chosen``.
        out: folder for history, baselines, run folders and the page with the tables.
        cache: folder for worlds and maps.
        jobs: processes.
        fresh: run finished cases again.
        save: name of the baseline to keep; None: none.
        baseline: to compare with; None: nothing.
        against: its name.
    """

    suite: str
    out: Path
    cache: Path
    jobs: int = 1
    fresh: bool = False
    save: str | None = None
    baseline: SuiteRun | None = None
    against: str = ''


@dataclass(frozen=True)
class Outcome:
    """What a suite run gave.

    Attributes:
        run: the figures.
        comparison: with the baseline; without one it knows the failures only.
    """

    run: SuiteRun
    comparison: Comparison

    @property
    def is_worse(self) -> bool:
        """Whether something got significantly worse, or failed."""
        return self.comparison.is_worse


def run_suite(
    tasks: Sequence[Task], settings: Settings, console: Console, date: datetime, clock: Callable[[], float]
) -> Outcome:
    """Run, compare, keep, print.

    Args:
        tasks: see :func:`benchmarks.regression.suite.choose`.
        settings: see there.
        console: for progress and tables.
        date: of the run.
        clock: seconds.

    Raises:
        NeumapError: photographs are missing, a method is unknown, or a folder cannot be written.
    """
    for task in tasks:
        build_settings(task.method)
        if task.scene.is_photographed:
            data_root()  # rather now than as a failure of every case
    with _alone(settings.out):
        start = clock()
        folders = Folders(settings.out / 'runs', settings.cache, settings.fresh)
        with _progress(console, tasks) as (progress, finished):
            results = run_tasks(tasks, folders, settings.jobs, progress=progress, finished=finished)
        run = SuiteRun(
            settings.suite,
            facts_of_now(ROOT, date.isoformat(timespec='seconds'), code_version(), clock() - start),
            tuple(results.values()),
        )
        before = () if settings.baseline is None else settings.baseline.cases
        outcome = Outcome(run, compare(before, run.cases))
        _show(outcome, settings, console)
        paths = [append_history(run, settings.out)]
        if settings.save is not None:
            paths.append(save_baseline(run, settings.save, settings.out))
    written = ', '.join(str(path) for path in (*paths, settings.out / PAGE_FILE))
    console.print(f'Written: {escape(written)}', highlight=False, soft_wrap=True)
    return outcome


def _show(outcome: Outcome, settings: Settings, console: Console) -> None:
    run, comparison, baseline = outcome.run, outcome.comparison, settings.baseline
    known = {} if baseline is None else {case.case: case for case in baseline.cases}
    figures = [figures_sheet(run.cases, known, comparison), drives_sheet(run.cases, known)]
    short, whole, times = list[Sheet](), list[Sheet](), list[Sheet]()
    sentences = list(comparison.failed)
    if baseline is not None:
        short = [changes_sheet(comparison, everything=False)]
        whole = [changes_sheet(comparison, everything=True)]
        sentences += comparison.notes
        if baseline.machine == run.machine:
            times = [times_sheet(slower(known, run.cases))]
        else:
            sentences.append('the baseline is of another machine: times are not compared')
    for sheet in (*figures, *short, *times):
        if sheet.rows:
            console.print(sheet.rich())
    for sentence in sentences:
        console.print(escape(sentence), highlight=False, soft_wrap=True)
    if baseline is not None:
        verdict = 'WORSE than' if comparison.is_worse else 'not worse than'
        console.print(f'{verdict} the baseline {escape(settings.against)} of {baseline.facts.get("date")}')
    title = 'Regression suite' + (f' against {settings.against}' if baseline is not None else '')
    page = markdown_page(title, run.facts, [*figures, *whole, *times], sentences)
    (settings.out / PAGE_FILE).write_text(page, encoding='utf-8')


ProgressOfTask = Callable[[Task, str, int, int], None]


@contextmanager
def _progress(
    console: Console, tasks: Sequence[Task]
) -> Iterator[tuple[ProgressOfTask, Callable[[CaseResult, bool], None]]]:
    """One bar for all cases, one for each task at work; a line for each finished case, in a log for each stage too."""
    columns = (TextColumn('{task.description}'), BarColumn(bar_width=30), MofNCompleteColumn(), TimeElapsedColumn())
    total = sum(len(task.cases) for task in tasks)
    with Progress(*columns, console=console) as bars:
        overall = bars.add_task('cases', total=total)
        rows = {task.cases: bars.add_task('', total=1, visible=False) for task in tasks}
        done, latest = {task.cases: 0 for task in tasks}, dict[tuple[str, ...], str]()

        def progress(task: Task, stage: str, so_far: int, of_all: int) -> None:
            description = escape(f'{task.scene.name} {task.method}: {stage}')
            bars.update(rows[task.cases], description=description, completed=so_far, total=of_all, visible=True)
            if not console.is_terminal and latest.get(task.cases) != stage:
                console.print(description, highlight=False, soft_wrap=True)
            latest[task.cases] = stage

        def finished(result: CaseResult, kept: bool) -> None:
            bars.advance(overall)
            for cases in done:
                if result.case in cases:
                    done[cases] += 1
                    bars.update(rows[cases], visible=done[cases] < len(cases))
            console.print(escape(_line(result, kept)), highlight=False, soft_wrap=True)

        yield progress, finished


def _line(result: CaseResult, kept: bool) -> str:
    if result.error:
        return f'{result.case}: FAILED: {result.error}'
    figures = result.figures
    origin = 'kept from an earlier run' if kept else f'{result.times["queries_s"]:.0f} s'
    return (
        f'{result.case}: {figures["attempts"]} queries, {figures["accepted"]} fixes, '
        f'{figures["false_fixes"]} false ({origin})'
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one suite at a time writes into a folder.

    Raises:
        ConfigError: another one does, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / '.suite.lock', os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise ConfigError(f'{folder} cannot be written ({error.strerror or error}); choose another --out') from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f'another suite writes into {folder}; wait for it or choose another --out') from None
        yield
    finally:
        os.close(handle)
