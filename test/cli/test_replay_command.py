# SPDX-FileCopyrightText: 2026 neumap_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From posed images to a bag to poses, by the commands."""

import csv
import json
import math
import re

import pytest

from neumap_ros.mapping.sources import open_poses_json
from neumap_ros.mapping.sources.tum import read_tum


@pytest.fixture(scope='module')
def bag(demo_folder, tmp_path_factory):
    from typer.testing import CliRunner

    from neumap_ros.cli import app

    folder = tmp_path_factory.mktemp('bags') / 'drive'
    command = ['bag', 'make', '--dataset', str(demo_folder), '--out', str(folder), '--part', 'map', '--rate', '5']
    result = CliRunner().invoke(app, [*command, '--compressed', '--seed', '3'])
    assert result.exit_code == 0, result.output
    assert '/camera/image/compressed  16' in result.stdout
    assert 'odometry drifts' in result.stdout
    return folder


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_bag_is_replayed_and_judged_the_same_way_twice(neumap, bag, demo_folder, demo_map, tmp_path):
    for name in ('first', 'second'):
        result = neumap('replay', bag, '--map', demo_map, '--out', tmp_path / name)
        assert result.exit_code == 0, result.output
    assert 'camera camera: /camera/image/compressed, /camera/camera_info' in result.stdout
    assert 'error of the base' in result.stdout
    assert 'x confirming: ' in result.stdout
    first, second = tmp_path / 'first', tmp_path / 'second'
    assert {path.name for path in first.iterdir()} == {
        'run.json', 'attempts.csv', 'status.csv', 'timings.csv', 'trajectory.tum', 'robot.tum', 'truth.tum', 'pictures',
    }  # fmt: skip
    pictures = sorted(path.name for path in (first / 'pictures').iterdir())
    assert pictures[0] == '000000.jpg', 'the first attempt waits for confirmation: a missing answer'
    tables = ('attempts.csv', 'status.csv', 'trajectory.tum', 'robot.tum', 'truth.tum')
    for name in (*tables, *(f'pictures/{picture}' for picture in pictures)):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    documents = [json.loads((folder / 'run.json').read_text()) for folder in (first, second)]
    assert [document.pop('name') for document in documents] == ['first', 'second']
    for document in documents:
        document.pop('timings')
    assert documents[0] == documents[1]
    assert documents[0]['summary']['availability']['5 s'] > 0.8
    status = rows(first / 'status.csv')
    assert len(status) == len(rows(first / 'timings.csv')) == len(open_poses_json(demo_folder, 'map')) == 16
    accepted = [row for row in status if row['accepted'] == 'true']
    poses = read_tum(first / 'trajectory.tum')
    assert len(poses) == len(accepted) >= 12
    truth = read_tum(bag / 'ground_truth.tum')
    for time_s, pose in zip(poses.times_s, poses.poses, strict=True):
        assert pose.error_to(truth.at(time_s, 0.01))[0] < 0.05
    errors = [float(row['error_m']) for row in rows(first / 'attempts.csv') if row['accepted'] == 'true']
    assert len(errors) == len(accepted)
    assert max(errors) < 0.05


def test_parameters_and_cameras_are_those_of_the_node(neumap, bag, demo_map, tmp_path):
    params = tmp_path / 'params.yaml'
    params.write_text('localizer: {ros__parameters: {cameras: [front], tracker: {confirmations: 1}}}')
    options = ('--params-file', params, '-p', 'max_rate_hz:=2.5', '--camera', 'top=/camera/image/compressed')
    result = neumap('replay', bag, '--map', demo_map, '--out', tmp_path / 'out', *options, '--ground-truth', 'none')
    assert result.exit_code == 0, result.output
    assert 'camera top: /camera/image/compressed' in result.stdout
    status = rows(tmp_path / 'out' / 'status.csv')
    assert len(status) == 8
    assert status[0]['accepted'] == 'true'
    assert not (tmp_path / 'out' / 'truth.tum').exists()


def test_without_odometry_it_says_so_and_goes_on(neumap, demo_folder, demo_map, tmp_path):
    made = neumap('bag', 'make', '--dataset', demo_folder, '--out', tmp_path / 'bag', '--odometry-rate', 0)
    assert made.exit_code == 0, made.output
    assert 'drifts' not in made.stdout
    result = neumap('replay', tmp_path / 'bag', '--map', demo_map, '-p', 'tracker.confirmations:=1')
    assert result.exit_code == 0, result.output
    assert 'there is no odometry, the replay goes on as with tf_mode map_to_base' in result.stdout
    again = neumap('replay', tmp_path / 'bag', '--map', demo_map, '-p', 'tf_mode:=map_to_base')
    assert 'there is no odometry' not in again.stdout


def test_where_nothing_is_found_the_exit_code_says_so(neumap, bag, random_map):
    result = neumap('replay', bag, '--map', random_map)
    assert result.exit_code == 3, result.output
    assert re.search(r'first fix +none', result.stdout)
    assert '0 accepted' in result.stdout


