# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tables that people read: differences where they are, words where there are none."""

import io

from regression_cases import make_case
from rich.console import Console

from benchmarks.regression.comparison import compare
from benchmarks.regression.results import CaseResult
from benchmarks.regression.tables import changes_sheet, drives_sheet, figures_sheet, markdown_page, times_sheet

NIGHT, DAY, OTHER = 'world-flat/night/100kB', 'world-flat/day/100kB', 'world-flat/elsewhere/100kB'
FACTS = {
    'date': '2026-01-02',
    'commit': 'a' * 40,
    'changed': True,
    'machine': {'processor': 'a 486', 'cores': 2},
    'seconds': 90.0,
}


def runs():
    before = [make_case(NIGHT, [0.01] * 60), make_case(DAY, [0.01] * 60), make_case(OTHER, [None] * 5)]
    after = [
        make_case(NIGHT, [*[0.01] * 30, *[None] * 30]),
        make_case(DAY, [*[0.01] * 59, 3.0]),
        make_case(OTHER, [None] * 5),
        CaseResult('photo-fox/plain/100kB', error='no | images'),
    ]
    return before, after


def cells(sheet, case):
    return dict(zip(sheet.head, next(row for row in sheet.rows if row[0] == case), strict=True))


def test_figures_show_what_differs_from_the_baseline():
    before, after = runs()
    sheet = figures_sheet(after, {case.case: case for case in before}, compare(before, after))
    assert all(len(row) == len(sheet.head) for row in sheet.rows)
    night, day, other = (cells(sheet, name) for name in (NIGHT, DAY, OTHER))
    assert night['5 cm'] == '50.0 (-50.0)'
    assert day['5 cm'] == '98.3 (-1.7)'
    assert day['false'] == '1 (+1)'
    assert night['map kB'] == '100'
    # No pose is right in another place: there is no recall.
    assert (other['5 m'], other['false'], other['median m']) == ('-', '0', '-')
    assert cells(sheet, 'photo-fox/plain/100kB')['queries'] == 'failed'
    assert sheet.colours == ('bold red', '', '', 'bold red')


def test_changes_begin_with_the_worst_and_say_what_is_chance():
    before, after = runs()
    comparison = compare(before, after)
    sheet = changes_sheet(comparison, everything=True)
    first, lost = sheet.rows[0], [row for row in sheet.rows if row[0] == DAY and row[1] == 'recall 5 cm, 5 deg']
    assert first[-1] == 'worse'
    assert first[:5] == (NIGHT, 'recall 5 cm, 5 deg', '100.0 %', '50.0 %', '+0 -30')
    assert lost[0][-1] == 'not more than chance'
    # On the terminal stand the sure ones and the groups.
    short = changes_sheet(comparison, everything=False)
    assert {row[0] for row in short.rows} == {NIGHT, 'all'}


def test_drives_have_a_table_of_their_own():
    name = 'world-flat/drive-day/100kB'
    before = make_case(name, [None, None, 0.01, 0.01, 0.01], robot_m=[None, None, 0.01, 0.01, 0.01])
    after = make_case(name, [None, None, None, 0.01, 0.01], robot_m=[None, None, None, 0.01, 0.7])
    lost = make_case(name, [None] * 5, robot_m=[None] * 5)
    images = make_case(NIGHT, [0.01] * 5)
    sheet = drives_sheet([images, after], {name: before})
    assert len(sheet.rows) == 1
    drive = cells(sheet, name)
    assert drive['first fix s'] == '3.0 (+1.0)'
    assert drive['TF within 0.5 m, 5 deg'] == '20.0 (-40.0)'
    assert (drive['relocalized s'], drive['jumps']) == ('-', '0')
    assert cells(drives_sheet([lost], {}), name)['first fix s'] == 'never'
    assert cells(drives_sheet([after], {name: lost}), name)['first fix s'] == '3.0'
    # Images alone have no such table, and one that failed has no row.
    assert drives_sheet([images, CaseResult(name, error='no bag')], {}).rows == ()


def test_both_looks_have_the_same_cells():
    before, after = runs()
    sheet = figures_sheet(after, {}, compare(before, after))
    page = markdown_page('A title', FACTS, [sheet, times_sheet([])], ['photo-fox failed: no | images'])
    assert page.startswith('# A title\n\n2026-01-02, commit aaaaaaaaaaaa with changes, a 486, 2 cores, 1.5 min.\n')
    assert '* photo-fox failed: no | images' in page
    assert 'beyond the tolerance' not in page  # an empty table is none
    screen = io.StringIO()
    Console(file=screen, width=180).print(sheet.rich())
    for row in sheet.rows:
        assert '| ' + ' | '.join(row) + ' |' in page
        assert all(cell in screen.getvalue() for cell in row)
