# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import math
import shutil

import pytest

from neumap_ros.evaluation.run import evaluate, evaluate_features, summarize
from neumap_ros.localization.fix import Reason
from neumap_ros.localization.localizer import Localizer, Prior
from neumap_ros.mapping.sources import open_poses_json
from neumap_ros.maps.storage import open_map


def test_what_a_summary_counts(new_record):
    records = [
        new_record(0, 0.01),
        new_record(1, 0.09),
        new_record(2, 2.0),
        new_record(3, reason=Reason.AMBIGUOUS, guess=0.02),
        new_record(4, reason=Reason.AMBIGUOUS, guess=3.0),
        new_record(5, reason=Reason.FEW_KEYPOINTS),
    ]
    summary = summarize(records, metric=True, extent=10, map_bytes=7)
    assert (summary.queries, summary.queries_with_truth, summary.accepted, summary.map_bytes) == (6, 6, 3, 7)
    assert summary.reasons == {'ok': 3, 'ambiguous': 2, 'few_keypoints': 1}
    assert list(summary.recall.values()) == pytest.approx([1 / 6, 2 / 6, 2 / 6, 3 / 6])
    assert (summary.fine_recall, summary.coarse_recall) == pytest.approx((1 / 6, 2 / 6))
    assert summary.wrong == 1
    assert (summary.right_hypotheses, summary.kept) == (3, pytest.approx(2 / 3))
    assert summary.median_distance == math.inf
    # errors of 0.1, 0.9 and 20 standard deviations
    assert summary.coverage == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert list(summary.timings_ms) == ['features', 'pose', 'total']
    assert summary.timings_ms['total'] == (12, 12)


def test_thresholds_follow_the_scale(new_record):
    records = [new_record(0, 2.0)]
    assert summarize(records, metric=True, extent=100).wrong == 1
    summary = summarize(records, metric=False, extent=100)
    assert (summary.wrong, summary.fine_recall) == (0, 0)
    assert list(summary.recall) == ['1 %, 5 deg', '3 %, 2 deg', '5 %, 5 deg']
    assert list(summary.recall.values()) == [0, 1, 1]


def test_queries_without_truth_are_not_judged(new_record):
    summary = summarize([new_record(0, truth=None), new_record(1, 0.01)], metric=True, extent=1)
    assert (summary.queries, summary.queries_with_truth, summary.accepted) == (2, 1, 2)
    assert summary.recall['5 cm, 5 deg'] == 1


def test_a_summary_of_nothing():
    summary = summarize([], metric=True, extent=0)
    assert summary.queries == summary.wrong == 0
    assert math.isnan(summary.kept) and math.isnan(summary.median_distance)
    assert summary.timings_ms == {}


@pytest.fixture(scope='module')
def localizer(demo_map):
    return Localizer(open_map(demo_map))


@pytest.fixture(scope='module')
def result(localizer, demo_folder):
    calls = []
    source = open_poses_json(demo_folder, 'query')
    result = evaluate(localizer, source, lambda done, total: calls.append((done, total)))
    assert calls == [(i, 4) for i in range(1, 5)]
    return result


def test_held_out_views_are_localized(result, demo_map):
    summary = result.summary
    assert summary.queries == summary.queries_with_truth == 4
    assert summary.wrong == 0
    assert summary.recall['0.25 m, 2 deg'] >= 0.5
    assert summary.map_bytes == open_map(demo_map).total_bytes
    assert {'features', 'matching', 'pose', 'total'} <= set(summary.timings_ms)
    assert result.metric
    assert result.extent == pytest.approx(open_map(demo_map).manifest.build['extent'])


def test_features_that_were_extracted_before_give_the_same(result, localizer, demo_folder):
    source = open_poses_json(demo_folder, 'query')
    queries = [
        (i.name, i.camera, i.T_map_cam, localizer.extractor.extract(source.read(i), localizer.settings.max_keypoints))
        for i in source.images
    ]
    other = evaluate_features(localizer, queries, metric=True, extent=result.extent)
    assert [r.reason for r in other.records] == [r.reason for r in result.records]
    assert [r.distance for r in other.records] == pytest.approx([r.distance for r in result.records])
    assert 'features' not in other.summary.timings_ms


def test_priors_and_broken_images(localizer, demo_folder, tmp_path):
    folder = tmp_path / 'world'
    shutil.copytree(demo_folder, folder)
    source = open_poses_json(folder, 'query')
    broken = source.images[1].name
    (folder / 'images' / broken).write_bytes(b'')
    priors = {image.name: Prior(image.T_map_cam, 0.5) for image in source.images}
    seen = []
    result = evaluate(localizer, source, priors=priors, extent=8.0, on_fix=lambda record, fix: seen.append(record.name))
    assert seen == [image.name for image in source.images]
    assert result.extent == 8
    assert result.records[1].reason is Reason.IMAGE_ERROR
    assert 'is empty' in result.records[1].detail
    assert result.summary.reasons['image_error'] == 1
