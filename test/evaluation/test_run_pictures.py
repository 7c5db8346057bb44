# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Which attempts are worth a picture, and that not more is drawn than is kept."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from runs import new_row, new_run

from neumap_ros.errors import ConfigError
from neumap_ros.evaluation.files import write_atomically
from neumap_ros.evaluation.run_pictures import MAX_WIDTH_PX, WorstAttempts, encode


def chosen(rows, count=12, *, tracked=False, metric=True, extent=10.0):
    """Indices of the attempts with a picture, and of those that were drawn."""
    worst, drawn = WorstAttempts(count), []
    worst.set_scale(metric, extent)
    for index, row in enumerate(rows):

        def draw(index=index):
            drawn.append(index)
            return np.full((30, 40, 3), index % 256, np.uint8)

        worst.offer(index, row, draw, tracked=tracked)
    run, files = worst.pictures(new_run(rows))
    named = [index for index, row in enumerate(run.attempts) if row.picture]
    assert sorted(files) == [f'pictures/{index:06d}.jpg' for index in named] == [run.attempts[i].picture for i in named]
    return named, sorted(drawn)


def test_false_fixes_then_missing_answers_then_large_errors():
    rows = [new_row(0), new_row(1, error_m=0.4), new_row(2, accepted=False), new_row(3, error_m=4.0), new_row(4)]
    rows[4] = replace(rows[4], error_deg=12.0)
    assert chosen(rows, 1)[0] == [3]
    assert chosen(rows, 2)[0] == [3, 4]
    assert chosen(rows, 3)[0] == [2, 3, 4]
    named, drawn = chosen(rows, 4)
    assert named == drawn == [1, 2, 3, 4], 'nothing is drawn in vain'
    assert chosen(rows, 9)[0] == [0, 1, 2, 3, 4]
    assert chosen(rows, 0) == ([], [])


def test_what_a_false_fix_is_depends_on_the_scale():
    rows = [new_row(0, error_m=2.0), new_row(1, accepted=False)]
    assert chosen(rows, 1)[0] == [0]
    assert chosen(rows, 1, metric=False, extent=100.0)[0] == [1]


def test_accepted_poses_without_a_truth_are_not_judged():
    rows = [replace(new_row(0), truth=None), replace(new_row(1, accepted=False), truth=None)]
    assert chosen(rows)[0] == [1]


def test_one_picture_stands_for_some_seconds_of_a_drive():
    """Sixty attempts in six seconds: lost for five of them, then a lie that grows and shrinks."""
    rows = [new_row(i, accepted=False) for i in range(50)]
    rows += [new_row(50 + i, error_m=2.0 + (i if i < 5 else 0)) for i in range(10)]
    named, _ = chosen(rows, tracked=True)
    assert 54 in named, 'the largest error of the lie'
    assert len([index for index in named if index < 50]) <= 2
    assert chosen(rows, 1, tracked=True)[0] == [54]


def test_pictures_of_equal_failures_are_spread_over_the_run():
    rows = [new_row(i, accepted=False) for i in range(500)]
    named, _ = chosen(rows, 4)
    assert len(named) == 4 and max(named) - min(named) > 100


def test_a_live_run_is_drawn_several_times():
    worst, rows = WorstAttempts(2), [new_row(i, error_m=0.1 * i) for i in range(6)]
    for index, row in enumerate(rows):
        worst.offer(index, row, lambda: np.zeros((3, 4, 3), np.uint8), tracked=True)
        _, files = worst.pictures(new_run(rows[: index + 1]))
        assert list(files) == [f'pictures/{index:06d}.jpg'], 'the same episode has one picture'


def test_files_are_small():
    noise = np.random.default_rng(1).integers(0, 255, (1000, 1600, 3)).astype(np.uint8)
    data = encode(cv2.GaussianBlur(noise, (0, 0), 5))
    assert len(data) < 150_000
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (500, MAX_WIDTH_PX, 3)


def test_a_failed_write_keeps_the_old_file(tmp_path):
    (tmp_path / 'file').write_text('old')
    with pytest.raises(ConfigError, match='cannot be written'):
        write_atomically(tmp_path / 'file' / 'below', b'new')
    assert [path.name for path in tmp_path.iterdir()] == ['file']
    write_atomically(tmp_path / 'file', b'new')
    assert (tmp_path / 'file').read_text() == 'new'
