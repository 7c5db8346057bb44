# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A run is read back as it was written, or with one sentence that says what is wrong with it."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from runs import new_row, new_run, pose_at

from neumap_ros.errors import ConfigError, SourceError
from neumap_ros.evaluation.run_figures import figures
from neumap_ros.evaluation.run_folder import read_floor, read_run, write_run
from neumap_ros.evaluation.run_types import AttemptRow
from neumap_ros.geometry import Pose
from neumap_ros.mapping.sources.tum import read_tum


@pytest.fixture
def run():
    rows = [
        new_row(i, accepted=i % 3 > 0, robot=pose_at(i), regions=('r0', 'r1'), detail='a, "b"\nc') for i in range(7)
    ]
    return new_run(
        rows,
        labels={'condition': 'night'},
        notes=('look out',),
        settings={'gate': {'min_inliers': 5}},
        timings={'wall_s': 2.5},
        floor=(((0.0, 0.0), (4.0, 0.0), (4.0, 3.0)),),
    )


def same(first, second):
    """Equality that takes NaN for NaN, arrays by their elements and poses by what rounding leaves of them."""
    if isinstance(first, Pose):
        return max(first.error_to(second)) < 1e-12
    if dataclasses.is_dataclass(first):
        return all(same(getattr(first, f.name), getattr(second, f.name)) for f in dataclasses.fields(first))
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second)
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second or (first != first and second != second)


def test_what_was_written_is_read(run, tmp_path):
    paths = write_run(run, tmp_path / 'a' / 'run')
    assert {path.name for path in (tmp_path / 'a' / 'run').iterdir()} == set(paths)
    again = read_run(tmp_path / 'a' / 'run')
    assert same(again, run)
    assert same(figures(again), figures(run))


def test_the_files_for_others(run, tmp_path):
    write_run(run, tmp_path)
    assert len(read_tum(tmp_path / 'trajectory.tum')) == 4
    assert len(read_tum(tmp_path / 'robot.tum')) == len(read_tum(tmp_path / 'truth.tum')) == 7
    document = json.loads((tmp_path / 'run.json').read_text())
    assert (document['format'], document['summary']['attempts']) == (1, 7)
    assert document['per_revision']['1']['recall'] == document['summary']['recall']
    assert document['settings'] == {'gate': {'min_inliers': 5}}
    assert (tmp_path / 'status.csv').read_text().count('few_inliers') == 3
    assert not (tmp_path / 'poses.txt').exists()


def test_poses_of_images_are_those_of_visuallocalization(run, tmp_path):
    write_run(dataclasses.replace(run, kind='images'), tmp_path)
    lines = [line.split() for line in (tmp_path / 'poses.txt').read_text().splitlines()]
    assert [line[0] for line in lines] == ['000001', '000002', '000004', '000005']
    values = [float(value) for value in lines[0][1:]]
    T_cam_map = Pose.from_quaternion(values[:4], values[4:])
    assert max(T_cam_map.inverse().error_to(run.attempts[1].pose)) < 1e-6
    assert not (tmp_path / 'status.csv').exists()


def test_images_without_stamps_count_seconds(run, tmp_path):
    rows = [dataclasses.replace(row, stamp_ns=None) for row in run.attempts]
    write_run(new_run(rows, kind='images'), tmp_path)
    assert read_tum(tmp_path / 'trajectory.tum').times_s == (1, 2, 4, 5)
    assert read_run(tmp_path).attempts[3].stamp_ns is None


def test_only_wall_times_differ_between_runs(run, tmp_path):
    slower = [dataclasses.replace(row, latency_ms=99.0, stages_ms={'features_ms': 50.0}) for row in run.attempts]
    write_run(run, tmp_path / 'a')
    write_run(dataclasses.replace(run, attempts=tuple(slower), timings={'wall_s': 7.0}), tmp_path / 'b')
    for path in (tmp_path / 'a').iterdir():
        if path.name not in ('run.json', 'timings.csv'):
            assert path.read_bytes() == (tmp_path / 'b' / path.name).read_bytes(), path.name
    first, second = (json.loads((tmp_path / name / 'run.json').read_text()) for name in 'ab')
    assert first.pop('timings') != second.pop('timings')
    assert first == second


def test_a_run_takes_the_place_of_another_and_leaves_the_rest(run, tmp_path):
    (tmp_path / 'mine.txt').write_text('mine')
    (tmp_path / 'poses.txt').write_text('mine, too')
    write_run(run, tmp_path, {'pictures/000001.jpg': b'one', 'pictures/000002.jpg': b'two'})
    assert (tmp_path / 'poses.txt').read_text() == 'mine, too', 'there was no run, so it is none of it'
    (tmp_path / 'poses.txt').unlink()
    write_run(dataclasses.replace(run, kind='images'), tmp_path, {'pictures/000003.jpg': b'three'})
    assert [path.name for path in (tmp_path / 'pictures').iterdir()] == ['000003.jpg']
    assert not (tmp_path / 'status.csv').exists() and (tmp_path / 'poses.txt').exists()
    assert (tmp_path / 'mine.txt').read_text() == 'mine'


