# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The page about runs, as far as it can be judged without a browser."""

import base64
import dataclasses
import gzip
import json
import re
import sys
from html.parser import HTMLParser

import numpy as np
import plotly.graph_objects
import pytest
from report_runs import drive, write_drive

from neumap_ros.errors import ConfigError, SourceError
from neumap_ros.evaluation.html.gallery import small_picture
from neumap_ros.evaluation.html.page import page, write_page
from neumap_ros.evaluation.html.view import make_views, read_views

EVIL = '<img src=x onerror="boom()"></script><script>boom()</script>{{7*7}} %{x} & --false'
VOID = {'meta', 'link', 'img', 'input', 'br', 'line'}


class Tags(HTMLParser):
    """Checks that tags are closed in order, and collects them."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.wrong, self.text = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] not in ('script', 'style'):
            self.text.append(data)

    def words(self):
        return ' '.join(' '.join(self.text).split())

    def all(self, name, attribute):
        return [attrs[attribute] for tag, attrs in self.tags if tag == name and attribute in attrs]


def payload_of(html):
    packed = re.search(r'id="payload">([^<]*)<', html)[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def views_of(*fields, folder):
    runs = [drive(seed, **some)[0] for seed, some in enumerate(fields)]
    return make_views(runs, [folder] * len(runs))


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp('runs')
    return [
        write_drive(folder / 'good', 0, name='good', false=0, pictures=3),
        write_drive(folder / 'bad', 1, name='bad', false=4, sigma_m=0.06, missing=0.3, pictures=20),
    ]


@pytest.fixture(scope='module')
def html(folders, tmp_path_factory):
    out = tmp_path_factory.mktemp('page') / 'report.html'
    write_page(folders, out)
    return out.read_text()


def test_the_page_parses_and_its_anchors_lead_somewhere(html):
    tags = Tags(html)
    assert (tags.wrong, tags.open) == ([], [])
    ids = [attrs['id'] for _, attrs in tags.tags if 'id' in attrs]
    assert len(ids) == len(set(ids))
    anchors = [target[1:] for target in tags.all('a', 'href')]
    assert len(anchors) >= 10
    assert set(anchors) <= set(ids)


def test_nothing_is_fetched_from_anywhere(html):
    tags = Tags(html)
    targets = tags.all('img', 'src') + tags.all('script', 'src') + tags.all('link', 'href') + tags.all('a', 'href')
    assert all(target.startswith(('#', 'data:')) for target in targets)
    unpacked = re.sub(r'<script type="application/gzip".*?</script>', '', html, flags=re.DOTALL)
    assert not re.search(r'https?://|url\(|@import|//[a-z]+\.', unpacked)
    (policy,) = [attrs['content'] for _, attrs in tags.tags if attrs.get('http-equiv') == 'Content-Security-Policy']
    assert "default-src 'none'" in policy
    assert 'http' not in policy


def test_the_same_runs_give_the_same_bytes(folders, html, tmp_path):
    write_page(folders, tmp_path / 'again.html')
    assert (tmp_path / 'again.html').read_text() == html


def test_every_attempt_is_in_the_page(folders, html):
    payload = payload_of(html)
    for view, one in zip(read_views(folders), payload['runs'], strict=True):
        columns = one['columns']
        assert one['count'] == len(view.attempts) == 240
        assert columns['name'] == [row.name for row in view.attempts]
        assert columns['stamp_ns'] == [str(row.stamp_ns) for row in view.attempts]
        assert columns['reason'] == [row.reason for row in view.attempts]
        for key in ('error_m', 'error_deg'):
            expected = [getattr(row, key) if row.accepted else np.nan for row in view.attempts]
            assert np.allclose(np.array(columns[key], dtype=float), expected, rtol=1e-5, equal_nan=True)
        for axis, key in enumerate(('x', 'y', 'z')):
            expected = [row.truth.translation_3[axis] for row in view.attempts]
            assert np.allclose(columns[f'truth_{key}'], expected, atol=1e-6)


def test_pictures_travel_inside_and_have_a_text(html):
    tags = Tags(html)
    pictures = [attrs for tag, attrs in tags.tags if tag == 'img' and attrs.get('src')]
    assert len(pictures) == 3 + 12
    assert all(attrs['src'].startswith('data:image/jpeg;base64,') and attrs['alt'] for attrs in pictures)
    assert all(len(attrs['src']) < 150_000 for attrs in pictures)


def test_charts_have_a_text_for_those_who_do_not_see_them(html):
    payload, tags = payload_of(html), Tags(html)
    texts = {attrs['id']: attrs['aria-label'] for _, attrs in tags.tags if attrs.get('class') == 'plot'}
    assert set(texts) == set(payload['figures'])
    assert all(len(text) > 40 for text in texts.values())
    assert '4 false fixes' in texts['map-1']


def test_charts_are_what_plotly_knows(html):
    """Its own validators refuse unknown properties and values; colours are variables of the page."""
    figures = payload_of(html)['figures']
    assert {'map-0', 'map-1', 'errors-over-time', 'recall-distance', 'coverage', 'sigmas', 'latency'} <= set(figures)
    for figure in figures.values():
        text = re.sub(r'"--[a-z0-9-]+(/[0-9.]+)?"', '"#123456"', json.dumps(figure))
        known = json.loads(text)
        plotly.graph_objects.Figure(known['data'], known['layout'])


def test_every_colour_is_defined(html):
    style = re.search(r'<style>(.*?)</style>', html, re.DOTALL)[1]
    used = set(re.findall(r'"(--[a-z0-9-]+)(?:/[0-9.]+)?"', json.dumps(payload_of(html)['figures'])))
    used |= set(re.findall(r'var\((--[a-z0-9-]+)\)', html))
    assert used <= set(re.findall(r'(--[a-z0-9-]+):', style))
    dark = re.findall(
        r'(--[a-z0-9-]+: #[0-9a-f]+);', re.search(r'@media \(prefers-color-scheme: dark\).*?\n}', style, re.DOTALL)[0]
    )
    chosen = re.findall(
        r'(--[a-z0-9-]+: #[0-9a-f]+);', re.search(r':root\[data-theme="dark"\] .*?\n}', style, re.DOTALL)[0]
    )
    assert dark == chosen


def test_names_are_text_and_nothing_else(tmp_path):
    run, _ = drive(
        0, name=EVIL, source=EVIL, labels={EVIL: EVIL}, settings={EVIL: {EVIL: EVIL}}, notes=(EVIL,), count=40
    )
    rows = tuple(dataclasses.replace(row, name=f'{EVIL}{index}', detail=EVIL) for index, row in enumerate(run.attempts))
    run = dataclasses.replace(run, attempts=rows)
    html = page(make_views([run, run], [tmp_path] * 2), EVIL)
    tags = Tags(html)
    assert (tags.wrong, tags.open) == ([], [])
    assert [attrs for tag, attrs in tags.tags if tag == 'img' and attrs.get('src') == 'x'] == []
    assert all('onerror' not in attrs for _, attrs in tags.tags)
    scripts = [attrs for tag, attrs in tags.tags if tag == 'script']
    assert len(scripts) == 3
    assert '{{7*7}}' in tags.words()
    for figure in payload_of(html)['figures'].values():
        assert '<img' not in json.dumps(figure)
        templates = [trace.get('hovertemplate', '') for trace in figure['data']]
        assert all('boom' not in template for template in templates)


def test_a_long_run_stays_small_and_says_what_it_leaves_out(tmp_path):
    (view,) = views_of({'count': 9000, 'false': 60, 'missing': 0.1}, folder=tmp_path)
    html = page([view])
    assert len(html) < 4_000_000
    payload = payload_of(html)
    assert len(payload['runs'][0]['columns']['name']) == 9000
    drawn = {key: sum(len(trace['x']) for trace in figure['data']) for key, figure in payload['figures'].items()}
    assert max(drawn.values()) < 12_000
    false = set(np.flatnonzero(view.false_N).tolist())
    assert len(false) == 60
    for key in ('map-0', 'errors-over-time'):
        shown = {index for trace in payload['figures'][key]['data'] for index in trace.get('customdata', [])}
        assert false <= shown
    assert re.search(r'Drawn are [\d,]+ of [\d,]+ attempts', Tags(html).words())


def test_a_run_without_truth_says_so_and_invents_nothing(tmp_path):
    html = page(views_of({'truth': False, 'name': 'blind'}, folder=tmp_path))
    text, figures = Tags(html).words(), payload_of(html)['figures']
    assert 'No true pose is known' in text
    assert 'no ground truth' in text
    assert 'recall at' not in text
    assert 'false fixes' not in ' '.join(Tags(html).all('th', 'scope'))
    assert not {'recall-distance', 'recall-angle', 'coverage', 'sigmas'} & set(figures)
    assert {'map-0', 'errors-over-time', 'latency'} <= set(figures)
    assert not re.search(r'\bnan\b', text, re.IGNORECASE)


def test_a_run_without_a_single_pose(tmp_path):
    views = views_of({'missing': 100.0, 'false': 0, 'name': 'lost'}, {'false': 0, 'name': 'found'}, folder=tmp_path)
    html = page(views)
    text = Tags(html).words()
    assert 'None of 240 images was localized.' in text
    assert 'found' in text
    row = re.search(r'<span title="Accepted poses worse[^>]*>false fixes.*?</tr>', html, re.DOTALL)[0]
    assert 'class="best"' not in row


def test_images_without_stamps_have_no_time(tmp_path):
    views = views_of(
        {'stamps': False, 'robot': False, 'floor': (), 'body': 'camera', 'count': 14, 'false': 0}, folder=tmp_path
    )
    html = page(views)
    text = Tags(html).words()
    assert 'pose not older than' not in text
    assert 'few images' in text
    assert payload_of(html)['figures']['errors-over-time']['layout']['xaxis']['title']['text'] == 'image, in order'


def test_maps_without_metres_have_bounds_that_are_fractions(tmp_path):
    text = Tags(page(views_of({'metric': False, 'extent': 22.0, 'false': 0}, folder=tmp_path))).words()
    assert 'arbitrary scale' in text
    assert 'recall at 1 %, 5 deg' in text
    assert re.search(r'\d cm', text) is None


def test_conditions_and_revisions_have_their_tables(html):
    tags = Tags(html)
    assert 'Per condition' in tags.words()
    assert 'Per revision' in tags.words()
    for name in ('day', 'night', '17', '18'):
        assert re.search(rf'<th scope="row">{name}</th>', html)


def test_provenance_and_settings(html):
    text = Tags(html).words()
    assert 'ab' * 32 in text
    assert 'search.radius_px' in text
    assert 'bag night_2' in text
    assert 'neumap_ros' in text


def test_settings_that_differ_come_first(tmp_path):
    html = page(views_of({'settings': {'a': 1, 'z': 1}}, {'settings': {'a': 1, 'z': 2}}, folder=tmp_path))
    assert html.index('<th scope="row">z</th>') < html.index('<th scope="row">a</th>')


def test_runs_of_one_name_are_told_apart(tmp_path):
    views = views_of({}, {}, folder=tmp_path)
    assert [view.label for view in views] == ['drive', 'drive (2)']


@pytest.mark.parametrize('name', ['../secret.jpg', '/etc/passwd', 'pictures/none.jpg', 'pictures'])
def test_no_picture_is_read_from_outside_the_run(tmp_path, name):
    (tmp_path / 'run' / 'pictures').mkdir(parents=True)
    _, pictures = drive(0, pictures=1)
    (tmp_path / 'secret.jpg').write_bytes(next(iter(pictures.values())))
    assert small_picture(tmp_path / 'run', name) is None
    assert small_picture(tmp_path, 'secret.jpg') is not None


@pytest.mark.parametrize('content', [b'', b'no picture'])
def test_a_broken_picture_is_left_out(tmp_path, content):
    folder = write_drive(tmp_path / 'run', 0, pictures=2)
    first, _ = sorted((folder / 'pictures').iterdir())
    first.write_bytes(content)
    assert len(Tags(page(read_views([folder]))).all('button', 'aria-label')) == 2  # one picture, and the viewer


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r'is no run'):
        write_page([tmp_path], tmp_path / 'report.html')
    assert not (tmp_path / 'report.html').exists()


def test_too_many_runs_are_refused(tmp_path):
    views = views_of({'count': 5}, folder=tmp_path)
    with pytest.raises(ConfigError, match='13 runs, expected 1 to 12'):
        page(views * 13)


def test_without_plotly_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'plotly.offline', None)
    with pytest.raises(ConfigError, match=r"pip install 'neumap_ros\[report\]'"):
        page(views_of({'count': 5}, folder=tmp_path))
