# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import extractor_jobs, extractors
from benchmarks.extractor_entries import ENTRIES, Entry, by_label
from benchmarks.extractor_sets import PLACES, Place, places
from benchmarks.extractor_tables import markdown
from benchmarks.variants import VARIANTS
from neumap_ros.errors import ConfigError, SourceError
from neumap_ros.mapping.sources import ImageSource, open_poses_json

FACTS = {'queries': 20, 'budget_kb': 100, 'missing': {'aliked-n16': 'no weights'}}


def row(extractor: str, place: str, variant: str, coarse: int, **more: object) -> dict:
    values = {'fine': 0, 'coarse': coarse, 'fine_accepted': 0, 'coarse_accepted': coarse // 2, 'wrong_accepted': 0}
    return {
        'extractor': extractor, 'set': place, 'map': 'all', 'variant': variant, 'sparse': False, 'bytes': 1000,
        'points': 10, 'queries': 10, 'median_error': 0.1, 'extent': 5.0, 'metric': True, 'inliers': 7, **values, **more,
    }  # fmt: skip


def lines_of(table: str, title: str, first: str) -> list[list[str]]:
    section = table.split(f'## {title}')[1].split('\n## ')[0]
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in section.splitlines() if '|' in line]
    return [cells for cells in rows if cells[0] == first]


def test_means_are_over_the_sets_that_most_extractors_have():
    rows = [row('a', 'fox', 'plain', 10), row('a', 'kitti', 'plain', 0), row('b', 'fox', 'plain', 6)]
    rows.append(row('c', 'kitti', 'plain', 10))
    rows.append(row('d', 'fox', 'plain', 10))
    table = markdown(rows, [], FACTS)
    assert 'Measured: a, b, c, d. Means are over fox;' in table
    assert lines_of(table, 'Coarse recall, mean over the sets', 'c')[0][3] == '-'
    assert 'aliked-n16 (no weights)' in table
    (a,) = lines_of(table, 'Coarse recall, mean over the sets', 'a')
    (b,) = lines_of(table, 'Coarse recall, mean over the sets', 'b')
    assert (a[3], b[3]) == ('100', '60'), 'kitti does not count'
    assert a[4] == '-', 'evening was not measured'
    (gated,) = lines_of(table, 'Coarse recall with the gate', 'b')
    assert gated[1] == '30'


def test_failures_and_false_accepts_are_told():
    rows = [
        row('a', 'fox', 'plain', 10),
        {'extractor': 'a', 'set': 'fox', 'map': 'all', 'variant': 'elsewhere', 'queries': 8, 'false_accepts': 1,
         'most_inliers': 11},
        {'extractor': 'a', 'set': 'fox', 'map': 'budget', 'variant': 'plain', 'error': 'too small'},
    ]  # fmt: skip
    table = markdown(rows, [], FACTS)
    (a,) = lines_of(table, 'Coarse recall, mean over the sets', 'a')
    assert a[-2:] == ['1 of 8', '11']
    assert '* a, fox, budget: too small' in table
    (small,) = lines_of(table, 'Coarse recall of maps of at most 100 kB', 'a')
    assert small[1:3] == ['0', '-'], 'what could not be built is no blank'


def test_names_are_checked():
    assert [entry.label for entry in by_label('xfeat,rootsift')] == ['xfeat', 'rootsift']
    with pytest.raises(ConfigError, match="no extractor 'sift', expected some of rootsift"):
        by_label('sift')
    with pytest.raises(SourceError, match="no set 'mars', expected some of fox"):
        places('mars')


def test_every_place_has_another_one_far_from_it():
    for place in PLACES:
        (other,) = places(place.elsewhere)
        assert other.name != place.name
        if place.photographs is not None and other.photographs is not None:
            assert other.photographs.place != place.photographs.place


def test_missing_weights_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv('NEUMAP_WEIGHTS', str(tmp_path))
    (entry,) = by_label('edgepoint2-T32')
    assert 'T32.pth is missing: github.com/HITCSC/EdgePoint2, weights/, MIT' in entry.missing()
    assert next(e for e in ENTRIES if e.label == 'rootsift').missing() == ''


@dataclass(frozen=True)
class Rendered:
    """The rendered room as a set of photographs."""

    folder: Path

    def open(self, part: str) -> ImageSource:
        return open_poses_json(self.folder, part)


@pytest.mark.slow
def test_a_job_measures_every_variant_and_is_not_run_again(demo_folder, tmp_path, monkeypatch, capsys):
    place = Place('room', 'room', True, Rendered(demo_folder))  # type: ignore[arg-type]
    monkeypatch.setattr(extractor_jobs, 'places', lambda names: [place])
    monkeypatch.setattr(extractors, 'places', lambda names: [place])
    arguments = ['--extractors', 'rootsift', '--sets', 'room', '--queries', '2', '--budget-kb', '60',
                 '--out', str(tmp_path / 'extractors.json')]  # fmt: skip
    extractors.main(arguments)
    result = json.loads((tmp_path / 'extractors.json').read_text())
    rows = result['rows']
    assert {(r['map'], r['variant']) for r in rows} == {
        *((kind, variant) for kind in ('all', 'budget') for variant in VARIANTS), ('all', 'elsewhere')
    }  # fmt: skip
    (plain,) = (r for r in rows if (r['map'], r['variant']) == ('all', 'plain'))
    assert (plain['queries'], plain['coarse'], plain['coarse_accepted'], plain['wrong_accepted']) == (2, 2, 2, 0)
    assert plain['median_error'] < 0.05 and plain['inliers'] > 20
    assert all(r['bytes'] <= 60_000 for r in rows if r['map'] == 'budget' and 'bytes' in r)
    assert '| rootsift |' in (tmp_path / 'extractors.md').read_text()
    capsys.readouterr()
    extractors.main(arguments)
    assert '1 jobs, 1 done before' in capsys.readouterr().out


def test_an_extractor_that_cannot_be_opened_says_why():
    assert 'this version has no extractor' in Entry('future', 'future').missing()


def test_wall_times_of_a_busy_machine_are_left_out():
    times = {'keypoints': 1000, 'wall_ms_1': 77.0, 'cpu_ms_1': 55.0, 'wall_ms_2': 44.0, 'cores': 2}
    rows = [row('a', 'fox', 'plain', 10), row('b', 'fox', 'plain', 10)]
    timings = [{'extractor': 'a', 'load': 0.3, **times}, {'extractor': 'b', 'load': 7.0, **times}]
    table = markdown(rows, timings, FACTS)
    (quiet,), (busy,) = (lines_of(table, 'Time', name) for name in 'ab')
    assert quiet[2:5] == ['77.0', '55.0', '44.0']
    assert busy[2:5] == ['-', '55.0', '-']
