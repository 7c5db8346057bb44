# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""``neumap world make``."""

import pytest
from typer.testing import CliRunner

from neumap_ros.cli import app
from neumap_ros.mapping.sources import open_poses_json

SMALL = ['--seed', '3', '--size', '8x6', '--image-size', '96x72', '--workers', '1', '--condition', 'lamps']


def run(*words):
    return CliRunner().invoke(app, ['world', 'make', *map(str, words)])


@pytest.fixture(scope='module', autouse=True)
def _ray_caster():
    pytest.importorskip('embreex', reason='the ray caster of simulated worlds is an optional dependency')


@pytest.mark.slow
def test_a_mapping_drive_and_a_query_drive_as_folders(tmp_path, monkeypatch):
    monkeypatch.setenv('NEUMAP_WORLD_CACHE', str(tmp_path / 'cache'))
    done = run(*SMALL, '--out', tmp_path / 'map', '--rate', 2, '--spacing', 1.5)
    assert done.exit_code == 0, done.output
    assert 'neumap map build --dataset' in done.output
    count = len(open_poses_json(tmp_path / 'map', 'map'))
    assert f'{count} images of 1 camera' in done.output
    asked = run(*SMALL, '--out', tmp_path / 'query', '--drive', 'query', '--length', 2, '--rate', 0.5, '--fisheye')
    assert asked.exit_code == 0, asked.output
    query = open_poses_json(tmp_path / 'query', 'query')
    assert query.images[0].camera.model == 'OPENCV_FISHEYE'
    # Again: taken from the cache; and once more: it is there.
    for _ in range(2):
        again = run(*SMALL, '--out', tmp_path / 'copy', '--rate', 2, '--spacing', 1.5, '--cache', tmp_path / 'cache')
        assert again.exit_code == 0, again.output
    first = [path.read_bytes() for path in sorted((tmp_path / 'map' / 'images').iterdir())]
    assert first == [path.read_bytes() for path in sorted((tmp_path / 'copy' / 'images').iterdir())]


def test_a_bag(tmp_path):
    words = ('--drive', 'query', '--length', 2, '--rate', 0.5, '--kidnap', 1, '--without', 'noise, dirt')
    done = run(*SMALL, '--out', tmp_path / 'bag', '--bag', *words)
    assert done.exit_code == 0, done.output
    assert 'Next: neumap replay' in done.output and '/imu' in done.output
    assert (tmp_path / 'bag' / 'metadata.yaml').is_file()
    assert '"noise": false' in (tmp_path / 'bag' / 'world.json').read_text()


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('--size', 'large'), "--size is 'large', expected width x height such as 30x20"),
        (('--image-size', '320.5x240'), 'expected width x height such as 320x240'),
        (('--without', 'fog'), "--without is 'fog', expected some of auto-exposure"),
        (('--size', '2x2'), 'expected at least 6 x 6'),
        (('--kidnap', '1'), 'make a query drive'),
        (('--cameras', 'front,top'), 'expected different ones of front'),
        (('--seed', '-1'), 'expected both at least 0'),
        (('--rate', '0'), 'images per second'),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, words, message):
    done = run(*SMALL, '--out', tmp_path / 'out', *words)
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith('error: ') and message in line
    assert not list(tmp_path.iterdir())
