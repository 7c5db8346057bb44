# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The page about runs in a real browser: charts, table, themes, paper, narrow windows, names that try to break out."""

import dataclasses
import json

import browser
import cv2
import numpy as np
import pytest
from report_runs import drive, write_drive

from neumap_ros.evaluation.html.page import page, write_page
from neumap_ros.evaluation.html.view import make_views, read_views

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.find() is None, reason='no Chromium on this machine: apt install chromium'),
]

EVIL = '<img src=x onerror="boom()"></script><script>boom()</script>{{7*7}} %{x} --false'
DRAWN = """
const plots = [...document.querySelectorAll('.plot')];
const svg = (plot) => plot.querySelector('.main-svg');
return {
  state: document.documentElement.dataset.ready,
  trouble: !document.getElementById('trouble').hidden,
  plots: plots.length,
  empty: plots.filter((plot) => !svg(plot) || !svg(plot).querySelector('.trace, .point, path')).map((plot) => plot.id),
  wide: plots.filter((plot) => svg(plot) && svg(plot).getBoundingClientRect().width > plot.clientWidth + 1).length,
  overflow: document.documentElement.scrollWidth - innerWidth,
  text: getComputedStyle(svg(plots[0]).querySelector('.xtick text')).fill,
  background: getComputedStyle(document.body).backgroundColor,
  buttons: [...document.querySelectorAll('.modebar-btn')].map((button) => button.getAttribute('data-title')),
  owned: window.owned === true,
};
"""


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp('runs')
    return [
        write_drive(folder / 'good', 0, name='good', false=0, pictures=3),
        write_drive(folder / 'bad', 1, name='bad', false=4, sigma_m=0.06, missing=0.3, pictures=60),
    ]


@pytest.fixture(scope='module')
def report(folders, tmp_path_factory):
    path = tmp_path_factory.mktemp('page') / 'report.html'
    write_page(folders, path)
    return path


def test_all_charts_are_drawn_and_nobody_is_called(report, tmp_path):
    seen = browser.visit(report, DRAWN, tmp_path)
    assert seen.complaints == []
    assert (seen.value['state'], seen.value['trouble'], seen.value['empty']) == ('true', False, [])
    assert seen.value['plots'] == 9
    assert (seen.value['wide'], seen.value['overflow']) == (0, 0)
    assert seen.value['text'] == 'rgb(27, 31, 36)'
    assert seen.value['background'] == 'rgb(246, 247, 249)'
    assert not [title for title in seen.value['buttons'] if 'hare' in title or 'loud' in title]


def test_a_phone_in_the_dark(report, tmp_path):
    seen = browser.visit(report, DRAWN, tmp_path, '--blink-settings=preferredColorScheme=0', size=(500, 900))
    assert seen.complaints == []
    assert (seen.value['empty'], seen.value['wide'], seen.value['overflow']) == ([], 0, 0)
    assert seen.value['text'] == 'rgb(230, 233, 237)'
    assert seen.value['background'] == 'rgb(16, 20, 24)'


