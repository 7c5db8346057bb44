# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The main job on real photographs, end to end; skipped where the folder of photographs is not there."""

import os
from pathlib import Path

import pytest

from neumap_ros.evaluation.run import evaluate
from neumap_ros.evaluation.run_figures import figures
from neumap_ros.localization.localizer import Localizer
from neumap_ros.mapping.build import BuildSettings, build_map
from neumap_ros.mapping.sources import open_poses_json
from neumap_ros.maps.storage import open_map
from neumap_ros.maps.verify import verify_map

DATA = Path(os.environ.get('NEUMAP_DATA', Path(__file__).resolve().parents[2] / 'shared' / 'data')) / 'posed'

pytestmark = [
    pytest.mark.data,
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason=f'no photographs in {DATA}; set NEUMAP_DATA to their folder'),
]


@pytest.fixture(scope='module')
def fountain_map(tmp_path_factory):
    out = tmp_path_factory.mktemp('maps') / 'fountain'
    report = build_map(
        open_poses_json(DATA / 'strecha_fountain-P11', 'map'), out, BuildSettings(budget_bytes=30_000, parts=8)
    )
    return out, report


def test_thirty_kilobytes_localize_a_facade_to_centimetres(fountain_map):
    out, report = fountain_map
    assert report.total_bytes == sum(file.stat().st_size for file in out.rglob('*') if file.is_file()) <= 30_000
    assert sum(report.bytes_per_part.values()) == report.total_bytes
    assert verify_map(out) == []
    queries = open_poses_json(DATA / 'strecha_fountain-P11', 'query')
    summary = figures(evaluate(Localizer(open_map(out)), queries))
    assert summary.accepted == summary.attempts == 4
    assert summary.recall['5 cm, 5 deg'] == 1.0
    assert summary.median_error_m < 0.02
    assert summary.wrong == 0


def test_photographs_of_another_place_are_not_accepted(fountain_map):
    out, _ = fountain_map
    queries = open_poses_json(DATA / 'fox', 'query')
    summary = figures(evaluate(Localizer(open_map(out)), queries))
    assert summary.accepted == 0


def test_the_same_images_and_seed_give_the_same_map(fountain_map, tmp_path):
    _, report = fountain_map
    source = open_poses_json(DATA / 'strecha_fountain-P11', 'map')
    again = build_map(source, tmp_path / 'again', BuildSettings(budget_bytes=30_000, parts=8))
    assert [(f.path, f.sha256) for f in again.manifest.files] == [(f.path, f.sha256) for f in report.manifest.files]