def test_what_a_killed_writer_left_is_removed_and_what_another_one_writes_is_not(run, tmp_path):
    for name, age_s in (('.writing-old', 3600), ('.writing-new', 0)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    write_run(run, tmp_path)
    assert [path.name for path in tmp_path.glob('.writing-*')] == ['.writing-new']


def test_an_empty_run_is_refused_and_keeps_the_old_one(run, tmp_path):
    write_run(run, tmp_path)
    with pytest.raises(SourceError, match='has no attempts, expected at least one image'):
        write_run(new_run([]), tmp_path)
    assert len(read_run(tmp_path).attempts) == 7


def test_a_folder_that_cannot_be_written(run, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='cannot be written'):
        write_run(run, tmp_path / 'file' / 'run')
    assert [path.name for path in tmp_path.iterdir()] == ['file']


def damage(folder, name, change):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(change(data))


@pytest.mark.parametrize(
    ('name', 'change', 'words'),
    [
        ('run.json', lambda data: data[: len(data) // 2], 'cut off or no JSON'),
        (
            'run.json',
            lambda data: data.replace(b'"format": 1', b'"format": 2'),
            'format 2, this version reads format 1',
        ),
        ('run.json', lambda data: b'{"results": []}', 'does not describe a run'),
        ('run.json', lambda data: data.replace(b'"extent"', b'"extend"'), "damaged .KeyError.'extent'"),
        ('attempts.csv', lambda data: data[:-20], 'was cut off or changed'),
        ('attempts.csv', lambda data: data.replace(b'ok', b'no', 1), 'was cut off or changed'),
        ('timings.csv', lambda data: b'', 'has 0 bytes'),
    ],
)
def test_what_is_damaged_says_so(run, tmp_path, name, change, words):
    write_run(run, tmp_path)
    damage(tmp_path, name, change)
    with pytest.raises(SourceError, match=words):
        read_run(tmp_path)


def test_what_is_no_run_says_so(run, tmp_path):
    for folder in (tmp_path, tmp_path / 'none'):
        with pytest.raises(SourceError, match=r'is no run: it has no run\.json'):
            read_run(folder)
    write_run(run, tmp_path)
    (tmp_path / 'attempts.csv').unlink()
    with pytest.raises(SourceError, match='cannot be read'):
        read_run(tmp_path)


def test_floors(tmp_path):
    assert read_floor(tmp_path / 'none.json') == ()
    (tmp_path / 'floor.json').write_text('{"polygons": [[[0, 1], [2]]]}')
    with pytest.raises(SourceError, match='is no floor plan'):
        read_floor(tmp_path / 'floor.json')


def test_an_attempt_that_knows_nothing_is_kept(tmp_path):
    row = AttemptRow(name='ünïcödé, "x"', stamp_ns=None, reason='no_map')
    write_run(new_run([row]), tmp_path)
    assert same(read_run(tmp_path).attempts[0], row)


WRITER = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from runs import new_row, new_run
from neumap_ros.evaluation.run_folder import write_run
runs = [new_run([new_row(i) for i in range(n)]) for n in (40, 60)]
print('ready', flush=True)
while True:
    for run in runs:
        write_run(run, Path({folder!r}))
"""


def test_whoever_is_killed_leaves_a_whole_run_or_none(tmp_path):
    """At any time while two runs of different sizes take turns."""
    program = WRITER.format(tests=str(Path(__file__).parent), folder=str(tmp_path / 'run'))
    root = Path(__file__).parents[2]
    for number, pause_s in ((signal.SIGINT, 0.07), (signal.SIGKILL, 0.05), (signal.SIGKILL, 0.13)):
        with subprocess.Popen(
            [sys.executable, '-c', program],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, 'PYTHONPATH': str(root)},
        ) as process:
            assert process.stdout is not None and process.stdout.readline() == b'ready\n'
            time.sleep(pause_s)
            process.send_signal(number)
            process.wait(30)
        if (tmp_path / 'run' / 'run.json').exists():
            assert len(read_run(tmp_path / 'run').attempts) in (40, 60)


def test_a_run_is_read_while_it_is_written(run, tmp_path):
    """An evaluator at work writes it anew again and again."""
    stop = threading.Event()
    longer = dataclasses.replace(run, attempts=run.attempts * 8)
    write_run(run, tmp_path)

    def write():
        while not stop.is_set():
            write_run(longer, tmp_path)
            write_run(run, tmp_path)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert {len(read_run(tmp_path).attempts) for _ in range(20)} <= {7, 56}
    finally:
        stop.set()
        writer.join()