def test_the_table_of_attempts_filters_sorts_and_saves(report, folders, tmp_path):
    bad = read_views(folders)[1]
    script = """
    const form = document.getElementById('filter');
    const texts = (row) => [...row.cells].map((cell) => cell.textContent);
    const body = () => [...document.querySelectorAll('#table tbody tr')].map(texts);
    const set = (field, value) => {
      form[field].value = value;
      form[field].dispatchEvent(new Event('input', {bubbles: true}));
    };
    const head = () => [...document.querySelectorAll('#table th')].map((cell) => cell.textContent);
    const count = () => document.getElementById('count').textContent;
    const result = {first: body().length, all: count()};
    document.getElementById('more').click();
    result.more = body().length;
    set('run', '1');
    set('outcome', 'false');
    result.false = body().map((row) => row[0]);
    set('outcome', 'failed');
    result.failed = count();
    set('outcome', '=few_inliers');
    result.few = count();
    set('outcome', '');
    const error = head().findIndex((text) => text.startsWith('error'));
    document.querySelectorAll('#table th')[error].click();
    result.worst = body()[0][0];
    set('text', '000017');
    result.named = body().map((row) => row[0]);
    let saved;
    URL.createObjectURL = (blob) => { saved = blob; return 'blob:nothing'; };
    HTMLAnchorElement.prototype.click = function () { result.file = this.download; };
    document.getElementById('save').click();
    result.csv = await saved.text();
    return result;
    """
    value = browser.visit(report, script, tmp_path).value
    names = [row.name for row in bad.attempts]
    false = [name for name, wrong in zip(names, bad.false_N, strict=True) if wrong]
    failed = int((bad.false_N | ~bad.accepted_N).sum())
    assert (value['first'], value['all'], value['more']) == (50, '240 attempts', 240)
    assert value['false'] == false
    assert value['failed'] == f'{failed} attempts'
    assert value['few'] == f'{sum(row.reason == "few_inliers" for row in bad.attempts)} attempts'
    assert value['worst'] == names[int(np.where(bad.accepted_N, bad.error_N, 0).argmax())]
    assert value['named'] == ['front/000017.jpg']
    lines = value['csv'].splitlines()
    assert value['file'] == 'bad.csv'
    assert len(lines) == 241
    assert lines[0].startswith('name,stamp_ns,')
    assert lines[1].split(',')[:2] == [names[0], str(bad.attempts[0].stamp_ns)]


def test_runs_are_hidden_and_shown_everywhere(report, tmp_path):
    script = """
    const drawn = (id) => document.getElementById(id).data.filter((trace) => trace.visible !== false).length;
    const all = () => [...document.querySelectorAll('[data-run-card="1"]')];
    const cards = () => all().filter((card) => card.offsetParent).length;
    const counts = () => [drawn('recall-distance'), drawn('errors-over-time'), cards()];
    const before = counts();
    document.querySelector('.chip[data-run="1"]').click();
    await settled();
    const hidden = counts();
    document.querySelectorAll('.chip[data-run="1"]')[1].click();
    await settled();
    return [before, hidden, counts()];
    """
    before, hidden, again = browser.visit(report, script, tmp_path).value
    assert again == before
    assert hidden[2] == 0 < before[2]
    assert all(0 < less < more for less, more in zip(hidden[:2], before[:2], strict=True))


def test_an_attempt_is_marked_in_the_other_charts_and_a_click_leads_to_its_picture(report, folders, tmp_path):
    bad = read_views(folders)[1]
    false = int(np.flatnonzero(bad.false_N)[0])
    plain = next(index for index, row in enumerate(bad.attempts) if row.accepted and not row.picture)
    script = f"""
    const map = document.getElementById('map-1'), time = document.getElementById('errors-over-time');
    const at = (attempt) => {{
      const curveNumber = map.data.findIndex((trace) => trace.customdata && trace.customdata.includes(attempt));
      return {{curveNumber, pointNumber: map.data[curveNumber].customdata.indexOf(attempt)}};
    }};
    const mark = [...map.querySelectorAll('.trace.scatter')].at(-1).querySelector('.point').getBoundingClientRect();
    const mouse = {{clientX: mark.x + mark.width / 2, clientY: mark.y + mark.height / 2, bubbles: true}};
    map.querySelector('.nsewdrag').dispatchEvent(new MouseEvent('mousemove', mouse));
    await settled();
    const result = {{hover: [map, time].map((chart) => chart.querySelector('.hoverlayer').textContent)}};
    const click = (attempt) => {{
      const point = at(attempt);
      map.emit('plotly_click', {{points: [{{data: map.data[point.curveNumber], customdata: attempt}}]}});
    }};
    click({false});
    result.found = [...document.querySelectorAll('figure.found')].map((figure) => figure.id);
    click({plain});
    result.row = document.querySelector('#table tr.found').cells[0].textContent;
    document.querySelector('.zoom').click();
    result.viewer = document.getElementById('viewer').open;
    Plotly.relayout(map, {{'xaxis.range[0]': 1, 'xaxis.range[1]': 7}});
    await settled();
    result.zoom = document.getElementById('map-0').layout.xaxis.range.map(Math.round);
    return result;
    """
    value = browser.visit(report, script, tmp_path).value
    assert all(bad.attempts[false].name in text for text in value['hover'])
    assert value['found'] == [f'shot-1-{false}']
    assert value['row'] == bad.attempts[plain].name
    assert value['viewer'] is True
    assert value['zoom'] == [1, 7]


