# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""History and baselines: read as they were written, never half, and named clearly where they are damaged."""

import json
import math
import multiprocessing
import re

import pytest
from regression_cases import make_case

from benchmarks.regression import records
from benchmarks.regression.records import (
    SuiteRun,
    append_history,
    facts_of_now,
    read_baseline,
    read_history,
    save_baseline,
)
from benchmarks.regression.results import CaseResult, read_case, write_case
from neumap_ros.errors import ConfigError, SourceError

FACTS = {'date': '2026-01-02T03:04:05+00:00', 'commit': 'abc', 'machine': {'cores': 2}}


def a_run(number=0):
    cases = (
        make_case('world-flat/night/100kB', [0.01, 0.02 + number / 100, None, 7.0]),
        CaseResult('photo-fox/plain/100kB', error='no images'),
    )
    return SuiteRun('full', {**FACTS, 'number': number}, cases)


def append_runs(folder, first):
    for number in range(first, first + 10):
        append_history(a_run(number), folder)


def test_a_case_is_read_as_it_was_written(tmp_path):
    case = a_run().cases[0]
    write_case(case, tmp_path)
    assert read_case(tmp_path) == case
    assert case.outcomes.error_m == (pytest.approx(0.01), pytest.approx(0.02), math.inf, 7.0)
    assert list(case.false_fixes) == [False, False, False, True]
    assert read_case(tmp_path / 'none') is None


def test_a_drive_is_read_as_it_was_written(tmp_path):
    drive = make_case('world-flat/drive-day/100kB', [None, 0.01, None], robot_m=[None, 0.01, 0.7])
    write_case(drive, tmp_path)
    assert read_case(tmp_path) == drive
    assert drive.is_drive
    assert drive.outcomes.robot_m == (math.inf, pytest.approx(0.01), pytest.approx(0.7))


def test_half_a_case_is_none(tmp_path):
    write_case(a_run().cases[0], tmp_path)
    whole = (tmp_path / 'case.json').read_bytes()
    (tmp_path / 'case.json').write_bytes(whole[: len(whole) // 2])
    assert read_case(tmp_path) is None


def test_a_baseline_is_read_as_it_was_saved(tmp_path):
    run = a_run()
    path = save_baseline(run, 'main', tmp_path)
    assert read_baseline('main', tmp_path) == run
    assert read_baseline(str(path), tmp_path / 'elsewhere') == run
    # The first line is about the run, then one per case.
    assert len(path.read_text().splitlines()) == 1 + len(run.cases) + 1


@pytest.mark.parametrize('name', ['', '../main', 'a b', '.hidden', 'a/b'])
def test_names_of_baselines_are_names_of_files(tmp_path, name):
    with pytest.raises(ConfigError, match='name of the baseline'):
        save_baseline(a_run(), name, tmp_path)


def test_an_unknown_baseline_names_those_that_there_are(tmp_path):
    save_baseline(a_run(), 'main', tmp_path)
    save_baseline(a_run(), 'ci', tmp_path)
    with pytest.raises(ConfigError, match=r"no baseline 'mian', expected one of: ci, main"):
        read_baseline('mian', tmp_path)


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (lambda text: text[: len(text) // 2], 'cut off or no JSON'),
        (lambda text: text.replace('"format": 1', '"format": 7', 1), 'has the format 7'),
        (lambda text: '[]', 'no suite run'),
        (lambda text: text.replace('"figures"', '"figure"'), 'is damaged'),
        (lambda text: re.sub(r'"error_deg": \[[^,]+, ', '"error_deg": [', text, count=1), 'differ in length'),
    ],
)
def test_a_damaged_baseline_says_so(tmp_path, damage, message):
    path = save_baseline(a_run(), 'main', tmp_path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(SourceError, match=message):
        read_baseline('main', tmp_path)


def test_the_history_grows_by_a_line_per_run(tmp_path):
    assert read_history(tmp_path) == []
    for number in range(3):
        append_history(a_run(number), tmp_path)
    runs = read_history(tmp_path)
    assert [run.facts['number'] for run in runs] == [0, 1, 2]
    assert runs[1].cases[0].figures == a_run(1).cases[0].figures
    assert runs[1].cases[1].error == 'no images'
    # What became of each query would make the history a hundred times as long.
    assert runs[1].cases[0].outcomes.queries == ()


def test_runs_that_end_at_once_all_stand_in_the_history(tmp_path):
    context = multiprocessing.get_context('fork')
    processes = [context.Process(target=append_runs, args=(tmp_path, first)) for first in (0, 10, 20)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert sorted(run.facts['number'] for run in read_history(tmp_path)) == list(range(30))


def test_a_kill_while_writing_leaves_the_history_as_it_was(tmp_path, monkeypatch):
    append_history(a_run(0), tmp_path)
    monkeypatch.setattr(records.os, 'fsync', lambda handle: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        append_history(a_run(1), tmp_path)
    monkeypatch.undo()
    assert len(read_history(tmp_path)) == 1
    append_history(a_run(2), tmp_path)
    assert [run.facts['number'] for run in read_history(tmp_path)] == [0, 2]


def test_a_damaged_line_of_the_history_is_named(tmp_path):
    append_history(a_run(0), tmp_path)
    with (tmp_path / 'history.jsonl').open('a') as file:
        file.write('{"format": 1, "su')
    with pytest.raises(SourceError, match='line 2 is no JSON'):
        read_history(tmp_path)
    # A line that somebody else cut off does not swallow the next one.
    append_history(a_run(1), tmp_path)
    assert json.loads((tmp_path / 'history.jsonl').read_text().splitlines()[2])['number'] == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='cannot be written'):
        append_history(a_run(), tmp_path / 'file')


def test_the_facts_of_a_run_are_json(tmp_path):
    facts = facts_of_now(tmp_path, FACTS['date'], 'digest', 12.34)
    assert facts['commit'] == ''  # no repository
    assert facts['machine']['cores'] >= 1
    assert 'numpy' in facts['libraries']
    assert json.loads(json.dumps(facts)) == facts
