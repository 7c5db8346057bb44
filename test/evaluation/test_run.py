# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math
import shutil

import pytest

from neumap_ros.errors import ConfigError
from neumap_ros.evaluation.run import evaluate, evaluate_features, parse_labels
from neumap_ros.evaluation.run_figures import figures, figures_by
from neumap_ros.evaluation.run_folder import read_run, write_run
from neumap_ros.evaluation.run_pictures import WorstAttempts
from neumap_ros.localization.localizer import Localizer, Prior
from neumap_ros.mapping.sources import open_poses_json
from neumap_ros.maps.storage import open_map


@pytest.fixture(scope='module')
def localizer(demo_map):
    return Localizer(open_map(demo_map))


@pytest.fixture(scope='module')
def worst():
    return WorstAttempts(2)


@pytest.fixture(scope='module')
def run(localizer, demo_folder, worst):
    calls = []
    source = open_poses_json(demo_folder, 'query')
    labels = {'condition': 'day', 'seed': '7'}
    run = evaluate(localizer, source, lambda *call: calls.append(call), name='room', labels=labels, worst=worst)
    assert calls == [(i, 4) for i in range(1, 5)]
    return run


def test_held_out_views_are_localized(run, demo_map):
    found = figures(run)
    assert found.attempts == found.judged == 4
    assert found.wrong == found.false_fixes == 0
    assert found.recall['0.25 m, 2 deg'] >= 0.5
    assert found.map_bytes == open_map(demo_map).total_bytes
    assert list(found.stages_ms) == ['features_ms', 'retrieval_ms', 'matching_ms', 'solving_ms']
    assert found.latency_ms['p50'] > found.stages_ms['features_ms'][0] > 0
    assert run.metric and run.kind == 'images' and run.body == 'camera'
    assert run.extent == pytest.approx(open_map(demo_map).manifest.build['extent'])
    assert figures_by(run, 'condition')['day'].attempts == 4
    assert run.notes == ()


def test_images_without_stamps_have_no_time(run):
    found = figures(run)
    assert found.span_s == 0 and math.isnan(found.first_fix_s)
    assert all(math.isnan(share) for share in found.availability.values())


def test_the_worst_are_drawn_and_named(run, worst, tmp_path):
    drawn, pictures = worst.pictures(run)
    assert len(pictures) == 2
    write_run(drawn, tmp_path / 'run', pictures)
    again = read_run(tmp_path / 'run')
    named = [row for row in again.attempts if row.picture]
    assert {row.picture for row in named} == set(pictures)
    worst_first = sorted(run.attempts, key=lambda row: max(row.error_m / 1.0, row.error_deg / 10.0), reverse=True)
    assert {row.name for row in named} == {row.name for row in worst_first[:2]}
    for row in named:
        assert (tmp_path / 'run' / row.picture).read_bytes()[:2] == b'\xff\xd8'


def test_features_that_were_extracted_before_give_the_same(run, localizer, demo_folder):
    source = open_poses_json(demo_folder, 'query')
    queries = [
        (i.name, i.camera, i.T_map_cam, localizer.extractor.extract(source.read(i), localizer.settings.max_keypoints))
        for i in source.images
    ]
    other = evaluate_features(localizer, queries, metric=True, extent=run.extent)
    assert [row.reason for row in other.attempts] == [row.reason for row in run.attempts]
    assert [row.error_m for row in other.attempts] == pytest.approx([row.error_m for row in run.attempts])
    assert 'features_ms' not in figures(other).stages_ms


def test_priors_and_broken_images(localizer, demo_folder, tmp_path):
    folder = tmp_path / 'world'
    shutil.copytree(demo_folder, folder)
    source = open_poses_json(folder, 'query')
    broken = source.images[1].name
    (folder / 'images' / broken).write_bytes(b'')
    priors = {image.name: Prior(image.T_map_cam, 0.5) for image in source.images}
    seen, worst = [], WorstAttempts(4)
    run = evaluate(
        localizer, source, priors=priors, extent=8.0, worst=worst, on_fix=lambda row, fix: seen.append(row.name)
    )
    assert seen == [image.name for image in source.images]
    assert run.extent == 8
    assert run.attempts[1].reason == 'image_error'
    assert 'is empty' in run.attempts[1].detail
    assert figures(run).reasons['image_error'] == 1
    assert len(worst.pictures(run)[1]) == 3, 'what cannot be read cannot be drawn'


def test_labels():
    assert parse_labels(['condition=night', ' seed = 7 '], '--label') == {'condition': 'night', 'seed': '7'}
    for texts in (['night'], ['=night'], ['condition=']):
        with pytest.raises(ConfigError, match='expected key=value such as condition=night'):
            parse_labels(texts, '--label')
    with pytest.raises(ConfigError, match="gives 'a' twice"):
        parse_labels(['a=1', 'a=2'], '--label')
