# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import io
from dataclasses import replace

import pytest
from rich.console import Console
from runs import new_row, new_run, pose_at

from neumap_ros.evaluation.run_tables import failures, format_length, print_run


def printed(run):
    console = Console(width=150, record=True, file=io.StringIO())
    print_run(console, run)
    return console.export_text()


@pytest.mark.parametrize('metric', [True, False])
def test_the_tables(metric):
    rows = [new_row(0), new_row(1, accepted=False), replace(new_row(2), robot=pose_at(0.2), robot_error_m=0.1)]
    text = printed(new_run(rows, source='made [up]', metric=metric, extent=10.0, notes=('look out',)))
    assert 'made [up]' in text
    assert '2 ok, 1 few_inliers' in text
    assert ('5 cm, 5 deg' if metric else '1 %, 5 deg') in text
    assert '66.7 %' in text
    assert '1,234 bytes' in text
    assert 'Note: look out' in text
    assert 'from TF at every image' in text
    assert '100.0 % within 5 s of 0.2 s' in text


def test_each_condition_has_a_line_if_there_are_several():
    rows = [replace(new_row(i), condition='night' if i else 'day') for i in range(3)]
    text = printed(new_run(rows))
    assert 'condition day' in text and 'condition night' in text
    assert 'condition' not in printed(new_run(rows[1:]))


def test_tables_without_truth_and_without_fixes():
    rows = [replace(new_row(i, accepted=False), truth=None) for i in range(2)]
    text = printed(new_run(rows))
    assert 'first fix' in text and 'none' in text
    assert 'false fixes' not in text
    assert '2 x few_inliers' in text
    assert 'no images' in printed(new_run([]))


def test_reasons_that_no_pose_came():
    rows = [new_row(i, accepted=False, detail=f'sentence {i}') for i in range(3)]
    rows += [replace(new_row(3, accepted=False), reason='no_map'), new_row(4)]
    assert failures(new_run(rows)) == ['3 x few_inliers: sentence 0', '1 x no_map']


def test_lengths_for_people():
    assert [format_length(v, 'm') for v in (0.0012, 0.034, 2.5)] == ['1.2 mm', '3.4 cm', '2.5 m']
    assert format_length(0.01234, 'units') == '0.0123 units'
