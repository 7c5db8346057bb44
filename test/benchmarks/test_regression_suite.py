# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The suite as it is run: cases in processes, what fails, what is kept, what decides a result."""

import ast
import io
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import benchmarks.regression
from benchmarks.regression.command import Settings, run_suite
from benchmarks.regression.digests import DECISIVE, DRIVES, PACKAGE, decisive_files, digest_source
from benchmarks.regression.records import read_baseline, read_history
from benchmarks.regression.scenes import ChangedSource, Scene
from benchmarks.regression.suite import choose, full_suite, subset
from benchmarks.regression.task import Task, build_settings
from neumap_ros.errors import ConfigError, SourceError
from neumap_ros.evaluation.run_folder import read_run
from neumap_ros.mapping.sources import open_poses_json

pytestmark = pytest.mark.slow

ROOT = Path(benchmarks.regression.__file__).resolve().parents[2]
DATE = datetime(2026, 1, 2, tzinfo=timezone.utc)


class RoomScene(Scene):
    """The rendered room of the other tests; conditions that fail on purpose."""

    name = 'room-demo'
    conditions = ('plain', 'dies', 'lacks', 'elsewhere')

    def __init__(self, folder, name='room-demo'):
        self.folder, self.name = folder, name

    def mapping(self, cache, progress):
        return open_poses_json(self.folder, 'map')

    def queries(self, condition, cache, progress):
        if condition == 'dies':
            os.kill(os.getpid(), signal.SIGKILL)
        if condition == 'lacks':
            raise SourceError('there are no such queries')
        source = open_poses_json(self.folder, 'query')
        return ChangedSource.moved(source, 1000.0) if condition == 'elsewhere' else source


def run(tasks, out, cache, **options):
    settings = Settings('chosen', out, cache, jobs=2, **options)
    return run_suite(tasks, settings, Console(file=io.StringIO(), width=170), DATE, time.perf_counter)


@pytest.fixture(scope='module')
def suite(demo_folder, tmp_path_factory):
    """A run of a few cases, saved as a baseline: (folder, cache, tasks, outcome)."""
    out, cache = tmp_path_factory.mktemp('suite'), tmp_path_factory.mktemp('cache')
    tasks = [
        Task(RoomScene(demo_folder), 'full', ('plain', 'lacks', 'elsewhere')),
        Task(RoomScene(demo_folder, 'room-dead'), 'full', ('dies', 'plain')),
        Task(RoomScene(demo_folder / 'nowhere', 'room-lost'), 'full', ('plain',)),
    ]
    return out, cache, tasks, run(tasks, out, cache, save='first')


def test_what_fails_is_named_and_the_others_go_on(suite):
    *_, outcome = suite
    results = {case.case: case for case in outcome.run.cases}
    assert list(results) == [
        'room-demo/plain/full',
        'room-demo/lacks/full',
        'room-demo/elsewhere/full',
        'room-dead/dies/full',
        'room-dead/plain/full',
        'room-lost/plain/full',
    ]
    assert results['room-demo/plain/full'].figures['accepted'] == 4
    assert results['room-demo/lacks/full'].error == 'there are no such queries'
    assert 'SIGKILL' in results['room-dead/dies/full'].error
    assert 'SIGKILL' in results['room-dead/plain/full'].error
    assert 'nowhere' in results['room-lost/plain/full'].error
    assert outcome.is_worse
    assert len(outcome.comparison.failed) == 4


def test_every_fix_of_another_place_is_false(suite):
    """The room itself, said to be a kilometre away: it is found, and that is wrong."""
    *_, outcome = suite
    elsewhere = outcome.run.cases[2]
    assert elsewhere.figures['false_fixes'] == elsewhere.figures['accepted'] == 4


def test_every_case_is_a_run(suite):
    out, *_ = suite
    written = read_run(out / 'runs' / 'room-demo/plain/full')
    assert written.labels == {'scene': 'room-demo', 'condition': 'plain', 'method': 'full'}
    assert len(written.attempts) == 4


def test_history_baseline_and_page_are_written(suite):
    out, _, _, outcome = suite
    assert read_baseline('first', out) == outcome.run
    assert len(read_history(out)) >= 1
    page = (out / 'latest.md').read_text()
    assert '| room-demo/plain/full | 4 | 100.0 |' in page
    assert 'there are no such queries' in page


def test_a_second_run_keeps_what_is_finished_and_repeats_what_failed(suite):
    out, cache, tasks, before = suite
    changed = out / 'runs' / 'room-demo/plain/full/case.json'
    stamp = changed.stat().st_mtime_ns
    after = run(tasks[:1], out, cache, baseline=before.run, against='first')
    assert changed.stat().st_mtime_ns == stamp
    assert not after.is_worse  # what failed before may fail now
    assert after.run.cases[0] == before.run.cases[0]
    # Times are those of the run that measured them.
    assert after.run.cases[1].error == before.run.cases[1].error


def test_running_everything_afresh_gives_the_same_figures(suite):
    out, cache, tasks, before = suite
    task = Task(tasks[0].scene, 'full', ('plain',))
    changed = out / 'runs' / 'room-demo/plain/full/case.json'
    stamp = changed.stat().st_mtime_ns
    after = run([task], out, cache, fresh=True).run.cases[0]
    assert changed.stat().st_mtime_ns > stamp
    assert (after.key, after.figures, after.outcomes) == (
        before.run.cases[0].key,
        before.run.cases[0].figures,
        before.run.cases[0].outcomes,
    )


