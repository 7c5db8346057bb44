# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Good input: the commands do what they say."""

import json
import subprocess
import sys
import time

import cv2
import pytest

CAMERA = 'PINHOLE,320,240,256,256,160,120'
REASONS = ('few_matches', 'few_inliers', 'ambiguous', 'bad_geometry')


def run_process(*arguments):
    command = [sys.executable, '-m', 'neumap_ros.cli', *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_help_is_quick():
    """Nothing heavy is imported before a command runs."""
    code = (
        'import sys, runpy; sys.argv = ["neumap", "--help"]\n'
        'try:\n    runpy.run_module("neumap_ros.cli", run_name="__main__")\n'
        'except SystemExit as end:\n    assert not end.code\n'
        'heavy = {"torch", "pycolmap", "cv2", "numpy", "scipy"} & set(sys.modules)\n'
        'assert not heavy, heavy\n'
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert 'localize' in done.stdout
    assert time.perf_counter() - start < 5  # 0.3 s on an idle machine


def test_a_sound_map(neumap, random_map):
    result = neumap('map', 'verify', random_map)
    assert (result.exit_code, result.stdout.strip()) == (0, f'map {random_map} is sound')
    result = neumap('map', 'info', random_map)
    assert result.exit_code == 0
    assert '60 points' in result.stdout


def test_a_damaged_map(neumap, random_map):
    (random_map / 'stray').write_text('x')
    path = next((random_map / 'shards').iterdir())
    path.write_bytes(path.read_bytes()[:-1])
    result = neumap('map', 'verify', random_map)
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 2 and all(line.startswith('error: ') for line in lines)
    assert 'truncated' in lines[0] and 'stray' in lines[1]


def test_an_image_that_is_not_localized(neumap, random_map, noise):
    result = neumap('localize', noise, '--map', random_map, '--camera', CAMERA)
    assert result.exit_code == 3
    (line,) = result.stdout.splitlines()
    name, reason = line.split()[:2]
    assert (name, reason in REASONS) == ('noise.png', True)
    assert 'position' not in line


def test_one_broken_image_does_not_stop_the_others(neumap, random_map, noise):
    result = neumap('localize', 'no.png', noise, '--map', random_map, '--camera', CAMERA)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout.startswith('noise.png  ')


def test_json_of_an_image_that_is_not_localized(neumap, random_map, noise):
    result = neumap('localize', noise, noise, '--map', random_map, '--camera', CAMERA, '--json')
    assert result.exit_code == 3
    first, second = map(json.loads, result.stdout.splitlines())
    assert first['image'] == second['image'] == str(noise)
    assert first['position'] is first['covariance'] is None
    assert first['evidence']['keypoints'] > 0


def test_pictures_of_images_of_one_name(neumap, random_map, noise, tmp_path):
    neumap('localize', noise, noise, '--map', random_map, '--camera', CAMERA, '--picture', tmp_path / 'pictures')
    assert sorted(path.name for path in (tmp_path / 'pictures').iterdir()) == ['noise.png', 'noise_2.png']


def test_errors_of_a_real_process(random_map, tmp_path):
    done = run_process('map', 'build', '--dataset', tmp_path / 'nowhere', '--out', tmp_path / 'map')
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith('error: ')
    assert 'Traceback' not in done.stderr + done.stdout


def test_debug_shows_the_traceback(tmp_path):
    done = run_process('--debug', 'map', 'info', tmp_path / 'nowhere')
    assert done.returncode != 0
    assert 'Traceback' in done.stderr and 'there is no map' in done.stderr


def test_a_view_is_localized(neumap, demo_map, demo_folder, tmp_path):
    names = json.loads((demo_folder / 'split.json').read_text())['map'][:2]
    images = [demo_folder / 'images' / name for name in names]
    result = neumap(
        'localize', *images, '--map', demo_map, '--camera', CAMERA, '--json', '--picture', tmp_path / 'pictures'
    )
    assert result.exit_code == 0, result.output
    frames = json.loads((demo_folder / 'poses.json').read_text())['frames']
    for line, frame in zip(result.stdout.splitlines(), frames[:2], strict=True):
        document = json.loads(line)
        assert document['reason'] == 'ok'
        assert document['position'] == pytest.approx([row[3] for row in frame['T_wc'][:3]], abs=0.05)
        assert len(document['covariance']) == 6
    assert cv2.imread(str(tmp_path / 'pictures' / f'{images[0].stem}.png')).shape[1] == 960
    result = neumap('localize', images[0], '--map', demo_map, '--camera', CAMERA)
    assert f'{names[0]}  ok  position ' in result.stdout


def test_build_and_evaluate(neumap, demo_folder, tmp_path):
    built = neumap(
        'map', 'build', '--dataset', demo_folder, '--out', tmp_path / 'map', '--kind', 'pq', '--notes', 'made by a test'
    )
    assert built.exit_code == 0, built.output
    assert 'where the bytes went' in built.stdout
    assert f'neumap localize IMAGE --map {tmp_path / "map"}' in built.stdout
    assert neumap('map', 'verify', tmp_path / 'map').exit_code == 0
    done = neumap('evaluate', '--map', tmp_path / 'map', '--dataset', demo_folder, '--out', tmp_path / 'report')
    assert done.exit_code == 0, done.output
    assert '0.25 m, 2 deg' in done.stdout
    document = json.loads((tmp_path / 'report' / 'run.json').read_text())
    accepted = document['summary']['accepted']
    assert accepted > 0
    assert document['name'] == 'report'
    assert len(list((tmp_path / 'report' / 'pictures').iterdir())) == 4
    assert len((tmp_path / 'report' / 'poses.txt').read_text().splitlines()) == accepted


def test_the_demo_with_photographs(tmp_path, demo_folder):
    import io

    from rich.console import Console

    from neumap_ros.demo.photographs import run_photograph_demo

    console = Console(file=io.StringIO(), width=120, record=True)
    result = run_photograph_demo(console, demo_folder, tmp_path, budget_bytes=None)
    assert any(row.accepted for row in result.attempts)
    text = console.export_text()
    assert 'what next' in text
    for name in ('query_with_inliers.png', 'plan.png', 'evaluation/run.json', 'map/manifest.json'):
        assert (tmp_path / name).is_file()
