# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs tasks in processes of their own, so that one that dies takes its own cases along and no others."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from benchmarks.regression.results import CaseResult
from benchmarks.regression.task import Folders, Task, run_task

# Threads that wait for each other cost more than they give; tasks run side by side instead.
_THREAD_VARIABLES = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')

Runner = Callable[[Task, Folders, Any, Any], None]


@dataclass
class _Job:
    """A task in its process."""

    task: Task
    process: BaseProcess
    connection: Connection
    finished: set[str] = field(default_factory=set)


def run_tasks(
    tasks: Sequence[Task],
    folders: Folders,
    jobs: int,
    *,
    progress: Callable[[Task, str, int, int], None],
    finished: Callable[[CaseResult, bool], None],
    runner: Runner = run_task,
) -> dict[str, CaseResult]:
    """Run all tasks.

    Args:
        tasks: in the order in which they begin.
        folders: see there.
        jobs: how many at once.
        progress: called with (task, stage, done, total).
        finished: called with the result of each case, and whether it was kept from an earlier run.
        runner: runs one task; importable by name.

    Returns:
        The result of every case by its name. One whose process died is a failure.

    Raises:
        KeyboardInterrupt: after all processes were ended; finished cases are on the disk.
    """
    for variable in _THREAD_VARIABLES:
        os.environ.setdefault(variable, '1')
    context = multiprocessing.get_context('spawn')
    waiting, running, results = list(tasks), list[_Job](), dict[str, CaseResult]()

    def take(job: _Job, result: CaseResult, kept: bool) -> None:
        job.finished.add(result.case)
        results[result.case] = result
        finished(result, kept)

    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(_start(context, waiting.pop(0), folders, runner))
            for ready in wait([job.connection for job in running]):
                job = next(job for job in running if job.connection is ready)
                try:
                    kind, values = job.connection.recv()
                except (EOFError, OSError):
                    job.process.join()
                    running.remove(job)
                    for case in job.task.cases:
                        if case not in job.finished:
                            take(job, CaseResult(case, error=_death(job.process.exitcode)), False)
                    continue
                if kind == 'progress':
                    progress(job.task, *values)
                else:
                    take(job, *values)
    finally:
        for job in running:
            job.process.kill()  # whatever is on the disk is whole; SIGTERM makes some libraries print a trace
        for job in running:
            job.process.join()
    return {case: results[case] for task in tasks for case in task.cases}


def _start(context: Any, task: Task, folders: Folders, runner: Runner) -> _Job:
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(task, folders, theirs, runner), daemon=True)
    process.start()
    theirs.close()  # so that the end of the process is the end of the pipe
    return _Job(task, process, mine)


def _work(task: Task, folders: Folders, connection: Connection, runner: Runner) -> None:
    """In the process of a task. Ctrl-C reaches the whole group; the parent ends its processes itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def send(kind: str, *values: Any) -> None:
        try:
            connection.send((kind, values))
        except OSError:  # the parent is gone
            raise SystemExit(1) from None

    with suppress(SystemExit):
        runner(
            task,
            folders,
            lambda stage, done, total: send('progress', stage, done, total),
            lambda result, kept: send('finished', result, kept),
        )


def _end_with_parent() -> None:
    """Do not go on for minutes when somebody killed the parent."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f'signal {-code}'
        return f'its process was ended by {name}; if that was SIGKILL, the machine may have run out of memory'
    return f'its process ended with exit code {code} before the case was finished'
