# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The demonstration from the first picture to the report, small: real nodes in a process of their own, a played bag."""

from __future__ import annotations

import io
import json

import cv2
import numpy as np
import pytest
from rich.console import Console

from neumap_ros.demo import live
from neumap_ros.demo.drive import DemoSettings, run_drive_demo
from neumap_ros.errors import NeumapError

pytest.importorskip('embreex', reason='the ray caster of the simulated worlds is an optional dependency')

SMALL = DemoSettings(size_m=(7.0, 6.0), length_m=6.0, budget_bytes=60_000, condition='day')


@pytest.mark.slow
def test_from_the_first_picture_to_the_report(tmp_path):
    console = Console(file=io.StringIO(), width=120, record=True)
    run = run_drive_demo(console, tmp_path, SMALL)
    text = console.export_text()
    assert 'what next' in text
    judged = [row for row in run.attempts if row.truth is not None]
    assert len(judged) >= 20
    accepted = [row for row in judged if row.accepted]
    assert len(accepted) > 0.6 * len(judged)
    assert np.median([row.error_m for row in accepted]) < 0.05
    assert json.loads((tmp_path / 'run' / 'run.json').read_text())['kind'] == 'live'
    assert b'<html' in (tmp_path / 'report.html').read_bytes()
    picture = cv2.imread(str(tmp_path / 'demo.jpg'))
    assert picture.shape[1] == 1280
    # What is there is not made again.
    made = [tmp_path / 'mapping' / 'poses.json', tmp_path / 'day_bag' / 'metadata.yaml']
    before = [path.stat().st_mtime_ns for path in made]
    run_drive_demo(console, tmp_path, SMALL)
    assert [path.stat().st_mtime_ns for path in made] == before
    assert 'already recorded' in console.export_text()


def test_nodes_that_cannot_start_are_quoted(tmp_path):
    with pytest.raises(NeumapError, match='the nodes ended with 2 before') as caught:
        live.replay_through_nodes(Console(file=io.StringIO()), tmp_path / 'bag', tmp_path / 'run', {'pilot': {}})
    assert "no node 'pilot'" in str(caught.value)