def test_names_cannot_run_as_code(tmp_path):
    run, _ = drive(0, name=EVIL, source=EVIL, settings={EVIL: EVIL}, notes=(EVIL,), count=40)
    rows = tuple(dataclasses.replace(row, name=f'{EVIL}{index}', detail=EVIL) for index, row in enumerate(run.attempts))
    run = dataclasses.replace(run, attempts=rows)
    path = tmp_path / 'evil.html'
    html = page(make_views([run, run], [tmp_path] * 2), EVIL)
    path.write_text(html.replace('<head>', '<head><script>window.boom = () => { window.owned = true; };</script>'))
    script = f"""
    const map = document.getElementById('map-0');
    const curveNumber = map.data.findIndex((trace) => trace.customdata);
    Plotly.Fx.hover(map, [{{curveNumber, pointNumber: 0}}]);
    await settled();
    const hover = map.querySelector('.hoverlayer').textContent;
    const title = document.title;
    const cell = document.querySelector('#table tbody td').textContent;
    const values = (() => {{ {DRAWN} }})();
    return {{hover, title, cell, ...values}};
    """
    seen = browser.visit(path, script, tmp_path)
    assert seen.complaints == []
    assert (seen.value['owned'], seen.value['trouble']) == (False, False)
    assert seen.value['title'] == ' '.join(EVIL.split())
    assert seen.value['cell'] == f'{EVIL}0'
    assert '<img src=x' in seen.value['hover']


@pytest.mark.parametrize(
    'fields',
    [
        {'truth': False},
        {'missing': 100.0, 'false': 0},
        {'stamps': False, 'robot': False, 'floor': (), 'body': 'camera', 'count': 3, 'false': 0},
        {'count': 1, 'false': 0, 'missing': 0.0},
        {'count': 6000, 'false': 50},
    ],
    ids=['no truth', 'no pose', 'three images', 'one image', 'a long drive'],
)
def test_odd_runs_are_drawn(fields, tmp_path):
    run, _ = drive(0, **fields)
    path = tmp_path / 'odd.html'
    path.write_text(page(make_views([run], [tmp_path])))
    seen = browser.visit(path, DRAWN, tmp_path)
    assert seen.complaints == []
    assert (seen.value['state'], seen.value['trouble'], seen.value['empty']) == ('true', False, [])


def test_it_prints(report, tmp_path):
    browser.run(report, tmp_path, f'--print-to-pdf={tmp_path / "report.pdf"}', '--no-pdf-header-footer')
    data = (tmp_path / 'report.pdf').read_bytes()
    assert data.startswith(b'%PDF')
    assert 3 <= data.count(b'/Type /Page\n') + data.count(b'/Type /Page ') + data.count(b'/Type /Page/') <= 40


def test_the_picture_of_the_page_shows_both_runs(report, tmp_path):
    browser.run(report, tmp_path, f'--screenshot={tmp_path / "report.png"}', '--window-size=1280,3000')
    picture = cv2.imread(str(tmp_path / 'report.png')).astype(int)
    style = json.dumps(report.read_text())
    for name, blue_green_red in (
        ('--run-0', (0xB2, 0x72, 0x00)),
        ('--run-1', (0x00, 0x5E, 0xD5)),
        ('--false', (0x00, 0x2C, 0xD0)),
    ):
        assert f'{name}: #' in style
        assert (np.abs(picture - blue_green_red).max(axis=2) < 12).sum() > 30, name
