# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
import io

import pytest
import typer
from rich.console import Console

from neumap_ros.cli.console import build_tables, format_bytes, one_line_errors, parse_bytes, stage_bars
from neumap_ros.errors import ConfigError, MapError


@pytest.mark.parametrize(
    ('text', 'expected'),
    [('30kB', 30_000), ('1MB', 10**6), ('250000', 250_000), ('64KiB', 65_536), ('1.5 mb', 1_500_000), ('7B', 7)],
)
def test_sizes(text, expected):
    assert parse_bytes(text) == expected


@pytest.mark.parametrize('text', ['', 'many', '-5kB', '0', '0.2', '5 bananas', '1e6', 'nan', '5k B'])
def test_bad_sizes(text):
    with pytest.raises(ConfigError, match='expected a positive number of bytes'):
        parse_bytes(text)


def test_sizes_for_people():
    assert [format_bytes(n) for n in (12, 1500, 248_300, 5_000_000)] == ['12 B', '1.5 kB', '248.3 kB', '5.0 MB']


@pytest.mark.parametrize(('error', 'code'), [(MapError('two\nlines'), 2), (KeyboardInterrupt(), 130)])
def test_errors_become_one_line(error, code, capsys):
    with pytest.raises(typer.Exit) as caught, one_line_errors():
        raise error
    assert caught.value.exit_code == code
    assert len(capsys.readouterr().err.splitlines()) == 1
    with pytest.raises(type(error)), one_line_errors(debug=True):
        raise error


def test_other_errors_are_not_hidden():
    with pytest.raises(ZeroDivisionError), one_line_errors():
        raise ZeroDivisionError


def test_bars():
    output = io.StringIO()
    with stage_bars(Console(file=output, width=100)) as progress:
        progress('features [1]', 1, 4)
        progress('tracks', 2, 2)
        progress('features [1]', 4, 4)
    text = output.getvalue()
    assert 'features [1]' in text and '4/4' in text and '2/2' in text


def test_where_the_bytes_went():
    from neumap_ros.mapping.build import BuildReport

    candidates = [{'parts': 4, 'recall': 0.98765, 'bytes': 123456}, {'parts': 8, 'chosen': True}]
    report = BuildReport(None, 4000, {'codes': 3000, 'xyz': 1000}, {}, 5, 100, 90, candidates)
    console = Console(file=io.StringIO(), width=100, record=True)
    console.print(*build_tables(report))
    text = console.export_text()
    for word in ('codes', '3,000', '75.0%', 'all files', '4,000', '0.9877', '123,456', 'True'):
        assert word in text