def test_other_settings_are_another_case(suite):
    out, cache, tasks, before = suite
    other = run([Task(tasks[0].scene, 'pq', ('plain',))], out, cache).run.cases[0]
    assert other.key != before.run.cases[0].key
    assert 0 < other.figures['map_bytes'] < before.run.cases[0].figures['map_bytes'] / 2


def test_two_suites_do_not_write_into_one_folder(suite, tmp_path):
    import fcntl

    _, cache, tasks, _ = suite
    with (tmp_path / '.suite.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match='another suite writes'):
            run(tasks[:1], tmp_path, cache)


def test_a_digest_knows_pictures_poses_and_cameras(demo_folder):
    source = open_poses_json(demo_folder, 'query')
    plain, night = digest_source(source), digest_source(ChangedSource.by_variant(source, 'night'))
    moved = digest_source(ChangedSource.moved(source, 1.0))
    assert digest_source(open_poses_json(demo_folder, 'query')) == plain
    assert plain.pictures == moved.pictures != night.pictures
    # The night has other cameras, of half the size.
    assert not set(plain.queries) & set(moved.queries)
    assert not set(plain.queries) & set(night.queries)
    assert len({plain.key, night.key, moved.key}) == 3


def test_the_night_is_the_one_of_the_other_benchmarks(demo_folder):
    source = open_poses_json(demo_folder, 'query')
    night = ChangedSource.by_variant(source, 'night')
    pixels, before = night.read(night.images[0]), source.read(source.images[0])
    assert pixels.shape == (before.shape[0] // 2, before.shape[1] // 2)
    assert pixels.mean() < 0.5 * before.mean()
    assert np.array_equal(pixels, night.read(night.images[0]))


ROOTS = ('mapping/build.py', 'localization/localizer.py', 'evaluation/run_rows.py', 'evaluation/run_figures.py')
DRIVE_ROOTS = (*ROOTS, 'evaluation/replay.py', 'evaluation/ground_truth.py')


@pytest.mark.parametrize(('names', 'roots'), [(DECISIVE, ROOTS), ((*DECISIVE, *DRIVES), DRIVE_ROOTS)])
def test_the_digest_of_the_code_covers_all_that_decides_a_result(names, roots):
    """Every module that building, localizing, replaying and judging import; not those that draw and write."""
    decisive = {path for path in decisive_files(names) if path.suffix == '.py'}
    todo, seen = [PACKAGE / name for name in roots], set()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        todo += [found for name in _imports(path) if (found := _file(name)) is not None]
    undecided = {str(path.relative_to(PACKAGE)) for path in seen - decisive if path.name != '__init__.py'}
    assert undecided == set()
    assert {'localization/gate.py', 'features/rootsift.py'} <= {str(path.relative_to(PACKAGE)) for path in seen}


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module
            yield from (f'{node.module}.{alias.name}' for alias in node.names)


def _file(name):
    parts = name.split('.')
    if parts[0] != 'neumap_ros':
        return None
    path = PACKAGE.joinpath(*parts[1:])
    return next((file for file in (path.with_suffix('.py'), path / '__init__.py') if file.is_file()), None)


def test_the_full_suite_is_six_worlds_in_four_lights_and_all_photographs():
    cases = [case for task in choose(full_suite(), ['100kB'], []) for case in task.cases]
    assert len(set(cases)) == len(cases)
    worlds = {case.split('/')[0] for case in cases if case.startswith('world-')}
    assert len(worlds) == 6
    for world in worlds:
        assert {f'{world}/{light}/100kB' for light in ('day', 'evening', 'lamps', 'night')} <= set(cases)
    for world in ('world-flat', 'world-court', 'world-office'):
        assert {f'{world}/drive-day/100kB', f'{world}/drive-night/100kB'} <= set(cases)
    assert {'photo-hololens/plain/100kB', 'photo-hololens-revisit/plain/100kB'} <= set(cases)
    assert {case for task in choose(subset(), ['100kB'], []) for case in task.cases} <= set(cases)
    assert not any(scene.is_photographed for scene, _ in subset())


def test_cases_are_chosen_by_patterns():
    tasks = choose(full_suite(), ['100kB', 'full'], ['photo-f*', 'world-*/night/full'])
    cases = [case for task in tasks for case in task.cases]
    assert sum(case.endswith('/night/full') for case in cases if case.startswith('world-')) == 6
    assert [case for case in cases if case.startswith('photo-fox/')] == [
        'photo-fox/plain/100kB',
        'photo-fox/night/100kB',
        'photo-fox/plain/full',
        'photo-fox/night/full',
    ]
    with pytest.raises(ConfigError, match="no case matches 'photo-fix/\\*'"):
        choose(full_suite(), ['100kB'], ['photo-fix'])


def test_methods_are_sizes_and_kinds():
    assert build_settings('100kB').budget_bytes == 100_000
    assert build_settings('full').kind == 'full'
    with pytest.raises(ConfigError, match="no map kind 'fuller'"):
        build_settings('fuller')


def test_the_command_says_what_is_wrong_and_lists_cases(tmp_path):
    def call(*arguments):
        command = [sys.executable, '-m', 'benchmarks.regression', '--out', str(tmp_path), *arguments]
        environment = {**os.environ, 'NEUMAP_DATA': str(tmp_path / 'none')}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)

    listed = call('--subset', '--list')
    assert listed.returncode == 0
    assert len(listed.stdout.split()) >= 4
    unknown = call('--subset', '--against', 'nothing')
    assert unknown.returncode == 2
    assert "no baseline 'nothing'" in unknown.stderr
    # Without the photographs nothing begins.
    photos = call('--cases', 'photo-fox')
    assert photos.returncode == 2
    assert 'NEUMAP_DATA' in photos.stderr
