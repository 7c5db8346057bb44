# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tasks in processes: nothing is left behind by Ctrl-C, and a process that ends takes its own cases along only."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.regression.results import CaseResult
from benchmarks.regression.scenes import Scene
from benchmarks.regression.schedule import run_tasks
from benchmarks.regression.task import Folders, Task

pytestmark = pytest.mark.slow
FOLDERS = Folders(Path('runs'), Path('cache'))


class NoScene(Scene):
    conditions = ('a', 'b')

    def __init__(self, name):
        self.name = name

    def mapping(self, cache, progress):
        raise NotImplementedError

    def queries(self, condition, cache, progress):
        raise NotImplementedError


def task(name):
    return Task(NoScene(name), 'full', ('a', 'b'))


def finish_one_and_sleep(a_task, folders, progress, finished):
    finished(CaseResult(a_task.cases[0], key=str(os.getpid())), False)
    time.sleep(600)


def finish_one_and_exit(a_task, folders, progress, finished):
    progress('thinking', 1, 2)
    finished(CaseResult(a_task.cases[0]), True)
    if a_task.scene.name == 'bad-one':
        sys.stderr.close()
        os._exit(7)
    finished(CaseResult(a_task.cases[1]), False)


def test_ctrl_c_ends_every_process():
    pids = []

    def interrupt(result, kept):
        pids.append(int(result.key))
        if len(pids) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tasks([task('x-1'), task('x-2'), task('x-3')], FOLDERS, 2, progress=lambda *_: None, finished=interrupt,
                  runner=finish_one_and_sleep)  # fmt: skip
    assert len(set(pids)) == 2
    assert multiprocessing.active_children() == []
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


PARENT = """
import sys
from pathlib import Path
from benchmarks.regression.schedule import run_tasks
from benchmarks.regression.task import Folders
from test_regression_schedule import finish_one_and_sleep, task

if __name__ == '__main__':
    run_tasks([task('x-1')], Folders(Path('runs'), Path('cache')), 1, progress=lambda *_: None,
              finished=lambda result, kept: print(result.key, flush=True), runner=finish_one_and_sleep)
"""


def test_processes_end_with_a_parent_that_was_killed(tmp_path):
    (tmp_path / 'parent.py').write_text(PARENT)
    here = Path(__file__).resolve().parent
    paths = os.pathsep.join([str(here), str(here.parents[1])])
    parent = subprocess.Popen(
        [sys.executable, 'parent.py'], cwd=tmp_path, env={**os.environ, 'PYTHONPATH': paths}, stdout=subprocess.PIPE
    )
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    for _ in range(600):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    pytest.fail('the process goes on without its parent')


def test_a_process_that_ends_early_takes_only_its_own_cases_along():
    heard, stages = [], []
    results = run_tasks(
        [task('bad-one'), task('x-2')],
        FOLDERS,
        1,
        progress=lambda a_task, *values: stages.append((a_task.scene.name, *values)),
        finished=lambda result, kept: heard.append((result.case, kept)),
        runner=finish_one_and_exit,
    )
    assert list(results) == ['bad-one/a/full', 'bad-one/b/full', 'x-2/a/full', 'x-2/b/full']
    assert 'exit code 7' in results['bad-one/b/full'].error
    assert [result.error for case, result in results.items() if case != 'bad-one/b/full'] == ['', '', '']
    assert sorted(heard) == [
        ('bad-one/a/full', True),
        ('bad-one/b/full', False),
        ('x-2/a/full', True),
        ('x-2/b/full', False),
    ]
    assert ('x-2', 'thinking', 1, 2) in stages