def test_bad_input_is_one_line(refused, bag, demo_folder, demo_map, tmp_path):
    assert 'there is no bag' in refused('replay', tmp_path / 'none', '--map', demo_map)
    assert str(tmp_path / 'nowhere') in refused('replay', bag, '--map', tmp_path / 'nowhere')
    assert 'NAME=/topic' in refused('replay', bag, '--map', demo_map, '--camera', 'front')
    assert 'no images on /front' in refused('replay', bag, '--map', demo_map, '--camera', 'front=/front')
    assert 'twice' in refused('replay', bag, '--map', demo_map, '--camera', 'a=/b', '--camera', 'a=/c')
    assert 'no poses on /pose' in refused('replay', bag, '--map', demo_map, '--ground-truth', '/pose')
    assert 'unknown parameter' in refused('replay', bag, '--map', demo_map, '-p', 'speed:=1')
    assert 'exists already' in refused('bag', 'make', '--dataset', demo_folder, '--out', bag)
    assert 'expected one source' in refused('bag', 'make', '--bag', bag, '--dataset', bag, '--out', tmp_path / 'b')
    assert 'the drift' in refused('bag', 'make', '--dataset', demo_folder, '--out', tmp_path / 'b', '--drift-m', -1)
    assert not (tmp_path / 'b').exists()


def test_every_source_can_become_a_bag(neumap, bag, tmp_path):
    """Of a recording, too: its images become grey, its poses stay."""
    options = ('--bag', bag, '--pose', '/ground_truth.base_link', '--every', 4)
    result = neumap('bag', 'make', *options, '--out', tmp_path / 'again', '--storage', 'sqlite3')
    assert result.exit_code == 0, result.output
    first, again = read_tum(bag / 'ground_truth.tum'), read_tum(tmp_path / 'again' / 'ground_truth.tum')
    assert again.times_s == pytest.approx(first.times_s[::4], abs=1e-6)
    for pose, true in zip(again.poses, first.poses[::4], strict=True):
        distance, angle_deg = pose.error_to(true)
        assert distance < 1e-9
        assert angle_deg < 1e-6


def test_a_map_is_published_and_replayed_from_its_repository(neumap, refused, bag, demo_map, tmp_path):
    repository = tmp_path / 'repository'
    result = neumap('map', 'publish', demo_map, '--repository', repository)
    assert result.exit_code == 0, result.output
    assert 'revision 1 of map ' in result.stdout
    assert 'nothing to publish' in refused('map', 'publish', demo_map, '--repository', repository)
    assert neumap('map', 'verify', repository / '000001').exit_code == 0
    replayed = neumap('replay', bag, '--map', repository, '-p', 'max_rate_hz:=1.0')
    assert replayed.exit_code == 0, replayed.output


def test_stamps_do_not_suffer_from_floating_point(bag, neumap, demo_map, tmp_path):
    neumap('replay', bag, '--map', demo_map, '--out', tmp_path / 'out', '-p', 'max_rate_hz:=2.5')
    stamps = [row['stamp'] for row in rows(tmp_path / 'out' / 'status.csv')]
    assert stamps[:2] == ['1700000000.000000000', '1700000000.400000000']
    assert not any(math.isnan(float(stamp)) for stamp in stamps)


def test_labels_name_and_pictures(neumap, refused, bag, demo_map, tmp_path):
    options = ('--label', 'condition=night', '--label', 'seed=7', '--name', 'night drive', '--pictures', 0)
    result = neumap('replay', bag, '--map', demo_map, '--out', tmp_path / 'out', '-p', 'max_rate_hz:=1.0', *options)
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / 'out' / 'run.json').read_text())
    assert (document['name'], document['labels']) == ('night drive', {'condition': 'night', 'seed': '7'})
    assert list(document['per_condition']) == ['night']
    assert {row['condition'] for row in rows(tmp_path / 'out' / 'attempts.csv')} == {'night'}
    assert not (tmp_path / 'out' / 'pictures').exists()
    assert 'expected key=value' in refused('replay', bag, '--map', demo_map, '--label', 'night')


def test_a_truth_of_another_time_is_pointed_out(neumap, bag, demo_map, tmp_path):
    lines = [line.split() for line in (bag / 'ground_truth.tum').read_text().splitlines()]
    moved = [' '.join([str(float(line[0]) - 1e6), *line[1:]]) for line in lines]
    (tmp_path / 'old.tum').write_text('\n'.join(moved) + '\n')
    options = ('--ground-truth', tmp_path / 'old.tum', '-p', 'max_rate_hz:=1.0')
    result = neumap('replay', bag, '--map', demo_map, *options)
    assert result.exit_code == 0, result.output
    assert 'Note: the ground truth has no pose at any of the' in result.stdout
